"""What the networks of others share here: a Bayer mosaic as their papers take it, and He's beginning.

R G R G        sparse: R . R .   . G . G   . . . .        bilinear: the mean of the nearest
G B G B                . . . .   G . G .   . B . B                  samples of each color
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from deepisp.networks import planes

_BAYER = ("RGGB", "GRBG", "GBRG", "BGGR")
# Weights of the samples around a photosite: of red or blue, whose samples stand on every second row and column, and
# of green, which has a sample at each side. Divided by the sum of those that there are.
_SQUARE = ((1.0, 2.0, 1.0), (2.0, 4.0, 2.0), (1.0, 2.0, 1.0))
_CROSS = ((0.0, 1.0, 0.0), (1.0, 4.0, 1.0), (0.0, 1.0, 0.0))


def masks(cfa: str) -> Tensor:
    """Where each color stands in a Bayer cell, (3, 2, 2) of 0 and 1.

    Raises:
        ValueError: another cell; the published networks were made for Bayer's.
    """
    if cfa not in _BAYER:
        raise ValueError(
            f"this network takes a Bayer CFA, {', '.join(_BAYER)}, got {cfa!r}; JDD takes others too"
        )
    return planes.masks(cfa)


def sparse(mosaic: Tensor, masks: Tensor) -> Tensor:
    """(B, 3, H, W): each color at its own photosites, 0 elsewhere.

    >>> sparse(torch.tensor([[[[1., 2.], [3., 4.]]]]), planes.masks("RGGB")).tolist()[0][1]
    [[0.0, 2.0], [3.0, 0.0]]
    """
    return mosaic * planes.tiled(masks, mosaic.shape[-2:])


def bilinear(mosaic: Tensor, masks: Tensor) -> Tensor:
    """(B, 3, H, W): what was measured at each photosite, and the mean of the nearest samples of the other colors.

    >>> bilinear(torch.tensor([[[[1., 2.], [3., 4.]]]]), planes.masks("RGGB")).tolist()[0][1]
    [[2.5, 2.0], [3.0, 2.5]]
    """
    weights = mosaic.new_tensor((_SQUARE, _CROSS, _SQUARE))[:, None]
    there = planes.tiled(masks, mosaic.shape[-2:]).to(mosaic)[None]
    # bf16 would round what was measured to 8 bits.
    with torch.autocast(mosaic.device.type, enabled=False):
        total = functional.conv2d(mosaic * there, weights, padding=1, groups=3)
        return total / functional.conv2d(there, weights, padding=1, groups=3)


def told(mosaic: Tensor, sigma: Tensor) -> Tensor:
    """(B, 8, H/2, W/2): the planes of a mosaic, and of the deviation of its noise, of (B, 1, H, W) or (B, 1, 1, 1)."""
    return torch.cat([planes.pack(mosaic), planes.pack(sigma.expand_as(mosaic))], 1)


def filled(x: Tensor, unit: int) -> Tensor:
    """`x` (B, C, H, W) with its last row and column repeated until both sides are multiples of `unit`."""
    height, width = x.shape[-2:]
    return functional.pad(x, (0, -width % unit, 0, -height % unit), mode="replicate")


@torch.no_grad()
def begin(net: nn.Module) -> None:
    """Normal weights of variance 2 / (inputs of the layer) and no offsets, which keep the deviation through ReLUs.

    Source: K. He et al., "Delving deep into rectifiers", ICCV 2015, section 2.2.
    """
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                layer.bias.zero_()
