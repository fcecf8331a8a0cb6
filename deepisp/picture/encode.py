"""A picture's bytes in each format. Loaded only when a picture is written: the codecs take long to import."""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepisp.picture import exif, formats, ifd
from deepisp.picture.errors import MissingExtra
from deepisp.picture.exif import Directories
from deepisp.picture.formats import Format

Pixels = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32]

_SHARP = 90      # from this quality on chroma keeps its full resolution


@dataclass(frozen=True)
class Picture:
    """What an encoder gets: pixels (H, W, 3) or (H, W), ICC profile or None, EXIF, quality 1 to 100."""

    pixels: Pixels
    profile: bytes | None
    exif: Directories
    quality: int


def jpeg(picture: Picture) -> memoryview:
    """JPEG; chroma is halved below quality 90. Huffman tables are libjpeg's own: optimal ones double the time."""
    subsampling = 0 if picture.quality >= _SHARP else 2
    block = b"Exif\0\0" + exif.block(picture.exif)
    return _pillow(picture, "JPEG", quality=picture.quality, subsampling=subsampling, exif=block)


def webp(picture: Picture) -> memoryview:
    """WebP, lossy; always of three channels, chroma halved as the format demands."""
    return _pillow(_colored(picture), "WEBP", quality=picture.quality, method=2, exif=exif.block(picture.exif))


def avif(picture: Picture) -> memoryview:
    """AVIF; chroma is halved below quality 90. Speed 8 of 10: 6 takes thrice the time for 5 % of the bytes."""
    chroma = "4:4:4" if picture.quality >= _SHARP else "4:2:0"
    block = exif.block(picture.exif)
    return _pillow(_colored(picture), "AVIF", quality=picture.quality, speed=8, subsampling=chroma, exif=block)


def _colored(picture: Picture) -> Picture:
    pixels = picture.pixels
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    return Picture(pixels, picture.profile, picture.exif, picture.quality)


def _pillow(picture: Picture, name: str, **options: Any) -> memoryview:
    from PIL import Image, features

    if name in ("WEBP", "AVIF") and not features.check(name.lower()):
        raise MissingExtra(f"this Pillow writes no {name}", "install Pillow's own wheel: pip install --force pillow")
    stream = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(picture.pixels))
    image.save(stream, name, icc_profile=picture.profile, **options)
    return stream.getbuffer()


def png(picture: Picture) -> memoryview:
    """PNG, 8 or 16 bits; the fast settings that libpng's users agree on, some 5 % longer than the slow ones."""
    import imagecodecs

    codec = imagecodecs.PNG
    data = imagecodecs.png_encode(
        picture.pixels, level=codec.COMPRESSION.SPEED, strategy=codec.STRATEGY.RLE, filter=codec.FILTER.SUB
    )
    after = 8 + 25      # signature, IHDR: the profile has to come before the pixels, PNG 3rd edition, 5.6
    chunks = _chunk(b"eXIf", exif.block(picture.exif))
    if picture.profile is not None:
        chunks = _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(picture.profile, 9)) + chunks
    return memoryview(b"".join((data[:after], chunks, memoryview(data)[after:])))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def jxl(picture: Picture) -> memoryview:
    """JPEG XL of sRGB pixels; lossless at quality 100 and at 16 bits."""
    import imagecodecs

    if not imagecodecs.JPEGXL.available:
        raise MissingExtra("this imagecodecs writes no JPEG XL", "pip install --force imagecodecs")
    is_lossless = picture.quality == 100 or picture.pixels.dtype == np.uint16
    # libjxl's JxlEncoderDistanceFromQuality, for quality 30 and above; below, the same line goes on.
    how = {"lossless": True, "effort": 2} if is_lossless else {"distance": 0.1 + 0.09 * (100 - picture.quality)}
    data = imagecodecs.jpegxl_encode(picture.pixels, usecontainer=True, **({"effort": 4} | how))
    # A box "Exif" holds four bytes of offset, then TIFF: ISO/IEC 18181-2, 9.4. Before the pixels, as in others.
    content = bytes(4) + exif.block(picture.exif)
    box = struct.pack(">I4s", 8 + len(content), b"Exif") + content
    at = _first_box(data, (b"jxlc", b"jxlp"))
    return memoryview(b"".join((data[:at], box, memoryview(data)[at:])))


def _first_box(data: bytes, kinds: tuple[bytes, ...]) -> int:
    at = 0
    while data[at + 4 : at + 8] not in kinds:
        at += int(struct.unpack_from(">I", data, at)[0])
    return at


def tiff(picture: Picture) -> memoryview:
    """TIFF, 8 or 16 bits or floating point, deflated after prediction."""
    import tifffile

    image = dict(picture.exif.image)
    resolution = [image.pop(tag, ifd.field(ifd.RATIONAL, (300,))).data for tag in (282, 283)]
    unit = struct.unpack("<H", image.pop(296, ifd.field(ifd.SHORT, 2)).data)[0]      # 2: inch, TIFF 6.0 page 38
    stream = io.BytesIO()
    tifffile.imwrite(
        stream,
        picture.pixels,
        byteorder="<",
        bigtiff=picture.pixels.nbytes > 2**32 - 2**25,
        photometric="rgb" if picture.pixels.ndim == 3 else "minisblack",
        compression="zlib",
        compressionargs={"level": 1},      # 12 MP of 16 bits: 0.5 s against 0.8 s at level 6, and not longer
        predictor=3 if picture.pixels.dtype == np.float32 else 2,      # floating point; horizontal
        rowsperstrip=64,
        resolution=[struct.unpack("<II", pair) for pair in resolution],
        resolutionunit=unit,
        iccprofile=picture.profile,
        metadata=None,
        software=False,
        extratags=extratags(image, picture.exif),
    )
    append_directories(stream, picture.exif)
    return stream.getbuffer()


# tifffile refuses the pointers to EXIF and GPS; numbers next to theirs stand in until the directories are appended.
_STAND_INS = {ifd.EXIF_POINTER: 34664, ifd.GPS_POINTER: 34852}

ExtraTag = tuple[int, int, int, bytes, bool]


def extratags(image: dict[int, ifd.Field], found: Directories) -> list[ExtraTag]:
    """Fields as tifffile takes them, and room for the pointers that `append_directories` fills in."""
    tags = dict(image)
    for pointer, fields in ((ifd.EXIF_POINTER, found.exif), (ifd.GPS_POINTER, found.gps)):
        if fields:
            tags[_STAND_INS[pointer]] = ifd.field(ifd.LONG, 0)
    return [(tag, one.kind, one.count, one.data, True) for tag, one in sorted(tags.items())]


def append_directories(stream: io.BytesIO, found: Directories) -> None:
    """Put EXIF and GPS at the end of a little-endian TIFF, and point to them from its first directory."""
    for pointer, fields in ((ifd.EXIF_POINTER, found.exif), (ifd.GPS_POINTER, found.gps)):
        if fields:
            place = stream.seek(0, io.SEEK_END)
            place += stream.write(bytes(place % 2))
            stream.write(ifd.directory(fields, place))
            _point(stream, _STAND_INS[pointer], pointer, place)


def _point(stream: io.BytesIO, stand_in: int, pointer: int, place: int) -> None:
    ...


ENCODERS: dict[Format, Callable[[Picture], memoryview]] = {
    formats.JPEG: jpeg,
    formats.PNG: png,
    formats.TIFF: tiff,
    formats.WEBP: webp,
    formats.AVIF: avif,
    formats.JXL: jxl,
}
