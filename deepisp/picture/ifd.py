"""TIFF directories as bytes: what EXIF is made of, whichever picture format carries it.

Everything is little-endian. A `Field` holds its values packed; a directory knows the offset at which it will lie.
"""

import struct
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

# TIFF 6.0, page 15: field types, and struct's letter for one number of each.
BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SLONG, SRATIONAL, DOUBLE = 1, 2, 3, 4, 5, 7, 9, 10, 12
_LETTERS = {BYTE: "B", SHORT: "H", LONG: "I", RATIONAL: "II", SLONG: "i", SRATIONAL: "ii", DOUBLE: "d"}
_SIZES = {ASCII: 1, UNDEFINED: 1, **{kind: struct.calcsize("<" + letter) for kind, letter in _LETTERS.items()}}

EXIF_POINTER, GPS_POINTER = 34665, 34853      # Exif 2.32 (CIPA DC-008-2019), table 3


class Field(NamedTuple):
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
    if kind == UNDEFINED:
        return Field(kind, value.encode("ascii") if isinstance(value, str) else bytes(value))
    values = value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
    if kind in (RATIONAL, SRATIONAL):
        values = _pairs(values)
    return Field(kind, struct.pack(f"<{len(values) * len(_LETTERS[kind])}{_LETTERS[kind][0]}", *_flat(values)))


def _pairs(values: Sequence[Any]) -> list[tuple[int, int]]:
    return [_pair(value) for value in values]


def _pair(value: Any) -> tuple[int, int]:
    if isinstance(value, tuple):
        numerator, denominator = value
        return int(numerator), int(denominator)
    limit = (2**31 - 1) // (int(abs(value)) + 1)      # so that the numerator fits too
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
    """A TIFF directory that will lie at `offset`, its long values right behind it; an even number of bytes."""
    entries, values = b"", b""
    start = offset + 2 + 12 * len(fields) + 4
    for tag, (kind, data) in sorted(fields.items()):
        inline = data.ljust(4, b"\0") if len(data) <= 4 else struct.pack("<I", start + len(values))
        entries += struct.pack("<HHI", tag, kind, fields[tag].count) + inline
        if len(data) > 4:
            values += data + bytes(len(data) % 2)      # TIFF 6.0: values begin on even offsets
    return struct.pack("<H", len(fields)) + entries + bytes(4) + values
