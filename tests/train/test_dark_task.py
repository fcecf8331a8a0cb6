"""Learning in the dark: what a sample is, and that a network gets better at it."""

import numpy as np
import pytest
import torch
from PIL import Image

from deepisp.data.crops import Crops
from deepisp.data.dark import DarkSimulator
from deepisp.train import begin, dark, loop
from deepisp.train.run import Run
from deepisp.train.settings import TrainSettings

SMALL = TrainSettings(
    network="dark", dark="dark-simulated", width=8, steps=30, batch=4, crop=32, rate=3e-3, warmup=1, seed=1,
    precision="fp32", average=0.5, save_every=1000, log_every=1,
)  # fmt: skip
SIMULATOR = DarkSimulator(("sony-a7s-ii",), (3200, 6400), (100, 300))


def pictures():
    ramp = np.linspace(20, 230, 96, dtype=np.uint8)
    return [np.stack([ramp[:, None] * np.ones(96, np.uint8)] * 3, -1), np.full((96, 96, 3), 90, np.uint8)]


def task(asked=SMALL):
    return dark.Task(asked, Crops.of(pictures(), asked.crop), simulator=SIMULATOR)


def test_a_sample_is_as_bright_as_its_truth_and_as_noisy_as_it_says():
    batch = task().batch(64, torch.Generator().manual_seed(1))
    assert batch.linear == len(batch.mosaic) == 64
    assert batch.mosaic.shape == (64, 1, 32, 32)
    error = batch.mosaic[:, 0, 0::2, 1::2] - batch.truth[:, 1, 0::2, 1::2]
    assert abs(float(error.mean())) < 0.05
    said = float(batch.sigma[:, 0, 0::2, 1::2].square().mean().sqrt())
    assert float(error.std()) == pytest.approx(said, rel=0.1)
    assert said > 0.05


def test_a_network_gets_better(tmp_path):
    run = Run.begun(SMALL, task())
    losses = []
    loop.train(run, tmp_path, say=lambda line: losses.append(line["loss"]))
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])


def test_a_run_begins_from_a_folder_of_pictures(tmp_path):
    Image.fromarray(pictures()[0]).save(tmp_path / "one.png")
    run, about = begin.from_disk(SMALL, [tmp_path], device="cpu")
    assert "1 pictures" in about
    assert isinstance(run.task, dark.Task)
    assert run.advance().isfinite()


@pytest.mark.parametrize("other", [{"mining_every": 100}, {"noisy": 0.5}])
def test_what_does_not_go_together_is_said(other):
    with pytest.raises(ValueError, match="dark goes without"):
        TrainSettings(dark="dark-simulated", **other)
