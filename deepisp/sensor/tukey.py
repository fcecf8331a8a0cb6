"""The Tukey lambda distribution: read noise with the tails that sensors have.

Its quantile, of scale 1, is Q(p) = (p^lambda - (1 - p)^lambda) / lambda. lambda = 0 is the logistic
distribution, 0.14 is nearly normal, 2 and 1 are uniform, and below 0 the tails are heavy. At -1/2 and below there is
no variance. ELD's sigma_TL is a scale: its deviation is `scale * std(lambda)`.

Sources: J. W. Tukey, 1962; B. L. Joiner and J. R. Rosenblatt, "Some properties of the range in samples from Tukey's
symmetric lambda distributions", J. American Statistical Association 66, 1971 (moments); K. Wei et al., "A
physics-based noise formation model for extreme low-light raw denoising", CVPR 2020 (ELD: read noise).
"""

import math

import torch
from torch import Tensor

ZETA_2, ZETA_3, ZETA_4 = math.pi**2 / 6, 1.2020569031595942, math.pi**4 / 90  # Riemann's zeta, DLMF 25.6


def std(shape: float) -> float:
    """Standard deviation at scale 1.

    sigma^2 = 2 / lambda^2 * (1 / (1 + 2 lambda) - Gamma(1 + lambda)^2 / Gamma(2 + 2 lambda))

    Args:
        shape: lambda, above -1/2.

    Raises:
        ValueError: a lambda at which there is no variance.

    >>> round(std(0.0) ** 2, 6), round(std(1.0) ** 2, 6)    # logistic: pi^2 / 3; uniform on -1 to 1: 1 / 3
    (3.289868, 0.333333)
    """
    if not shape > -0.5:
        raise ValueError(f"a Tukey lambda distribution has a variance above lambda = -0.5, got {shape}")
    if abs(shape) < 1e-3:  # the differences below lose all digits here; next term of the series: 1e-9
        log_ratio_over_square = -ZETA_2 + 2 * ZETA_3 * shape - 3.5 * ZETA_4 * shape**2
        ratio_minus_one_over_square = log_ratio_over_square + log_ratio_over_square**2 * shape**2 / 2
        return math.sqrt(-2 * ratio_minus_one_over_square / (1 + 2 * shape))
    log_ratio = 2 * math.lgamma(1 + shape) - math.lgamma(1 + 2 * shape)
    return math.sqrt(-2 * math.expm1(log_ratio) / (shape**2 * (1 + 2 * shape)))


def quantile(probability: Tensor, shape: float) -> Tensor:
    """The value that is exceeded with 1 - `probability`, at scale 1; any shape, float64 for the tails.

    >>> quantile(torch.tensor([0.5, 0.75], dtype=torch.float64), 1.0).tolist()
    [0.0, 0.5]
    """
    below, above = probability.log(), torch.log1p(-probability)
    if shape == 0:
        return below - above
    return (torch.expm1(shape * below) - torch.expm1(shape * above)) / shape


def sample_like(values: Tensor, shape: float, generator: torch.Generator | None = None) -> Tensor:
    """Draws at scale 1, in the shape, type and place of `values`.

    Drawn in float64: float32 has no probability between 0 and 6e-8, which cuts the tails that this is about.
    """
    probability = torch.empty(values.shape, dtype=torch.float64, device=values.device)
    probability.uniform_(generator=generator).clamp_(min=2.0**-54)  # 0 may be drawn, 1 is not
    return quantile(probability, shape).to(values.dtype)
