"""Maker and model in headers that are no TIFF: rawpy does not hand on what LibRaw finds there.

Sources: Canon, "CIFF specification on image data file" 1.0 (1997); Fujifilm's header as libopenraw describes it;
the first bytes of QuickTake samples.
"""

import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

_QUICKTAKE = {b"qktk": "QuickTake 100", b"qktn": "QuickTake 150"}
_MAKE_MODEL = 0x080A  # CIFF record: "Canon\0Canon PowerShot G2\0"
_HEAPS = (0x300A, 0x2807)  # image properties, camera object: on the way to it
_MOST_RECORDS, _LONGEST = 1000, 256


class Names(NamedTuple):
    """As the file spells them; "" where it does not."""

    maker: str = ""
    model: str = ""


def find(file: Path) -> Names:
    """The names in a CRW, RAF or QuickTake file; empty if it is none of them, or damaged."""
    with file.open("rb") as stream:
        head = stream.read(64)
        if head[:4] in _QUICKTAKE:
            return Names("Apple", _QUICKTAKE[head[:4]])
        if head.startswith(b"FUJIFILM"):
            return Names("FUJIFILM", _text(head[28:60]))
        if head[6:14] == b"HEAPCCDR" and head[:2] == b"II":
            (start,) = struct.unpack_from("<I", head, 2)
            try:
                return _in_heap(stream, start, file.stat().st_size, _HEAPS)
            except struct.error:  # a directory that points nowhere
                return Names()
    return Names()


def _in_heap(stream: BinaryIO, start: int, end: int, path: tuple[int, ...]) -> Names:
    """A heap ends with the offset of its directory: a count, then type, size and offset of each record."""
    at = start + struct.unpack("<I", _at(stream, end - 4, 4))[0]
    (count,) = struct.unpack("<H", _at(stream, at, 2))
    for index in range(min(count, _MOST_RECORDS)):
        kind, size, offset = struct.unpack("<HII", _at(stream, at + 2 + 10 * index, 10))
        if path and kind == path[0]:
            return _in_heap(stream, start + offset, start + offset + size, path[1:])
        if not path and kind == _MAKE_MODEL:
            maker, _, model = _at(stream, start + offset, min(size, _LONGEST)).partition(b"\0")
            return Names(_text(maker), _text(model))
    return Names()


def _at(stream: BinaryIO, offset: int, size: int) -> bytes:
    stream.seek(max(offset, 0))
    return stream.read(size)


def _text(data: bytes) -> str:
    return data.split(b"\0")[0].decode("ascii", "replace").strip()
