"""Camera colors to real ones, from a chart of known patches: least squares in CIEDE2000.

    signal ──1 / neutral──► balanced ──terms──► ──(3, T)──► XYZ of D50, white = (1, 1, 1) of the balanced camera

The terms are R, G, B, and of a root polynomial also the roots sqrt(RG), sqrt(GB), sqrt(RB) ..., all of them of the
first degree: twice the light gives twice the color. Each row of the matrix adds up to the white, so that grays stay
gray: 6 free numbers for a linear fit, 15 for degree 2, 36 for degree 3, and one for the exposure.

Source: G. D. Finlayson, M. Mackiewicz and A. Hurlbert, "Color correction using root-polynomial regression", IEEE
Trans. Image Processing 24(5), 2015; G. D. Finlayson and M. S. Drew, "Constrained least-squares regression in color
spaces", J. Electronic Imaging 6(4), 1997 (white preserving).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepisp import spaces
from deepisp.calibrate.charts import difference

Array = NDArray[np.float64]

WHITE = spaces.xyz(spaces.D50)
_STEP = 1e-6  # of a coefficient, for derivatives: half the digits of a float64
FEWEST = 8  # patches for 7 numbers
# Exponents of R, G, B in the terms beyond R, G, B (Finlayson 2015): geometric means of two and of three.
_ROOTS = {
    1: (),
    2: ((1, 1, 0), (0, 1, 1), (1, 0, 1)),
    3: ((1, 1, 0), (0, 1, 1), (1, 0, 1), (1, 2, 0), (0, 1, 2), (1, 0, 2), (2, 1, 0), (0, 2, 1), (2, 0, 1), (1, 1, 1)),
}  # fmt: skip


@dataclass(frozen=True)
class Fit:
    """A map of balanced camera colors to XYZ under D50.

    Attributes:
        degree: 1 linear, 2 or 3 root-polynomial.
        matrix: (3, T), acts on the columns of `terms`; its rows add up to D50.
        exposure: XYZ of the chart over what `matrix` gives.
    """

    degree: int
    matrix: Array
    exposure: float

    def xyz(self, balanced: Array) -> Array:
        """XYZ under D50 of balanced camera colors (..., 3), on the chart's scale."""
        return np.asarray(self.exposure * terms(balanced, self.degree) @ self.matrix.T)


def terms(balanced: Array, degree: int) -> Array:
    """R, G, B and the roots of their products, (..., T): T is 3, 6 or 13 for degree 1, 2 or 3. Roots end at 0.

    >>> terms(np.array([1.0, 4.0, 9.0]), 2).tolist()
    [1.0, 4.0, 9.0, 2.0, 6.0, 3.0]
    """
    red, green, blue = np.moveaxis(np.maximum(balanced, 0), -1, 0)
    roots = [np.power(red**r * green**g * blue**b, 1 / (r + g + b))[..., None] for r, g, b in _ROOTS[degree]]
    return np.concatenate([balanced, *roots], axis=-1)


def fit(balanced: Array, xyz: Array, *, degree: int, ridge: float = 0.0) -> Fit:
    """The fit with the least mean square of CIEDE2000, from a white-preserving linear one on.

    Args:
        balanced: (N, 3) camera colors, a gray has equal channels.
        xyz: (N, 3) what they are, under D50.
        degree: 1, 2 or 3.
        ridge: square of CIEDE2000 that a root term of 1 costs, so that few patches do not bend it at will.

    Raises:
        ValueError: fewer than 8 patches.
    """
    from scipy.optimize import least_squares

    if len(balanced) < FEWEST:
        raise ValueError(
            f"{len(balanced)} usable patches are too few for a color matrix, {FEWEST} are the fewest"
        )
    known, wanted = terms(balanced, degree), difference.lab(xyz, WHITE)
    count = known.shape[1] - 1

    def residuals(free: Array) -> Array:
        matrix = np.exp(free[..., -1])[..., None, None] * _matrix(free[..., :-1], count)
        seen = difference.lab(known @ np.swapaxes(matrix, -1, -2), WHITE)
        apart = difference.components(seen, wanted)
        bent = np.sqrt(ridge) * free[..., :-1].reshape(*free.shape[:-1], 3, count)[..., 2:]
        return np.concatenate([one.reshape(*free.shape[:-1], -1) for one in (apart, bent)], axis=-1)

    def slopes(free: Array) -> Array:
        steps = _STEP * np.eye(len(free))
        return np.asarray((residuals(free + steps) - residuals(free - steps)).T / (2 * _STEP))

    start = _start(balanced, xyz, count)
    found = least_squares(residuals, start, slopes, x_scale="jac", max_nfev=200).x
    return Fit(degree, _matrix(found[:-1], count), float(np.exp(found[-1])))


def _matrix(free: Array, count: int) -> Array:
    """Free numbers (..., 3 * count) to matrices (..., 3, count + 1) whose rows add up to D50."""
    rest = free.reshape(*free.shape[:-1], 3, count)
    return np.concatenate([(WHITE - rest.sum(-1))[..., None], rest], axis=-1)


def _start(balanced: Array, xyz: Array, count: int) -> Array:
    """Linear least squares in XYZ, each patch by its own luminance; scaled to keep white."""
    weight = 1 / np.maximum(xyz[:, 1:2], 1e-3)
    linear = np.linalg.lstsq(balanced * weight, xyz * weight, rcond=None)[0].T
    rows = linear.sum(1)
    scale = max(float(rows.mean() / WHITE.mean()), 1e-6)
    free = np.zeros((3, count))
    free[:, :2] = linear[:, 1:] / scale
    return np.append(free.ravel(), np.log(scale))


def errors(one: Fit, balanced: Array, xyz: Array) -> Array:
    """CIEDE2000 of balanced camera colors (N, 3) from what they are, XYZ under D50 (N, 3): (N,)."""
    seen = difference.lab(one.xyz(balanced), WHITE)
    return difference.ciede2000(seen, difference.lab(xyz, WHITE))
