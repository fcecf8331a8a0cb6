"""A map of lens shading that was measured: what it holds, and how it comes onto a raw image.

It has the gains of each position of the CFA's cell (of each color, in cells larger than 2 x 2) on a grid of nodes that
spans the active area from edge to edge, bilinear between them: DNG's GainMap. `applied` lays it on a raw image as
OpcodeList2, which `develop` carries out and `write_dng` writes. It is measured in calibrate/flat.py.
"""

import tomllib
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, FiniteFloat, ValidationError

from deepisp.raw import opcode_bytes
from deepisp.raw.image import RawImage
from deepisp.raw.opcodes import GainMap, Region
from deepisp.sensor import cfa as cfa_cell

Array = NDArray[np.float64]


class Optics(NamedTuple):
    """What a map of lens shading holds for.

    Attributes:
        lens: as EXIF names it, or "".
        focal_length_mm: or None.
        aperture: f-number, or None.
    """

    lens: str = ""
    focal_length_mm: float | None = None
    aperture: float | None = None


class Plane(NamedTuple):
    """The gains of some positions of the CFA's cell.

    Attributes:
        color: its letter.
        positions: row and column in the cell at the active area's corner.
        gains: (V, H) float64, the least is 1; nodes from edge to edge of the active area.
    """

    color: str
    positions: tuple[tuple[int, int], ...]
    gains: Array


@dataclass(frozen=True)
class Shading:
    """A map of lens shading.

    Attributes:
        maker: of the camera.
        model: of the camera.
        optics: what it holds for.
        cfa: the cell at the active area's corner.
        shape: rows and columns of the active area.
        planes: all positions of the cell between them.
        frames: how many flats it is from.
    """

    maker: str
    model: str
    optics: Optics
    cfa: str
    shape: tuple[int, int]
    planes: tuple[Plane, ...]
    frames: int


def load(path: Path) -> Shading:
    """The map in a file.

    Raises:
        ValueError: it is no map of lens shading; names the file and the key.
        OSError: it cannot be read.
    """
    return parse(path.read_bytes(), path.name)


@lru_cache(maxsize=4)  # one map serves a whole run, and is thousands of numbers to check
def parse(data: bytes, name: str) -> Shading:
    """The map in the bytes of a file of that name.

    Raises:
        ValueError: as `load`.
    """
    try:
        found = _File.model_validate(tomllib.loads(data.decode()))
        planes = tuple(
            Plane(one.color, one.positions, np.array(one.gains, np.float64)) for one in found.planes
        )
        cell = cfa_cell.cell(found.cfa)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the file"
        raise ValueError(f"{name}: {key}: {first['msg']}; make it with deepisp calibrate flat") from error
    except ValueError as error:  # no TOML, no UTF-8, ragged rows, no CFA
        raise ValueError(f"{name}: {error}; make it with deepisp calibrate flat") from error
    covered = sorted(at for plane in planes for at in plane.positions)
    if covered != sorted(np.ndindex(*cell.shape)) or any(
        (plane.gains <= 0).any() or min(plane.gains.shape) < 2 for plane in planes
    ):
        raise ValueError(f"{name}: its planes do not cover the cell {found.cfa} once with gains above 0")
    optics = Optics(found.lens, found.focal_length_mm, found.aperture)
    shape = (found.rows, found.columns)
    return Shading(found.maker, found.model, optics, found.cfa, shape, planes, found.frames)


class _Plane(BaseModel, frozen=True, extra="forbid"):
    color: str
    positions: tuple[tuple[int, int], ...] = Field(min_length=1)
    gains: tuple[tuple[FiniteFloat, ...], ...] = Field(min_length=2)


class _File(BaseModel, frozen=True, extra="forbid"):
    maker: str
    model: str
    lens: str = ""
    focal_length_mm: float | None = Field(None, gt=0)
    aperture: float | None = Field(None, gt=0)
    cfa: str
    rows: int = Field(ge=2)
    columns: int = Field(ge=2)
    frames: int = Field(ge=1)
    source: str = Field(min_length=8)
    measured: date | None = None
    planes: tuple[_Plane, ...] = Field(min_length=1)


def applied(raw: RawImage, shading: Shading) -> RawImage:
    """The raw image with the map in its OpcodeList2; what was in the list stays, and acts first.

    A lens, focal length or aperture other than the map's is a warning of the image that comes back.

    Raises:
        ValueError: the map is of another camera, size or CFA; the file is demosaiced, or has gain maps already.
    """
    if raw.mosaic is None:
        raise ValueError("a map of lens shading is laid on a mosaic, the file is already demosaiced")
    if (raw.maker, raw.model) != (shading.maker, shading.model):
        raise ValueError(
            f"the map is of a {shading.maker} {shading.model}, the file from a {raw.maker} {raw.model}; "
            "measure flats of this camera"
        )
    if (raw.active.shape, raw.active_cfa) != (shading.shape, shading.cfa):
        raise ValueError(
            f"the map is of {shading.shape[0]} x {shading.shape[1]} photosites {shading.cfa}, the file has "
            f"{raw.active.height} x {raw.active.width} {raw.active_cfa}; measure flats in the same mode"
        )
    known = opcode_bytes.parse(raw.opcode_list_2, shape=raw.active.shape)
    if any(isinstance(one, GainMap) for one in known):
        raise ValueError("the file has gain maps of its own already; its shading would be corrected twice")
    own = opcode_bytes.encode(gain_maps(shading))
    count = int.from_bytes(raw.opcode_list_2[:4], "big") + int.from_bytes(own[:4], "big")
    joined = count.to_bytes(4, "big") + raw.opcode_list_2[4:] + own[4:]
    return replace(raw, opcode_list_2=joined, warnings=(*raw.warnings, *_differences(raw, shading.optics)))


def gain_maps(shading: Shading) -> tuple[GainMap, ...]:
    """The map as DNG's opcodes, one for each position of the cell."""
    side, (height, width) = cfa_cell.side(shading.cfa), shading.shape
    return tuple(
        GainMap(
            Region(row, column, height, width, 0, 1, side, side),
            plane.gains[:, :, None].astype(np.float32),
            (1 / (plane.gains.shape[0] - 1), 1 / (plane.gains.shape[1] - 1)),
        )
        for plane in shading.planes
        for row, column in plane.positions
    )


def optics_of(raw: RawImage) -> Optics:
    """Through what a raw image was taken, as its EXIF says."""
    return Optics(raw.exif.lens, raw.exif.focal_length_mm, raw.exif.aperture)


def _differences(raw: RawImage, optics: Optics) -> list[str]:
    pairs = zip(("lens", "focal length", "aperture"), optics_of(raw), optics, strict=True)
    return [
        f"the map of lens shading is for the {what} {other}, the file has {one}"
        for what, one, other in pairs
        if one and other and one != other
    ]
