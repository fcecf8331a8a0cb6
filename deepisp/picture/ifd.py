"""TIFF directories as bytes: what EXIF is made of, whichever picture format carries it.

Everything is little-endian. A `Field` holds its values packed; a directory is made for the offset of its place.
"""

import io
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

# TIFF 6.0, page 15: field types, and struct's letter for one number of each.
BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SLONG, SRATIONAL, DOUBLE = 1, 2, 3, 4, 5, 7, 9, 10, 12
_LETTERS = {BYTE: "B", SHORT: "H", LONG: "I", RATIONAL: "II", SLONG: "i", SRATIONAL: "ii", DOUBLE: "d"}
_SIZES = {
    ASCII: 1,
    UNDEFINED: 1,
    **{kind: struct.calcsize("<" + letter) for kind, letter in _LETTERS.items()},
}

EXIF_POINTER, GPS_POINTER = 34665, 34853  # Exif 2.32 (CIPA DC-008-2019), table 3


@dataclass(frozen=True)
class Field:
    """The values of one tag: TIFF field type, and the packed bytes."""

    kind: int
    data: bytes

    @property
    def count(self) -> int:
        """How many values, as TIFF counts."""
        return len(self.data) // _SIZES[self.kind]


def field(kind: int, value: Any) -> Field:
    """One tag's values, packed.

    Args:
        kind: TIFF field type.
        value: text, bytes, a number or a sequence of numbers. A rational is a number or a pair
            (numerator, denominator), which is kept as it is, be it (0, 0).

    Raises:
        ValueError, TypeError, OverflowError, struct.error: the value does not fit the type.

    >>> field(RATIONAL, [(1, 250), 0.5]).data == struct.pack("<4I", 1, 250, 1, 2)
    True
    """
    if kind == ASCII:
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        return Field(kind, text.rstrip("\0").encode("utf-8", "replace") + b"\0")
    if isinstance(value, bytes):
        if len(value) % _SIZES[kind] or kind not in (BYTE, UNDEFINED):
            raise ValueError(f"bytes given for a field of type {kind}")
        return Field(kind, value)
    if kind == UNDEFINED and isinstance(value, str):
        return Field(kind, value.encode("ascii"))
    values = value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
    if kind == UNDEFINED:
        return Field(kind, bytes(values))
    if kind in (RATIONAL, SRATIONAL):
        values = _pairs(values)
    return Field(
        kind, struct.pack(f"<{len(values) * len(_LETTERS[kind])}{_LETTERS[kind][0]}", *_flat(values))
    )


def _pairs(values: Sequence[Any]) -> list[tuple[int, int]]:
    return [_pair(value) for value in values]


def _pair(value: Any) -> tuple[int, int]:
    if isinstance(value, tuple):
        numerator, denominator = value
        return int(numerator), int(denominator)
    limit = (2**31 - 1) // (int(abs(value)) + 1)  # so that the numerator fits too
    near = Fraction(float(value)).limit_denominator(max(limit, 1))
    return near.numerator, near.denominator


def _flat(values: Sequence[Any]) -> list[Any]:
    return [part for value in values for part in (value if isinstance(value, tuple) else (value,))]


def guess(value: Any) -> Field:
    """A field for a tag that we know nothing of, typed by its value.

    Raises:
        the same as `field`.
    """
    if isinstance(value, str):
        return field(ASCII, value)
    if isinstance(value, bytes):
        return field(UNDEFINED, value)
    values = value if isinstance(value, Sequence) else (value,)
    flat = _flat(values)
    is_signed = any(number < 0 for number in flat)
    if any(isinstance(one, tuple) for one in values):
        return field(SRATIONAL if is_signed else RATIONAL, values)
    if not all(isinstance(number, int) for number in flat):
        return field(DOUBLE, values)
    if is_signed:
        return field(SLONG, values)
    return field(SHORT if max(flat, default=0) < 2**16 else LONG, values)


def directory(fields: Mapping[int, Field], offset: int) -> bytes:
    """A TIFF directory that will lie at `offset`, long values right behind it; an even number of bytes."""
    entries, values = b"", b""
    start = offset + 2 + 12 * len(fields) + 4
    for tag, one in sorted(fields.items()):
        data = one.data
        inline = data.ljust(4, b"\0") if len(data) <= 4 else struct.pack("<I", start + len(values))
        entries += struct.pack("<HHI", tag, one.kind, one.count) + inline
        if len(data) > 4:
            values += data + bytes(len(data) % 2)  # TIFF 6.0: values begin on even offsets
    return struct.pack("<H", len(fields)) + entries + bytes(4) + values


# tifffile refuses the pointers to EXIF and GPS; numbers next to theirs stand in until `append`.
_STAND_INS = {EXIF_POINTER: 34664, GPS_POINTER: 34852}

ExtraTag = tuple[int, int, int, bytes | tuple[int, ...], bool]


def extratags(fields: Mapping[int, Field], pointers: Iterable[int] = ()) -> list[ExtraTag]:
    """Fields as tifffile takes them, with room for the `pointers` that `append` fills in."""
    tags = {**fields, **{_STAND_INS[pointer]: field(LONG, 0) for pointer in pointers}}
    return [(tag, one.kind, one.count, _unpacked(one), True) for tag, one in sorted(tags.items())]


def _unpacked(one: Field) -> bytes | tuple[int, ...]:
    """tifffile 2026.3.3 counts packed rationals twice; it is right about their numbers."""
    if one.kind not in (RATIONAL, SRATIONAL):
        return one.data
    return struct.unpack(f"<{2 * one.count}{_LETTERS[one.kind][0]}", one.data)


def append(stream: io.BytesIO, directories: Mapping[int, Mapping[int, Field]]) -> None:
    """Put directories, by their pointer's tag, at the end of a TIFF whose first directory has room for it."""
    for pointer, fields in directories.items():
        place = stream.seek(0, io.SEEK_END)
        place += stream.write(bytes(place % 2))
        stream.write(directory(fields, place))
        replace(stream, _STAND_INS[pointer], pointer, field(LONG, place))


def replace(stream: io.BytesIO, old: int, tag: int, new: Field, *, below: int | None = None) -> None:
    """Give the entry of tag `old` another tag and another value of at most four bytes.

    The entry is in the first directory, or in the one that the first directory's tag `below` points to.
    """
    with stream.getbuffer() as data:  # released at once: while it is held, the stream cannot grow
        start = struct.unpack_from("<I", data, 4)[0]
        if below is not None:
            start = struct.unpack_from("<I", data, _entry(data, start, below) + 8)[0]
        at = _entry(data, start, old)
        data[at : at + 12] = struct.pack("<HHI", tag, new.kind, new.count) + new.data.ljust(4, b"\0")


def _entry(data: memoryview, start: int, tag: int) -> int:
    """Where the entry of `tag` lies in the little-endian directory at `start`."""
    count = struct.unpack_from("<H", data, start)[0]
    places = range(start + 2, start + 2 + 12 * count, 12)
    return next(at for at in places if struct.unpack_from("<H", data, at)[0] == tag)
