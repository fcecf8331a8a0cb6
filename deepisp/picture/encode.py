"""A picture's bytes in each format. Loaded only when a picture is written: the codecs take long to import."""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepisp.picture import exif, formats, ifd
from deepisp.picture.errors import MissingExtra
from deepisp.picture.exif import Directories
from deepisp.picture.formats import Format
from deepisp.raw import dng_tags

Pixels = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32]

_SHARP = 90  # from this quality on chroma keeps its full resolution
_LARGEST_TIFF = 2**32 - 2**26  # bytes: offsets have 32 bits; what deflate and EXIF may add is left free


@dataclass(frozen=True)
class Picture:
    """What an encoder gets: contiguous pixels (H, W, 3) or (H, W), ICC profile or None, EXIF, quality 1 to 100."""

    pixels: Pixels
    profile: bytes | None
    exif: Directories
    quality: int


def jpeg(picture: Picture) -> memoryview:
    """JPEG; chroma is halved below quality 90. Huffman tables are libjpeg's own: optimal ones take longer."""
    subsampling = 0 if picture.quality >= _SHARP else 2
    block = b"Exif\0\0" + exif.block(picture.exif)
    return _pillow(picture, "JPEG", quality=picture.quality, subsampling=subsampling, exif=block)


def webp(picture: Picture) -> memoryview:
    """WebP, lossy; always of three channels, chroma halved as the format demands."""
    return _pillow(
        _colored(picture), "WEBP", quality=picture.quality, method=2, exif=exif.block(picture.exif)
    )


def avif(picture: Picture) -> memoryview:
    """AVIF; chroma is halved below quality 90. Speed 8 of 10: slower ones take seconds for 12 MP."""
    chroma = "4:4:4" if picture.quality >= _SHARP else "4:2:0"
    # AVIF says the orientation by itself; finding the tag, Pillow would write all EXIF anew, and as ASCII.
    image = {tag: one for tag, one in picture.exif.image.items() if tag != dng_tags.ORIENTATION}
    block = exif.block(picture.exif._replace(image=image))
    return _pillow(
        _colored(picture), "AVIF", quality=picture.quality, speed=8, subsampling=chroma, exif=block
    )


def _colored(picture: Picture) -> Picture:
    if picture.pixels.ndim == 3:
        return picture
    colored: NDArray[np.uint8] = np.stack([picture.pixels] * 3, axis=2)
    return replace(picture, pixels=colored)


def _pillow(picture: Picture, name: str, **options: Any) -> memoryview:
    from PIL import Image, features

    if name in ("WEBP", "AVIF") and not features.check(name.lower()):
        raise MissingExtra(
            f"this Pillow writes no {name}",
            "install Pillow's own wheel: pip install --force-reinstall pillow",
        )
    stream = io.BytesIO()
    image = Image.fromarray(picture.pixels)
    image.save(stream, name, icc_profile=picture.profile, **options)
    return stream.getbuffer()


def png(picture: Picture) -> memoryview:
    """PNG, 8 or 16 bits; the fast settings: 12 MP of 8 bits in 0.25 s, shorter than by libpng's own at 0.56 s."""
    import imagecodecs

    codec = imagecodecs.PNG
    data = imagecodecs.png_encode(
        picture.pixels, level=codec.COMPRESSION.SPEED, strategy=codec.STRATEGY.RLE, filter=codec.FILTER.SUB
    )
    after = 8 + 25  # signature, IHDR: the profile has to come before the pixels, PNG 3rd edition, 5.6
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
        raise MissingExtra("this imagecodecs writes no JPEG XL", "pip install --force-reinstall imagecodecs")
    is_lossless = picture.quality == 100 or picture.pixels.dtype == np.uint16
    # libjxl's JxlEncoderDistanceFromQuality, for quality 30 and above; below, the same line goes on.
    how = (
        {"lossless": True, "effort": 2} if is_lossless else {"distance": 0.1 + 0.09 * (100 - picture.quality)}
    )
    data = bytes(imagecodecs.jpegxl_encode(picture.pixels, usecontainer=True, **({"effort": 4} | how)))
    # A box "Exif" holds four bytes of offset, then TIFF: ISO/IEC 18181-2. Before the pixels, for quick readers.
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

    if picture.pixels.nbytes > _LARGEST_TIFF:
        raise ValueError(
            f"a TIFF holds 4 GB, these take {picture.pixels.nbytes / 1e9:.1f} GB; use --bits 16 or --size"
        )
    image, pointers = dict(picture.exif.image), picture.exif.pointers
    across, down = (image.pop(tag, ifd.field(ifd.RATIONAL, 300)).data for tag in (282, 283))
    unit = struct.unpack("<H", image.pop(296, ifd.field(ifd.SHORT, 2)).data)[0]  # 2: inch, TIFF 6.0 page 38
    stream = io.BytesIO()
    tifffile.imwrite(
        stream,
        picture.pixels,
        byteorder="<",
        bigtiff=False,
        photometric="rgb" if picture.pixels.ndim == 3 else "minisblack",
        compression="zlib",
        compressionargs={"level": 1},  # 12 MP of 16 bits: 0.5 s against 0.8 s at level 6, and not longer
        predictor=3 if picture.pixels.dtype == np.float32 else 2,  # floating point; horizontal
        rowsperstrip=64,
        resolution=(_pair(across), _pair(down)),
        resolutionunit=unit,
        iccprofile=picture.profile,
        metadata=None,
        software=False,
        extratags=ifd.extratags(image, pointers),
    )
    ifd.append(stream, pointers)
    return stream.getbuffer()


def _pair(rational: bytes) -> tuple[int, int]:
    numerator, denominator = struct.unpack("<II", rational)
    return numerator, denominator


ENCODERS: dict[Format, Callable[[Picture], memoryview]] = {
    formats.JPEG: jpeg,
    formats.PNG: png,
    formats.TIFF: tiff,
    formats.WEBP: webp,
    formats.AVIF: avif,
    formats.JXL: jxl,
}
