"""Whether a network shifted a color: local means of its picture against those of the mosaic, alike on both paths."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepisp.sensor import cfa as cfa_cell

LIMIT = 0.02  # of white: ten times what networks are held to in the mean (tools/bench_demosaic.py)
SIDE = 64  # photosites; of cells that do not fill it, the most that are whole


class ColorShift:
    """By how much a color's local mean differs between a mosaic and what was made of it, over squares of a picture.

    Squares are counted from the first row that was looked at, whatever the bands; only whole ones count. Noise itself
    leaves about a thirtieth of its deviation.
    """

    def __init__(self) -> None:
        """Nothing looked at yet."""
        self._cells = 0  # on a side of a square
        self._bands: dict[int, NDArray[np.float32]] = {}  # by first row: (C, rows of cells, squares in a row)

    def look(self, start: int, cfa: str, mosaic: Any, light: Any) -> None:
        """Take note of a band; threads may do so at a time. Of two with the same `start` the later one counts.

        Args:
            start: its first row.
            cfa: the cell at mosaic[0, 0], the same in every band.
            mosaic: (H, W) array or tensor; of whole cells, but for the last band.
            light: (C, H, W) what was made of it, on the same device.
        """
        cell = cfa_cell.indices(cfa)
        n = len(cell)
        self._cells = SIDE // n
        side = self._cells * n
        height, width = mosaic.shape[0] // n * n, mosaic.shape[1] // side * side
        sums = [0.0] * len(light)
        for (row, column), color in np.ndenumerate(cell):
            sites = np.s_[row:height:n, column:width:n]
            error = light[color][sites] - mosaic[sites]
            sums[color] += error.reshape(height // n, width // side, side // n).mean(-1)
        counts = np.bincount(cell.ravel())
        self._bands[start] = np.stack(
            [_on_host(one) / count for one, count in zip(sums, counts, strict=True)]
        ).astype(np.float32)

    def largest(self) -> float:
        """The largest difference in any square; 0 if there is none."""
        if not self._bands:
            return 0.0
        errors = np.concatenate([self._bands[start] for start in sorted(self._bands)], axis=1)
        cells = self._cells
        colors, rows, columns = errors.shape
        squares = errors[:, : rows // cells * cells].reshape(colors, rows // cells, cells, columns).mean(2)
        return float(np.abs(squares).max(initial=0.0))

    def tell(self, warn: Callable[[str], None]) -> None:
        """Call `warn` with a line if colors were shifted by more than LIMIT."""
        shift = self.largest()
        if shift > LIMIT:
            warn(f"the network shifted a color by {shift:.1%} of white somewhere; --model none does not")


def _on_host(values: Any) -> NDArray[np.float32]:
    """An array, or a tensor of any device, as an array."""
    found: NDArray[np.float32] = values if isinstance(values, np.ndarray) else values.cpu().numpy()
    return found
