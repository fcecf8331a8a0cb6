"""How weights take a step: AdamW, or Muon for the filters of convolutions.

AdamW scales each weight by itself. Muon takes the filters of a layer as one matrix, a row for each (of layers that make
a picture larger, for each input), and steps in all of its directions alike: rare patterns are learned as fast as
frequent ones. Its step is scaled to the size of AdamW's, so one rate serves both.

Sources: I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", ICLR 2019; K. Jordan et al., "Muon: an
optimizer for hidden layers in neural networks", 2024; J. Liu et al., "Muon is scalable for LLM training", 2025 (the
scale).
"""

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from deepisp.train.settings import TrainSettings

_MOMENTA = (0.9, 0.99)  # of AdamW


class Optimizer(Protocol):
    """What a run asks of one."""

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """What shares a rate, "lr"."""
        ...

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the slopes."""
        ...

    def step(self) -> Any:
        """Change the weights."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What the steps to come depend on."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there."""
        ...


def check(settings: TrainSettings) -> None:
    """Nothing, if the settings ask for an optimizer that is here.

    Raises:
        ValueError: Muon is asked for, and this torch is older than 2.9.
    """
    if settings.optimizer == "muon" and not hasattr(torch.optim, "Muon"):
        raise ValueError(f"muon needs torch 2.9 or later, this is {torch.__version__}; take adamw")


def of(net: nn.Module, settings: TrainSettings) -> Optimizer:
    """The optimizer that the settings ask for.

    Args:
        net: on its device, in channels_last.
        settings: of the run.

    Raises:
        ValueError: as `check`.
    """
    check(settings)
    if settings.optimizer == "muon":
        return _Muon(net, settings)
    return _adamw(list(net.parameters()), settings)


def _adamw(weights: list[nn.Parameter], settings: TrainSettings) -> torch.optim.AdamW:
    return torch.optim.AdamW(weights, settings.rate, betas=_MOMENTA, weight_decay=settings.decay)


class _Muon:
    """Muon for filters that are learned from nothing, AdamW for the rest.

    A linear filter that begins as a good one (`guessed`) is left worse by steps in all directions: 0.1 dB. torch's Muon
    wants matrices: each is a second view of a layer's filters, which changes with them.
    """

    def __init__(self, net: nn.Module, settings: TrainSettings) -> None:
        guessed: tuple[str, ...] = getattr(net, "guessed", ())
        named = dict(net.named_parameters())
        assert named.keys() >= set(guessed), "no such weights"
        self._filters = [one for name, one in named.items() if one.ndim == 4 and name not in guessed]
        self._matrices = [nn.Parameter(_matrix(one.detach())) for one in self._filters]
        pairs = zip(self._filters, self._matrices, strict=True)
        assert all(one.data_ptr() == other.data_ptr() for one, other in pairs), "not in channels_last"
        self._parts: list[torch.optim.Optimizer] = [
            torch.optim.Muon(
                self._matrices,
                settings.rate,
                weight_decay=settings.decay,
                adjust_lr_fn="match_rms_adamw",
            )
        ]
        if rest := [one for name, one in named.items() if one.ndim != 4 or name in guessed]:
            self._parts.append(_adamw(rest, settings))

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return [group for part in self._parts for group in part.param_groups]

    def zero_grad(self, set_to_none: bool = True) -> None:
        for one in (*self._filters, *self._matrices):
            one.grad = None
        for part in self._parts:
            part.zero_grad(set_to_none)

    def step(self) -> None:
        for filters, matrix in zip(self._filters, self._matrices, strict=True):
            matrix.grad = None if filters.grad is None else _matrix(filters.grad)
        for part in self._parts:
            part.step()

    def state_dict(self) -> dict[str, Any]:
        return {str(number): part.state_dict() for number, part in enumerate(self._parts)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for number, part in enumerate(self._parts):
            part.load_state_dict(state_dict[str(number)])


def _matrix(filters: Tensor) -> Tensor:
    """(filters, rows x columns x what they see): in channels_last a view."""
    return filters.permute(0, 2, 3, 1).reshape(len(filters), -1)
