"""A straight line through variances that are known to a fraction of themselves."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ROUNDS = 6  # of weights from the line, line from the weights; it stands after three


@dataclass(frozen=True)
class Line:
    """`variance = gain * mean + intercept`.

    Attributes:
        gain: slope.
        intercept: at mean 0.
        covariance: (2, 2) of gain and intercept.
        answer: (n,) by how much gain moves with each variance.
        misfit: root of chi squared per degree of freedom, at least 1; the errors have been multiplied by it.
    """

    gain: float
    intercept: float
    covariance: Array
    answer: Array
    misfit: float

    @property
    def gain_error(self) -> float:
        """Standard error of the slope."""
        return math.sqrt(self.covariance[0, 0])

    @property
    def intercept_error(self) -> float:
        """Standard error of the intercept."""
        return math.sqrt(self.covariance[1, 1])

    def widened(self, gain_error: float) -> "Line":
        """The same line with another error of the gain, of its own cause, on top."""
        covariance = self.covariance.copy()
        covariance[0, 0] += gain_error**2
        return replace(self, covariance=covariance)

    def at(self, mean: Array | float) -> Array | float:
        """Expected variance."""
        return self.gain * mean + self.intercept


def fit(mean: Array, variance: Array, *, relative: Array, extra: Array, count: Array) -> Line:
    """The line, weighted by the variance's own variance.

    Weights come from the line and not from each variance: one that is low by chance would else weigh more.

    Args:
        mean: (n,) DN.
        variance: (n,) DN squared, of noise over time.
        relative: (n,) standard error of `seen` over itself, where seen = variance + what was taken off.
        extra: (n,) what was taken off each variance (quantization, fixed pattern), and is part of its noise.
        count: (n,) photosites in each mean.

    Raises:
        ValueError: fewer than two points.
    """
    if mean.size < 2:
        raise ValueError(f"a line needs two levels, got {mean.size}; shoot more levels below saturation")
    expected: Array = np.maximum(variance, 1e-12)
    slope = intercept = 0.0
    answer: Array = np.zeros((2, mean.size))
    model = np.stack([mean, np.ones_like(mean)])
    for _ in range(ROUNDS):
        error = np.hypot(relative * (expected + extra), slope * np.sqrt(expected / count))
        weighted = model / error
        covariance: Array = np.asarray(np.linalg.inv(weighted @ weighted.T), np.float64)
        answer = np.asarray(covariance @ (model / error**2), np.float64)
        slope, intercept = answer @ variance
        slope, intercept = float(slope), float(intercept)
        expected = np.maximum(slope * mean + intercept, 1e-3 * float(variance.min()))
    left = (variance - slope * mean - intercept) / error
    misfit = 1.0 if mean.size < 3 else max(1.0, math.sqrt(float((left**2).sum()) / (mean.size - 2)))
    return Line(float(slope), float(intercept), covariance * misfit**2, answer[0], misfit)
