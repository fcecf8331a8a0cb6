"""What the verbs of `calibrate` have in common: exit codes, where files may go, one line for each fault."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from deepisp.calibrate import dark as measurement
from deepisp.picture.dng import write_dng
from deepisp.raw.image import Exif
from deepisp.sensor import profile
from tests.calibrate.simulated import SENSOR, shoot

Call = Callable[..., Result]
VERBS = {
    "photon-transfer": ("--flats",),
    "dark": (),
    "flat": ("--json",),
    "color": (),
    "from-picture": (),
}


@pytest.fixture(scope="module")
def darks(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Four darks of 64 x 64 at ISO 800, in a folder of their own."""
    place = tmp_path_factory.mktemp("darks")
    for index, raw in enumerate(shoot(SENSOR, lights=[], size=64, darks=4)[1]):
        tags = {"EXIF": {34855: (800,)}}  # ISOSpeedRatings, EXIF 2.32
        write_dng(replace(raw, exif=Exif(tags=tags, iso=800)), place / f"dark{index}.dng")
    return sorted(place.iterdir())


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_that_matches_is_exit_3(verb: str, deepisp: Call, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no raw")
    for name, said in (("none/*.dng", "No such file or directory"), ("", "no raw file in it")):
        words = [*VERBS[verb], tmp_path / name]
        result = deepisp("calibrate", verb, *reversed(words) if verb != "photon-transfer" else words)
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (3, "", 1), result.stderr
        assert result.stderr.startswith(f"error: {tmp_path / name}: {said}")


def test_a_folder_stands_for_its_raw_files(darks: list[Path], deepisp: Call) -> None:
    result = deepisp("calibrate", "dark", darks[0].parent)
    head, colors, black, *_ = result.stdout.splitlines()
    assert head == "Acme One, ISO 800: 4 darks"
    assert colors.split() == list("RGB")
    assert black.split()[:3] == ["black", "level", "DN"]
    assert [float(word) for word in black.split()[3:]] == pytest.approx([512] * 3, abs=1)
    many = deepisp("calibrate", "from-picture", darks[0].parent)
    assert many.exit_code == 4
    assert "4 raw files are in it, and one is measured (name that one)" in many.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_a_device_or_a_folder_is_no_output(verb: str, deepisp: Call, tmp_path: Path) -> None:
    for output, what in (("/dev/full", "no ordinary file"), (tmp_path, "a folder")):
        result = deepisp("calibrate", verb, *VERBS[verb], "a.dng", "-o", output)
        assert result.exit_code == 2
        assert result.stderr == f"error: {output} is {what}; name a file to write, such as camera.toml\n"


def test_the_output_s_folder_is_made(darks: list[Path], deepisp: Call, tmp_path: Path) -> None:
    output = tmp_path / "new" / "deep" / "camera.toml"
    assert deepisp("calibrate", "dark", *darks, "-o", output).exit_code == 0
    assert profile.load(output).models == ("One",)


def test_an_output_that_cannot_be_written_is_exit_5_before_anything_is_read(
    darks: list[Path], deepisp: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measurement, "measure", lambda *_, **__: pytest.fail("measured"))
    (tmp_path / "file").touch()
    output = tmp_path / "file" / "camera.toml"
    result = deepisp("calibrate", "dark", *darks, "-o", output)
    assert (result.exit_code, result.stderr.count("\n")) == (5, 1)
    assert result.stderr.startswith(f"error: {output}: ")
    assert ".part" not in result.stderr


def test_a_failure_while_writing_names_the_output(
    darks: list[Path], deepisp: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    def refuse(source: object, target: object) -> None:
        raise PermissionError(13, "Permission denied", str(source))

    monkeypatch.setattr(os, "replace", refuse)
    result = deepisp("calibrate", "dark", *darks, "-o", tmp_path / "camera.toml")
    assert (result.exit_code, result.stderr.count("\n")) == (5, 1)
    assert result.stderr.startswith(
        f"error: {tmp_path / 'camera.toml'} cannot be written: Permission denied ("
    )


def test_another_camera_s_file_is_refused_before_anything_is_measured(
    darks: list[Path], deepisp: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measurement, "measure", lambda *_, **__: pytest.fail("measured"))
    output, text = tmp_path / "two.toml", 'maker = "Acme"\nmodels = ["Two", "Three"]\n'
    output.write_text(text)
    result = deepisp("calibrate", "dark", *darks, "-o", output)
    assert (result.exit_code, result.stderr.count("\n"), output.read_text()) == (4, 1, text)
    assert result.stderr.startswith(
        "error: two.toml is of Acme Two, these frames are of Acme One; write to another"
    )
    monkeypatch.undo()
    assert deepisp("calibrate", "dark", *darks, "-o", output, "--model", "three").exit_code == 0


def test_levels_of_another_scale_are_said(darks: list[Path], deepisp: Call, tmp_path: Path) -> None:
    output = tmp_path / "one.toml"
    levels = 'bits = 12\nblack_level = 128\nwhite_level = 4095\nsource = "a data sheet"\n'
    output.write_text(f'maker = "Acme"\nmodels = ["One"]\n[levels]\n{levels}')
    result = deepisp("calibrate", "dark", *darks, "-o", output, "--json")
    warning, _ = result.stderr.splitlines()
    assert warning.startswith(
        f"warning: {output}: the file has black 128 and white 4095, these frames 512 and 16383;"
    )
    known = profile.load(output).levels
    assert known is not None
    assert known.black_level == 128


def test_bare_flats_take_a_layout(deepisp: Call, tmp_path: Path) -> None:
    down, right = np.indices((96, 128))
    shade = 1 - 0.3 * (((right - 63.5) / 64) ** 2 + ((down - 47.5) / 48) ** 2) / 2
    names = [tmp_path / "one.npy", tmp_path / "two.npy"]
    rng = np.random.default_rng(0)
    for path in names:
        np.save(path, rng.poisson(500 + 7000 * shade).astype(np.uint16))
    (tmp_path / "bare.toml").write_text('cfa = "RGGB"\nblack_level = 500\nwhite_level = 16383\n')
    assert deepisp("calibrate", "flat", *names, "-o", tmp_path / "map.toml").exit_code == 4
    result = deepisp(
        "calibrate", "flat", *names, "--layout", tmp_path / "bare.toml", "-o", tmp_path / "map.toml"
    )
    assert (result.exit_code, result.stderr) == (0, "")
    assert "2 flats, gains up to R " in result.stdout
    gain = float(result.stdout.split("R ")[1].split(",")[0])
    assert gain == pytest.approx(
        1 / 0.7, rel=0.1
    )  # by hand, of the corner; noise of two small frames is left
