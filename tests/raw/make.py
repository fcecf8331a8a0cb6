"""Small TIFF and DNG files written byte by byte, so that a test knows exactly what its file holds.

Own code and no tifffile: the reader uses tifffile, and would agree with its mistakes. Only the compressed
segments come from imagecodecs.
"""

import struct
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import imagecodecs
import numpy as np

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL, FLOAT, DOUBLE = (
    1,
    2,
    3,
    4,
    5,
    7,
    10,
    11,
    12,
)  # TIFF 6.0
_CODES = {BYTE: "B", ASCII: "B", SHORT: "H", LONG: "I", RATIONAL: "I", UNDEFINED: "B", SRATIONAL: "i",
          FLOAT: "f", DOUBLE: "d"}  # fmt: skip
NONE, LOSSLESS_JPEG, DEFLATE, LOSSY_JPEG, JPEG_XL, JPEG_XL_OLD = 1, 7, 8, 34892, 52546, 50002
CFA, LINEAR_RAW, BLACK_IS_ZERO, RGB = 32803, 34892, 1, 2
LETTERS = "RGBCMYW"  # DNG 1.7.1, tag 50710


class Tag(NamedTuple):
    """A field type and its values; `count` lies about how many there are."""

    kind: int
    values: tuple
    count: int | None = None


def byte(*values: int) -> Tag:
    return Tag(BYTE, values)


def short(*values: int) -> Tag:
    return Tag(SHORT, values)


def long(*values: int) -> Tag:
    return Tag(LONG, values)


def double(*values: float) -> Tag:
    return Tag(DOUBLE, values)


def text(words: str) -> Tag:
    return Tag(ASCII, tuple(words.encode() + b"\0"))


def blob(data: bytes) -> Tag:
    return Tag(UNDEFINED, tuple(data))


def rational(*values: Any, signed: bool = False) -> Tag:
    """Numbers, or pairs as they are to be written."""
    pairs = [
        v if isinstance(v, tuple) else Fraction(v).limit_denominator(10**6).as_integer_ratio() for v in values
    ]
    return Tag(SRATIONAL if signed else RATIONAL, tuple(n for pair in pairs for n in pair))


def signed(*values: Any) -> Tag:
    return rational(*values, signed=True)


@dataclass
class Directory:
    """One IFD: its fields, its strips or tiles, and the directories that a field of it names."""

    tags: dict[int, Tag] = field(default_factory=dict)
    segments: list[bytes] = field(default_factory=list)
    children: dict[int, list["Directory"]] = field(default_factory=dict)


def tiff(*directories: Directory, order: str = "<") -> bytes:
    """A whole file; the directories are chained."""
    out = bytearray((b"II*\0" if order == "<" else b"MM\0*") + b"\0\0\0\0")
    link = 4
    for directory in directories:
        at, following = _put(out, directory, order)
        struct.pack_into(order + "I", out, link, at)
        link = following
    return bytes(out)


def _put(out: bytearray, directory: Directory, order: str) -> tuple[int, int]:
    """Offset of the directory, and of its link to the next."""
    tags = dict(directory.tags)
    if directory.segments:
        offsets = []
        for segment in directory.segments:
            offsets.append(_append(out, segment))
        names = (324, 325) if 322 in tags else (273, 279)
        tags = {names[0]: long(*offsets), names[1]: long(*map(len, directory.segments))} | tags
    for code, children in directory.children.items():
        tags[code] = long(*(_put(out, child, order)[0] for child in children))
    entries = b""
    for code, tag in sorted(tags.items()):
        data = struct.pack(f"{order}{len(tag.values)}{_CODES[tag.kind]}", *tag.values)
        count = (
            len(tag.values) // (2 if tag.kind in (RATIONAL, SRATIONAL) else 1)
            if tag.count is None
            else tag.count
        )
        value = data.ljust(4, b"\0") if len(data) <= 4 else struct.pack(order + "I", _append(out, data))
        entries += struct.pack(order + "HHI", code, tag.kind, count) + value
    at = _append(out, struct.pack(order + "H", len(tags)) + entries + b"\0\0\0\0")
    return at, len(out) - 4


def _append(out: bytearray, data: bytes) -> int:
    out += b"\0" * (len(out) % 2)  # values begin on a word boundary, TIFF 6.0
    at = len(out)
    out += data
    return at


def picture(
    values: np.ndarray,
    *,
    compression: int = NONE,
    bits: int | None = None,
    tile: tuple[int, int] | None = None,
    rows: int | None = None,
    order: str = "<",
) -> Directory:
    """A directory of pixels: in strips of `rows` rows, or in tiles."""
    height, width = values.shape[:2]
    samples = 1 if values.ndim == 2 else values.shape[2]
    bits = bits or values.dtype.itemsize * 8
    tags = {
        254: long(0),
        256: long(width),
        257: long(height),
        258: short(*[bits] * samples),
        259: short(compression),
        262: short(CFA if samples == 1 else LINEAR_RAW),
        277: short(samples),
        284: short(1),
    }
    if values.dtype.kind == "f":
        tags[339] = short(*[3] * samples)
    if tile:
        tags |= {322: long(tile[1]), 323: long(tile[0])}
        padding = [(0, -height % tile[0]), (0, -width % tile[1])] + [(0, 0)] * (values.ndim - 2)
        padded = np.pad(values, padding, mode="edge")
        blocks = [
            padded[y : y + tile[0], x : x + tile[1]]
            for y in range(0, height, tile[0])
            for x in range(0, width, tile[1])
        ]
    else:
        rows = rows or height
        tags[278] = long(rows)
        blocks = [values[y : y + rows] for y in range(0, height, rows)]
    return Directory(tags, [_encoded(np.ascontiguousarray(b), compression, bits, order) for b in blocks])


def _encoded(block: np.ndarray, compression: int, bits: int, order: str) -> bytes:
    if compression == LOSSLESS_JPEG:
        return imagecodecs.ljpeg_encode(block, bitspersample=bits) if block.ndim == 2 else imagecodecs.jpeg_encode(
            block, lossless=True, bitspersample=bits)  # fmt: skip
    if compression == LOSSY_JPEG:
        return imagecodecs.jpeg8_encode(block, level=95, colorspace="rgb", outcolorspace="ycbcr")
    if compression in (JPEG_XL, JPEG_XL_OLD):
        return imagecodecs.jpegxl_encode(
            block, lossless=True, photometric="rgb" if block.ndim == 3 else "gray"
        )
    plain = (
        b"".join(
            imagecodecs.packints_encode(row.ravel(), bits) for row in block
        )  # MSB first, rows begin on a byte
        if bits not in (8, 16, 32)
        else block.astype(block.dtype.newbyteorder(order)).tobytes()
    )
    return imagecodecs.zlib_encode(plain) if compression == DEFLATE else plain


def pattern(cfa: str) -> dict[int, Tag]:
    """CFARepeatPatternDim and CFAPattern of a square cell."""
    side = round(len(cfa) ** 0.5)
    return {33421: short(side, side), 33422: byte(*(LETTERS.index(letter) for letter in cfa))}


def dng(
    values: np.ndarray,
    *,
    cfa: str = "RGGB",
    tags: dict[int, Tag | None] | None = None,
    shared: dict[int, Tag | None] | None = None,
    exif: dict[int, Tag] | None = None,
    gps: dict[int, Tag] | None = None,
    preview: bool = False,
    order: str = "<",
    **how: Any,
) -> bytes:
    """A DNG of `values`, a mosaic (H, W) or linear (H, W, 3).

    Args:
        cfa: the cell as the file names it, at the top left of its ActiveArea.
        tags: more fields of the raw directory; None takes one away.
        shared: more fields of the first directory.
        exif: fields of the EXIF directory.
        gps: fields of the GPS directory.
        preview: put a small JPEG first and the raw picture into a SubIFD, as Adobe does.
        order: byte order.
        how: see `picture`.
    """
    raw = picture(values, order=order, **how)
    if values.ndim == 2 and cfa != "W":
        raw.tags |= pattern(cfa)
    if cfa == "W" and values.ndim == 2:
        raw.tags[262] = short(LINEAR_RAW)
    raw.tags |= tags or {}
    first = raw
    if preview:
        jpeg = imagecodecs.jpeg8_encode(np.full((8, 8, 3), 128, np.uint8), level=90)
        first = Directory(
            {254: long(1), 256: long(8), 257: long(8), 258: short(8, 8, 8), 259: short(7), 262: short(6),
             277: short(3), 278: long(8), 284: short(1)},
            [jpeg],
            {330: [raw]},
        )  # fmt: skip
    first.tags |= {
        271: text("Maker"),
        272: text("Model 1"),
        50706: byte(1, 4, 0, 0),
        50708: text("Maker Model 1"),
    }
    first.tags |= shared or {}
    if exif is not None:
        first.children[34665] = [Directory(exif)]
    if gps is not None:
        first.children[34853] = [Directory(gps)]
    for directory in (raw, first):
        directory.tags = {code: tag for code, tag in directory.tags.items() if tag is not None}
    return tiff(first, order=order)


def noise(height: int, width: int, *, low: int = 600, high: int = 3000, seed: int = 1) -> np.ndarray:
    """A mosaic of values from `low` up to `high`, (H, W) uint16; the same for the same seed."""
    return np.random.default_rng(seed).integers(low, high, (height, width), dtype=np.uint16)


def save(folder: Path, data: bytes, name: str = "made.dng") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path
