"""Of noisy targets the mean is learned, at the photosites that saw it; the rest is learned of clean samples."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from deepisp.data.bursts import Burst, Bursts, NoisyPairs
from deepisp.data.crops import Crops
from deepisp.data.noises import Lines
from deepisp.data.pairs import through
from deepisp.networks.jdd import JDD
from deepisp.sensor.noise import Noise
from deepisp.train import jdd, loop
from deepisp.train.noise2noise import Batch, Task, pair_loss
from deepisp.train.run import Run
from deepisp.train.settings import TrainSettings

SMALL = TrainSettings(
    width=8, blocks=1, steps=6, batch=4, crop=16, warmup=2, precision="fp32", save_every=3, log_every=2,
    physical=0.5, noisy=0.5, mining_every=4,
)  # fmt: skip
SHOT, READ = 0.01, 1e-4


def smooth_light() -> torch.Tensor:
    """(1, 3, 64, 64) light of a scene without edges."""
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    return torch.stack((0.2 + rows / 200, 0.5 - columns / 200, 0.3 + (rows - columns) / 400))[None]


def shots(count: int, shot: float = SHOT, read: float = READ) -> Bursts:
    """Frames of a still scene, of photons that arrive one by one."""
    random = np.random.default_rng(3)
    clean = through(smooth_light(), "RGGB")[0, 0].double().numpy()
    light = random.poisson(clean / shot, (count, 64, 64)) * shot
    noisy = (light + random.normal(0, math.sqrt(read), light.shape)).astype(np.float32)
    return Bursts.of([Burst(noisy, "RGGB", (Noise(shot, read),) * 3, (9.0,) * 3)], 16, "RGGB")


def task(settings: TrainSettings = SMALL, frames: Bursts | None = None) -> Task:
    picture = np.random.default_rng(1).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    return Task(jdd.Task(settings, Crops.of([picture], settings.crop)), frames or shots(2))


def lines(shot: float, read: float, count: int = 1) -> Lines:
    return Lines(torch.full((count, 3), shot), torch.full((count, 3), read))


def test_the_loss_by_hand() -> None:
    """Squared errors over 0.15, 0.1 and 0.05; blue is near saturation, and other colors are not asked."""
    output = torch.full((1, 3, 2, 2), 7.0)
    output[0, 0, 0, 0], output[0, 1, 0, 1], output[0, 1, 1, 0], output[0, 2, 1, 1] = 8 / 15, 0.2, -0.1, 0.96
    output.requires_grad_()
    target = torch.tensor([[[[8 / 15 + 0.3, 0.1], [0.0, 1.0]]]])
    loss = pair_loss(output, NoisyPairs(target, target, lines(0.0375, 0.0025), torch.ones(1, 3)), "RGGB")
    assert float(loss.detach()) == pytest.approx((0.6 + 0.1 + 0.2) / 3)
    loss.backward()
    assert output.grad is not None
    assert output.grad.nonzero()[:, 1:].tolist() == [[0, 0, 0], [1, 0, 1], [1, 1, 0]]
    assert float(output.grad[0, 0, 0, 0]) == pytest.approx(2 * -0.3 / 0.15 / 3)  # no slope of the deviation


@pytest.mark.parametrize(("light", "std", "counts"), [
    (0.94, 0.001, True), (0.96, 0.001, False), (0.84, 0.05, True), (0.86, 0.05, False), (1.8, 0.001, False),
])  # fmt: skip
def test_light_whose_noise_is_clipped_is_left_out(light: float, std: float, counts: bool) -> None:
    output = torch.full((1, 3, 2, 2), light)
    pairs = NoisyPairs(output[:, :1], output[:, :1] - 0.1, lines(0.0, std**2), torch.ones(1, 3))
    assert float(pair_loss(output, pairs, "RGGB")) == pytest.approx(0.01 / std if counts else 0)


def test_the_mean_of_skewed_noise_is_learned() -> None:
    """Of 2.5 photons, whose median is 2: what makes the loss small is 2.5 within its standard error."""
    photons, count = 2.5, 64
    drawn = np.random.default_rng(5).poisson(photons, (count, 1, 32, 32))
    target = torch.from_numpy(drawn).float() * SHOT
    pairs = NoisyPairs(target, target, lines(SHOT, 0.0, count), torch.ones(count, 3))
    light = torch.full((3,), 0.5 * SHOT, requires_grad=True)
    for _ in range(80):
        (slope,) = torch.autograd.grad(
            pair_loss(light[None, :, None, None].expand(count, 3, 32, 32), pairs, "RGGB"), light
        )
        with torch.no_grad():
            light -= SHOT * slope
    found = light.detach().numpy() / SHOT
    for color, sites in enumerate((1, 2, 1)):
        standard_error = math.sqrt(photons / (count * 256 * sites))  # 0.012
        assert abs(found[color] - photons) < 5 * standard_error
    assert np.median(drawn) == 2.0  # L1's, 40 standard errors below


def test_a_network_learns_a_scene_that_it_never_saw_clean() -> None:
    """At the photosites' own colors, against light without noise; to copy the mosaic gives 0.13."""
    steps, strong = 300, 0.05
    asked = {"noisy": 1.0, "steps": steps, "rate": 1e-2, "batch": 16, "mining_every": 0}
    settings, frames = SMALL.model_copy(update=asked), shots(6, shot=strong)
    one = Run.begun(settings, task(settings, frames))
    mosaic, clean = frames.signal.view(6, 1, 64, 64), through(smooth_light(), "RGGB")
    told = jdd.sigma(mosaic, lines(strong, READ, 6), "RGGB")

    def error() -> float:
        with torch.inference_mode():
            return float((through(one.net(mosaic, told), "RGGB") - clean).square().mean().sqrt())

    before = error()  # 0.114: the two greens of a cell are averaged
    for _ in range(steps):
        one.advance()
    assert error() < 0.55 * before


def test_a_batch_is_clean_samples_and_pairs() -> None:
    one = task()
    made = one.batch(8, torch.Generator().manual_seed(1))
    assert made.clean is not None
    assert (len(made.clean.mosaic), len(made.pairs.mosaic)) == (4, 4)
    assert torch.equal(made.mosaic, torch.cat((made.clean.mosaic, made.pairs.mosaic)))
    noise = jdd.sigma(made.pairs.mosaic, lines(SHOT, READ, 4), "RGGB")
    assert torch.equal(made.sigma, torch.cat((made.clean.sigma, noise)))


@pytest.mark.parametrize("noisy", [0.25, 0.75, 1.0])
def test_the_loss_is_the_mean_over_samples(noisy: float) -> None:
    one = task(SMALL.model_copy(update={"noisy": noisy}))
    made = one.batch(8, torch.Generator().manual_seed(1))
    output = JDD(width=4, blocks=1)(made.mosaic, made.sigma).detach()
    of_pairs = float(pair_loss(output[round(8 - 8 * noisy) :], made.pairs, "RGGB"))
    of_clean = (
        0.0 if made.clean is None else float(one.clean.loss(output[: round(8 - 8 * noisy)], made.clean))
    )
    expected = noisy * of_pairs + (1 - noisy) * of_clean
    assert float(one.loss(output, made)) == pytest.approx(expected, rel=1e-5)


def test_what_is_shown_is_clean() -> None:
    one = task()
    made = one.batch(8, torch.Generator().manual_seed(1))
    output = torch.cat((made.clean.truth, torch.zeros(4, 3, 16, 16))) if made.clean else torch.zeros(0)
    y, x = one.shown(output, made)
    assert torch.equal(y, x)
    assert len(y) == 4
    alone = Batch(made.mosaic, made.sigma, None, made.pairs)
    with pytest.raises(ValueError, match="no clean samples in a batch; take a larger batch"):
        one.shown(output, alone)


def test_the_noise_of_pairs_is_noise_that_was_seen() -> None:
    weak, strong = (task(frames=shots(2, shot=shot, read=0.0)) for shot in (1e-5, 0.2))
    assert weak.noise_most() == weak.clean.noise_most()
    assert strong.noise_most() == pytest.approx(math.sqrt(0.2 * 0.35), rel=0.2)  # of light of 0.35
    alone = task(SMALL.model_copy(update={"noisy": 1.0}), shots(2, shot=1e-5, read=0.0))
    assert alone.noise_most() == pytest.approx(math.sqrt(1e-5 * 0.35), rel=0.2)


def test_what_does_not_go_together_is_said() -> None:
    with pytest.raises(ValueError, match="adversarial and perceptual losses take clean samples"):
        task(SMALL.model_copy(update={"noisy": 1.0, "adversarial": 0.1}))
    few = task(SMALL.model_copy(update={"noisy": 0.1}))
    with pytest.raises(ValueError, match=r"0\.1 of 4 samples is no pair .* take a larger batch"):
        few.batch(4, torch.Generator())


@pytest.mark.parametrize("changes", [{}, {"noisy": 1.0}, {"adversarial": 0.1, "crop": 24}])
def test_a_run_goes_on_to_the_bit(tmp_path: Path, changes: dict[str, object]) -> None:
    """Hard crops are searched at step 4, checkpoints are of steps 3 and 5."""
    asked = SMALL.model_copy(update=changes)
    frames = Bursts.of([Burst(shots(2).signal.view(2, 64, 64).numpy(), "RGGB", (Noise(SHOT, READ),) * 3, (9.0,) * 3)],
                       asked.crop, "RGGB")  # fmt: skip
    whole, first, second = (Run.begun(asked, task(asked, frames)) for _ in range(3))
    loop.train(whole, tmp_path / "whole")
    loop.train(first, tmp_path / "parts", stop_at=5)
    loop.train(second, tmp_path / "parts")
    pairs = zip(whole.net.parameters(), second.net.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert second.task.weights is not None
    assert torch.equal(second.task.weights, whole.task.weights)
    assert not torch.equal(next(first.net.parameters()), next(whole.net.parameters()))
