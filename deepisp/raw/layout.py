"""What bare sensor values mean: a small TOML, `scan.raw.toml` or `scan.toml` beside the file, or `--layout FILE`.

width = 768
height = 512
cfa = "RGGB"            # "W" monochrome, "" for three colors per pixel
black_level = 600
white_level = 16383
"""

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from deepisp.checked import Checked
from deepisp.raw.errors import UnsupportedFile
from deepisp.sensor import cfa as cfa_cell

UNUSED = "layout not used: the file says itself what its values mean"  # a warning


class Layout(Checked, frozen=True, extra="forbid"):
    """What bare sensor values mean. Only `cfa` and `white_level` must be given; for .raw, width and height too."""

    cfa: str = Field(
        description='cell at the top left, row by row: "RGGB"; "W" monochrome, "" three colors a pixel'
    )
    black_level: float | tuple[float, ...] = Field(
        0.0, description="DN at no light; one number, or one per cell position"
    )
    white_level: float = Field(gt=0, allow_inf_nan=False, description="DN at saturation")
    width: int | None = Field(None, ge=1, description="columns; only for .raw")
    height: int | None = Field(None, ge=1, description="rows; only for .raw")
    type: Literal["uint8", "uint16", "float32"] = Field("uint16", description="one value; only for .raw")
    byte_order: Literal["little", "big"] = Field("little", description="only for .raw")
    offset: int = Field(0, ge=0, description="bytes before the first value; only for .raw")
    as_shot_neutral: tuple[float, ...] | None = Field(
        None, description="camera color of a gray under the scene's light"
    )
    xyz_to_camera: tuple[float, ...] | None = Field(
        None, description="three numbers for each color, row by row, for `illuminant`"
    )
    illuminant: int = Field(21, description="EXIF LightSource code of the matrix; 21 is D65")
    noise: tuple[float, float] | None = Field(None, description="shot and read of the normalized signal")
    iso: float | None = Field(None, gt=0)
    maker: str = ""
    model: str = ""

    @field_validator("cfa")
    @classmethod
    def _is_cell(cls, text: str) -> str:
        if text:
            cfa_cell.side(text)
        return text

    @field_validator("xyz_to_camera", mode="before")
    @classmethod
    def _row_by_row(cls, values: Any) -> Any:
        """Nine numbers, or three rows of three, or an array."""
        values = values.tolist() if isinstance(values, np.ndarray) else values
        if isinstance(values, list | tuple) and all(isinstance(row, list | tuple) for row in values):
            return [value for row in values for value in row]
        return values

    # `cfa` stands first among the fields, so that it is known here, unless it was wrong itself.
    @field_validator("black_level", "as_shot_neutral", "xyz_to_camera")
    @classmethod
    def _fits_its_cfa(cls, values: Any, info: ValidationInfo) -> Any:
        """Per-color and per-position values are as many as the CFA has colors and positions."""
        cfa = info.data.get("cfa")
        if cfa is None or values is None:
            return values
        positions, colors = len(cfa) or 3, len(_colors(cfa))
        allowed = {
            "black_level": (1, positions),
            "as_shot_neutral": (colors,),
            "xyz_to_camera": (3 * colors,),
        }
        counts = sorted(set(allowed[str(info.field_name)]))
        if np.size(values) not in counts or not np.isfinite(values).all():
            wanted = " or ".join(str(n) for n in counts)
            got = np.atleast_1d(values).tolist()
            raise ValueError(f"must have {wanted} finite numbers for cfa {cfa!r}, got {got}")
        return values

    @field_validator("as_shot_neutral")
    @classmethod
    def _is_light(cls, values: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if min(values or (1,)) <= 0:
            raise ValueError(f"must lie above 0, got {list(values or ())}")
        return values

    @field_validator("noise")
    @classmethod
    def _is_noise(cls, values: tuple[float, float] | None) -> tuple[float, float] | None:
        if values is not None and not (min(values) >= 0 and np.isfinite(values).all()):
            raise ValueError(f"must be two finite numbers not below 0, got {list(values)}")
        return values

    @field_validator("white_level")
    @classmethod
    def _above_black(cls, white: float, info: ValidationInfo) -> float:
        black = float(np.max(info.data.get("black_level", -np.inf)))
        if white <= black:
            raise ValueError(f"must lie above black_level {black:g}, got {white:g}")
        return white

    @property
    def colors(self) -> str:
        """The channels' letters, in the order of per-color values."""
        return _colors(self.cfa)


def _colors(cfa: str) -> str:
    return cfa_cell.colors(cfa) if cfa else "RGB"


def load_layout(path: Path) -> Layout:
    """The layout in a TOML file.

    Raises:
        ValueError: it is no TOML, or names or values are wrong; the message says all that are, unknown names first.
        OSError: it cannot be read.
    """
    return _layout(path, _table(path))


def _table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name}: not a TOML file: {error}") from error


def _layout(path: Path, table: dict[str, Any]) -> Layout:
    try:
        return Layout(**table)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def beside(file: Path) -> Layout | None:
    """The layout that lies beside a file, or None. A TOML without a single name of a layout is about other things.

    Raises:
        UnsupportedFile: there is one, but it is wrong.
    """
    for candidate in candidates(file):
        try:
            table = _table(candidate)
            if table.keys() & Layout.model_fields.keys():
                return _layout(candidate, table)
        except ValueError as error:
            raise UnsupportedFile(file, str(error), "correct the TOML beside it") from error
    return None


def candidates(file: Path) -> Iterator[Path]:
    """The TOML files beside a file that may be its layout, by their names."""
    for name in (file.name + ".toml", file.stem + ".toml"):
        candidate = file.parent / name
        if candidate != file and os.path.isfile(candidate):  # pathlib raises on names that are too long
            yield candidate
