"""Simulated low light, scored where it was measured: raw values of the well exposed mosaic, as ELD and PMN do.

    picture ─► data/dark.py ─► dark mosaic x exposure ratio, balanced ─► method ─► RGB ─► through the CFA, unbalanced
         ─► clip 0 to 1 ─► PSNR against the truth's mosaic, as it is and with its brightness corrected

A picture's colors and its noise's random numbers depend on its number alone.
Source: K. Wei et al., "A physics-based noise formation model for extreme low-light raw denoising" (ELD), CVPR 2020, and
its code Vandermode/ELD at 53d5408, for raw values times the ratio, clipped, and for the correction.
"""

import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from deepisp.data import pairs
from deepisp.data.dark import DarkSimulator
from deepisp.sensor.noise import Noise
from deepisp.train import jdd, metrics
from deepisp.train.evaluate_linear import Method, Taken, seen


class Score(NamedTuple):
    """What a method reached on a set of pictures, means over them.

    Attributes:
        raw_psnr: of the mosaic's values, dB.
        corrected_psnr: the same after the output was scaled to the brightness of the truth.
        psnr: of balanced camera RGB that ends where the truth's sensor would, all channels, dB.
        srgb_psnr: of the pictures that these make, dB.
        cpu_s_per_mp: of the method itself, all threads.
        pictures: how many.
    """

    raw_psnr: float
    corrected_psnr: float
    psnr: float
    srgb_psnr: float
    cpu_s_per_mp: float
    pictures: int


def score(
    method: Method,
    pictures: Iterable[NDArray[Any]],
    simulator: DarkSimulator,
    *,
    border: int = metrics.BORDER,
) -> Score:
    """Run a method over pictures.

    Args:
        method: balanced mosaic (H, W) as bright as the truth and its noise, of R, G and B, to balanced RGB (H, W, 3).
        pictures: (H, W, 3) uint8 or uint16, sRGB.
        simulator: of one camera at one ISO and exposure ratio.
        border: pixels left out on each side.

    Raises:
        ValueError: there is no picture.
    """
    rows, seconds, pixels = [], 0.0, 0
    for number, picture in enumerate(pictures):
        taken = take(picture, simulator, number=number)
        start = time.process_time()
        output = method(taken.mosaic, taken.noise)
        seconds, pixels = seconds + time.process_time() - start, pixels + taken.mosaic.size
        raw, truth = (mosaic_of(one, taken, simulator.cfa) for one in (output, taken.truth))
        shown = [seen(one, taken.draw) for one in (output, taken.truth)]
        rows.append(
            (
                metrics.psnr(raw, truth, border=border),
                metrics.psnr(corrected(raw, truth), truth, border=border),
                metrics.psnr(*(_ended(one, taken) for one in (output, taken.truth)), border=border),
                metrics.psnr(*shown, border=border),
            )
        )
    if not rows:
        raise ValueError("no pictures to evaluate on; give a folder that holds some")
    raw_psnr, corrected_psnr, psnr, srgb_psnr = np.mean(rows, 0).tolist()
    return Score(raw_psnr, corrected_psnr, psnr, srgb_psnr, seconds / pixels * 1e6, len(rows))


def take(picture: NDArray[Any], simulator: DarkSimulator, *, number: int) -> Taken:
    """A picture (H, W, 3) as the camera gives it, made as bright as its truth; `number` is the seed."""
    generator = torch.Generator().manual_seed(number)
    given = torch.from_numpy(np.ascontiguousarray(picture)).movedim(-1, 0)[None]
    made = jdd.balanced(simulator(given, generator).amplified(), simulator.cfa)
    assert made.draw is not None  # there always is one
    lines = tuple(Noise(*one) for one in torch.stack(made.noise, -1)[0].tolist())
    truth = made.truth[0].movedim(0, -1).contiguous().numpy()
    return Taken(made.mosaic[0, 0].numpy(), lines, truth, made.draw.part(0))


def _ended(balanced: NDArray[np.float32], taken: Taken) -> NDArray[np.float32]:
    most: NDArray[np.float32] = (1 / taken.draw.neutral).numpy()
    return np.minimum(balanced, most)


def mosaic_of(balanced: NDArray[np.float32], taken: Taken, cfa: str) -> NDArray[np.float32]:
    """The raw values (H, W, 1) that the mosaic of balanced RGB has, clipped to 0 to 1."""
    camera = torch.from_numpy(balanced) * taken.draw.neutral
    mosaic = pairs.through(camera.movedim(-1, 0), cfa)
    return np.asarray(mosaic.clamp(0, 1).movedim(0, -1).numpy())


def corrected(output: NDArray[np.float32], truth: NDArray[np.float32]) -> NDArray[np.float32]:
    """The output times the number that brings it nearest to a truth of the same shape, where that is below white.

    >>> corrected(np.array([0.1, 0.2, 0.9]), np.array([0.2, 0.4, 1.0])).tolist()
    [0.2, 0.4, 1.8]
    """
    below = truth != 1
    p, s = (one[below].astype(np.float64) for one in (output, truth))
    power = float(p @ p)
    return output if power == 0 else output * np.asarray(p @ s / power, output.dtype)
