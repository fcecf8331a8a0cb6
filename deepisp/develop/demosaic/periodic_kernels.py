"""Bilinear demosaicing of any periodic CFA on the CPU, and how a periodic filter is run over a band.

A band is `padded`, float32 (h + 2 HALO, w + 2 HALO): the mosaic with HALO photosites of context on each side,
filled with edges.padding_indices outside the picture. `pattern` holds the color of each position of the cell at
padded[0, 0]. `out` is float32 (C, h, w). What comes out does not depend on how a picture was cut into bands, and
the functions may run side by side in threads. periodic.py holds the twin on tensors.

A filter whose weights repeat every n columns reads every n-th photosite. So the band is sorted first: all
columns of one phase lie together, and each tap is a multiplication of contiguous rows, which vectorizes.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepisp.develop import compiled
from deepisp.develop.demosaic import periodic

HALO = 12  # a whole number of cells of 1, 2, 3, 4, 6 and 12
_GROUP = 4  # taps that are added in one pass over a row

Plane = NDArray[np.float32]
Pattern = NDArray[np.int64]

# Of fastmath only the fused multiply-add: the rest would let a result depend on where a row begins.
_inner = njit(nogil=True, fastmath={"contract"}, error_model="numpy")
_kernel = compiled.kernel(fastmath={"contract"}, error_model="numpy")


class Bank(NamedTuple):
    """FIR filters laid out for `filter_row`.

    Attributes:
        shifts: (n, n, C, T) int64, where in the sorted band each tap lies, against the photosite in question.
        weights: (n, n, C, T) float32.
        groups: (n, n, C) int64, how many groups of taps are in use.
    """

    shifts: NDArray[np.int64]
    weights: Plane
    groups: NDArray[np.int64]


def bilinear(padded: Plane, pattern: Pattern, out: Plane) -> None:
    """Every color by normalized convolution with a tent, the measured one as it is, into `out`.

    Raises:
        ValueError: the arrays are not as the module says, or colors lie farther apart than HALO.
    """
    check("bilinear", padded, pattern, out, HALO)
    _bilinear(padded, pattern, _tent_bank(pattern.tobytes(), len(pattern), padded.shape), out)


def check(method: str, padded: Plane, pattern: Pattern, out: Plane, halo: int) -> None:
    """Refuse arrays that a kernel would read beyond their ends.

    Raises:
        ValueError: a shape or dtype is not as the module says.
    """
    shape = (int(pattern.max()) + 1, padded.shape[0] - 2 * halo, padded.shape[1] - 2 * halo)
    if out.shape != shape or min(shape) < 1 or padded.dtype != np.float32 or out.dtype != np.float32:
        raise ValueError(
            f"{method} wants float32 (h + {2 * halo}, w + {2 * halo}) and fills float32 (C, h, w), got {padded.dtype} "
            f"{padded.shape} and {out.dtype} {out.shape} for C = {shape[0]} colors; pad the band by {halo}"
        )
    if pattern.dtype != np.int64 or pattern.ndim != 2 or pattern.shape[0] != pattern.shape[1]:
        raise ValueError(f"{method} wants an int64 (n, n) pattern, got {pattern.dtype} {pattern.shape}")


def bank(offsets: NDArray[np.int64], weights: NDArray[np.float64], shape: tuple[int, ...]) -> Bank:
    """Filters (periodic.fir says how they are given) for a band of this shape; taps of no weight are left out."""
    n = weights.shape[0]
    used = (weights != 0).sum(axis=-1)
    taps = -(-int(used.max()) // _GROUP) * _GROUP
    order = np.argsort(weights == 0, axis=-1, kind="stable")[
        ..., :taps
    ]  # those in use first, in raster order
    order = np.pad(order, [(0, 0)] * 3 + [(0, taps - order.shape[-1])], mode="edge")
    chosen = np.take_along_axis(weights, order, axis=-1) * (np.arange(taps) < used[..., None])
    rows = np.where(chosen != 0, offsets[order, 0], 0)
    columns = np.where(chosen != 0, offsets[order, 1], 0) + np.arange(n)[:, None, None]
    height, width = shape[0], -(-shape[1] // n)
    shifts = (columns % n * height + rows) * width + columns // n
    return Bank(shifts.astype(np.int64), chosen.astype(np.float32), -(-used // _GROUP))


@lru_cache(maxsize=8)
def _tent_bank(pattern: bytes, side: int, shape: tuple[int, ...]) -> Bank:
    offsets, weights = periodic.tent(pattern, side)
    if np.abs(offsets).max() > HALO:
        raise ValueError(
            f"bilinear reaches {HALO} photosites, in a cell of side {side} the colors lie farther apart; "
            "give a smaller cell"
        )
    return bank(offsets, weights, shape)


@_inner
def sort_columns(padded: Plane, n: int) -> Plane:
    """The band with all columns of one phase together, flat: (n, rows, columns / n)."""
    height, width = padded.shape[0], -(-padded.shape[1] // n)
    planes = np.zeros((n, height, width), np.float32)
    for phase in range(n):
        for y in range(height):
            row, plane = padded[y], planes[phase, y]
            for j in range((padded.shape[1] - phase + n - 1) // n):
                plane[j] = row[phase + n * j]
    return planes.reshape(-1)


@_inner
def filter_row(  # numba takes positions best
    band: Plane, start: int, filters: Bank, row: int, column: int, color: int, result: Plane
) -> None:
    """One color at each n-th photosite: result[j] for the sorted band's positions start + j.

    `row`, `column`: position in the cell; `start` counts in the plane of phase 0.
    """
    shifts, weights = filters.shifts[row, column, color], filters.weights[row, column, color]
    result[:] = 0
    for group in range(filters.groups[row, column, color]):
        t = _GROUP * group
        # Slices, because band[start + shift + j] would be checked for wrapping around at every j.
        a, b = _tap(band, start + shifts[t], result.size), _tap(band, start + shifts[t + 1], result.size)
        c, d = _tap(band, start + shifts[t + 2], result.size), _tap(band, start + shifts[t + 3], result.size)
        u, v, w, x = weights[t], weights[t + 1], weights[t + 2], weights[t + 3]
        for j in range(result.size):
            result[j] += (u * a[j] + v * b[j]) + (w * c[j] + x * d[j])


@_inner
def _tap(band: Plane, start: int, size: int) -> Plane:
    return band[start : start + size]


@_kernel
def _bilinear(padded: Plane, pattern: Pattern, filters: Bank, out: Plane) -> None:
    n, width = len(pattern), -(-padded.shape[1] // len(pattern))
    band = sort_columns(padded, n)
    room = np.empty(width, np.float32)
    for y in range(HALO, padded.shape[0] - HALO):
        for column in range(n):
            first = -(-(HALO - column) // n)
            last = -(-(padded.shape[1] - HALO - column) // n)
            result = room[: max(last - first, 0)]
            x = column + n * first - HALO
            for color in range(len(out)):
                filter_row(band, y * width + first, filters, y % n, column, color, result)
                target = out[color, y - HALO]
                for j in range(result.size):
                    target[x + n * j] = result[j]
