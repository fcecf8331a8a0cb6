"""How much light a raw file lacks, and the lift that makes up for it: a gain on all light.

A picture that was exposed well has its bright places near white: of 129 clean photographs, seen with the noise of
data/dark.py, the 99th percentile of the means of 16 x 16 photosites, of the brightest balanced color, lies at 0.6 of
white, and 0.35 EV from there in the median. So the lift of a dark frame is found from what is brightest in it, where
light is most and noise least. (Without noise: 0.28 EV from 0.54; means, log means and lower percentiles vary by 0.45
to 0.71.) In none of them was it less than 1.3 times the median: a frame that is flatter is a veil, a lens cap, a sky
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
    from deepisp.develop.settings import Settings
    from deepisp.raw.image import RawImage

BRIGHT = 0.6  # of white
PERCENT = 99.0
FLAT = 1.25  # of the median
FAR = 16.0  # a lift from which a frame counts as dark; below it the exposure of tone.py does
MOST = 1000.0  # beyond it what is seen is the error of the black level
SEEN = 3.5  # deviations of the noise of a place; where there is no light, a hundredth of the places are above 2.7


class Found(NamedTuple):
    """What is done about the darkness of a frame.

    Attributes:
        lift: 1 for none.
        warnings: what was done, a line.
    """

    lift: float = 1.0
    warnings: tuple[str, ...] = ()


def find(plan: Plan, raw: RawImage) -> Found:
    """The lift that the settings of a plan ask for: none, one that is given, or what the frame itself tells.

    Files whose noise is unknown, demosaiced ones, and frames in which nothing is seen tell nothing.

    Args:
        plan: without exposure and network yet.
        raw: that it is of.

    Raises:
        ValueError: the profile of the settings does not say the noise of this file.
    """
    settings = plan.settings
    ratio = given(settings)
    if ratio is not None:
        return Found(ratio)
    if settings.dark == "off" or settings.tone == "none" or not plan.cfa:
        return Found()
    places = samples.places(plan)
    if not len(places.means):
        return Found()
    bright, usual = (float(np.percentile(places.means.max(1), share)) for share in (PERCENT, 50.0))
    lift = BRIGHT * plan.ceiling / bright if bright > 0 else math.inf
    if lift < FAR or bright < FLAT * usual or bright <= 0:
        return Found()
    if lift > MOST or not _is_seen(plan, raw, bright, places.photosites):
        return Found(1.0, ("too dark to tell how much light it lacks; --dark RATIO lifts it all the same",))
    return Found(
        lift, (f"far underexposed: shown with {lift:.0f} times the light; --dark off leaves it dark",)
    )


def given(settings: Settings) -> float | None:
    """The ratio that is asked for; None where the frame itself is asked, or nothing is to be done."""
    return None if settings.dark in ("auto", "off") else float(settings.dark)


def _is_seen(plan: Plan, raw: RawImage, bright: float, photosites: NDArray[np.intp]) -> bool:
    """Whether the bright places of a dark frame are more than noise."""
    source = noise_source.known(raw, plan.settings.noise_profile)
    if source is None:
        return False
    reads = np.array([one.read for one in source.noise]) * plan.gains**2
    return bool(bright > SEEN * np.sqrt(reads / photosites).max())
