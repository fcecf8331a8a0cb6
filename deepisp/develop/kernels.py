"""The hot ends of the CPU path, in numba: stored values to balanced signal, and linear light to the picture.

Each has a twin in torch, in the file of its stage; tests hold the two together. All work on bands of rows, hold
no state, and release the interpreter's lock.
"""

import math
from typing import Any, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepisp.develop import compiled
from deepisp.develop.highlights import NEAR
from deepisp.develop.lens_kernels import gain_row
from deepisp.develop.output_kernels import encode, finite, gamut_map, quantize
from deepisp.develop.tone import GRAY, PALE

_ZERO, _ONE, _TINY, _GRAY = np.float32(0), np.float32(1), np.float32(1e-30), np.float32(GRAY)
_PALE = np.float32(PALE)

_kernel = compiled.kernel(fastmath={"contract", "arcp", "nsz"})  # NaN and infinity stay what they are


def _inner(function: compiled.Kernel) -> compiled.Kernel:
    """A part of kernels, written into them."""
    return cast(compiled.Kernel, njit(inline="always")(function))


@_kernel
def balance_rows(
    values: NDArray[Any],
    rows: NDArray[np.intp],
    black: NDArray[np.float32],
    scale: NDArray[np.float32],
    ceiling: float,
    out: NDArray[np.float32],
) -> None:
    """Balanced signal of a band.

    Args:
        values: (H, W) uint16 or float32, stored values of the area.
        rows: (h,) rows of `values` that make the band; beyond an edge they are mirrored.
        black: (n, W) DN at no light, of the row `row % n`.
        scale: (n, W) reciprocal range times white-balance gain.
        ceiling: highest balanced signal.
        out: (h, W) is overwritten.
    """
    n = black.shape[0]
    for i in range(len(rows)):
        source, dark, gain, target = values[rows[i]], black[rows[i] % n], scale[rows[i] % n], out[i]
        for j in range(len(target)):
            target[j] = min((np.float32(source[j]) - dark[j]) * gain[j], np.float32(ceiling))


@_kernel
def deviation_rows(
    band: NDArray[np.float32],
    rows: NDArray[np.intp],
    pattern: NDArray[np.intp],
    lines: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """The deviation of the noise at each photosite of a band (h, W), by its own signal.

    Args:
        band: balanced signal.
        rows: (h,) rows of the area that make the band.
        pattern: (n, n) colors of the cell at the area's corner.
        lines: (C, 2) shot and read noise of each color.
        out: (h, W).
    """
    n = len(pattern)
    for i in range(len(rows)):
        for first in range(n):
            shot, read = lines[pattern[rows[i] % n, first]]
            for j in range(first, band.shape[1], n):
                out[i, j] = math.sqrt(max(band[i, j], np.float32(0)) * shot + read)


@_kernel
def lens_rows(
    band: NDArray[np.float32],
    rows: NDArray[np.intp],
    grids: NDArray[np.float32],
    lowest: NDArray[np.float32],
    nodes: NDArray[np.float64],
    ceiling: float,
) -> None:
    """Lens gains on a band (h, W), in place.

    Args:
        band: balanced signal.
        rows: (h,) rows of the area that make the band.
        grids: (m * m, V, H) gains at nodes, one grid per position of an m x m cell.
        lowest: (V, H) the smallest of them: clipped light of all colors ends at `lowest * ceiling`.
        nodes: origin and step of rows, then of columns, from photosites to nodes.
        ceiling: highest balanced signal before any gain.
    """
    m = round(math.sqrt(len(grids)))
    width = band.shape[1]
    is_ended = ceiling < np.inf  # a gain of 0 times infinity would be no number
    top, gain = np.empty(width, np.float32), np.empty(width, np.float32)
    for i in range(len(rows)):
        row = nodes[0] + rows[i] * nodes[1]
        gain_row(lowest, row, nodes[2], nodes[3], top)
        for first in range(m):
            part = gain[: (width - first + m - 1) // m]
            grid = grids[(rows[i] % m) * m + first]
            gain_row(grid, row, nodes[2] + first * nodes[3], nodes[3] * m, part)
            for k in range(len(part)):
                j = first + k * m
                lit = band[i, j] * part[k]
                band[i, j] = min(lit, top[j] * np.float32(ceiling)) if is_ended else lit


@_kernel
def reconstruct_rows(
    padded: NDArray[np.float32],
    pattern: NDArray[np.int64],
    levels: NDArray[np.float32],
    offsets: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """The twin of `highlights.reconstruct`: `out` is `padded`, (h, w), with its clipped photosites raised."""
    height, width = padded.shape
    n, colors = len(pattern), len(levels)
    total, count = np.zeros(colors, np.float32), np.zeros(colors, np.float32)
    for y in range(height):
        for x in range(width):
            own = pattern[y % n, x % n]
            value = padded[y, x]
            out[y, x] = value
            if value < np.float32(NEAR) * levels[own]:
                continue
            total[:] = 0
            count[:] = 0
            for dy in range(max(y - 1, 0), min(y + 2, height)):
                for dx in range(max(x - 1, 0), min(x + 2, width)):
                    color = pattern[dy % n, dx % n]
                    total[color] += max(padded[dy, dx], np.float32(0))
                    count[color] += 1
            roots, is_lost = np.float32(0), True
            for color in range(colors):
                mean = total[color] / max(count[color], np.float32(1))
                is_lost = is_lost and mean >= np.float32(NEAR) * levels[color]
                if color != own:
                    roots += mean ** np.float32(1 / 3)
            raised = max(value, (roots / np.float32(colors - 1)) ** 3 + offsets[own])
            out[y, x] = levels.max() if is_lost else raised


@_inner
def _light_row(
    planes: NDArray[np.float32], i: int, matrix: NDArray[np.float32], rgb: NDArray[np.float32]
) -> None:
    """Linear Rec. 2020 of a row into `rgb` (3, W); NaN is black."""
    width = planes.shape[2]
    for d in range(3):
        light, first, share = rgb[d], planes[0, i], matrix[d, 0]
        for j in range(width):
            light[j] = share * first[j]
        for c in range(1, matrix.shape[1]):
            plane, share = planes[c, i], matrix[d, c]
            for j in range(width):
                light[j] += share * plane[j]
        for j in range(width):
            light[j] = finite(light[j])


@_inner
def _tone_row(rgb: NDArray[np.float32], ends: NDArray[np.float32], curve: NDArray[np.float32]) -> None:
    """`tone.apply` of a row in place; `ends` (2, W) is room for the largest and smallest channel."""
    red, green, blue = rgb[0], rgb[1], rgb[2]
    high, low = ends[0], ends[1]
    for j in range(len(red)):
        red[j], green[j], blue[j] = max(red[j], _ZERO), max(green[j], _ZERO), max(blue[j], _ZERO)
        high[j] = max(max(red[j], green[j]), blue[j])
        low[j] = min(min(red[j], green[j]), blue[j])
    for j in range(len(red)):
        span = high[j] - low[j]
        square = (span / max(high[j], _TINY)) ** 2
        purity = square * square * square * square  # its eighth power
        raised = low[j] + _PALE * high[j] / (_ONE + high[j]) * purity * span
        top, bottom = _looked_up(high[j], curve), _looked_up(raised, curve)
        slope = (top - bottom) / max(span, _TINY)
        red[j] = bottom + (red[j] - low[j]) * slope
        green[j] = bottom + (green[j] - low[j]) * slope
        blue[j] = bottom + (blue[j] - low[j]) * slope


@_inner
def _looked_up(x: np.float32, curve: NDArray[np.float32]) -> np.float32:
    """`tone.curve` from its table."""
    position = x / (x + _GRAY) * np.float32(len(curve) - 1)
    index = min(np.int32(position), np.int32(len(curve) - 2))
    start = curve[index]
    return min(np.float32(start + (curve[index + 1] - start) * (position - np.float32(index))), _ONE)


@_kernel
def tone_rows(planes: NDArray[np.float32], matrix: NDArray[np.float32], curve: NDArray[np.float32]) -> None:
    """Camera colors to display light in Rec. 2020, in the first three planes.

    Args:
        planes: (3 or more, h, w) balanced linear camera colors, overwritten.
        matrix: (3, C) camera to Rec. 2020, exposure included.
        curve: `tone.table(white)`, or empty for none.
    """
    rgb, ends = np.empty((3, planes.shape[2]), np.float32), np.empty((2, planes.shape[2]), np.float32)
    for i in range(planes.shape[1]):
        _light_row(planes, i, matrix, rgb)
        if len(curve) > 0:
            _tone_row(rgb, ends, curve)
        planes[:3, i] = rgb


@_kernel
def picture_rows(
    planes: NDArray[np.float32],
    matrix: NDArray[np.float32],
    curve: NDArray[np.float32],
    into: NDArray[np.float32],
    weights: NDArray[np.float32],
    table: NDArray[np.float32],
    out: NDArray[np.uint8],
) -> None:
    """Camera colors to the picture's integers: tone, output space, gamut, transfer curve, rounding.

    One short loop after the other over a row: each is vectorized, all in one would not be.

    Args:
        planes: (3 or more, h, w) balanced linear camera colors.
        matrix: (3, C) camera to Rec. 2020, exposure included.
        curve: `tone.table(white)`, or empty for none.
        into: (3, 3) Rec. 2020 to the output space.
        weights: (3,) luminance of each output channel.
        table: `output.table(transfer)`.
        out: (h, w, 3) uint8 or uint16, overwritten.
    """
    top = np.float32(255 if out.itemsize == 1 else 65535)
    width = planes.shape[2]
    rgb, ends = np.empty((3, width), np.float32), np.empty((2, width), np.float32)
    red, green, blue = rgb[0], rgb[1], rgb[2]
    for i in range(planes.shape[1]):
        _light_row(planes, i, matrix, rgb)
        if len(curve) > 0:
            _tone_row(rgb, ends, curve)
        for j in range(width):
            r, g, b = red[j], green[j], blue[j]
            red[j], green[j], blue[j] = gamut_map(
                into[0, 0] * r + into[0, 1] * g + into[0, 2] * b,
                into[1, 0] * r + into[1, 1] * g + into[1, 2] * b,
                into[2, 0] * r + into[2, 1] * g + into[2, 2] * b,
                weights,
            )
        for d in range(3):
            light = rgb[d]
            for j in range(width):
                light[j] = encode(light[j], table)
        for j in range(width):
            out[i, j, 0] = quantize(red[j], top)
            out[i, j, 1] = quantize(green[j], top)
            out[i, j, 2] = quantize(blue[j], top)
