"""A picture's pixels to a file, whole or absent."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from deepisp.picture import exif as exif_tags
from deepisp.picture import formats, profile
from deepisp.picture.atomic import commit
from deepisp.picture.encode import ENCODERS, Picture, Pixels
from deepisp.raw.image import Exif

_BITS = {np.dtype(np.uint8): 8, np.dtype(np.uint16): 16, np.dtype(np.float32): 32}


def write(
    pixels: Pixels,
    path: str | os.PathLike[str],
    *,
    space: str = "srgb",
    exif: Exif | None = None,
    quality: int = 92,
    strip_gps: bool = False,
    digest: str = "",
    source: str = "",
    replace: bool = True,
) -> list[str]:
    """Write a picture in the format that the suffix of `path` names, whole or not at all.

    Args:
        pixels: (H, W, 3), or (H, W) for gray; upright; uint8 or uint16 over their whole range, or float32.
        path: where to.
        space: the color space that the pixels are in, as `color` of `Settings` names it, which becomes the ICC profile;
            "camera" embeds none.
        exif: the raw file's, which the picture carries on.
        quality: 1 to 100, of JPEG, WebP, AVIF and 8-bit JPEG XL.
        strip_gps: leave out where the picture was taken.
        digest: `Settings.digest()` of the rendering; `origin.of` reads it back.
        source: hexadecimal digits that stand for the raw file, kept beside `digest`.
        replace: whether a file that is at `path` when all is ready makes way; otherwise it stays.

    Returns:
        Warnings, one line each: EXIF values that could not be copied.

    Raises:
        ValueError: the format does not exist, or cannot hold such pixels; the text says which can.
        FileExistsError: there is a file, which stays.
        NoSpace: no room for the file.
        MissingExtra: the codec is not installed.
        OSError: the file cannot be written. In each case what was at `path` is as it was.
    """
    path = Path(path)
    known = formats.of(path)
    bits = _bits(pixels)
    height, width = pixels.shape[:2]
    formats.check(known, bits=bits, space=space, height=height, width=width)
    if not 1 <= quality <= 100:
        raise ValueError(f"quality goes from 1 to 100, got {quality}")
    found = exif_tags.directories(
        exif, height=height, width=width, space=space, digest=digest, source=source, strip_gps=strip_gps
    )
    is_gray = pixels.ndim == 2 and known not in (formats.WEBP, formats.AVIF)
    icc = profile.icc_profile(space, gray=is_gray)
    contiguous: Any = np.ascontiguousarray(pixels)  # numpy forgets which of the three types it is
    commit(path, ENCODERS[known](Picture(contiguous, icc, found, quality)), replace=replace)
    return found.dropped


def _bits(pixels: Pixels) -> int:
    bits = _BITS.get(pixels.dtype)
    if bits is None or pixels.ndim not in (2, 3) or pixels.shape[2:] not in ((), (3,)):
        raise ValueError(
            "pixels are (H, W, 3) or (H, W) of uint8, uint16 or float32, "
            f"got {pixels.shape} of {pixels.dtype}; convert them first"
        )
    return bits
