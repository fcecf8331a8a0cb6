"""What rounding to whole DN does to noise, and taking it out again.

Noise of deviation s around mu, rounded to steps of 1, has the variance

    s^2 + 1/12 + sum_k (-1)^k exp(-2 pi^2 k^2 s^2) (4 s^2 + 1 / (pi k)^2) cos(2 pi k mu) - (mean's own error)^2

Above half a step only the 1/12 is left; below it the answer hangs on where mu lies between two codes.

Source: B. Widrow, I. Kollar, "Quantization Noise", Cambridge 2008, chapter 4 and appendix (Gaussian input).
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

HARMONICS = 3  # exp(-2 pi^2 16 s^2) < 1e-9 from s = 0.27 on
SMALLEST = 0.27  # steps: with less noise most values are one code, and the variance says little
ROUNDS = 8  # of variance by mean, mean by variance
TRUST = 0.15  # of a correction beyond 1/12, that is counted as its standard error: real noise is not Gaussian


class Unrounded(NamedTuple):
    """Variance before rounding.

    Attributes:
        variance: DN^2; NaN if rounding hides it.
        error: standard error that the correction adds, DN^2.
    """

    variance: float
    error: float


def step_of(values: NDArray[np.generic]) -> float:
    """The step between two codes, DN: 1; more where 12 bits fill 16; 0 for numbers that are not whole.

    >>> step_of(np.array([16, 48, 160])), step_of(np.array([7.0, 8.0])), step_of(np.array([0.5, 0.7]))
    (16.0, 1.0, 0.0)
    """
    some = np.asarray(values).ravel()[: 1 << 16].astype(np.float64)
    if some.size == 0 or (some != np.round(some)).any():
        return 0.0
    return float(np.gcd.reduce((some - some.min()).astype(np.int64))) or 1.0


def unrounded(variance: float, mean: float, *, step: float = 1.0, spread: float = 0.0) -> Unrounded:
    """The variance that noise had before it was rounded.

    Args:
        variance: of the rounded values over time, all sources together, DN^2.
        mean: of the rounded values, DN.
        step: between two codes, DN; 0 for values that were not rounded.
        spread: deviation of the photosites' own means, DN: they lie at different places between two codes.

    >>> round(unrounded(4.0 + 1 / 12, 100.3).variance, 9)
    4.0
    """
    if step == 0:
        return Unrounded(variance, 0.0)
    seen, mu, blur = variance / step**2, mean / step, spread / step
    lowest = SMALLEST**2
    true = seen - 1 / 12
    for _ in range(ROUNDS if seen < 1.0 else 0):  # above that the rest is below 1e-7
        if _rounded(lowest, mu, blur) >= seen:
            return Unrounded(math.nan, math.nan)
        true = float(brentq(lambda v, at=mu: _rounded(v, at, blur) - seen, lowest, seen + 0.2, xtol=1e-9))
        mu = mean / step - _shift(true, mu, blur)
    return Unrounded(true * step**2, TRUST * abs(seen - 1 / 12 - true) * step**2)


def _shift(variance: float, mean: float, blur: float) -> float:
    """By how much rounding moves the mean."""
    shift = 0.0
    for k in range(1, HARMONICS + 1):
        damp = (-1) ** k * math.exp(-2 * (math.pi * k) ** 2 * (variance + blur**2))
        shift += damp * math.sin(2 * math.pi * k * mean) / (math.pi * k)
    return shift


def _rounded(variance: float, mean: float, blur: float) -> float:
    """Variance over time after rounding to whole numbers, of photosites whose means lie around `mean`."""
    total, bias, square = variance + 1 / 12, 0.0, 0.0
    for k in range(1, HARMONICS + 1):
        damp = (-1) ** k * math.exp(-2 * (math.pi * k) ** 2 * variance)
        fade = math.exp(-2 * (math.pi * k * blur) ** 2)  # the photosites' means average the cosine out
        total += damp * fade * (4 * variance + 1 / (math.pi * k) ** 2) * math.cos(2 * math.pi * k * mean)
        bias += damp * fade * math.sin(2 * math.pi * k * mean) / (math.pi * k)
        square += damp**2 * (1 - fade**4) / (2 * (math.pi * k) ** 2)
    return total - bias**2 - square
