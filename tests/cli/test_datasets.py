"""`deepisp datasets`: what is known, and what a folder lacks."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from deepisp.data import dataset_check, datasets
from tests.cli.test_start import loaded
from tests.data import dark_trees

Call = Callable[..., Result]
SHORT = "Sony/short/10003_00_0.04s.ARW"


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A small raw file of each CFA."""
    folder = tmp_path_factory.mktemp("content")
    return {kind: dark_trees.content(dark_trees.frame(kind), folder) for kind in ("RGGB", dark_trees.X_T2)}


@pytest.fixture
def root(tmp_path: Path, content: dict[str, bytes]) -> Path:
    """Some scenes of Sony's three parts with lists of them."""
    three = {
        "train": {1: {"0.1": 2}},
        "val": {20005: {"0.04": 1}},
        "test": {10003: {"0.04": 2, "0.1": 1}, 10034: {"0.1": 1}},
    }
    for part, scenes in three.items():
        listed = dark_trees.plant(tmp_path, scenes, content["RGGB"])
        (tmp_path / f"Sony_{part}_list.txt").write_text("\n".join(listed) + "\n")
    return tmp_path


def told(result: Result) -> tuple[list[str], dict[str, str]]:
    """The problems, and what is said of each split."""
    lines = result.stdout.splitlines()
    splits = dict(line.split(": ", 1) for line in lines if line.endswith("pairs complete"))
    return [line for line in lines if not line.endswith("pairs complete")], splits


def files(problems: list[str]) -> list[str]:
    """Those of raw files; these lists are shorter than the authors', which is said of each."""
    assert sum("_list.txt: " in line for line in problems) == 3
    return [line for line in problems if "_list.txt: " not in line]


def test_list_says_where_each_can_be_had(deepisp: Call) -> None:
    text = deepisp("datasets", "list").stdout
    for name in datasets.names():
        assert f"{name}: " in text
        assert all(one.url in text for one in datasets.load(name).downloads)
    assert "all-598 (598)" in text
    assert "Sony.zip, 25 GB" in text
    found = {
        one["name"]: one for one in map(json.loads, deepisp("datasets", "list", "--json").stdout.splitlines())
    }
    assert set(found) == set(datasets.names())
    assert found["sid-sony"]["splits"]["aligned-562"]["without"] == [10034, 10045, 10172]


def test_a_whole_test_part_is_complete_without_lists(
    deepisp: Call, tmp_path: Path, content: dict[str, bytes]
) -> None:
    dark_trees.plant(tmp_path, dark_trees.SONY_TEST, content["RGGB"])
    result = deepisp("datasets", "check", "sid-sony", "--root", tmp_path)
    problems, splits = told(result)
    assert result.exit_code == 1  # the other parts and the lists are not there
    assert [line.split(": ")[0] for line in problems] == [
        f"Sony_{part}_list.txt" for part in ("train", "val", "test")
    ]
    assert splits["all-598"] == "598 of 598 pairs complete"
    assert splits["aligned-562"] == "562 of 562 pairs complete"
    assert splits["first-93"] == "93 of 93 pairs complete"
    assert splits["train"] == "0 of 1865 pairs complete"
    (tmp_path / SHORT).unlink()
    problems, splits = told(deepisp("datasets", "check", "sid-sony", "--root", tmp_path))
    assert "Sony: 597 test pairs by their names, expected 598" in problems
    assert splits["all-598"] == "597 of 598 pairs complete"


def test_sound_files_are_not_complained_of(deepisp: Call, root: Path) -> None:
    problems, splits = told(deepisp("datasets", "check", "sid-sony", "--root", root))
    assert files(problems) == []
    assert splits["all-598"] == "4 of 598 pairs complete"
    assert splits["misaligned"] == "1 of 36 pairs complete"
    assert splits["train-first"] == "1 of 1 pairs complete"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.unlink(), "missing"),
        (lambda path: path.write_bytes(b""), "empty"),
        (lambda path: path.write_bytes(path.read_bytes()[:-200]), "cut off, its data end at byte "),
        (lambda path: path.write_bytes(path.read_bytes()[:100]), "damaged, its directories cannot be read"),
        (
            lambda path: path.write_bytes(b"<html>too many users</html>"),
            "no raw file, it begins with b'<html>to'",
        ),
    ],
)
def test_each_damage_is_one_line(
    deepisp: Call, root: Path, damage: Callable[[Path], object], said: str
) -> None:
    damage(root / SHORT)
    result = deepisp("datasets", "check", "sid-sony", "--root", root)
    problems, splits = told(result)
    assert result.exit_code == 1
    [line] = files(problems)
    assert line.startswith(f"{SHORT}: {said}")
    assert splits["all-598"] == "3 of 598 pairs complete"
    assert splits["misaligned"] == "1 of 36 pairs complete"
    assert len(result.stderr.splitlines()) == 1
    assert "Sony.zip" in result.stderr


def test_a_missing_long_exposure_takes_all_pairs_of_its_scene(deepisp: Call, root: Path) -> None:
    (root / "Sony/long/10003_00_10s.ARW").unlink()
    problems, splits = told(deepisp("datasets", "check", "sid-sony", "--root", root))
    assert files(problems) == ["Sony/long/10003_00_10s.ARW: missing"]
    assert splits["all-598"] == "1 of 598 pairs complete"


def test_a_missing_folder_is_one_line(deepisp: Call, root: Path) -> None:
    for path in (root / "Sony/long").iterdir():
        path.unlink()
    (root / "Sony/long").rmdir()
    problems, _ = told(deepisp("datasets", "check", "sid-sony", "--root", root))
    assert files(problems) == ["Sony/long: missing, with 4 files"]


def test_a_list_of_the_authors_size_is_theirs(root: Path) -> None:
    data = datasets.load("sid-sony")
    assert isinstance(data, datasets.Sid)
    own = {
        part: one.model_copy(update={"bytes": (root / one.list).stat().st_size})
        for part, one in data.parts.items()
    }
    report = dataset_check.check(data.model_copy(update={"parts": own}), root)
    assert report.problems == ()
    assert report.found == report.wanted == 3 + 4 + 7
    path = root / "Sony_val_list.txt"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert dataset_check.check(data.model_copy(update={"parts": own}), root).problems == ()


def test_decoding_finds_what_headers_do_not_say(deepisp: Call, root: Path, content: dict[str, bytes]) -> None:
    """A frame of another camera, and one whose pixels are garbage."""
    data = datasets.load("sid-sony")
    assert isinstance(data, datasets.Sid)
    camera = data.camera.model_copy(update={"height": 24, "width": 24})
    small = data.model_copy(update={"camera": camera})
    (root / SHORT).write_bytes(content[dark_trees.X_T2])
    broken = root / "Sony/short/10034_00_0.1s.ARW"
    whole = bytearray(broken.read_bytes())
    place = whole.index(b"\xff\xd8\xff")  # of the lossless JPEG of its first tile
    whole[place : place + 40] = bytes(40)
    broken.write_bytes(whole)
    assert [one for one in dataset_check.check(small, root).problems if one.path.suffix == ".ARW"] == []
    found = {one.path: one.what for one in dataset_check.check(small, root, decode=True).problems}
    assert found[root / SHORT].startswith(f"24 x 24 of {dark_trees.X_T2}, expected 24 x 24 of RGGB; is it ")
    assert found[broken].startswith("cannot be decoded: ")
    assert len(found) == 3 + 2
    problems, _ = told(deepisp("datasets", "check", "sid-sony", "--root", root, "--decode"))
    assert len(files(problems)) == 11  # all of another size than the camera's


def test_a_fuji_tree_is_checked_by_its_own_header(
    deepisp: Call, tmp_path: Path, content: dict[str, bytes]
) -> None:
    dark_trees.plant(tmp_path, dark_trees.FUJI, content[dark_trees.X_T2], folder="Fuji", ending="RAF")
    header = b"FUJIFILMCCD-RAW ".ljust(84, b"\0") + struct.pack(">6I", 200, 50, 300, 50, 400, 600)
    path = tmp_path / "Fuji/short/10019_00_0.1s.RAF"
    path.write_bytes(header.ljust(1000, b"\0"))
    assert dataset_check.damage(path) == ""
    path.write_bytes(header.ljust(999, b"\0"))
    problems, splits = told(deepisp("datasets", "check", "sid-fuji", "--root", tmp_path))
    assert "Fuji/short/10019_00_0.1s.RAF: cut off, its data end at byte 1000 and it at 999" in problems
    assert splits["all-524"] == "2 of 524 pairs complete"


def test_a_tree_of_eld_is_checked(deepisp: Call, tmp_path: Path, content: dict[str, bytes]) -> None:
    data = datasets.load("eld")
    assert isinstance(data, datasets.Eld)
    for camera, ending in data.cameras.items():
        for scene in range(1, 11):
            folder = tmp_path / camera / f"scene-{scene}"
            folder.mkdir(parents=True)
            for image in range(1, 17):
                (folder / f"IMG_{image:04}.{ending}").write_bytes(content["RGGB"])
    result = deepisp("datasets", "check", "eld", "--root", tmp_path)
    assert result.exit_code == 0, result.stdout
    problems, splits = told(result)
    assert problems == []
    assert splits["x100"] == "120 of 120 pairs complete"
    (tmp_path / "NikonD850/scene-7/IMG_0006.nef").write_bytes(b"")
    problems, splits = told(deepisp("datasets", "check", "eld", "--root", tmp_path))
    assert problems == ["NikonD850/scene-7/IMG_0006.nef: empty"]
    assert splits["x100"] == splits["x200"] == "119 of 120 pairs complete"
    assert splits["sony-x100"] == "30 of 30 pairs complete"


def test_an_empty_root_matches_nothing(deepisp: Call, tmp_path: Path) -> None:
    result = deepisp("datasets", "check", "eld", "--root", tmp_path)
    assert result.exit_code == 3
    problems, _ = told(result)
    assert len(problems) == 40  # one line a folder
    assert deepisp("datasets", "check", "sid-sony", "--root", tmp_path).exit_code == 3


def test_wrong_usage_is_said(deepisp: Call, tmp_path: Path, root: Path) -> None:
    result = deepisp("datasets", "check", "sid", "--root", tmp_path)
    assert result.exit_code == 2
    assert result.stderr == "error: no data set 'sid'; known: eld, sid-fuji, sid-sony\n"
    assert deepisp("datasets", "check", "sid-sony", "--root", tmp_path / "none").exit_code == 2
    (root / "Sony_val_list.txt").write_text("10003 10003")
    result = deepisp("datasets", "check", "sid-sony", "--root", root)
    assert result.exit_code == 2
    assert "Sony_val_list.txt: line 1: " in result.stderr


def test_nothing_heavy_is_loaded(root: Path) -> None:
    assert loaded("datasets", "--help") == (0, set())
    assert loaded("datasets", "list") == (0, set())
    code, found = loaded("datasets", "check", "sid-sony", "--root", str(root))
    assert code == 1
    assert not {"torch", "rawpy", "scipy", "numba"} & found
