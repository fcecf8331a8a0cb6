"""The torch path: the same plan, stage after stage, on any device.

This is what runs on a GPU, and what training runs through; `bands` is its quick twin for the CPU, held to it by
tests/develop/test_pipeline.py.
"""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepisp.develop import color, highlights, levels, output, samples, tone
from deepisp.develop.demosaic import learned_tensors, methods
from deepisp.develop.demosaic.edges import padding_indices
from deepisp.develop.plan import Plan
from deepisp.sensor import cfa as cfa_cell

_ROWS = 1536  # of a band: 24 megapixels in three, each about 0.5 GiB on the device


class NoDevice(RuntimeError):
    """The device that was asked for is not there."""


def render(plan: Plan, *, device: str, threads: int = 1) -> NDArray[Any]:
    """The picture of a plan as the sensor saw it, (H, W, 3) uint8, uint16 or float32.

    Args:
        plan: from `plan.solve`.
        device: as torch names it.
        threads: how many share a warp of list 3, which is done on the CPU; the result does not depend on it.

    Raises:
        NoDevice: torch does not find it.
    """
    with torch.no_grad():
        light = _linear_light(plan, device_of(device))
        top, left, height, width, size = plan.window
        if plan.needs_whole:
            light = torch.from_numpy(plan.shown(light.cpu().numpy(), threads=threads)).to(light.device)
        else:
            light = light[:, top : top + height, left : left + width]
        bands = [finish(light[:, row : row + _ROWS], plan) for row in range(0, size[0], _ROWS)]
        return np.concatenate([band.permute(1, 2, 0).cpu().numpy() for band in bands])


def finish(light: Tensor, plan: Plan) -> Tensor:
    """The picture's numbers, (3, H, W), of balanced camera colors (C, H, W)."""
    settings = plan.settings
    if settings.color == "camera":
        camera = output.camera_picture(light) * (2.0**settings.ev / plan.ceiling)
        return output.to_output(camera, "camera", settings.bits)
    rgb = color.apply(plan.matrix, light)
    if settings.tone == "default":
        rgb = tone.apply(rgb, white=plan.white)
    return output.to_output(rgb, settings.color, settings.bits)


def demosaiced(mosaic: Tensor, plan: Plan, *, first_row: int = 0, first_column: int = 0) -> Tensor:
    """Balanced camera colors, (C, H, W), of balanced signal (1, H, W).

    Args:
        mosaic: balanced signal.
        plan: names the cell and the method.
        first_row: row of the area at which `mosaic` begins.
        first_column: likewise.
    """
    method = methods.tensor(plan.cfa, plan.settings.demosaic, first_row=first_row, first_column=first_column)
    return method(mosaic)


def device_of(name: str) -> torch.device:
    """A device by its name; auto is the first GPU, or the CPU where there is none.

    Raises:
        NoDevice: torch does not find it.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        found = torch.device(name)
        torch.empty(1, device=found)
    except (RuntimeError, AssertionError) as error:
        raise NoDevice(f"no device {name!r} here; use --device cpu") from error
    return found


def _linear_light(plan: Plan, device: torch.device) -> Tensor:
    bands = []
    height = plan.values.shape[0]
    offsets = samples.opposed_offsets(plan)
    for start in range(0, height, _ROWS):
        stop = min(start + _ROWS, height)
        if plan.cfa:
            bands.append(_blended(_mosaic_light(plan, start, stop, offsets, device), plan))
        else:
            light = _blended(_planes(plan, start, stop, device), plan)
            bands.append(_binned(light, plan.block))
    return torch.cat(bands, dim=-2)


def _blended(light: Tensor, plan: Plan) -> Tensor:
    return light if plan.blend_ceiling is None else highlights.blend(light, ceiling=plan.blend_ceiling)


def _planes(plan: Plan, start: int, stop: int, device: torch.device) -> Tensor:
    values = torch.from_numpy(plan.values[start:stop].astype(np.float32).transpose(2, 0, 1).copy()).to(device)
    black, scale = (torch.from_numpy(cell[0]).to(device)[:, None, None] for cell in plan.levels)
    gains = torch.from_numpy(plan.gains.astype(np.float32)).to(device)[:, None, None]
    light = levels.normalize(values, black=black, scale=scale) * gains
    light = highlights.clip(light, ceiling=plan.signal_ceiling)
    return _shaded(light, plan, np.arange(start, stop))


def _shaded(light: Tensor, plan: Plan, rows: NDArray[np.intp]) -> Tensor:
    """Rows of the signal with their lens gains; clipped light of all colors ends at the least of them."""
    if plan.shading is None:
        return light
    gains, lowest = (torch.from_numpy(array).to(light.device) for array in plan.shading_rows(rows))
    lit = light * gains
    return lit if plan.signal_ceiling == math.inf else lit.minimum(lowest * plan.signal_ceiling)


def _mosaic_light(plan: Plan, start: int, stop: int, offsets: NDArray[Any], device: torch.device) -> Tensor:
    """Camera colors of rows `start` to `stop`, computed with as much context as the CPU path takes."""
    half = plan.settings.half
    net = learned_tensors.shipped(plan.network, str(device)) if plan.network else None
    if net is not None:
        halo = learned_tensors.margin(net)
    else:
        halo = methods.cpu(plan.cfa, plan.settings.demosaic, half=half).halo
    margin = highlights.REACH if plan.reconstructs else 0
    n, first = len(plan.pattern), start - halo - margin
    height, width = plan.values.shape
    rows = padding_indices(first, stop + halo + margin, height, n)
    values = torch.from_numpy(plan.values[rows].astype(np.float32)).to(device)
    black, scale, gains = (
        torch.from_numpy(_tiled(cell, rows, width)).to(device)
        for cell in (*plan.levels, plan.gains[plan.pattern])
    )
    signal = levels.normalize(values, black=black, scale=scale) * gains
    signal = highlights.clip(signal, ceiling=plan.signal_ceiling)
    if plan.reconstructs:
        pattern = np.roll(plan.pattern, -first, axis=0)
        level, offset = (
            torch.from_numpy(array.astype(np.float32)).to(device) for array in (plan.mosaic_levels, offsets)
        )
        signal = highlights.reconstruct(signal[None], pattern=pattern, levels=level, offsets=offset)[0]
        signal, rows = signal[margin:-margin], rows[margin:-margin]
    columns = torch.from_numpy(padding_indices(-halo, width + halo, width, n)).to(device)
    if net is not None:
        sigma = _deviation(signal, plan, rows)
        signal = _shaded(signal, plan, rows)
        cfa = cfa_cell.shift(plan.cfa, start, 0)
        return learned_tensors.demosaic(net, signal[:, columns], sigma[:, columns], cfa)
    signal = _shaded(signal, plan, rows)
    if half:
        return _superpixels(signal, plan)
    light = demosaiced(signal[:, columns][None], plan, first_row=start - halo, first_column=-halo)
    return light[:, halo : halo + stop - start, halo : halo + width]


def _deviation(signal: Tensor, plan: Plan, rows: NDArray[np.intp]) -> Tensor:
    """The deviation of the noise at each photosite of some rows, by their own signal before lens gains, after them."""
    lines = np.array(plan.noise, np.float32)[plan.pattern]
    shot, read = (
        torch.from_numpy(_tiled(one, rows, signal.shape[1])).to(signal.device)
        for one in lines.transpose(2, 0, 1)
    )
    sigma = (signal.clamp(min=0) * shot + read).sqrt()
    if plan.shading is None:
        return sigma
    return sigma * torch.from_numpy(plan.shading_rows(rows)[0]).to(signal.device)


def _tiled(cell: NDArray[Any], rows: NDArray[np.intp], width: int) -> NDArray[np.float32]:
    """The values of a repeating cell at some rows and all columns."""
    return np.ascontiguousarray(cfa_cell.tiled(cell[rows % len(cell)], len(rows), width), np.float32)


def _binned(light: Tensor, block: int) -> Tensor:
    return light if block == 1 else torch.nn.functional.avg_pool2d(light[None], block)[0]


def _superpixels(mosaic: Tensor, plan: Plan) -> Tensor:
    """Means of each color in each block, (C, H / block, W / block)."""
    block = methods.block(plan.cfa)
    height, width = (side - side % block for side in mosaic.shape)
    colors = torch.from_numpy(cfa_cell.tiled(plan.pattern, height, width)).to(mosaic.device)
    cut = mosaic[:height, :width]
    masks = torch.stack([(colors == color).to(cut.dtype) for color in range(len(plan.gains))])
    return _binned(cut * masks, block) / _binned(masks, block)
