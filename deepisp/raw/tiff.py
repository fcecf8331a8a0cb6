"""TIFF-like files (DNG and most makers' formats): is everything inside the file, and who decodes it?

LibRaw decodes Bayer and X-Trans DNGs and the makers' formats. It misreads larger cells, takes plain gray TIFFs
for Bayer, cannot open JPEG XL, and applies opcodes to lossy linear files on its own: those go through tifffile.
"""

import contextlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from deepisp.raw import dng, dng_tags, libraw, plausible
from deepisp.raw.errors import DamagedFile, UnsupportedFile
from deepisp.raw.headerless import check_size
from deepisp.raw.image import RawImage
from deepisp.raw.limits import Limits

_LOSSLESS_JPEG, _VC5, _UNCOMPRESSED = 7, 9, 1  # TIFF Compression values, DNG 1.7.1 and gopro/gpr
_MINIS = (0, 1)  # PhotometricInterpretation: white is zero, black is zero
_RGB = 2
_AGAIN = "copy it from the camera again"
_MOST_PAGES = 64


def read(file: Path, limits: Limits, *, thumbnail: bool, messages: IO[bytes]) -> RawImage:
    """The raw image of a TIFF-like file.

    Raises:
        RawError: strips or tiles lie outside the file, or nobody can decode it, or it is too large.
    """
    import tifffile

    try:
        container = tifffile.TiffFile(file)
    except tifffile.TiffFileError as error:
        raise DamagedFile(file, f"its directories cannot be read: {error}", _AGAIN) from error
    with container:
        pages = _pages(container)
        if not pages:
            raise DamagedFile(file, "it has no picture directory", _AGAIN)
        first = pages[0]
        if "DNGVersion" not in first.tags and not _is_plain(pages):
            _check_largest(file, pages)
            return libraw.read(file, limits, thumbnail=thumbnail, messages=messages)
        page = _raw_page(file, pages)
        check_size(file, (page.imagelength, page.imagewidth), limits)
        _check_segments(file, page)
        dng.active_area(
            file, page, page.imagelength, page.imagewidth
        )  # before LibRaw refuses without a reason
        if page.photometric == _RGB:
            raise UnsupportedFile(file, "an RGB TIFF, which is developed already", "give the raw file")
        values = _values(file, page, limits, messages)
        if (
            page.is_tiled and page.compression == _UNCOMPRESSED
        ):  # rows of pixels alone do not show where a file ends
            plausible.zero_rows(_tile_below_tile(page, values), file)
        raw = dng.assemble(file, first, page, values)
    if thumbnail:
        raw = libraw.with_thumbnail(raw, file)
    return raw


def says_itself(file: Path) -> bool:
    """Whether the tags say what the values mean: those of a DNG or a maker's format; not those of a plain TIFF, nor of
    a mosaic that names no CFA. A damaged file counts as one that does: `read` says what is wrong with it."""
    import tifffile

    try:
        with tifffile.TiffFile(file) as container:
            pages = _pages(container)
            if not pages:
                return True
            is_dng = "DNGVersion" in pages[0].tags
            largest = max(pages, key=_area)
            if largest.photometric == dng_tags.CFA and "CFAPattern" not in largest.tags:
                return not is_dng and "Make" in pages[0].tags
            return is_dng or not _is_plain(pages)
    except tifffile.TiffFileError:
        return True


def _pages(container: Any) -> list[Any]:
    """All picture directories, those of SubIFDs too."""
    pages: list[Any] = []
    for index in range(min(len(container.pages), _MOST_PAGES)):
        page = container.pages[index]
        pages.append(page)
        if page.pages is not None:
            pages += [page.pages[i] for i in range(min(len(page.pages), _MOST_PAGES))]
    return [page for page in pages if page.imagewidth and page.imagelength]


def _is_plain(pages: list[Any]) -> bool:
    """Whether a TIFF without DNGVersion holds its gray or RGB values plainly, as scientific cameras write them."""
    page = max(pages, key=_area)
    is_plain = page.photometric in (*_MINIS, _RGB) and page.samplesperpixel in (1, 3)
    return (
        is_plain and "CFAPattern" not in page.tags and "SubIFDs" not in pages[0].tags and _is_decodable(page)
    )


def _is_decodable(page: Any) -> bool:
    return bool(page.dtype is not None and page.compression in (1, 5, 8, 32773, 32946))  # none, LZW, deflate


def _area(page: Any) -> int:
    return int(page.imagewidth) * int(page.imagelength)


def _raw_page(file: Path, pages: list[Any]) -> Any:
    """The full-resolution raw directory: NewSubfileType 0 (DNG 1.7.1, chapter 4)."""
    raw = [
        p
        for p in pages
        if int(p.subfiletype or 0) == 0 and p.photometric in (dng_tags.CFA, dng_tags.LINEAR_RAW, *_MINIS)
    ]
    raw = raw or [p for p in pages if int(p.subfiletype or 0) == 0 and p.photometric == _RGB]
    if not raw:
        raise DamagedFile(file, "it names no full-size raw picture", _AGAIN)
    return max(raw, key=_area)


def _check_largest(file: Path, pages: list[Any]) -> None:
    """Whatever a maker's format keeps in its largest part must be there."""
    size = file.stat().st_size
    ends = [o + n for p in pages for o, n in zip(p.dataoffsets, p.databytecounts, strict=False)]
    if ends and max(ends) > size:
        raise DamagedFile(file, f"pixel data end at byte {size} of {max(ends)}", _AGAIN)


def _check_segments(file: Path, page: Any) -> None:
    """Every strip or tile is there, inside the file, and begins as its compression does."""
    offsets, counts = page.dataoffsets, page.databytecounts
    wanted = _segments_wanted(page)
    if len(offsets) < wanted or len(counts) < wanted:
        raise DamagedFile(file, f"{len(offsets)} strips or tiles of {wanted} are listed", _AGAIN)
    size = file.stat().st_size
    with file.open("rb") as stream:
        for offset, count in zip(offsets, counts, strict=False):
            if offset + count > size:
                raise DamagedFile(file, f"pixel data end at byte {size} of {offset + count}", _AGAIN)
            if offset == 0 or count == 0:
                raise DamagedFile(file, "a strip or tile is missing", _AGAIN)
            if page.compression == _LOSSLESS_JPEG:
                stream.seek(offset)
                if stream.read(2) != b"\xff\xd8":
                    raise DamagedFile(file, "a tile does not begin as lossless JPEG does", _AGAIN)
    if page.compression == _UNCOMPRESSED:
        needed = [pixels * page.samplesperpixel * _bits(file, page) // 8 for pixels in _segment_pixels(page)]
        if page.planarconfig == 1 and any(n < least for n, least in zip(counts, needed, strict=False)):
            raise DamagedFile(
                file, f"a strip or tile of {min(counts)} bytes is too short for its pixels", _AGAIN
            )


def _segment_pixels(page: Any) -> list[int]:
    """Pixels of each strip or tile: tiles are whole, the last strip ends with the picture."""
    if page.is_tiled:
        return [int(page.tilewidth * page.tilelength)] * _segments_wanted(page)
    rows, height = _rows_per_strip(page), int(page.imagelength)
    return [min(rows, height - top) * int(page.imagewidth) for top in range(0, height, rows)]


def _rows_per_strip(page: Any) -> int:
    return int(min(max(int(page.rowsperstrip or page.imagelength), 1), page.imagelength))


def _segments_wanted(page: Any) -> int:
    if page.is_tiled:
        across = -(-page.imagewidth // max(page.tilewidth, 1))
        return int(across * -(-page.imagelength // max(page.tilelength, 1)))
    return -(-int(page.imagelength) // _rows_per_strip(page))


def _bits(file: Path, page: Any) -> int:
    bits = page.bitspersample if isinstance(page.bitspersample, int) else page.bitspersample[0]
    if not 8 <= bits <= 32:  # LibRaw takes 0 for 12 and reads garbage
        raise UnsupportedFile(file, f"{bits} bits per sample", "convert it with another program")
    return int(bits)


def _values(file: Path, page: Any, limits: Limits, messages: IO[bytes]) -> NDArray[Any]:
    if page.compression == _VC5:
        raise UnsupportedFile(
            file, "VC-5 compression (GoPro GPR)", "convert it to DNG with GoPro's gpr_tools"
        )
    _bits(file, page)
    if dng.is_libraws(page):
        # LibRaw 0.22.2 refuses fewer than 22 rows or columns (measured).
        with contextlib.suppress(UnsupportedFile):
            values = libraw.unpack(file, limits, messages)
            if values.shape != (page.imagelength, page.imagewidth):
                raise DamagedFile(file, f"LibRaw sees {values.shape}, its tags say {page.shape}", _AGAIN)
            return values
    return dng.linearized(page, _by_tifffile(file, page))


def _tile_below_tile(page: Any, values: NDArray[Any]) -> NDArray[Any]:
    """The values in the order in which the file holds them."""
    height, width, *samples = values.shape
    rows, columns = int(page.tilelength), int(page.tilewidth)
    padding = [(0, -height % rows), (0, -width % columns)] + [(0, 0)] * len(samples)
    padded = np.pad(values, padding, mode="edge")
    tiles = padded.reshape(padded.shape[0] // rows, rows, -1, columns, *samples).swapaxes(1, 2)
    return tiles.reshape(-1, columns, *samples)


def _by_tifffile(file: Path, page: Any) -> NDArray[Any]:
    try:
        values = np.asarray(page.asarray(maxworkers=1))
    except (ValueError, RuntimeError, TypeError, IndexError, KeyError) as error:
        if "imagecodecs" in str(error) or "COMPRESSION" in str(error) or isinstance(error, KeyError):
            words = f"compression {page.compression} is not known"
            raise UnsupportedFile(file, words, "convert it to DNG") from error
        raise DamagedFile(file, f"its compressed data are damaged: {error}", _AGAIN) from error
    values = values[..., 0] if values.ndim == 3 and values.shape[2] == 1 else values
    if values.ndim != (2 if page.samplesperpixel == 1 else 3) or (values.ndim == 3 and values.shape[2] != 3):
        raise UnsupportedFile(
            file, f"a raw picture of {page.samplesperpixel} samples per pixel", "convert it to DNG"
        )
    if page.photometric == 0 and values.dtype.kind == "u":  # white is zero
        values = values.dtype.type(2 ** _bits(file, page) - 1) - values
    if values.dtype.kind == "u" and values.dtype.itemsize <= 2:
        return values.astype(np.uint16, copy=False)
    return values.astype(np.float32, copy=False)
