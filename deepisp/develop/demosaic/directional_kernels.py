"""Directional demosaicing on the CPU: X-Trans, quad-Bayer, or any CFA of red, green and blue.

The steps are those of directional.py, the band that of periodic_kernels.py. Rows pass through in one sweep:
each step lags behind the one before it by the rows that it looks ahead, and keeps only those in a ring.
"""

from functools import lru_cache

import numpy as np
from numba import njit

from deepisp.develop import compiled
from deepisp.develop.demosaic import directional as twin
from deepisp.develop.demosaic import kriging
from deepisp.develop.demosaic.periodic_kernels import (
    Bank,
    Pattern,
    Plane,
    bank,
    check,
    filter_row,
    sort_columns,
)

HALO = 12  # at least REACH, and whole cells of 1, 2, 3, 4, 6 and 12
_EDGE = HALO - twin.REACH + kriging.RADIUS  # first row and column of which misses are asked
_MODELS = len(kriging.MODELS)

Banks = tuple[Bank, ...]
Rings = tuple[Plane, ...]
Number = float | np.float32

f32 = np.float32  # a plain 0.5 would carry a kernel over to float64
# Numba's cache looks at this file alone: numbers that one may want to tune come as arguments, and whoever changes
# periodic_kernels.py or a radius deletes __pycache__/directional_kernels.*.nb*.
# Of fastmath only the fused multiply-add: the rest would let a result depend on where a row begins.
_inner = njit(nogil=True, fastmath={"contract"}, error_model="numpy")
_kernel = compiled.kernel(fastmath={"contract"}, error_model="numpy")


def directional(padded: Plane, pattern: Pattern, out: Plane) -> None:
    """Red, green and blue into `out`, (3, h, w); what a photosite measured comes out unchanged.

    Raises:
        ValueError: the arrays are not as periodic_kernels.py says, or the colors are not three or lie too far apart.
    """
    check("directional", padded, pattern, out, HALO)
    if len(out) != 3:
        raise ValueError(
            f"directional wants 3 colors, got {len(out)}; use demosaic.periodic_kernels.bilinear"
        )
    residuals, estimates = _banks(pattern.tobytes(), len(pattern), padded.shape)
    tuning = twin.Tuning._make(f32(value) for value in twin.TUNING)
    _directional(padded, pattern, (residuals, estimates), tuning, out)


@lru_cache(maxsize=8)
def _banks(pattern: bytes, side: int, shape: tuple[int, ...]) -> tuple[Banks, Banks]:
    filters = twin.filters(pattern, side)
    return (
        tuple(bank(f.offsets, f.residual, shape) for f in filters),
        tuple(bank(f.offsets, f.estimate, shape) for f in filters),
    )


@_kernel
def _directional(
    padded: Plane, pattern: Pattern, banks: tuple[Banks, Banks], tuning: twin.Tuning, out: Plane
) -> None:
    n, size = len(pattern), padded.shape[1]
    band = sort_columns(padded, n)
    residuals, estimates = banks
    # One a model; tuples, because of rows of one array the compiler could not tell that they do not overlap.
    misses = (
        _ring(size),
        _ring(size),
        _ring(size),
        _ring(size),
        _ring(size),
        _ring(size),
        _ring(size),
        _ring(size),
    )
    trusts = (_row(size), _row(size), _row(size), _row(size), _row(size), _row(size), _row(size), _row(size))
    guesses = (_row(size), _row(size))  # of the two colors that were not measured, in the order of RGB
    luma, red_green, blue_green = _ring(size), _ring(size), _ring(size)
    red_trust, blue_trust = _ring(size), _ring(size)
    w = size - 2 * HALO
    sums = (_row(w), _row(w), _row(w), _row(w), _row(w), _row(w))
    room, squares, least, total = _row(size), _row(size), _row(size), _row(size)
    for last in range(_EDGE, padded.shape[0] - _EDGE):
        for k in range(_MODELS):
            _miss_row(band, residuals[k], n, last, room, squares)
            _tent_along(squares, misses[k][last & 7])
        y = last - twin.MISS_RADIUS
        if y < _EDGE + twin.MISS_RADIUS:
            continue
        _trust_row(misses, y, tuning.miss_floor, trusts, least, total)
        _mix_row(band, estimates, pattern, y, trusts, room, guesses)
        colors = pattern[y % n]
        _differences(padded[y], colors, guesses, luma[y & 7], red_green[y & 7], blue_green[y & 7])
        _measured(colors, tuning.measured_trust, red_trust[y & 7], blue_trust[y & 7])
        y -= twin.LIKENESS_RADIUS
        if y >= HALO:
            _smooth_row((luma, red_green, blue_green), (red_trust, blue_trust), y, tuning, sums)
            _write_row(padded[y], pattern[y % n], sums, out[0, y - HALO], out[1, y - HALO], out[2, y - HALO])


@_inner
def _ring(size: int) -> Plane:
    """Eight rows; row y lies at [y & 7]."""
    return np.zeros((8, size), np.float32)


@_inner
def _row(size: int) -> Plane:
    return np.zeros(size, np.float32)


@_inner
def _miss_row(band: Plane, filters: Bank, n: int, y: int, room: Plane, squares: Plane) -> None:
    """Squared misses of one model, from column _EDGE on."""
    width = -(-squares.size // n)
    for column in range(n):
        first, last = -(-(_EDGE - column) // n), -(-(squares.size - _EDGE - column) // n)
        result = room[: max(last - first, 0)]
        filter_row(band, y * width + first, filters, y % n, column, 0, result)
        x = column + n * first
        for j in range(result.size):
            squares[x + n * j] = result[j] * result[j]


@_inner
def _tent_along(squares: Plane, smooth: Plane) -> None:
    for x in range(_EDGE + 2, squares.size - _EDGE - 2):
        near, far = squares[x - 1] + squares[x + 1], squares[x - 2] + squares[x + 2]
        smooth[x] = f32(3 / 9) * squares[x] + f32(2 / 9) * near + f32(1 / 9) * far


@_inner
def _trust_row(  # numba takes positions best
    misses: Rings, y: int, floor: Number, trusts: Rings, least: Plane, total: Plane
) -> None:
    """What each model counts, from column _EDGE + 2 on; their sum is one."""
    least[:] = np.inf
    for k in range(_MODELS):
        _tent_across(misses[k], y, floor, trusts[k])
        _lower(trusts[k], least)
    total[:] = 0
    for trust in trusts:
        _judge(trust, least, total)
    for trust in trusts:
        for x in range(trust.size):
            trust[x] /= total[x]


@_inner
def _tent_across(ring: Plane, y: int, floor: Number, smooth: Plane) -> None:
    up2, up, here, down, down2 = (
        ring[(y - 2) & 7],
        ring[(y - 1) & 7],
        ring[y & 7],
        ring[(y + 1) & 7],
        ring[(y + 2) & 7],
    )
    for x in range(smooth.size):
        near, far = up[x] + down[x], up2[x] + down2[x]
        smooth[x] = f32(3 / 9) * here[x] + f32(2 / 9) * near + f32(1 / 9) * far + floor


@_inner
def _lower(row: Plane, least: Plane) -> None:
    for x in range(row.size):
        least[x] = min(least[x], row[x])


@_inner
def _judge(miss: Plane, least: Plane, total: Plane) -> None:
    for x in range(miss.size):
        ratio = least[x] / miss[x]
        miss[x] = ratio * ratio * ratio
        total[x] += miss[x]


@_inner
def _mix_row(  # numba takes positions best
    band: Plane, estimates: Banks, pattern: Pattern, y: int, trusts: Rings, room: Plane, guesses: Rings
) -> None:
    """The two colors of each photosite that were not measured, from column _EDGE + 2 on."""
    edge, n, size = _EDGE + twin.MISS_RADIUS, len(pattern), room.size
    width = -(-size // n)
    guesses[0][:] = 0
    guesses[1][:] = 0
    for column in range(n):
        first, last = -(-(edge - column) // n), -(-(size - edge - column) // n)
        result = room[: max(last - first, 0)]
        x = column + n * first
        slot = 0
        for color in range(3):
            if color == pattern[y % n, column]:
                continue
            target = guesses[slot]
            slot += 1
            for k in range(_MODELS):
                filter_row(band, y * width + first, estimates[k], y % n, column, color, result)
                trust = trusts[k]
                for j in range(result.size):
                    target[x + n * j] += trust[x + n * j] * result[j]


@_inner
def _differences(  # numba takes positions best
    mosaic: Plane, colors: Pattern, guesses: Rings, luma: Plane, red_green: Plane, blue_green: Plane
) -> None:
    n, lower, upper = len(colors), guesses[0], guesses[1]
    for x in range(mosaic.size):
        color = colors[x % n]
        red = mosaic[x] if color == 0 else lower[x]
        green = mosaic[x] if color == 1 else (lower[x] if color == 0 else upper[x])
        blue = mosaic[x] if color == 2 else upper[x]
        luma[x] = f32(1 / 4) * (red + green + green + blue)
        red_green[x] = red - green
        blue_green[x] = blue - green


@_inner
def _measured(colors: Pattern, trust: Number, red_trust: Plane, blue_trust: Plane) -> None:
    n = len(colors)
    for x in range(red_trust.size):
        red_trust[x] = trust if colors[x % n] == 0 else f32(1)
        blue_trust[x] = trust if colors[x % n] == 2 else f32(1)


@_inner
def _smooth_row(rings: Rings, trusts: tuple[Plane, Plane], y: int, tuning: twin.Tuning, sums: Rings) -> None:
    """Sums and totals of the smoothed color differences of row y; sums[k][j] is of column HALO + j.

    `rings`: luma, red minus green, blue minus green; `trusts` of the two differences.
    """
    red, red_total, blue, blue_total, scale, like = sums
    size = red.size
    for row in sums:
        row[:] = 0
    center = _all_from(rings, y, HALO, size)
    for dy in range(-3, 4):
        weight = f32((4 - abs(dy)) / 256)
        luma, red_green, blue_green = _all_from(rings, y + dy, HALO - 3, size + 6)
        _spread(center[0], luma, weight, scale)
        _spread(center[1], red_green, weight * tuning.difference_weight, scale)
        _spread(center[2], blue_green, weight * tuning.difference_weight, scale)
    for j in range(size):
        scale[j] = f32(1) / (tuning.unlikeness * scale[j] + tuning.unlikeness_floor)
    for dy in range(-3, 4):
        for x in range(HALO - 3, HALO + 4):
            tent = f32((4 - abs(dy)) * (4 - abs(x - HALO)) / 256)
            other = _all_from(rings, y + dy, x, size)
            _like(center, other, tuning.difference_weight, scale, tent, like)
            _add(like, other[1], _from(trusts[0], y + dy, x, size), red, red_total)
            _add(like, other[2], _from(trusts[1], y + dy, x, size), blue, blue_total)


@_inner
def _all_from(rings: Rings, y: int, x: int, size: int) -> tuple[Plane, Plane, Plane]:
    return _from(rings[0], y, x, size), _from(rings[1], y, x, size), _from(rings[2], y, x, size)


@_inner
def _from(ring: Plane, y: int, x: int, size: int) -> Plane:
    part: Plane = ring[y & 7][x : x + size]
    return part


@_inner
def _spread(center: Plane, other: Plane, weight: Number, spread: Plane) -> None:
    for j in range(center.size):
        m = center[j]
        a, b, c, d = other[j] - m, other[j + 1] - m, other[j + 2] - m, other[j + 3] - m
        e, f, g = other[j + 4] - m, other[j + 5] - m, other[j + 6] - m
        squares = (a * a + g * g) + f32(2) * (b * b + f * f) + f32(3) * (c * c + e * e) + f32(4) * d * d
        spread[j] += weight * squares


@_inner
def _like(  # numba takes positions best
    center: Rings, other: Rings, difference_weight: Number, scale: Plane, tent: Number, like: Plane
) -> None:
    luma, red_green, blue_green = other
    own_luma, own_red, own_blue = center
    for j in range(like.size):
        a, b, c = luma[j] - own_luma[j], red_green[j] - own_red[j], blue_green[j] - own_blue[j]
        reach = f32(1) + (a * a + difference_weight * (b * b + c * c)) * scale[j]
        like[j] = tent / (reach * reach)


@_inner
def _add(like: Plane, difference: Plane, trust: Plane, total: Plane, weights: Plane) -> None:
    for j in range(like.size):
        weight = like[j] * trust[j]
        total[j] += weight * difference[j]
        weights[j] += weight


@_inner
def _write_row(mosaic: Plane, colors: Pattern, sums: Rings, red: Plane, green: Plane, blue: Plane) -> None:
    n = len(colors)
    for j in range(red.size):
        x = j + HALO
        color, value = colors[x % n], mosaic[x]
        red_green, blue_green = sums[0][j] / sums[1][j], sums[2][j] / sums[3][j]
        base = value - red_green if color == 0 else (value - blue_green if color == 2 else value)
        red[j] = value if color == 0 else base + red_green
        green[j] = base
        blue[j] = value if color == 2 else base + blue_green
