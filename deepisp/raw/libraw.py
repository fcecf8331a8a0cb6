"""LibRaw through rawpy: photosites of DNGs and of the makers' formats, and what LibRaw's tables know of cameras."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from deepisp.raw import names
from deepisp.raw.errors import DamagedFile, UnsupportedFile
from deepisp.raw.headerless import check_size
from deepisp.raw.image import Area, ColorCalibration, Exif, RawImage
from deepisp.raw.limits import Limits
from deepisp.sensor import cfa as cfa_cell

_AGAIN = "copy it from the camera again"
_FEWEST_PIXELS = 1000
_SRGB_TO_XYZ = np.array(  # IEC 61966-2-1:1999
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)
_DAMAGE = (b"unexpected end of file", b"data corrupted", b"corrupt data")  # LibRaw's words on standard error
ORIENTATIONS = (
    1,
    2,
    4,
    3,
    5,
    8,
    6,
    7,
)  # EXIF orientation of LibRaw's flip 0 to 7 (bit 0 mirrors columns, 1 rows, 2 swaps)


def read(file: Path, limits: Limits, *, thumbnail: bool, messages: IO[bytes]) -> RawImage:
    """The raw image of a maker's format.

    Raises:
        RawError: LibRaw refuses it, or reports damage while it decodes.
    """
    with _opened(file, limits) as handle:
        flip = handle.sizes.flip  # postprocess would change it
        values = _unpacked(handle, file, messages)
        raw = _assemble(file, handle, values)
        maker, model = names.find(file)
        raw = replace(raw, orientation=ORIENTATIONS[flip & 7], maker=maker, model=model)
    return with_thumbnail(raw, file) if thumbnail else raw


def unpack(file: Path, limits: Limits, messages: IO[bytes]) -> NDArray[np.uint16]:
    """All photosites, (H, W), masked borders included."""
    with _opened(file, limits) as handle:
        return _unpacked(handle, file, messages)


def with_thumbnail(raw: RawImage, file: Path) -> RawImage:
    """The raw image with its embedded JPEG; None if there is none."""
    import rawpy

    try:
        with rawpy.imread(_openable(file)) as handle:
            found = handle.extract_thumb()
    except rawpy.LibRawError:
        return raw
    return replace(raw, thumbnail=bytes(found.data)) if found.format == rawpy.ThumbFormat.JPEG else raw


@contextmanager
def _opened(file: Path, limits: Limits) -> Iterator[Any]:
    import rawpy

    try:
        handle = rawpy.imread(_openable(file))
    except rawpy.LibRawFileUnsupportedError as error:
        words = "LibRaw does not know this format, or its directory is damaged"
        raise UnsupportedFile(file, words, "copy it from the camera again, or convert it to DNG") from error
    except rawpy.LibRawError as error:
        raise DamagedFile(file, f"LibRaw: {_words(error)}", _AGAIN) from error
    with handle:
        check_size(file, (handle.sizes.raw_height, handle.sizes.raw_width), limits)
        yield handle


def _openable(file: Path) -> Any:
    """The path, or an open file where rawpy could not encode the name."""
    try:
        str(file).encode()
    except UnicodeEncodeError:
        return file.open("rb")
    return str(file)


def _unpacked(handle: Any, file: Path, messages: IO[bytes]) -> NDArray[np.uint16]:
    import rawpy

    try:
        handle.unpack()
        values = np.array(handle.raw_image)  # LibRaw's memory goes with the handle
    except rawpy.LibRawError as error:
        raise DamagedFile(file, f"LibRaw: {_words(error)}", _AGAIN) from error
    messages.seek(0)
    said = messages.read().lower()
    if any(word in said for word in _DAMAGE):
        raise DamagedFile(file, "its compressed data are corrupted", _AGAIN)
    return values


def _words(error: Exception) -> str:
    first = error.args[0] if error.args else ""
    return first.decode(errors="replace") if isinstance(first, bytes) else str(first)


def _assemble(file: Path, handle: Any, values: NDArray[np.uint16]) -> RawImage:
    sizes = handle.sizes
    active = Area(
        sizes.top_margin, sizes.left_margin, sizes.top_margin + sizes.height, sizes.left_margin + sizes.width
    )
    is_linear = values.ndim == 3
    order = "RGB" if is_linear else cfa_cell.colors(_cfa(handle))
    # LibRaw's color indices in our order; RGBG's second green counts as the first.
    index = [0] if order == "W" else [handle.color_desc.decode().index(letter) for letter in order]
    cell = np.array(index) if is_linear else np.array(_cell(handle))
    black = np.array(handle.black_level_per_channel, np.float64)[cell]
    whites = handle.camera_white_level_per_channel
    white = np.array(whites if whites and min(whites) > 0 else [handle.white_level] * 4, np.float64)[cell]
    raw = RawImage(
        mosaic=None if is_linear else values,
        linear=np.ascontiguousarray(values[..., :3]) if is_linear else None,
        cfa="" if is_linear else _cfa(handle),
        black_level=black,
        white_level=white,
        as_shot_neutral=_neutral(handle, index, max(order.find("G"), 0)),
        calibrations=_calibrations(handle, index),
        active_area=active,
        default_crop=_crop(sizes, active),
        pixel_aspect=float(sizes.pixel_aspect) or 1.0,
        exif=_exif(handle),
        path=file,
    )
    return raw


def _cell(handle: Any) -> list[list[int]]:
    """LibRaw's color indices of the cell at raw_image[0, 0]."""
    n = 2 if handle.raw_pattern is None else len(handle.raw_pattern)
    return [[int(handle.raw_color(row, column)) for column in range(n)] for row in range(n)]


def _cfa(handle: Any) -> str:
    if handle.raw_pattern is None:
        return "W"
    letters = handle.color_desc.decode()
    return "".join(letters[one] for row in _cell(handle) for one in row)


def _neutral(handle: Any, index: list[int], green: int) -> NDArray[np.float64] | None:
    gains = np.array(handle.camera_whitebalance, np.float64)[index]
    if not np.isfinite(gains).all() or (gains <= 0).any():
        return None
    return np.asarray(gains[green] / gains)


def _calibrations(handle: Any, index: list[int]) -> tuple[ColorCalibration, ...]:
    """LibRaw's own table: XYZ to camera under D65, from Adobe's converter; for the oldest cameras, from dcraw."""
    matrix = np.array(handle.rgb_xyz_matrix, np.float64)[index]
    if not matrix.any(axis=1).all():
        measured = _measured_matrix(handle) if len(index) == 3 else None
        if measured is None:
            return ()
        matrix = measured
    return (ColorCalibration(matrix, illuminant=21, lacks_twin=True),)


def _measured_matrix(handle: Any) -> NDArray[np.float64] | None:
    """XYZ to camera of a camera whose matrix LibRaw uses but rawpy does not hand out; None if it has none.

    LibRaw renders the picture twice, in the camera's own colors and in sRGB: one is a matrix times the other.
    """
    import rawpy

    plain = {
        "half_size": True,
        "output_bps": 16,
        "gamma": (1, 1),
        "no_auto_bright": True,
        "no_auto_scale": True,
    }
    plain |= {"user_wb": [1, 1, 1, 1], "user_flip": 0}
    camera, srgb = (
        handle.postprocess(output_color=space, **plain).reshape(-1, 3).astype(np.float64)
        for space in (rawpy.ColorSpace.raw, rawpy.ColorSpace.sRGB)
    )
    unclipped = (srgb.min(1) > 0) & (camera.min(1) > 0) & (np.maximum(srgb, camera).max(1) < 65535)
    if unclipped.sum() < _FEWEST_PIXELS:
        return None
    to_srgb = np.linalg.lstsq(camera[unclipped], srgb[unclipped])[0].T
    to_srgb /= to_srgb.sum(axis=1, keepdims=True)  # LibRaw's rows sum to 1; rounding took a little off
    if np.allclose(to_srgb, np.eye(3), atol=1e-3) or np.linalg.cond(to_srgb) > 100:
        return None
    daylight = np.array(handle.daylight_whitebalance, np.float64)[:3]
    return np.asarray(np.linalg.inv(_SRGB_TO_XYZ @ to_srgb @ np.diag(daylight)))


def _crop(sizes: Any, active: Area) -> Area | None:
    """The camera's own crop, where LibRaw knows one that lies inside the active area."""
    if not (sizes.crop_width and sizes.crop_height):
        return None
    top, left = sizes.crop_top_margin, sizes.crop_left_margin
    crop = Area(top, left, top + sizes.crop_height, left + sizes.crop_width)
    inside = (
        crop.top >= active.top
        and crop.left >= active.left
        and crop.bottom <= active.bottom
        and crop.right <= active.right
    )
    return crop if inside else None


def _exif(handle: Any) -> Exif:
    other = handle.other
    taken = (
        other.timestamp.strftime("%Y:%m:%d %H:%M:%S")
        if other.timestamp and other.timestamp.year > 1970
        else ""
    )
    return Exif(
        iso=other.iso_speed or None,
        exposure_s=other.shutter_speed or None,
        aperture=other.aperture or None,
        focal_length_mm=other.focal_length or None,
        lens=handle.lens.model,
        taken=taken,
    )
