"""What the file's three opcode lists come to, and where light that saturates the sensor stands after them.

List 1 acts on stored values and list 2 on the signal. The gains at the end of list 2 are kept for the bands, which lay
them on light whose highlights are settled; what stands before them acts at once. List 3 waits for demosaiced light.
All count from the corner of the active area, but list 1 from that of the whole array.

A table or a polynomial moves the plateau on which saturated light stands. Its level goes the same way (`carried`):
light would turn pink where it is thought to lie below a level that it never reaches.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepisp.develop import defects, lens, levels
from deepisp.develop.exact_gains import GAINS, ExactGains
from deepisp.develop.levels import Levels
from deepisp.develop.shading import GainGrid, gain_grid
from deepisp.raw import opcode_bytes, opcodes
from deepisp.raw.image import Area, RawImage
from deepisp.raw.opcodes import Opcode
from deepisp.sensor import cfa as cfa_cell

Shading = GainGrid | ExactGains

_MAPS = (opcodes.MapTable, opcodes.MapPolynomial)
_VALUED = (*_MAPS, *GAINS, opcodes.DeltaPerRow, opcodes.DeltaPerColumn)
_BAD_PIXELS = (opcodes.FixBadPixelsConstant, opcodes.FixBadPixelsList)


class Scales(NamedTuple):
    """What the numbers of opcodes mean, as `lens.apply_exact` takes it."""

    delta_scale: float
    pixel_aspect: float
    full_scale: float = 1.0


class List2(NamedTuple):
    """What list 2 leaves to do.

    Attributes:
        values: (H, W) or (H, W, 3) of the active area; as they came, or signal on which the list acted in part.
        levels: of `values`.
        saturation: (C,) signal at which each color saturates, before `shading`.
        shading: the gains at the end of the list, or None.
    """

    values: NDArray[Any]
    levels: Levels
    saturation: NDArray[np.float64]
    shading: Shading | None


def full_scale(raw: RawImage) -> float:
    """The stored value that opcodes take for 1, and the unit of their deltas."""
    return 65535.0 if raw.data.dtype == np.uint16 else 1.0


def after_list_1(raw: RawImage) -> RawImage:
    """The raw image with list 1 applied to its mosaic and to its saturation level."""
    actions = _parsed(raw.opcode_list_1, raw.data.shape)
    if not actions or raw.mosaic is None:
        return raw
    mosaic: NDArray[Any] = raw.mosaic
    if all(isinstance(one, _BAD_PIXELS) for one in actions):
        return replace(raw, mosaic=defects.repair(mosaic, defects.listed(mosaic, actions), cfa=raw.cfa))
    scales = Scales(full_scale(raw), raw.pixel_aspect, full_scale(raw))
    acted = exact(mosaic, actions, scales, cfa=raw.cfa)
    return replace(raw, mosaic=acted, saturation_level=carried(raw.plateau, actions, mosaic.shape, scales))


def after_list_2(
    raw: RawImage, values: NDArray[Any], *, lens_too: bool, delta_scale: float, threads: int
) -> List2:
    """List 2 on stored values of the active area, as far as it acts at once; not at all unless `lens_too`."""
    found, saturation = levels.levels(raw), levels.saturation(raw)
    shape = values.shape[:2]
    actions = _parsed(raw.opcode_list_2, shape) if lens_too else ()
    count = len(actions)
    while count and isinstance(actions[count - 1], GAINS):
        count -= 1
    cfa = raw.active_cfa
    shading = _shading(actions[count:], shape, cfa, raw.pixel_aspect)
    if not count:
        return List2(values, found, saturation, shading)
    scales = Scales(delta_scale, raw.pixel_aspect)
    signal = levels.signal(values, found)
    planes = signal if cfa else signal.transpose(2, 0, 1)
    acted = exact(planes, actions[:count], scales, cfa=cfa, threads=threads)
    acted = acted if cfa else np.ascontiguousarray(acted.transpose(1, 2, 0))
    if not cfa:
        saturation = carried(saturation, actions[:count], shape, scales)
    else:
        pattern = cfa_cell.indices(cfa)
        plateau = carried(saturation[pattern], actions[:count], shape, scales)
        saturation = np.array([plateau[pattern == color].min() for color in range(len(saturation))])
    return List2(acted, Levels(np.zeros_like(found.black), np.ones_like(found.scale)), saturation, shading)


def _shading(
    actions: tuple[Any, ...], shape: tuple[int, int], cfa: str, pixel_aspect: float
) -> Shading | None:
    """Opcodes of `GAINS` on a grid where one can say them, else photosite by photosite."""
    if not actions:
        return None
    if cfa:
        side = cfa_cell.side(cfa)
        grid = gain_grid(actions, shape=shape, side=side, pixel_aspect=pixel_aspect)
        return grid or ExactGains(actions, shape, side, 1, pixel_aspect)
    return ExactGains(actions, shape, 1, 3, pixel_aspect)


def list_3(raw: RawImage, *, block: int) -> tuple[tuple[Opcode, ...], tuple[str, ...]]:
    """The opcodes for demosaiced light whose pixels are blocks of photosites, and warnings of those left out."""
    actions = _parsed(raw.opcode_list_3, raw.active.shape)
    if block == 1:
        return actions, ()
    kept = [(one, _binned(one, block)) for one in actions]
    lost = sorted({type(one).__name__ for one, binned in kept if binned is None})
    warnings = (f"half size leaves out {', '.join(lost)} of opcode list 3",) if lost else ()
    return tuple(binned for _, binned in kept if binned is not None), warnings


def _binned(one: Opcode, block: int) -> Opcode | None:
    """An opcode for pixels that are blocks of photosites; None for one that treats the rows of a block differently."""
    region = getattr(one, "region", None)
    if region is None:
        return one
    if (region.row_pitch, region.column_pitch) != (1, 1):
        return None
    top, left = region.top // block, region.left // block
    bottom, right = -(-region.bottom // block), -(-region.right // block)
    smaller = region._replace(top=top, left=left, bottom=bottom, right=right)
    if not isinstance(one, opcodes.PerLine):
        return replace(one, region=smaller)
    is_row = isinstance(one, opcodes.DeltaPerRow | opcodes.ScalePerRow)
    first, last = (top, bottom) if is_row else (left, right)
    at = np.arange(first, last) * block - (region.top if is_row else region.left)
    lines = np.clip(at[:, None] + np.arange(block), 0, len(one.values) - 1)
    return replace(one, region=smaller, values=one.values[lines].mean(1, dtype=np.float32))


def changes_colors(actions: Sequence[Opcode]) -> bool:
    """Whether white balance before these opcodes is another thing than after."""
    return any(isinstance(one, (*_MAPS, opcodes.DeltaPerRow, opcodes.DeltaPerColumn)) for one in actions)


def exact(
    data: NDArray[Any], actions: Sequence[Opcode], scales: Scales, *, cfa: str = "", threads: int = 1
) -> NDArray[np.float32]:
    """`lens.apply_exact`."""
    return lens.apply_exact(
        data,
        actions,
        full_scale=scales.full_scale,
        delta_scale=scales.delta_scale,
        pixel_aspect=scales.pixel_aspect,
        cfa=cfa,
        threads=threads,
    )


def carried(
    plateau: NDArray[np.float64], actions: Sequence[Opcode], shape: tuple[int, int], scales: Scales
) -> NDArray[np.float64]:
    """Where values that stood at `plateau` stand after opcodes: the lowest of all places.

    Args:
        plateau: (n, m) of a mosaic's repeating cell, or (C,) of planes.
        actions: opcodes of a list.
        shape: rows and columns of which the list speaks.
        scales: what the opcodes' numbers mean.

    Returns:
        Same shape; where it would come to nothing or less, `plateau`.
    """
    shape = _enough(actions, shape)
    if plateau.ndim == 1:
        lowest = plateaus(plateau, actions, shape, scales).min((1, 2)).astype(np.float64)
    else:
        n, m = plateau.shape
        acted = exact(cfa_cell.tiled(plateau, *shape), _valued(actions), scales)
        lowest = plateau.copy()  # a position that a tiny picture does not have keeps its level
        for row, column in np.ndindex(min(n, shape[0]), min(m, shape[1])):
            lowest[row, column] = acted[row::n, column::m].min()
    return _credible(lowest, plateau)


def carried_far(
    plateau: NDArray[np.float64], actions: Sequence[Opcode], shape: tuple[int, int], scales: Scales
) -> NDArray[np.float64]:
    """`carried` of planes, (C,), but the highest of all places: for who looks at each place later."""
    highest = plateaus(plateau, actions, _enough(actions, shape), scales).max((1, 2)).astype(np.float64)
    return _credible(highest, plateau)


def plateaus(
    plateau: NDArray[np.float64], actions: Sequence[Opcode], shape: tuple[int, int], scales: Scales
) -> NDArray[np.float32]:
    """Where planes that stood at `plateau`, (C,), stand after opcodes, at each place: (C, H, W). Warps keep it."""
    flat = np.broadcast_to(plateau[:, None, None], (len(plateau), *shape))
    return exact(flat, _valued(actions), scales)


def _valued(actions: Sequence[Opcode]) -> list[Opcode]:
    return [one for one in actions if isinstance(one, _VALUED)]


def _enough(actions: Sequence[Opcode], shape: tuple[int, int]) -> tuple[int, int]:
    """The part of a shape that tells what opcodes do to a plateau: one cell, if they do the same everywhere."""
    if all(isinstance(one, _MAPS) and _is_everywhere(one.region, shape) for one in _valued(actions)):
        return min(shape[0], cfa_cell.WHOLE), min(shape[1], cfa_cell.WHOLE)
    return shape


def _credible(level: NDArray[np.float64], plateau: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.where(np.isfinite(level) & (level > 0), level, plateau))


def _is_everywhere(region: opcodes.Region, shape: tuple[int, int]) -> bool:
    return (region.top, region.left, region.bottom, region.right) == (0, 0, *shape) and (
        region.row_pitch == region.column_pitch == 1
    )


def trimmed(raw: RawImage) -> Area:
    """The crop less what TrimBounds of the three lists cut, from the corner of the active area; never empty."""
    active, crop = raw.active, raw.crop
    top, bottom = crop.top - active.top, crop.bottom - active.top
    left, right = crop.left - active.left, crop.right - active.left
    lists = (
        (raw.opcode_list_1, raw.data.shape[:2], active),
        (raw.opcode_list_2, active.shape, Area(0, 0, 0, 0)),
        (raw.opcode_list_3, active.shape, Area(0, 0, 0, 0)),
    )
    for data, shape, corner in lists:
        for one in opcode_bytes.parse(data, shape=shape):
            if isinstance(one, opcodes.TrimBounds):
                top, left = max(top, one.top - corner.top), max(left, one.left - corner.left)
                bottom, right = min(bottom, one.bottom - corner.top), min(right, one.right - corner.left)
    top, left = min(top, active.height - 1), min(left, active.width - 1)
    return Area(top, left, max(bottom, top + 1), max(right, left + 1))


def _parsed(data: bytes, shape: tuple[int, ...]) -> tuple[Opcode, ...]:
    """All but TrimBounds, which `trimmed` heeds: no stage has to expect another size."""
    actions = opcode_bytes.parse(data, shape=(shape[0], shape[1]))
    return tuple(one for one in actions if not isinstance(one, opcodes.TrimBounds))
