"""The released U-Net of "Learning to see in the dark", stated once more: plain sums over tensors by the ports' names.

From network() of train_Sony.py and train_Fuji.py, github.com/cchen156/Learning-to-See-in-the-Dark.
"""

import re

import torch
from torch import Tensor
from torch.nn import functional

State = dict[str, Tensor]


def random_state(
    *, planes: int, has_bias: bool, width: int = 32, up: str = "up", last: str = "conv10"
) -> State:
    """Seeded tensors by a port's names, that keep a picture's contrast through all layers."""
    generator = torch.Generator().manual_seed(3)

    def normal(*sides: int, deviation: float) -> Tensor:
        return deviation * torch.randn(*sides, generator=generator, dtype=torch.float64)

    state: State = {}
    sees = {1: planes} | {n: width << n - 2 for n in range(2, 6)} | {n: width << 10 - n for n in range(6, 10)}
    for n in range(1, 10):
        out = width << (n - 1 if n < 6 else 9 - n)
        if n > 5:
            state[f"{up}{n}.weight"] = normal(2 * out, out, 2, 2, deviation=out**-0.5)
            if has_bias:
                state[f"{up}{n}.bias"] = normal(out, deviation=0.2)
        for k, inner in ((1, sees[n]), (2, out)):
            state[f"conv{n}_{k}.weight"] = normal(out, inner, 3, 3, deviation=(2 / 9 / inner) ** 0.5)
            state[f"conv{n}_{k}.bias"] = normal(out, deviation=0.2)
    state[f"{last}.weight"] = normal(3 * planes, width, 1, 1, deviation=width**-0.5)
    state[f"{last}.bias"] = normal(3 * planes, deviation=0.2)
    return state


def state_of(port: State) -> State:
    """The same tensors by our names, without the way that deepisp/networks/convert.py takes."""
    ours: State = {}
    for name, one in port.items():
        layer, kind = name.split(".")
        if layer == "conv10":
            ours[f"tail.{kind}"] = one
            continue
        stage, place = [*map(int, re.findall(r"\d", layer)), 0][:2]
        first = "larger" if layer.startswith("up") else "down" if stage < 6 else "up"
        at = stage - 1 if stage < 6 else stage - 6
        ours[f"{first}.{at}.{kind}" if first == "larger" else f"{first}.{at}.{2 * place - 2}.{kind}"] = one
    return ours


def published(state: State, planes: Tensor, *, is_torch: bool = False) -> Tensor:
    """RGB (B, 3, n H, n W) of planes (B, n^2, H, W); `is_torch`: the last layer's order is pixel_shuffle's."""
    up = "upv" if "upv6.weight" in state else "up"
    last = "conv10_1" if "conv10_1.weight" in state else "conv10"

    def stage(x: Tensor, n: int) -> Tensor:
        for k in (1, 2):
            y = functional.conv2d(x, state[f"conv{n}_{k}.weight"], padding="same")
            y = y + state[f"conv{n}_{k}.bias"][:, None, None]
            x = torch.maximum(y, y / 5)
        return x

    def larger(x: Tensor, there: Tensor, n: int) -> Tensor:
        high, wide = x.shape[-2:]
        y = torch.einsum("bchw,cdij->bdhiwj", x, state[f"{up}{n}.weight"]).reshape(
            len(x), -1, 2 * high, 2 * wide
        )
        if f"{up}{n}.bias" in state:
            y = y + state[f"{up}{n}.bias"][:, None, None]
        return torch.cat([y[..., : there.shape[-2], : there.shape[-1]], there], 1)

    one = stage(planes, 1)
    two = stage(_halved(one), 2)
    three = stage(_halved(two), 3)
    four = stage(_halved(three), 4)
    x = stage(_halved(four), 5)
    for n, there in ((6, four), (7, three), (8, two), (9, one)):
        x = stage(larger(x, there, n), n)
    x = torch.einsum("bchw,dcij->bdhw", x, state[f"{last}.weight"]) + state[f"{last}.bias"][:, None, None]
    batch, channels, high, wide = x.shape
    n = round((channels / 3) ** 0.5)
    if is_torch:
        return torch.einsum("bcijhw->bchiwj", x.reshape(batch, 3, n, n, high, wide)).reshape(
            batch, 3, n * high, n * wide
        )
    return torch.einsum("bijchw->bchiwj", x.reshape(batch, n, n, 3, high, wide)).reshape(
        batch, 3, n * high, n * wide
    )


def _halved(x: Tensor) -> Tensor:
    """The largest of each 2 x 2; beyond the last row and column there is nothing, as TensorFlow's SAME has it."""
    high, wide = x.shape[-2:]
    x = functional.pad(x, (0, wide % 2, 0, high % 2), value=-torch.inf)
    return x.reshape(*x.shape[:2], x.shape[-2] // 2, 2, x.shape[-1] // 2, 2).amax((3, 5))
