"""Mean and variance of one color from a pair of frames, or from one.

    a pair      (A - B) / sqrt 2                       no fixed pattern, no shading: noise over time alone
    one frame   (x[c] - x[c + 1]) / sqrt 2 along rows  no shading, rows or columns; the fixed pattern is in it

Neighbors are those of one position of the CFA's cell. In a pair, what a row or a column shares is taken out of the
variance and counted by itself (two-way analysis of variance). What is left out is False in `fair`.

Source: EMVA 1288 release 4.0 (variance over time from pairs).
"""

import math
from collections.abc import Iterable
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from deepisp.calibrate.frames import Place

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
MAD = 1.4826  # deviation of a normal distribution over its median absolute deviation
NEIGHBORS = 1.5  # sum of squared correlations of white noise's neighbor differences: 1 + 2 (1/2)^2


def typical(off: NDArray[np.floating]) -> float:
    """The deviation of values around 0, any shape, by their median: what stands far out does not count.

    >>> typical(np.array([-1.0, 1.0, 1000.0]))
    1.4826
    """
    return MAD * float(np.median(np.abs(off)))


class Spread(NamedTuple):
    """Sums of a white residual, which add up over positions and frames.

    Attributes:
        squares: sum of squares.
        fourth: sum of fourth powers.
        number: values.
        lost: degrees of freedom that means took.
        independence: values per independent one, for the error of a variance.
    """

    squares: float = 0.0
    fourth: float = 0.0
    number: int = 0
    lost: int = 0
    independence: float = 1.0

    @classmethod
    def of(cls, residual: Array, lost: int, independence: float = 1.0) -> Self:
        """Of values whose mean is 0."""
        square = residual**2
        return cls(float(square.sum()), float((square**2).sum()), residual.size, lost, independence)

    def plus(self, other: "Spread") -> "Spread":
        """Of both together."""
        return Spread(
            self.squares + other.squares,
            self.fourth + other.fourth,
            self.number + other.number,
            self.lost + other.lost,
            max(self.independence, other.independence),
        )

    @property
    def variance(self) -> float:
        """Unbiased; NaN without values."""
        return self.squares / (self.number - self.lost) if self.number > self.lost else math.nan

    @property
    def relative_error(self) -> float:
        """Standard error of the variance over the variance, excess kurtosis counted; 1 if nothing varies."""
        if not self.squares:
            return 1.0
        kurtosis = self.fourth / self.number / (self.squares / self.number) ** 2
        return math.sqrt(max(kurtosis - 1, 0.5) * self.independence / self.number)


class Deviation(NamedTuple):
    """A standard deviation and its standard error."""

    std: float
    error: float

    @classmethod
    def of(cls, variance: float, error: float) -> Self:
        """From a variance and its error; one below 0 by chance is a deviation of 0, known to the root of the error."""
        std = math.sqrt(max(variance, 0.0))
        return cls(std, min(error / (2 * std), math.sqrt(error)) if std else math.sqrt(error))


class Stripes(NamedTuple):
    """Means of rows, or of columns, of one color.

    Attributes:
        means: (n,), of mean 0 within each frame and set of rows.
        counts: (n,) photosites in each.
        sets: how many means were taken out.
    """

    means: Array
    counts: Array
    sets: int

    def std(self, white: float) -> "Deviation":
        """The deviation that the rows share; white noise's part is taken out.

        One sigma fitted to all row means, not the mean of sigmas.

        Args:
            white: variance of one photosite without the rows.
        """
        n = self.means.size - self.sets
        if n < 2:
            return Deviation(math.nan, math.nan)
        seen = float((self.means**2).sum()) / n
        variance = seen - white * float((1 / self.counts).mean())
        return Deviation.of(variance, math.sqrt(max(float((self.means**4).mean()) - seen**2, seen**2) / n))


class Pair(NamedTuple):
    """One color in two frames of the same light.

    Attributes:
        mean: of both, DN on top of what was given as black.
        spread: of the noise over time, rows and columns taken out, per frame.
        rows: of the same.
        columns: of the same.
    """

    mean: float
    spread: Spread
    rows: Stripes
    columns: Stripes


def pair(
    first: NDArray[np.generic],
    second: NDArray[np.generic],
    fair: Mask,
    places: Iterable[Place],
    *,
    black: Array | None = None,
) -> Pair:
    """One color of two frames of one light, (H, W) each.

    Where black is known, frames that differ a little in brightness, as lamps do, are first brought to one mean.

    Args:
        first: DN.
        second: DN.
        fair: photosites to measure.
        places: positions of that color.
        black: DN at no light, a cell from the first photosite on; None for darks.
    """
    spread, total, count = Spread(), 0.0, 0
    residuals: list[tuple[Place, Array, Mask]] = []
    for place in places:
        ok = place.of(fair)
        dark = 0.0 if black is None else place.level(black)
        a, b = (place.of(frame).astype(np.float64) - dark for frame in (first, second))
        mean_a, mean_b = float(a[ok].mean()), float(b[ok].mean())
        mean = (mean_a + mean_b) / 2
        total, count = total + mean * ok.sum(), count + int(ok.sum())
        difference = (a - mean_a) - (b - mean_b)
        # A lamp's drift times shading would be left: 1 % of drift on 30 % of shading is worth a thousand electrons.
        if black is not None and min(mean_a, mean_b) > 0:
            difference = a * (mean / mean_a) - b * (mean / mean_b)
        residuals.append((place, np.where(ok, difference / math.sqrt(2), 0.0), ok))
    for _, residual, ok in residuals:
        spread = spread.plus(_white(residual, ok))
    rows, columns = (_stripes(residuals, axis) for axis in (0, 1))
    return Pair(total / max(count, 1), spread, rows, columns)


def _white(residual: Array, ok: Mask) -> Spread:
    height, width = ok.any(axis=1).sum(), ok.any(axis=0).sum()
    return Spread.of(without_stripes(residual, ok)[ok], int(height + width - 1))


def without_stripes(residual: NDArray[np.floating], ok: Mask) -> Array:
    """Rows and columns taken out, one after the other: exact without holes, and nearly so with few.

    Args:
        residual: (H, W) of one position.
        ok: (H, W) photosites to measure; 0 comes out where it is False, whatever stood there.
    """
    left: Array = np.where(ok, residual, 0.0)
    for axis in (1, 0):
        counts = np.maximum(ok.sum(axis=axis, keepdims=True), 1)
        left = np.where(ok, left - left.sum(axis=axis, keepdims=True) / counts, 0.0)
    return left


def _stripes(residuals: list[tuple[Place, Array, Mask]], axis: int) -> Stripes:
    """Means along each row (axis 0) or column of one color, over all its positions in that row.

    Rows at one height of the cell are centered by themselves: positions differ in drift.
    """
    sets: dict[int, tuple[Array, Array]] = {}
    for place, residual, ok in residuals:
        at = place.row if axis == 0 else place.column
        sums, counts = residual.sum(axis=1 - axis), ok.sum(axis=1 - axis).astype(np.float64)
        before = sets.get(at)
        sets[at] = (sums, counts) if before is None else (before[0] + sums, before[1] + counts)
    means, numbers = [], []
    for sums, counts in sets.values():
        some = counts > 0
        mean = sums[some] / counts[some]
        means.append(mean - mean.mean() if mean.size else mean)
        numbers.append(counts[some])
    return Stripes(np.concatenate(means), np.concatenate(numbers), len(sets))


def joined(stripes: Iterable[Stripes]) -> Stripes:
    """The rows of several pairs together."""
    every = list(stripes)
    return Stripes(
        np.concatenate([one.means for one in every]),
        np.concatenate([one.counts for one in every]),
        sum(one.sets for one in every),
    )


class Texture(NamedTuple):
    """The fine structure of one color in one frame, from neighbors along rows.

    Attributes:
        values: differences of neighbors over sqrt 2, flat; positions one after another.
        lost: degrees of freedom that column means took.
    """

    values: Array
    lost: int

    @property
    def spread(self) -> Spread:
        """Noise over time and fixed pattern together."""
        return Spread.of(self.values, self.lost, NEIGHBORS)


def texture(mosaic: NDArray[np.generic], fair: Mask, places: Iterable[Place]) -> Texture:
    """The fine structure of one color. Row noise, column noise and shading are taken out.

    Row noise is the same in neighbors; what a column of differences has in common is column noise, or the slope of
    shading (10 % of vignetting over 256 photosites would add 0.6 % to a PRNU of 0.6 %).

    Args:
        mosaic: (H, W) DN.
        fair: photosites to measure.
        places: positions of that color.
    """
    pieces, lost = [], 0
    for place in places:
        values, ok = place.of(mosaic).astype(np.float64), place.of(fair)
        both = ok[:, 1:] & ok[:, :-1]
        difference = np.where(both, np.diff(values, axis=1), 0.0) / math.sqrt(2)
        counts = both.sum(axis=0)
        pieces.append((difference - difference.sum(axis=0) / np.maximum(counts, 1))[both])
        lost += int((counts > 0).sum())
    return Texture(np.concatenate(pieces), lost)


def shared(first: Texture, second: Texture) -> tuple[float, float]:
    """Variance of the pattern that two frames have in common, and its standard error: noise over time is in no two."""
    product, free = first.values * second.values, first.values.size - first.lost
    return float(product.sum()) / free, math.sqrt(NEIGHBORS * float(product.var()) / free)
