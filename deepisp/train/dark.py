"""The task of dark pictures: clean color from mosaics that saw little light, see data/dark.py."""

from dataclasses import dataclass, field

import torch

from deepisp.data import augment
from deepisp.data.dark import DarkSimulator
from deepisp.train import jdd


@dataclass
class Task(jdd.Task):
    """As that of jdd.py, in linear light alone.

    Attributes:
        simulator: what makes the dark mosaics.
    """

    simulator: DarkSimulator = field(kw_only=True)

    def batch(self, count: int, generator: torch.Generator) -> jdd.Batch:
        """So many samples, as bright as their truths."""
        crops = augment.colors(self.crops.draw(count, generator, self.weights), generator)
        made = jdd.balanced(self.simulator(crops, generator).amplified(), self.simulator.cfa)
        sigma = jdd.sigma(made.mosaic, made.noise, self.simulator.cfa)
        return jdd.Batch(made.mosaic, sigma, made.truth, count, made.noise)
