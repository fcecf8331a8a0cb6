"""What a sensor gives without light: black level, noise over time, rows, columns, and the pattern that stays.

Frames are read twice: once for the photosites that are no measure of the others (masks.py), once in pairs.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepisp.calibrate.frames import Frame, Frames, Place
from deepisp.calibrate.noise import masks, moments
from deepisp.calibrate.noise.masks import Mask, Odd, Running
from deepisp.calibrate.noise.moments import Deviation, Spread, Stripes
from deepisp.calibrate.noise.quantization import Unrounded, unrounded
from deepisp.calibrate.recipe import Darks

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ColorFloor:
    """One color without light, DN.

    Attributes:
        mean: of its photosites, DN.
        spread: noise over time of single photosites, rows and columns taken out, quantization included.
        rows: noise that rows share.
        columns: noise that columns share.
        pattern: variance of the offsets that stay (DSNU squared), and its standard error.
        texture: noise over time and pattern together, from neighbors.
        unlike: deviation of all photosites' means, shading and position included.
        step: between two codes.
        means: of its photosites in each frame that has a partner, DN.
    """

    mean: float
    spread: Spread
    rows: Stripes
    columns: Stripes
    pattern: tuple[float, float]
    texture: Spread
    unlike: float
    step: float
    means: tuple[float, ...]

    @property
    def row(self) -> Deviation:
        """Row noise."""
        return self.rows.std(self.spread.variance)

    @property
    def column(self) -> Deviation:
        """Column noise."""
        return self.columns.std(self.spread.variance)

    @property
    def white(self) -> Unrounded:
        """Variance of single photosites over time, without quantization; NaN if quantization hides it."""
        stripes = self.row.std**2 + self.column.std**2
        found = unrounded(
            self.spread.variance + stripes, self.mean, step=self.step, spread=self.unlike
        )  # rows and columns move a photosite between codes too
        error = math.hypot(found.error, self.spread.variance * self.spread.relative_error)
        return Unrounded(found.variance - stripes, error)


@dataclass(frozen=True)
class Floor:
    """All colors without light.

    Attributes:
        colors: each by its letter.
        black: (n, n) DN, measured, where `first` has its own; of the cell from the first photosite on.
        odd: hot photosites and telegraphs.
        running: mean and variance of each photosite over the frames.
        first: what the frames have in common.
        frames: how many.
        fair_halves: photosites to measure in the first and in the second half of the frames, see masks.py.
    """

    colors: dict[str, ColorFloor]
    black: Array
    odd: Odd
    running: Running
    first: Frame
    frames: int
    fair_halves: tuple[Mask, Mask]

    @property
    def fair(self) -> Mask:
        """Photosites that are a measure of the others, (H, W)."""
        return self.odd.fair


class _Sums:
    """What pairs of one color add up to."""

    def __init__(self) -> None:
        self.spread, self.texture = Spread(), Spread()
        self.rows: list[Stripes] = []
        self.columns: list[Stripes] = []
        self.means: list[float] = []


def measure(frames: Frames, recipe: Darks, step: float, *, are_dark: bool = False) -> Floor:
    """The floor from dark frames of one exposure time, of which there are at least two.

    Args:
        frames: darks.
        recipe: how odd photosites are told.
        step: between two codes, DN.
        are_dark: whether light was looked for in them before.
    """
    found = masks.halves(frames, recipe, are_dark=are_dark)
    first = frames.first
    by_color = {color: first.places_of(color) for color in first.colors}
    sums = {color: _Sums() for color in first.colors}
    stacks = np.zeros((2, *first.mosaic.shape), np.float32)
    pairs = len(frames) // 2
    for index in range(0, 2 * pairs, 2):
        a, b = (frames.leveled(frames[at]) for at in (index, index + 1))
        fair = found.fair[index >= masks.half(len(frames))]
        stacks[0] += a
        stacks[1] += b
        for color, places in by_color.items():
            _add(sums[color], a, b, fair, places)
            sums[color].means += (mean_of(one, found.odd.fair, places) for one in (a, b))
    black = np.zeros((math.isqrt(len(first.places)),) * 2)
    for place in first.places:
        black[place.row, place.column] = place.of(found.all.mean)[place.of(found.odd.fair)].mean(dtype=float)
    colors = {
        color: _color(sums[color], stacks / pairs, found, places, pairs, step)
        for color, places in by_color.items()
    }
    return Floor(colors, black, found.odd, found.all, first, len(frames), found.fair)


def _add(
    sums: _Sums, a: NDArray[np.generic], b: NDArray[np.generic], fair: Mask, places: tuple[Place, ...]
) -> None:
    one = moments.pair(a, b, fair, places)
    sums.spread = sums.spread.plus(one.spread)
    sums.rows.append(one.rows)
    sums.columns.append(one.columns)
    for frame in (a, b):
        sums.texture = sums.texture.plus(moments.texture(frame, fair, places).spread)


def _color(
    sums: _Sums, stacks: Array, found: masks.Halves, places: tuple[Place, ...], pairs: int, step: float
) -> ColorFloor:
    fair = found.odd.fair
    textures = [moments.texture(stack, fair, places) for stack in stacks]
    values = np.concatenate([place.of(found.all.mean)[place.of(fair)] for place in places]).astype(np.float64)
    over_time = sums.spread.variance / found.all.count
    return ColorFloor(
        mean=float(values.mean()),
        spread=sums.spread,
        rows=moments.joined(sums.rows),
        columns=moments.joined(sums.columns),
        pattern=moments.shared(textures[0], textures[1]),
        texture=sums.texture,
        unlike=math.sqrt(max(float(values.var()) - over_time, 0.0)),
        step=step,
        means=tuple(sums.means),
    )


def mean_of(mosaic: NDArray[np.generic], fair: Mask, places: tuple[Place, ...]) -> float:
    """Mean of one color's photosites, of those that are a measure of the others."""
    return float(
        np.concatenate([place.of(mosaic)[place.of(fair)] for place in places]).mean(dtype=np.float64)
    )
