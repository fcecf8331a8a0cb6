"""Pictures that are packed are LibRaw's, of the same place as the mosaics, and bear what mosaics bear."""

import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from deepisp.data import pack, packed_file, sid_protocol
from tests.data import dark_trees, packed_trees
from tests.data.packed_trees import SIZE, plant, task

EVEN = (2, 4)  # a border that LibRaw leaves where it is


def steps(root: Path, path: Path, **which: Any) -> list[pack.Step]:
    return list(pack.pack(task(root, has_pictures=True, **which), path))


def noise_of(path: Path, *, is_turned: bool) -> np.ndarray:
    """A picture that belongs to a file."""
    return np.random.default_rng(zlib.crc32(path.read_bytes())).integers(0, 65536, (*SIZE, 3), np.uint16)


@pytest.mark.parametrize("name", packed_trees.HALF)
def test_pictures_are_the_long_exposures_by_libraw(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed_trees, "BORDER", EVEN)
    plant(tmp_path, name)
    side = packed_trees.SIDE[name]
    if name == "sid-fuji":  # LibRaw knows no X-Trans in a DNG
        monkeypatch.setattr(sid_protocol, "developed", noise_of)
    assert all(one.file is None for one in steps(tmp_path, tmp_path / "a.h5", name=name))
    with h5py.File(tmp_path / "a.h5") as file:
        corners = list(zip(file["tops"], file["lefts"], strict=True))
        assert file["pictures"].shape == (2 * len(corners), side, side, 3)
        rows, frames = file["pairs"][:], file["frames"][:]
        assert sorted(set(frames["picture"][rows["long"]])) == [0, 1]
        assert (frames["picture"][rows["short"]] == -1).all()
        for number in sorted(set(rows["long"])):
            picture = sid_protocol.developed(tmp_path / frames["name"][number].decode(), is_turned=False)
            for tile, (top, left) in enumerate(corners):
                crop = file["pictures"][frames["picture"][number] * len(corners) + tile]
                assert np.array_equal(crop, picture[top : top + side, left : left + side])
    planes = 6 + 3 * 2
    assert packed_file.tally(tmp_path / "a.h5").megabytes == planes * len(corners) * side * side * 2 / 1e6


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_pictures_bear_to_be_broken_off(tmp_path: Path, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_trees, "BORDER", EVEN)
    plant(tmp_path)
    steps(tmp_path, tmp_path / "whole.h5")
    packed_trees.break_off(
        pack.pack(task(tmp_path, has_pictures=True), tmp_path / "a.h5"), after, monkeypatch
    )
    steps(tmp_path, tmp_path / "a.h5")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()


@pytest.mark.parametrize("orientation", [3, 6])
def test_a_picture_lies_as_its_mosaic_however_the_camera_was_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, orientation: int
) -> None:
    monkeypatch.setattr(packed_trees, "BORDER", EVEN)
    for name, raw in plant(tmp_path).items():
        assert raw.mosaic is not None
        light = np.full_like(raw.mosaic, 1000)
        light[4:14, 6:16] = 9000  # a corner
        turned = replace(raw, mosaic=light, orientation=orientation)
        (tmp_path / name).write_bytes(dark_trees.content(turned, tmp_path))
    assert all(one.file is None for one in steps(tmp_path, tmp_path / "a.h5"))
    with packed_file.opened(tmp_path / "a.h5") as file:
        corner, *others = file["pictures"][: len(file["tops"])].mean((1, 2, 3))
    assert corner > 2 * max(others)


def test_a_picture_of_another_place_leaves_its_pairs_out(tmp_path: Path) -> None:
    plant(tmp_path)  # with an odd border
    told = [str(one.error) for one in steps(tmp_path, tmp_path / "a.h5") if one.error]
    assert (
        told
        == ["LibRaw's picture is of 44 x 62, the frame of 45 x 63: not of the same place; leave pictures out"]
        * 2
    )
    assert not (tmp_path / "a.h5").exists()
