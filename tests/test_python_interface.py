"""What a program, an editor or `help` sees of the public names, and what a wrong call is told."""

import inspect
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import deepisp
from deepisp.cli.demo import simulate
from deepisp.develop import pipeline
from deepisp.picture.dng import write_dng

RAW = simulate(np.full((32, 48, 3), 128, np.uint8), seed=1)


def test_develop_shows_the_verbs_signature_and_docstring() -> None:
    seen = inspect.signature(deepisp.develop)
    assert list(seen.parameters)[:4] == ["source", "settings", "device", "threads"]
    assert seen == inspect.signature(pipeline.develop)
    assert inspect.getdoc(deepisp.develop) == inspect.getdoc(pipeline.develop)
    assert deepisp.develop.levels  # and is the package all the same


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: deepisp.develop(RAW, "6500"), "settings must be deepisp.Settings, got str; .* as wb=6500"),
        (lambda: deepisp.develop(RAW, {"wb": 6500}), "settings must be deepisp.Settings, got dict"),
        (lambda: deepisp.develop(RAW.mosaic), "a file must be a path, got ndarray; .*deepisp.RawImage"),
        (lambda: deepisp.develop(RAW, limits=3), "limits must be deepisp.Limits, got int 3"),
        (lambda: deepisp.read(RAW.mosaic), "a file must be a path, got ndarray"),
        (lambda: deepisp.read(b"a.dng"), "a file must be a path, got bytes"),
        (lambda: deepisp.read("a.dng", limits=3), "limits must be deepisp.Limits, got int 3; write Limits"),
        (lambda: deepisp.read("a.dng", layout={"cfa": "W"}), "layout must be deepisp.Layout or .*, got dict"),
    ],
)
def test_an_argument_of_another_type_is_told_what_would_do(call, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call()


def test_a_misspelt_setting_is_told_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"^evv: no such name; known names: wb, [^\n]*$"):
        deepisp.develop(RAW, evv=1)


def test_a_white_balance_of_numbers_is_that_of_the_command_line() -> None:
    for numbers, words in ((5200, "5200"), ((2, 1, 1.6), "2,1,1.6")):
        np.testing.assert_array_equal(deepisp.develop(RAW, wb=numbers), deepisp.develop(RAW, wb=words))


def test_a_failure_names_its_file(tmp_path: Path) -> None:
    file = tmp_path / "a.dng"
    file.write_bytes(b"")
    with pytest.raises(deepisp.DamagedFile) as caught:
        deepisp.read(file)
    assert str(caught.value) == f"{file}: the file is empty (copy it from the camera again)"
    assert caught.value.line == "the file is empty (copy it from the camera again)"


def test_a_picture_is_saved_with_what_the_raw_file_said(tmp_path: Path) -> None:
    write_dng(RAW, tmp_path / "a.dng")
    raw = deepisp.read(tmp_path / "a.dng")
    pixels = deepisp.develop(raw, size=40)
    assert deepisp.write(pixels, str(tmp_path / "a.png"), exif=raw.exif) == []
    with Image.open(tmp_path / "a.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), pixels)
        assert picture.getexif()[272] == raw.model
