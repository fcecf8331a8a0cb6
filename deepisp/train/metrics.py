"""How near a picture is to the truth. Pictures are (..., H, W, C) NumPy arrays, 0 to 1, display-coded or linear.

The field's figures differ by details; here: values are clipped to 0 to 1 and not rounded, a border is left out, the
mean square goes over all channels of a picture (CPSNR), and the mean over pictures is of decibels.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepisp import spaces

Picture = NDArray[Any]

BORDER = 10  # pixels: the demosaicing literature's, shared by the tables that ours are compared with


def cut(picture: Picture, border: int) -> Picture:
    """A picture clipped to 0 to 1, without its border."""
    inside = picture[border : picture.shape[0] - border, border : picture.shape[1] - border]
    return np.clip(inside, 0, 1)


def psnr(output: Picture, truth: Picture, *, border: int = BORDER) -> float:
    """Decibels of 1 over the root mean square error, all channels together; infinite without an error.

    >>> psnr(np.full((4, 4, 3), 0.6), np.full((4, 4, 3), 0.5), border=0)
    20.0
    """
    error = cut(output, border).astype(np.float64) - cut(truth, border)
    mean = float(np.mean(np.square(error)))
    return math.inf if mean == 0 else round(-10 * math.log10(mean), 9)


def ssim(output: Picture, truth: Picture, *, border: int = BORDER) -> float:
    """Structural similarity under a Gaussian window, mean over channels, see losses.structure."""
    import torch

    from deepisp.train import losses

    pair = (
        torch.from_numpy(cut(one, border).astype(np.float64)).movedim(-1, 0)[None] for one in (output, truth)
    )
    return 1 - float(losses.structure(*pair))


def delta_e(output: Picture, truth: Picture, *, border: int = BORDER) -> float:
    """Mean CIEDE2000 of two sRGB-coded pictures."""
    import colour

    to_xyz = spaces.rgb_to_xyz("srgb")

    def lab(picture: Picture) -> Picture:
        xyz = spaces.decode(cut(picture, border).astype(np.float64), "srgb") @ to_xyz.T
        return np.asarray(colour.XYZ_to_Lab(xyz, colour.XYZ_to_xy(to_xyz.sum(1))))

    return float(np.mean(colour.delta_E(lab(output), lab(truth), method="CIE 2000")))


def color_shift(
    mosaic: NDArray[Any], output: Picture, colors: NDArray[np.intp], *, window: int = 64
) -> float:
    """The largest difference of a color's local mean between mosaic and picture; of the picture's units.

    Args:
        mosaic: (H, W) values that the picture was made from.
        output: (H, W, C).
        colors: (H, W), the channel of each photosite.
        window: side of the squares over which means are taken; those that do not fit are left out.
    """
    height, width = (side // window * window for side in mosaic.shape)
    worst = 0.0
    for channel in range(output.shape[-1]):
        at = colors[:height, :width] == channel
        error = np.where(at, output[:height, :width, channel] - mosaic[:height, :width], 0)
        blocks = (height // window, window, width // window, window)
        sums, counts = (one.reshape(blocks).sum((1, 3)) for one in (error, at))
        if sums.size:
            worst = max(worst, float(np.abs(sums / np.maximum(counts, 1)).max()))
    return worst
