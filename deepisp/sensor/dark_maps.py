"""What of a sensor's dark frames stays in place, read from the file that calibrate/dark_maps.py writes and describes.

Dark shading is held as blocks that share the frame evenly, one plane for each position of the CFA's cell; between the
blocks' middles it is bilinear, and beyond the outermost it stays.
"""

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MADE_BY = "make it with deepisp calibrate dark"


@dataclass(frozen=True, eq=False)  # arrays have no single answer to ==
class DarkMaps:
    """Dark shading, and what rows and columns keep from frame to frame; from the active area's corner, DN.

    Attributes:
        shading: (n * n, h, w) float32, on top of the black level of each position, row by row of the cell.
        rows: (H,) float64, on top of both.
        columns: (W,) float64, likewise.
    """

    shading: NDArray[np.float32]
    rows: NDArray[np.float64]
    columns: NDArray[np.float64]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the active area."""
        return len(self.rows), len(self.columns)


def load(path: Path) -> DarkMaps:
    """The maps in a file.

    Raises:
        ValueError: it holds no such maps; names the file.
        OSError: it cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as found:
            maps = DarkMaps(
                found["shading"].astype(np.float32),
                found["rows"].astype(np.float64),
                found["columns"].astype(np.float64),
            )
    except (ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path.name}: no maps of dark frames ({error}); {_MADE_BY}") from error
    parts = (maps.shading, maps.rows, maps.columns)
    if [one.ndim for one in parts] != [3, 1, 1] or not all(
        one.size and np.isfinite(one).all() for one in parts
    ):
        shapes = ", ".join(str(one.shape) for one in parts)
        raise ValueError(
            f"{path.name}: shading, rows and columns must be numbers of (n * n, h, w), (H,) and (W,), got {shapes}; "
            f"{_MADE_BY}"
        )
    return maps


def edges(side: int, count: int) -> NDArray[np.intp]:
    """Where blocks begin and end that share a side evenly, (count + 1,).

    >>> edges(10, 4).tolist()
    [0, 2, 5, 8, 10]
    """
    return np.linspace(0, side, count + 1).round().astype(np.intp)


def spread_out(blocks: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Blocks (h, w) at full size (H, W): bilinear between their middles.

    >>> spread_out(np.array([[0.0, 4.0]]), (1, 8)).tolist()
    [[0.0, 0.0, 0.5, 1.5, 2.5, 3.5, 4.0, 4.0]]
    """
    full = np.asarray(blocks, np.float32)
    for axis in (1, 0):  # the few rows of blocks first
        low, share = _between(shape[axis], blocks.shape[axis])
        share = share if axis else share[:, None]
        full = full.take(low, axis) * (1 - share) + full.take(low + 1, axis, mode="clip") * share
    return full


def _between(side: int, count: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """The block before each place of a side, and the share of the one after it."""
    ends = edges(side, count)
    middles, at = (ends[1:] + ends[:-1] - 1) / 2, np.arange(side)
    where = np.interp(at, middles, np.arange(count))
    low = where.astype(np.intp)
    return low, (where - low).astype(np.float32)
