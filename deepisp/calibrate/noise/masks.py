"""Photosites that are no measure of the others: hot ones, and those with random telegraph signal (RTS).

Both are told from darks: a hot photosite by its mean over the frames, a telegraph by its variance. Choosing by the
variance would make the noise of the chosen too small, so each half of the darks is measured with the mask that the
other half gives; the flats, whose noise is their own, take both.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from deepisp.calibrate.frames import Frame, Frames, Place
from deepisp.calibrate.recipe import Recipe

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]
MAD = 1.4826  # deviation of a normal distribution over its median absolute deviation
SURROUNDINGS = 31  # photosites of one place: wide against a cluster, narrow against shading


class Running:
    """Mean and variance of each photosite over frames that come one by one (Welford's recurrence).

    Attributes:
        count: frames so far.
        mean: (H, W) DN.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.count = 0
        self.mean: Map = np.zeros(shape, np.float32)
        self._squares: Map = np.zeros(shape, np.float32)

    def add(self, mosaic: NDArray[np.generic]) -> None:
        """One frame more."""
        self.count += 1
        off = mosaic.astype(np.float32) - self.mean
        self.mean += off / self.count
        self._squares += off * (mosaic.astype(np.float32) - self.mean)

    @property
    def variance(self) -> Map:
        """(H, W) DN^2, of at least two frames."""
        return self._squares / np.float32(self.count - 1)

    def joined(self, other: "Running") -> "Running":
        """What all frames of both together give; nothing is changed in either."""
        both = Running((self.mean.shape[0], self.mean.shape[1]))
        both.count = self.count + other.count
        off = other.mean - self.mean
        both.mean = self.mean + off * np.float32(other.count / both.count)
        both._squares = (
            self._squares + other._squares + off**2 * np.float32(self.count * other.count / both.count)
        )
        return both


@dataclass(frozen=True)
class Odd:
    """Photosites that were found odd, (H, W) each."""

    hot: Mask
    telegraph: Mask

    @property
    def fair(self) -> Mask:
        """All the others."""
        return ~(self.hot | self.telegraph)


class Halves(NamedTuple):
    """What the darks say, half by half.

    Attributes:
        odd: from all frames.
        fair: photosites to measure, for the first and the second half of the frames, each by the other half.
        all: mean and variance over all frames.
    """

    odd: Odd
    fair: tuple[Mask, Mask]
    all: Running


def halves(frames: Frames, recipe: Recipe) -> Halves:
    """Read the darks once and find the photosites that are no measure of the others.

    With fewer than `recipe.mask_darks` frames, or an odd one that makes a half of one, only hot photosites are
    looked for, by the mean of all frames, which does not depend on their noise.
    """
    shape = frames.first.mosaic.shape
    parts = Running((shape[0], shape[1])), Running((shape[0], shape[1]))
    for index, frame in enumerate(frames):
        check_not_cut(frame)
        parts[index >= half(len(frames))].add(frames.leveled(frame))
    places = frames.first.places
    whole = parts[0].joined(parts[1]) if parts[1].count else parts[0]
    if len(frames) < recipe.mask_darks:
        odd = Odd(_hot(whole, places, recipe.mask_sigmas), np.zeros(shape, np.bool_))
        return Halves(odd, (odd.fair, odd.fair), whole)
    odd = _odd(whole, places, recipe)
    first, second = (_odd(part, places, recipe) for part in parts)
    # A telegraph may rest for one half; noise that reaches this far is none of a sensor's, so choosing costs nothing.
    loud = _telegraph(whole, places, recipe.mask_certain)
    return Halves(odd, (second.fair & ~loud, first.fair & ~loud), whole)


def of_flat(frame: Frame, sigmas: float) -> Mask:
    """Photosites to measure where there are no darks: all that do not stand out of their surroundings in a dim flat."""
    single = Running((frame.mosaic.shape[0], frame.mosaic.shape[1]))
    single.add(frame.mosaic)
    return ~_hot(single, frame.places, sigmas)


def half(count: int) -> int:
    """Frames in the first half: whole pairs.

    >>> half(16), half(6), half(2)
    (8, 2, 0)
    """
    return count // 4 * 2


def check_not_cut(frame: Frame) -> None:
    """A dark whose noise ends at DN 0 measures nothing.

    Raises:
        ValueError: one photosite in a hundred lies at 0, and none below.
    """
    for place in frame.places:
        values = place.of(frame.mosaic)
        at_zero = float(np.mean(values == 0))
        if (
            at_zero > 0.01 and values.min() == 0
        ):  # 1 % at 0: a Gaussian that loses less is 1.5 % short of its variance
            raise ValueError(
                f"{frame.name}: dark is cut off at DN 0 ({at_zero:.0%} of {place.color} lie there); "
                "noise below black is lost, so give raw files that keep an offset"
            )


def _odd(part: Running, places: tuple[Place, ...], recipe: Recipe) -> Odd:
    return Odd(_hot(part, places, recipe.mask_sigmas), _telegraph(part, places, recipe.mask_variance))


def _telegraph(part: Running, places: tuple[Place, ...], times: float) -> Mask:
    """Photosites whose variance over the frames is so many times the median's."""
    telegraph = np.zeros(part.mean.shape, np.bool_)
    for place in places:
        variance = place.of(part.variance)
        # Whole numbers that are nearly all alike have a median variance of 0: then one rounding's is the scale.
        scale = max(float(np.median(variance)), 1 / 12)
        place.of(telegraph)[...] = variance > times * scale
    return telegraph


def _hot(part: Running, places: tuple[Place, ...], sigmas: float) -> Mask:
    """Photosites that stand out of their surroundings, up or down."""
    hot = np.zeros(part.mean.shape, np.bool_)
    for place in places:
        mean = place.of(part.mean)
        middle = float(np.median(mean))
        spread = _spread(mean - middle)
        tame = np.clip(mean, middle - 3 * spread, middle + 3 * spread)
        off = mean - uniform_filter(tame, SURROUNDINGS, mode="nearest")
        place.of(hot)[...] = abs(off) > sigmas * max(_spread(off), 1 / math.sqrt(12 * part.count))
    return hot


def _spread(off: NDArray[np.floating]) -> float:
    return MAD * float(np.median(np.abs(off)))
