"""A map of lens shading as a TOML file, in and out."""

import json
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
from pydantic import BaseModel, Field, FiniteFloat, ValidationError

from deepisp.calibrate.flat import Optics, Plane, Shading
from deepisp.picture import atomic
from deepisp.sensor import cfa as cfa_cell


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


def write(shading: Shading, path: Path) -> None:
    """A map to a file, whole or not at all; one that is there is replaced.

    Raises:
        OSError: it cannot be written; then what was there is untouched.
    """
    atomic.commit(path, text(shading).encode())


def text(shading: Shading) -> str:
    """The map as TOML; gains to six digits, so that reading it back is exact to a millionth."""
    optics = shading.optics
    head = {
        "maker": json.dumps(shading.maker),
        "model": json.dumps(shading.model),
        "lens": json.dumps(optics.lens),
        "focal_length_mm": optics.focal_length_mm,
        "aperture": optics.aperture,
        "cfa": json.dumps(shading.cfa),
        "rows": shading.shape[0],
        "columns": shading.shape[1],
        "frames": shading.frames,
        "source": json.dumps(f"deepisp calibrate flat: {shading.frames} flats"),
        "measured": datetime.now(UTC).date().isoformat(),
    }
    lines = [f"{name} = {value}" for name, value in head.items() if value is not None]
    for plane in shading.planes:
        positions = ", ".join(f"[{row}, {column}]" for row, column in plane.positions)
        rows = (", ".join(f"{gain:.6f}" for gain in row) for row in plane.gains)
        lines += ["", "[[planes]]", f'color = "{plane.color}"', f"positions = [{positions}]", "gains = ["]
        lines += [*(f"    [{row}]," for row in rows), "]"]
    return "\n".join(lines) + "\n"


def load(path: Path) -> Shading:
    """The map in a file.

    Raises:
        ValueError: it is no map of lens shading; names the file and the key.
        OSError: it cannot be read.
    """
    try:
        found = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        planes = tuple(
            Plane(one.color, one.positions, np.array(one.gains, np.float64)) for one in found.planes
        )
        cell = cfa_cell.cell(found.cfa)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the file"
        raise ValueError(
            f"{path.name}: {key}: {first['msg']}; make it with deepisp calibrate flat"
        ) from error
    except ValueError as error:  # no TOML, no UTF-8, ragged rows, no CFA
        raise ValueError(f"{path.name}: {error}; make it with deepisp calibrate flat") from error
    covered = sorted(at for plane in planes for at in plane.positions)
    if covered != sorted(np.ndindex(*cell.shape)) or any(
        (plane.gains <= 0).any() or min(plane.gains.shape) < 2 for plane in planes
    ):
        raise ValueError(f"{path.name}: its planes do not cover the cell {found.cfa} once with gains above 0")
    optics = Optics(found.lens, found.focal_length_mm, found.aperture)
    shape = (found.rows, found.columns)
    return Shading(found.maker, found.model, optics, found.cfa, shape, planes, found.frames)
