"""Where synthetic sensors saturate: the plateau is put in, so its level is known."""

import numpy as np
import pytest

from deepisp.raw import saturation
from deepisp.raw.image import Area, RawImage


def near(level):
    """The level or a little less: the mean of a narrow window takes in ordinary values just below."""
    return pytest.approx(np.asarray(level) - 1, abs=1)


def scene(plateau, *, noise=0.0, clipped=0.02, n=200_000, white=16383, seed=1):
    """Light falling off exponentially; a share of `clipped` stands on the plateau."""
    rng = np.random.default_rng(seed)
    light = rng.exponential(plateau / -np.log(clipped), n)
    values = np.minimum(light, plateau) + rng.normal(0, noise, n) * (light >= plateau)
    return np.clip(np.round(values), 0, white).astype(np.uint16)


@pytest.mark.parametrize("level", [14200, 15000, 15580, 16000])
@pytest.mark.parametrize("clipped", [0.001, 0.02, 0.3])
def test_a_sharp_plateau_is_found(level, clipped):
    assert saturation.plateau(scene(level, clipped=clipped), 0, 16383) == near(level)


@pytest.mark.parametrize("noise", [3, 10])
def test_a_noisy_plateau_is_found_within_its_noise(noise):
    found = saturation.plateau(scene(15000, noise=noise), 0, 16383)
    assert abs(found - 15000) <= 2 * noise


def test_no_plateau_below_white_is_no_plateau():
    assert saturation.plateau(scene(16383), 0, 16383) == near(16383)
    assert saturation.plateau(np.arange(16000, dtype=np.uint16), 0, 16383) == 16383
    assert saturation.plateau(np.zeros(1000, np.uint16), 0, 16383) == 16383


def test_hot_photosites_above_do_not_hide_it():
    values = scene(15000)
    values[:200] = 16383  # 200 hot ones, 4000 on the plateau
    assert saturation.plateau(values, 0, 16383) == near(15000)


def test_a_bright_wall_is_not_saturation():
    values = np.random.default_rng(1).normal(12000, 100, 100_000).astype(np.uint16)  # 73 % of the range
    assert saturation.plateau(values, 0, 16383) == 16383


def test_a_level_that_no_memory_could_count_to():
    assert saturation.plateau(scene(15000), 0, 2.0**40) == 2.0**40


@pytest.mark.parametrize("active", [None, Area(1, 3, 200, 300), Area(2, 1, 200, 300)])
def test_each_color_has_its_own_and_two_greens_share_the_lower(active):
    mosaic = np.empty((400, 400), np.uint16)
    levels = np.array([[16000, 15000], [15100, 14500]])
    for row, column in np.ndindex(2, 2):
        mosaic[row::2, column::2] = scene(levels[row, column], n=40_000, seed=row + 2 * column).reshape(
            200, 200
        )
    raw = RawImage(
        mosaic=mosaic,
        cfa="RGGB",
        black_level=np.zeros((2, 2)),
        white_level=np.full((2, 2), 16383.0),
        active_area=active,
    )
    assert saturation.find(raw).saturation_level == near([[16000, 15000], [15000, 14500]])


def test_black_cells_that_are_no_multiple_of_the_cfa():
    mosaic = np.empty((400, 400), np.uint16)
    for row, column in np.ndindex(2, 2):
        mosaic[row::2, column::2] = scene([16000, 15000, 15000, 14500][2 * row + column], n=40_000).reshape(
            200, 200
        )
    raw = RawImage(
        mosaic=mosaic, cfa="RGGB", black_level=np.zeros((2, 4)), white_level=np.full((2, 4), 16383.0)
    )
    assert saturation.find(raw).saturation_level == near([[16000, 15000] * 2, [15000, 14500] * 2])


def test_linear():
    linear = np.stack([scene(level).reshape(400, 500) for level in (16000, 15000, 14500)], axis=-1)
    raw = RawImage(linear=linear, black_level=np.zeros(3), white_level=np.full(3, 16383.0))
    assert saturation.find(raw).saturation_level == near([16000, 15000, 14500])


def test_what_is_known_is_left_alone_and_floats_are_not_searched():
    known = RawImage(mosaic=np.zeros((2, 2), np.uint16), cfa="W", saturation_level=np.full((1, 1), 9.0))
    assert saturation.find(known) is known
    floats = RawImage(mosaic=np.zeros((2, 2), np.float32), cfa="W", white_level=np.ones((1, 1)))
    assert saturation.find(floats).saturation_level.tolist() == [[1]]
