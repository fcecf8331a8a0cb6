"""Flats in order of light: which frames are of one level, which colors clip in them, where the sensor saturates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepisp.calibrate.frames import Frame, Frames, Place
from deepisp.calibrate.noise import light, moments
from deepisp.calibrate.noise.masks import Mask
from deepisp.calibrate.noise.moments import Spread
from deepisp.calibrate.recipe import PhotonTransfer

Array = NDArray[np.float64]

TILE = 8  # photosites of one position along a side: shading hardly changes within
BRIGHTEST = 0.1  # of the tiles: the first to saturate, and under smooth light all of one brightness
CHANCE = 4.0  # standard errors of a variance that chance does not reach


class Seen(NamedTuple):
    """One color of one flat.

    Attributes:
        mean: DN above black.
        texture: noise and fixed pattern together, from neighbors.
        clipped: fraction of photosites where `read` says that this file saturates, or above.
        unlike: deviation of all photosites of the color, DN.
        at_white: fraction of photosites at the white level.
        brightest: where the flat is brightest.
    """

    mean: float
    texture: Spread
    clipped: float
    unlike: float
    at_white: float = 0.0
    brightest: "Brightest | None" = None


class Brightest(NamedTuple):
    """The brightest tiles of one color of a flat: shading keeps others from saturation.

    Attributes:
        mean: DN above black.
        texture: noise and fixed pattern together, from neighbors.
    """

    mean: float
    texture: Spread


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


def look(frames: Frames, fair: Mask, black: Array) -> list[Flat]:
    """Read every flat once; in the order given.

    Args:
        frames: flats.
        fair: (H, W) photosites to measure.
        black: DN at no light of the first, a cell from the first photosite on.
    """
    flats = []
    for index, frame in enumerate(frames):
        leveled = frames.leveled(frame)
        seen = {color: _seen(frame, leveled, color, fair, black) for color in frame.colors}
        flats.append(Flat(index, frame.name, frame.exposure_s, seen))
    return flats


def _seen(frame: Frame, leveled: NDArray[np.generic], color: str, fair: Mask, black: Array) -> Seen:
    places = frame.places_of(color)
    pieces, clipped, at_white = [], 0, 0
    for place in places:
        ok, white = place.of(fair), place.level(frame.white_level)
        values = place.of(frame.mosaic)[ok]
        clipped += int((values >= min(white, place.level(frame.saturation_level))).sum())
        at_white += int((values >= white).sum())
        pieces.append(_above(leveled, fair, place, black))
    every = np.concatenate(pieces)
    return Seen(
        float(every.mean()),
        moments.texture(leveled, fair, places).spread,
        clipped / every.size,
        float(every.std()),
        at_white / every.size,
        _brightest(leveled, fair, places, black),
    )


def _above(leveled: NDArray[np.generic], chosen: Mask, place: Place, black: Array) -> Array:
    """The chosen photosites of one position, DN above black, flat."""
    values: Array = place.of(leveled)[place.of(chosen)].astype(np.float64)
    return values - place.level(black)


def _brightest(
    leveled: NDArray[np.generic], fair: Mask, places: Sequence[Place], black: Array
) -> Brightest | None:
    """None where no tile has photosites to measure."""
    chosen = np.zeros_like(fair)
    for place in places:
        place.of(chosen)[...] = _bright_tiles(place.of(leveled), place.of(fair))
    if not chosen.any():
        return None
    every = np.concatenate([_above(leveled, chosen, place, black) for place in places])
    return Brightest(float(every.mean()), moments.texture(leveled, chosen, places).spread)


def _bright_tiles(values: NDArray[np.generic], fair: Mask) -> Mask:
    """The fair photosites of the tiles with the highest means, (h, w)."""
    (height, width), (tall, wide) = values.shape, (min(TILE, side) for side in values.shape)
    tiles = height // tall, tall, width // wide, wide
    inside = np.s_[: tiles[0] * tall, : tiles[2] * wide]
    ok = fair[inside].reshape(tiles)
    counts = ok.sum(axis=(1, 3))
    sums = np.where(ok, values[inside].reshape(tiles), 0).sum(axis=(1, 3), dtype=np.float64)
    mean = np.where(2 * counts > tall * wide, sums / np.maximum(counts, 1), -np.inf)
    least = np.quantile(mean, 1 - BRIGHTEST, method="higher")
    chosen = np.zeros_like(fair)
    chosen[inside] = (ok & ((mean >= least) & np.isfinite(mean))[:, None, :, None]).reshape(
        chosen[inside].shape
    )
    return chosen


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
        plateau_error: DN that it may lie off; 0 at the white level, where the converter ends.
    """

    white: float
    plateau: float | None
    plateau_error: float = 0.0

    @property
    def known(self) -> float:
        """The plateau, or else the white level."""
        return self.white if self.plateau is None else self.plateau


def ceiling(flats: Sequence[Flat], color: str, first: Frame, black: Array, recipe: PhotonTransfer) -> Ceiling:
    """The white level if flats reach it; else where the variance of their brightest parts collapses.

    Each file's own saturation level is not asked: `read` sees one file, in which an even flat below saturation
    (variance as large as ever) looks like a plateau.
    """
    places = first.places_of(color)
    white = math.fsum(place.level(first.white_level) - place.level(black) for place in places) / len(places)
    seen = [flat.colors[color] for flat in flats]
    if any(one.at_white > recipe.clip_fraction for one in seen):
        return Ceiling(white, white)
    parts = [one.brightest for one in seen if one.brightest is not None]
    if not parts:
        return Ceiling(white, None)
    largest = max(part.texture.variance for part in parts)
    mean, texture = max(parts, key=lambda part: part.mean)
    if texture.variance * (1 + CHANCE * texture.relative_error) < recipe.collapse * largest:
        # Light that saturates in part lies lower, by no more than the noise that is left.
        return Ceiling(white, mean, math.sqrt(texture.variance))
    return Ceiling(white, None)


@dataclass(frozen=True)
class Series:
    """Flats in order of light, with all that it takes to measure them.

    Attributes:
        frames: the flats.
        flats: each by itself, in the order given.
        groups: the same, those of one level together, by rising light.
        fair: (H, W) photosites to measure.
        black: (n, n) DN at no light of the first, a cell from the first photosite on.
        ceilings: where each color saturates.
        recipe: settings.
    """

    frames: Frames
    flats: list[Flat]
    groups: list[list[Flat]]
    fair: Mask
    black: Array
    ceilings: dict[str, Ceiling]
    recipe: PhotonTransfer

    @classmethod
    def of(cls, frames: Frames, fair: Mask, black: Array, recipe: PhotonTransfer) -> "Series":
        """Read every flat once.

        Raises:
            ValueError: one has no light; names it.
        """
        flats, first = look(frames, fair, black), frames.first
        light.check_flats(flats)
        ceilings = {color: ceiling(flats, color, first, black, recipe) for color in first.colors}
        return cls(frames, flats, grouped(flats, recipe.level_tolerance), fair, black, ceilings, recipe)

    def is_straight(self, flat: Flat, color: str) -> bool:
        """Whether a flat's color lies where the line is straight."""
        return fits(flat.colors[color], self.ceilings[color], self.recipe)

    def straight(self, color: str) -> list[list[Flat]]:
        """The levels that lie where the line is straight, by their first flats."""
        return [group for group in self.groups if self.is_straight(group[0], color)]

    @property
    def is_paired(self) -> bool:
        """Whether enough levels of the straight part have pairs, in every color."""
        return all(
            sum(len(group) > 1 for group in self.straight(color)) >= self.recipe.fewest_levels
            for color in self.ceilings
        )


def fits(seen: Seen, ceiling: Ceiling, recipe: PhotonTransfer) -> bool:
    """Whether a flat's color lies where the line is straight."""
    return seen.clipped <= recipe.clip_fraction and seen.mean <= recipe.fit_range * ceiling.known


def linearity_error(series: Series, color: str) -> float | None:
    """Mean deviation of the signal from a line over exposure time, a fraction; None without three known times.

    Source: EMVA 1288 release 4.0, linearity error: a line weighted by 1/signal^2, from 5 to 95 % of saturation.
    """
    recipe, known = series.recipe, series.ceilings[color].known
    low, high = recipe.linearity_low * known, recipe.linearity_high * known
    points = [
        (flat.exposure_s, flat.colors[color].mean)
        for flat in series.flats
        if flat.exposure_s and low <= flat.colors[color].mean <= high
        and flat.colors[color].clipped <= recipe.clip_fraction
    ]  # fmt: skip
    if len({exposure for exposure, _ in points}) < 3:
        return None
    exposure, mean = np.array(points).T
    slope, start = np.polyfit(exposure, mean, 1, w=1 / mean)
    return float(np.mean(np.abs(mean / (slope * exposure + start) - 1)))
