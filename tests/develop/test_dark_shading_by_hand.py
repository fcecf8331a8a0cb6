"""Dark shading of a few photosites, reckoned by hand."""

from pathlib import Path

import numpy as np
import pytest

from deepisp.raw.image import RawImage
from tests.develop.dark_frames import BLACK, EXIF, Array, corrected, seen


@pytest.fixture
def by_hand(tmp_path: Path) -> Path:
    """A profile of 4 x 6 photosites whose four positions have shading of their own, and lie below the file's black."""
    path = tmp_path / "hand.toml"
    path.write_text(
        'maker = "Acme"\nmodels = ["One"]\n[[darks]]\niso = 800\nframes = 16\nhot = 0.0\nmaps = "hand.npz"\n'
        "black_level = [507, 509, 510, 511]\nfile_black_level = [512, 512, 512, 512]\n"
        'source = "made up for a test"\nentries = [{ color = "G", black_level = 509, read_std_dn = 0.01 }]\n'
    )
    shading = np.arange(4, dtype=np.float32)[:, None, None] * np.array([[[0.0, 1.0]]], np.float32)
    rows = np.array([-2.0, 2.0, 0.0, 0.0])
    np.savez(tmp_path / "hand.npz", shading=shading, rows=rows, columns=np.array([1.0, 0, 0, 0, 0, -1]))
    return path


def test_each_position_has_its_own_by_hand(by_hand: Path) -> None:
    mosaic = np.full((4, 6), 600, np.uint16)
    mosaic[3, 1] = 15998
    frame = {"cfa": "RGGB", "black_level": BLACK, "white_level": 16000, "maker": "Acme", "model": "One"}
    after = corrected(RawImage(mosaic=mosaic, exif=EXIF, **frame), by_hand)  # type: ignore[arg-type]
    # Blocks of 1 and 2 photosites of a position's 3 (columns are rounded to even): middles at 0.5 and 2.
    share = np.array([0.0, 1 / 3, 1.0])
    off = np.zeros((4, 6))
    off[0::2, 0::2], off[0::2, 1::2] = -5, -3 + share
    off[1::2, 0::2], off[1::2, 1::2] = -2 + 2 * share, -1 + 3 * share
    off += np.array([[-2.0], [2], [0], [0]]) + np.array([1.0, 0, 0, 0, 0, -1])
    expected = 600 - off
    expected[3, 1] = 15999  # 15998 and 1 more: below saturation
    assert seen(after) == pytest.approx(expected, abs=1e-3)
    mosaic[0, 0] = 15998
    assert seen(corrected(RawImage(mosaic=mosaic, exif=EXIF, **frame), by_hand))[0, 0] == 16000  # type: ignore[arg-type]


@pytest.mark.parametrize("changed", [{"rows": np.zeros((2, 2))}, {"columns": np.full(6, np.nan)}])
def test_maps_of_other_shapes_are_one_line(changed: dict[str, Array], by_hand: Path) -> None:
    with np.load(by_hand.parent / "hand.npz") as found:
        np.savez(by_hand.parent / "hand.npz", **(dict(found) | changed))  # type: ignore[arg-type]
    mosaic = np.full((4, 6), 600, np.uint16)
    (line,) = corrected(RawImage(mosaic=mosaic, cfa="RGGB", exif=EXIF), by_hand).warnings
    assert "hand.npz: shading, rows and columns must be numbers of (n * n, h, w), (H,) and (W,), got" in line
