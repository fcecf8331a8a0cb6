"""The torch path: the same plan, stage after stage, on any device.

This is what runs on a GPU, in bands that fit its memory; `bands` is its quick twin for the CPU, held to it by
tests/develop/test_pipeline.py.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepisp.develop import bands, color, device_memory, highlights, levels, output, samples, tone
from deepisp.develop.demosaic import learned, learned_tensors, methods
from deepisp.develop.demosaic.color_shift import ColorShift
from deepisp.develop.demosaic.edges import padding_indices
from deepisp.develop.plan import Plan
from deepisp.sensor import cfa as cfa_cell


class NoDevice(RuntimeError):
    """The device that was asked for is not there."""


def render(
    plan: Plan, *, device: str, threads: int = 1, warn: Callable[[str], None] = lambda _: None
) -> NDArray[Any]:
    """The picture of a plan as the sensor saw it, (H, W, 3) uint8, uint16 or float32.

    Where even a small band does not fit the device's memory, the CPU path makes it.

    Args:
        plan: from `plan.solve`.
        device: as torch names it.
        threads: how many share what is done on the CPU; the result does not depend on it.
        warn: called with a line if a network has shifted colors, and if the device's memory did not do.

    Raises:
        NoDevice: torch does not find it.
    """
    try:
        with torch.no_grad():
            return _on_device(plan, device_of(device), threads, warn)
    except RuntimeError as error:
        if not device_memory.is_lack(error):
            raise
    # After the except clause: the error's traceback keeps tensors.
    torch.cuda.empty_cache()
    warn(f"not enough memory on {device}; developed on the CPU")
    return bands.render(plan, threads=threads, warn=warn)


def finish(light: Tensor, plan: Plan) -> Tensor:
    """The picture's numbers, (3, H, W), of balanced camera colors (C, H, W)."""
    settings = plan.settings
    if settings.color == "camera":
        camera = output.camera_picture(light) * plan.gain
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
        RuntimeError: it is there, but its memory is full, see `device_memory.is_lack`.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        found = torch.device(name)
        torch.empty(1, device=found)
    except (RuntimeError, AssertionError) as error:
        if device_memory.is_lack(error):
            raise
        raise NoDevice(f"no device {name!r} here; use --device cpu") from error
    return found


def _on_device(plan: Plan, device: torch.device, threads: int, warn: Callable[[str], None]) -> NDArray[Any]:
    """Straight from bands to the picture, unless something needs the whole of the linear light first."""
    source = _Light(plan, device)
    top, left, height, width, size = plan.window
    block, columns = plan.block, plan.values.shape[1]

    def picture(start: int, stop: int) -> NDArray[Any]:
        light = source.planes(start, stop)
        above = max(top - start // block, 0)
        return _on_host(finish(light[:, above:, left : left + width], plan))

    def collect(start: int, stop: int) -> NDArray[np.float32]:
        light: NDArray[np.float32] = source.planes(start, stop).cpu().numpy()
        return light

    def finished(start: int, stop: int) -> NDArray[Any]:
        return _on_host(finish(torch.from_numpy(shown[:, start:stop]).to(device), plan))

    if plan.needs_whole:
        rows = plan.values.shape[0]
        whole = device_memory.in_bands(collect, 0, rows - rows % block, device=device, width=columns)
        shown = plan.shown(np.concatenate(whole, axis=1), threads=threads)
        parts = device_memory.in_bands(finished, 0, size[0], device=device, width=size[1])
    else:
        first, last = methods.STEP * (top * block // methods.STEP), (top + height) * block
        parts = device_memory.in_bands(picture, first, last, device=device, width=columns)
    source.color_shift.tell(warn)
    return np.concatenate(parts)


def _on_host(pixels: Tensor) -> NDArray[Any]:
    """Numbers of a picture (3, H, W) as (H, W, 3)."""
    found: NDArray[Any] = pixels.permute(1, 2, 0).cpu().numpy()
    return found


class _Light:
    """Balanced, demosaiced bands of a file, on a device."""

    def __init__(self, plan: Plan, device: torch.device) -> None:
        self.plan, self.device = plan, device
        self.color_shift = ColorShift()
        self._net, self._plain = None, None
        if plan.network and plan.cfa:
            names = plan.network, learned.plain(plan.network)
            self._net, self._plain = (learned_tensors.shipped(name, str(device)) for name in names)
        if self._net is not None:
            self._halo = learned_tensors.margin(self._net)
        else:
            self._halo = methods.cpu(plan.cfa, plan.settings.demosaic, half=plan.settings.half).halo
        self._offsets = samples.opposed_offsets(plan)

    def planes(self, start: int, stop: int) -> Tensor:
        """(C, h / block, W / block) balanced colors of rows `start` to `stop` of the area."""
        plan = self.plan
        if not plan.cfa:
            return _binned(_blended(_planes(plan, start, stop, self.device), plan), plan.block)
        signal, rows = self._signal(start, stop)
        mosaic = _shaded(signal, plan, rows)
        if plan.settings.half:
            light = _superpixels(mosaic, plan)
        elif self._net is not None:
            cfa, sigma = cfa_cell.shift(plan.cfa, start, 0), _deviation(signal, plan, rows)
            light = learned_tensors.demosaic(
                self._net,
                self._extended(mosaic),
                self._extended(sigma),
                cfa,
                strength=plan.settings.strength,
                plain=self._plain,
            )
            self.color_shift.look(start, plan.cfa, mosaic[self._halo : -self._halo], light)
        else:
            halo = self._halo
            light = demosaiced(self._extended(mosaic)[None], plan, first_row=start - halo, first_column=-halo)
            light = light[:, halo : halo + stop - start, halo : halo + mosaic.shape[1]]
        return _blended(light, plan)

    def _signal(self, start: int, stop: int) -> tuple[Tensor, NDArray[np.intp]]:
        """The balanced band with its halo above and below, before lens gains, and which rows these are."""
        plan, halo = self.plan, self._halo
        margin = highlights.REACH if plan.reconstructs else 0
        n, first = len(plan.pattern), start - halo - margin
        height, width = plan.values.shape
        rows = padding_indices(first, stop + halo + margin, height, n)
        values = torch.from_numpy(plan.values[rows].astype(np.float32)).to(self.device)
        black, scale, gains = (
            torch.from_numpy(_tiled(cell, rows, width)).to(self.device)
            for cell in (*plan.levels, plan.gains[plan.pattern])
        )
        signal = levels.normalize(values, black=black, scale=scale) * gains
        signal = highlights.clip(signal, ceiling=plan.signal_ceiling)
        if not plan.reconstructs:
            return signal, rows
        pattern = np.roll(plan.pattern, -first, axis=0)
        level, offset = (
            torch.from_numpy(array.astype(np.float32)).to(self.device)
            for array in (plan.mosaic_levels, self._offsets)
        )
        signal = highlights.reconstruct(signal[None], pattern=pattern, levels=level, offsets=offset)[0]
        return signal[margin:-margin], rows[margin:-margin]

    def _extended(self, band: Tensor) -> Tensor:
        """A band with its halo left and right."""
        width, halo = band.shape[1], self._halo
        columns = padding_indices(-halo, width + halo, width, len(self.plan.pattern))
        return band[:, torch.from_numpy(columns).to(band.device)]


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
