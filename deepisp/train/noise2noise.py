"""Training on real noise without a clean truth: of two frames of a still scene, one is shown, the other is the target.

What makes a squared error to a noisy target small is the target's mean, the clean signal, whatever zero-mean noise it
has; an absolute error leads to its median, which is another where noise is skewed, as shot noise is. Frames from a
tripod have the same color at the same photosite, so a target says nothing of the other two colors: clean samples must
be mixed in for those. What is the same in all frames, fixed pattern, is learned as if it were light; so is what a file
that ends at black adds to the mean of the darkest places.

Source: J. Lehtinen et al., "Noise2Noise: learning image restoration without clean data", ICML 2018, section 2.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deepisp.data.bursts import Bursts, NoisyPairs
from deepisp.data.pairs import through
from deepisp.train import jdd

_UNCLIPPED = 0.95  # of saturation: targets of brighter light end there, and their mean lies below the light
_MARGIN = 3.0  # deviations, where noise is strong: at 3 clipping takes 0.0004 of one from the mean
_LEAST_STD = 1 / 65535  # of noise; only a file that says it has none reaches it


class Batch(NamedTuple):
    """Samples for a network: those of clean pictures first, then pairs of noisy frames.

    Attributes:
        mosaic: (B, 1, H, W) balanced signal.
        sigma: (B, 1, H, W) deviation of its noise.
        clean: the first samples, with their truth; None if all are pairs.
        pairs: the last samples, with their targets.
    """

    mosaic: Tensor
    sigma: Tensor
    clean: jdd.Batch | None
    pairs: NoisyPairs


@dataclass
class Task:
    """A share `settings.noisy` of pairs of noisy frames, the rest samples of clean pictures.

    Discriminators, features, hard crops and sample pictures know the clean samples alone.

    Attributes:
        clean: the task of clean pictures, with the run's settings.
        bursts: with the settings' CFA and crop, on the same device.

    Raises:
        ValueError: no clean samples for a loss that needs them.
    """

    clean: jdd.Task
    bursts: Bursts

    def __post_init__(self) -> None:
        """What goes together, once."""
        asked = self.clean.settings
        if asked.noisy == 1 and (asked.adversarial or asked.perceptual):
            raise ValueError("adversarial and perceptual losses take clean samples; give noisy below 1")

    @property
    def weights(self) -> Tensor | None:
        """Of the clean pictures' squares."""
        return self.clean.weights

    @weights.setter
    def weights(self, weights: Tensor | None) -> None:
        """Of the clean pictures' squares."""
        self.clean.weights = weights

    @property
    def device(self) -> torch.device:
        """That samples are made on."""
        return self.clean.device

    def batch(self, count: int, generator: torch.Generator) -> Batch:
        """So many samples.

        Raises:
            ValueError: so few that none is a pair.
        """
        settings = self.clean.settings
        noisy = round(settings.noisy * count)
        if not noisy:
            raise ValueError(
                f"a share of {settings.noisy:g} of {count} samples is no pair of noisy frames; take a larger batch"
            )
        pairs, sigma = self._pairs(noisy, generator)
        if noisy == count:
            return Batch(pairs.mosaic, sigma, None, pairs)
        clean = self.clean.batch(count - noisy, generator)
        return Batch(torch.cat((clean.mosaic, pairs.mosaic)), torch.cat((clean.sigma, sigma)), clean, pairs)

    def loss(self, output: Tensor, batch: Batch) -> Tensor:
        """A number to make small: the mean over clean samples and pairs."""
        count, noisy = len(output), len(batch.pairs.mosaic)
        loss = pair_loss(output[count - noisy :], batch.pairs, self.clean.settings.cfa)
        if batch.clean is None:
            return loss
        clean = self.clean.loss(output[: count - noisy], batch.clean)
        return (clean * (count - noisy) + loss * noisy) / count

    def shown(self, output: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Output and truth of the clean samples, as a display would show them.

        Raises:
            ValueError: there are none.
        """
        if batch.clean is None:
            raise ValueError("no clean samples in a batch; take a larger batch, or a smaller share of noisy")
        return self.clean.shown(output[: len(batch.clean.mosaic)], batch.clean)

    @cached_property
    def _digest(self) -> str:
        return f"{self.clean.digest()} {self.bursts.digest()}"

    def digest(self) -> str:
        """Of the clean crops and the bursts."""
        return self._digest

    def mine(self, net: nn.Module) -> None:
        """Weigh the clean pictures' squares by what the network gets wrong."""
        self.clean.mine(net)

    def noise_most(self) -> float:
        """What 99 in 100 samples of the noisier kind stay below: the mean deviation of their noise."""
        generator = torch.Generator(self.device).manual_seed(0)
        seen = [self._pairs(64, generator)[1].mean((1, 2, 3)) for _ in range(16)]
        most = float(torch.cat(seen).quantile(0.99))
        return most if self.clean.settings.noisy == 1 else max(most, self.clean.noise_most())

    def samples(self, net: nn.Module) -> NDArray[np.uint8]:
        """A sheet of clean samples, see `jdd.Task.samples`."""
        return self.clean.samples(net)

    def _pairs(self, count: int, generator: torch.Generator) -> tuple[NoisyPairs, Tensor]:
        """Pairs, and the deviation of what is shown of them."""
        pairs = self.bursts.draw(count, generator)
        return pairs, jdd.sigma(pairs.mosaic, pairs.lines, self.clean.settings.cfa)


def pair_loss(output: Tensor, pairs: NoisyPairs, cfa: str) -> Tensor:
    """Mean squared error at the target's own photosites, over the noise's deviation there: in units of signal, as L1.

    The deviation is that of the predicted light, without a slope: by the target it would depend on the target's own
    noise, and pull the mean down. Likewise light is left out as too bright by what is predicted, not by what was seen.

    Args:
        output: (B, 3, H, W) predicted balanced signal.
        pairs: of as many samples.
        cfa: the cell at their top left.
    """
    seen = through(output, cfa)  # (B, 1, H, W)
    expected = seen.detach()
    deviation = jdd.sigma(expected, pairs.lines, cfa).clamp(min=_LEAST_STD)
    saturation = jdd.per_photosite(pairs.saturation, cfa, expected.shape[-2:])
    most = torch.minimum(_UNCLIPPED * saturation, saturation - _MARGIN * deviation)
    counts = expected <= most
    error = (seen - pairs.target).square() / deviation
    return torch.where(counts, error, 0).sum() / counts.sum().clamp(min=1)
