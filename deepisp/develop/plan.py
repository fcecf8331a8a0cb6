"""Every number that is solved before a pixel is touched: what a raw file and a user's settings come to."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepisp.develop import balance, color, defects, lens, levels, tone
from deepisp.develop.demosaic import methods
from deepisp.develop.lens import GainGrid
from deepisp.develop.levels import Levels
from deepisp.develop.settings import Settings
from deepisp.raw import opcode_bytes, opcodes
from deepisp.raw.image import Area, RawImage
from deepisp.raw.opcodes import Opcode
from deepisp.sensor import cfa as cfa_cell

_SAMPLES = 60_000  # cells that are looked at to choose an exposure


@dataclass(frozen=True)
class Plan:
    """A development, ready to run. Rows and columns count from the top left of the active area.

    Attributes:
        settings: what was asked for.
        values: (H, W) or (H, W, 3) uint16 or float32, stored values of the active area, defects repaired.
        cfa: the cell at values[0, 0]; "" if linear.
        levels: black and scale of `values`.
        gains: (C,) white balance, green = 1.
        clip_levels: (C,) balanced signal at which each color saturates.
        ceiling: the lowest of them: 1.0 of the light that `matrix` gives.
        grid: lens gains of list 2, or None.
        after: opcodes of list 3, for demosaiced light.
        matrix: (3, C) balanced camera colors to linear Rec. 2020, exposure included.
        white: linear Rec. 2020 light that the tone curve shows as white: where the sensor clips.
        crop: what the picture shows.
        pixel_aspect: width of a pixel over its height as displayed.
        warnings: one line each.
    """

    settings: Settings
    values: NDArray[Any]
    cfa: str
    levels: Levels
    gains: NDArray[np.float64]
    clip_levels: NDArray[np.float64]
    ceiling: float
    grid: GainGrid | None
    after: tuple[Opcode, ...]
    matrix: NDArray[np.float64]
    white: float
    crop: Area
    pixel_aspect: float
    warnings: tuple[str, ...]

    @property
    def pattern(self) -> NDArray[np.intp]:
        """Color indices of the cell at values[0, 0], (n, n)."""
        return cfa_cell.indices(self.cfa)

    @property
    def signal_ceiling(self) -> float:
        """Where the balanced mosaic is ended: only `clip` ends it before demosaicing."""
        return self.ceiling if self.settings.highlights == "clip" else float("inf")

    def grid_rows(self, rows: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Gains of some rows and the least gain of any color there, both (len(rows), W)."""
        assert self.grid is not None
        height, width = self.values.shape[:2]
        ceiling = replace(self.grid, gains=self.grid.ceiling[None], side=1)
        gains, lowest = (grid.rows(0, height, (0, width)) for grid in (self.grid, ceiling))
        return gains[rows], lowest[rows]


def solve(raw: RawImage, settings: Settings) -> Plan:
    """The plan for a raw file.

    Raises:
        ValueError: a setting does not fit the file.
    """
    raw = levels.bounded(raw.with_levels(black=settings.black, white=settings.white, cfa=settings.cfa))
    values = _repaired(raw, settings)
    balanced = balance.white_balance(settings.wb, raw)
    clip_levels = levels.saturation(raw) * balanced.gains
    ceiling = float(clip_levels.min())
    transform = color.camera_to_rec2020(
        raw.calibrations, raw.analog_balance, balanced.neutral, colors=raw.colors
    )
    values, found, grid = _with_list_2(raw, values, settings)
    plan = Plan(
        settings=settings,
        values=values,
        cfa="" if raw.linear is not None else cfa_cell.shift(raw.cfa, raw.active.top, raw.active.left),
        levels=found,
        gains=balanced.gains,
        clip_levels=clip_levels,
        ceiling=ceiling,
        grid=grid,
        after=_untrimmed(opcode_bytes.parse(raw.opcode_list_3, shape=values.shape[:2]))
        if settings.lens
        else (),
        matrix=transform.matrix,
        white=1.0,
        crop=_crop(raw, settings),
        pixel_aspect=raw.pixel_aspect,
        warnings=(*raw.warnings, *balanced.warnings, *transform.warnings),
    )
    return _exposed(plan, raw.baseline_exposure_ev)


def _repaired(raw: RawImage, settings: Settings) -> NDArray[Any]:
    """Stored values of the active area after list 1, black deltas and hot photosites."""
    area = raw.active
    data = raw.data
    if raw.mosaic is not None:
        data = _with_list_1(raw, raw.mosaic)
    values: NDArray[Any] = levels.without_deltas(replace(raw, mosaic=data) if raw.mosaic is not None else raw)
    values = values[area.top : area.bottom, area.left : area.right]
    if settings.hot_pixels and raw.mosaic is not None:
        cfa = cfa_cell.shift(raw.cfa, area.top, area.left)
        values = defects.repair(values, defects.hot_pixels(values, cfa=cfa), cfa=cfa)
    return values


def _with_list_1(raw: RawImage, mosaic: NDArray[Any]) -> NDArray[Any]:
    actions = _untrimmed(opcode_bytes.parse(raw.opcode_list_1, shape=mosaic.shape))
    if not actions:
        return mosaic
    if all(isinstance(one, opcodes.FixBadPixelsConstant | opcodes.FixBadPixelsList) for one in actions):
        return defects.repair(mosaic, defects.listed(mosaic, actions), cfa=raw.cfa)
    scale = _full_scale(raw)
    return lens.apply_exact(
        mosaic, actions, full_scale=scale, delta_scale=scale, cfa=raw.cfa, pixel_aspect=raw.pixel_aspect
    )


def _full_scale(raw: RawImage) -> float:
    """The stored value that opcodes take for 1, and the unit of their deltas."""
    return 65535.0 if raw.data.dtype == np.uint16 else 1.0


def _untrimmed(actions: tuple[Opcode, ...]) -> tuple[Opcode, ...]:
    """All but TrimBounds, which `_crop` heeds: no stage has to expect another size."""
    return tuple(one for one in actions if not isinstance(one, opcodes.TrimBounds))


def _with_list_2(
    raw: RawImage, values: NDArray[Any], settings: Settings
) -> tuple[NDArray[Any], Levels, GainGrid | None]:
    """Values, their levels, and the gains that are laid on them later; or values on which list 2 acted already."""
    found = levels.levels(raw, raw.active)
    actions = (
        _untrimmed(opcode_bytes.parse(raw.opcode_list_2, shape=values.shape[:2])) if settings.lens else ()
    )
    if not actions:
        return values, found, None
    if raw.mosaic is not None:
        side = cfa_cell.side(raw.cfa)
        grid = lens.gain_grid(actions, shape=values.shape[:2], side=side, pixel_aspect=raw.pixel_aspect)
        if grid is not None:
            return values, found, grid
    signal = _signal(values, found)
    planes = signal if signal.ndim == 2 else signal.transpose(2, 0, 1)
    cfa = "" if raw.linear is not None else cfa_cell.shift(raw.cfa, raw.active.top, raw.active.left)
    unit = _full_scale(raw)
    acted = lens.apply_exact(planes, actions, delta_scale=unit, cfa=cfa, pixel_aspect=raw.pixel_aspect)
    acted = acted if acted.ndim == 2 else np.ascontiguousarray(acted.transpose(1, 2, 0))
    return acted, Levels(np.zeros_like(found.black), np.ones_like(found.scale)), None


def _signal(values: NDArray[Any], found: Levels) -> NDArray[np.float32]:
    rows, columns = (-(-size // n) for size, n in zip(values.shape, found.black.shape, strict=False))
    if values.ndim == 3:
        return np.asarray((values - found.black[0]) * found.scale[0], np.float32)
    black, scale = (np.tile(cell, (rows, columns))[: values.shape[0], : values.shape[1]] for cell in found)
    return np.asarray((values - black) * scale, np.float32)


def _crop(raw: RawImage, settings: Settings) -> Area:
    """What the picture shows, from the corner of the active area: the crop, less what opcodes trim."""
    active = raw.active
    top, bottom = raw.crop.top - active.top, raw.crop.bottom - active.top
    left, right = raw.crop.left - active.left, raw.crop.right - active.left
    for opcode_list in (raw.opcode_list_2, raw.opcode_list_3):
        for one in opcode_bytes.parse(opcode_list, shape=active.shape):
            if isinstance(one, opcodes.TrimBounds):
                top, left = max(top, one.top), max(left, one.left)
                bottom, right = min(bottom, one.bottom), min(right, one.right)
    crop = Area(top, left, max(bottom, top + 1), max(right, left + 1))
    block = methods.block(raw.cfa) if settings.half else 1
    if min(crop.shape) < block:
        raise ValueError(
            f"half size makes a pixel of {block} x {block} photosites, got {crop.height} x {crop.width}; leave half out"
        )
    return crop


def _exposed(plan: Plan, baseline_ev: float) -> Plan:
    """The plan with its exposure: 1 is the light at which the first balanced color clips."""
    gain = 2.0**plan.settings.ev / plan.ceiling
    if plan.settings.tone == "default":
        light = np.maximum(sample(plan) / plan.ceiling, 0) @ plan.matrix.T
        gain *= tone.exposure(light.astype(np.float32), baseline_ev)
    # Clipping ends all colors at the ceiling; the other ways know more light, up to the mean of what they kept.
    most = plan.ceiling if plan.settings.highlights == "clip" else float(plan.clip_levels.mean())
    return replace(plan, matrix=plan.matrix * gain, white=most * gain)


def sample(plan: Plan) -> NDArray[np.float64]:
    """Balanced colors of cells spread evenly over the crop, (N, C), ended at the ceiling."""
    crop = plan.crop
    if plan.cfa == "":
        seen = plan.values[crop.top : crop.bottom, crop.left : crop.right]
        step = max(1, int((seen.shape[0] * seen.shape[1] / _SAMPLES) ** 0.5))
        light = (seen[::step, ::step] - plan.levels.black[0]) * plan.levels.scale[0]
        return np.asarray(np.minimum(light.reshape(-1, 3) * plan.gains, plan.ceiling))
    pattern, shape = plan.pattern, plan.levels.black.shape
    n = int(np.lcm(len(pattern), np.lcm(*shape)))
    rows, columns = crop.height // n, crop.width // n
    if not rows or not columns:
        return np.zeros((1, len(plan.gains)))
    step = max(1, int((rows * columns / _SAMPLES) ** 0.5))
    top, left = crop.top - crop.top % n, crop.left - crop.left % n
    total = np.zeros((-(-rows // step), -(-columns // step), len(plan.gains)))
    counts = np.zeros(len(plan.gains))
    for r, c in np.ndindex(n, n):
        values = plan.values[top + r : top + rows * n : n * step, left + c : left + columns * n : n * step]
        level, color = (r % shape[0], c % shape[1]), pattern[r % len(pattern), c % len(pattern)]
        total[..., color] += (values - plan.levels.black[level]) * plan.levels.scale[level]
        counts[color] += 1
    light = (total / counts * plan.gains).reshape(-1, len(plan.gains))
    return np.asarray(np.minimum(light, plan.ceiling))


def sample_mosaic(plan: Plan) -> NDArray[np.float32]:
    """The balanced mosaic of cells spread evenly over the area, next to each other; not clipped."""
    n = int(np.lcm.reduce([len(plan.pattern), *plan.levels.black.shape]))
    rows, columns = (size // n for size in plan.values.shape[:2])
    step = max(1, int((rows * columns / _SAMPLES) ** 0.5))
    taken = [(np.arange(0, count, step)[:, None] * n + np.arange(n)).ravel() for count in (rows, columns)]
    values = plan.values[np.ix_(*taken)]
    signal = _signal(values, plan.levels)
    times = [len(one) // len(plan.pattern) for one in taken]
    return (signal * np.tile(plan.gains[plan.pattern], times)).astype(np.float32)
