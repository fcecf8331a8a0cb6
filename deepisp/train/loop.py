"""Training: batches, steps, averages, checkpoints. A run of one seed on one CPU thread is the same run every time.

In one process it needs torch alone; started by torchrun, accelerate spreads the batch over processes.
"""

import copy
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from deepisp.data.crops import Crops
from deepisp.networks import zoo
from deepisp.networks.jdd import JDD
from deepisp.train import checkpoint, mining
from deepisp.train.jdd import Task
from deepisp.train.settings import TrainSettings

_LAST_RATE = 0.003  # of the largest, at the end of the cosine: the trial runs'
_LOG = "log.jsonl"


class Diverged(ValueError):
    """The loss is no number any more."""


@dataclass
class Run:
    """The state of a training run; `advance` is one step.

    Attributes:
        settings: what decides the result.
        crops: of the training pictures, on the device that trains.
        net: the network in training.
        average: its running mean, which is what a run gives.
        step: steps done.
        weights: of the squares of `crops`, by which they are drawn; None for all alike.
    """

    settings: TrainSettings
    crops: Crops
    net: JDD
    average: JDD = field(init=False)
    step: int = 0
    weights: Tensor | None = None

    def __post_init__(self) -> None:
        """The optimizer and the generator, as at step 0."""
        asked, device = self.settings, self.crops.pixels.device
        self.net.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs
        self.average = copy.deepcopy(self.net).requires_grad_(False)
        self.optimizer = torch.optim.AdamW(
            self.net.parameters(), asked.rate, betas=(0.9, 0.99), weight_decay=asked.decay
        )
        self.generator = torch.Generator(device).manual_seed(asked.seed)
        self.task = Task(asked)

    @classmethod
    def begun(cls, settings: TrainSettings, crops: Crops) -> Self:
        """A run at step 0, its network made from the seed, or from the weights that it starts from.

        Raises:
            ValueError: those weights are of another network.
        """
        torch.manual_seed(settings.seed)
        net = JDD(settings.cfa, width=settings.width, blocks=settings.blocks, has_bias=settings.biased)
        if settings.start is not None:
            begin = zoo.named(settings.start)
            _take_over(net, begin)
        return cls(settings, crops, net)

    def advance(self) -> Tensor:
        """One step; its loss, on the device."""
        asked = self.settings
        for group in self.optimizer.param_groups:
            group["lr"] = rate(asked, self.step)
        self._mine()
        crops = self.crops.draw(asked.batch, self.generator, self.weights)
        batch = self.task.batch(crops, self.generator)
        with self._precision():
            output = self.net(batch.mosaic, batch.sigma)
        loss = self.task.loss(output, batch)
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.net.parameters(), asked.clip)
        self.optimizer.step()
        self.step += 1
        share = max(1 - asked.average, 1 / (self.step + 1))  # a plain mean, while there is less to average
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.net.parameters()), share)
        return loss.detach()

    def state(self) -> checkpoint.State:
        """Everything that the steps to come depend on."""
        return {
            "settings": self.settings.model_dump_json(),
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state().cpu(),
            "weights": self.weights,
        }

    def restore(self, state: checkpoint.State) -> None:
        """Go on from a state.

        Raises:
            ValueError: it is of a run with other settings.
        """
        theirs = TrainSettings(**json.loads(state["settings"]))
        if theirs != self.settings:
            mine = self.settings.model_dump()
            other = [name for name, value in theirs.model_dump().items() if value != mine[name]]
            raise ValueError(
                f"the checkpoint is of a run with another {', '.join(other)}; take another folder, or its settings"
            )
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"].cpu())
        self.weights, self.step = state["weights"], state["step"]

    def _mine(self) -> None:
        every = self.settings.mining_every
        if every and self.step and self.step % every == 0:
            with self._precision():
                self.weights = mining.weights(
                    self.average, self.crops, self.settings.cfa, power=self.settings.mining_power
                ).clone()

    def _precision(self) -> torch.autocast:
        device = self.crops.pixels.device.type
        return torch.autocast(device, torch.bfloat16, enabled=self.settings.precision == "bf16")


def weights(run: Run) -> zoo.Weights:
    """What a run gives: the running mean of its network, and the noise that it has seen."""
    net, asked = run.average, run.settings
    tensors = {name: one.detach().cpu().numpy() for name, one in net.state_dict().items()}
    return zoo.Weights(asked.cfa, asked.width, asked.blocks, asked.biased, _most_noise(run), tensors)


def _take_over(net: JDD, begin: zoo.Weights) -> None:
    """Weights of the same trunk; of another CFA all but the layers that see it."""
    mine = net.state_dict()
    theirs = {name: torch.from_numpy(one) for name, one in begin.tensors.items()}
    fits = {name: one for name, one in theirs.items() if name in mine and mine[name].shape == one.shape}
    if not any(name.startswith("blocks") for name in fits):
        raise ValueError(
            f"the weights to start from are {begin.width} wide and {begin.blocks} blocks deep; take the same here"
        )
    net.load_state_dict(mine | fits)


def _most_noise(run: Run) -> float:
    """What 99 in 100 samples stay below: the mean deviation of their noise."""
    generator = torch.Generator(run.crops.pixels.device).manual_seed(0)
    seen = []
    for _ in range(16):
        batch = run.task.batch(run.crops.draw(64, generator), generator)
        seen.append(batch.sigma.mean((1, 2, 3)))
    return float(torch.cat(seen).quantile(0.99))


def rate(settings: TrainSettings, step: int) -> float:
    """The learning rate of a step: up in a line, down in a cosine."""
    rising = min(1.0, (step + 1) / max(settings.warmup, 1))
    falling = 0.5 * (1 + math.cos(math.pi * min(1.0, step / settings.steps)))
    return settings.rate * rising * (falling + _LAST_RATE)


def train(
    run: Run,
    folder: Path,
    *,
    say: Callable[[dict[str, Any]], None] = lambda _: None,
    stop_at: int | None = None,
) -> None:
    """Train to the end, from the latest checkpoint in `folder` if there is one.

    Args:
        run: as at step 0.
        folder: for checkpoints and the log; made if it is not there.
        say: gets each line of the log: step, loss, rate, crops a second.
        stop_at: a step at which to stop early, with a checkpoint.

    Raises:
        Diverged: the loss is not a number; the checkpoints before are kept.
        ValueError: the folder holds a run with other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = checkpoint.latest(folder, device=run.crops.pixels.device)
    if state is not None:
        run.restore(state)
    _cut_log(folder, run.step)
    asked = run.settings
    end = min(asked.steps, stop_at or asked.steps)
    since, total = time.monotonic(), torch.zeros((), device=run.crops.pixels.device)
    while run.step < end:
        total += run.advance()
        if run.step % asked.log_every == 0 or run.step == end:
            loss = float(total) / ((run.step - 1) % asked.log_every + 1)
            if not math.isfinite(loss):
                raise Diverged(
                    f"the loss is {loss} at step {run.step}; a smaller rate than {asked.rate} may help"
                )
            took = time.monotonic() - since
            line = {
                "step": run.step,
                "loss": loss,
                "rate": rate(asked, run.step),
                "crops_per_s": asked.batch * ((run.step - 1) % asked.log_every + 1) / took,
            }
            with (folder / _LOG).open("a", encoding="utf-8") as log:
                log.write(json.dumps(line) + os.linesep)
            say(line)
            since = time.monotonic()
            total.zero_()
        if run.step % asked.save_every == 0 or run.step == end:
            checkpoint.save(folder, run.step, run.state())


def _cut_log(folder: Path, step: int) -> None:
    """Lines after the checkpoint are of steps that will be done again."""
    path = folder / _LOG
    if path.exists():
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
        path.write_text("".join(kept), encoding="utf-8")
