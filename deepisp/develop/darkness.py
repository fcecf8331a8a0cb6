"""How much light a raw file lacks, and the gain that makes up for it.

A picture that was exposed well has its bright places near white: of 129 clean photographs, seen with the noise of
data/dark.py, the 99th percentile of the means of 16 x 16 photosites, of the brightest balanced color, lies at 0.6 of
white, and 0.35 EV from there in the median. So the gain of a dark frame is found from what is brightest in it, where
light is most and noise least. (Without noise: 0.28 EV from 0.54; means, log means and lower percentiles vary by 0.45
to 0.71.) In none of them it was less than 1.3 times the median: a frame that is flatter is a veil, a lens cap, a sky
of stars or an error of the black level, and tells nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepisp.develop import noise_source, samples

if TYPE_CHECKING:
    from deepisp.develop.plan import Plan
    from deepisp.raw.image import RawImage

BRIGHT = 0.6  # of white
PERCENT = 99.0
FLAT = 1.25  # of the median
FAR = 16.0  # a gain from which a frame counts as dark; below it the exposure of tone.py does
MOST = 1000.0  # beyond it what is seen is the error of the black level
SEEN = 3.5  # deviations of the noise of a place; where there is no light, a hundredth of the places are above 2.7


class Lift(NamedTuple):
    """A gain for dark frames.

    Attributes:
        gain: on all light; 1 for none.
        warnings: what was done, a line.
    """

    gain: float = 1.0
    warnings: tuple[str, ...] = ()


def lift(plan: Plan, raw: RawImage) -> Lift:
    """The gain that the settings of a plan ask for: none, one that is given, or what the frame itself tells.

    Of files whose noise is unknown, of demosaiced ones, and of frames in which nothing is seen, nothing is told.

    Args:
        plan: without exposure and network yet.
        raw: that it is of.
    """
    asked = plan.settings.dark
    if asked not in ("auto", "off"):
        return Lift(float(asked))
    if asked == "off" or plan.settings.tone == "none" or not plan.cfa:
        return Lift()
    places = samples.places(plan)
    if not len(places.means):
        return Lift()
    bright, usual = (float(np.percentile(places.means.max(1), share)) for share in (PERCENT, 50.0))
    gain = BRIGHT * plan.ceiling / bright if bright > 0 else math.inf
    if not FAR <= gain <= MOST or bright < FLAT * usual or not _is_seen(plan, raw, bright, places.photosites):
        return Lift()
    return Lift(
        gain, (f"far underexposed: shown with {gain:.0f} times the light; --dark off leaves it dark",)
    )


def _is_seen(plan: Plan, raw: RawImage, bright: float, photosites: NDArray[np.intp]) -> bool:
    """Whether the bright places of a dark frame are more than noise."""
    source = noise_source.known(raw, plan.settings.noise_profile)
    if source is None:
        return False
    reads = np.array([one.read for one in source.noise]) * plan.gains**2
    return bool(bright > SEEN * np.sqrt(reads / photosites).max())
