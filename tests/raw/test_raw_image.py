"""Levels and CFA overridden by the user."""

import numpy as np
import pytest

from deepisp.raw.image import Area, ColorCalibration, Noise, RawImage

MOSAIC = np.zeros((20, 30), np.uint16)
BAYER = RawImage(
    mosaic=MOSAIC, cfa="RGGB", black_level=np.arange(4.0).reshape(2, 2), white_level=np.full((2, 2), 99.0),
    saturation_level=np.full((2, 2), 90.0), as_shot_neutral=np.ones(3), active_area=Area(1, 2, 19, 28),
    calibrations=(ColorCalibration(np.eye(3)),), noise=(Noise(1, 2),) * 3, black_rows=np.ones(18),
)  # fmt: skip


def test_a_cfa_is_given_at_the_active_area():
    raw = BAYER.with_levels(cfa="BGGR")
    assert raw.cfa == "GRBG"  # one row above
    assert len(raw.calibrations) == 1
    np.testing.assert_array_equal(raw.black_level, BAYER.black_level)


def test_levels_for_all_positions():
    raw = BAYER.with_levels(black=5, white=50)
    assert np.unique(raw.black_level) == 5
    assert np.unique(raw.white_level) == np.unique(raw.saturation_level) == 50
    assert raw.black_rows is None


def test_a_cfa_of_another_size_and_other_colors():
    gray = RawImage(mosaic=MOSAIC, cfa="W", white_level=np.full((1, 1), 99.0), as_shot_neutral=np.ones(1))
    raw = gray.with_levels(cfa="RGGB", black=3)
    assert (raw.kind, raw.colors, raw.as_shot_neutral) == ("bayer", "RGB", None)
    assert raw.black_level.shape == raw.white_level.shape == (2, 2)
    quad = BAYER.with_levels(cfa="RRGGRRGGGGBBGGBB")
    assert quad.kind == "quad"
    np.testing.assert_array_equal(quad.black_level, np.tile(BAYER.black_level, (2, 2)))
    assert quad.saturation_level.shape == (4, 4)


def test_what_cannot_be():
    with pytest.raises(ValueError, match="already demosaiced"):
        RawImage(linear=np.zeros((2, 2, 3), np.uint16)).with_levels(cfa="RGGB")
    with pytest.raises(ValueError, match="a CFA is a square cell"):
        BAYER.with_levels(cfa="RGB")
    with pytest.raises(ValueError, match="white must lie above black"):
        BAYER.with_levels(black=50, white=50)
