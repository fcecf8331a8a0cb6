"""The learned method on tensors: the same networks in torch, on any device.

On a GPU the trunk runs in bfloat16, channels last; on the CPU in float32, which is what learned.py is held to.
"""

from functools import lru_cache

import torch
from torch import Tensor

from deepisp.develop.demosaic import learned
from deepisp.networks import family, zoo
from deepisp.networks.dark import Dark
from deepisp.networks.jdd import JDD

Network = JDD | Dark


def shipped(name: str, device: str) -> Network:
    """A network that comes with deepisp, or of a file, on a device, ready to run."""
    return _shipped(name, device, zoo.stamp(name))


@lru_cache(maxsize=4)
def _shipped(name: str, device: str, _: tuple[int, int]) -> Network:
    placed = family.of(zoo.own(zoo.named(name), name)).to(device)
    return placed.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]  # torch's stubs


def margin(net: Network) -> int:
    """Photosites that `demosaic` may need on each side, as learned.margin."""
    return net.halo + 2 * net.unit


def demosaic(
    net: Network,
    mosaic: Tensor,
    sigma: Tensor,
    cfa: str,
    *,
    strength: float = 1.0,
    plain: Network | None = None,
) -> Tensor:
    """RGB (3, H, W) of a mosaic with a margin.

    Args:
        net: of this kind of sensor.
        mosaic: (H + 2 margin, W + 2 margin) balanced signal.
        sigma: deviation of its noise, the same shape.
        cfa: the cell behind the margin: any phase of the network's.
        strength: share of the noise that is taken out, see `learned.blend`.
        plain: what shows the rest, see `learned.plain`; the same network if None.

    Raises:
        ValueError: the network is for other sensors.
    """
    room = margin(net)
    if not strength:
        return _whole(plain or net, mosaic, torch.zeros_like(sigma), cfa, room)
    made = _whole(net, mosaic, sigma, cfa, room)
    if strength == 1:
        return made
    noisy = _whole(plain or net, mosaic, torch.zeros_like(sigma), cfa, room)
    blended: Tensor = learned.blend(made, noisy, strength)
    return blended


def _whole(net: Network, mosaic: Tensor, sigma: Tensor, cfa: str, room: int) -> Tensor:
    """What a network makes of all that lies `room` photosites or more from the edges."""
    shifts = learned.phase(cfa, net.cfa)
    height, width = (side - 2 * room for side in mosaic.shape)
    (row, rows), (column, columns) = (
        learned.reach(0, side, shift, net.halo, net.unit)
        for side, shift in zip((height, width), shifts, strict=True)
    )
    at = slice(room + row, room + row + rows), slice(room + column, room + column + columns)
    device = mosaic.device.type
    with torch.autocast(device, torch.bfloat16, enabled=device != "cpu"):
        made: Tensor = net(mosaic[at][None, None], sigma[at][None, None])[0]
    return made[:, -row : -row + height, -column : -column + width]
