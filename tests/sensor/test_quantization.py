"""Rounding of quiet noise, against Widrow's series, which calibrate/ undoes it with."""

import pytest

from deepisp.calibrate.noise.quantization import unrounded
from deepisp.sensor.quantization import rounded_variance


@pytest.mark.parametrize("std", [0.3, 0.339, 0.5, 1.0, 5.0])
@pytest.mark.parametrize("mean", [60.0, 60.5])  # where rounding leaves the mean in its place
def test_it_is_what_widrow_s_series_undoes(std: float, mean: float) -> None:
    assert unrounded(rounded_variance(std, mean), mean).variance == pytest.approx(std**2, rel=1e-5)
