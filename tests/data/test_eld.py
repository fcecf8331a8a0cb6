"""ELD's pairs: which image with which reference."""

from pathlib import Path

import numpy as np
import pytest

from deepisp.data import datasets, eld, sid_protocol
from deepisp.data.datasets import Eld
from deepisp.data.sid_protocol import Levels
from deepisp.raw.image import Exif
from tests.data import dark_trees


@pytest.fixture(scope="module")
def data() -> Eld:
    data = datasets.load("eld")
    assert isinstance(data, Eld)
    return data


@pytest.mark.parametrize("name", ["x1", "x10", "x100", "x200", "sony-x100", "sony-x200"])
def test_every_split_has_its_pairs(data: Eld, name: str) -> None:
    pairs = eld.expected(data, Path("root"), name)
    assert len(set(pairs)) == len(pairs) == data.splits[name].pairs
    assert {one.image for one in pairs} == set(data.splits[name].images)
    assert len({one.scene for one in pairs}) == 10


def test_paths_are_those_of_the_authors(data: Eld) -> None:
    pairs = eld.expected(data, Path("root"), "x200")
    first = next(one for one in pairs if one.camera == "NikonD850")
    assert first.short == Path("root/NikonD850/scene-1/IMG_0005.nef")
    assert first.long == Path("root/NikonD850/scene-1/IMG_0006.nef")
    assert {one.short.suffix for one in pairs} == {".ARW", ".nef", ".CR2"}


def test_the_pairs_of_the_paper_are_240(data: Eld) -> None:
    """3 ISOs x 2 ratios x 10 scenes x 4 cameras: K. Wei et al. 2020, section 5."""
    both = {*eld.expected(data, Path("root"), "x100"), *eld.expected(data, Path("root"), "x200")}
    assert len(both) == 240


def test_pairs_are_all_or_none(data: Eld, tmp_path: Path) -> None:
    for one in eld.expected(data, tmp_path, "sony-x100"):
        for path in one.files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
    assert len(eld.pairs(data, tmp_path, "sony-x100")) == 30
    (tmp_path / "SonyA7S2/scene-3/IMG_0011.ARW").unlink()
    with pytest.raises(
        ValueError, match=r"1 files of sony-x100 are missing, the first is SonyA7S2/scene-3/IMG_0011"
    ):
        eld.pairs(data, tmp_path, "sony-x100")
    with pytest.raises(ValueError, match="no split 'x300'; known: x1, x10, x100"):
        eld.expected(data, tmp_path, "x300")


def test_the_ratio_is_of_iso_and_time() -> None:
    dark, bright = Exif(iso=3200, exposure_s=1 / 640), Exif(iso=100, exposure_s=5)
    assert eld.exposure_ratio(dark, bright) == pytest.approx(100)
    with pytest.raises(ValueError, match="which a file lacks"):
        eld.exposure_ratio(Exif(iso=3200), bright)


def test_input_and_truth_are_planes_of_the_files_black(data: Eld) -> None:
    raw = dark_trees.frame()
    assert raw.mosaic is not None
    levels = Levels(sid_protocol.levels_of(raw).black, data.white_level)
    signal = np.clip((raw.mosaic.astype(np.float32) - 512) / (16383 - 512), 0, 1)
    packed = sid_protocol.pack(signal, "RGGB")
    assert sid_protocol.network_input(raw, 1.0, levels) == pytest.approx(packed, abs=1e-6)
    assert sid_protocol.network_input(raw, 200.0, levels) == pytest.approx(
        np.clip(200 * packed, 0, 1), abs=1e-4
    )
