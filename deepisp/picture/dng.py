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
from deepisp.raw.image import ColorCalibration, RawImage
from deepisp.sensor import cfa

_CFA, _LINEAR_RAW = 32803, 34892  # PhotometricInterpretation, DNG 1.7.1, chapter 4
_PHOTOMETRIC, _SUB_IFDS = 262, 330  # TIFF 6.0, page 37; TIFF technical note 1
# (ColorMatrix, CalibrationIlluminant, CameraCalibration, ForwardMatrix, IlluminantData) of the three
# calibrations: DNG 1.7.1, chapter 4.
_CALIBRATION_TAGS = (
    (50721, 50778, 50723, 50964, 52533),
    (50722, 50779, 50724, 50965, 52534),
    (52531, 52529, 52530, 52532, 52535),
)
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
        camera[50970] = ifd.field(LONG, 2)  # PreviewColorSpace: sRGB
        stream = _tiff([_Page(preview, camera, is_raw=False), _Page(data, own, is_raw=True)], found)
    if raw.kind == "mono":  # tifffile writes LinearRaw of three samples only
        single = ifd.field(SHORT, _LINEAR_RAW)
        ifd.replace(stream, _PHOTOMETRIC, _PHOTOMETRIC, single, below=None if preview is None else _SUB_IFDS)
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
        "photometric": _LINEAR_RAW if pixels.ndim == 3 else _CFA,
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
    names = {tag: ifd.field(ASCII, words) for tag, words in ((271, raw.maker), (272, raw.model)) if words}
    version = _version(raw)
    resolution = {282, 283, 296}  # tifffile writes its own
    fields = {tag: one for tag, one in found.image.items() if tag not in resolution} | names
    fields |= {
        exif.ORIENTATION: ifd.field(SHORT, raw.orientation),
        305: ifd.field(ASCII, exif.software()),
        50706: ifd.field(BYTE, version),
        50707: ifd.field(BYTE, version if version[1] > 4 else (1, 4, 0, 0)),
        50708: ifd.field(ASCII, model),
        50730: ifd.field(SRATIONAL, (raw.baseline_exposure_ev,)),
    }
    if raw.as_shot_neutral is not None:
        fields[50728] = _numbers(RATIONAL, raw.as_shot_neutral)
    elif raw.as_shot_white_xy is not None:  # DNG 1.7.1: one of the two
        fields[50729] = ifd.field(RATIONAL, list(raw.as_shot_white_xy))
    if raw.analog_balance is not None:
        fields[50727] = _numbers(RATIONAL, raw.analog_balance)
    for tags, calibration in zip(_CALIBRATION_TAGS, raw.calibrations, strict=False):
        fields |= _calibration(calibration, tags)
    return fields


def _version(raw: RawImage) -> tuple[int, int, int, int]:
    """The third calibration and illuminants by chromaticity came with DNG 1.6."""
    is_new = len(raw.calibrations) > 2 or any(one.illuminant == _OTHER_ILLUMINANT for one in raw.calibrations)
    return (1, 6, 0, 0) if is_new else (1, 4, 0, 0)


def _calibration(one: ColorCalibration, tags: tuple[int, int, int, int, int]) -> dict[int, Field]:
    matrix, illuminant, camera, forward, data = tags
    fields = {matrix: _numbers(SRATIONAL, one.xyz_to_camera), illuminant: ifd.field(SHORT, one.illuminant)}
    if one.camera_calibration is not None:
        fields[camera] = _numbers(SRATIONAL, one.camera_calibration)
    if one.forward is not None:
        fields[forward] = _numbers(SRATIONAL, one.forward)
    if one.illuminant == _OTHER_ILLUMINANT and one.illuminant_xy is not None:
        # DNG 1.7.1, IlluminantData1: SHORT 0 for "x, y", then the two as RATIONAL.
        pair = ifd.field(RATIONAL, list(one.illuminant_xy)).data
        fields[data] = ifd.field(UNDEFINED, ifd.field(SHORT, 0).data + pair)
    return fields


def _raw_data(raw: RawImage, warnings: list[str]) -> dict[int, Field]:
    """The tags of the raw data's own directory. Cells are counted from the active area, as DNG does."""
    active, crop = raw.active, raw.crop
    fields = {
        50829: ifd.field(LONG, active),
        50718: ifd.field(RATIONAL, (raw.pixel_aspect, 1.0)),
        50719: ifd.field(LONG, (crop.left - active.left, crop.top - active.top)),
        50720: ifd.field(LONG, (crop.width, crop.height)),
        50717: _white(raw, warnings),
        **_black(raw),
        **_pattern(raw),
    }
    if raw.noise is not None:
        fields[51041] = ifd.field(DOUBLE, [number for one in raw.noise for number in one])
    if raw.masked_areas:
        fields[50830] = ifd.field(LONG, [edge for area in raw.masked_areas for edge in area])
    if any(one.lacks_twin for one in raw.calibrations):
        warnings.append(
            "one color matrix of two is known; colors of the DNG may differ a little from the file's"
        )
    lists = ((51008, raw.opcode_list_1), (51009, raw.opcode_list_2), (51022, raw.opcode_list_3))
    return fields | {tag: ifd.field(UNDEFINED, data) for tag, data in lists if data}


def _pattern(raw: RawImage) -> dict[int, Field]:
    """The CFA from the active area's corner on; nothing for linear data, nor without color filters."""
    if raw.kind in ("linear", "mono"):
        return {}
    corner = cfa.shift(raw.cfa, raw.active.top, raw.active.left)
    planes = bytes(cfa.LETTERS.index(letter) for letter in raw.colors)
    side = cfa.side(corner)
    return {
        33421: ifd.field(SHORT, (side, side)),
        33422: ifd.field(BYTE, bytes(cfa.LETTERS.index(letter) for letter in corner)),
        50710: ifd.field(BYTE, planes),
        50711: ifd.field(SHORT, 1),  # CFALayout: rectangular
    }


def _black(raw: RawImage) -> dict[int, Field]:
    if raw.linear is not None:
        return {50714: _numbers(RATIONAL, raw.black_level)}
    cell = np.roll(raw.black_level, (-raw.active.top, -raw.active.left), axis=(0, 1))
    fields = {50713: ifd.field(SHORT, cell.shape), 50714: _numbers(RATIONAL, cell)}
    if raw.black_columns is not None:
        fields[50715] = _numbers(SRATIONAL, raw.black_columns)
    if raw.black_rows is not None:
        fields[50716] = _numbers(SRATIONAL, raw.black_rows)
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
