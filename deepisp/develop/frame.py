"""The picture's frame: crop, pixel aspect, size and orientation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# EXIF orientation: (transpose first, flip rows, flip columns) that bring it upright (CIPA DC-008, 4.6.4).
_UPRIGHT = {
    1: (False, False, False), 2: (False, False, True), 3: (False, True, True), 4: (False, True, False),
    5: (True, False, False), 6: (True, False, True), 7: (True, True, True), 8: (True, True, False),
}  # fmt: skip

_ASPECTS = 0.5, 2.0  # LibRaw knows cameras from 0.5 (Nikon D1X) to 1.53 (Kodak DC120)


def orient(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """The picture upright, (H, W, ...): a view where possible.

    >>> orient(np.array([[1, 2], [3, 4]]), 6).tolist()      # the camera was turned: row 0 is the right side
    [[3, 1], [4, 2]]
    """
    transpose, flip_rows, flip_columns = _UPRIGHT[orientation]
    turned = pixels.swapaxes(0, 1) if transpose else pixels
    return turned[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]


def plausible_aspect(aspect: float) -> tuple[float, tuple[str, ...]]:
    """The pixel aspect of a file, or 1 and a warning where no camera has such pixels.

    >>> plausible_aspect(1.5346)[0], plausible_aspect(300.0)[0]
    (1.5346, 1.0)
    """
    if _ASPECTS[0] <= aspect <= _ASPECTS[1]:
        return aspect, ()
    return 1.0, (f"pixels {aspect:g} times as wide as high are not credible; taken for square",)


def target_size(height: int, width: int, *, aspect: float, longest: int | None) -> tuple[int, int]:
    """Rows and columns of the picture: square pixels, and never larger than asked.

    >>> target_size(976, 848, aspect=1.5346, longest=None)      # Kodak DC120
    (976, 1301)
    >>> target_size(3000, 4000, aspect=1.0, longest=1000)
    (750, 1000)
    """
    if aspect < 1:  # stretch only: shrinking would throw resolution away
        height = round(height / aspect)
    else:
        width = round(width * aspect)
    if longest is not None and max(height, width) > longest:
        scale = longest / max(height, width)
        height, width = max(1, round(height * scale)), max(1, round(width * scale))
    return height, width


def resize(planes: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Planes (C, H, W) of linear light at another size: area-weighted when smaller, bicubic when larger."""
    if planes.shape[1:] == (height, width):
        return planes
    from PIL import Image

    shrinks = height <= planes.shape[1] and width <= planes.shape[2]
    # Hamming: no overshoot around lamps, which sharper filters leave in linear light.
    method = Image.Resampling.HAMMING if shrinks else Image.Resampling.BICUBIC
    out = np.empty((len(planes), height, width), np.float32)
    for plane, resized in zip(planes, out, strict=True):
        resized[:] = np.asarray(Image.fromarray(plane).resize((width, height), method))
    return out
