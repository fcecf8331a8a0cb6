"""The demosaicing literature's benchmark, exactly: mosaics of display-coded pictures with white Gaussian noise.

    sRGB / 255 ─► CFA ─► + sigma ─► method ─► clip ─► border 10 left out ─► CPSNR, SSIM; the mean over pictures

Noise is not clipped. A picture's noise depends on its number and on sigma alone, so methods see the same mosaics.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepisp.sensor import cfa as cfa_cell
from deepisp.train import metrics

Method = Callable[[NDArray[np.float32], float], NDArray[np.float32]]


class Score(NamedTuple):
    """What a method reached on a set of pictures.

    Attributes:
        psnr: mean of the pictures' CPSNR, dB.
        worst: the least of them.
        ssim: mean; nan where it was not asked for.
        cpu_s_per_mp: CPU seconds of this process per million photosites, the method alone.
        pictures: how many.
    """

    psnr: float
    worst: float
    ssim: float
    cpu_s_per_mp: float
    pictures: int


def score(
    method: Method,
    pictures: Iterable[NDArray[Any]],
    *,
    sigma: float,
    cfa: str = "RGGB",
    with_ssim: bool = False,
    border: int = metrics.BORDER,
) -> Score:
    """Run a method over pictures.

    Args:
        method: mosaic (H, W) float32 and the deviation of its noise, of 1, to RGB (H, W, 3).
        pictures: (H, W, 3) uint8, sRGB.
        sigma: deviation of the noise, of 255.
        cfa: cell at the top left.
        with_ssim: whether to measure SSIM, too.
        border: pixels left out on each side.

    Raises:
        ValueError: there is no picture.
    """
    decibels, similar, cpu, photosites = [], [], 0.0, 0
    for number, picture in enumerate(pictures):
        truth = picture.astype(np.float32) / np.float32(255)
        mosaic = noisy(truth, cfa, sigma=sigma, seed=number)
        start = time.process_time()
        output = method(mosaic, sigma / 255)
        cpu += time.process_time() - start
        photosites += mosaic.size
        decibels.append(metrics.psnr(output, truth, border=border))
        if with_ssim:
            similar.append(metrics.ssim(output, truth, border=border))
    if not decibels:
        raise ValueError("no pictures to evaluate on; give a folder that holds some")
    mean_ssim = float(np.mean(similar)) if similar else float("nan")
    return Score(float(np.mean(decibels)), min(decibels), mean_ssim, cpu / photosites * 1e6, len(decibels))


def noisy(truth: NDArray[np.float32], cfa: str, *, sigma: float, seed: int) -> NDArray[np.float32]:
    """The mosaic (H, W) of a picture (H, W, 3) of 0 to 1, with noise of `sigma` of 255."""
    colors = colors_at(cfa, *truth.shape[:2])
    mosaic = np.take_along_axis(truth, colors[..., None], -1)[..., 0]
    if not sigma:
        return mosaic
    rng = np.random.default_rng((seed, round(sigma * 1000)))
    return mosaic + np.float32(sigma / 255) * rng.standard_normal(mosaic.shape, np.float32)


def colors_at(cfa: str, height: int, width: int) -> NDArray[np.intp]:
    """The channel of each photosite, (H, W)."""
    cell = cfa_cell.indices(cfa)
    n = len(cell)
    return np.tile(cell, (-(-height // n), -(-width // n)))[:height, :width]
