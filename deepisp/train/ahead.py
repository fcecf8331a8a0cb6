"""Batches made while a network learns from the ones before, the same that would be made when they are asked for.

A batch is what it is by the state of a generator. The next one is made from a copy of it; the generator itself moves on
when that batch is taken. So a state that is saved in between says nothing of what was made ahead, and is gone on from
exactly; where another is restored, what was made ahead no longer fits, and is made anew.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

Made = TypeVar("Made")


@dataclass(frozen=True)
class _Next(Generic[Made]):
    """A batch in the making; its result is the batch, and the generator's state after it."""

    count: int
    state: Tensor
    result: "Future[tuple[Made, Tensor]]"


class Ahead(Generic[Made]):
    """Makes one batch ahead, in a thread of its own; all batches are made there, one at a time."""

    def __init__(self, make: Callable[[int, torch.Generator], Made]) -> None:
        """`make` gives so many samples, by the generator alone."""
        self._make = make
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self._next: _Next[Made] | None = None

    def take(self, count: int, generator: torch.Generator) -> Made:
        """What `make` gives; the generator moves on as it would.

        Raises:
            Exception: what `make` raises.
        """
        found = self._next
        if found is None or found.count != count or not torch.equal(found.state, generator.get_state()):
            found = self._begun(count, generator)
        self._next = None
        made, after = found.result.result()
        generator.set_state(after)
        self._next = self._begun(count, generator)
        return made

    def _begun(self, count: int, generator: torch.Generator) -> _Next[Made]:
        state = generator.get_state()
        return _Next(count, state, self._thread.submit(self._run, count, state, generator.device))

    def _run(self, count: int, state: Tensor, device: torch.device) -> tuple[Made, Tensor]:
        own = torch.Generator(device)
        own.set_state(state)
        return self._make(count, own), own.get_state()
