"""Levels and CFA overridden by the user."""

from dataclasses import replace

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
    with pytest.raises(
        ValueError, match="black must lie below 90, where the file's photosites saturate, got 95"
    ):
        BAYER.with_levels(black=95)


def test_noise_follows_the_levels() -> None:
    """The variance in DN at each DN stays what it was: here (4 + 0.5 (dn - 100)) DN^2."""
    frame = RawImage(
        mosaic=np.zeros((4, 4), np.uint16),
        cfa="RGGB",
        black_level=np.full((2, 2), 100.0),
        white_level=np.full((2, 2), 1100.0),
        noise=(Noise(0.5 / 1000, 4 / 1000**2),) * 3,
    )
    shot, read = frame.with_levels(black=104, white=904).noise[1]
    assert (shot * 800, read * 800**2) == pytest.approx((0.5, 6.0))
    assert frame.with_levels(cfa="GRBG").noise == frame.noise
    assert frame.with_levels(black=50).noise[0].read == 0  # it would be -21 DN^2 there: black is not there


def test_numbers_lists_and_tuples_become_what_is_promised() -> None:
    raw = RawImage(
        mosaic=MOSAIC, cfa="RGGB", black_level=64, white_level=[100, 200, 300, 400], default_crop=(1, 2, 5, 8),
        active_area=[0, 0, 20, 30], as_shot_neutral=(0.5, 1, 0.6),
    )  # fmt: skip
    assert raw.black_level.tolist() == [[64]]
    assert raw.white_level.tolist() == [[100, 200], [300, 400]]
    assert raw.crop.shape == (4, 6)
    assert raw.active.shape == (20, 30)
    assert raw.as_shot_neutral.dtype == np.float64
    linear = RawImage(linear=np.zeros((2, 2, 3), np.uint16), black_level=1)
    assert (linear.black_level.tolist(), linear.white_level.tolist()) == ([1, 1, 1], [65535, 65535, 65535])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mosaic": MOSAIC}, "a CFA is a square cell of the letters .* got ''"),
        ({}, "either a mosaic or linear values"),
        ({"mosaic": MOSAIC, "linear": np.zeros((2, 2, 3), np.uint16)}, "either a mosaic or linear values"),
        ({"mosaic": np.zeros((2, 2, 3), np.uint16), "cfa": "W"}, r"mosaic must be \(H, W\), .*give it as linear"),
        ({"linear": MOSAIC}, r"linear must be \(H, W, 3\), got \(20, 30\)"),
        ({"linear": np.zeros((2, 2, 3), np.uint16), "cfa": "RGGB"}, 'cfa must be "" for linear'),
        ({"mosaic": MOSAIC.astype(int), "cfa": "W"}, "mosaic must be uint16 or float32, got int64"),
        ({"mosaic": MOSAIC, "cfa": "RGGB", "orientation": 9}, "orientation must be EXIF's 1 to 8, got 9"),
        ({"mosaic": MOSAIC, "cfa": "RGGB", "black_level": [1, 2]}, "black_level must be one number, or one for"),
        ({"mosaic": MOSAIC, "cfa": "RGGB", "default_crop": (1, 2)}, r"default_crop must be \(top, left"),
        ({"linear": np.zeros((2, 2, 3), np.uint16), "white_level": [1, 2]}, "white_level must be one number or three"),
    ],
)  # fmt: skip
def test_what_no_stage_could_use_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RawImage(**given)


def test_a_list_is_no_mosaic() -> None:
    with pytest.raises(TypeError, match="mosaic must be a NumPy array, got list; convert it first"):
        RawImage(mosaic=[[1, 2], [3, 4]], cfa="W")


def test_two_raw_images_can_be_compared_and_kept_in_a_set() -> None:
    other = replace(BAYER)
    assert BAYER == BAYER
    assert other != BAYER
    assert len({BAYER, other}) == 2
    assert ColorCalibration(np.eye(3)) != ColorCalibration(np.eye(3))
