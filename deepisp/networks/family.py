"""The networks by name: deepisp's own and the published ones that it is measured against; and what each costs."""

import inspect
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from deepisp.networks import sizes, zoo
from deepisp.networks.autoencoder import Autoencoder
from deepisp.networks.chen import Chen
from deepisp.networks.dark import Dark
from deepisp.networks.dncnn import DnCNN
from deepisp.networks.gharbi import Gharbi
from deepisp.networks.jdd import JDD
from deepisp.networks.kpn import KPN
from deepisp.networks.srresnet import SRResNet

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "jdd": JDD,
    "gharbi": Gharbi,
    "dncnn": DnCNN,
    "autoencoder": Autoencoder,
    "srresnet": SRResNet,
    "kpn": KPN,
    "chen": Chen,
    "dark": Dark,
}


class Cost(NamedTuple):
    """What a network costs.

    Attributes:
        parameters: numbers that are learned.
        kmac: thousands of multiplications a photosite, of layers and matrix products, those by the zeros of the
            padding too.
    """

    parameters: int
    kmac: float


def build(name: str, cfa: str = "RGGB", **settings: int) -> nn.Module:
    """An untrained network `forward(mosaic, sigma) -> RGB`.

    Args:
        name: of `NETWORKS`.
        cfa: the cell at mosaic[..., 0, 0].
        settings: of that network.

    Raises:
        ValueError: no such name or setting, or a CFA that the network does not take.
    """
    if name not in NETWORKS:
        raise ValueError(f"no network {name!r}; known: {', '.join(NETWORKS)}")
    known = [one for one in inspect.signature(NETWORKS[name]).parameters if one != "cfa"]
    if unknown := settings.keys() - set(known):
        raise ValueError(f"{name} has no setting {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    return NETWORKS[name](cfa, **settings)


def of(weights: zoo.Weights) -> nn.Module:
    """The trained network of these weights, of any kind, ready to run, without gradients.

    Raises:
        ValueError: the weights do not fit the network that they name.
    """
    if weights.network == "jdd":
        return JDD.of(weights)
    # Of the published ones only chen comes with offsets in some layers or without; none comes in several sizes.
    own = {"width": weights.width, "blocks": weights.blocks}
    settings = own if weights.network in sizes.OWN else {"has_bias": True} if weights.has_bias else {}
    net = build(weights.network, weights.cfa, **settings)
    try:
        net.load_state_dict({name: torch.from_numpy(one) for name, one in weights.tensors.items()})
    except RuntimeError as error:
        raise ValueError(
            f"weights of no {weights.network} network: {' '.join(str(error).split())}"
        ) from error
    return net.eval().requires_grad_(False)


def cost(net: nn.Module) -> Cost:
    """Counted while one small mosaic passes through it."""
    unit = int(getattr(net, "unit", 2))
    side = unit * -(-32 // unit)
    mosaic = torch.zeros(1, 1, side, side).to(next(net.parameters()))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(mosaic, mosaic)
    learned = sum(one.numel() for one in net.parameters())
    return Cost(learned, counter.get_total_flops() / 2 / side**2 / 1000)
