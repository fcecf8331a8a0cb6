"""Levels of flats to points of a photon transfer curve, and to the pattern that all levels share (PRNU).

The pattern is what sums over two disjoint sets of flats have in common: noise over time is in no two frames. All
levels of the straight part are summed, because at high gain one level's shot noise hides a PRNU of half a percent.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepisp.calibrate.frames import Frame, Frames
from deepisp.calibrate.noise import levels, moments
from deepisp.calibrate.noise.levels import Ceiling, Flat, Seen
from deepisp.calibrate.noise.masks import Mask
from deepisp.calibrate.noise.moments import Spread
from deepisp.calibrate.recipe import PhotonTransfer

Array = NDArray[np.float64]


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

    def __init__(self, first: Frame, black: Array) -> None:
        self.black = black
        self.places = {c: [place for place in first.places if place.color == c] for c in first.colors}
        self.sums = np.zeros((2, *first.mosaic.shape), np.float64)
        self.frames = {color: [0, 0] for color in self.places}

    def add(self, which: int, mosaic: NDArray[np.generic], color: str) -> None:
        for place in self.places[color]:
            place.of(self.sums[which])[...] += place.of(mosaic) - place.level(self.black)
        self.frames[color][which] += 1

    def shared(self, fair: Mask) -> dict[str, Shared]:
        found = {}
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


def is_paired(groups: list[list[Flat]], ceilings: dict[str, Ceiling], recipe: PhotonTransfer) -> bool:
    """Whether enough levels of the straight part have pairs, in every color."""
    pairs = [group for group in groups if len(group) > 1]
    return all(
        sum(levels.fits(group[0].colors[color], ceiling, recipe) for group in pairs) >= recipe.fewest_levels
        for color, ceiling in ceilings.items()
    )


def of_pairs(
    lit: Frames,
    groups: list[list[Flat]],
    fair: Mask,
    black: Array,
    ceilings: dict[str, Ceiling],
    recipe: PhotonTransfer,
) -> Points:
    """Noise over time from pairs; two frames in memory."""
    stacks = _Stacks(lit.first, black)
    points: dict[str, list[Point]] = {color: [] for color in ceilings}
    for one, other in (couple for group in groups for couple in couples(group)):
        a, b = (lit.leveled(lit[flat.index]) for flat in (one, other))
        for color, ceiling in ceilings.items():
            pair = moments.pair(a, b, fair, stacks.places[color], black=black)
            fits = all(levels.fits(flat.colors[color], ceiling, recipe) for flat in (one, other))
            points[color].append(Point(pair.mean, pair.spread, one.colors[color].unlike, fits))
            if fits:
                stacks.add(0, a, color)
                stacks.add(1, b, color)
    return Points(points, stacks.shared(fair))


def of_series(
    lit: Frames,
    groups: list[list[Flat]],
    fair: Mask,
    black: Array,
    ceilings: dict[str, Ceiling],
    recipe: PhotonTransfer,
) -> Points:
    """Noise and fixed pattern together from neighbors in each flat; every other flat goes to the other sum."""
    stacks = _Stacks(lit.first, black)
    points: dict[str, list[Point]] = {color: [] for color in ceilings}
    for turn, flat in enumerate(flat for group in groups for flat in group):
        used = [
            color for color, ceiling in ceilings.items() if levels.fits(flat.colors[color], ceiling, recipe)
        ]
        for color, seen in flat.colors.items():
            points[color].append(_single(seen, color in used))
        if used:
            mosaic = lit.leveled(lit[flat.index])
            for color in used:
                stacks.add(turn % 2, mosaic, color)
    return Points(points, stacks.shared(fair))


def _single(seen: Seen, is_used: bool) -> Point:
    return Point(seen.mean, seen.texture, seen.unlike, is_used)
