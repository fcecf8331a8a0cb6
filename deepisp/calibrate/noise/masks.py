"""Photosites that are no measure of the others: hot ones, and those with random telegraph signal (RTS).

Both are told from darks: a hot photosite by its mean over the frames, a telegraph by a variance above the shot noise of
its own dark current. Choosing by the variance would make the noise of the chosen too small, so each half of the darks
is measured with the mask that the other half gives; the flats, whose noise is their own, take both.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from deepisp.calibrate.frames import Frame, Frames, Place
from deepisp.calibrate.noise import light
from deepisp.calibrate.noise.moments import typical
from deepisp.calibrate.recipe import Darks

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]
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


def halves(frames: Frames, recipe: Darks, *, are_dark: bool = False) -> Halves:
    """Read the darks once and find the photosites that are no measure of the others.

    With fewer than `recipe.mask_darks` frames, or an odd one that makes a half of one, only hot photosites are
    looked for, by the mean of all frames, which does not depend on their noise.

    Args:
        frames: darks.
        recipe: how odd photosites are told.
        are_dark: whether light was looked for in them before (light.py), and need not be again.
    """
    shape = frames.first.mosaic.shape
    parts = Running((shape[0], shape[1])), Running((shape[0], shape[1]))
    glimpses = []
    for index, frame in enumerate(frames):
        check_has_noise(frame)
        leveled = frames.leveled(frame)
        if not are_dark:
            glimpses.append(light.glimpse(frame, leveled, frames.first))
        parts[index >= half(len(frames))].add(leveled)
    light.check_darks(glimpses)
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


def check_has_noise(frame: Frame) -> None:
    """A dark whose noise ends at DN 0, or that has none, measures nothing.

    Raises:
        ValueError: one photosite in a hundred lies at 0, and none below; or all have one value.
    """
    for place in frame.places:
        values = place.of(frame.mosaic)
        low, high = values.min(), values.max()
        at_zero = float(np.mean(values == 0))
        # 1 % at 0: a Gaussian that loses less is 1.5 % short of its variance
        if low == 0 and at_zero > 0.01:
            raise ValueError(
                f"{frame.name}: dark is cut off at DN 0 ({at_zero:.0%} of {place.color} lie there); "
                "noise below black is lost, so give raw files that keep an offset"
            )
        if low == high:
            raise ValueError(
                f"{frame.name}: dark is {low:g} DN in all photosites of {place.color}, so there is no noise to "
                "measure; raise the ISO, or give raw files that keep all bits"
            )


def _odd(part: Running, places: tuple[Place, ...], recipe: Darks) -> Odd:
    hot = _hot(part, places, recipe.mask_sigmas)
    telegraph = _telegraph(part, places, recipe.mask_variance)
    return Odd(hot, telegraph & ~_is_shot_noise(part, hot, places, recipe.mask_variance))


def _telegraph(part: Running, places: tuple[Place, ...], times: float) -> Mask:
    """Photosites whose variance over the frames is so many times the median's."""
    telegraph = np.zeros(part.mean.shape, np.bool_)
    for place in places:
        variance = place.of(part.variance)
        place.of(telegraph)[...] = variance > times * _usual(variance)
    return telegraph


def _usual(variance: Map) -> float:
    # Whole numbers that are nearly all alike have a median variance of 0: then one rounding's is the scale.
    return max(float(np.median(variance)), 1 / 12)


def _is_shot_noise(part: Running, hot: Mask, places: tuple[Place, ...], times: float) -> Mask:
    """Hot photosites that vary no more than the shot noise of their own dark current explains, (H, W)."""
    brighter, usual = np.zeros_like(part.mean), np.zeros_like(part.mean)
    for place in places:
        mean = place.of(part.mean)
        place.of(brighter)[...] = mean - np.median(mean)
        place.of(usual)[...] = _usual(place.of(part.variance))
    hotter = hot & (brighter > 0)
    if not hotter.any():
        return hotter
    # Variance by mean is the gain. Telegraphs among the hot lie above: the lower quarter is without them.
    variance = part.variance
    gain = max(float(np.quantile((variance - usual)[hotter] / brighter[hotter], 0.25)), 0.0)
    return hotter & (variance <= times * (usual + gain * brighter))


def _hot(part: Running, places: tuple[Place, ...], sigmas: float) -> Mask:
    """Photosites that stand out of their surroundings, up or down."""
    hot = np.zeros(part.mean.shape, np.bool_)
    for place in places:
        mean = place.of(part.mean)
        middle = float(np.median(mean))
        spread = typical(mean - middle)
        tame = np.clip(mean, middle - 3 * spread, middle + 3 * spread)
        off = mean - uniform_filter(tame, SURROUNDINGS, mode="nearest")
        place.of(hot)[...] = abs(off) > sigmas * max(typical(off), 1 / math.sqrt(12 * part.count))
    return hot
