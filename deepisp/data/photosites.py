"""One exposure of a mosaic whose colors have figures of their own: each figure as a map, one pass over the frame.

The chain is that of sensor/exposure.py, without dark current, hot photosites, telegraph and reset noise. A row is one
draw that all of its colors share, each at its own deviation, as they share the row's reference; so is a column.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from deepisp.sensor import sources
from deepisp.sensor.exposure import Sensor

Generator = torch.Generator | None


class Frame(NamedTuple):
    """What one frame has from its top to its bottom, as standard normal draws; None where no color has any of it.

    Attributes:
        columns: (1, W), new in each frame.
        response: (H, W) of the photosites, the same in all frames of one specimen (PRNU).
        offset: (H, W) likewise (DSNU).
    """

    columns: Tensor | None = None
    response: Tensor | None = None
    offset: Tensor | None = None

    def band(self, top: int, bottom: int) -> "Frame":
        """Of some rows alone."""
        parts = (None if part is None else part[top:bottom] for part in (self.response, self.offset))
        return Frame(self.columns, *parts)


def frame(
    sensors: Sequence[Sensor],
    height: int,
    width: int,
    generator: Generator = None,
    device: torch.device | str = "cpu",
) -> Frame:
    """A frame's columns, and a specimen's fixed pattern."""

    def normal(name: str, rows: int) -> Tensor | None:
        if not any(getattr(one, name) for one in sensors):
            return None
        return sources.gaussian_like(torch.empty(rows, width, device=device), 1.0, generator)

    return Frame(normal("column_std_e", 1), normal("prnu", height), normal("dsnu_e", height))


def expose(
    signal: Tensor, sensors: Sequence[Sensor], index: Tensor, of: Frame, generator: Generator = None
) -> Tensor:
    """DN of expected signals.

    Args:
        signal: (..., 1, H, W), 1 at the white level; below 0 counts as 0.
        sensors: one a color, of the same levels, each with one number of bias.
        index: (H, W), which of them a photosite is.
        of: from `frame`, of this height.
        generator: of the signal's device.

    Returns:
        Whole DN from 0 to the white level, same shape and type.
    """
    black, white = sensors[0].black_level, sensors[0].white_level
    gain = _map([one.gain for one in sensors], index, signal)
    electrons = signal.clamp(min=0) * ((white - black) / gain)
    if of.response is not None:
        electrons = electrons * (1 + _map([one.prnu for one in sensors], index, signal) * of.response)
    held = sources.shot(electrons, generator)
    if any(one.full_well_e < math.inf for one in sensors):
        held = held.minimum(_map([one.full_well_e for one in sensors], index, signal))
    held = held + _map([one.read_std_e for one in sensors], index, signal) * _white(
        held, sensors, index, generator
    )
    if any(one.row_std_e for one in sensors):
        row = sources.rows_like(held, 1.0, generator)
        held = held + _map([one.row_std_e for one in sensors], index, signal) * row
    if of.columns is not None:
        held = held + _map([one.column_std_e for one in sensors], index, signal) * of.columns
    if of.offset is not None:
        held = held + _map([one.dsnu_e for one in sensors], index, signal) * of.offset
    dn = held * gain + (black + _map([one.bias[0][0] for one in sensors], index, signal))
    return sources.quantize(dn).clamp(0, white)


def _map(values: list[float], index: Tensor, like: Tensor) -> Tensor:
    """(H, W) of a figure; one number where all agree."""
    known = torch.tensor(values, dtype=like.dtype, device=like.device)
    return known[0] if len(set(values)) == 1 else known[index]


def _white(like: Tensor, sensors: Sequence[Sensor], index: Tensor, generator: Generator) -> Tensor:
    """Read noise of deviation 1, each photosite with the tails of its color."""
    shapes = dict.fromkeys(one.tukey_lambda for one in sensors)
    if len(shapes) == 1:
        return _unit(like, sensors[0].tukey_lambda, generator)
    noise = torch.empty_like(like)
    for shape in shapes:
        chosen = torch.tensor([one.tukey_lambda == shape for one in sensors], device=like.device)[index]
        noise[..., chosen] = _unit(noise[..., chosen], shape, generator)
    return noise


def _unit(like: Tensor, shape: float | None, generator: Generator) -> Tensor:
    if shape is None:
        return sources.gaussian_like(like, 1.0, generator)
    return sources.tukey_like(like, 1.0, shape, generator)
