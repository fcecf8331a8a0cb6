"""k-sigma and Anscombe: there and back, and what they do to noise."""

import math

import numpy as np
import pytest
import torch

from deepisp.sensor import stabilize
from deepisp.sensor.noise import Noise
from tests.sensor.moments import assert_moments, generator

# Pixel at ISO 100, 800, 6400: SIDD, as in zhangyi-3/noise-synthesis@ee3ae27
PIXEL = [Noise(2.47e-4, 1.7e-6), Noise(1.87e-3, 4.1e-6), Noise(1.41e-2, 5.3e-5)]
ANCHOR = PIXEL[1]
EXACT = {torch.float32: 1e-5, torch.float64: 1e-6}
exactly = pytest.mark.parametrize(("dtype", "bar"), EXACT.items())
each_iso = pytest.mark.parametrize("noise", PIXEL)


def signals(low: float, dtype: torch.dtype, device: str) -> torch.Tensor:
    return torch.logspace(math.log10(low), 0, 1000, dtype=dtype, device=device)


@exactly
@each_iso
@pytest.mark.parametrize("anchor", [stabilize.UNIT, ANCHOR])
def test_k_sigma_there_and_back(
    noise: Noise, anchor: Noise, dtype: torch.dtype, bar: float, device: str
) -> None:
    for signal in (signals(0.002, dtype, device), -signals(0.002, dtype, device)):
        back = stabilize.inverse_k_sigma(stabilize.k_sigma(signal, noise, anchor), noise, anchor)
        assert back.dtype == dtype
        assert float(((back - signal) / signal).abs().max()) < bar


@exactly
@each_iso
def test_anscombe_there_and_back(noise: Noise, dtype: torch.dtype, bar: float, device: str) -> None:
    root = -(0.375 * noise.shot + noise.read / noise.shot)
    for signal in (
        signals(0.002, dtype, device),
        torch.tensor([0.2, 0.5, 0.9], dtype=dtype, device=device) * root,
    ):
        back = stabilize.inverse_anscombe(stabilize.anscombe(signal, noise), noise)
        assert back.dtype == dtype
        assert float(((back - signal) / signal).abs().max()) < bar


def test_by_hand() -> None:
    """a = 0.5, b = 0.25, x = 1: k-sigma 1 / 0.5 + 0.25 / 0.25; Anscombe 4 sqrt(0.5 + 0.09375 + 0.25)."""
    noise, one = Noise(0.5, 0.25), torch.tensor([1.0, -2.0], dtype=torch.float64)
    assert stabilize.k_sigma(one, noise).tolist() == [3, -3]
    assert stabilize.k_sigma(one, noise, Noise(2, 1)).tolist() == [5.5, -6.5]  # 2 * (3 - 1 / 4)
    assert stabilize.anscombe(one, noise).tolist() == pytest.approx([4 * math.sqrt(0.84375), 0], rel=1e-12)


@each_iso
@pytest.mark.parametrize("level", [0.0, 0.002, 0.02, 0.2, 0.9])
def test_k_sigma_gives_the_anchors_noise(level: float, noise: Noise, device: str) -> None:
    seen = noise.sample(torch.full((2**18,), level, dtype=torch.float64, device=device), generator(device))
    stretched = stabilize.k_sigma(seen, noise, ANCHOR)
    mean = float(stabilize.k_sigma(torch.tensor(level, dtype=torch.float64), noise, ANCHOR))
    assert_moments(stretched, mean=mean, variance=ANCHOR.shot * mean + ANCHOR.read)


def counts(level: float, noise: Noise, device: str, n: int = 2**18) -> torch.Tensor:
    """Poisson counts and Gaussian read noise, not through the library."""
    draw, shape = generator(device), torch.full((n,), level / noise.shot, dtype=torch.float64, device=device)
    read = torch.empty_like(shape).normal_(generator=draw) * math.sqrt(noise.read)
    return torch.poisson(shape, draw) * noise.shot + read


@pytest.mark.parametrize("electrons", [20, 50, 200, 1000, 4000])
@pytest.mark.parametrize("read_std_e", [0.5, 2.0, 8.0])
def test_anscombe_gives_a_deviation_of_one(electrons: float, read_std_e: float, device: str) -> None:
    noise = Noise(1e-3, (read_std_e * 1e-3) ** 2)
    variance = float(stabilize.anscombe(counts(electrons * 1e-3, noise, device), noise).var())
    assert (
        abs(variance - 1) < 5 * math.sqrt(2 / 2**18) + 0.003
    )  # 0.003: of the transform itself at 20 electrons


DIM = [0.0, 0.4, 2.0, 8.0, 40.0, 300.0]


def bias_e(inverse: str, electrons: float, read_std_e: float, device: str) -> tuple[float, float]:
    """What an ideal denoiser between transform and inverse is off by, in electrons, and its standard error."""
    noise = Noise(1e-3, (read_std_e * 1e-3) ** 2)
    values = stabilize.anscombe(counts(electrons * 1e-3, noise, device), noise)
    mean, error = values.mean(), float(values.std()) / math.sqrt(values.numel())
    back = float(getattr(stabilize, inverse)(mean, noise)) / noise.shot
    return back - electrons, error * float(mean) / 2  # d(D^2 / 4) = D / 2 dD


@pytest.mark.parametrize("electrons", DIM)
@pytest.mark.parametrize("read_std_e", [0.0, 0.7, 3.0, 12.0])
def test_the_unbiased_inverse_finds_the_mean(electrons: float, read_std_e: float, device: str) -> None:
    bias, error = bias_e("unbiased_inverse_anscombe", electrons, read_std_e, device)
    assert abs(bias) < 5 * error + 4e-4  # of the table's end


def test_the_plain_inverse_does_not() -> None:
    for electrons in DIM[2:5]:
        bias, error = bias_e("inverse_anscombe", electrons, 0.7, "cpu")
        assert bias < -0.15
        assert abs(bias) > 10 * error


@pytest.mark.parametrize("read_std_e", [0.0, 0.7, 3.0, 12.0])
def test_the_unbiased_inverse_is_near_the_published_approximation(read_std_e: float) -> None:
    """Makitalo and Foi 2013, the closed form; it is an approximation, off by up to 0.045 electrons."""
    noise = Noise(1e-3, (read_std_e * 1e-3) ** 2)
    d = torch.linspace(2 * math.sqrt(0.375 + read_std_e**2) + 0.3, 60, 500, dtype=torch.float64)
    c = math.sqrt(1.5)
    published = d**2 / 4 + c / 4 / d - 11 / 8 / d**2 + 5 / 8 * c / d**3 - 1 / 8 - read_std_e**2
    ours = stabilize.unbiased_inverse_anscombe(d, noise) / noise.shot
    assert float((ours - published.clamp(min=0)).abs().max()) < 0.045


@exactly
def test_the_unbiased_inverse_keeps_type_shape_and_ground(
    dtype: torch.dtype, bar: float, device: str
) -> None:
    noise = PIXEL[1]
    floor = stabilize.expected_anscombe(np.zeros(1), noise.read_std_e)[0]
    below = torch.full((2, 1, 3, 4), floor - 0.5, dtype=dtype, device=device)
    dark = stabilize.unbiased_inverse_anscombe(below, noise)
    assert (dark.dtype, dark.shape, dark.device) == (dtype, below.shape, below.device)
    assert float(dark.abs().max()) < bar * noise.shot
    rising = stabilize.unbiased_inverse_anscombe(
        torch.linspace(0, 60, 5000, dtype=dtype, device=device), noise
    )
    assert bool((rising.diff() >= 0).all())


def test_gradients_pass_through() -> None:
    signal = torch.tensor([0.01, 0.1, 0.7], dtype=torch.float64, requires_grad=True)
    for transform in (stabilize.k_sigma, stabilize.anscombe):
        assert torch.autograd.gradcheck(lambda x, f=transform: f(x, ANCHOR), signal)
    stabilized = torch.tensor([3.0, 9.0, 50.0], dtype=torch.float64, requires_grad=True)
    for inverse in (
        stabilize.inverse_k_sigma,
        stabilize.inverse_anscombe,
        stabilize.unbiased_inverse_anscombe,
    ):
        assert torch.autograd.gradcheck(lambda x, f=inverse: f(x, ANCHOR), stabilized)


@pytest.mark.parametrize("noise", [Noise(0.0, 1e-6), Noise(1e-3, -1e-6), Noise(math.nan, 0.0)])
def test_noise_without_shot_is_refused(noise: Noise) -> None:
    for transform in (
        stabilize.k_sigma, stabilize.inverse_k_sigma, stabilize.anscombe, stabilize.inverse_anscombe,
        stabilize.unbiased_inverse_anscombe,
    ):  # fmt: skip
        with pytest.raises(ValueError, match="shot lies above 0"):
            transform(torch.ones(1), noise)
