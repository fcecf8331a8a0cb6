"""Is there light in a frame? Darks that saw some, and flats that saw none, are refused by name.

Dark current is light to any one photosite. What tells them apart: it gathers with time, is the same in all colors,
and does not come and go between frames of one exposure time.
"""

import math
from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepisp.calibrate.frames import Frame
from deepisp.calibrate.noise.moments import typical

if TYPE_CHECKING:
    from deepisp.calibrate.noise.levels import Flat

SIGMAS = (
    6.0  # of a photosite's noise, that black may move between frames: a warming sensor, black measured anew
)
DRIFT = 0.002  # of the span of levels, the same for sensors of little noise
COLORED = 0.3  # of the signal, between colors: cameras that scale channels stay below, lit flats do not
BRIGHT = 0.25  # of the span, above which no dark is of use
LIT = 0.25  # of a photosite's noise, that a flat lies above black: below it says nothing of shot noise
LOOKED_AT = 1 << 16  # photosites of a position, for its noise


class Glimpse(NamedTuple):
    """A dark at a glance.

    Attributes:
        name: of the file.
        exposure_s: or None.
        means: of each color, DN above the black that the first frame tells.
        noise: deviation of its photosites, DN; the largest of the positions.
        span: DN from black to white.
    """

    name: str
    exposure_s: float | None
    means: dict[str, float]
    noise: float
    span: float

    @property
    def mean(self) -> float:
        """Of all colors, DN above black."""
        return fmean(self.means.values())

    @property
    def drift(self) -> float:
        """DN by which the mean of such a frame may move without light."""
        return max(SIGMAS * self.noise, DRIFT * self.span)


def glimpse(frame: Frame, leveled: NDArray[np.generic], first: Frame) -> Glimpse:
    """A dark at a glance.

    Args:
        frame: the dark.
        leveled: (H, W) DN, on the black of `first`.
        first: what the frames have in common.
    """
    means: dict[str, list[float]] = {color: [] for color in frame.colors}
    noise = 0.0
    for place in frame.places:
        values = place.of(leveled)
        means[place.color].append(float(values.mean(dtype=np.float64)) - place.level(first.black_level))
        some = values.ravel()[:: max(values.size // LOOKED_AT, 1)]
        noise = max(noise, typical(some - np.median(some)))
    span = float((first.white_level - first.black_level).min())
    return Glimpse(frame.name, frame.exposure_s, {c: fmean(of) for c, of in means.items()}, noise, span)


def check_darks(darks: Sequence[Glimpse]) -> None:
    """Darks without light.

    Raises:
        ValueError: one fills a quarter of the range, has a color, or lies far above another one that had as much
            time; names it.
    """
    for dark in darks:
        if dark.mean > BRIGHT * dark.span:
            _refuse(dark, f"lies {dark.mean:.0f} DN above black, {dark.mean / dark.span:.0%} of the range")
        low, high = min(dark.means.values()), max(dark.means.values())
        if dark.mean > dark.drift and high - low > COLORED * dark.mean:
            told = ", ".join(f"{color} {mean:.0f}" for color, mean in dark.means.items())
            _refuse(dark, f"has colors ({told} DN above black)")
        darkest = min((one for one in darks if _is_as_long(one, dark)), key=lambda one: one.mean)
        # Dark current doubles with 6 to 8 K (EMVA 1288): sensors grow that much warmer in a run.
        if dark.mean - darkest.mean > max(darkest.drift, darkest.mean):
            _refuse(dark, f"lies {dark.mean - darkest.mean:.0f} DN above {darkest.name}")


def _is_as_long(one: Glimpse, dark: Glimpse) -> bool:
    return one.exposure_s == dark.exposure_s or (one.exposure_s or 0.0) > (dark.exposure_s or math.inf)


def _refuse(dark: Glimpse, what: str) -> None:
    raise ValueError(f"{dark.name}: dark {what}, which is light; leave it out, or give it as a flat")


def check_flats(flats: Sequence["Flat"]) -> None:
    """Flats with light.

    Raises:
        ValueError: one lies at black or below; names it.
    """
    for flat in flats:
        noise = math.sqrt(fmean(one.texture.variance for one in flat.colors.values()))
        if flat.signal <= LIT * noise:
            raise ValueError(
                f"{flat.name}: flat lies {flat.signal:.1f} DN above the darks or black, no more than without light; "
                "leave it out, or give it as a dark"
            )
