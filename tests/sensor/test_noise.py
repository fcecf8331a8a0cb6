"""The line of variance: what it draws, and what happens to it."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from deepisp.raw import image
from deepisp.sensor import noise
from deepisp.sensor.noise import Noise
from tests.sensor.moments import assert_moments, generator

PIXEL_800 = Noise(1.87e-3, 4.1e-6)  # Pixel at ISO 800: SIDD, as in zhangyi-3/noise-synthesis@ee3ae27
N = 2**18


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("level", [0.0, 0.001, 0.02, 0.18, 0.9])
def test_samples_have_the_variance_of_the_line(level: float, dtype: torch.dtype, device: str) -> None:
    signal = torch.full((4, 1, 256, 256), level, dtype=dtype, device=device)
    seen = PIXEL_800.sample(signal, generator(device))
    assert seen.dtype == dtype
    assert_moments(seen, mean=level, variance=1.87e-3 * level + 4.1e-6)


def test_nothing_is_clipped_below_black() -> None:
    seen = PIXEL_800.sample(torch.zeros(N), generator("cpu"))
    assert abs((seen < 0).double().mean() - 0.5) < 5 * 0.5 / math.sqrt(N)
    assert_moments(PIXEL_800.sample(torch.full((N,), -0.01), generator("cpu")), mean=-0.01, variance=4.1e-6)


def test_a_batch_may_have_a_line_each(device: str) -> None:
    shot = torch.tensor([1e-3, 4e-3], device=device).reshape(2, 1, 1, 1)
    read = torch.tensor([1e-6, 9e-6], device=device).reshape(2, 1, 1, 1)
    signal = torch.full((2, 1, 512, 512), 0.5, device=device)
    seen = noise.sample(signal, shot=shot, read=read, generator=generator(device))
    assert_moments(seen[0], mean=0.5, variance=5.01e-4)
    assert_moments(seen[1], mean=0.5, variance=2.009e-3)


def test_the_same_seed_draws_the_same(device: str) -> None:
    signal = torch.full((1, 64, 64), 0.5, device=device)
    first, again = (PIXEL_800.sample(signal, generator(device, 3)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, PIXEL_800.sample(signal, generator(device, 4)))


def test_variance_below_black_is_that_of_black() -> None:
    assert PIXEL_800.variance(torch.tensor([-0.5, 0.0])).tolist() == pytest.approx([4.1e-6, 4.1e-6])
    assert PIXEL_800.variance(np.array([-0.5, 1.0])).tolist() == pytest.approx([4.1e-6, 1.8741e-3])


def test_electrons_by_hand() -> None:
    """A7S II at ISO 1600, R-pmn: 1.530 DN/e-, 4.1 e-; 14 bit with black at 512 leaves 15871 DN."""
    made = Noise.from_electrons(1.530, 4.1, 15871)
    assert made.shot == pytest.approx(9.6402e-5, rel=1e-4)  # 1.530 / 15871
    assert made.read == pytest.approx(1.5623e-7, rel=1e-4)  # (6.273 / 15871)^2
    assert (made.gain(15871), made.read_std_e) == (pytest.approx(1.530), pytest.approx(4.1))


@pytest.mark.parametrize("wrong", [(0, 1, 1000), (1, -1, 1000), (1, 1, 0), (float("nan"), 1, 1000)])
def test_electrons_that_cannot_be(wrong: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="gain and levels lie above 0"):
        Noise.from_electrons(*wrong)


def test_gains_and_means_do_to_the_line_what_they_do_to_samples() -> None:
    draw = generator("cpu")
    for level in (0.0, 0.3):  # read noise alone, shot noise nearly alone
        seen = PIXEL_800.sample(torch.full((8, N), level, dtype=torch.float64), draw)
        for changed, line, mean in (
            (1.9 * seen[0], PIXEL_800.amplified(1.9), 1.9 * level),
            (1.9 * seen[1], PIXEL_800.amplified(1.9), 1.9 * level),
            (seen.mean(dim=0), PIXEL_800.averaged(8), level),
        ):
            assert_moments(changed, mean=mean, variance=line.shot * mean + line.read)
            assert type(line) is Noise


def test_there_is_one_noise_and_it_stays_a_pair() -> None:
    assert image.Noise is Noise
    assert Noise(*[1.0, 2.0]) == (1.0, 2.0)
    assert Noise(1.0, 2.0)._asdict() == {"shot": 1.0, "read": 2.0}


def test_the_line_does_not_load_torch() -> None:
    code = "import sys, deepisp.raw.image, deepisp.sensor.noise; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
