"""Orientation, aspect and size."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from deepisp.develop import frame


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_what_pillow_makes_of_the_tag(orientation):
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    picture = Image.fromarray(pixels)
    picture.getexif()[274] = orientation
    assert np.array_equal(frame.orient(pixels, orientation), np.asarray(ImageOps.exif_transpose(picture)))


def test_size_is_never_larger_than_asked_nor_enlarged():
    assert frame.target_size(3000, 4000, aspect=1.0, longest=5000) == (3000, 4000)
    assert frame.target_size(3, 4000, aspect=1.0, longest=16) == (1, 16)


def test_resizing_a_flat_field_changes_nothing():
    flat = np.full((3, 40, 60), 0.25, np.float32)
    assert np.allclose(frame.resize(flat, 13, 20), 0.25, atol=1e-6)
    assert np.allclose(frame.resize(flat, 40, 90), 0.25, atol=1e-6)


def test_resizing_keeps_the_mean_of_light():
    light = np.random.default_rng(0).random((1, 64, 64)).astype(np.float32)
    assert frame.resize(light, 8, 8).mean() == pytest.approx(light.mean(), rel=0.01)


def test_shrinking_around_a_lamp_leaves_no_dark_ring():
    light = np.zeros((1, 64, 64), np.float32)
    light[0, 30:34, 30:34] = 100
    assert frame.resize(light, 16, 16).min() >= 0
