"""DNG's opcodes: corrections that the camera asks its reader to make. Their bytes are in opcode_bytes.py.

List 1 acts on stored values of the whole array, list 2 after levels and list 3 after demosaicing; both of these
count rows and columns from the active area's corner. The number in a docstring's brackets is the opcode's id.

Source: Adobe, DNG specification 1.7.1, chapter 7 "Opcode List Processing".
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

OPTIONAL, PREVIEW_SKIPS = 1, 2  # bits of an opcode's flags, DNG 1.7.1 chapter 7


class Region(NamedTuple):
    """The photosites that an opcode touches: each `row_pitch`-th row and `column_pitch`-th column of an area.

    `bottom` and `right` are just outside; `planes` may reach past the picture's.
    """

    top: int
    left: int
    bottom: int
    right: int
    plane: int = 0
    planes: int = 1
    row_pitch: int = 1
    column_pitch: int = 1

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Index of a (C, H, W) array."""
        return (
            slice(self.plane, self.plane + self.planes),
            slice(self.top, self.bottom, self.row_pitch),
            slice(self.left, self.right, self.column_pitch),
        )


@dataclass(frozen=True, eq=False)
class WarpRectilinear:
    """Radial and tangential distortion per plane (1). Destination to source, see develop/lens.py.

    Attributes:
        radial: (P, 4) float64, factors of r^0, r^2, r^4, r^6; one row for all planes, or one each.
        tangential: (P, 2) float64.
        center: x, y of the optical center; 0 is the first pixel, 1 the last.
    """

    radial: NDArray[np.float64]
    tangential: NDArray[np.float64]
    center: tuple[float, float]
    flags: int = OPTIONAL


@dataclass(frozen=True, eq=False)
class WarpFisheye:
    """Fisheye to rectilinear per plane (2): `radial` (P, 4) are factors of t, t^3, t^5, t^7, t = atan(r)."""

    radial: NDArray[np.float64]
    center: tuple[float, float]
    flags: int = OPTIONAL


@dataclass(frozen=True, eq=False)
class FixVignetteRadial:
    """A gain of 1 + k0 r^2 + ... + k4 r^10 (3); `coefficients` are the five k."""

    coefficients: tuple[float, ...]
    center: tuple[float, float]
    flags: int = OPTIONAL


@dataclass(frozen=True, eq=False)
class FixBadPixelsConstant:
    """Photosites that store `constant` are bad (4). `bayer_phase` 0 to 3: red at 0,0; 0,1; 1,0; 1,1."""

    constant: int
    bayer_phase: int = 0
    flags: int = OPTIONAL


@dataclass(frozen=True, eq=False)
class FixBadPixelsList:
    """Bad photosites (5): `points` (N, 2) row, column; `rectangles` (M, 4) top, left, bottom, right."""

    points: NDArray[np.int64]
    rectangles: NDArray[np.int64]
    bayer_phase: int = 0
    flags: int = OPTIONAL


@dataclass(frozen=True, eq=False)
class TrimBounds:
    """Only this rectangle of the picture remains (6)."""

    top: int
    left: int
    bottom: int
    right: int
    flags: int = OPTIONAL


@dataclass(frozen=True, eq=False)
class MapTable:
    """Values of 0 to 65535 through a table (7); past its end its last entry holds. `table` is (N,) uint16."""

    region: Region
    table: NDArray[np.uint16]
    flags: int = OPTIONAL


@dataclass(frozen=True, eq=False)
class MapPolynomial:
    """Values of 0 to 1 through c0 + c1 x + c2 x^2 + ... (8)."""

    region: Region
    coefficients: tuple[float, ...]
    flags: int = OPTIONAL


@dataclass(frozen=True, eq=False)
class GainMap:
    """Gains on a coarse grid of nodes, bilinear between them, held past its edges (9).

    Attributes:
        gains: (V, H, P) float32. Plane p of the picture takes plane min(p, P - 1).
        spacing: vertical and horizontal distance of nodes, as a fraction of the picture's height and width.
        origin: of the first node, in the same fractions.
    """

    region: Region
    gains: NDArray[np.float32]
    spacing: tuple[float, float]
    origin: tuple[float, float] = (0.0, 0.0)
    flags: int = OPTIONAL


@dataclass(frozen=True, eq=False)
class _PerLine:
    """One float32 value for each touched row or column, in `values`."""

    region: Region
    values: NDArray[np.float32]
    flags: int = OPTIONAL


class DeltaPerRow(_PerLine):
    """A value to add to each touched row (10)."""


class DeltaPerColumn(_PerLine):
    """A value to add to each touched column (11)."""


class ScalePerRow(_PerLine):
    """A gain of each touched row (12)."""


class ScalePerColumn(_PerLine):
    """A gain of each touched column (13)."""


@dataclass(frozen=True, eq=False)
class WarpRectilinear2:
    """`WarpRectilinear` with every power of r (14, DNG 1.6).

    Attributes:
        radial: (P, 15) float64, factors of r^0, r^1, ... r^14.
        tangential: (P, 2) float64.
        valid: (P, 2) float64, the smallest and largest r of which `radial` speaks; r is held within.
        center: as in `WarpRectilinear`.
        is_reciprocal: the polynomial is one over the factor.
    """

    radial: NDArray[np.float64]
    tangential: NDArray[np.float64]
    valid: NDArray[np.float64]
    center: tuple[float, float]
    is_reciprocal: bool = False
    flags: int = OPTIONAL


Warp = WarpRectilinear | WarpRectilinear2 | WarpFisheye
PerLine = DeltaPerRow | DeltaPerColumn | ScalePerRow | ScalePerColumn
Opcode = (
    Warp | FixVignetteRadial | FixBadPixelsConstant | FixBadPixelsList | TrimBounds
    | MapTable | MapPolynomial | GainMap | PerLine
)  # fmt: skip
