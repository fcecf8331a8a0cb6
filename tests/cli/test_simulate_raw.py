"""`deepisp simulate raw`: pictures to DNGs on the command line."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from deepisp import read
from tests.cli.test_start import loaded

Call = Callable[..., Result]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of two pictures, a text, and a picture that is none."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(1)
    for name in ("one.png", "two.jpg"):
        Image.fromarray(rng.integers(0, 256, (48, 64, 3), np.uint8)).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_one_picture_becomes_one_raw_file(deepisp: Call, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.dng"
    result = deepisp(
        "simulate", "raw", pictures / "one.png", "-o", out, "--camera", "nikon-d850", "--iso", 6400
    )
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{pictures / 'one.png'} -> {out}\n"
    raw = read(out)
    assert raw.mosaic is not None
    assert raw.mosaic.shape == (48, 64)
    assert raw.cfa == "RGGB"
    assert raw.exif.iso == 6400
    assert raw.noise is not None
    assert raw.noise[0].shot == pytest.approx(0.00415 * 6400 / 15583)  # sensors/nikon-d850.toml
    assert set(os.listdir(tmp_path)) == {"pictures", "a.dng"}


def test_the_options_reach_the_sensor(deepisp: Call, pictures: Path, tmp_path: Path) -> None:
    def made(*words: object) -> np.ndarray:
        out = tmp_path / f"{abs(hash(words))}.dng"
        result = deepisp("simulate", "raw", pictures / "one.png", "-o", out, *words)
        assert result.exit_code == 0, result.stderr
        data = read(out).data
        return data.astype(np.float64) - 512

    plain = made()
    assert made("--exposure-ratio", 50).mean() == pytest.approx(plain.mean() / 50, rel=0.1)
    assert made("--halve").shape == (24, 32)
    assert made("--blur", 2).std() < 0.7 * plain.std()
    assert made("--tone", "none").mean() != pytest.approx(plain.mean(), rel=0.02)
    assert not np.array_equal(made("--seed", 1), plain)
    assert np.array_equal(made("--seed", 0), plain)
    assert made("--iso", 6400).std() > plain.std()
    banded, smooth = (made("--camera", "A7S2", "--iso", 25600, *w) for w in ((), ("--simple",)))
    assert not np.array_equal(banded, smooth)
    for name, side in (("xtrans", 6), ("quad", 4), ("mono", 1), ("bggr", 2)):
        out = tmp_path / f"{name}.dng"
        assert deepisp("simulate", "raw", pictures / "one.png", "-o", out, "--cfa", name).exit_code == 0
        assert len(read(out).cfa) == side * side


def test_many_pictures_go_into_a_folder_and_bad_ones_are_told(
    deepisp: Call, pictures: Path, tmp_path: Path
) -> None:
    (pictures / "bad.png").write_bytes(b"no picture")
    out = tmp_path / "raws"
    result = deepisp("simulate", "raw", pictures, tmp_path / "absent.png", "-o", out, "--truth")
    assert result.exit_code == 1
    assert set(os.listdir(out)) == {"one.dng", "one.truth.dng", "two.dng", "two.truth.dng"}
    errors = result.stderr.splitlines()
    assert len(errors) == 2
    assert "bad.png: no picture that can be read" in errors[0]
    assert "absent.png: No such file or directory (check the path)" in errors[1]
    truth = read(out / "one.truth.dng")
    assert truth.kind == "linear"
    # Each picture has noise and colors of its own.
    assert not np.array_equal(read(out / "one.dng").as_shot_neutral, read(out / "two.dng").as_shot_neutral)


def test_what_exists_is_kept_unless_asked(deepisp: Call, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.dng"
    out.write_bytes(b"old")
    words = ("simulate", "raw", pictures / "one.png", "-o", out)
    result = deepisp(*words)
    assert (result.exit_code, result.stdout) == (0, "")
    kept = f"warning: {pictures / 'one.png'}: {out} is kept, but it does not say how it was made"
    assert result.stderr == f"{kept} (use --on-exists overwrite)\n"
    assert out.read_bytes() == b"old"
    result = deepisp(*words, "--on-exists", "error")
    assert result.exit_code == 4
    assert out.read_bytes() == b"old"
    assert deepisp(*words, "--on-exists", "overwrite").exit_code == 0
    assert read(out).kind == "bayer"


@pytest.mark.parametrize(("absent", "kept"), [("a.dng", "a.truth.dng"), ("a.truth.dng", "a.dng")])
def test_what_an_interrupted_run_left_out_is_made(
    deepisp: Call, pictures: Path, tmp_path: Path, absent: str, kept: str
) -> None:
    words = ("simulate", "raw", pictures / "one.png", "-o", tmp_path / "a.dng", "--truth", "--seed", 3)
    assert deepisp(*words).exit_code == 0
    whole, before = (tmp_path / absent).read_bytes(), (tmp_path / kept).stat()
    (tmp_path / absent).unlink()
    result = deepisp(*words)
    assert (result.exit_code, result.stdout) == (0, f"{pictures / 'one.png'} -> {tmp_path / absent}\n")
    assert result.stderr.splitlines() == [f"{tmp_path / kept} is kept (use --on-exists overwrite)"]
    assert (tmp_path / absent).read_bytes() == whole  # a seed is a file
    after = (tmp_path / kept).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    again = deepisp(*words)
    assert (again.exit_code, again.stdout) == (0, "")
    assert len(again.stderr.splitlines()) == 2
    assert deepisp(*words, "--on-exists", "error").exit_code == 4


@pytest.mark.parametrize(
    "changed",
    [
        ("--seed", 1), ("--iso", 400), ("--camera", "A7S2", "--iso", 100), ("--cfa", "BGGR"),
        ("--exposure-ratio", 2), ("--simple",), ("--tone", "none"), ("--blur", 1.00001), ("--halve",),
    ],
)  # fmt: skip
def test_what_was_made_otherwise_is_kept_with_a_warning(
    deepisp: Call, pictures: Path, tmp_path: Path, changed: tuple[object, ...]
) -> None:
    out = tmp_path / "a.dng"
    words = ("simulate", "raw", pictures / "one.png", "-o", out, "--blur", 1)
    assert deepisp(*words).exit_code == 0
    assert deepisp(*words).stderr == f"{out} is kept (use --on-exists overwrite)\n"
    result = deepisp(*words, *changed, "--quiet")
    assert (result.exit_code, result.stdout) == (0, "")
    said = f"{pictures / 'one.png'}: {out} is kept, but it was made with other options, or of another picture"
    assert result.stderr.endswith(f"warning: {said} (use --on-exists overwrite)\n")


def test_no_pair_is_made_of_two_runs(deepisp: Call, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.dng"
    assert deepisp("simulate", "raw", pictures / "one.png", "-o", out).exit_code == 0
    before = out.read_bytes()
    for words in ((pictures / "two.jpg",), (pictures / "one.png", "--seed", 1)):
        result = deepisp("simulate", "raw", *words, "-o", out, "--truth")
        assert result.exit_code == 4
        assert (
            "a.dng was made with other options, or of another picture, and is no pair with a.truth"
            in result.stderr
        )
        assert set(os.listdir(tmp_path)) == {"pictures", "a.dng"}
    assert out.read_bytes() == before
    assert deepisp("simulate", "raw", pictures / "one.png", "-o", out, "--truth").exit_code == 0


def test_no_input_is_overwritten(deepisp: Call, pictures: Path, tmp_path: Path) -> None:
    before = (pictures / "one.png").read_bytes()
    os.link(pictures / "one.png", tmp_path / "twin.dng")
    for out in (pictures / "one.png", tmp_path / "twin.dng"):
        result = deepisp("simulate", "raw", pictures / "one.png", "-o", out, "--on-exists", "overwrite")
        assert result.exit_code == 2
        assert len(result.stderr.splitlines()) == 1
    assert (pictures / "one.png").read_bytes() == before
    assert (tmp_path / "twin.dng").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--camera", "Brownie"], 2, "no camera 'Brownie'; known: canon"),
        (["--camera", "nikon-d850"], 2, "as in --iso 800"),
        (["--camera", "absent.toml"], 1, "No such file"),
        (["--cfa", "RGB"], 2, "or one of xtrans, quad, mono"),
        (["--exposure-ratio", "0.5"], 2, "0.5 is not in the range"),
        (["--blur", "20"], 4, "blur a larger picture"),
        (["--device", "cuda"], 5, "no device 'cuda' here"),
    ],
)
def test_wrong_words_are_one_line(
    deepisp: Call, pictures: Path, tmp_path: Path, words: list[str], code: int, said: str
) -> None:
    import torch

    if "cuda" in words and torch.cuda.is_available():
        pytest.skip("there is one")
    result = deepisp("simulate", "raw", pictures / "one.png", "-o", tmp_path / "a.dng", *words)
    assert result.exit_code == code
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "a.dng").exists()


def test_nothing_to_do_is_an_error(deepisp: Call, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert deepisp("simulate", "raw", tmp_path / "empty", "-o", tmp_path / "out").exit_code == 3
    assert deepisp("simulate", "raw", tmp_path / "absent.png", "-o", tmp_path / "out/").exit_code == 3
    wrong = deepisp("simulate", "raw", tmp_path / "absent.png", "-o", tmp_path / "a.png")
    assert wrong.exit_code == 2
    assert "name it .dng" in wrong.stderr


def test_a_doubt_about_the_iso_is_told(deepisp: Call, pictures: Path, tmp_path: Path) -> None:
    words = ("-o", tmp_path / "a.dng", "--camera", "D850", "--iso", 102400)
    result = deepisp("simulate", "raw", pictures / "one.png", *words)
    assert result.exit_code == 0
    assert "extrapolated" in result.stderr


def test_help_loads_nothing_heavy() -> None:
    assert loaded("simulate", "--help") == (0, set())
    assert loaded("simulate", "raw", "--help") == (0, set())


@pytest.mark.parametrize(
    ("output", "said"), [("all.dng", "name of one DNG; end it with / for a folder"), ("", "name is empty")]
)
def test_many_pictures_need_a_folder(deepisp: Call, pictures: Path, output: str, said: str) -> None:
    before = sorted(os.listdir())
    result = deepisp("simulate", "raw", pictures, "-o", output)
    assert result.exit_code == 2
    assert said in result.stderr
    assert sorted(os.listdir()) == before
