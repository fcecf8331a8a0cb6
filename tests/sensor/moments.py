"""Whether samples have the mean and variance that theory says, to so many of their own standard errors."""

import math

import torch

SIGMAS = 5.0


def generator(device: str, seed: int = 0) -> torch.Generator:
    return torch.Generator(device).manual_seed(seed)


def assert_moments(samples: torch.Tensor, *, mean: float, variance: float) -> None:
    """Samples are independent; the standard errors come from the samples' own second and fourth moments."""
    values = samples.double().flatten()
    n = values.numel()
    about_mean = values - values.mean()
    square = about_mean.square()
    seen = float(square.mean())
    assert abs(float(values.mean()) - mean) <= SIGMAS * math.sqrt(variance / n) + 1e-12
    variance_error = math.sqrt(max(float(square.square().mean()) - seen**2, 0) / n)
    assert abs(seen - variance) <= SIGMAS * variance_error + 1e-12
    assert variance_error < 0.02 * variance or variance == 0  # the bar is one that can be missed


def skewness(samples: torch.Tensor, blocks: int = 64) -> tuple[float, float]:
    """Skewness and its standard error, from the spread over blocks."""
    values = samples.double().flatten().reshape(blocks, -1)
    about_mean = values - values.mean(dim=1, keepdim=True)
    each = about_mean.pow(3).mean(dim=1) / about_mean.square().mean(dim=1).pow(1.5)
    return float(each.mean()), float(each.std()) / math.sqrt(blocks)
