"""The Tukey lambda distribution against scipy's, against measured cameras, and by its draws."""

import math

import pytest
import torch
from scipy import stats

from deepisp.sensor import tukey
from tests.sensor.moments import assert_moments, generator

SHAPES = [-0.24, -0.05, -5e-4, 0.0, 5e-4, 0.13]


@pytest.mark.parametrize("shape", [*SHAPES, -0.4, 1.0, 2.0])
def test_deviation_is_scipys(shape: float) -> None:
    assert tukey.std(shape) == pytest.approx(stats.tukeylambda.std(shape), rel=1e-8)


@pytest.mark.parametrize("at", [-1e-3, 1e-3])
def test_the_series_meets_the_formula(at: float) -> None:
    inside, outside = tukey.std(at * (1 - 1e-9)), tukey.std(at * (1 + 1e-9))
    assert inside == pytest.approx(outside, rel=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
def test_quantile_is_scipys(shape: float) -> None:
    probability = torch.tensor([1e-12, 1e-3, 0.3, 0.5, 0.9, 0.999], dtype=torch.float64)
    asked = stats.tukeylambda.ppf(probability.numpy(), shape)
    assert tukey.quantile(probability, shape).tolist() == pytest.approx(asked, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("gaussian_std", "scale", "shape"),
    [(1.007, 0.702, 0.149), (2.060, 1.182, 0.022), (6.299, 3.228, -0.044), (2.654, 1.436, -0.013),
     (3.919, 2.042, -0.035), (14.25, 7.038, -0.065), (25.85, 12.18, -0.091)],
)  # fmt: skip
def test_scale_becomes_the_measured_deviation(gaussian_std: float, scale: float, shape: float) -> None:
    """A7S II, ISO 100 to 25600, megvii-research/PMN@d207d3e: both fits of the same dark frames, in DN."""
    assert scale * tukey.std(shape) == pytest.approx(
        gaussian_std, rel=0.06
    )  # a scale taken as deviation is off by 40 %


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", SHAPES[1:])
def test_draws_have_the_moments(shape: float, dtype: torch.dtype, device: str) -> None:
    seen = tukey.sample_like(torch.empty(2, 512, 512, dtype=dtype, device=device), shape, generator(device))
    assert seen.dtype == dtype
    assert_moments(seen, mean=0.0, variance=float(stats.tukeylambda.var(shape)))


def test_draws_have_the_tails(device: str) -> None:
    n, rare = 2**20, 1e-4
    seen = tukey.sample_like(torch.empty(n, device=device), -0.24, generator(device))
    beyond = float((seen.abs() > -stats.tukeylambda.ppf(rare / 2, -0.24)).double().mean())
    assert abs(beyond - rare) < 5 * math.sqrt(rare / n)


def test_draws_are_finer_than_float32(device: str) -> None:
    """2^20 of its 2^24 uniforms would repeat 32 000 times, and end the tails at 6e-8."""
    values = torch.empty(2**20, dtype=torch.float64, device=device)
    assert tukey.sample_like(values, -0.1, generator(device)).unique().numel() == 2**20


def test_no_variance_is_said() -> None:
    with pytest.raises(ValueError, match=r"above lambda = -0\.5"):
        tukey.std(-0.5)
