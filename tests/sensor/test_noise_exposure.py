"""A sensor's exposure: each source alone, all of them together, and the ends of the range."""

import math
from typing import Any, NamedTuple

import pytest
import torch

from deepisp.sensor.exposure import Sensor
from tests.sensor.moments import assert_moments, generator

GAIN, BLACK = 0.5, 600.0
LEVELS = [0.0, 2.0, 60.0, 1500.0, 40_000.0]  # electrons
SQUARE, TALL, WIDE = (1, 512, 512), (1, 2**18, 1), (1, 1, 2**18)  # a row, or a column, is drawn once


class Case(NamedTuple):
    """A sensor with one source, and what it adds: mean_e, and variance_e = constant + (fraction * electrons)^2."""

    sensor: dict[str, Any]
    mean_e: float
    variance_e: float
    fraction: float = 0.0
    shape: tuple[int, int, int] = SQUARE


# 0.25 s at 26.85 degrees (300 K), where a dark current of 25 degrees that doubles in 0.925 kelvin has grown fourfold.
CASES = {
    "shot": Case({}, 0, 0),
    "dark current": Case({"dark_current_e": 40, "dark_doubling_k": 0.925}, 40, 40),
    "read": Case({"read_std_e": 3}, 0, 9),
    "tails": Case({"read_std_e": 3, "tukey_lambda": -0.1}, 0, 9),
    "reset": Case({"capacitance_ff": 1, "has_cds": False}, 0, 161.36),  # k 300 K 1 fF / q^2
    "reset and tails": Case(
        {"capacitance_ff": 1, "has_cds": False, "read_std_e": 3, "tukey_lambda": 0.1}, 0, 170.36
    ),
    "reset and CDS": Case({"capacitance_ff": 1}, 0, 0),
    "PRNU": Case({"prnu": 0.02}, 0, 0, fraction=0.02),
    "DSNU": Case({"dsnu_e": 4}, 0, 16),
    "rows": Case({"row_std_e": 2}, 0, 4, shape=TALL),
    "columns": Case({"column_std_e": 2}, 0, 4, shape=WIDE),
    "RTS": Case({"telegraph_fraction": 0.5, "telegraph_e": 5}, 0, 12.5),  # 0.5 E[A^2] / 2, E[A^2] = 2 * 25
    # 25 e- on a tenth at 25 degrees, 2.5 e- on average: 2.5 + 0.1 * 2 * 25^2 - 2.5^2
    "hot": Case({"hot_fraction": 0.1, "hot_current_e": 25, "dark_doubling_k": 0.925}, 2.5, 121.25),
    "quantization": Case({"read_std_e": 3, "is_quantized": True}, 0, 9 + 1 / 12 / GAIN**2),
}


def made(**settings: Any) -> Sensor:
    return Sensor(
        **{"gain": GAIN, "black_level": BLACK, "white_level": 65535, "is_quantized": False} | settings
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_source_has_its_mean_and_variance(
    case: Case, level: float, dtype: torch.dtype, device: str
) -> None:
    sensor = made(**case.sensor)
    pattern = sensor.pattern(*case.shape[-2:], seed=1, dtype=dtype) if sensor.has_pattern else None
    light = torch.full(case.shape, level, dtype=dtype, device=device)
    seen = sensor.expose(
        light, pattern=pattern, exposure_s=0.25, temperature_c=26.85, generator=generator(device)
    )
    assert (seen.dtype, seen.shape, seen.device) == (dtype, light.shape, light.device)
    variance_e = level + case.variance_e + (case.fraction * level) ** 2
    assert_moments(seen, mean=BLACK + GAIN * (level + case.mean_e), variance=GAIN**2 * variance_e)


FULL = made(
    gain=1.5, read_std_e=4, tukey_lambda=-0.05, row_std_e=1, column_std_e=0.5, capacitance_ff=0.1, has_cds=False,
    dark_current_e=8, prnu=0.01, dsnu_e=2, is_quantized=True,
)  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("level", LEVELS)
def test_all_sources_together(level: float, dtype: torch.dtype, device: str) -> None:
    """Frames of one photosite each, so that rows and columns are independent; the variance over time is `noise`."""
    light = torch.full((2**18, 1, 1, 1), level, dtype=dtype, device=device)
    pattern = FULL.pattern(1, 1, seed=5)
    seen = FULL.expose(light, pattern=pattern, exposure_s=2, temperature_c=25, generator=generator(device))
    lit = level * float(pattern.response) + 16
    mean_e = lit + float(pattern.offset_e)
    reset = 161.36 * 298.15 / 300 * 0.1
    variance = 2.25 * (lit + 16 + reset + 1 + 0.25) + 1 / 12
    assert_moments(seen, mean=600 + 1.5 * mean_e, variance=variance)
    line = FULL.noise(exposure_s=2, temperature_c=25)
    predicted = line.variance(torch.tensor((lit - 16) * 1.5 / FULL.levels)) * FULL.levels**2
    assert float(predicted) == pytest.approx(variance, rel=1e-5)


def test_rows_are_shared_and_new_in_each_frame(device: str) -> None:
    sensor = made(read_std_e=1, row_std_e=2)
    seen = sensor.expose(torch.zeros(2, 1, 2**16, 2, device=device), generator=generator(device))
    left, right, other = seen[0, 0, :, 0], seen[0, 0, :, 1], seen[1, 0, :, 0]
    variance, shared = GAIN**2 * 5, GAIN**2 * 4
    error = math.sqrt((variance**2 + shared**2) / 2**16)
    assert abs(float(torch.stack([left, right]).double().cov()[0, 1]) - shared) < 5 * error
    assert abs(float(torch.stack([left, other]).double().cov()[0, 1])) < 5 * error


def test_frames_of_one_sensor_share_its_pattern(device: str) -> None:
    """The difference of a pair has twice the variance over time and nothing of PRNU, DSNU and hot pixels."""
    sensor = made(prnu=0.05, dsnu_e=30, hot_fraction=0.01, hot_current_e=500)
    pattern = sensor.pattern(512, 512, seed=7)
    light, draw = torch.full((1, 512, 512), 100.0, device=device), generator(device)
    first, second = (sensor.expose(light, pattern=pattern, exposure_s=0.5, generator=draw) for _ in range(2))
    lit = float((100 * pattern.response + 0.5 * pattern.dark_current_e).double().mean())
    assert_moments(first - second, mean=0, variance=2 * GAIN**2 * lit)


def test_a_seed_is_a_specimen() -> None:
    sensor = made(prnu=0.05, dsnu_e=3, telegraph_fraction=0.1, telegraph_e=3)
    first, again, other = (sensor.pattern(32, 48, seed=seed) for seed in (1, 1, 2))
    for name in ("response", "offset_e", "telegraph_e"):
        assert torch.equal(getattr(first, name), getattr(again, name))
        assert not torch.equal(getattr(first, name), getattr(other, name))


def test_hot_pixels_are_as_many_as_asked() -> None:
    pattern = made(dark_current_e=3, hot_fraction=0.01, hot_current_e=200).pattern(512, 512, seed=0)
    is_hot = pattern.dark_current_e > 3
    assert abs(float(is_hot.double().mean()) - 0.01) < 5 * math.sqrt(0.01 / 2**18)
    excess = pattern.dark_current_e[is_hot].double() - 3
    assert abs(float(excess.mean()) - 200) < 5 * 200 / math.sqrt(excess.numel())


def test_nothing_is_clipped_below_black_but_at_zero(device: str) -> None:
    seen = made(black_level=20, read_std_e=30).expose(
        torch.zeros(1, 512, 512, device=device), generator=generator(device)
    )
    assert float(seen.min()) == 0  # 1.33 deviations below black
    assert abs(float((seen < 20).double().mean()) - 0.5) < 5 * 0.5 / 512
    ends = 0.5 * math.erfc(20 / 15 / math.sqrt(2))
    assert abs(float((seen == 0).double().mean()) - ends) < 5 * math.sqrt(ends) / 512


def test_a_full_well_holds_no_more(device: str) -> None:
    """Charge is cut before it is read, so the plateau has read noise and no shot noise; the converter cuts later."""
    light = torch.full((1, 512, 512), 9000.0, device=device)
    seen = made(full_well_e=5000, read_std_e=4).expose(light, generator=generator(device))
    assert_moments(seen, mean=600 + 2500, variance=4)
    cut = made(white_level=2000, read_std_e=4).expose(light, generator=generator(device))
    assert cut.unique().tolist() == [2000]


def test_whole_numbers_only_if_quantized(device: str) -> None:
    light = torch.full((1, 64, 64), 100.0, device=device)
    for is_quantized in (True, False):
        seen = made(read_std_e=3, is_quantized=is_quantized).expose(light, generator=generator(device))
        assert torch.equal(seen, seen.round()) == is_quantized


def test_bias_follows_the_cell(device: str) -> None:
    seen = made(bias=((0, 1), (-2, 3))).expose(torch.zeros(2, 1, 3, 5, device=device))
    assert seen[1, 0].tolist() == [
        [600, 601, 600, 601, 600],
        [598, 603, 598, 603, 598],
        [600, 601, 600, 601, 600],
    ]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"gain": 0}, "gain and dark_doubling_k lie above 0"),
        ({"black_level": 70_000}, "white_level above black_level"),
        ({"read_std_e": -1}, "read_std_e is no less than 0"),
        ({"prnu": math.nan}, "prnu is no less than 0"),
        ({"hot_fraction": 2}, "write 1 % as 0.01"),
        ({"tukey_lambda": -0.6}, "None is Gaussian"),
    ],
)
def test_a_sensor_that_cannot_be(wrong: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        made(**wrong)


def test_a_pattern_is_not_left_out_unnoticed() -> None:
    sensor, light = made(prnu=0.01), torch.ones(1, 8, 8)
    with pytest.raises(ValueError, match="make it once"):
        sensor.expose(light)
    with pytest.raises(ValueError, match=r"make one of the same size"):
        sensor.expose(light, pattern=sensor.pattern(8, 1, seed=0))
