"""ICC profiles of the color spaces, made from their primaries and curves: 0.5 kB each, always the same bytes.

Version 4.3 matrix profiles, three colorants and one parametric curve; a gray picture's has the curve alone.
XYZ in a profile is relative to D50; the `chad` tag says how it came there from the space's own white.
"""

import hashlib
import struct
from functools import cache

import numpy as np
from numpy.typing import NDArray

from deepisp import spaces

# ICC.1:2022, 7.2.16: the PCS illuminant as s15Fixed16 numbers, 0.9642, 1.0, 0.8249.
_D50 = np.array([0xF6D6, 0x10000, 0xD32D]) / 0x10000
_DATE = (2026, 1, 1, 0, 0, 0)  # fixed, so that a picture's bytes do not depend on the day
_COPYRIGHT = "CC0: no rights reserved"


@cache
def icc_profile(space: str, *, gray: bool = False) -> bytes | None:
    """The profile that describes `space`; None for "camera", whose numbers are no color yet.

    Args:
        space: a name of `spaces.SPACES`, or "camera": such a picture carries no profile.
        gray: for a picture of one channel.

    Raises:
        ValueError: no such space.

    Source: ICC.1:2022 (profile version 4.4); nothing newer than version 4.3 is used.
    """
    if space == "camera":
        return None
    if space not in spaces.SPACES:
        raise ValueError(f"no color space {space!r}; known: {', '.join([*spaces.SPACES, 'camera'])}")
    known = spaces.SPACES[space]
    adaptation = spaces.adapt(spaces.xyz(known.white), _D50)
    tags = {
        b"desc": _text(known.name + (", gray" if gray else "")),
        b"cprt": _text(_COPYRIGHT),
        b"wtpt": b"XYZ \0\0\0\0" + _fixed(_D50),
        b"chad": b"sf32\0\0\0\0" + _fixed(adaptation),
    }
    curve = _curve(spaces.CURVES[known.transfer])
    if gray:
        tags[b"kTRC"] = curve
    else:
        red, green, blue = _colorants(adaptation @ spaces.rgb_to_xyz(space))
        tags |= {b"rXYZ": red, b"gXYZ": green, b"bXYZ": blue, b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    return _assemble(b"GRAY" if gray else b"RGB ", tags)


def _fixed(values: NDArray[np.float64]) -> bytes:
    """s15Fixed16 numbers, row by row."""
    return np.round(values * 0x10000).astype(">i4").tobytes()


def _colorants(matrix: NDArray[np.float64]) -> list[bytes]:
    """The matrix's columns, rounded so that they still add up to D50: white stays neutral to the last bit."""
    columns = np.round(matrix * 0x10000) / 0x10000
    columns[:, 1] = _D50 - columns[:, 0] - columns[:, 2]
    return [b"XYZ \0\0\0\0" + _fixed(column) for column in columns.T]


def _curve(curve: spaces.Curve) -> bytes:
    """parametricCurveType 3, or 0 for a pure power: ICC.1:2022, table 68."""
    if curve.toe == 0:
        return b"para\0\0\0\0" + struct.pack(">HH", 0, 0) + _fixed(np.array([curve.gamma]))
    scale = 1 / (1 + curve.offset)
    numbers = np.array([curve.gamma, scale, curve.offset * scale, 1 / curve.slope, curve.toe])
    return b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + _fixed(numbers)


def _text(words: str) -> bytes:
    """multiLocalizedUnicodeType with one entry, en-US: ICC.1:2022, 10.15."""
    data = words.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II4sII", 1, 12, b"enUS", len(data), 28) + data


def _assemble(color: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Header, tag table, data; equal data are stored once, as the three curves are."""
    table, body, places = b"", b"", dict[bytes, int]()
    start = 128 + 4 + 12 * len(tags)
    for signature, data in tags.items():
        if data not in places:
            places[data] = start + len(body)
            body += data + bytes(-len(data) % 4)
        table += signature + struct.pack(">II", places[data], len(data))
    header = struct.pack(
        ">I4s4s4s4s4s6H4s",
        start + len(body), b"\0" * 4, b"\x04\x30\0\0", b"mntr", color, b"XYZ ", *_DATE, b"acsp",
    )  # fmt: skip
    header += bytes(28) + _fixed(_D50)  # platform to rendering intent: not stated, perceptual
    header = header.ljust(128, b"\0")
    profile = header + struct.pack(">I", len(tags)) + table + body
    # Profile ID, 7.2.18: MD5 over the profile with flags, intent and ID zero, as they are so far.
    identity = hashlib.md5(profile, usedforsecurity=False).digest()
    return profile[:84] + identity + profile[100:]
