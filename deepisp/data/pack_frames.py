"""One frame of a packed data set: its mosaic as stored, and the row of what is known of it beside."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepisp.data import sid_protocol
from deepisp.develop import noise_source
from deepisp.raw.image import RawImage
from deepisp.raw.read import read as read_raw
from deepisp.sensor import cfa as cfa_cell
from deepisp.sensor.profile import Profile

_LONGEST = 200  # bytes of a name


@dataclass(frozen=True, eq=False)  # arrays have no single answer to ==
class Frame:
    """A frame's photosites that see light.

    Attributes:
        mosaic: (H, W) uint16, DN.
        black_level: DN of the cell at the top left.
        white_level: DN, likewise.
        as_shot_neutral: (C,) of the camera's colors, green = 1; NaN where the file does not say.
        noise: (C, 2) shot and read by the best source that there is; NaN where there is none.
        iso: NaN where the file does not say.
        name: in the cache.
        picture: (H, W, 3) uint16, that the authors of SID compare with, see sid_protocol.py; None if it is not packed.
    """

    mosaic: NDArray[np.uint16]
    black_level: NDArray[np.float64]
    white_level: NDArray[np.float64]
    as_shot_neutral: NDArray[np.float64]
    noise: NDArray[np.float64]
    iso: float
    name: str = ""
    picture: NDArray[np.uint16] | None = None

    def __post_init__(self) -> None:
        """A name that fits, before anything is written."""
        if (size := len(self.name.encode())) > _LONGEST:
            raise ValueError(f"a name of {size} bytes, at most {_LONGEST} fit; rename {self.name}")

    def row(self, cfa: str, digest: bytes, picture: int) -> NDArray[np.void]:
        """Its row in the cache, with a digest of its crops, and which of the pictures is its own; -1 for none."""
        row = np.zeros((), row_type(cfa))
        row["name"], row["iso"], row["picture"] = self.name.encode(), self.iso, picture
        row["digest"] = np.frombuffer(digest, np.uint8)
        for field in ("black_level", "white_level", "as_shot_neutral", "noise"):
            row[field] = getattr(self, field)
        return row


def row_type(cfa: str) -> np.dtype[np.void]:
    """The type of a frame's row, for a CFA."""
    cell, colors = cfa_cell.side(cfa), len(cfa_cell.colors(cfa))
    return np.dtype(
        [
            ("name", f"S{_LONGEST}"), ("iso", "<f8"),
            ("black_level", "<f8", (cell, cell)), ("white_level", "<f8", (cell, cell)),
            ("as_shot_neutral", "<f8", (colors,)), ("noise", "<f8", (colors, 2)), ("digest", "u1", (16,)),
            ("picture", "<i4"),
        ]
    )  # fmt: skip


def read(path: Path, cfa: str, own: Profile | None = None) -> Frame:
    """A frame of a file, with the levels that the file itself says; published figures are of those in datasets/*.toml.

    Args:
        path: of a raw file.
        cfa: that it must have at the top left of its active area.
        own: a profile of its camera's noise, trusted more than what is known else.

    Raises:
        RawError: it cannot be read.
        ValueError: another CFA, numbers that are not as the sensor's converter gave them, or a profile of another
            camera, or without this noise.
        OSError: it cannot be opened.
    """
    raw = read_raw(path)
    if raw.active_cfa != cfa:
        raise ValueError(f"{raw.active_cfa or 'no CFA'}, expected {cfa}; is it of another camera?")
    mosaic = raw.mosaic
    if (
        mosaic is None
        or mosaic.dtype != np.uint16
        or raw.black_rows is not None
        or raw.black_columns is not None
    ):
        raise ValueError("numbers that were reckoned with, expected whole DN; take the camera's own file")
    area, colors = raw.active, len(raw.colors)
    if own is not None and not own.is_of(raw.maker, raw.model, raw.unique_model):
        raise ValueError(f"the profile is of {own.camera}, the file of {raw.maker} {raw.model}; give its own")
    found = noise_source.known(raw, own)
    unknown = np.full(colors, np.nan)
    return Frame(
        np.ascontiguousarray(mosaic[area.top : area.bottom, area.left : area.right]),
        _cell(raw, raw.black_level),
        _cell(raw, raw.white_level),
        unknown if raw.as_shot_neutral is None else raw.as_shot_neutral,
        np.stack([unknown, unknown], -1) if found is None else np.array(found.noise, np.float64),
        raw.exif.iso or np.nan,
    )


def pictured(frame: Frame, path: Path) -> Frame:
    """The frame with LibRaw's picture of its file.

    Raises:
        ValueError: LibRaw cannot develop it, or shows another part of it: it begins one row or column later where a
            Bayer frame's border is odd.
        OSError: it cannot be opened.
    """
    picture, (height, width) = sid_protocol.developed(path, is_turned=False), frame.mosaic.shape
    if picture.shape[:2] != (height, width):
        raise ValueError(
            f"LibRaw's picture is of {picture.shape[0]} x {picture.shape[1]}, the frame of {height} x {width}: not of "
            "the same place; leave pictures out"
        )
    return replace(frame, picture=picture)


def _cell(raw: RawImage, level: NDArray[np.float64]) -> NDArray[np.float64]:
    """A level at each position of the CFA's cell at the top left of the active area."""
    side = cfa_cell.side(raw.cfa)
    if side % level.shape[0] or side % level.shape[1]:
        raise ValueError(
            f"levels that repeat every {level.shape[0]} x {level.shape[1]} photosites, the CFA every {side}; "
            "take the camera's own file"
        )
    return cfa_cell.tiled(raw.active_cell(level), side, side)
