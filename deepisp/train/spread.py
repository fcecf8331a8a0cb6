"""The processes that share a training run: one, or as many as torchrun started, on one machine or on several.

    torchrun --nproc-per-node 4 -m deepisp train jdd --data … -o …

Each process makes its share of a batch and has all of the network; slopes are averaged, so all take the same step.
accelerate finds the devices and starts the communication (NCCL on GPUs, Gloo on CPUs). Alone it is not needed. All
read and the first writes checkpoints, so the folder of a run lies on a disk that all see.
"""

import os
from typing import Any

import torch
from torch import Tensor

from deepisp.picture.errors import MissingExtra


class Spread:
    """One process alone, the plain case.

    Attributes:
        rank: number of this process.
        count: of the processes.
    """

    rank: int = 0
    count: int = 1

    def mean_(self, tensors: list[Tensor]) -> None:
        """Make each tensor the mean of its twins in all processes, in place."""

    def gathered(self, one: Any) -> list[Any]:
        """The objects of all processes, in the order of their ranks."""
        return [one]

    def wait(self) -> None:
        """Until all processes are here."""

    def close(self) -> None:
        """The processes part."""


class Processes(Spread):
    """What torchrun started.

    Attributes:
        device: of this process.
    """

    def __init__(self, *, cpu: bool = False) -> None:
        """Join the others.

        Args:
            cpu: stay on the CPU though there are GPUs.
        """
        try:
            from accelerate import PartialState
        except ImportError as error:
            raise MissingExtra("several processes need accelerate", "pip install 'deepisp[train]'") from error
        self._state = PartialState(cpu=cpu)
        self.rank, self.count = self._state.process_index, self._state.num_processes
        self.device: torch.device = self._state.device

    def mean_(self, tensors: list[Tensor]) -> None:
        """Make each tensor the mean of its twins in all processes, in place; in one message."""
        from accelerate.utils import reduce

        flat = torch.cat([one.flatten() for one in tensors])
        mean = reduce(flat, "mean")
        for one, part in zip(tensors, mean.split([one.numel() for one in tensors]), strict=True):
            one.copy_(part.view_as(one))

    def gathered(self, one: Any) -> list[Any]:
        """The objects of all processes, in the order of their ranks."""
        from accelerate.utils import gather_object

        found: list[Any] = gather_object([one])
        return found

    def wait(self) -> None:
        """Until all processes are here."""
        self._state.wait_for_everyone()

    def close(self) -> None:
        """The processes part."""
        self._state.destroy_process_group()


def started(*, cpu: bool = False) -> Spread:
    """The processes of torchrun, or this one alone.

    Raises:
        MissingExtra: torchrun started several, and accelerate is not installed.
    """
    return Processes(cpu=cpu) if int(os.environ.get("WORLD_SIZE", "1")) > 1 else Spread()
