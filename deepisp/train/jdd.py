"""The task of joint demosaicing and denoising: what a network is shown, and what it should have said.

crops ─► other colors ─┬─► display-coded mosaics, white noise (the academic benchmarks') ─┬─► balanced mosaic,
                       └─► a camera's linear light, shot and read noise ─► white balance ─┘   sigma, truth
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deepisp.data import augment, noises
from deepisp.data.crops import Crops
from deepisp.data.noises import Lines
from deepisp.data.pairs import Pairs, Simulator
from deepisp.data.unprocess import Unprocessing
from deepisp.networks import planes
from deepisp.train import journal, losses, mining
from deepisp.train.perceptual import Perceptual
from deepisp.train.settings import TrainSettings

# Half of the camera's pictures are taken as they are; UPI takes each for one with a tone curve.
_CAMERAS = Unprocessing(toned=0.5)
_DARKER = (1.0, 4.0)  # times less light than AlongLine's ISO was set for: shadows, underexposure
_SAMPLES = 8
_CODE_OFFSET = 0.01  # light at which a coded error counts half as much more than a linear one


class Batch(NamedTuple):
    """Samples for a network.

    Attributes:
        mosaic: (B, 1, H, W) balanced signal.
        sigma: (B, 1, H, W) deviation of its noise, as an ISP would know it: by the noisy signal.
        truth: (B, 3, H, W).
        linear: how many samples, the last ones, are linear light.
        lines: shot and read noise of each sample and color.
    """

    mosaic: Tensor
    sigma: Tensor
    truth: Tensor
    linear: int
    lines: Lines


@dataclass
class Task:
    """Samples of clean pictures, and their losses.

    Attributes:
        settings: of the run.
        crops: of the pictures, on the device that trains.
        weights: of the squares of `crops`, by which they are drawn; None for all alike.
        perceptual: a loss of display-coded pictures to be added, see perceptual.py.
    """

    settings: TrainSettings
    crops: Crops
    weights: Tensor | None = None
    perceptual: Perceptual | None = None

    @property
    def device(self) -> torch.device:
        """That samples are made on."""
        return self.crops.pixels.device

    def batch(self, count: int, generator: torch.Generator) -> Batch:
        """So many samples."""
        return simulated(self.crops.draw(count, generator, self.weights), self.settings, generator)

    def loss(self, output: Tensor, batch: Batch) -> Tensor:
        """A number to make small: of linear light, the error as it is and the error as a display would show it."""
        loss = losses.LOSSES[self.settings.loss]
        shown = len(output) - batch.linear
        total = output.new_zeros(())
        if shown:
            total = total + loss(output[:shown], batch.truth[:shown]) * shown / len(output)
        if batch.linear:
            y, x = output[shown:], batch.truth[shown:]
            both = loss(y, x) + loss(coded(y), coded(x))
            total = total + both * batch.linear / len(output) / 2
        if self.perceptual is not None:
            total = total + self.settings.perceptual * self.perceptual(*self.shown(output, batch))
        return total

    def shown(self, output: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Output and truth as a display would show them."""
        is_linear = torch.arange(len(output), device=output.device) >= len(output) - batch.linear
        at = is_linear[:, None, None, None]
        y, x = (torch.where(at, coded(one), one) for one in (output, batch.truth))
        return y, x

    @cached_property
    def _digest(self) -> str:
        return self.crops.digest()

    def digest(self) -> str:
        """Of the crops."""
        return self._digest

    def mine(self, net: nn.Module) -> None:
        """Weigh the squares by what the network gets wrong."""
        power = self.settings.mining_power
        self.weights = mining.weights(net, self.crops, self.settings.cfa, power=power).clone()

    def noise_most(self) -> float:
        """What 99 in 100 samples stay below: the mean deviation of their noise."""
        generator = torch.Generator(self.device).manual_seed(0)
        seen = [self.batch(64, generator).sigma.mean((1, 2, 3)) for _ in range(16)]
        return float(torch.cat(seen).quantile(0.99))

    @torch.inference_mode()
    def samples(self, net: nn.Module) -> NDArray[np.uint8]:
        """Columns: mosaic, output, truth; display-coded samples, then linear ones."""
        batch = self.batch(_SAMPLES, torch.Generator(self.device).manual_seed(0))
        output, truth = self.shown(net(batch.mosaic, batch.sigma), batch)
        mosaic, _ = self.shown(batch.mosaic, batch)
        columns = (mosaic.expand_as(truth), output, truth)
        return journal.sheet(*(one.movedim(1, -1).float().cpu().numpy() for one in columns))


def simulated(crops: Tensor, settings: TrainSettings, generator: torch.Generator) -> Batch:
    """Samples of crops (B, 3, H, W) uint8, which get other colors first."""
    colored = augment.colors(crops, generator)
    linear = round(settings.physical * len(crops))
    shown, light = colored[: len(crops) - linear], colored[len(crops) - linear :]
    white = noises.Gaussian((0.0, settings.sigma / 255), settings.clean)
    parts = []
    if len(shown):
        parts.append(Simulator.display_coded(settings.cfa, noises=white)(shown, generator))
    if linear:
        camera = Simulator(settings.cfa, unprocessing=_CAMERAS, exposure_ratio=_DARKER)
        parts.append(balanced(camera(light, generator).amplified(), settings.cfa))
    mosaic = torch.cat([part.mosaic for part in parts])
    lines = Lines(*(torch.cat(both) for both in zip(*(part.noise for part in parts), strict=True)))
    truth = torch.cat([part.truth for part in parts])
    return Batch(mosaic, sigma(mosaic, lines, settings.cfa), truth, linear, lines)


def balanced(simulated: Pairs, cfa: str) -> Pairs:
    """Pairs of a camera after white balance: gray is gray in mosaic and truth, and the noise says so."""
    if simulated.draw is None:
        return simulated
    gains = 1 / simulated.draw.neutral  # (B, 3)
    mosaic = simulated.mosaic * per_photosite(gains, cfa, simulated.mosaic.shape[-2:])
    shot, read = simulated.noise
    return simulated._replace(
        mosaic=mosaic,
        truth=simulated.truth * gains[:, :, None, None],
        noise=Lines(shot * gains, read * gains.square()),
    )


def sigma(mosaic: Tensor, lines: Lines, cfa: str) -> Tensor:
    """(B, 1, H, W) deviation of the noise, by the mosaic's own, noisy signal."""
    shot, read = (per_photosite(one, cfa, mosaic.shape[-2:]) for one in lines)
    return (mosaic.clamp(min=0) * shot + read).sqrt_()


def per_photosite(values: Tensor, cfa: str, size: "torch.Size | tuple[int, int]") -> Tensor:
    """Values of each color (B, 3) at each photosite, (B, 1, H, W)."""
    cell = torch.einsum("bc,cij->bij", values, planes.masks(cfa).to(values))
    return planes.tiled(cell[:, None], size)


def coded(light: Tensor) -> Tensor:
    """Light about as a display codes it: a square root, straight below black."""
    return (light.clamp(min=0) + _CODE_OFFSET).sqrt() + light.clamp(max=0)
