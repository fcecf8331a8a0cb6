"""The files of datasets/: each can be read, and says what a reader of figures must know."""

from pathlib import Path

import pytest

from deepisp import shipped
from deepisp.data import datasets
from deepisp.sensor import cfa

SONY = (shipped.folder("datasets") / "sid-sony.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", datasets.names())
def test_every_file_says_its_licence_place_and_splits(name: str) -> None:
    data = datasets.load(name)
    assert data.licence
    assert data.licence_source
    assert all(split.source for split in data.splits.values())
    assert all(one.url.startswith("https://") for one in data.downloads)


@pytest.mark.parametrize("name", ["sid-sony", "sid-fuji"])
def test_whole_parts_have_the_pairs_of_their_lists(name: str) -> None:
    data = datasets.load(name)
    assert isinstance(data, datasets.Sid)
    for split in data.splits.values():
        if not (split.scenes or split.without or split.shots):
            assert split.pairs == sum(data.parts[part].pairs for part in split.of)


def test_both_halves_have_the_frames_of_the_paper() -> None:
    """5094 short exposures of 424 scenes are said to be the whole; Fuji's train list was not counted."""
    halves = [datasets.load(name) for name in ("sid-sony", "sid-fuji")]
    parts = [part for data in halves if isinstance(data, datasets.Sid) for part in data.parts.values()]
    assert sum(part.pairs for part in parts) == 5094
    assert sum(part.scenes for part in parts) == 424


def test_the_cameras_are_a_bayer_and_an_x_trans() -> None:
    kinds = {name: cfa.kind(datasets.load(name).camera.cfa) for name in ("sid-sony", "sid-fuji")}  # type: ignore[union-attr]
    assert kinds == {"sid-sony": "bayer", "sid-fuji": "xtrans"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("height = 2848", "heigth = 2848", "heigth: no such name; known names: .*height"),
        ("100 = 182", "100 = 183", "must add up to pairs, 598, got 599"),
        ('layout = "sid"', 'layout = "cid"', "layout must be one of sid, eld, got 'cid'"),
        ('of = ["val"]', 'of = ["eval"]', "must be 'train', 'val' or 'test', got 'eval'"),
        ('title = "', 'title = 5"', "no TOML"),
    ],
)
def test_a_wrong_value_is_said_with_its_file(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "own.toml"
    assert old in SONY
    path.write_text(SONY.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=rf"own\.toml: .*{said}.*; see datasets/README.md"):
        datasets.load_file(path)


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(ValueError, match="no data set 'sid'; known: eld, sid-fuji, sid-sony"):
        datasets.load("sid")
