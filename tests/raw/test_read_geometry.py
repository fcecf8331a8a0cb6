"""Areas, orientation and thumbnail as the tags say."""

import re

import imagecodecs
import numpy as np
import pytest

import deepisp
from deepisp.raw.errors import DamagedFile
from tests.raw import make
from tests.raw.make import long, noise, rational, short

MOSAIC = noise(64, 96)
ACTIVE = {50829: long(4, 6, 60, 90)}


def test_areas_of_a_file_that_names_none(read_dng):
    raw = read_dng(MOSAIC)
    assert raw.active == raw.crop == (0, 0, 64, 96)
    assert raw.default_crop is None
    assert raw.pixel_aspect == 1


def test_default_crop_counts_from_the_active_area_column_first(read_dng):
    raw = read_dng(MOSAIC, tags=ACTIVE | {50719: rational(3, 2), 50720: rational(70, 50)})
    assert raw.active == (4, 6, 60, 90)
    assert raw.default_crop == (4 + 2, 6 + 3, 4 + 2 + 50, 6 + 3 + 70)


@pytest.mark.parametrize(
    ("origin", "size"),
    [((20, 2), (70, 50)), ((3, 10), (70, 50)), ((0, 0), (0, 5)), (((1, 0), 0), (5, 5)), ((0,), (5, 5))],
)
def test_a_crop_outside_the_active_area_is_left_out(read_dng, origin, size):
    raw = read_dng(MOSAIC, tags=ACTIVE | {50719: rational(*origin), 50720: rational(*size)})
    assert raw.crop == raw.active


@pytest.mark.parametrize(
    "area", [(0, 0, 65, 96), (0, 0, 64, 97), (10, 0, 10, 96), (0, 50, 64, 40), (0, 0, 2**31, 2**31)]
)
def test_an_active_area_beyond_the_picture_is_damage(read_dng, area):
    with pytest.raises(DamagedFile, match=r"ActiveArea .* lies outside 64 x 96"):
        read_dng(MOSAIC, tags={50829: long(*area)})


def test_default_scale_is_the_width_of_a_pixel_over_its_height(read_dng):
    assert read_dng(MOSAIC, tags={50718: rational(2, 1)}).pixel_aspect == 2
    assert read_dng(MOSAIC, tags={50718: rational(0, 1)}).pixel_aspect == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(read_dng, orientation):
    raw = read_dng(MOSAIC, shared={274: short(orientation)}, preview=True)
    assert raw.orientation == orientation
    np.testing.assert_array_equal(raw.mosaic, MOSAIC)  # stored pixels are never turned


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_is_none_is_upright(read_dng, orientation):
    assert read_dng(MOSAIC, shared={274: short(orientation)}).orientation == 1


def test_masked_areas(read_dng):
    raw = read_dng(MOSAIC, tags=ACTIVE | {50830: long(0, 0, 4, 96, 4, 0, 60, 6, 0, 0, 99, 99)})
    assert raw.masked_areas == ((0, 0, 4, 96), (4, 0, 60, 6))  # the third lies outside


@pytest.mark.parametrize(("black", "warns"), [(600, False), (660, True)])
@pytest.mark.parametrize("listed", [False, True])
def test_black_is_compared_with_the_masked_border(read_dng, black, warns, listed):
    values = noise(120, 160, low=2000, high=3000)
    values[:32, :] = noise(32, 160, low=595, high=606)
    tags = {50829: long(32, 0, 120, 160), 50714: short(black), 50717: short(4095)}
    raw = read_dng(values, tags=tags | ({50830: long(0, 0, 32, 160)} if listed else {}))
    assert bool(raw.warnings) == warns
    assert not warns or re.match(r"masked borders read 600\.\d, the black level is 660.0", raw.warnings[0])


@pytest.mark.data
def test_thumbnail_only_if_asked_for(data):
    file = data / "raw" / "canon-eos-6d-iso1000-night-desk-adobe-lossy-linear.dng"
    assert deepisp.read(file).thumbnail is None
    thumbnail = deepisp.read(file, thumbnail=True).thumbnail
    assert imagecodecs.jpeg8_decode(thumbnail).shape == (683, 1024, 3)  # its larger preview


def test_a_file_without_a_preview_has_no_thumbnail(tmp_path):
    assert deepisp.read(make.save(tmp_path, make.dng(MOSAIC)), thumbnail=True).thumbnail is None
