"""Flats in order of light: which frames are of one level, which colors clip in them, where the sensor saturates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepisp.calibrate.frames import Frame, Frames, Place
from deepisp.calibrate.noise import moments
from deepisp.calibrate.noise.masks import Mask
from deepisp.calibrate.noise.moments import Spread
from deepisp.calibrate.recipe import PhotonTransfer


class Seen(NamedTuple):
    """One color of one flat.

    Attributes:
        mean: DN above black.
        texture: noise and fixed pattern together, from neighbors.
        clipped: fraction of photosites at the white level.
        unlike: deviation of all photosites of the color, DN.
    """

    mean: float
    texture: Spread
    clipped: float
    unlike: float


@dataclass(frozen=True)
class Flat:
    """One flat, looked at by itself.

    Attributes:
        index: among the flats.
        name: of the file.
        exposure_s: or None.
        colors: each by its letter.
    """

    index: int
    name: str
    exposure_s: float | None
    colors: dict[str, Seen]

    @property
    def signal(self) -> float:
        """Mean of the colors, DN above black."""
        return math.fsum(one.mean for one in self.colors.values()) / len(self.colors)


def look(frames: Frames, fair: Mask, black: NDArray[np.float64]) -> list[Flat]:
    """Read every flat once; in the order given.

    Args:
        frames: flats.
        fair: (H, W) photosites to measure.
        black: DN at no light of the first, a cell from the first photosite on.
    """
    return [
        Flat(
            index, frame.name, frame.exposure_s,
            {color: _seen(frame, leveled, color, fair, black) for color in frame.colors},
        )
        for index, frame in enumerate(frames)
        for leveled in (frames.leveled(frame),)
    ]  # fmt: skip


def _seen(
    frame: Frame, leveled: NDArray[np.generic], color: str, fair: Mask, black: NDArray[np.float64]
) -> Seen:
    places = [place for place in frame.places if place.color == color]
    pieces, clipped = [], 0
    for place in places:
        ok = place.of(fair)
        clipped += int((place.of(frame.mosaic)[ok] >= top(frame, place)).sum())
        pieces.append(place.of(leveled)[ok].astype(np.float64) - place.level(black))
    every = np.concatenate(pieces)
    return Seen(
        float(every.mean()),
        moments.texture(leveled, fair, places).spread,
        clipped / every.size,
        float(every.std()),
    )


def top(frame: Frame, place: Place) -> float:
    """The highest DN that a position is known to reach."""
    return min(place.level(frame.white_level), place.level(frame.saturation_level))


def grouped(flats: Sequence[Flat], tolerance: float) -> list[list[Flat]]:
    """Flats of one level together, levels by rising light.

    One level is one exposure time, where the files say it, and means that lie close: those who keep the time and
    turn the light are understood too.
    """
    groups: list[list[Flat]] = []
    for flat in sorted(flats, key=lambda one: (one.exposure_s or 0.0, one.signal)):
        last = groups[-1][0] if groups else None
        if last is not None and last.exposure_s == flat.exposure_s and _close(flat, last, tolerance):
            groups[-1].append(flat)
        else:
            groups.append([flat])
    for group in groups:
        group.sort(key=lambda one: one.index)
    return sorted(groups, key=lambda group: group[0].signal)


def _close(flat: Flat, other: Flat, tolerance: float) -> bool:
    # 0.1 DN: two flats near dark differ by more than a fraction of nearly nothing.
    return abs(flat.signal - other.signal) <= max(tolerance * abs(other.signal), 0.1)


class Ceiling(NamedTuple):
    """Where a color saturates.

    Attributes:
        white: DN above black of the white level.
        plateau: DN above black that bright flats really reach, or None if none did.
    """

    white: float
    plateau: float | None

    @property
    def known(self) -> float:
        """The plateau, or else the white level."""
        return self.white if self.plateau is None else self.plateau


def ceiling(
    flats: Sequence[Flat], color: str, first: Frame, black: NDArray[np.float64], recipe: PhotonTransfer
) -> Ceiling:
    """The white level if flats reach it; else the brightest flat's mean, if its variance is far below the largest."""
    places = [place for place in first.places if place.color == color]
    white = math.fsum(top(first, place) - place.level(black) for place in places) / len(places)
    seen = sorted((flat.colors[color] for flat in flats), key=lambda one: one.mean)
    if any(one.clipped > recipe.clip_fraction for one in seen):
        return Ceiling(white, white)
    largest = max(one.texture.variance for one in seen)
    if seen[-1].texture.variance < recipe.collapse * largest:
        return Ceiling(white, seen[-1].mean)
    return Ceiling(white, None)


def fits(seen: Seen, ceiling: Ceiling, recipe: PhotonTransfer) -> bool:
    """Whether a flat's color lies where the line is straight."""
    return seen.clipped <= recipe.clip_fraction and seen.mean <= recipe.fit_range * ceiling.known


def linearity_error(
    flats: Sequence[Flat], color: str, ceiling: Ceiling, recipe: PhotonTransfer
) -> float | None:
    """Mean deviation of the signal from a line over exposure time, a fraction; None without three known times.

    Source: EMVA 1288 release 4.0, linearity error: a line weighted by 1/signal^2, from 5 to 95 % of saturation.
    """
    low, high = (part * ceiling.known for part in (recipe.linearity_low, recipe.linearity_high))
    points = [
        (flat.exposure_s, flat.colors[color].mean)
        for flat in flats
        if flat.exposure_s and low <= flat.colors[color].mean <= high
        and flat.colors[color].clipped <= recipe.clip_fraction
    ]  # fmt: skip
    if len({exposure for exposure, _ in points}) < 3:
        return None
    exposure, mean = np.array(points).T
    slope, start = np.polyfit(exposure, mean, 1, w=1 / mean)
    return float(np.mean(np.abs(mean / (slope * exposure + start) - 1)))
