"""Chromaticity of a light ↔ color temperature and tint, on the scale of DNG converters.

Temperature is the correlated color temperature (CCT) in kelvin; tint is 3000 times the distance from the
Planckian locus in the CIE 1960 (u, v) diagram. A positive tint names a light above the locus (greener than a black
body), so that **raising it makes the picture more magenta**: D65 is 6500 K, tint +10.

Source: A. R. Robertson, "Computation of correlated color temperature and distribution temperature", J. Opt. Soc.
Am. 58(11), 1968; the table is that of G. Wyszecki and W. S. Stiles, "Color Science", 2nd ed. 1982, table 1(3.11).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Chromaticity = tuple[float, float]

TINT_PER_UV = 3000.0  # as in DNG converters, whose slider runs from -150 to 150
_LIMITS = (10.0, 1000.0)  # mired: 100 000 K to 1000 K; colder than 1667 K (600 mired) is extrapolated

# Reciprocal megakelvin (mired), u, v, slope of the isotemperature line. At 325 mired the book prints u = 0.24702;
# 0.24792 is the correction that B. Lindbloom found, as colour-science 0.4.7 has it.
_LINES = np.array(
    [
        (0, 0.18006, 0.26352, -0.24341),
        (10, 0.18066, 0.26589, -0.25479),
        (20, 0.18133, 0.26846, -0.26876),
        (30, 0.18208, 0.27119, -0.28539),
        (40, 0.18293, 0.27407, -0.30470),
        (50, 0.18388, 0.27709, -0.32675),
        (60, 0.18494, 0.28021, -0.35156),
        (70, 0.18611, 0.28342, -0.37915),
        (80, 0.18740, 0.28668, -0.40955),
        (90, 0.18880, 0.28997, -0.44278),
        (100, 0.19032, 0.29326, -0.47888),
        (125, 0.19462, 0.30141, -0.58204),
        (150, 0.19962, 0.30921, -0.70471),
        (175, 0.20525, 0.31647, -0.84901),
        (200, 0.21142, 0.32312, -1.0182),
        (225, 0.21807, 0.32909, -1.2168),
        (250, 0.22511, 0.33439, -1.4512),
        (275, 0.23247, 0.33904, -1.7298),
        (300, 0.24010, 0.34308, -2.0637),
        (325, 0.24792, 0.34655, -2.4681),
        (350, 0.25591, 0.34951, -2.9641),
        (375, 0.26400, 0.35200, -3.5814),
        (400, 0.27218, 0.35407, -4.3633),
        (425, 0.28039, 0.35577, -5.3762),
        (450, 0.28863, 0.35714, -6.7262),
        (475, 0.29685, 0.35823, -8.5955),
        (500, 0.30505, 0.35907, -11.324),
        (525, 0.31320, 0.35968, -15.628),
        (550, 0.32129, 0.36011, -23.325),
        (575, 0.32931, 0.36038, -40.770),
        (600, 0.33724, 0.36051, -116.45),
    ]
)
_MIRED, _LOCUS = _LINES[:, 0], _LINES[:, 1:3]
# Unit vectors along the isotemperature lines, pointing down, away from green.
_DOWN = np.stack([np.ones(len(_LINES)), _LINES[:, 3]], axis=1) / np.hypot(1, _LINES[:, 3])[:, None]


class Temperature(NamedTuple):
    """A light as photographers name it: `kelvin` (CCT) and `tint` (positive makes the picture more magenta)."""

    kelvin: float
    tint: float


def from_xy(xy: Chromaticity) -> Temperature:
    """Temperature and tint of a chromaticity (CIE 1931, 2 degrees); 1000 to 100 000 K, always finite.

    >>> kelvin, tint = from_xy((0.3127, 0.3290))
    >>> round(kelvin, -1), round(tint)
    (6500.0, 10)
    """
    x, y = xy
    uv = np.array([2 * x, 3 * y]) / max(1.5 - x + 6 * y, 1e-3)
    offset = uv - _LOCUS
    distance = (
        offset[:, 1] * _DOWN[:, 0] - offset[:, 0] * _DOWN[:, 1]
    )  # above each line; falls along the locus
    below = np.flatnonzero(distance[1:] <= 0)
    i = int(below[0]) + 1 if below.size else len(_LINES) - 1
    step = distance[i - 1] - distance[i]
    fraction = distance[i - 1] / step if step > 0 else 1.0
    limits = [(mired - _MIRED[i - 1]) / (_MIRED[i] - _MIRED[i - 1]) for mired in _LIMITS]
    fraction = float(np.clip(fraction, *limits))
    mired = _MIRED[i - 1] + fraction * (_MIRED[i] - _MIRED[i - 1])
    locus, down = _line(i, fraction)
    return Temperature(1e6 / mired, -TINT_PER_UV * float((uv - locus) @ down))


def to_xy(kelvin: float, tint: float = 0.0) -> Chromaticity:
    """CIE 1931 chromaticity of a temperature and tint: the twin of `from_xy`.

    >>> x, y = to_xy(6504, 9.7)
    >>> round(x, 3), round(y, 3)
    (0.313, 0.329)
    """
    mired = float(np.clip(1e6 / kelvin, *_LIMITS))
    i = min(max(int(np.searchsorted(_MIRED, mired, side="right")), 1), len(_LINES) - 1)
    locus, down = _line(i, (mired - _MIRED[i - 1]) / (_MIRED[i] - _MIRED[i - 1]))
    u, v = (locus - down * tint / TINT_PER_UV).tolist()
    return 1.5 * u / (u - 4 * v + 2), v / (u - 4 * v + 2)


def _line(i: int, fraction: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Foot and direction of the isotemperature line between rows i - 1 (fraction 0) and i (1), or beyond."""
    locus = _LOCUS[i - 1] + fraction * (_LOCUS[i] - _LOCUS[i - 1])
    down = _DOWN[i - 1] + fraction * (_DOWN[i] - _DOWN[i - 1])
    return locus, down / np.hypot(*down)


# CIE 15:2004, table T.3 and 3.1, 2 degree observer; B is that of Wyszecki and Stiles 1982, table I(3.3.4).
_A, _B, _C = (0.44758, 0.40745), (0.34842, 0.35161), (0.31006, 0.31616)
_D50, _D55, _D65, _D75 = (0.34567, 0.35851), (0.33243, 0.34744), (0.31272, 0.32903), (0.29903, 0.31488)

# EXIF LightSource (37384) and DNG CalibrationIlluminant. Fluorescent lamps and studio tungsten are black bodies in the
# middle of the temperature range that EXIF 2.32 (CIPA DC-008-2019), LightSource, gives; the daylights and the flash
# follow DNG converters, which take 5500 K for sun and flash, 6500 K for clouds, 7500 K for shade.
LIGHT_SOURCES: dict[int, Chromaticity] = {
    1: _D55,  # daylight
    2: to_xy(4150),  # fluorescent: as cool white
    3: _A,  # tungsten
    4: _D55,  # flash
    9: _D55,  # fine weather
    10: _D65,  # cloudy
    11: _D75,  # shade
    12: to_xy(6400),  # daylight fluorescent, 5700 to 7100 K
    13: to_xy(5050),  # day white fluorescent, 4600 to 5500 K
    14: to_xy(4150),  # cool white fluorescent, 3800 to 4500 K
    15: to_xy(3525),  # white fluorescent, 3250 to 3800 K
    16: to_xy(2925),  # warm white fluorescent, 2600 to 3250 K
    17: _A,
    18: _B,
    19: _C,
    20: _D55,
    21: _D65,
    22: _D75,
    23: _D50,
    24: to_xy(3200),  # ISO studio tungsten
}
