"""The Tukey lambda distribution that fits read noise: a shape by its probability plot, a scale by its slope.

Against the right shape's quantiles, the sorted values lie on a straight line: the shape whose correlation is largest is
taken (probability plot correlation coefficient, PPCC). sensor/tukey.py has the distribution itself.

Sources: J. J. Filliben, "The probability plot correlation coefficient test for normality", Technometrics 17, 1975;
K. Wei et al., CVPR 2020 (ELD), who fit read noise so.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.stats import tukeylambda

Array = NDArray[np.float64]
POINTS = 1001  # of the probability plot; more do not move the shape
SHAPES = (-0.45, 0.6)  # below -0.5 there is no variance; above 0.14 tails are shorter than a Gaussian's


class Tails(NamedTuple):
    """A Tukey lambda distribution.

    Attributes:
        shape: lambda; 0.14 is nearly Gaussian, below 0 the tails are heavy.
        scale: in the unit of the values; not a deviation.
    """

    shape: float
    scale: float


def fit(values: Array, *, tail: float) -> Tails:
    """The distribution of values around 0, any shape; a hundred thousand give the shape to 0.01.

    Args:
        values: of noise alone, whole numbers blurred by what was subtracted.
        tail: probability at both ends that is left out.
    """
    probability = np.linspace(tail, 1 - tail, POINTS)
    seen = np.quantile(values, probability)
    best = minimize_scalar(
        lambda shape: -_correlation(seen, probability, shape), bounds=SHAPES, method="bounded"
    )
    ideal = tukeylambda.ppf(probability, best.x)
    return Tails(float(best.x), float((seen * ideal).sum() / (ideal**2).sum()))


def _correlation(seen: Array, probability: Array, shape: float) -> float:
    return float(np.corrcoef(seen, tukeylambda.ppf(probability, shape))[0, 1])
