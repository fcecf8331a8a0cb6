"""The learned method on tensors: the same networks in torch, on any device.

On a GPU the trunk runs in bfloat16, channels last; on the CPU in float32, which is what learned.py is held to.
"""

from functools import lru_cache

import torch
from torch import Tensor

from deepisp.develop.demosaic import learned
from deepisp.networks import zoo
from deepisp.networks.jdd import JDD
from deepisp.sensor import cfa as cfa_cell


def shipped(name: str, device: str) -> JDD:
    """A network that comes with deepisp, or of a file, on a device, ready to run."""
    return _shipped(name, device, zoo.stamp(name))


@lru_cache(maxsize=4)
def _shipped(name: str, device: str, _: tuple[int, int]) -> JDD:
    placed = JDD.of(zoo.own(zoo.named(name), name)).to(device)
    return placed.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]  # torch's stubs


def margin(net: JDD) -> int:
    """Photosites that `demosaic` may need on each side, as learned.margin."""
    return net.halo + 2 * learned.cells(net.cfa)


def demosaic(net: JDD, mosaic: Tensor, sigma: Tensor, cfa: str, *, strength: float = 1.0) -> Tensor:
    """RGB (3, H, W) of a mosaic with a margin.

    Args:
        net: of this kind of sensor.
        mosaic: (H + 2 margin, W + 2 margin) balanced signal.
        sigma: deviation of its noise, the same shape.
        cfa: the cell behind the margin: any phase of the network's.
        strength: share of the noise that is taken out, see `learned.blend`.

    Raises:
        ValueError: the network is for other sensors.
    """
    n, room = cfa_cell.side(cfa), margin(net)
    shifts = learned.phase(cfa, net.cfa)
    height, width = (side - 2 * room for side in mosaic.shape)
    (row, rows), (column, columns) = (
        learned.reach(0, side, shift, net.halo, n)
        for side, shift in zip((height, width), shifts, strict=True)
    )
    at = slice(room + row, room + row + rows), slice(room + column, room + column + columns)
    device = mosaic.device.type
    given, told = mosaic[at][None, None], sigma[at][None, None]
    with torch.autocast(device, torch.bfloat16, enabled=device != "cpu"):
        made: Tensor = net(given, told if strength else torch.zeros_like(told))[0]
        if 0 < strength < 1:
            made = learned.blend(made, net(given, torch.zeros_like(told))[0], strength)
    return made[:, -row : -row + height, -column : -column + width]
