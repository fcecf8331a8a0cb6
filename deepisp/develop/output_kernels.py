"""One pixel of `output`, for the compiled loops of the CPU path: the same formulas, float32, no allocation.

All functions are inlined by numba into the loop that calls them, so that it can be vectorized: there is no branch
that skips work. NaN must have been sent to 0 by `finite` before. Let one loop along a row do `finite`, the matrix and
`gamut_map` into a buffer, and a second one `encode` and `quantize` from there: 12 million pixels take 0.07 CPU s so,
0.2 s in a single loop, which is not vectorized.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepisp.develop import output

_KNEE, _ROOM = np.float32(output.KNEE), np.float32(1 - output.KNEE)
_NEAREST, _BRIGHTEST = np.float32(output.NEAREST), np.float32(output.BRIGHTEST)
_STEPS = np.float32(output.TABLE_STEPS)
_FIRST, _LAST = np.int32(0), np.int32(output.TABLE_STEPS)
_ZERO, _ONE, _HALF = np.float32(0), np.float32(1), np.float32(0.5)


@njit(inline="always")
def finite(value: np.float32) -> np.float32:
    """`value` within +-65504, NaN as 0."""
    value = value if value == value else _ZERO  # noqa: PLR0124  # NaN alone differs from itself
    return min(max(value, -_BRIGHTEST), _BRIGHTEST)


@njit(inline="always")
def gamut_map(
    red: np.float32, green: np.float32, blue: np.float32, weights: NDArray[np.float32]
) -> tuple[np.float32, np.float32, np.float32]:
    """`output.gamut_map` of one finite pixel; `weights` is (3,) float32."""
    gray = weights[0] * red + weights[1] * green + weights[2] * blue
    highest = max(red, green, blue) - gray
    lowest = gray - min(red, green, blue)
    to_white, to_black = max(_ONE - gray, _NEAREST), max(gray, _NEAREST)
    # Two divisions instead of the formulas' four.
    reach = max(highest * to_black, lowest * to_white) / (to_white * to_black)
    over = max(reach - _KNEE, _ZERO)
    scale = (_KNEE * (_ROOM + over) + _ROOM * over) / ((_ROOM + over) * max(reach, _KNEE))
    scale = scale if _ZERO < gray < _ONE else _ZERO
    base = min(max(gray, _ZERO), _ONE)
    return (
        min(max(base + (red - gray) * scale, _ZERO), _ONE),
        min(max(base + (green - gray) * scale, _ZERO), _ONE),
        min(max(base + (blue - gray) * scale, _ZERO), _ONE),
    )


@njit(inline="always")
def encode(light: np.float32, table: NDArray[np.float32]) -> np.float32:
    """The stored number, 0 to 1, of `light` from 0 to 1; `table` is `output.table(transfer)`."""
    place = np.float32(math.sqrt(light)) * _STEPS
    whole = min(max(np.int32(place), _FIRST), _LAST)  # the integer of a NaN would be any address
    i = np.uint32(
        whole
    )  # unsigned: a signed index costs a check for Python's negative ones, and the vectors with it
    low: np.float32 = table[i]
    stored: np.float32 = low + (table[i + np.uint32(1)] - low) * (place - np.float32(whole))
    return stored


@njit(inline="always")
def quantize(encoded: np.float32, top: np.float32) -> np.int32:
    """0 to 1 as an integer from 0 to `top` (255 or 65535), rounded to the nearest."""
    return np.int32(encoded * top + _HALF)
