"""A raw image to a DNG, whole or absent: the numbers as the sensor gave them, bit for bit.

Layout as Adobe's: with a preview, directory 0 is the preview with all that holds for the camera, and a
sub-directory the raw data; without one, directory 0 is both. Data lie in lossless JPEG tiles.
"""

import io
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepisp.picture import exif, ifd
from deepisp.picture.atomic import commit
from deepisp.picture.ifd import ASCII, BYTE, DOUBLE, LONG, RATIONAL, SHORT, SRATIONAL, UNDEFINED, Field
from deepisp.raw import dng_tags
from deepisp.raw.image import ColorCalibration, RawImage
from deepisp.sensor import cfa

_OTHER_ILLUMINANT = 255  # EXIF LightSource: given by its chromaticity


def write_dng(
    raw: RawImage,
    path: str | os.PathLike[str],
    *,
    preview: NDArray[np.uint8] | None = None,
    replace: bool = True,
) -> list[str]:
    """Write a raw image as DNG 1.4 (1.6 where a calibration needs it), whole or not at all.

    Pixels keep the sensor's orientation, and the tag says which; so should `preview`. Opcode lists go
    along as they are. `saturation_level` has no tag, and is left to the reader to find again.

    Args:
        raw: uint16 data, or float32 that are whole numbers of 16 bits.
        path: where to.
        preview: (h, w, 3), sRGB.
        replace: whether a file that is at `path` when all is ready makes way; otherwise it stays.

    Returns:
        Warnings, one line each: what DNG cannot say.

    Raises:
        ValueError: the data are no 16-bit whole numbers, or the CFA cannot be written.
        FileExistsError: there is a file, which stays.
        NoSpace: no room for the file.
        OSError: the file cannot be written. In each case what was at `path` is as it was.

    Source: Digital Negative Specification 1.7.1, chapters 2 to 4.
    """
    data, warnings = _whole_numbers(raw), list[str]()
    found = exif.directories_as_found(raw.exif)
    camera, own = _camera(raw, found), _raw_data(raw, warnings)
    if preview is None:
        stream = _tiff([_Page(data, camera | own, is_raw=True)], found)
    else:
        camera[dng_tags.PREVIEW_COLOR_SPACE] = ifd.field(LONG, 2)  # sRGB
        stream = _tiff([_Page(preview, camera, is_raw=False), _Page(data, own, is_raw=True)], found)
    if raw.kind == "mono":  # tifffile writes LinearRaw of three samples only
        tag, below = dng_tags.PHOTOMETRIC_INTERPRETATION, None if preview is None else dng_tags.SUB_IFDS
        ifd.replace(stream, tag, tag, ifd.field(SHORT, dng_tags.LINEAR_RAW), below=below)
    ifd.append(stream, found.pointers)
    commit(Path(path), stream.getbuffer(), replace=replace)
    return found.dropped + warnings


class _Page(NamedTuple):
    """One directory: its pixels, its tags."""

    pixels: NDArray[np.uint16] | NDArray[np.uint8]
    tags: dict[int, Field]
    is_raw: bool


def _tiff(pages: list[_Page], found: exif.Directories) -> io.BytesIO:
    """A TIFF of one directory, or of one and one below it, with room for the pointers to EXIF and GPS."""
    import tifffile

    stream = io.BytesIO()
    with tifffile.TiffWriter(stream, byteorder="<", bigtiff=False) as writer:
        for index, page in enumerate(pages):
            pointers = found.pointers if index == 0 else ()
            writer.write(
                page.pixels,
                subfiletype=0 if page.is_raw else 1,
                subifds=len(pages) - 1 - index,
                extratags=ifd.extratags(page.tags, pointers),
                metadata=None,
                software=False,
                **(_how(page.pixels) if page.is_raw else _PREVIEW),
            )
    return stream


_PREVIEW: dict[str, Any] = {"photometric": "rgb", "compression": "jpeg", "compressionargs": {"level": 88}}


_TILE = 256  # photosites; Adobe's converter writes such tiles


def _how(pixels: NDArray[Any]) -> dict[str, Any]:
    height, width = pixels.shape[:2]
    rows = min(_TILE, -(-height // 16) * 16)  # TIFF 6.0, page 67: sides of tiles are multiples of 16
    # Never wider than the picture: LibRaw would misread it (0.22.2; tests/picture/test_write_dng.py).
    columns = min(_TILE, max(16, width // 16 * 16))
    return {
        "photometric": dng_tags.LINEAR_RAW if pixels.ndim == 3 else dng_tags.CFA,
        "planarconfig": "contig" if pixels.ndim == 3 else None,
        "tile": (rows, columns),  # in strips LibRaw shows lossless JPEG as black
        "compression": "jpeg",
        # bitspersample: else each tile gets the least precision that holds it, which LibRaw calls corrupted.
        "compressionargs": {"lossless": True, "bitspersample": 16},
    }


def _whole_numbers(raw: RawImage) -> NDArray[np.uint16]:
    data = raw.data
    if data.dtype == np.uint16:
        return np.ascontiguousarray(data, np.uint16)
    whole: NDArray[np.uint16] = np.clip(np.nan_to_num(data), 0, 65535).astype(np.uint16)
    if not np.array_equal(whole, data):
        raise ValueError(
            f"a DNG is written from whole numbers of 0 to 65535, got {data.dtype} with others; "
            "scale and round the mosaic first, and its levels with it"
        )
    return whole


def _camera(raw: RawImage, found: exif.Directories) -> dict[int, Field]:
    """The tags of directory 0: the camera, its color, the picture as a whole."""
    model = raw.unique_model or f"{raw.maker} {raw.model}".strip() or "unknown"
    known = {dng_tags.MAKE: raw.maker, dng_tags.MODEL: raw.model}
    names = {tag: ifd.field(ASCII, words) for tag, words in known.items() if words}
    version = _version(raw)
    resolution = {282, 283, 296}  # tifffile writes its own
    fields = {tag: one for tag, one in found.image.items() if tag not in resolution} | names
    fields |= {
        dng_tags.ORIENTATION: ifd.field(SHORT, raw.orientation),
        dng_tags.SOFTWARE: ifd.field(ASCII, exif.software()),
        dng_tags.DNG_VERSION: ifd.field(BYTE, version),
        dng_tags.DNG_BACKWARD_VERSION: ifd.field(BYTE, version if version[1] > 4 else (1, 4, 0, 0)),
        dng_tags.UNIQUE_CAMERA_MODEL: ifd.field(ASCII, model),
        dng_tags.BASELINE_EXPOSURE: ifd.field(SRATIONAL, (raw.baseline_exposure_ev,)),
    }
    if raw.as_shot_neutral is not None:
        fields[dng_tags.AS_SHOT_NEUTRAL] = _numbers(RATIONAL, raw.as_shot_neutral)
    elif raw.as_shot_white_xy is not None:  # DNG 1.7.1: one of the two
        fields[dng_tags.AS_SHOT_WHITE_XY] = ifd.field(RATIONAL, list(raw.as_shot_white_xy))
    if raw.analog_balance is not None:
        fields[dng_tags.ANALOG_BALANCE] = _numbers(RATIONAL, raw.analog_balance)
    for tags, calibration in zip(dng_tags.CALIBRATIONS, raw.calibrations, strict=False):
        fields |= _calibration(calibration, tags)
    return fields


def _version(raw: RawImage) -> tuple[int, int, int, int]:
    """The third calibration and illuminants by chromaticity came with DNG 1.6."""
    is_new = len(raw.calibrations) > 2 or any(one.illuminant == _OTHER_ILLUMINANT for one in raw.calibrations)
    return (1, 6, 0, 0) if is_new else (1, 4, 0, 0)


def _calibration(one: ColorCalibration, tags: dng_tags.Calibration) -> dict[int, Field]:
    fields = {
        tags.color_matrix: _numbers(SRATIONAL, one.xyz_to_camera),
        tags.calibration_illuminant: ifd.field(SHORT, one.illuminant),
    }
    if one.camera_calibration is not None:
        fields[tags.camera_calibration] = _numbers(SRATIONAL, one.camera_calibration)
    if one.forward is not None:
        fields[tags.forward_matrix] = _numbers(SRATIONAL, one.forward)
    if one.illuminant == _OTHER_ILLUMINANT and one.illuminant_xy is not None:
        # DNG 1.7.1, IlluminantData1: SHORT 0 for "x, y", then the two as RATIONAL.
        pair = ifd.field(RATIONAL, list(one.illuminant_xy)).data
        fields[tags.illuminant_data] = ifd.field(UNDEFINED, ifd.field(SHORT, 0).data + pair)
    return fields


def _raw_data(raw: RawImage, warnings: list[str]) -> dict[int, Field]:
    """The tags of the raw data's own directory. Cells are counted from the active area, as DNG does."""
    active, crop = raw.active, raw.crop
    fields = {
        dng_tags.ACTIVE_AREA: ifd.field(LONG, active),
        dng_tags.DEFAULT_SCALE: ifd.field(RATIONAL, (raw.pixel_aspect, 1.0)),
        dng_tags.DEFAULT_CROP_ORIGIN: ifd.field(LONG, (crop.left - active.left, crop.top - active.top)),
        dng_tags.DEFAULT_CROP_SIZE: ifd.field(LONG, (crop.width, crop.height)),
        dng_tags.WHITE_LEVEL: _white(raw, warnings),
        **_black(raw),
        **_pattern(raw),
    }
    if raw.noise is not None:
        fields[dng_tags.NOISE_PROFILE] = ifd.field(DOUBLE, [number for one in raw.noise for number in one])
    if raw.masked_areas:
        fields[dng_tags.MASKED_AREAS] = ifd.field(LONG, [edge for area in raw.masked_areas for edge in area])
    if any(one.lacks_twin for one in raw.calibrations):
        warnings.append(
            "one color matrix of two is known; colors of the DNG may differ a little from the file's"
        )
    lists = {
        dng_tags.OPCODE_LIST_1: raw.opcode_list_1,
        dng_tags.OPCODE_LIST_2: raw.opcode_list_2,
        dng_tags.OPCODE_LIST_3: raw.opcode_list_3,
    }
    return fields | {tag: ifd.field(UNDEFINED, data) for tag, data in lists.items() if data}


def _pattern(raw: RawImage) -> dict[int, Field]:
    """The CFA from the active area's corner on; nothing for linear data, nor without color filters."""
    if raw.kind in ("linear", "mono"):
        return {}
    corner = raw.active_cfa
    planes = bytes(cfa.LETTERS.index(letter) for letter in raw.colors)
    side = cfa.side(corner)
    return {
        dng_tags.CFA_REPEAT_PATTERN_DIM: ifd.field(SHORT, (side, side)),
        dng_tags.CFA_PATTERN: ifd.field(BYTE, bytes(cfa.LETTERS.index(letter) for letter in corner)),
        dng_tags.CFA_PLANE_COLOR: ifd.field(BYTE, planes),
        dng_tags.CFA_LAYOUT: ifd.field(SHORT, 1),  # rectangular
    }


def _black(raw: RawImage) -> dict[int, Field]:
    if raw.linear is not None:
        return {dng_tags.BLACK_LEVEL: _numbers(RATIONAL, raw.black_level)}
    cell = raw.active_cell(raw.black_level)
    fields = {
        dng_tags.BLACK_LEVEL_REPEAT_DIM: ifd.field(SHORT, cell.shape),
        dng_tags.BLACK_LEVEL: _numbers(RATIONAL, cell),
    }
    if raw.black_columns is not None:
        fields[dng_tags.BLACK_LEVEL_DELTA_H] = _numbers(SRATIONAL, raw.black_columns)
    if raw.black_rows is not None:
        fields[dng_tags.BLACK_LEVEL_DELTA_V] = _numbers(SRATIONAL, raw.black_rows)
    return fields


def _white(raw: RawImage, warnings: list[str]) -> Field:
    """One number per sample of a pixel is all that DNG has: the lowest of a mosaic's cell."""
    levels = np.round(raw.white_level).astype(int)
    if raw.linear is not None:
        return ifd.field(LONG, levels.tolist())
    if (levels != levels.min()).any():
        warnings.append(
            f"white levels {levels.min()} to {levels.max()} within the CFA; DNG holds one: {levels.min()}"
        )
    return ifd.field(LONG, int(levels.min()))


def _numbers(kind: int, values: NDArray[np.float64]) -> Field:
    return ifd.field(kind, np.asarray(values, np.float64).ravel().tolist())
