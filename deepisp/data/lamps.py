"""Night scenes made of day: less light on all of it, and lamps that stay as bright as white or brighter.

In the dark that is what lies beside what is hard to see; pictures that were exposed for their subject hardly have it.
"""

import math

import torch
from torch import Tensor

_DIMMEST = 20.0  # times less light than the picture had
_LAMPS, _CHANCE = 3, 0.6  # of a night scene: at most, and of each
_RADIUS = (1.0, 12.0)  # photosites
_LEVEL = (1.0, 2.5)  # of white; what is brighter `develop` does not show to a network
_TINT = 0.3  # that a color of a lamp may lack


def nights(light: Tensor, neutral: Tensor, share: float, generator: torch.Generator | None = None) -> Tensor:
    """The same light, some samples of which are night scenes.

    Args:
        light: (B, 3, H, W) camera RGB, 1 = white of the least sensitive color.
        neutral: (B, 3) camera RGB of a gray.
        share: of the samples; nothing is drawn for 0.
        generator: of the light's device.
    """
    if not share:
        return light
    count, _, height, width = light.shape

    def draw(*size: int) -> Tensor:
        return torch.rand(*size, generator=generator, device=light.device)

    is_night = draw(count) < share
    dim = torch.exp(-draw(count) * math.log(_DIMMEST))
    rows = torch.arange(height, device=light.device)[:, None] - draw(count, _LAMPS, 1, 1) * height
    columns = torch.arange(width, device=light.device) - draw(count, _LAMPS, 1, 1) * width
    radius = _RADIUS[0] * (_RADIUS[1] / _RADIUS[0]) ** draw(count, _LAMPS, 1, 1)
    level = (_LEVEL[0] + (_LEVEL[1] - _LEVEL[0]) * draw(count, _LAMPS, 1)) * (
        draw(count, _LAMPS, 1) < _CHANCE
    )
    cover = (radius + 0.5 - torch.hypot(rows, columns)).clamp(0, 1)
    color = level * (1 - _TINT * draw(count, _LAMPS, 3)) * neutral[:, None]
    lamps = (cover[:, :, None] * color[..., None, None]).amax(1)
    night = torch.maximum(light * dim[:, None, None, None], lamps)
    return torch.where(is_night[:, None, None, None], night, light)
