"""Samples for training: the mosaic is the truth with the noise that the network is told."""

import numpy as np
import pytest
import torch

from deepisp.data.crops import Crops
from deepisp.data.noises import Lines
from deepisp.data.pairs import through
from deepisp.sensor.cfa import XTRANS
from deepisp.train import jdd
from deepisp.train.jdd import Task
from deepisp.train.settings import TrainSettings


def crops(count: int = 64, side: int = 24) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randint(20, 110, (count, 3, 1, 1), generator=generator, dtype=torch.uint8).expand(
        -1, -1, side, side
    )


def batch(**settings: object) -> jdd.Batch:
    return jdd.simulated(crops().contiguous(), TrainSettings(**settings), torch.Generator().manual_seed(6))


@pytest.mark.parametrize("cfa", ["RGGB", XTRANS])
@pytest.mark.parametrize("physical", [0.0, 0.5, 1.0])
def test_sigma_is_the_noise(cfa: str, physical: float) -> None:
    made = batch(cfa=cfa, physical=physical)
    assert made.linear == round(64 * physical)
    noise = made.mosaic - through(made.truth, cfa)
    told = made.sigma.square().mean((1, 2, 3))
    noisy = (told > 1e-8) & (made.truth.amax((1, 2, 3)) < 0.6)  # saturation cuts noise off
    assert int(noisy.sum()) > 20
    ratio = noise.square().mean((1, 2, 3))[noisy] / told[noisy]
    assert float(ratio.mean()) == pytest.approx(1, abs=0.03)
    assert float((noise.mean((1, 2, 3))[noisy] / told[noisy].sqrt()).mean()) == pytest.approx(0, abs=0.02)


def test_gray_is_gray_after_white_balance() -> None:
    gray = torch.full((8, 3, 24, 24), 120, dtype=torch.uint8)
    made = jdd.simulated(gray, TrainSettings(physical=1.0), torch.Generator().manual_seed(6))
    spread = made.truth.amax(1) - made.truth.amin(1)
    assert float(spread.max()) < 0.02 * float(made.truth.mean())


def test_per_photosite_by_hand() -> None:
    values = torch.tensor([[1.0, 2.0, 3.0]])
    assert jdd.per_photosite(values, "GRBG", (2, 3)).tolist() == [[[[2.0, 1.0, 2.0], [3.0, 2.0, 3.0]]]]


def test_sigma_by_hand() -> None:
    mosaic = torch.tensor([[[[0.5, -0.1], [0.0, 1.0]]]])
    lines = Lines(torch.tensor([[0.02, 0.04, 0.08]]), torch.tensor([[0.01, 0.01, 0.04]]))
    found = jdd.sigma(mosaic, lines, "RGGB").square()
    assert torch.allclose(found, torch.tensor([[[[0.02, 0.01], [0.01, 0.12]]]]))


def test_the_loss_by_hand() -> None:
    asked = TrainSettings(loss="l1", crop=16)
    task = Task(asked, Crops.of([np.zeros((16, 16, 3), np.uint8)], 16))
    truth = torch.zeros(2, 3, 4, 4)
    silent = Lines(torch.zeros(2, 3), torch.zeros(2, 3))
    made = jdd.Batch(truth[:, :1], truth[:, :1], truth, linear=1, lines=silent)
    output = torch.stack((torch.full((3, 4, 4), 0.1), torch.full((3, 4, 4), 0.15)))
    linear = (0.15 + (0.4 - 0.1)) / 2  # coded: sqrt(0.16) - sqrt(0.01)
    assert float(task.loss(output, made)) == pytest.approx((0.1 + linear) / 2)


def test_colors_do_not_fall_below_black() -> None:
    """Light below black is not coded away: its error has a slope."""
    y = torch.tensor([-0.5], requires_grad=True)
    jdd.coded(y).sum().backward()
    assert float(y.grad) == pytest.approx(1.0)
