"""Samples of a plan's light, spread evenly over the picture: what exposure and highlights are chosen by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from deepisp.develop import highlights, levels

if TYPE_CHECKING:
    from deepisp.develop.plan import Plan

_SAMPLES = 60_000  # cells that are looked at to choose an exposure


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


def opposed_offsets(plan: Plan) -> NDArray[np.float32]:
    """The color differences that reconstruction goes by, (C,); 0 where there is none."""
    if not plan.reconstructs:
        return np.zeros(len(plan.gains), np.float32)
    found = highlights.opposed_offsets(_mosaic(plan), plan.pattern, plan.mosaic_levels)
    return found.astype(np.float32)


def _mosaic(plan: Plan) -> NDArray[np.float32]:
    """The balanced mosaic of cells spread evenly over the area, next to each other; not clipped."""
    n = int(np.lcm.reduce([len(plan.pattern), *plan.levels.black.shape]))
    rows, columns = (size // n for size in plan.values.shape[:2])
    step = max(1, int((rows * columns / _SAMPLES) ** 0.5))
    taken = [(np.arange(0, count, step)[:, None] * n + np.arange(n)).ravel() for count in (rows, columns)]
    values = plan.values[np.ix_(*taken)]
    signal = levels.signal(values, plan.levels)
    times = [len(one) // len(plan.pattern) for one in taken]
    return (signal * np.tile(plan.gains[plan.pattern], times)).astype(np.float32)
