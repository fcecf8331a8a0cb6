"""The task of joint demosaicing and denoising: what a network is shown, and what it should have said.

crops ─► other colors ─┬─► display-coded mosaics, white noise (the academic benchmarks') ─┬─► balanced mosaic,
                       └─► a camera's linear light, shot and read noise ─► white balance ─┘   sigma, truth
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from deepisp.data import augment, noises
from deepisp.data.noises import Lines
from deepisp.data.pairs import Pairs, Simulator
from deepisp.data.unprocess import Unprocessing
from deepisp.networks import planes
from deepisp.train import losses
from deepisp.train.settings import TrainSettings

# Half of the camera's pictures are taken as they are; UPI takes each for one with a tone curve.
_CAMERAS = Unprocessing(toned=0.5)
_DARKER = (
    1.0,
    4.0,
)  # the mosaic gets so much less light than AlongLine's ISO was set for: shadows, underexposure
_CODE_OFFSET = 0.01  # light at which a coded error counts half as much more than a linear one


class Batch(NamedTuple):
    """Samples for a network.

    Attributes:
        mosaic: (B, 1, H, W) balanced signal.
        sigma: (B, 1, H, W) deviation of its noise, as an ISP would know it: by the noisy signal.
        truth: (B, 3, H, W).
        linear: how many samples, the last ones, are linear light.
    """

    mosaic: Tensor
    sigma: Tensor
    truth: Tensor
    linear: int


@dataclass(frozen=True)
class Task:
    """Samples and losses of a run."""

    settings: TrainSettings

    def batch(self, crops: Tensor, generator: torch.Generator) -> Batch:
        """Samples of crops (B, 3, H, W) uint8, which are augmented first."""
        asked = self.settings
        colored = augment.colors(crops, generator)
        linear = round(asked.physical * len(crops))
        shown, light = colored[: len(crops) - linear], colored[len(crops) - linear :]
        white = noises.Gaussian((0.0, asked.sigma / 255), asked.clean)
        parts = []
        if len(shown):
            parts.append(Simulator.display_coded(asked.cfa, noises=white)(shown, generator))
        if linear:
            camera = Simulator(asked.cfa, unprocessing=_CAMERAS, exposure_ratio=_DARKER)
            parts.append(balanced(camera(light, generator).amplified(), asked.cfa))
        mosaic = torch.cat([part.mosaic for part in parts])
        lines = Lines(*(torch.cat(both) for both in zip(*(part.noise for part in parts), strict=True)))
        truth = torch.cat([part.truth for part in parts])
        return Batch(mosaic, sigma(mosaic, lines, asked.cfa), truth, linear)

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
        return total


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
