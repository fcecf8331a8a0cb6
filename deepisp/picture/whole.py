"""Whether a picture's file is whole: a quick look at its structure, no pixel is decoded."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple

from deepisp.picture import formats, ifd
from deepisp.picture.formats import Format


def is_whole(path: Path) -> bool:
    """Whether the file at `path` begins and ends as the format of its suffix does; False if it cannot be read.

    Finds files that were cut off, overwritten with zeros at their end, or are something else altogether.
    """
    check = _CHECKS.get(formats.FORMATS.get(path.suffix.lower().lstrip(".")))
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            return size > 0 and (check is None or check(file, size))
    except (OSError, struct.error):
        return False


def _ends(file: IO[bytes], head: bytes, tail: bytes) -> bool:
    starts = file.read(len(head)) == head
    file.seek(-len(tail), 2)
    return starts and file.read() == tail


def _jpeg(file: IO[bytes], size: int) -> bool:
    return size > 4 and _ends(file, b"\xff\xd8\xff", b"\xff\xd9")


def _png(file: IO[bytes], size: int) -> bool:
    return size > 20 and _ends(file, b"\x89PNG\r\n\x1a\n", b"\0\0\0\0IEND\xaeB\x60\x82")


def _webp(file: IO[bytes], size: int) -> bool:
    magic, length, kind = struct.unpack("<4sI4s", file.read(12))
    return (magic, kind) == (b"RIFF", b"WEBP") and length + 8 == size


def _boxes(file: IO[bytes], size: int) -> bool:
    """ISO base media (ISO/IEC 14496-12): boxes follow each other to the very end."""
    at = 0
    while at < size:
        file.seek(at)
        length, _ = struct.unpack(">I4s", file.read(8))
        if length == 1:
            (length,) = struct.unpack(">Q", file.read(8))
        if length == 0:  # to the end of the file
            return at > 0
        if length < 8:
            return False
        at += length
    return at == size


def _jxl(file: IO[bytes], size: int) -> bool:
    is_bare = file.read(2) == b"\xff\x0a"  # a code stream without boxes says nothing of its length
    return is_bare or _boxes(file, size)


def _tiff(file: IO[bytes], size: int) -> bool:
    """All that the first directory and those of EXIF and GPS point to lies within the file (TIFF 6.0, pages 13 to 16),
    and strips or tiles are there (pages 19 and 67)."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(file.read(4))
    if order is None:
        return False
    (start,) = struct.unpack(order + "I", file.read(4))
    first = _directory(file, size, order, start)
    pointers = [at for tag in (ifd.EXIF_POINTER, ifd.GPS_POINTER) for at in first.get(tag, _NONE).integers]
    every = [first, *(_directory(file, size, order, at) for at in pointers)]
    if not all(every) or any(value.end > size for directory in every for value in directory.values()):
        return False
    for offsets, lengths in _DATA:
        starts, counts = first.get(offsets, _NONE).integers, first.get(lengths, _NONE).integers
        if starts and len(starts) == len(counts):
            return all(at + count <= size for at, count in zip(starts, counts, strict=True))
    return False


class _Value(NamedTuple):
    """Where the value of a tag ends, and its numbers if it is of SHORT or LONG."""

    end: int
    integers: tuple[int, ...] = ()


_NONE = _Value(0)
# Bytes of one number, by TIFF field type, TIFF 6.0, page 15.
_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
# StripOffsets and StripByteCounts, TileOffsets and TileByteCounts.
_DATA = ((273, 279), (324, 325))


def _directory(file: IO[bytes], size: int, order: str, start: int) -> dict[int, _Value]:
    """Every tag of the directory at `start`, of which there must be one; struct.error if it is cut off."""
    file.seek(start)
    (count,) = struct.unpack(order + "H", file.read(2))
    entries = struct.unpack(order + count * "HHI4s" + "I", file.read(12 * count + 4))
    return {
        tag: _value(file, size, order, kind, number, inline)
        for tag, kind, number, inline in zip(*(entries[k:-1:4] for k in range(4)), strict=True)
    }


def _value(file: IO[bytes], size: int, order: str, kind: int, count: int, inline: bytes) -> _Value:
    length = count * _WIDTHS.get(kind, 1)
    (at,) = struct.unpack(order + "I", inline)
    end = at + length if length > 4 else 0
    letter = {3: "H", 4: "I"}.get(kind)
    if letter is None or end > size:
        return _Value(end)
    if end:
        file.seek(at)
        inline = file.read(length)
    return _Value(end, struct.unpack(f"{order}{count}{letter}", inline[:length]))


_CHECKS: dict[Format | None, Callable[[IO[bytes], int], bool]] = {
    formats.JPEG: _jpeg,
    formats.PNG: _png,
    formats.TIFF: _tiff,
    formats.WEBP: _webp,
    formats.AVIF: _boxes,
    formats.JXL: _jxl,
}
