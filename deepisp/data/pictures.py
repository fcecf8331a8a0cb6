"""Pictures in: the sRGB pixels of a file, for simulations to start from."""

import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp"))
_RAW = "a raw file, no picture; deepisp develop makes a picture of it"
_DNG_VERSION, _CFA = 50706, 32803  # a tag, and a photometric interpretation, of DNG 1.7.1
_LARGEST_DEEP = 1_000_000_000  # pixels: 6 GB of them; a header that says more is no picture


class _Refused(ValueError):
    """What it says is all that is to be said."""


class _TooLarge(_Refused):
    def __init__(self, largest: int) -> None:
        super().__init__(f"a picture of more than {largest / 1e6:.0f} million pixels; make it smaller first")


def load(path: Path) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """The pixels of a picture, (H, W, 3) uint8 or uint16, upright, taken for sRGB; gray is repeated, alpha left out.

    Raises:
        ValueError: not a picture that can be read; says why. Too large: 8 bits end where Pillow takes no more.
        OSError: the file cannot be opened.
    """
    with path.open("rb"):  # what the system says of it comes first
        pass
    try:
        pixels = _deep_pixels(path)
        if pixels > _LARGEST_DEEP:
            raise _TooLarge(_LARGEST_DEEP)
        return _deep(path) if pixels else _plain(path)
    except (MemoryError, _Refused):
        raise
    except Exception as error:  # codecs raise all kinds, struct.error and SyntaxError among them
        raise ValueError(f"no picture that can be read: {error}; convert it to PNG, JPEG or TIFF") from error


def _is_tiff(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def _plain(path: Path) -> NDArray[np.uint8]:
    from PIL import Image, ImageOps

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # a picture of 100 MP is no bomb here
        try:
            with Image.open(path) as picture:
                if picture.format == "FITS":
                    raise _Refused(_RAW)
                return np.array(ImageOps.exif_transpose(picture).convert("RGB"))
        except Image.DecompressionBombError as error:
            # Pillow warns from MAX_IMAGE_PIXELS on and refuses twice as many; the number is the whole process's.
            raise _TooLarge(2 * (Image.MAX_IMAGE_PIXELS or 0)) from error


def _deep_pixels(path: Path) -> int:
    """How many pixels a PNG or TIFF of more than 8 bits, of which Pillow would make 8, has by its header; else 0.

    Most raw files are TIFFs, of which other programs take the thumbnail for the picture: they are refused.
    """
    with path.open("rb") as file:
        head = file.read(26)
    if head.startswith(b"\x89PNG"):
        width, height, depth = struct.unpack_from(">IIB", head, 16)  # IHDR, PNG specification 11.2.2
        return width * height if depth == 16 else 0
    if _is_tiff(path):
        import tifffile

        with tifffile.TiffFile(path) as tiff:
            page = tiff.pages.first
            if page.is_reduced or page.photometric == _CFA or _DNG_VERSION in page.tags:
                raise _Refused(_RAW)
            return int(page.imagewidth * page.imagelength) if page.bitspersample > 8 else 0
    return 0


def _deep(path: Path) -> NDArray[np.uint16]:
    import imagecodecs
    import tifffile

    pixels: NDArray[Any] = (
        tifffile.imread(path, key=0) if _is_tiff(path) else imagecodecs.png_decode(path.read_bytes())
    )
    if pixels.dtype != np.uint16:
        raise ValueError(f"its numbers are {pixels.dtype}, not of 8 or 16 bits")
    if pixels.ndim == 3 and pixels.shape[2] in (3, 4):
        return np.ascontiguousarray(pixels[..., :3])
    gray = pixels if pixels.ndim == 2 else pixels[..., 0]
    if gray.ndim != 2:
        raise ValueError(f"its pixels are {pixels.shape}")
    return np.repeat(gray[..., None], 3, axis=2)
