"""SID's names, lists and splits, on folders that look like it."""

from collections import Counter
from pathlib import Path

import pytest

from deepisp.data import datasets, sid
from deepisp.data.datasets import Sid
from tests.data import dark_trees

TEST_SPLITS = ["all-598", "first-93", "aligned-562", "misaligned", "indoor-45"]


@pytest.fixture(scope="module")
def sony() -> Sid:
    data = datasets.load("sid-sony")
    assert isinstance(data, Sid)
    return data


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sony's whole test part and some of val, empty files, without lists."""
    folder = tmp_path_factory.mktemp("sid")
    dark_trees.plant(folder, dark_trees.SONY_TEST | dark_trees.SONY_VAL, b"")
    (folder / "Sony/short/notes.txt").write_text("no raw file")
    (folder / "Sony/short/10003_00_0.1s copy.ARW").write_bytes(b"")
    return folder


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """The authors' test list alone."""
    lines = dark_trees.lines(dark_trees.SONY_TEST)
    (tmp_path / "Sony_test_list.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def binned(pairs: tuple[sid.Pair, ...]) -> dict[int, int]:
    return dict(Counter(round(one.exposure_ratio) for one in pairs))


@pytest.mark.parametrize("name", TEST_SPLITS)
def test_names_give_the_splits_that_are_published(sony: Sid, root: Path, name: str) -> None:
    pairs = sid.pairs(sony, root, name)
    assert len(pairs) == sony.splits[name].pairs
    assert binned(pairs) == sony.splits[name].ratios


def test_the_authors_list_gives_what_the_names_give(sony: Sid, root: Path, listed: Path) -> None:
    by_list = sid.expected(sony, listed, "all-598")
    by_names = sid.expected(sony, root, "all-598")
    assert [one.short.name for one in by_list] == [one.short.name for one in by_names]
    assert [one.long.name for one in by_list] == [one.long.name for one in by_names]


def test_a_pair_knows_its_scene_shot_and_ratio(sony: Sid, listed: Path) -> None:
    pairs = {one.short.name: one for one in sid.expected(sony, listed, "all-598")}
    one = pairs["10185_14_0.04s.ARW"]
    assert (one.scene, one.shot, one.short_s, one.long_s) == (10185, 14, 0.04, 10)
    assert one.exposure_ratio == 250
    assert one.short == listed / "Sony/short/10185_14_0.04s.ARW"
    assert one.long == listed / "Sony/long/10185_00_10s.ARW"
    assert pairs["10185_00_0.033s.ARW"].exposure_ratio == 300  # 303 by the name
    assert pairs["10074_00_0.1s.ARW"].exposure_ratio == 300  # of 30 s


def test_splits_share_no_scene_with_another_part(sony: Sid, root: Path) -> None:
    test = {one.scene for one in sid.pairs(sony, root, "all-598")}
    val = {one.scene for one in sid.expected(sony, root, "val")}
    assert len(test) == sony.parts["test"].scenes
    assert not test & val
    misaligned = {one.scene for one in sid.pairs(sony, root, "misaligned")}
    assert misaligned == {10034, 10045, 10172}
    assert {one.scene for one in sid.pairs(sony, root, "aligned-562")} == test - misaligned
    assert {one.shot for one in sid.pairs(sony, root, "first-93")} == {0}


def test_another_parts_list_is_refused(sony: Sid, tmp_path: Path) -> None:
    (tmp_path / "Sony_train_list.txt").write_text("\n".join(dark_trees.lines(dark_trees.SONY_TEST)))
    with pytest.raises(ValueError, match=r"Sony_train_list.txt: line 1: scene 10003 is no train scene"):
        sid.expected(sony, tmp_path, "train")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("./Sony/short/10003_00_0.04s.ARW", "line 2: a line names a short and a long exposure"),
        ("./Sony/short/10003_00_0.04s.ARW ./Sony/long/10006_00_10s.ARW", "of two scenes"),
        ("./Sony/short/10003_0.04s.ARW ./Sony/long/10003_00_10s.ARW", "is named like 10003_00_0.04s.ARW"),
        ("./Sony/short/90003_00_0.04s.ARW ./Sony/long/90003_00_10s.ARW", "none of SID's digits"),
    ],
)
def test_a_line_that_is_none_is_named(sony: Sid, listed: Path, line: str, said: str) -> None:
    path = listed / "Sony_test_list.txt"
    first, *others = path.read_text().splitlines()
    path.write_text("\n".join([first, line, *others]))
    with pytest.raises(ValueError, match=f"Sony_test_list.txt: line 2: .*{said.removeprefix('line 2: ')}"):
        sid.expected(sony, listed, "all-598")


def test_windows_line_ends_and_empty_lines_are_read(sony: Sid, listed: Path) -> None:
    path = listed / "Sony_test_list.txt"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    assert len(sid.expected(sony, listed, "all-598")) == 598


def test_pairs_are_all_or_none(sony: Sid, tmp_path: Path) -> None:
    dark_trees.plant(tmp_path, dark_trees.SONY_TEST, b"")
    (tmp_path / "Sony/short/10003_00_0.04s.ARW").unlink()
    with pytest.raises(ValueError, match="all-598 has 598 pairs, found 597; deepisp datasets check"):
        sid.pairs(sony, tmp_path, "all-598")
    (tmp_path / "Sony_test_list.txt").write_text("\n".join(dark_trees.lines(dark_trees.SONY_TEST)))
    with pytest.raises(
        ValueError, match=r"1 files of all-598 are missing, the first is 10003_00_0\.04s\.ARW"
    ):
        sid.pairs(sony, tmp_path, "all-598")
    assert len(sid.pairs(sony, tmp_path, "misaligned")) == 36  # these are whole
    with pytest.raises(ValueError, match="no split 'test'; known: train, "):
        sid.pairs(sony, tmp_path, "test")


def test_a_second_long_exposure_is_refused(sony: Sid, tmp_path: Path) -> None:
    dark_trees.plant(tmp_path, {10003: {"0.1": 1}}, b"")
    (tmp_path / "Sony/long/10003_00_30s.ARW").write_bytes(b"")
    with pytest.raises(
        ValueError, match=r"scene 10003 has two long exposures, 10003_00_10s\.ARW and 10003_00_30s\.ARW"
    ):
        sid.expected(sony, tmp_path, "all-598")


def test_the_fuji_half_has_its_own_endings(tmp_path: Path) -> None:
    fuji = datasets.load("sid-fuji")
    assert isinstance(fuji, Sid)
    dark_trees.plant(tmp_path, dark_trees.FUJI, b"", folder="Fuji", ending="RAF")
    dark_trees.plant(tmp_path, dark_trees.SONY_VAL, b"")
    found = {
        name: len(sid.expected(fuji, tmp_path, name)) for name in ("train", "val", "all-524", "first-94")
    }
    assert found == {"train": 2, "val": 2, "all-524": 3, "first-94": 2}
