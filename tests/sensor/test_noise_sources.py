"""Each source of noise on its own."""

import math

import pytest
import torch

from deepisp.sensor import sources
from tests.sensor.moments import assert_moments, generator, skewness

N = 2**18
DTYPES = [torch.float32, torch.float64]
both = pytest.mark.parametrize("dtype", DTYPES)


@both
@pytest.mark.parametrize("level", [0.0, 0.3, 7.0, 300.0, 999.0, 1001.0, 50_000.0])
def test_shot_noise_has_its_mean_for_variance(level: float, dtype: torch.dtype, device: str) -> None:
    seen = sources.shot(torch.full((N,), level, dtype=dtype, device=device), generator(device))
    assert seen.dtype == dtype
    assert_moments(seen, mean=level, variance=level)


@both
@pytest.mark.parametrize("level", [0.5, 2.0, 10.0, 19.0])
def test_few_photons_are_skewed_as_poisson(level: float, dtype: torch.dtype, device: str) -> None:
    seen = sources.shot(torch.full((2**20,), level, dtype=dtype, device=device), generator(device))
    skew, error = skewness(seen)
    assert abs(skew - 1 / math.sqrt(level)) < 5 * error
    assert error < 0.03
    assert torch.equal(seen, seen.round())
    none = math.exp(-level)
    assert abs(float((seen == 0).double().mean()) - none) < 5 * math.sqrt(none / 2**20)


def test_bright_and_dim_photosites_of_one_frame_keep_their_places(device: str) -> None:
    level = torch.tensor([2.0, 4000.0], device=device).repeat(512, 256)
    seen = sources.shot(level, generator(device))
    assert_moments(seen[:, ::2], mean=2, variance=2)
    assert_moments(seen[:, 1::2], mean=4000, variance=4000)


def test_light_is_not_negative() -> None:
    assert sources.shot(torch.full((9,), -3.0), generator("cpu")).tolist() == [0.0] * 9


def test_dark_current_doubles() -> None:
    growth = [sources.dark_growth(t, reference_c=20, doubling_k=6) for t in (14, 20, 26, 32)]
    assert growth == [0.5, 1, 2, 4]


def test_reset_noise_by_hand() -> None:
    """kTC / q^2 at 300 K and 5 fF: 1.380649e-23 * 300 * 5e-15 / 1.602176634e-19^2 = 806.8 e-^2."""
    assert sources.reset_std_e(5.0, 26.85) ** 2 == pytest.approx(806.8, rel=1e-4)


@both
@pytest.mark.parametrize("shape", [-0.1, 0.0, 0.14])
def test_tukey_noise_has_the_deviation_asked(shape: float, dtype: torch.dtype, device: str) -> None:
    seen = sources.tukey_like(torch.empty(N, dtype=dtype, device=device), 2.5, shape, generator(device))
    assert_moments(seen, mean=0, variance=6.25)


@both
def test_rows_and_columns_are_one_number_each(dtype: torch.dtype, device: str) -> None:
    values = torch.empty(8, 1, 2**14, 2, dtype=dtype, device=device)
    rows, columns = (f(values, 0.7, generator(device)) for f in (sources.rows_like, sources.columns_like))
    assert (rows.shape, columns.shape) == ((8, 1, 2**14, 1), (8, 1, 1, 2))
    assert_moments(rows, mean=0, variance=0.49)
    turned = sources.columns_like(values.mT, 0.7, generator(device))
    assert_moments(turned, mean=0, variance=0.49)


@both
def test_telegraph_signal_has_three_peaks(dtype: torch.dtype, device: str) -> None:
    amplitude = torch.tensor([0.0, 6.0], dtype=dtype, device=device).repeat(512, 256)
    seen = sources.telegraph_like(amplitude, amplitude, generator(device))
    assert seen[:, ::2].unique().tolist() == [0.0]
    assert seen[:, 1::2].unique().tolist() == [-6.0, 0.0, 6.0]
    assert_moments(seen[:, 1::2], mean=0, variance=18)  # 36 / 2


@both
@pytest.mark.parametrize("center", [0.0, 0.3, 10.5, 100.25, 4000.8])
def test_quantization_adds_a_twelfth(center: float, dtype: torch.dtype, device: str) -> None:
    values = torch.full((N,), center, dtype=dtype, device=device)
    seen = sources.quantize(values + sources.gaussian_like(values, 1.0, generator(device)))
    assert torch.equal(seen, seen.round())
    assert_moments(seen, mean=center, variance=1 + 1 / 12)
