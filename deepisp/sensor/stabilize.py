"""Transforms after which the noise is known: one network, or one Gaussian denoiser, then serves every ISO.

`k_sigma` is affine: the noise law becomes that of another ISO, its anchor; exact, and nothing is lost below black.
`anscombe` is a square root: the deviation becomes 1 at nearly all signals. A mean of transformed values is not the
transform of the mean, so a denoised picture goes back by `unbiased_inverse_anscombe`; `inverse_anscombe` only undoes.
Signals are of any shape, float32 or float64; each takes the `Noise` of the signal, whose shot lies above 0.

Sources: Y. Wang et al., "Practical deep raw image denoising on mobile devices", ECCV 2020, section 3.2 (k-sigma);
F. J. Anscombe, Biometrika 35, 1948; J.-L. Starck, F. Murtagh, A. Bijaoui, "Image Processing and Data Analysis", 1998,
section 2.2 (generalized); M. Makitalo and A. Foi, "Optimal inversion of the generalized Anscombe transformation for
Poisson-Gaussian noise", IEEE Trans. Image Processing 22(1), 2013 (exact unbiased inverse).
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import poisson
from torch import Tensor

from deepisp.sensor.noise import Noise

UNIT = Noise(1.0, 0.0)  # the law of plain k-sigma: variance = value
_TABLE_END_E = 100.0  # electrons, from where on the last correction serves: at most 3.2e-4 electrons


class Table(NamedTuple):
    """The exact unbiased inverse less the asymptotic one: electrons over transformed values, each (N,)."""

    transformed: NDArray[np.float64]
    correction_e: NDArray[np.float64]


def k_sigma(signal: Tensor, noise: Noise, anchor: Noise = UNIT) -> Tensor:
    """The signal stretched and shifted so that its noise is `anchor`'s.

    anchor.shot * (x / shot + read / shot^2 - anchor.read / anchor.shot^2): its variance, as a line over itself, has
    the anchor's slope and intercept; with UNIT it is x / shot + read / shot^2, whose variance is its value.
    """
    _check(noise)
    _check(anchor)
    return signal * (anchor.shot / noise.shot) + _shift(noise, anchor)


def inverse_k_sigma(stabilized: Tensor, noise: Noise, anchor: Noise = UNIT) -> Tensor:
    """The twin of `k_sigma`, exact but for rounding."""
    _check(noise)
    _check(anchor)
    return (stabilized - _shift(noise, anchor)) * (noise.shot / anchor.shot)


def anscombe(signal: Tensor, noise: Noise) -> Tensor:
    """The generalized Anscombe transform (GAT), of deviation 1: 2 / a * sqrt(max(a x + 3/8 a^2 + b, 0)).

    a is the noise's shot, b its read. It is 0 where a signal lies below -(3/8 a + b / a).
    """
    _check(noise)
    return (signal * noise.shot + _pedestal(noise)).clamp(min=0).sqrt() * (2 / noise.shot)


def inverse_anscombe(stabilized: Tensor, noise: Noise) -> Tensor:
    """The twin of `anscombe`, wherever that is above 0. Biased for means: see `unbiased_inverse_anscombe`."""
    _check(noise)
    return (stabilized**2) * (noise.shot / 4) - _pedestal(noise) / noise.shot


def unbiased_inverse_anscombe(denoised: Tensor, noise: Noise) -> Tensor:
    """The signal whose noisy, transformed values have the mean `denoised`: the exact unbiased inverse.

    Args:
        denoised: estimates of the mean of `anscombe` values, any shape.
        noise: of the signal before the transform.

    Returns:
        The same shape and type; 0 for what lies below the mean at no light, as light is not negative.
    """
    _check(noise)
    table = _table(math.sqrt(noise.read) / noise.shot)
    known = torch.as_tensor(table.transformed).to(denoised)
    correction = torch.as_tensor(table.correction_e).to(denoised)
    inside = denoised.clamp(min=float(table.transformed[0]))
    right = torch.searchsorted(known, inside.detach().contiguous()).clamp(1, len(known) - 1)
    weight = ((inside - known[right - 1]) / (known[right] - known[right - 1])).clamp(0, 1)
    electrons = (
        inside**2 / 4 - _asymptote_e(noise) + torch.lerp(correction[right - 1], correction[right], weight)
    )
    return electrons.clamp(min=0) * noise.shot


def _check(noise: Noise) -> None:
    if not (noise.shot > 0 and noise.read >= 0):
        raise ValueError(
            f"shot lies above 0 and read is no less than 0, got {noise}; a signal without shot noise needs no transform"
        )


def _shift(noise: Noise, anchor: Noise) -> float:
    return anchor.shot * noise.read / noise.shot**2 - anchor.read / anchor.shot


def _pedestal(noise: Noise) -> float:
    return 0.375 * noise.shot**2 + noise.read


def _asymptote_e(noise: Noise) -> float:
    """1/8 + sigma^2: the asymptotically unbiased inverse is D^2 / 4 less this, in electrons."""
    return 0.125 + noise.read / noise.shot**2


def expected_anscombe(expected_e: NDArray[np.float64], read_std_e: float) -> NDArray[np.float64]:
    """Mean of the transform of counts with read noise: E[2 sqrt(max(n + r + 3/8 + sigma^2, 0))].

    Args:
        expected_e: mean counts, (N,), from 0.
        read_std_e: sigma of the Gaussian r, electrons.

    Returns:
        (N,), by summing over counts and over a grid of 4001 read noises out to 8 deviations.
    """
    counts = np.arange(math.ceil(expected_e.max() + 12 * math.sqrt(expected_e.max()) + 30))
    deviations = np.linspace(-8, 8, 4001)
    weights = np.exp(-(deviations**2) / 2)
    values = counts[:, None] + read_std_e * deviations + 0.375 + read_std_e**2
    given_count = 2 * np.sqrt(np.maximum(values, 0)) @ (weights / weights.sum())
    mean: NDArray[np.float64] = poisson.pmf(counts, expected_e[:, None]) @ given_count
    return mean


@lru_cache(maxsize=256)
def _table(read_std_e: float) -> Table:
    electrons = np.linspace(0, math.sqrt(_TABLE_END_E), 401) ** 2
    transformed = expected_anscombe(electrons, read_std_e)
    return Table(transformed, electrons - (transformed**2 / 4 - 0.125 - read_std_e**2))
