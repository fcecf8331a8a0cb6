"""Black, white and linearization as the tags say."""

import numpy as np
import pytest

from tests.raw.make import DEFLATE, LOSSLESS_JPEG, NONE, long, noise, rational, short, signed

MOSAIC = noise(64, 96)


def test_levels_of_a_file_that_names_none(read_dng):
    raw = read_dng(MOSAIC)
    assert (raw.black_level == 0).all()
    assert (raw.white_level == 65535).all()


def test_one_black_and_white(read_dng):
    raw = read_dng(MOSAIC, tags={50714: rational(600.5), 50717: long(3500)})
    assert np.unique(raw.black_level).tolist() == [600.5]
    assert np.unique(raw.white_level).tolist() == [3500]
    assert raw.black_level.shape == raw.white_level.shape == raw.saturation_level.shape == (2, 2)


@pytest.mark.parametrize(("top", "left"), [(0, 0), (1, 0), (0, 1), (3, 5)])
@pytest.mark.parametrize("side", [2, 4])
def test_black_repeats_from_the_active_area(read_dng, top, left, side):
    black = np.arange(side * side).reshape(side, side) + 500
    tags = {50713: short(side, side), 50714: short(*black.ravel()), 50829: long(top, left, 60, 90)}
    raw = read_dng(MOSAIC, tags=tags)
    at = np.broadcast_to(0.0, MOSAIC.shape).copy()
    h, w = raw.black_level.shape
    at = np.tile(raw.black_level, (-(-64 // h), -(-96 // w)))[:64, :96]
    for row in range(top, 60, 7):
        for column in range(left, 90, 5):
            assert at[row, column] == black[(row - top) % side, (column - left) % side]


def test_black_repeat_of_another_shape_than_the_cfa(read_dng):
    raw = read_dng(MOSAIC, tags={50713: short(1, 4), 50714: short(501, 502, 503, 504)})
    np.testing.assert_array_equal(raw.black_level, [[501, 502, 503, 504]] * 2)
    np.testing.assert_array_equal(raw.saturation_level, np.full((2, 4), 65535))


def test_black_of_each_channel_of_a_linear_file(read_dng):
    raw = read_dng(np.stack([MOSAIC] * 3, -1), tags={50714: short(10, 20, 30), 50717: long(4000, 4001, 4002)})
    assert raw.black_level.tolist() == [10, 20, 30]
    assert raw.white_level.tolist() == [4000, 4001, 4002]


def test_black_deltas(read_dng):
    rows, columns = np.arange(60) / 8 - 2, np.arange(90) / 16 - 1
    tags = {50829: long(2, 3, 62, 93), 50716: signed(*rows), 50715: signed(*columns)}
    raw = read_dng(MOSAIC, tags=tags)
    np.testing.assert_allclose(raw.black_rows, rows)
    np.testing.assert_allclose(raw.black_columns, columns)


@pytest.mark.parametrize("deltas", [[0] * 64, [1] * 63, [(0, 0)] + [1] * 63])
def test_black_deltas_that_say_nothing_or_do_not_fit_are_left_out(read_dng, deltas):
    raw = read_dng(MOSAIC, tags={50716: signed(*deltas)})
    assert raw.black_rows is None


TABLE = np.arange(4096) * 9 + 17


@pytest.mark.parametrize(
    ("how", "values"),
    [
        ({"compression": NONE}, MOSAIC),
        ({"compression": NONE, "bits": 12}, MOSAIC),
        ({"compression": LOSSLESS_JPEG}, MOSAIC),
        ({"compression": LOSSLESS_JPEG, "tile": (32, 32)}, MOSAIC),
        ({"compression": LOSSLESS_JPEG, "rows": 16}, MOSAIC),
        ({"compression": DEFLATE}, MOSAIC),
        ({"compression": NONE}, (MOSAIC >> 4).astype(np.uint8)),
        ({"compression": NONE, "tile": (32, 32)}, (MOSAIC >> 4).astype(np.uint8)),
        ({"compression": LOSSLESS_JPEG}, (MOSAIC >> 4).astype(np.uint8)),
        ({"compression": DEFLATE}, (MOSAIC >> 4).astype(np.uint8)),
        ({"compression": NONE}, np.stack([MOSAIC] * 3, -1)),
        ({"compression": NONE}, noise(9, 9)),
    ],
)
@pytest.mark.parametrize("entries", [4096, 200])
def test_linearization_table_is_applied_once(read_dng, how, values, entries):
    raw = read_dng(values, tags={50712: short(*TABLE[:entries])}, **how)
    # Values past the end map to the last entry, DNG 1.7.1 LinearizationTable.
    np.testing.assert_array_equal(raw.data, TABLE[np.minimum(values.astype(int), entries - 1)])


def test_white_below_black_is_measured_instead(read_dng):
    raw = read_dng(MOSAIC, tags={50714: short(600), 50717: short(100)})
    assert "white level 100 is not above black 600" in raw.warnings[0]
    assert np.unique(raw.white_level) == np.unique(raw.saturation_level) == MOSAIC.max()


@pytest.mark.parametrize("white", [long(4294967295), rational((1, 0)), rational((0, 0))])
def test_white_that_is_no_level_is_replaced(read_dng, white):
    raw = read_dng(MOSAIC, tags={50717: white})
    assert (raw.white_level == 65535).all()


@pytest.mark.parametrize("value", [0, 65535])
def test_all_black_and_all_saturated(read_dng, value):
    raw = read_dng(np.full((64, 96), value, np.uint16))
    assert (raw.mosaic == value).all()
    assert (raw.saturation_level == 65535).all()
