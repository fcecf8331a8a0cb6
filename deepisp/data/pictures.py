"""Pictures in: the sRGB pixels of a file, for simulations to start from."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp"))
_DEEP = frozenset((".png", ".tif", ".tiff"))  # may hold 16 bits, of which Pillow would make 8
_LARGEST = 1_000_000_000  # pixels; a header that says more is no picture


def load(path: Path) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """The pixels of a picture, (H, W, 3) uint8 or uint16, upright, taken for sRGB; gray is repeated, alpha left out.

    Raises:
        ValueError: not a picture that can be read; says why.
        OSError: the file cannot be opened.
    """
    with path.open("rb"):  # what the system says of it comes first
        pass
    try:
        return _deep(path) if path.suffix.lower() in _DEEP and _is_deep(path) else _plain(path)
    except MemoryError:
        raise
    except Exception as error:  # codecs raise all kinds, struct.error and SyntaxError among them
        raise ValueError(f"no picture that can be read: {error}; convert it to PNG, JPEG or TIFF") from error


def _plain(path: Path) -> NDArray[np.uint8]:
    from PIL import Image, ImageOps

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # a picture of 100 MP is no bomb here
        with Image.open(path) as picture:
            if picture.width * picture.height > _LARGEST:
                raise ValueError(f"its header says {picture.width} x {picture.height} pixels")
            return np.array(ImageOps.exif_transpose(picture).convert("RGB"))


def _is_deep(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(26)
    if head.startswith(b"\x89PNG"):
        return head[24] == 16  # IHDR's bit depth, PNG specification 11.2.2
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        import tifffile

        with tifffile.TiffFile(path) as tiff:
            return bool(tiff.pages.first.bitspersample > 8)
    return False


def _deep(path: Path) -> NDArray[np.uint16]:
    import imagecodecs
    import tifffile

    png = path.suffix.lower() == ".png"
    pixels: NDArray[Any] = imagecodecs.png_decode(path.read_bytes()) if png else tifffile.imread(path, key=0)
    if pixels.dtype != np.uint16:
        raise ValueError(f"its numbers are {pixels.dtype}, not of 8 or 16 bits")
    if pixels.ndim == 3 and pixels.shape[2] in (3, 4):
        return np.ascontiguousarray(pixels[..., :3])
    gray = pixels if pixels.ndim == 2 else pixels[..., 0]
    if gray.ndim != 2:
        raise ValueError(f"its pixels are {pixels.shape}")
    return np.repeat(gray[..., None], 3, axis=2)
