"""Sensor values without a header that tells what they are: .raw, .npy, PGM, PNG and TIFF, described by a `Layout`.

The description is a small TOML: `scan.raw.toml` or `scan.toml` beside the file, or `--layout FILE.toml`:

    width = 768
    height = 512
    cfa = "RGGB"            # "W" monochrome, "" for three colors per pixel
    black_level = 600
    white_level = 16383
"""

import os
import re
import tomllib
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from deepisp.raw.errors import DamagedFile, LimitReached, UnsupportedFile
from deepisp.raw.image import ColorCalibration, Exif, Noise, RawImage
from deepisp.raw.limits import Limits
from deepisp.raw.plausible import finite
from deepisp.sensor import cfa as cfa_cell

_PGM = rb"P5" + 3 * rb"(?:\s|#[^\n]*\n)+(\d{1,9})" + rb"\s"


class Layout(BaseModel, frozen=True, extra="forbid"):
    """What bare sensor values mean."""

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

    @model_validator(mode="after")
    def _fits_its_cfa(self) -> "Layout":
        """Per-color and per-position values are as many as the CFA has colors and positions."""
        positions, colors = len(self.cfa) or 3, len(self.colors)
        for name, values, counts in (
            ("black_level", np.atleast_1d(self.black_level), (1, positions)),
            ("as_shot_neutral", np.atleast_1d(self.as_shot_neutral or np.ones(colors)), (colors,)),
            ("xyz_to_camera", np.atleast_1d(self.xyz_to_camera or np.ones(3 * colors)), (3 * colors,)),
        ):
            if values.size not in counts or not np.isfinite(values).all():
                wanted = " or ".join(str(n) for n in counts)
                raise ValueError(
                    f"{name} has {wanted} finite numbers for cfa {self.cfa!r}, got {values.tolist()}"
                )
        if min(self.as_shot_neutral or (1,)) <= 0 or min(self.noise or (0,)) < 0:
            raise ValueError("as_shot_neutral lies above 0, noise not below")
        if self.white_level <= np.max(self.black_level):
            raise ValueError(
                f"white_level {self.white_level:g} lies above black_level, got {self.black_level}"
            )
        return self

    @property
    def colors(self) -> str:
        """The channels' letters, in the order of per-color values."""
        return cfa_cell.colors(self.cfa) if self.cfa else "RGB"


def load_layout(path: Path) -> Layout:
    """The layout in a TOML file.

    Raises:
        ValueError: it is no TOML, or a name or value is wrong; the message lists the known names.
        OSError: it cannot be read.
    """
    try:
        return Layout(**tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name}: not a TOML file: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ": ".join([path.name, *(str(part) for part in first["loc"])])
        known = ", ".join(Layout.model_fields)
        raise ValueError(
            f"{where}: {first['msg'].removeprefix('Value error, ')}; known names: {known}"
        ) from error


def beside(file: Path) -> Layout | None:
    """The layout that lies beside a file, or None.

    Raises:
        UnsupportedFile: there is one, but it is wrong.
    """
    for name in (file.name + ".toml", file.stem + ".toml"):
        candidate = file.parent / name
        if candidate != file and os.path.isfile(candidate):  # pathlib raises on names that are too long
            try:
                return load_layout(candidate)
            except ValueError as error:
                raise UnsupportedFile(file, str(error), "correct the TOML beside it") from error
    return None


def read(file: Path, layout: Layout, limits: Limits) -> RawImage:
    """The raw image that a layout says the file holds.

    Raises:
        RawError: size or type do not fit the layout or the limits.
    """
    values = _values(file, layout, limits)
    if layout.cfa and values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    if values.ndim != (2 if layout.cfa else 3) or (not layout.cfa and values.shape[2] != 3):
        wanted = "one value" if layout.cfa else "three values"
        raise UnsupportedFile(
            file,
            f"{wanted} per pixel expected, got an array of shape {values.shape}",
            "correct `cfa` in the layout",
        )
    is_small = values.dtype.kind == "u" and values.dtype.itemsize <= 2
    warnings: list[str] = []
    values = finite(file, values.astype(np.uint16 if is_small else np.float32, copy=False), warnings)
    black = _black(layout)
    neutral = None if layout.as_shot_neutral is None else np.array(layout.as_shot_neutral)
    return RawImage(
        mosaic=values if layout.cfa else None,
        linear=None if layout.cfa else values,
        cfa=layout.cfa,
        black_level=black,
        white_level=np.full_like(black, layout.white_level),
        as_shot_neutral=None if neutral is None else neutral / neutral[max(layout.colors.find("G"), 0)],
        calibrations=_calibrations(layout),
        noise=None if layout.noise is None else (Noise(*layout.noise),) * len(layout.colors),
        exif=Exif(iso=layout.iso),
        warnings=tuple(warnings),
        maker=layout.maker,
        model=layout.model,
        path=file,
    )


def _black(layout: Layout) -> NDArray[np.float64]:
    shape = (cfa_cell.side(layout.cfa),) * 2 if layout.cfa else (3,)
    return np.resize(np.array(layout.black_level, np.float64), shape)


def _calibrations(layout: Layout) -> tuple[ColorCalibration, ...]:
    if layout.xyz_to_camera is None:
        return ()
    return (ColorCalibration(np.array(layout.xyz_to_camera).reshape(-1, 3), layout.illuminant),)


def _values(file: Path, layout: Layout, limits: Limits) -> NDArray[Any]:
    with file.open("rb") as stream:
        head = stream.read(8)
    if head.startswith(b"\x93NUMPY"):
        return _from_npy(file, limits)
    if head.startswith((b"II*\0", b"MM\0*")):
        return _from_tiff(file, limits)
    if head.startswith(b"\x89PNG"):
        return _from_png(file, limits)
    if head.startswith(b"P5"):
        return _from_pgm(file, layout, limits)
    return _from_bytes(file, layout, limits)


def _from_npy(file: Path, limits: Limits) -> NDArray[Any]:
    try:
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise DamagedFile(file, f"its array cannot be read: {error}", "save it again") from error
    check_size(file, array.shape, limits)
    if array.dtype.kind not in "uif" or array.ndim not in (2, 3):
        raise UnsupportedFile(
            file, f"an array of {array.dtype} and shape {array.shape}", "save numbers, (H, W)"
        )
    return np.array(array)


def _from_tiff(file: Path, limits: Limits) -> NDArray[Any]:
    import tifffile

    with tifffile.TiffFile(file) as container:
        page: Any = container.pages[0]
        check_size(file, (page.imagelength, page.imagewidth), limits)
        return np.asarray(page.asarray())


def _from_png(file: Path, limits: Limits) -> NDArray[Any]:
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # `limits` decides
    with Image.open(file) as picture:
        check_size(file, (picture.height, picture.width), limits)
    import imagecodecs  # Pillow would make 8 bits of 16-bit RGB

    return np.asarray(imagecodecs.imread(file))


def _from_pgm(file: Path, layout: Layout, limits: Limits) -> NDArray[Any]:
    """Netpbm's binary gray map: big-endian where the largest value needs two bytes (netpbm.sourceforge.net, pgm)."""
    with file.open("rb") as stream:
        header = re.match(_PGM, stream.read(4096))
    if header is None:
        raise DamagedFile(file, "its PGM header cannot be read", "save it again")
    width, height, largest = (int(n) for n in header.groups())
    shape = {"width": width, "height": height, "offset": header.end()}
    kind = {"type": "uint16" if largest > 255 else "uint8", "byte_order": "big", "cfa": "W"}
    return _from_bytes(file, layout.model_copy(update=shape | kind), limits)


def _from_bytes(file: Path, layout: Layout, limits: Limits) -> NDArray[Any]:
    if layout.width is None or layout.height is None:
        raise UnsupportedFile(file, "bare values need a width and a height", "add them to the layout")
    shape = (layout.height, layout.width) if layout.cfa else (layout.height, layout.width, 3)
    check_size(file, shape, limits)
    dtype = np.dtype(layout.type).newbyteorder("<" if layout.byte_order == "little" else ">")
    wanted = layout.offset + int(np.prod(shape)) * dtype.itemsize
    got = file.stat().st_size
    if got < wanted:
        raise DamagedFile(
            file, f"pixel data end at byte {got} of {wanted}", "copy it again, or correct the layout"
        )
    values = np.fromfile(file, dtype, count=int(np.prod(shape)), offset=layout.offset).reshape(shape)
    return values.astype(dtype.newbyteorder("="), copy=False)


def check_size(file: Path, shape: tuple[int, ...], limits: Limits) -> None:
    """Refuse a picture of more pixels than allowed, before it is decoded.

    Raises:
        LimitReached: too many.
        DamagedFile: none at all.
    """
    if min(shape[:2]) < 1:
        raise DamagedFile(
            file, f"a picture of {shape[1]} x {shape[0]} pixels", "copy it from the camera again"
        )
    megapixels = shape[0] * shape[1] / 1e6
    if megapixels > limits.max_megapixels:
        raise LimitReached(
            file,
            f"{shape[1]} x {shape[0]} are {megapixels:.0f} megapixels, more than {limits.max_megapixels:g}",
            "if the file is sound, raise --max-megapixels",
        )
