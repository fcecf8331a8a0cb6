"""Stored numbers to signal: `(dn - black) / (white - black)`, not clipped below 0."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepisp.raw.image import RawImage
from deepisp.sensor import cfa as cfa_cell

if TYPE_CHECKING:
    from torch import Tensor


_BRIGHTEST = 65504.0  # the largest 16-bit float


class Levels(NamedTuple):
    """Black and the reciprocal range, of the cell that repeats from the top left of an area.

    An image that is demosaiced already has one row of three.
    """

    black: NDArray[np.float32]
    scale: NDArray[np.float32]


def levels(raw: RawImage) -> Levels:
    """The levels of `raw`, for values that begin at the top left of its active area."""
    black, span = raw.black_level, raw.white_level - raw.black_level
    if raw.linear is not None:
        return Levels(black[None].astype(np.float32), (1 / span)[None].astype(np.float32))
    return Levels(*(raw.active_cell(cell).astype(np.float32) for cell in (black, 1 / span)))


def bounded(raw: RawImage) -> RawImage:
    """The raw image with data that every stage can reckon with; float32 data may hold anything.

    What is no number becomes black. What lies farther below black than white lies above it, or 65504 times as far
    above (the range of 16-bit floats), ends there.
    """
    data, span = raw.data, float((raw.white_level - raw.black_level).max())
    if data.dtype != np.float32:
        return raw
    most = float(np.finfo(np.float32).max)
    low = max(float(raw.black_level.min()) - span, -most)
    high = min(float(raw.black_level.max()) + _BRIGHTEST * span, most)
    if ((data >= low) & (data <= high)).all():
        return raw
    lost = np.isnan(data)
    warnings = raw.warnings
    if lost.any():
        warnings = (*warnings, f"{np.count_nonzero(lost)} values are no numbers; taken for black")
    ended = np.clip(np.where(lost, np.float32(raw.black_level.mean()), data), low, high).astype(np.float32)
    if raw.linear is not None:
        return replace(raw, linear=ended, warnings=warnings)
    return replace(raw, mosaic=ended, warnings=warnings)


def saturation(raw: RawImage) -> NDArray[np.float64]:
    """The signal at which each color saturates, (C,): the lowest of its positions."""
    signal = (raw.plateau - raw.black_level) / (raw.white_level - raw.black_level)
    if raw.linear is not None:
        return np.asarray(signal, np.float64)
    colors = cfa_cell.indices(raw.cfa)
    height, width = (math.lcm(*sides) for sides in zip(signal.shape, colors.shape, strict=True))
    each, color = cfa_cell.tiled(signal, height, width), cfa_cell.tiled(colors, height, width)
    return np.array([each[color == index].min() for index in range(len(raw.colors))])


def without_deltas(raw: RawImage) -> NDArray[Any]:
    """The stored values less BlackLevelDeltaV and BlackLevelDeltaH: what `black_level` alone then describes."""
    if raw.black_rows is None and raw.black_columns is None:
        return raw.data
    values, area = raw.data.astype(np.float32), raw.active
    seen = values[area.top : area.bottom, area.left : area.right]
    rows = np.zeros(area.height) if raw.black_rows is None else raw.black_rows
    columns = np.zeros(area.width) if raw.black_columns is None else raw.black_columns
    shape = (-1, 1) if seen.ndim == 2 else (-1, 1, 1)
    seen -= rows.reshape(shape).astype(np.float32)
    seen -= columns.reshape((1, -1) if seen.ndim == 2 else (1, -1, 1)).astype(np.float32)
    return values


def signal(values: NDArray[Any], found: Levels) -> NDArray[np.float32]:
    """The signal of stored values, (H, W) or (H, W, 3), whose levels begin at their top left. Negatives are kept."""
    if values.ndim == 3:
        return np.asarray((values - found.black[0]) * found.scale[0], np.float32)
    black, scale = (cfa_cell.tiled(cell, *values.shape) for cell in found)
    return np.asarray((values - black) * scale, np.float32)


def normalize(values: Tensor, *, black: Tensor, scale: Tensor) -> Tensor:
    """The signal of stored values (..., H, W), against which `black` and `scale` broadcast. Negatives are kept.

    >>> import torch
    >>> normalize(torch.tensor([500., 600., 1600.]), black=torch.tensor(600.), scale=torch.tensor(1e-3)).tolist()
    [-0.10000000149011612, 0.0, 1.0]
    """
    return (values - black) * scale
