"""Whether a picture's file is whole: a quick look at its structure, no pixel is decoded."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import IO

from deepisp.picture import formats
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
    """Every strip and tile of the first directory lies within the file (TIFF 6.0, pages 8, 19 and 67)."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(file.read(4))
    if order is None:
        return False
    (at,) = struct.unpack(order + "I", file.read(4))
    file.seek(at)
    (count,) = struct.unpack(order + "H", file.read(2))
    entries = [struct.unpack(order + "HHI4s", file.read(12)) for _ in range(count)]
    found = {
        tag: _integers(file, order, kind, number, value)
        for tag, kind, number, value in entries
        if tag in _DATA
    }
    offsets = found.get(273) or found.get(324) or []
    lengths = found.get(279) or found.get(325) or []
    pairs = list(zip(offsets, lengths, strict=True)) if len(offsets) == len(lengths) else []
    return bool(pairs) and all(offset + length <= size for offset, length in pairs)


_DATA = (273, 279, 324, 325)  # StripOffsets, StripByteCounts, TileOffsets, TileByteCounts


def _integers(file: IO[bytes], order: str, kind: int, count: int, value: bytes) -> list[int]:
    code, width = {3: ("H", 2), 4: ("I", 4)}.get(kind, ("B", 1))
    if count * width > 4:
        file.seek(struct.unpack(order + "I", value)[0])
        value = file.read(count * width)
    return list(struct.unpack(f"{order}{count}{code}", value[: count * width]))


_CHECKS: dict[Format | None, Callable[[IO[bytes], int], bool]] = {
    formats.JPEG: _jpeg,
    formats.PNG: _png,
    formats.TIFF: _tiff,
    formats.WEBP: _webp,
    formats.AVIF: _boxes,
    formats.JXL: _jxl,
}
