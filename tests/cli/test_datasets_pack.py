"""`deepisp datasets pack`: a split as one file, what is said of it, and what of files that cannot be read."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from deepisp.data import packed_file
from tests.cli.test_start import loaded
from tests.data import dark_trees, packed_trees

Call = Callable[..., Result]


def pack_words(root: Path, *more: str, split: str = "train-first") -> list[str]:
    return [
        "datasets",
        "pack",
        "sid-sony",
        "--root",
        str(root),
        "--split",
        split,
        "-o",
        str(root / "a.h5"),
        *more,
    ]


def test_a_split_is_packed_and_said_on_one_line(deepisp: Call, tmp_path: Path) -> None:
    packed_trees.plant(tmp_path)
    result = deepisp(*pack_words(tmp_path, "--crop", "16"))
    line = f"{tmp_path / 'a.h5'}: 2 pairs, 24 crops, 0 MB\n"  # 2 pairs of 3 x 4 crops, 4 frames, 24.6 kB
    assert (result.exit_code, result.stdout, result.stderr) == (0, line, "")
    assert packed_file.tally(tmp_path / "a.h5") == (2, 24, 4 * 12 * 16 * 16 * 2 / 1e6)
    again = deepisp(*pack_words(tmp_path, "--crop", "16"))
    assert (again.exit_code, again.stdout, again.stderr) == (0, line, "")
    other = deepisp(*pack_words(tmp_path, "--crop", "20"))
    assert (other.exit_code, other.stdout) == (2, "")
    assert other.stderr == (
        f"error: {tmp_path / 'a.h5'} was packed from crop 16, not 20; give another name, or delete it\n"
    )


def test_pictures_are_packed_on_request(
    deepisp: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed_trees, "BORDER", (2, 4))  # LibRaw leaves an even one where it is
    packed_trees.plant(tmp_path)
    result = deepisp(*pack_words(tmp_path, "--crop", "16", "--pictures"))
    assert (result.exit_code, result.stderr) == (0, "")
    assert packed_file.tally(tmp_path / "a.h5").megabytes == (4 + 3 * 2) * 12 * 16 * 16 * 2 / 1e6
    other = deepisp(*pack_words(tmp_path, "--crop", "16"))
    assert other.exit_code == 2
    assert "was packed from parts mosaics and pictures, not mosaics;" in other.stderr


def test_pack_names_a_damaged_file_and_goes_on(deepisp: Call, tmp_path: Path) -> None:
    packed_trees.plant(tmp_path)
    bad = tmp_path / "Sony/short/00001_00_0.1s.ARW"
    bad.write_bytes(b"<html>too many users</html>")
    result = deepisp(*pack_words(tmp_path, "--crop", "16"))
    assert result.exit_code == 1
    assert result.stdout == f"{tmp_path / 'a.h5'}: 1 pairs, 12 crops, 0 MB\n"
    first, last = result.stderr.splitlines()
    assert first.startswith(f"error: {bad}: ")
    assert last == "1 pairs of train-first are not in it; to have them, delete it and pack anew"
    assert deepisp(*pack_words(tmp_path, "--crop", "16")).exit_code == 1


def test_pack_names_what_only_a_list_knows_to_be_missing(deepisp: Call, tmp_path: Path) -> None:
    packed_trees.plant(tmp_path)
    lines = dark_trees.lines(packed_trees.SCENES)
    (tmp_path / "Sony_train_list.txt").write_text("\n".join(lines))
    long = tmp_path / "Sony/long/00002_00_10s.ARW"
    long.unlink()
    result = deepisp(*pack_words(tmp_path, "--crop", "16", split="train"))
    assert result.exit_code == 1
    assert result.stdout == f"{tmp_path / 'a.h5'}: 2 pairs, 24 crops, 0 MB\n"
    assert [line for line in result.stderr.splitlines() if line.startswith("error: ")] == [
        f"error: {long}: No such file or directory (check the path)"
    ]


def test_pack_of_a_part_of_a_split_says_so(deepisp: Call, tmp_path: Path) -> None:
    packed_trees.plant(tmp_path)
    result = deepisp(*pack_words(tmp_path, "--crop", "16", split="train"))
    assert result.exit_code == 1
    assert result.stdout == f"{tmp_path / 'a.h5'}: 4 pairs, 48 crops, 0 MB\n"
    assert result.stderr.splitlines() == [
        f"warning: {tmp_path}: train has 1865 pairs, 4 are here (see deepisp datasets check)",
        "1861 pairs of train are not in it; to have them, delete it and pack anew",
    ]


def test_pack_without_a_file_to_pack(deepisp: Call, tmp_path: Path) -> None:
    result = deepisp(*pack_words(tmp_path))
    assert (result.exit_code, result.stdout) == (3, "")
    assert len(result.stderr.splitlines()) == 1
    packed_trees.plant(tmp_path)
    result = deepisp(*pack_words(tmp_path))  # no frame holds a crop of 512
    assert (result.exit_code, result.stdout) == (4, "")
    assert "45 x 63 photosites hold no crop of 512 x 512; give a side up to 44" in result.stderr
    assert deepisp(*pack_words(tmp_path, "--crop", "15")).exit_code == 2
    result = deepisp(
        "datasets", "pack", "eld", "--root", tmp_path, "--split", "x100", "-o", tmp_path / "a.h5"
    )
    assert (result.exit_code, result.stderr) == (
        2, "error: eld is no half of See-in-the-Dark; give sid-sony or sid-fuji\n"
    )  # fmt: skip
    assert {path.name for path in tmp_path.iterdir()} == {"Sony"}


def test_nothing_heavy_is_loaded(tmp_path: Path) -> None:
    packed_trees.plant(tmp_path)
    code, found = loaded(*pack_words(tmp_path, "--crop", "16"))
    assert code == 0
    assert not {"torch", "rawpy", "numba", "rich"} & found
