"""Sensor values without a header that tells what they are: .raw, .npy, PGM, PNG and TIFF, as a `Layout` says."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepisp.raw.errors import DamagedFile, LimitReached, UnsupportedFile
from deepisp.raw.image import ColorCalibration, Exif, Noise, RawImage
from deepisp.raw.layout import Layout
from deepisp.raw.limits import Limits
from deepisp.raw.plausible import finite
from deepisp.sensor import cfa as cfa_cell

_PGM = rb"P5" + 3 * rb"(?:\s|#[^\n]*\n)+(\d{1,9})" + rb"\s"
_FRACTIONS = 1.0, 255.0  # values up to the first under a white level from the second on: one of them is wrong


def read(file: Path, layout: Layout, limits: Limits) -> RawImage:
    """The raw image that a layout says the file holds.

    Raises:
        RawError: size or type do not fit the layout or the limits.
    """
    warnings: list[str] = []
    values = _values(file, layout, limits, warnings)
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
    warnings += _white_doubts(file, layout, values)
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


def _white_doubts(file: Path, layout: Layout, values: NDArray[Any]) -> list[str]:
    """A warning if fractions of 1 were given the white level of integers.

    Raises:
        UnsupportedFile: no value of this type reaches the white level.
    """
    white, kind = layout.white_level, values.dtype
    if kind.kind in "ui":
        top = np.iinfo(kind).max
        if white > top:
            what = f"white_level {white:g} is above {top}, the largest {kind.name}"
            raise UnsupportedFile(file, what, "correct white_level or type in the layout")
        return []
    largest = float(np.max(values, where=np.isfinite(values), initial=-np.inf))
    if largest <= _FRACTIONS[0] and white >= _FRACTIONS[1]:
        return [
            f"the largest value is {largest:.3g} and white_level {white:g}: if 1 is white, set white_level = 1"
        ]
    return []


def _black(layout: Layout) -> NDArray[np.float64]:
    shape = (cfa_cell.side(layout.cfa),) * 2 if layout.cfa else (3,)
    return np.resize(np.array(layout.black_level, np.float64), shape)


def _calibrations(layout: Layout) -> tuple[ColorCalibration, ...]:
    if layout.xyz_to_camera is None:
        return ()
    return (ColorCalibration(np.array(layout.xyz_to_camera).reshape(-1, 3), layout.illuminant),)


def _values(file: Path, layout: Layout, limits: Limits, warnings: list[str]) -> NDArray[Any]:
    with file.open("rb") as stream:
        head = stream.read(8)
    if head.startswith(b"\x93NUMPY"):
        return _from_npy(file, limits)
    if head.startswith((b"II*\0", b"MM\0*")):
        return _from_tiff(file, limits)
    if head.startswith(b"\x89PNG"):
        return _from_png(file, limits)
    if head.startswith(b"P5"):
        return _from_pgm(file, layout, limits, warnings)
    return _from_bytes(file, layout, limits, warnings)


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


def _from_pgm(file: Path, layout: Layout, limits: Limits, warnings: list[str]) -> NDArray[Any]:
    """Netpbm's binary gray map: big-endian where the largest value needs two bytes (netpbm.sourceforge.net, pgm)."""
    with file.open("rb") as stream:
        header = re.match(_PGM, stream.read(4096))
    if header is None:
        raise DamagedFile(file, "its PGM header cannot be read", "save it again")
    width, height, largest = (int(n) for n in header.groups())
    shape = {"width": width, "height": height, "offset": header.end()}
    kind = {"type": "uint16" if largest > 255 else "uint8", "byte_order": "big", "cfa": "W"}
    return _from_bytes(file, layout.model_copy(update=shape | kind), limits, warnings)


def _from_bytes(file: Path, layout: Layout, limits: Limits, warnings: list[str]) -> NDArray[Any]:
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
    if got > wanted:
        size = f"{layout.width} x {layout.height} {dtype.name}"
        warnings.append(
            f"{got - wanted} bytes are left over behind {size}: check width, height, type and offset"
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
