"""How different two colors look: CIE XYZ to CIELAB, and CIEDE2000 between two of them.

colour-science has both; these take a stack of colors at a tenth of its cost, which a fit asks for 10 000 times.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def lab(xyz: NDArray[Any], white: NDArray[Any]) -> Array:
    """CIELAB, (..., 3): L* 0 to 100, a*, b*, of XYZ (..., 3) under a white (3,). Below 0 the toe is continued.

    Source: CIE 15:2018, 8.2.1.

    >>> lab(np.array([0.5, 1.0, 0.3]), np.array([0.5, 1.0, 0.3])).tolist()
    [100.0, 0.0, 0.0]
    """
    ratio = np.asarray(xyz, np.float64) / white
    root = np.cbrt(np.maximum(ratio, (6 / 29) ** 3))
    f = np.where(ratio > (6 / 29) ** 3, root, ratio * (841 / 108) + 4 / 29)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def ciede2000(one: NDArray[Any], other: NDArray[Any]) -> Array:
    """The color difference of CIELAB (..., 3) and (..., 3), broadcast, (...); kL = kC = kH = 1."""
    return np.asarray(np.linalg.norm(components(one, other), axis=-1))


def components(one: NDArray[Any], other: NDArray[Any]) -> Array:
    """Three numbers whose squares add up to that of CIEDE2000, (..., 3): smooth where the colors meet.

    The difference itself has a corner there, at which least squares would stall.

    Source: G. Sharma, W. Wu and E. N. Dalal, "The CIEDE2000 color-difference formula: implementation notes,
    supplementary test data, and mathematical observations", Color Research & Application 30(1), 2005; its
    equation numbers stand on the lines.
    """
    (lightness_1, chroma_1, hue_1), (lightness_2, chroma_2, hue_2) = _polar(
        *(np.asarray(color, np.float64) for color in (one, other))
    )
    between = np.where(chroma_1 * chroma_2 == 0, 0.0, (hue_2 - hue_1 + 180) % 360 - 180)  # (10)
    lightness = (lightness_1 + lightness_2) / 2  # (12)
    chroma = (chroma_1 + chroma_2) / 2  # (13)
    hue = np.where(abs(hue_1 - hue_2) <= 180, hue_1 + hue_2, hue_1 + hue_2 + 360) / 2 % 360  # (14)
    hue = np.where(chroma_1 * chroma_2 == 0, hue_1 + hue_2, hue)
    weight = (
        1
        - 0.17 * _cos(hue - 30)
        + 0.24 * _cos(2 * hue)
        + 0.32 * _cos(3 * hue + 6)
        - 0.20 * _cos(4 * hue - 63)
    )  # (15)
    from_50 = (lightness - 50) ** 2
    delta_l = (lightness_2 - lightness_1) / (1 + 0.015 * from_50 / np.sqrt(20 + from_50))  # (8), (18)
    delta_c = (chroma_2 - chroma_1) / (1 + 0.045 * chroma)  # (9), (19)
    delta_h = 2 * np.sqrt(chroma_1 * chroma_2) * np.sin(np.radians(between / 2))  # (11)
    delta_h = delta_h / (1 + 0.015 * chroma * weight)  # (20)
    turn = np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2)))  # (16), twice
    rotation = -2 * np.sqrt(_seventh(chroma)) * np.sin(turn)  # (17), (21)
    # (22) is l^2 + c^2 + h^2 + rotation c h = l^2 + (c + rotation h / 2)^2 + (1 - rotation^2 / 4) h^2.
    turned = delta_h * np.sqrt(np.maximum(1 - rotation**2 / 4, 0))
    return np.stack([delta_l, delta_c + rotation * delta_h / 2, turned], axis=-1)


def _polar(one: Array, other: Array) -> list[tuple[Array, Array, Array]]:
    """Lightness, chroma and hue in degrees of each, with a* stretched by the chroma of both: (2) to (7)."""
    chroma = (np.hypot(one[..., 1], one[..., 2]) + np.hypot(other[..., 1], other[..., 2])) / 2
    stretch = 1 + 0.5 * (1 - np.sqrt(_seventh(chroma)))
    found = []
    for color in (one, other):
        a, b = stretch * color[..., 1], color[..., 2]
        found.append((color[..., 0], np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360))
    return found


def _seventh(chroma: Array) -> Array:
    return np.asarray(chroma**7 / (chroma**7 + 25.0**7))


def _cos(degrees: Array) -> Array:
    return np.asarray(np.cos(np.radians(degrees)))
