"""The CPU path: a plan carried out in bands of rows, so that memory stays small and threads share the work.

Bands are cut at the same rows whatever the number of threads: the same file gives the same bytes.
"""

import math
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepisp import spaces
from deepisp.develop import highlights, kernels, output, samples, tone
from deepisp.develop.demosaic import methods
from deepisp.develop.demosaic.color_shift import ColorShift
from deepisp.develop.demosaic.edges import padding_indices
from deepisp.develop.plan import Plan
from deepisp.develop.shading import GainGrid

Planes = NDArray[np.float32]


def render(
    plan: Plan, *, threads: int | None = None, warn: Callable[[str], None] = lambda _: None
) -> NDArray[Any]:
    """The picture of a plan as the sensor saw it, (H, W, 3) uint8, uint16 or float32.

    Args:
        plan: from `plan.solve`.
        threads: all cores if None; the result does not depend on it.
        warn: called with a line if a network has shifted colors.
    """
    threads = threads or os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:
        source = _Linear(plan) if not plan.cfa else _Mosaic(plan, threads)
        pixels = _develop(plan, source, pool, threads)
    if isinstance(source, _Mosaic):
        source.color_shift.tell(warn)
    return pixels


def _develop(plan: Plan, source: "_Linear | _Mosaic", pool: ThreadPoolExecutor, threads: int) -> NDArray[Any]:
    """Straight from bands to the picture, unless something needs the whole of the linear light first."""
    block, rows = plan.block, source.method.rows
    top, left, height, width, size = plan.window
    finish = _Finish(plan, size)
    if not plan.needs_whole:

        def stream(start: int, stop: int) -> None:
            planes = source.planes(start * block, stop * block)
            first, last = max(start, top), min(stop, top + height)
            finish(planes[:, first - start : last - start, left : left + width], first - top)

        _each_band(top, top + height, rows // block, block, pool, stream)
        return finish.out
    whole = np.empty((source.channels, source.height // block, source.width // block), np.float32)

    def collect(start: int, stop: int) -> None:
        whole[:, start:stop] = source.planes(start * block, stop * block)[: source.channels]

    _each_band(0, whole.shape[1], rows // block, block, pool, collect)
    planes = plan.shown(whole, threads=threads)
    _each_band(
        0, size[0], rows, 1, pool, lambda start, stop: finish(_with_room(planes[:, start:stop]), start)
    )
    return finish.out


def _each_band(
    top: int, bottom: int, rows: int, block: int, pool: ThreadPoolExecutor, work: Callable[[int, int], None]
) -> None:
    """Call `work(start, stop)` for bands of `rows` that cover `top` to `bottom`; each begins at a whole STEP."""
    first = top - top % (methods.STEP // math.gcd(methods.STEP, block))
    for _ in pool.map(lambda start: work(start, min(start + rows, bottom)), range(first, bottom, rows)):
        pass


class _Mosaic:
    """Balanced, demosaiced bands of a mosaic."""

    def __init__(self, plan: Plan, threads: int) -> None:
        self.plan = plan
        if plan.network:
            strength = plan.settings.strength
            self.method = methods.network(plan.network, plan.cfa, strength=strength, threads=threads)
        else:
            self.method = methods.cpu(plan.cfa, plan.settings.demosaic, half=plan.settings.half)
        self.height, self.width = plan.values.shape[:2]
        self.channels = len(plan.gains)
        self._lines = np.array(plan.noise, np.float32).reshape(-1, 2)
        self.color_shift = ColorShift()
        self._scratch = threading.local()
        pattern, (black, scale) = plan.pattern, plan.levels
        n = len(pattern)
        rows, columns = np.arange(math.lcm(n, len(black)))[:, None], np.arange(self.width)
        at = rows % black.shape[0], columns % black.shape[1]
        self._black = np.ascontiguousarray(black[at])
        self._scale = (scale[at] * plan.gains[pattern[rows % n, columns % n]]).astype(np.float32)
        self._period = n
        self._left = padding_indices(-self.method.halo, 0, self.width, n)
        self._right = padding_indices(self.width, self.width + self.method.halo, self.width, n)
        self._levels = plan.mosaic_levels.astype(np.float32)
        self._offsets = samples.opposed_offsets(plan)

    def planes(self, start: int, stop: int) -> Planes:
        """(3 or more, h, W) balanced colors of rows `start` to `stop`; overwritten by this thread's next call."""
        block = self.plan.block
        padded, sigma = self._padded(start, stop)
        out = _room(
            self._scratch, "planes", (max(3, self.channels), (stop - start) // block, self.width // block)
        )
        if self.method.denoise is None:
            self.method.fill(padded, out[: self.channels])
        else:
            self.method.denoise(padded, sigma, out[: self.channels])
            halo = self.method.halo
            self.color_shift.look(start, self.plan.cfa, padded[halo:-halo, halo:-halo], out[: self.channels])
        if self.plan.blend_ceiling is not None:
            _blend(out[: self.channels], self.plan.blend_ceiling)
        return out

    def _padded(self, start: int, stop: int) -> tuple[Planes, Planes]:
        """The balanced band with its halo, and the deviation of its noise, for methods that denoise."""
        halo, plan = self.method.halo, self.plan
        margin = highlights.REACH if plan.reconstructs else 0
        first = start - halo - margin
        rows = padding_indices(first, stop + halo + margin, self.height, self._period)
        band = _room(self._scratch, "band", (len(rows), self.width))
        kernels.balance_rows(plan.values, rows, self._black, self._scale, plan.signal_ceiling, band)
        if plan.reconstructs:
            raised, pattern = (
                _room(self._scratch, "raised", band.shape),
                np.roll(plan.pattern, -first, axis=0),
            )
            kernels.reconstruct_rows(band, pattern, self._levels, self._offsets, raised)
            band, rows = raised[margin:-margin], rows[margin:-margin]
        sigma = band
        if self.method.denoise is not None:
            sigma = _room(self._scratch, "sigma", band.shape)
            kernels.deviation_rows(band, rows, plan.pattern, self._lines, sigma)
            self._shade(sigma, rows, math.inf)
            sigma = self._extended(sigma, "sigma and halo")
        self._shade(band, rows, plan.signal_ceiling)
        return self._extended(band, "padded"), sigma

    def _extended(self, band: Planes, name: str) -> Planes:
        """A band with its halo left and right."""
        halo = self.method.halo
        if not halo:
            return band
        padded = _room(self._scratch, name, (len(band), self.width + 2 * halo))
        padded[:, halo:-halo] = band
        padded[:, :halo] = band[:, self._left]
        padded[:, -halo:] = band[:, self._right]
        return padded

    def _shade(self, band: Planes, rows: NDArray[np.intp], ceiling: float) -> None:
        """Lens gains on a band, in place; before them nothing is above the ceiling."""
        plan, shading = self.plan, self.plan.shading
        if isinstance(shading, GainGrid):
            nodes = np.array(
                [shading.row_origin, shading.row_step, shading.column_origin, shading.column_step]
            )
            kernels.lens_rows(band, rows, shading.gains, shading.ceiling, nodes, ceiling)
        elif shading is not None:
            _shade(band, plan, rows, ceiling)


class _Linear:
    """Balanced bands of a file that is demosaiced already."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.method = methods.cpu("", plan.settings.demosaic, half=plan.settings.half)
        self.height, self.width = plan.values.shape[:2]
        self.channels = 3

    def planes(self, start: int, stop: int) -> Planes:
        """(3, h, W) balanced colors of rows `start` to `stop`."""
        black, scale = (
            self.plan.levels.black[0],
            self.plan.levels.scale[0] * self.plan.gains.astype(np.float32),
        )
        light = ((self.plan.values[start:stop] - black) * scale).astype(np.float32).transpose(2, 0, 1)
        planes = np.ascontiguousarray(light)
        np.minimum(planes, np.float32(self.plan.signal_ceiling), out=planes)
        if self.plan.shading is not None:
            _shade(planes, self.plan, np.arange(start, stop), self.plan.signal_ceiling)
        if self.plan.blend_ceiling is not None:
            _blend(planes, self.plan.blend_ceiling)
        block = self.plan.block
        out = np.empty((3, (stop - start) // block, self.width // block), np.float32)
        self.method.fill(planes, out)
        return out


class _Finish:
    """From balanced colors to the picture's numbers, band by band into `out`."""

    def __init__(self, plan: Plan, size: tuple[int, int]) -> None:
        self._settings = plan.settings
        self._curve = tone.table(plan.white) if plan.settings.tone == "default" else np.empty(0, np.float32)
        self._matrix = plan.matrix.astype(np.float32)
        self._gain = np.float32(plan.gain)
        self.out = np.empty((*size, 3), {8: np.uint8, 16: np.uint16, 32: np.float32}[plan.settings.bits])
        if plan.settings.color != "camera":
            into = output.target(plan.settings.color)
            self._into, self._weights = into.matrix.astype(np.float32), into.weights.astype(np.float32)
            self._transfer = into.transfer
            self._table = output.table(into.transfer)

    def __call__(self, planes: Planes, row: int) -> None:
        """Write a band of planes (3 or more, h, w), which may be overwritten, from row `row` on."""
        out = self.out[row : row + planes.shape[1]]
        if self._settings.color == "camera":
            camera = _three(planes, self._matrix.shape[1])
            out[:] = _stored(camera.transpose(1, 2, 0) * self._gain, out.dtype)
        elif self._settings.bits == 32:
            kernels.tone_rows(planes, self._matrix, self._curve)
            linear = np.einsum("dc,chw->hwd", self._into, planes[:3])
            out[:] = spaces.encode(linear, self._transfer)
        else:
            kernels.picture_rows(
                planes, self._matrix, self._curve, self._into, self._weights, self._table, out
            )


def _three(planes: Planes, channels: int) -> Planes:
    """`output.camera_picture` of planes (3 or more, h, w), of which only so many hold a color."""
    if channels == 1:
        return planes[[0, 0, 0]]
    planes[channels:3] = 0
    return planes[:3]


def _stored(camera: Planes, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Camera colors as they are, ended at 0 and 1 where the numbers are integers."""
    if dtype == np.float32:
        return camera
    top = np.iinfo(dtype).max
    stored: NDArray[Any] = np.floor(np.clip(np.nan_to_num(camera), 0, 1) * top + 0.5).astype(dtype)
    return stored


def _blend(planes: Planes, ceiling: float) -> None:
    """`highlights.blend`, in place."""
    lost = np.maximum(planes - np.float32(ceiling), 0)
    if lost.any():
        planes += lost.mean(axis=0) - lost


def _shade(light: Planes, plan: Plan, rows: NDArray[np.intp], ceiling: float) -> None:
    """Lens gains on rows of a mosaic or of planes, in place; clipped light of all colors ends at the least of them."""
    gains, lowest = plan.shading_rows(rows)
    light *= gains
    if ceiling < math.inf:
        np.minimum(light, lowest * np.float32(ceiling), out=light)


def _with_room(planes: Planes) -> Planes:
    """A copy of planes, with place for three colors."""
    copy = np.empty((max(3, len(planes)), *planes.shape[1:]), np.float32)
    copy[: len(planes)] = planes
    return copy


def _room(scratch: threading.local, name: str, shape: tuple[int, ...]) -> Planes:
    """This thread's array of that name: fresh memory for each band would cost a page fault every 4 KiB."""
    size = math.prod(shape)
    flat: Planes | None = getattr(scratch, name, None)
    if flat is None or flat.size < size:
        flat = np.empty(size, np.float32)
        setattr(scratch, name, flat)
    return flat[:size].reshape(shape)
