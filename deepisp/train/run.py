"""The state of a training run, and one step of it. A run of one seed on one CPU thread is the same run every time.

task ─► noisy mosaics, sigma ─► net ─► loss ─► slopes, their mean over all processes ─► optimizer ─► running mean
"""

import copy
import json
import math
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deepisp.networks import family, zoo
from deepisp.train import checkpoint, optimizers
from deepisp.train.critic import Critic
from deepisp.train.settings import TrainSettings
from deepisp.train.spread import Spread

_LAST_RATE = 0.003  # of the largest, at the end of the cosine: the trial runs'
_APART = 1_000_003  # between the seeds of two processes


class Task(Protocol):
    """Where samples come from, and what makes an output good.

    Attributes:
        weights: by which hard places are drawn more often; None for all alike.
    """

    weights: Tensor | None

    @property
    def device(self) -> torch.device:
        """That samples are made on."""
        ...

    def batch(self, count: int, generator: torch.Generator) -> Any:
        """So many samples."""
        ...

    def loss(self, output: Tensor, batch: Any) -> Tensor:
        """A number to make small."""
        ...

    def shown(self, output: Tensor, batch: Any) -> tuple[Tensor, Tensor]:
        """Output and truth as a display would show them.

        Raises:
            ValueError: there is no truth.
        """
        ...

    def digest(self) -> str:
        """What tells the data that are learned from others."""
        ...

    def mine(self, net: nn.Module) -> None:
        """Find out which places the network gets wrong, for `weights`."""
        ...

    def noise_most(self) -> float:
        """The deviation that nearly all samples stay below."""
        ...

    def samples(self, net: nn.Module) -> NDArray[np.uint8]:
        """A sheet (H, W, 3) of what a network makes of some samples, the same at each call."""
        ...


@dataclass
class Run:
    """A network in training; `advance` is one step.

    Attributes:
        settings: what decides the result.
        task: what it learns.
        net: the network in training.
        spread: the processes that share a batch.
        average: its running mean, which is what a run gives.
        step: steps done.
    """

    settings: TrainSettings
    task: Task
    net: nn.Module
    spread: Spread = field(default_factory=Spread)
    average: nn.Module = field(init=False)
    step: int = 0

    def __post_init__(self) -> None:
        """The optimizer and the generator, as at step 0."""
        asked, device = self.settings, self.task.device
        if asked.batch % self.spread.count:
            raise ValueError(
                f"a batch of {asked.batch} does not spread evenly over {self.spread.count} processes"
            )
        self.net.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs
        self.average = copy.deepcopy(self.net).requires_grad_(False)
        self.optimizer = optimizers.of(self.net, asked)
        self.generator = torch.Generator(device).manual_seed(asked.seed + self.spread.rank * _APART)
        self.critic = Critic(asked.seed, device) if asked.adversarial else None

    @classmethod
    def begun(cls, settings: TrainSettings, task: Task, spread: Spread | None = None) -> Self:
        """A run at step 0, its network made from the seed, or from the weights that it starts from.

        Raises:
            ValueError: those weights are of another network.
        """
        torch.manual_seed(settings.seed)
        net = family.build(settings.network, settings.cfa, **settings.size)
        if settings.start is not None:
            _take_over(net, zoo.named(settings.start), settings.cfa)
        return cls(settings, task, net, spread or Spread())

    def advance(self) -> Tensor:
        """One step; its loss, on the device, the mean over the processes."""
        asked = self.settings
        for group in self.optimizer.param_groups:
            group["lr"] = rate(asked, self.step)
        if asked.mining_every and self.step and self.step % asked.mining_every == 0:
            with self._precision():
                self.task.mine(self.average)
        batch = self.task.batch(asked.batch // self.spread.count, self.generator)
        with self._precision():
            output = self.net(batch.mosaic, batch.sigma)
        output = output.float()  # losses are no place for bfloat16
        loss = self.task.loss(output, batch)
        total = loss
        if self.critic is not None:
            total = total + asked.adversarial * self.critic.loss(*self.task.shown(output, batch))
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(total)
        self.spread.mean_([one.grad for one in self.net.parameters() if one.grad is not None])
        nn.utils.clip_grad_norm_(self.net.parameters(), asked.clip)
        self.optimizer.step()
        if self.critic is not None:
            self.critic.learn(*self.task.shown(output.detach(), batch), spread=self.spread)
        self.step += 1
        self._follow()
        told = loss.detach()
        self.spread.mean_([told])
        return told

    def state(self) -> checkpoint.State:
        """Everything that the steps to come depend on; all processes must ask at once."""
        return {
            "settings": self.settings.model_dump_json(),
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generators": self.spread.gathered(self.generator.get_state().cpu()),
            "weights": self.task.weights,
            "data": self.task.digest(),
            "critic": self.critic and self.critic.state(),
        }

    def restore(self, state: checkpoint.State) -> None:
        """Go on from a state.

        Raises:
            ValueError: it is of a run with other settings, or of another number of processes.
        """
        theirs = TrainSettings(**json.loads(state["settings"]))
        if theirs != self.settings:
            mine = self.settings.model_dump()
            other = [name for name, value in theirs.model_dump().items() if value != mine[name]]
            raise ValueError(
                f"the checkpoint is of a run with another {', '.join(other)}; take another folder, or its settings"
            )
        if state["data"] != self.task.digest():
            raise ValueError("the checkpoint is of a run on other data; take another folder, or its data")
        generators = state["generators"]
        if len(generators) != self.spread.count:
            raise ValueError(
                f"the checkpoint is of {len(generators)} processes, here are {self.spread.count}; start as many"
            )
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(generators[self.spread.rank].cpu())
        if self.critic is not None:
            self.critic.restore(state["critic"])
        weights, self.step = state["weights"], state["step"]
        self.task.weights = None if weights is None else weights.to(self.task.device)
        steps = self.spread.gathered(self.step)
        if len(set(steps)) > 1:
            raise ValueError(
                f"the processes read checkpoints of steps {steps}; give -o on a disk that all see"
            )

    def weights(self) -> zoo.Weights:
        """What a run gives: the running mean of its network, and the noise that it has seen."""
        asked = self.settings
        tensors = {name: one.detach().cpu().numpy() for name, one in self.average.state_dict().items()}
        width, blocks = (asked.size.get(name, 0) for name in ("width", "blocks"))
        sizes = width, blocks, bool(asked.size.get("has_bias"))
        return zoo.Weights(asked.cfa, *sizes, self.task.noise_most(), tensors, asked.network, asked.truth)

    def _follow(self) -> None:
        """The running mean: a plain one, while there is less to average."""
        share = max(1 - self.settings.average, 1 / (self.step + 1))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.net.parameters()), share)

    def _precision(self) -> torch.autocast:
        return torch.autocast(
            self.task.device.type, torch.bfloat16, enabled=self.settings.precision == "bf16"
        )


def rate(settings: TrainSettings, step: int) -> float:
    """The learning rate of a step: up in a line, down in a cosine."""
    rising = min(1.0, (step + 1) / max(settings.warmup, 1))
    falling = 0.5 * (1 + math.cos(math.pi * min(1.0, step / settings.steps)))
    return settings.rate * rising * (falling + _LAST_RATE)


def _take_over(net: nn.Module, begin: zoo.Weights, cfa: str) -> None:
    """All weights of the same network; of another CFA, or another phase, all but those of the layers that see it."""
    mine = net.state_dict()
    theirs = {name: torch.from_numpy(one) for name, one in begin.tensors.items()}
    seeing = set() if begin.cfa == cfa else {"head.weight", "base.weight"}
    fits = {name: one for name, one in theirs.items() if name not in seeing and name in mine}
    if mine.keys() != theirs.keys() or any(mine[name].shape != one.shape for name, one in fits.items()):
        size = f", {begin.width} wide and {begin.blocks} blocks deep" if begin.network == "jdd" else ""
        bias = " with biases" if begin.has_bias else ""
        raise ValueError(
            f"the weights to start from are a {begin.network} network's{size}{bias}; take the same here"
        )
    net.load_state_dict(mine | fits)
