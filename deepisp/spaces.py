"""The RGB color spaces of pictures: primaries, white point, transfer curve.

`linear` is light, 1 = white; `encoded` is what a picture stores, 1 = white. Both may leave 0 to 1: every
curve is continued beyond white, and mirrored below black, so that `decode` undoes `encode` everywhere.
"""

from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

Transfer = Literal["srgb", "adobe", "romm", "bt2020", "linear"]
Chromaticity = tuple[float, float]
Floats = TypeVar("Floats", bound=NDArray[np.floating[Any]])

D65: Chromaticity = (0.3127, 0.3290)  # CIE x, y as IEC 61966-2-1, BT.2020 and Adobe RGB (1998) round them
D50: Chromaticity = (0.3457, 0.3585)  # ISO 22028-2, table 1


@dataclass(frozen=True)
class Space:
    """One RGB color space.

    Attributes:
        name: what a profile's description says.
        primaries: CIE 1931 x, y of red, green and blue.
        white: CIE 1931 x, y of R = G = B.
        transfer: the curve between light and the stored number.
    """

    name: str
    primaries: tuple[Chromaticity, Chromaticity, Chromaticity]
    white: Chromaticity
    transfer: Transfer


_SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))  # IEC 61966-2-1:1999, 4.1 (those of ITU-R BT.709)
_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))  # SMPTE EG 432-1:2010, P3 with a D65 white
_ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))  # Adobe RGB (1998) Color Image Encoding, 4.3.1
_ROMM = ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001))  # ISO 22028-2:2013 (ROMM RGB), table 1
_REC2020 = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))  # ITU-R BT.2020-2, table 3

SPACES: dict[str, Space] = {
    "srgb": Space("sRGB", _SRGB, D65, "srgb"),
    "p3": Space("Display P3", _P3, D65, "srgb"),
    "adobergb": Space("Compatible with Adobe RGB (1998)", _ADOBE, D65, "adobe"),
    "prophoto": Space("ProPhoto RGB", _ROMM, D50, "romm"),
    "rec2020": Space("Rec. 2020", _REC2020, D65, "bt2020"),
    "linear-srgb": Space("sRGB, linear", _SRGB, D65, "linear"),
    "linear-p3": Space("Display P3, linear", _P3, D65, "linear"),
    "linear-adobergb": Space("Compatible with Adobe RGB (1998), linear", _ADOBE, D65, "linear"),
    "linear-prophoto": Space("ProPhoto RGB, linear", _ROMM, D50, "linear"),
    "linear-rec2020": Space("Rec. 2020, linear", _REC2020, D65, "linear"),
}


@dataclass(frozen=True)
class Curve:
    """`linear = ((encoded + offset) / (1 + offset)) ** gamma`, and `encoded / slope` below the toe.

    Attributes:
        gamma: the exponent of `decode`.
        offset: 0 for a pure power.
        slope: encoded over linear in the toe.
        toe: the encoded value where the toe ends.
    """

    gamma: float
    offset: float = 0.0
    slope: float = 1.0
    toe: float = 0.0


CURVES: dict[Transfer, Curve] = {
    "srgb": Curve(2.4, 0.055, 12.92, 0.04045),  # IEC 61966-2-1:1999, 4.2
    "adobe": Curve(563 / 256),  # 2.19921875: Adobe RGB (1998) Color Image Encoding, 4.3.4.2
    "romm": Curve(1.8, 0.0, 16.0, 16 / 512),  # ISO 22028-2:2013: linear below 16 ** (1.8 / (1 - 1.8)) = 1/512
    # ITU-R BT.2020-2, table 4: alpha and beta to full precision, as its footnote gives them.
    "bt2020": Curve(1 / 0.45, 0.09929682680944, 4.5, 4.5 * 0.018053968510807),
    "linear": Curve(1.0),
}


def encode(linear: Floats, transfer: Transfer) -> Floats:
    """The stored numbers of `linear` light: same shape and dtype, not clipped."""
    if transfer == "linear":
        return linear
    curve, light = CURVES[transfer], np.abs(linear)
    upper = (1 + curve.offset) * light ** (1 / curve.gamma) - curve.offset
    stored = np.where(light <= curve.toe / curve.slope, light * curve.slope, upper)
    signed: Floats = np.copysign(stored, linear).astype(linear.dtype)
    return signed


def decode(encoded: Floats, transfer: Transfer) -> Floats:
    """The light of `encoded` numbers, the twin of `encode`."""
    if transfer == "linear":
        return encoded
    curve, stored = CURVES[transfer], np.abs(encoded)
    upper = ((stored + curve.offset) / (1 + curve.offset)) ** curve.gamma
    light = np.where(stored <= curve.toe, stored / curve.slope, upper)
    signed: Floats = np.copysign(light, encoded).astype(encoded.dtype)
    return signed


def xyz(white: Chromaticity) -> NDArray[np.float64]:
    """CIE XYZ of a chromaticity, (3,), Y = 1.

    >>> xyz((1 / 3, 1 / 3)).round(12).tolist()
    [1.0, 1.0, 1.0]
    """
    x, y = white
    return np.array([x / y, 1.0, (1 - x - y) / y])


def rgb_to_xyz(space: str) -> NDArray[np.float64]:
    """Linear RGB of a space of `SPACES` to CIE XYZ under that space's own white, (3, 3), acts on columns.

    Derived from the primaries: R = G = B = 1 gives the white with Y = 1. Standards print it rounded.

    Source: SMPTE RP 177-1993, "Derivation of basic television color equations".
    """
    columns = np.stack([xyz(primary) for primary in SPACES[space].primaries], axis=1)
    return columns * np.linalg.solve(columns, xyz(SPACES[space].white))


def adapt(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """XYZ under the white `source` to XYZ under the white `target`, both (3,): Bradford, (3, 3).

    Source: ICC.1:2022, annex E.3, which prescribes it for profiles.
    """
    cones = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    gains = (cones @ target) / (cones @ source)
    return np.linalg.solve(cones, gains[:, None] * cones)
