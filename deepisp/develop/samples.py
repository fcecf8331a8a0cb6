"""Samples of a plan's light, spread evenly: what exposure, highlights and the lift of dark frames are chosen by."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepisp.develop import highlights, levels
from deepisp.sensor import cfa as cfa_cell

if TYPE_CHECKING:
    from deepisp.develop.plan import Plan

_SAMPLES = 60_000  # cells that are looked at to choose an exposure
_PLACE, _PLACES = 16, 2_000  # photosites on a side, and how many such places tell how dark a file is


def light(plan: Plan) -> NDArray[np.float64]:
    """Balanced colors of cells spread evenly over the crop, (N, C), ended at the ceiling, with their lens gains."""
    crop = plan.crop
    if plan.cfa == "":
        return _light_linear(plan)
    pattern, shape = plan.pattern, plan.levels.black.shape
    n = int(np.lcm(len(pattern), np.lcm(*shape)))
    rows, columns = crop.height // n, crop.width // n
    if not rows or not columns:
        return np.zeros((1, len(plan.gains)))
    step = max(1, int((rows * columns / _SAMPLES) ** 0.5))
    top, left = crop.top - crop.top % n, crop.left - crop.left % n
    total = np.zeros((-(-rows // step), -(-columns // step), len(plan.gains)))
    counts, shading = np.zeros(len(plan.gains)), np.zeros_like(total)
    for r, c in np.ndindex(n, n):
        values = plan.values[top + r : top + rows * n : n * step, left + c : left + columns * n : n * step]
        level, color = (r % shape[0], c % shape[1]), pattern[r % len(pattern), c % len(pattern)]
        total[..., color] += (values - plan.levels.black[level]) * plan.levels.scale[level]
        counts[color] += 1
        if plan.shading is not None:
            at = (
                np.arange(top + r, top + rows * n, n * step),
                np.arange(left + c, left + columns * n, n * step),
            )
            shading[..., color] += plan.shading.at(*at)
    found = np.minimum(total / counts * plan.gains, plan.ceiling)
    found *= shading / counts if plan.shading is not None else 1
    return np.asarray(found.reshape(-1, len(plan.gains)))


def _light_linear(plan: Plan) -> NDArray[np.float64]:
    crop = plan.crop
    step = max(1, int((crop.height * crop.width / _SAMPLES) ** 0.5))
    rows, columns = np.arange(crop.top, crop.bottom, step), np.arange(crop.left, crop.right, step)
    found = (plan.values[np.ix_(rows, columns)] - plan.levels.black[0]) * plan.levels.scale[0]
    found = np.minimum(found * plan.gains, plan.ceiling)
    if plan.shading is not None:
        found = found * plan.shading.at(rows, columns).transpose(1, 2, 0)
    return np.asarray(found.reshape(-1, 3), np.float64)


class Places(NamedTuple):
    """Squares of about 16 x 16 photosites, spread evenly over the area.

    Attributes:
        means: (N, C) of each balanced color, before lens gains.
        photosites: (C,) of each color in a square.
    """

    means: NDArray[np.float64]
    photosites: NDArray[np.intp]


def places(plan: Plan) -> Places:
    """The squares of a plan's mosaic."""
    cell = _cell(plan)
    side = cell * max(1, _PLACE // cell)
    mosaic = _mosaic(plan, side, _PLACES)
    height, width = mosaic.shape
    squares = mosaic.reshape(height // side, side, width // side, side).swapaxes(1, 2).reshape(-1, side, side)
    colors = cfa_cell.tiled(plan.pattern, side, side)
    own = [colors == color for color in range(len(plan.gains))]
    means = np.stack([squares[:, one].mean(1, dtype=np.float64) for one in own], 1)
    return Places(means, np.array([one.sum() for one in own]))


def opposed_offsets(plan: Plan) -> NDArray[np.float32]:
    """The color differences that reconstruction goes by, (C,); 0 where there is none."""
    if not plan.reconstructs:
        return np.zeros(len(plan.gains), np.float32)
    mosaic = _mosaic(plan, _cell(plan), _SAMPLES)
    found = highlights.opposed_offsets(mosaic, plan.pattern, plan.mosaic_levels)
    return found.astype(np.float32)


def _cell(plan: Plan) -> int:
    """Photosites on a side after which colors and black levels repeat."""
    return int(np.lcm.reduce([len(plan.pattern), *plan.levels.black.shape]))


def _mosaic(plan: Plan, side: int, most: int) -> NDArray[np.float32]:
    """The balanced mosaic of about `most` squares, spread evenly over the area, next to each other; not clipped."""
    rows, columns = (size // side for size in plan.values.shape[:2])
    step = max(1, int((rows * columns / most) ** 0.5))
    taken = [
        (np.arange(0, count, step)[:, None] * side + np.arange(side)).ravel() for count in (rows, columns)
    ]
    values = plan.values[np.ix_(*taken)]
    signal = levels.signal(values, plan.levels)
    times = [len(one) // len(plan.pattern) for one in taken]
    return (signal * np.tile(plan.gains[plan.pattern], times)).astype(np.float32)
