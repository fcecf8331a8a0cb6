"""Training pairs on the fly: crops of pictures to noisy mosaics and the clean light behind them.

    (B, 3, H, W) sRGB ─► light ─► halved, blurred if asked ─► camera RGB = truth ─► through the CFA ─► + noise

On the device of the pictures; everything random comes from one generator of that device, so a seed is a batch.
On the CPU a batch goes through in parts that fit the cache (in one piece it takes three times as long). Give each
worker that makes batches one thread of torch's: `torch.set_num_threads(1)` before they start, as torch's DataLoader
does in its own. Threads that share each small part wait for each other, a hundred times as long where others work,
too. Nothing here sets that number: it is the process's. To use more cores, call from more workers, each with a
generator.
"""

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from deepisp.data import noises, optics, unprocess
from deepisp.data.noises import Gaussian, Lines, Noises
from deepisp.data.unprocess import Draw, Unprocessing
from deepisp.sensor import cfa as cfa_cell
from deepisp.sensor import noise

_PART = 1 << 16  # pixels; 1 MB of float32 in three colors and a mosaic, about a core's cache of second level


class Pairs(NamedTuple):
    """Noisy mosaics, and what a sensor without noise and with all colors everywhere would have seen.

    Attributes:
        mosaic: (B, 1, H, W) signal. Not clipped below 0.
        truth: (B, 3, H, W), or (B, 1, H, W) without color filters; signal at `exposure_ratio` times the light.
        noise: of the mosaic, (B, C).
        exposure_ratio: (B,), by how much less light the mosaic got than the truth; 1 without a difference.
        draw: how the light was made from the pictures; None for display-coded mosaics.
    """

    mosaic: Tensor
    truth: Tensor
    noise: Lines
    exposure_ratio: Tensor
    draw: Draw | None

    def amplified(self) -> "Pairs":
        """The mosaic as bright as the truth, and its noise with it."""
        ratio = self.exposure_ratio
        return self._replace(
            mosaic=self.mosaic * ratio[:, None, None, None],
            noise=self.noise.amplified(ratio),
            exposure_ratio=torch.ones_like(ratio),
        )


@dataclass(frozen=True)
class Simulator:
    """What pictures become a batch of pairs by. On the CPU each worker wants one thread of torch's, see above.

    Attributes:
        cfa: the cell at the top left, of R, G and B, or "W"; see sensor/cfa.py.
        noises: what noise is drawn from, see noises.py.
        unprocessing: what cameras are drawn from; None for display-coded mosaics, whose signal is sRGB / 255 as it is.
        exposure_ratio: least and largest, log-uniform: the mosaic gets so much less light than the truth.
        halves: average 2 x 2 pixels first, which makes pairs of half the size.
        psf: of the lens, (k, k) or (3, k, k), see optics.py; None for none.
        saturates: whether mosaic and truth end at the white level, as a sensor does; academic benchmarks do not.
    """

    cfa: str = "RGGB"
    noises: Noises = field(default_factory=noises.AlongLine)
    unprocessing: Unprocessing | None = field(default_factory=Unprocessing)
    exposure_ratio: tuple[float, float] = (1.0, 1.0)
    halves: bool = False
    psf: Tensor | None = None
    saturates: bool = True

    @classmethod
    def display_coded(cls, cfa: str = "RGGB", *, noises: Noises | None = None) -> "Simulator":
        """The academic benchmarks' way: a mosaic of sRGB / 255 with white Gaussian noise, clipped nowhere."""
        return cls(cfa, noises or Gaussian(), unprocessing=None, saturates=False)

    def __post_init__(self) -> None:
        """The letters and the ratio, once."""
        check_letters(self.cfa)
        if not 1 <= self.exposure_ratio[0] <= self.exposure_ratio[1] < math.inf:
            raise ValueError(f"exposure ratios go from 1 up, got {self.exposure_ratio}; write (100, 300)")

    def __call__(self, pictures: Tensor, generator: torch.Generator | None = None) -> Pairs:
        """Pairs of these pictures.

        Args:
            pictures: (B, 3, H, W), sRGB, uint8, uint16 or float32; on any device.
            generator: of that device; torch's own if None.

        Raises:
            ValueError: pictures of another shape.
        """
        if pictures.ndim != 4 or pictures.shape[1] != 3:
            raise ValueError(f"pictures are (B, 3, H, W), got {tuple(pictures.shape)}; add the batch's axis")
        batch, (height, width) = len(pictures), pictures.shape[-2:]
        device = pictures.device
        colors = cfa_cell.colors(self.cfa)
        draw = None
        if self.unprocessing is not None:
            draw = self.unprocessing.draw(batch, generator=generator, device=device)
        lines = self.noises.draw(batch, colors=colors, generator=generator, device=device)
        ratio = noises.log_uniform(self.exposure_ratio, batch, generator, device)[:, 0]
        size = (height >> self.halves, width >> self.halves)
        truth = torch.empty(batch, len(colors), *size, device=device)
        mosaic = torch.empty(batch, 1, *size, device=device)
        step = max(1, _PART // (height * width)) if device.type == "cpu" else max(batch, 1)
        for start in range(0, batch, step):
            part = slice(start, start + step)
            light = self._light(pictures[part], draw and draw.part(part))
            torch.clamp(light, max=1 if self.saturates else math.inf, out=truth[part])
            dim = 1 / ratio[part] if self.exposure_ratio[1] > 1 else None
            self._expose(light, Lines(*(one[part] for one in lines)), dim, mosaic[part], generator)
        whole = Lines(*(one.expand(batch, len(colors)) for one in lines))
        return Pairs(mosaic, truth, whole, ratio, draw)

    def _light(self, pictures: Tensor, draw: Draw | None) -> Tensor:
        """What photosites without a full well would see in all colors, (B, C, H, W)."""
        if draw is None:
            light = pictures.float() / unprocess.STEPS.get(pictures.dtype, 1)
        else:
            light = unprocess.linearize(pictures, draw)
        light = optics.halve(light) if self.halves else light
        light = light if self.psf is None else optics.blur(light, self.psf)
        if draw is not None:
            light = unprocess.to_camera(light, draw)
        if cfa_cell.kind(self.cfa) == "mono":
            gains = torch.ones(3, device=light.device) if draw is None else draw.neutral
            light = unfiltered(light, gains)
        return light

    def _expose(
        self, light: Tensor, lines: Lines, dim: Tensor | None, out: Tensor, generator: torch.Generator | None
    ) -> None:
        """Noisy mosaics of `light` (B, C, H, W), dimmed by `dim` (B,), into `out` (B, 1, H, W)."""
        clean = through(light, self.cfa)
        if dim is not None:
            clean = clean * dim[:, None, None, None]
        shot, read = (self._per_photosite(one, clean) for one in lines)
        out.normal_(generator=generator).mul_(noise.variance(clean, shot=shot, read=read).sqrt_()).add_(clean)
        if self.saturates:
            out.clamp_(max=1)

    def _per_photosite(self, values: Tensor, mosaic: Tensor) -> Tensor:
        """(B, 1, 1, 1), or (B, 1, H, W) where colors differ."""
        if values.shape[1] == 1:
            return values[:, :, None, None]
        height, width = mosaic.shape[-2:]
        return values[:, _colors_at(self.cfa, height, width, str(values.device))[0]][:, None]


def through(light: Tensor, cfa: str) -> Tensor:
    """What a CFA lets pass: (..., C, H, W) in the order of `cfa.colors`, to the mosaic (..., 1, H, W)."""
    if light.shape[-3] == 1:
        return light
    height, width = light.shape[-2:]
    index = _colors_at(cfa, height, width, str(light.device))
    return light.gather(-3, index.expand(*light.shape[:-3], 1, height, width))


def unfiltered(camera: Tensor, neutral: Tensor) -> Tensor:
    """What a photosite without a filter sees of camera RGB (..., 3, H, W): balanced, all three alike; (..., 1, H, W).

    Args:
        camera: signal of three filtered photosites.
        neutral: (..., 3) of a gray; it gives the same signal as a green photosite does.
    """
    weights = 1 / (3 * neutral)
    return (camera * weights[..., None, None]).sum(-3, keepdim=True)


def check_letters(cfa: str) -> None:
    """Nothing, if there is light to simulate for each letter.

    Raises:
        ValueError: no square cell, or other colors than R, G and B, or W alone.
    """
    cfa_cell.side(cfa)
    if cfa_cell.colors(cfa) not in ("RGB", "W"):
        raise ValueError(
            f"a simulated CFA has R, G and B, or W alone, got {cfa!r}; write RGGB, or the cell row by row"
        )


@lru_cache(maxsize=16)
def _colors_at(cfa: str, height: int, width: int, device: str) -> Tensor:
    """The color of each photosite, an index into `cfa.colors`, (1, H, W)."""
    tiled = cfa_cell.tiled(cfa_cell.indices(cfa), height, width)
    return torch.from_numpy(tiled[None]).contiguous().to(device)
