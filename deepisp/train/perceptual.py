"""Perceptual loss: pictures are compared by what a network for recognition makes of them. Off unless a caller asks.

    output ─► (x − mean) / std ─► features ─► layer 1, layer 2, … ─┐
    target ─► (x − mean) / std ─► features ─► layer 1, layer 2, … ─┴─► weighted mean squared differences

No such network is shipped: the trained ones carry licenses of their own. The caller builds one in Python, for example
torchvision's VGG-16 cut after relu2_2, and gives it here. Nothing here loads a file: those that hold networks may hold
pickles, torch.export's too (its load falls back to weights_only=False: torch 2.13, _export/serde/serialize.py).

Source: J. Johnson et al., "Perceptual losses for real-time style transfer and super-resolution", ECCV 2016, section 3.2
(feature reconstruction loss). Such a loss paints texture that was not measured; it is for display pictures, not data.
"""

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

Features = Tensor | Sequence[Tensor] | Mapping[str, Tensor]


class Perceptual:
    """A loss `(output, target) -> scalar` of pictures (B, C, H, W), as those of losses.py: sum or mix it with one."""

    def __init__(
        self,
        features: Callable[[Tensor], Features],
        *,
        weights: Sequence[float] = (1.0,),
        mean: Sequence[float] = (0.0,),
        std: Sequence[float] = (1.0,),
    ) -> None:
        """A loss over a network.

        Args:
            features: pictures to one layer's features or several layers'; a module must be in evaluation mode, on
                the pictures' device. It is never changed: the loss passes slopes through it to the output only.
            weights: of the layers, in their order.
            mean: of the pictures that it was trained on, per channel or one for all.
            std: their deviation; each picture is taken less the mean, over the deviation.

        Raises:
            ValueError: a module that still drops or normalizes as in training.
        """
        if isinstance(features, nn.Module) and (name := _training(features)):
            raise ValueError(f"{name} of the feature network is in training mode; call its eval() first")
        self.features, self.weights = features, tuple(weights)
        self.mean, self.std = mean, std

    @classmethod
    def named(cls, name: str, *, device: torch.device | str = "cpu") -> "Perceptual":
        """A loss over a network of the caller's own code.

        Args:
            name: MODULE:NAME, which is a feature network, or a `Perceptual` with weights and means of its own. The
                module is imported, from the current folder too: as good as running it.
            device: that trains; a module goes there.

        Raises:
            ValueError: there is no such thing.
        """
        module, _, attribute = name.partition(":")
        before = [*sys.path]
        sys.path.append(os.getcwd())  # last: what lies here hides nothing that is installed
        try:
            found = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError, ValueError) as error:
            raise ValueError(f"no features {name!r}: {error}; write MODULE:NAME") from error
        finally:
            sys.path[:] = before
        loss = found if isinstance(found, cls) else cls(found)
        if isinstance(loss.features, nn.Module):
            loss.features.to(device)
        return loss

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """The weighted sum, over layers, of the mean squared difference.

        Raises:
            ValueError: another number of layers than of weights.
        """
        with _frozen(self.features):
            seen = self._layers(output)
            with torch.no_grad():
                asked = self._layers(target)
        differences = [(a - b).square().mean() for a, b in zip(seen, asked, strict=True)]
        return torch.stack([w * one for w, one in zip(self.weights, differences, strict=True)]).sum()

    def _layers(self, pictures: Tensor) -> list[Tensor]:
        mean, std = (pictures.new_tensor(one)[:, None, None] for one in (self.mean, self.std))
        found = self.features((pictures - mean) / std)
        several = found.values() if isinstance(found, Mapping) else found
        layers = [several] if isinstance(several, Tensor) else list(several)
        if len(layers) != len(self.weights):
            raise ValueError(
                f"the feature network gives {len(layers)} layers, the weights are {len(self.weights)}; give one each"
            )
        return layers


def _training(features: nn.Module) -> str | None:
    """The first layer that does otherwise in training."""
    # Norms with running means, and dropouts: torch has no public name for the families.
    kinds = (nn.modules.batchnorm._NormBase, nn.modules.dropout._DropoutNd)
    found = (name for name, one in features.named_modules() if isinstance(one, kinds) and one.training)
    return next(found, None)


@contextmanager
def _frozen(features: object) -> Iterator[None]:
    """The weights want no slopes meanwhile."""
    weights = list(features.parameters()) if isinstance(features, nn.Module) else []
    wanted = [one.requires_grad for one in weights]
    try:
        for one in weights:
            one.requires_grad_(False)
        yield
    finally:
        for one, was in zip(weights, wanted, strict=True):
            one.requires_grad_(was)
