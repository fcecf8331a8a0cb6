"""Weights of published networks, from files of others to ours: Chen's U-Net as its PyTorch ports save it.

    the authors' weights in PyTorch [1]    trained anew [2]              here
    conv1_1 … conv5_2                      conv1_1 … conv5_2             down.0.0 … down.4.2
    up6 … up9, without offsets             upv6 … upv9, with offsets     larger.0 … larger.3
    conv6_1 … conv9_2                      conv6_1 … conv9_2             up.0.0 … up.3.2
    conv10, in TensorFlow's order          conv10_1, in torch's order    tail

The last layer gives three numbers to each place of a block: TensorFlow's depth_to_space, and so the authors, have the
colors of a place together, torch's pixel_shuffle has the places of a color together. Nothing in a file says which it
is but the name that the port gives the layer.
What all names begin with (module., model.) does not count. A file is read without running code that it may hold;
so [1]'s own file of the authors' weights, a bare pickle, must be loaded there and saved as model.state_dict().
[1] github.com/cydonia999/Learning_to_See_in_the_Dark_PyTorch, models/lsid.py at 719da35.
[2] github.com/lavi135246/pytorch-Learning-to-See-in-the-Dark, model.py at 9988621; and its many forks.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from deepisp.networks import zoo
from deepisp.networks.chen import Chen

Order = Literal["tensorflow", "torch"]

_MOST = 1 << 28  # bytes; the network with its optimizer's state has a third
_INSIDE = ("model_state_dict", "state_dict", "model", "net")  # where checkpoints keep what is asked for
_LAST: dict[str, Order] = {"conv10": "tensorflow", "conv10_1": "torch"}


def read(path: Path) -> dict[str, object]:
    """What a file of torch.save says of a network: tensors by name, on the CPU, not yet checked.

    Raises:
        ValueError: it is no file of torch.save, or holds more than numbers.
        OSError: it cannot be read.
    """
    if path.stat().st_size > _MOST:
        raise ValueError(f"{path}: {path.stat().st_size} bytes are no network that is known here")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # the unpickler raises what it likes
        raise ValueError(
            f"{path}: no file of torch.save, or it holds more than numbers, which might run code; save "
            "model.state_dict() alone, with the port that wrote it"
        ) from error
    for name in _INSIDE:
        if isinstance(found, Mapping) and isinstance(found.get(name), Mapping):
            found = found[name]
    if not isinstance(found, Mapping) or not found or not all(isinstance(name, str) for name in found):
        raise ValueError(f"{path}: no tensors by name; save model.state_dict()")
    return dict(found)


def chen(state: Mapping[str, object], cfa: str = "RGGB", order: Order | None = None) -> zoo.Weights:
    """Weights of Chen's U-Net.

    Args:
        state: tensors by a port's names.
        cfa: the cell that it was trained on.
        order: of the last layer's channels; None for that of the port whose name the layer has.

    Raises:
        ValueError: a tensor is missing, is too many, has another shape or is not finite; or a CFA that the network
            does not take. Names the first.
    """
    here = _named_here(state)
    has_bias = "larger.0.bias" in here
    with torch.device("meta"):
        wanted = Chen(cfa, has_bias=has_bias).state_dict()
    found: dict[str, Tensor] = {}
    for name, one in wanted.items():
        theirs, tensor = here.pop(name, ("", None))
        if tensor is None:
            raise ValueError(f"no {_theirs(name)} among its tensors; this is no port of Chen's U-Net")
        found[name] = _checked(theirs, tensor, one.shape, cfa)
    if here:
        raise ValueError(f"{next(iter(here.values()))[0]}: no tensor of Chen's U-Net")
    last = next(part for part in _LAST if any(name.endswith(f"{part}.weight") for name in state))
    if (order or _LAST[last]) == "torch":
        for name in ("tail.weight", "tail.bias"):
            found[name] = torch.unflatten(found[name], 0, (3, -1)).transpose(0, 1).flatten(0, 1)
    tensors = {name: one.contiguous().numpy() for name, one in found.items()}
    # It is told no noise, and its sizes are those of the class.
    return zoo.Weights(cfa, 0, 0, has_bias, 0.0, tensors, "chen", "pictures")


def _named_here(state: Mapping[str, object]) -> dict[str, tuple[str, object]]:
    """By our names: the port's, and the tensor. What is not known stands under its own."""
    before = next((name.partition("conv1_1.")[0] for name in state if "conv1_1." in name), "")
    here: dict[str, tuple[str, object]] = {}
    for name, one in state.items():
        other, _ = here.setdefault(_ours(name.removeprefix(before)), (name, one))
        if other != name:
            raise ValueError(f"{name}: the place of {other}; this is no port of Chen's U-Net")
    return here


def _ours(name: str) -> str:
    """Our name of a port's tensor; its own, if it is no layer's.

    >>> _ours("conv1_2.bias"), _ours("conv6_1.weight"), _ours("upv7.weight"), _ours("conv10_1.bias"), _ours("bn1.bias")
    ('down.0.2.bias', 'up.0.0.weight', 'larger.1.weight', 'tail.bias', 'bn1.bias')
    """
    layer, _, kind = name.rpartition(".")
    if layer in _LAST:
        return f"tail.{kind}"
    if match := re.fullmatch(r"upv?([6-9])", layer):
        return f"larger.{int(match[1]) - 6}.{kind}"
    if match := re.fullmatch(r"conv([1-9])_([12])", layer):
        stage, place = int(match[1]), 2 * (int(match[2]) - 1)
        return f"down.{stage - 1}.{place}.{kind}" if stage < 6 else f"up.{stage - 6}.{place}.{kind}"
    return name


def _theirs(name: str) -> str:
    """The twin of `_ours`, in words of the first port.

    >>> _theirs("down.0.2.bias"), _theirs("up.3.0.weight"), _theirs("larger.1.weight"), _theirs("tail.bias")
    ('conv1_2.bias', 'conv9_1.weight', 'up7.weight', 'conv10.bias')
    """
    part, *at, kind = name.split(".")
    if part == "tail":
        return f"conv10.{kind}"
    stage = int(at[0]) + (1 if part == "down" else 6)
    return f"up{stage}.{kind}" if part == "larger" else f"conv{stage}_{int(at[1]) // 2 + 1}.{kind}"


def _checked(name: str, one: object, shape: torch.Size, cfa: str) -> Tensor:
    if not isinstance(one, Tensor):
        raise ValueError(f"{name}: {type(one).__name__}, where a tensor belongs")
    if one.shape != shape:
        found, wanted = (" x ".join(map(str, sides)) or "one number" for sides in (one.shape, shape))
        raise ValueError(f"{name}: {found}, where Chen's U-Net for {cfa} has {wanted}")
    numbers = one.detach().float()
    if not bool(numbers.isfinite().all()):
        raise ValueError(f"{name}: weights that are no numbers")
    return numbers
