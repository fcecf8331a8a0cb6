"""Photosites that do not measure: found, and filled in from neighbors of the same color.

Bad ones are named by the file (DNG's FixBadPixelsConstant and FixBadPixelsList, list 1: stored values, whole
array); hot ones, on request, are those that stand far above every neighbor. All of it is NumPy on (H, W)
mosaics: it runs once per picture, if at all, before anything else.

Source of the opcodes: DNG specification 1.7.1, chapter 7. The rules of repair and of search are ours.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from deepisp.raw.opcodes import FixBadPixelsConstant, FixBadPixelsList, Opcode
from deepisp.sensor import cfa as cfa_cell

Mosaic = TypeVar("Mosaic", NDArray[np.uint16], NDArray[np.float32])
Places = tuple[NDArray[np.intp], NDArray[np.intp]]  # rows and columns

_DONORS = 4  # neighbors that a repair asks for: the four of its color around a Bayer photosite
_NEAR = 24  # neighbors looked at: 5 x 5 of its color, less itself; a bad stripe may be 4 wide
_AT_ONCE = 1 << 16  # photosites treated at a time, to bound memory
_SHARED = 0.03  # of a star's peak is seen beside it even through another filter; of a defect's, nothing
_TO_SIGMA = 1.4826  # median absolute deviation to standard deviation, normal distribution


class _Cell(NamedTuple):
    """One position of the CFA's cell, and where its neighbors of the same color lie, nearest first."""

    row: int
    column: int
    offsets: NDArray[np.intp]  # (K, 2)
    ring_start: NDArray[np.intp]  # (K,), index of the first neighbor that is equally far


def listed(mosaic: Mosaic, opcodes: Iterable[Opcode]) -> NDArray[np.bool_]:
    """Where FixBadPixelsConstant and FixBadPixelsList say that photosites are bad, (H, W).

    Args:
        mosaic: (H, W), stored values of the whole array. Not changed.
        opcodes: of list 1, in any order; those of other kinds are ignored.
    """
    bad = np.zeros(mosaic.shape, bool)
    for opcode in opcodes:
        if isinstance(opcode, FixBadPixelsConstant):
            bad |= mosaic == opcode.constant
        elif isinstance(opcode, FixBadPixelsList):
            bad[opcode.points[:, 0], opcode.points[:, 1]] = True
            for top, left, bottom, right in opcode.rectangles:
                bad[top:bottom, left:right] = True
    return bad


def repair(mosaic: Mosaic, bad: NDArray[np.bool_], *, cfa: str) -> Mosaic:
    """A copy of `mosaic` in which bad photosites are the median of the nearest good ones of their color.

    At least four good ones are taken if there are so many near, and all that lie equally far, so that no
    direction is preferred. Where there is none within 5 x 5 of the color, the value stays as it is.

    Args:
        mosaic: (H, W), uint16 or float32. Not changed.
        bad: (H, W).
        cfa: cell at mosaic[0, 0]; any that `sensor.cfa` reads.

    >>> mosaic = np.full((4, 4), 9, np.uint16)
    >>> mosaic[1, 1] = 5000
    >>> int(repair(mosaic, mosaic == 5000, cfa="RGGB")[1, 1])
    9
    """
    fixed = mosaic.copy()
    for cell, at in _places(bad, cfa):
        values = _gather(mosaic, cell, at)
        values[_gather(bad, cell, at) != 0] = np.nan
        good = np.cumsum(~np.isnan(values), axis=1)
        nearer = np.where(cell.ring_start > 0, good[:, cell.ring_start - 1], 0)
        values[nearer >= _DONORS] = np.nan
        middle, known = _median(values), good[:, -1] > 0
        if fixed.dtype.kind == "u":
            middle = np.floor(middle + 0.5)
        fixed[at[0][known], at[1][known]] = middle[known]
    return fixed


def hot_pixels(mosaic: Mosaic, *, cfa: str, bar: float = 8.0) -> NDArray[np.bool_]:
    """Photosites that stand far above all their neighbors, as no lens could draw them, (H, W).

    One is hot if it lies more than `bar` standard deviations of the noise around it above the brightest of
    its eight nearest neighbors of the same color, and if the photosites that touch it show no light of their
    own: a star or a glint, however small, spreads over them too. Two hot ones side by side hide each other.

    Args:
        mosaic: (H, W), DN or signal. Not changed.
        cfa: cell at mosaic[0, 0].
        bar: in standard deviations. At 8, noise alone gave one find in 11 million photosites.
    """
    floor = _noise_floor(mosaic, cfa)
    hot = np.zeros(mosaic.shape, bool)
    peak = _brightest_neighbor(mosaic, cfa)
    candidates = np.isfinite(peak) & (mosaic > peak + np.float32(bar * floor))
    for cell, at in _places(candidates, cfa):
        values = _gather(mosaic, cell, at)
        level = _median(values)
        noise = _noise(values, floor)
        own = mosaic[at].astype(np.float64)
        stands_out = own - peak[at] > bar * noise
        found = at[0][stands_out], at[1][stands_out]
        peaks = _Peaks(cell, found, (own - level)[stands_out])
        hot[found] = _are_alone(mosaic, peaks, cfa=cfa, floor=floor)
    return hot


class _Peaks(NamedTuple):
    """Photosites of one position of the cell that stand above their neighbors, and how far."""

    cell: _Cell
    at: Places
    excess: NDArray[np.float64]


def _are_alone(mosaic: Mosaic, peaks: _Peaks, *, cfa: str, floor: float) -> NDArray[np.bool_]:
    """Whether none of the eight photosites that touch a peak shows a share of its light."""
    cells, side = _cells(cfa), cfa_cell.side(cfa)
    alone = np.ones(len(peaks.excess), bool)
    for down, right in ((r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if r or c):
        beside = peaks.at[0] + down, peaks.at[1] + right
        inside = (beside[0] >= 0) & (beside[0] < mosaic.shape[0])
        inside &= (beside[1] >= 0) & (beside[1] < mosaic.shape[1])
        beside = beside[0][inside], beside[1][inside]
        index = (peaks.cell.row + down) % side * side + (peaks.cell.column + right) % side
        values = _gather(mosaic, cells[index], beside)
        level = _median(values)
        # 4: one in 4000 sound neighborhoods hides its hot photosite by noise alone.
        # The median deviation: a star's own light around the peak must not pass for noise.
        noise = np.maximum(_TO_SIGMA * _median(np.abs(values - level[:, None])), floor)
        limit = _SHARED * peaks.excess[inside] + 4 * noise
        alone[inside] &= mosaic[beside] - level < limit
    return alone


def _brightest_neighbor(mosaic: Mosaic, cfa: str) -> NDArray[np.float32]:
    """The largest of the eight nearest neighbors of the same color, for each photosite, (H, W)."""
    cells, side = _cells(cfa), cfa_cell.side(cfa)
    margin = max(int(np.abs(cell.offsets[:8]).max()) for cell in cells)
    padded = np.pad(mosaic.astype(np.float32), margin, constant_values=-np.inf)
    brightest = np.empty(mosaic.shape, np.float32)
    for cell in cells:
        mine = brightest[cell.row :: side, cell.column :: side]
        mine[...] = -np.inf
        for down, right in cell.offsets[:8]:
            top, left = margin + cell.row + down, margin + cell.column + right
            seen = padded[top::side, left::side][: mine.shape[0], : mine.shape[1]]
            np.maximum(mine, seen, out=mine)
    return brightest


def _noise_floor(mosaic: Mosaic, cfa: str) -> float:
    """The least noise to believe in: half of the picture's typical noise, and at least a step of it.

    24 neighbors, in two million places, look quiet by chance in some: without a floor these gave most finds
    in frames of stars.
    """
    side = cfa_cell.side(cfa)
    sample = mosaic[:: side * 3].astype(np.float32)  # every third row of cells tells as much
    steps = np.abs(sample[:, side:] - sample[:, :-side])
    typical = _TO_SIGMA * float(np.median(steps)) / 2**0.5 if steps.size else 0.0
    least = 1.0 if mosaic.dtype.kind == "u" else 2.0**-16 * float(np.abs(mosaic).max(initial=0.0))
    return max(typical / 2, least)


def _noise(values: NDArray[np.float64], floor: float) -> NDArray[np.float64]:
    """Standard deviation of each row of `values` without its two largest and two smallest.

    Surer than the median deviation, whose chance dips made half of the finds in pure noise.
    """
    ordered = np.sort(values, axis=1)  # NaN last
    count, place = (~np.isnan(values)).sum(1)[:, None], np.arange(values.shape[1])
    kept = (place >= 2) & (place < count - 2)
    middle = np.where(kept, ordered, 0.0)
    number = np.maximum(kept.sum(1), 1)
    spread = np.where(kept, ordered - (middle.sum(1) / number)[:, None], 0.0)
    # 0.70: deviation of a normal distribution's middle 20 of 24.
    return np.asarray(np.maximum(np.sqrt((spread**2).sum(1) / number) / 0.70, floor))


def _cells(cfa: str) -> list[_Cell]:
    """Every position of the cell, row by row."""
    letters, n = cfa_cell.cell(cfa), cfa_cell.side(cfa)
    reach = np.arange(-2 * n, 2 * n + 1) if n > 1 else np.arange(-3, 4)
    steps = np.stack(np.meshgrid(reach, reach, indexing="ij"), -1).reshape(-1, 2)
    steps = steps[np.any(steps != 0, axis=1)]
    cells = []
    for row, column in np.ndindex(n, n):
        same = letters[(row + steps[:, 0]) % n, (column + steps[:, 1]) % n] == letters[row, column]
        mine = steps[same]
        far = (mine**2).sum(1)
        order = np.argsort(far, kind="stable")
        order = order[far[order] <= far[order[_NEAR - 1]]]  # whole rings
        starts = np.searchsorted(far[order], far[order])
        cells.append(_Cell(row, column, mine[order], starts))
    return cells


def _places(where: NDArray[np.bool_], cfa: str) -> Iterator[tuple[_Cell, Places]]:
    """The true photosites of `where`, a bounded number of one position of the cell at a time."""
    if not where.any():
        return
    side = cfa_cell.side(cfa)
    for cell in _cells(cfa):
        rows, columns = np.nonzero(where[cell.row :: side, cell.column :: side])
        rows, columns = rows * side + cell.row, columns * side + cell.column
        for start in range(0, len(rows), _AT_ONCE):
            yield cell, (rows[start : start + _AT_ONCE], columns[start : start + _AT_ONCE])


def _gather(mosaic: NDArray[Any], cell: _Cell, at: Places) -> NDArray[np.float64]:
    """The neighbors of photosites, (N, K); NaN outside the mosaic."""
    rows = at[0][:, None] + cell.offsets[:, 0]
    columns = at[1][:, None] + cell.offsets[:, 1]
    outside = (rows < 0) | (rows >= mosaic.shape[0]) | (columns < 0) | (columns >= mosaic.shape[1])
    rows[outside], columns[outside] = 0, 0
    values: NDArray[np.float64] = mosaic[rows, columns].astype(np.float64)
    values[outside] = np.nan
    return values


def _median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The median of each row without its NaN; NaN where there is nothing else. Faster than np.nanmedian."""
    ordered = np.sort(values, axis=1)  # NaN last
    count = np.maximum((~np.isnan(values)).sum(1), 1)
    each = np.arange(len(values))
    return np.asarray((ordered[each, (count - 1) // 2] + ordered[each, count // 2]) / 2)
