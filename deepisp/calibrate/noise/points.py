"""Levels of flats to points of a photon transfer curve, and to the pattern that all levels share (PRNU).

The pattern is what sums over two disjoint sets of flats have in common: noise over time is in no two frames. All
levels of the straight part are summed, because at high gain one level's shot noise hides a PRNU of half a percent.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepisp.calibrate.noise import moments
from deepisp.calibrate.noise.levels import Flat, Series
from deepisp.calibrate.noise.moments import Spread


class Point(NamedTuple):
    """One level of one color.

    Attributes:
        mean: DN above black.
        spread: noise over time, or with the fixed pattern in a single frame; DN squared.
        unlike: deviation of all photosites, DN.
        is_used: whether it lies where the line is straight.
    """

    mean: float
    spread: Spread
    unlike: float
    is_used: bool


class Shared(NamedTuple):
    """The fixed pattern of one color in sums of flats.

    Attributes:
        variance: DN squared.
        error: standard error of it.
        light: mean product of the two sums above black, DN squared: what PRNU squared multiplies.
        frames: product of the two sums' frames: what DSNU squared multiplies.
    """

    variance: float
    error: float
    light: float
    frames: int


class Points(NamedTuple):
    """All colors.

    Attributes:
        points: of each color, by rising light.
        patterns: of each color that has two flats or more in the straight part.
    """

    points: dict[str, list[Point]]
    patterns: dict[str, Shared]


class _Stacks:
    """Two sums of flats; each color adds only the levels of its own straight part."""

    def __init__(self, series: Series) -> None:
        first = series.frames.first
        self.black, self.fair = series.black, series.fair
        self.places = {color: first.places_of(color) for color in first.colors}
        self.sums = np.zeros((2, *first.mosaic.shape), np.float64)
        self.frames = {color: [0, 0] for color in self.places}

    def add(self, which: int, mosaic: NDArray[np.generic], color: str) -> None:
        for place in self.places[color]:
            place.of(self.sums[which])[...] += place.of(mosaic) - place.level(self.black)
        self.frames[color][which] += 1

    def shared(self) -> dict[str, Shared]:
        fair, found = self.fair, {}
        for color, places in self.places.items():
            if min(self.frames[color]) > 0:
                one, other = (moments.texture(total, fair, places) for total in self.sums)
                covariance, error = moments.shared(one, other)
                products = [
                    np.prod([place.of(total)[place.of(fair)] for total in self.sums], axis=0)
                    for place in places
                ]
                light = float(np.concatenate(products).mean())
                found[color] = Shared(covariance, error, light, self.frames[color][0] * self.frames[color][1])
        return found


def couples(group: list[Flat]) -> list[tuple[Flat, Flat]]:
    """Disjoint pairs of one level, in the order given; an odd one is left over."""
    return list(zip(group[0::2], group[1::2], strict=False))


def of_pairs(series: Series) -> Points:
    """Noise over time from pairs; two frames in memory."""
    frames, stacks = series.frames, _Stacks(series)
    points: dict[str, list[Point]] = {color: [] for color in stacks.places}
    for one, other in (couple for group in series.groups for couple in couples(group)):
        a, b = (frames.leveled(frames[flat.index]) for flat in (one, other))
        for color, places in stacks.places.items():
            pair = moments.pair(a, b, series.fair, places, black=series.black)
            is_used = series.is_straight(one, color) and series.is_straight(other, color)
            points[color].append(Point(pair.mean, pair.spread, one.colors[color].unlike, is_used))
            if is_used:
                stacks.add(0, a, color)
                stacks.add(1, b, color)
    return Points(points, stacks.shared())


def of_singles(series: Series) -> Points:
    """Noise and fixed pattern together from neighbors in each flat; every other flat goes to the other sum."""
    frames, stacks = series.frames, _Stacks(series)
    points: dict[str, list[Point]] = {color: [] for color in stacks.places}
    for turn, flat in enumerate(flat for group in series.groups for flat in group):
        used = [color for color in points if series.is_straight(flat, color)]
        for color, seen in flat.colors.items():
            points[color].append(Point(seen.mean, seen.texture, seen.unlike, color in used))
        if used:
            mosaic = frames.leveled(frames[flat.index])
            for color in used:
                stacks.add(turn % 2, mosaic, color)
    return Points(points, stacks.shared())
