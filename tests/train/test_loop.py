"""Runs that are stopped go on as if they had not been; runs that fail say so; what is learned is learned."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from deepisp.data.crops import Crops
from deepisp.data.pairs import through
from deepisp.networks import zoo
from deepisp.networks.jdd import JDD
from deepisp.train import checkpoint, critic, loop, mining
from deepisp.train.jdd import Task
from deepisp.train.perceptual import Perceptual
from deepisp.train.run import Run, rate
from deepisp.train.settings import TrainSettings
from deepisp.train.spread import Spread
from tests.conftest import REPOSITORY

SMALL = TrainSettings(
    width=4, blocks=1, steps=9, batch=4, crop=16, warmup=2, precision="fp32", save_every=3, log_every=2,
    mining_every=4,
)  # fmt: skip


def smooth_pictures(count: int = 3) -> list[np.ndarray]:
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(1).standard_normal((count, 48, 48, 1)) + np.zeros(3)
    blurred = gaussian_filter(noise, (0, 1.5, 1.5, 0), mode="wrap")
    return list(np.clip(128 + 250 * blurred, 0, 255).astype(np.uint8))


def run(settings: TrainSettings = SMALL) -> Run:
    return Run.begun(settings, Task(settings, Crops.of(smooth_pictures(), settings.crop)))


def weights(one: Run) -> list[torch.Tensor]:
    return [*one.net.parameters(), *one.average.parameters()]


@pytest.mark.parametrize(
    ("stop_at", "optimizer"),
    [
        (1, "adamw"),
        (4, "adamw"),
        (5, "adamw"),
        *((at, "muon") for at in (1, 4) if hasattr(torch.optim, "Muon")),
    ],
)
def test_a_run_goes_on_to_the_bit(tmp_path: Path, stop_at: int, optimizer: str) -> None:
    settings = SMALL.model_copy(update={"optimizer": optimizer})
    whole, first, second = run(settings), run(settings), run(settings)
    loop.train(whole, tmp_path / "whole")
    loop.train(first, tmp_path / "parts", stop_at=stop_at)
    loop.train(second, tmp_path / "parts")
    assert second.step == 9
    assert all(torch.equal(a, b) for a, b in zip(weights(whole), weights(second), strict=True))
    assert not torch.equal(weights(first)[0], weights(whole)[0])


def test_the_same_after_sigkill(tmp_path: Path) -> None:
    """Killed between two checkpoints; the steps since the last are done again."""
    code = f"""
import os, signal, sys
sys.path.insert(0, {str(REPOSITORY)!r})
import torch; torch.set_num_threads(1)
from pathlib import Path
from tests.train.test_loop import run
from deepisp.train import loop
def say(line):
    if line["step"] == 8: os.kill(os.getpid(), signal.SIGKILL)
loop.train(run(), Path({str(tmp_path / "killed")!r}), say=say)
"""
    ended = subprocess.run([sys.executable, "-c", code], check=False, env=os.environ)
    assert ended.returncode == -signal.SIGKILL
    assert [path.name for path in checkpoint.found(tmp_path / "killed")][-1] == "checkpoint-00000006.pt"
    whole, rest = run(), run()
    loop.train(whole, tmp_path / "whole")
    loop.train(rest, tmp_path / "killed")
    assert all(torch.equal(a, b) for a, b in zip(weights(whole), weights(rest), strict=True))
    logs = [(tmp_path / name / "log.jsonl").read_text().splitlines() for name in ("whole", "killed")]
    steps, losses = ([[json.loads(line)[key] for line in log] for log in logs] for key in ("step", "loss"))
    assert steps == [[2, 4, 6, 8, 9]] * 2
    assert losses[0] == losses[1]


def test_a_damaged_checkpoint_costs_one_interval(tmp_path: Path) -> None:
    first = run()
    loop.train(first, tmp_path, stop_at=6)
    last = checkpoint.found(tmp_path)[-1]
    last.write_bytes(last.read_bytes()[:1000])
    state = checkpoint.latest(tmp_path)
    assert state is not None
    assert state["step"] == 3


def test_the_last_two_checkpoints_are_kept(tmp_path: Path) -> None:
    loop.train(run(), tmp_path)
    assert [path.name[11:-3] for path in checkpoint.found(tmp_path)] == ["00000006", "00000009"]


def test_another_run_is_not_continued(tmp_path: Path) -> None:
    loop.train(run(), tmp_path, stop_at=3)
    with pytest.raises(ValueError, match="another rate, seed"):
        loop.train(run(SMALL.model_copy(update={"rate": 1e-4, "seed": 2})), tmp_path)


def test_no_number_stops_and_keeps_what_was(tmp_path: Path) -> None:
    one = run()
    loop.train(one, tmp_path, stop_at=3)
    spoiled = run()
    spoiled.restore(checkpoint.latest(tmp_path) or {})
    before = checkpoint.found(tmp_path)
    advance = spoiled.advance
    spoiled.restore = lambda _: None  # type: ignore[method-assign]  # the state is there already
    spoiled.advance = lambda: advance() * float("nan")  # type: ignore[method-assign]
    with pytest.raises(loop.Diverged, match="nan at step 4"):
        loop.train(spoiled, tmp_path)
    assert checkpoint.found(tmp_path) == before


def test_training_learns() -> None:
    """On the same noiseless crops the error falls: the loss of training itself swings with the noise drawn."""
    one = run(SMALL.model_copy(update={"steps": 150, "rate": 3e-3, "physical": 0.0, "mining_every": 0}))
    squares = one.task.crops
    truth = squares.at(torch.arange(len(squares))).float() / 255
    mosaic = through(truth, "RGGB")

    def error() -> float:
        with torch.inference_mode():
            return float((one.average(mosaic, mosaic.new_zeros(1, 1, 1, 1)) - truth).abs().mean())

    before = error()
    for _ in range(150):
        one.advance()
    assert error() < 0.6 * before


def test_the_average_is_of_the_weights() -> None:
    one = run()
    seen = [next(one.net.parameters()).detach().clone()]
    for _ in range(3):
        one.advance()
        seen.append(next(one.net.parameters()).detach().clone())
    expected = torch.stack(seen).mean(0)  # while there are few, the plain mean
    assert torch.allclose(next(one.average.parameters()), expected, atol=1e-6)


def test_the_rate_rises_and_falls() -> None:
    asked = SMALL.model_copy(update={"steps": 1000, "warmup": 10, "rate": 1.0})
    rates = [rate(asked, step) for step in range(1000)]
    assert rates[0] == pytest.approx(0.1, rel=0.01)
    assert max(rates) == pytest.approx(1.0, rel=0.01)
    assert rates[500] == pytest.approx(0.503)
    assert rates[-1] < 0.004


def test_hard_squares_weigh_more() -> None:
    flat = np.full((32, 32, 3), 90, np.uint8)
    busy = np.random.default_rng(1).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    crops = Crops.of([flat, busy], 16)
    net = JDD(width=4, blocks=1)
    net.tail.weight.data.zero_()
    found = mining.weights(net, crops, "RGGB", power=0.5)
    assert (found[crops.squares[:, 0] == 1] > 2 * found[crops.squares[:, 0] == 0].max()).all()
    assert torch.allclose(mining.weights(net, crops, "RGGB", power=0.0), torch.ones(len(crops)))


def test_adversarial_training_goes_on_to_the_bit(tmp_path: Path) -> None:
    asked = SMALL.model_copy(update={"adversarial": 0.1, "crop": 24})
    whole, first, second, plain = (
        run(asked),
        run(asked),
        run(asked),
        run(SMALL.model_copy(update={"crop": 24})),
    )
    for one, place, stop_at in (
        (whole, "whole", None), (first, "parts", 4), (second, "parts", None), (plain, "plain", None)
    ):  # fmt: skip
        loop.train(one, tmp_path / place, stop_at=stop_at)
    assert all(torch.equal(a, b) for a, b in zip(weights(whole), weights(second), strict=True))
    assert not torch.equal(weights(whole)[0], weights(plain)[0])


def test_a_critic_learns_to_tell_output_from_truth() -> None:
    judge = critic.Critic(0, torch.device("cpu"))
    generator = torch.Generator().manual_seed(1)
    truth = torch.rand(8, 3, 32, 32, generator=generator)
    blurred = torch.nn.functional.avg_pool2d(truth, 3, 1, 1)
    before = float(judge.loss(blurred, truth).detach())
    for _ in range(30):
        judge.learn(blurred, truth, spread=Spread())
    assert float(judge.loss(blurred, truth).detach()) > before + 0.5  # the network has more to make small


def test_a_perceptual_loss_is_added(tmp_path: Path) -> None:
    asked = SMALL.model_copy(update={"perceptual": 2.0, "features": "somewhere:features"})
    task = Task(
        asked, Crops.of(smooth_pictures(), asked.crop), perceptual=Perceptual(lambda x: x.mean((2, 3)))
    )
    batch = task.batch(4, torch.Generator().manual_seed(1))
    output = batch.truth + 0.1
    output[:, :, ::2] -= 0.2  # errors of one sign and the other
    y, x = task.shown(output, batch)
    expected = 2 * (y.mean((2, 3)) - x.mean((2, 3))).square().mean()
    without = Task(asked, task.crops).loss(output, batch)
    assert float(task.loss(output, batch) - without) == pytest.approx(float(expected), rel=1e-3)


def test_samples_and_figures_are_written(tmp_path: Path) -> None:
    loop.train(run(), tmp_path)
    with Image.open(tmp_path / "samples" / "00000009.png") as sheet:
        assert sheet.size == (3 * 16, 8 * 16)
        mosaic, output, truth = np.split(np.asarray(sheet).astype(float), 3, axis=1)
    assert (mosaic.min(-1) == mosaic.max(-1)).all()
    assert np.abs(output - truth).mean() < 0.5 * np.abs(128 - truth).mean()
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    board = events.EventAccumulator(str(tmp_path / "tensorboard"))
    board.Reload()
    assert [one.step for one in board.Scalars("loss")] == [2, 4, 6, 8, 9]
    assert [one.step for one in board.Images("samples")] == [3, 6, 9]


def test_figures_after_a_stop_are_of_the_steps_since(tmp_path: Path) -> None:
    asked = SMALL.model_copy(update={"save_every": 5, "log_every": 2, "mining_every": 0})
    loop.train(run(asked), tmp_path / "whole")
    for stop_at in (5, None):
        loop.train(run(asked), tmp_path / "parts", stop_at=stop_at)
    lines = [json.loads(line) for line in (tmp_path / "parts" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4, 5, 6, 8, 9]
    whole = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    both = (lines[2]["loss"] + lines[3]["loss"]) / 2  # one step each
    assert both == pytest.approx(whole[2]["loss"], rel=1e-5)


def test_no_number_is_not_saved(tmp_path: Path) -> None:
    one = run(SMALL.model_copy(update={"log_every": 100, "save_every": 2}))
    advance = one.advance
    one.advance = lambda: advance() * (float("nan") if one.step > 4 else 1.0)  # type: ignore[method-assign]
    with pytest.raises(loop.Diverged):
        loop.train(one, tmp_path)
    assert [path.name[11:-3] for path in checkpoint.found(tmp_path)] == ["00000002", "00000004"]


def test_other_pictures_are_not_learned_on(tmp_path: Path) -> None:
    loop.train(run(), tmp_path, stop_at=3)
    other = Run.begun(SMALL, Task(SMALL, Crops.of(smooth_pictures(2), SMALL.crop)))
    with pytest.raises(ValueError, match="on other data"):
        loop.train(other, tmp_path)


def test_damaged_checkpoints_are_not_a_new_beginning(tmp_path: Path) -> None:
    loop.train(run(), tmp_path)
    for path in checkpoint.found(tmp_path):
        path.write_bytes(b"damaged")
    log = (tmp_path / "log.jsonl").read_text()
    with pytest.raises(ValueError, match="all checkpoints are damaged"):
        loop.train(run(), tmp_path)
    assert (tmp_path / "log.jsonl").read_text() == log


def test_a_damaged_last_checkpoint_goes(tmp_path: Path) -> None:
    loop.train(run(), tmp_path, stop_at=6)
    checkpoint.found(tmp_path)[-1].write_bytes(b"damaged")
    loop.train(run(), tmp_path, stop_at=5)
    assert [path.name[11:-3] for path in checkpoint.found(tmp_path)] == ["00000003", "00000005"]


@pytest.mark.parametrize(
    "change", [{"blocks": 2}, {"width": 8}, {"biased": True}, {"network": "gharbi", "crop": 32}]
)
def test_weights_of_another_shape_are_no_start(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "start.safetensors"
    zoo.save(path, run().weights())
    with pytest.raises(ValueError, match="are a jdd network's, 4 wide and 1 blocks deep; take the same here"):
        run(SMALL.model_copy(update={"start": str(path)} | change))


def test_of_another_phase_all_is_taken_but_what_sees_it(tmp_path: Path) -> None:
    path = tmp_path / "start.safetensors"
    begin = run(SMALL.model_copy(update={"seed": 5}))
    begin.advance()
    zoo.save(path, begin.weights())
    fresh, same, other = (
        run(SMALL.model_copy(update=one)).net.state_dict()
        for one in ({}, {"start": str(path)}, {"start": str(path), "cfa": "GRBG"})
    )
    theirs = begin.average.state_dict()
    assert all(torch.equal(same[name], theirs[name]) for name in theirs)
    assert torch.equal(other["blocks.0.first.weight"], theirs["blocks.0.first.weight"])
    assert torch.equal(other["head.weight"], fresh["head.weight"])


def test_a_network_of_bfloat16_can_be_judged() -> None:
    asked = SMALL.model_copy(
        update={"network": "srresnet", "adversarial": 0.1, "precision": "bf16", "crop": 24}
    )
    assert torch.isfinite(run(asked).advance())
