"""The numba ends of lens.py: one row of gains from a coarse grid, and resampling along a lens's radius.

All are compiled without the global interpreter lock, cached on disk, and give the same bits on any number of
threads: the caller splits the rows.
"""

import math

import numpy as np
from numpy.typing import NDArray

from deepisp.develop import compiled

_compiled = compiled.kernel()


@_compiled
def gain_row(
    grid: NDArray[np.float32],
    row_position: float,
    column_origin: float,
    column_step: float,
    out: NDArray[np.float32],
) -> None:
    """Write `out[k]`, the gain at node coordinates (row_position, column_origin + k * column_step).

    Args:
        grid: (V, H) gains of the nodes; bilinear between them, held past the edges.
        row_position: in nodes, 0 is the first row of nodes.
        column_origin: in nodes, of the first value.
        column_step: nodes from one value to the next, positive.
        out: (N,).
    """
    rows, columns = grid.shape
    position = min(max(row_position, 0.0), rows - 1.0)
    upper = min(int(position), max(rows - 2, 0))
    lower = min(upper + 1, rows - 1)
    share = position - upper
    count = out.shape[0]
    done = 0
    # One cell between two nodes after the other: inside each, gains lie on a line, and the loop is SIMD.
    first = min(max(math.floor(column_origin), -1), columns - 1)
    for node in range(first, columns):
        left, right = max(node, 0), min(node + 1, columns - 1)
        start = (1.0 - share) * grid[upper, left] + share * grid[lower, left]
        end = (1.0 - share) * grid[upper, right] + share * grid[lower, right]
        slope = (end - start) * column_step
        value = start + (end - start) * (column_origin - node)
        stop = count
        if node < columns - 1:
            stop = min(max(math.ceil((node + 1 - column_origin) / column_step), done), count)
        base, rise = np.float32(value + slope * done), np.float32(slope)
        for k in range(stop - done):
            out[done + k] = base + rise * np.float32(k)
        done = stop


@_compiled
def _weights(share: float) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """Catmull-Rom's cubic at the four nearest samples; they sum to one and keep a slope."""
    t = np.float32(share)
    half, one = np.float32(0.5), np.float32(1.0)
    u = one - t
    w0 = -half * t * u * u
    w3 = -half * u * t * t
    return w0, u + w3 - w0 - w0, t + w0 - w3 - w3, w3


@_compiled
def _sources(
    row: int,
    ratio: NDArray[np.float64],
    bend: NDArray[np.float64],
    lens: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Write where the light of each pixel of a row is found, (2, W): lens.Geometry has the formula."""
    center_row, center_column, scale, height = lens[0], lens[1], lens[2], lens[3]
    steps, per_pixel, per_row = ratio.shape[0] - 1, 1.0 / scale, scale / height
    kt0, kt1 = bend[0], bend[1]
    dy = (row - center_row) / per_row
    for column in range(out.shape[1]):
        dx = (column - center_column) * per_pixel
        square = min(dx * dx + dy * dy, 1.0)
        at = math.sqrt(square) * steps
        low = np.uint64(min(at, steps - 1.0))
        factor = ratio[low] + (at - low) * (ratio[low + np.uint64(1)] - ratio[low])
        out[0, column] = dy * factor + 2.0 * kt1 * dx * dy + kt0 * (square + 2.0 * dy * dy)
        out[1, column] = dx * factor + 2.0 * kt0 * dx * dy + kt1 * (square + 2.0 * dx * dx)
    for column in range(out.shape[1]):
        out[0, column] = out[0, column] * per_row + center_row
        out[1, column] = out[1, column] * scale + center_column


@_compiled
def _resample(plane: NDArray[np.float32], source: NDArray[np.float64], out: NDArray[np.float32]) -> None:
    """Write one row: `plane` (H, W) at the positions `source` (2, W), Catmull-Rom, edges held."""
    rows, columns = plane.shape
    flat = plane.ravel()
    for column in range(out.shape[0]):
        y, x = source[0, column], source[1, column]
        # Written so that a NaN goes to 0: as an index it would read anywhere in memory.
        y = min(y, rows - 1.0) if y > 0.0 else 0.0
        x = min(x, columns - 1.0) if x > 0.0 else 0.0
        top, left = min(int(y), max(rows - 2, 0)), min(int(x), max(columns - 2, 0))
        v0, v1, v2, v3 = _weights(y - top)
        h0, h1, h2, h3 = _weights(x - left)
        if 1 <= top < rows - 2 and 1 <= left < columns - 2:
            # Unsigned: a signed index costs numba a test for negative ones at each load.
            a = np.uint64((top - 1) * columns + left - 1)
            b = a + np.uint64(columns)
            c = b + np.uint64(columns)
            d = c + np.uint64(columns)
            i, j, k = np.uint64(1), np.uint64(2), np.uint64(3)
            out[column] = (
                v0 * (h0 * flat[a] + h1 * flat[a + i] + h2 * flat[a + j] + h3 * flat[a + k])
                + v1 * (h0 * flat[b] + h1 * flat[b + i] + h2 * flat[b + j] + h3 * flat[b + k])
                + v2 * (h0 * flat[c] + h1 * flat[c + i] + h2 * flat[c + j] + h3 * flat[c + k])
                + v3 * (h0 * flat[d] + h1 * flat[d + i] + h2 * flat[d + j] + h3 * flat[d + k])
            )
            continue
        r0, r2, r3 = max(top - 1, 0), min(top + 1, rows - 1), min(top + 2, rows - 1)
        c0, c2, c3 = max(left - 1, 0), min(left + 1, columns - 1), min(left + 2, columns - 1)
        s = plane
        out[column] = (
            v0 * (h0 * s[r0, c0] + h1 * s[r0, left] + h2 * s[r0, c2] + h3 * s[r0, c3])
            + v1 * (h0 * s[top, c0] + h1 * s[top, left] + h2 * s[top, c2] + h3 * s[top, c3])
            + v2 * (h0 * s[r2, c0] + h1 * s[r2, left] + h2 * s[r2, c2] + h3 * s[r2, c3])
            + v3 * (h0 * s[r3, c0] + h1 * s[r3, left] + h2 * s[r3, c2] + h3 * s[r3, c3])
        )


@_compiled
def warp_rows(  # numba takes positions best
    planes: NDArray[np.float32],
    ratio: NDArray[np.float64],
    bend: NDArray[np.float64],
    lens: NDArray[np.float64],
    start: int,
    stop: int,
    out: NDArray[np.float32],
) -> None:
    """Write rows `start` to `stop` of the straightened picture.

    Args:
        planes: (C, H, W), the picture as the lens drew it.
        ratio: (P, N), source over destination radius, at N equal steps of the radius from 0 to 1; P is 1 or C.
        bend: (P, 2), tangential terms.
        lens: (4,), see lens.Geometry.
        start: first row.
        stop: row after the last.
        out: (C, H, W).
    """
    sources = np.empty((2, planes.shape[2]))
    for row in range(start, stop):
        for plane in range(planes.shape[0]):
            if plane < ratio.shape[0]:
                _sources(row, ratio[plane], bend[plane], lens, sources)
            _resample(planes[plane], sources, out[plane, row])
