"""Each kind of raw picture comes out as the values that were put in, under the right CFA."""

import struct

import imagecodecs
import numpy as np
import pytest

import deepisp
from deepisp.raw.errors import UnsupportedFile
from deepisp.sensor import cfa as cfa_cell
from tests.raw import make
from tests.raw.make import (
    DEFLATE,
    JPEG_XL,
    JPEG_XL_OLD,
    LOSSLESS_JPEG,
    LOSSY_JPEG,
    NONE,
    byte,
    long,
    noise,
    short,
)

MOSAIC = noise(64, 96)
LINEAR = np.stack([MOSAIC, MOSAIC // 2, MOSAIC + 9], axis=-1)
QUAD = "RRGGRRGGGGBBGGBB"


@pytest.mark.parametrize("cfa", cfa_cell.BAYER)
@pytest.mark.parametrize("compression", [NONE, LOSSLESS_JPEG, DEFLATE, JPEG_XL])
def test_bayer_of_each_phase(read_dng, cfa, compression):
    raw = read_dng(MOSAIC, cfa=cfa, compression=compression)
    assert (raw.kind, raw.cfa, raw.linear) == ("bayer", cfa, None)
    np.testing.assert_array_equal(raw.mosaic, MOSAIC)


@pytest.mark.parametrize("compression", [NONE, LOSSLESS_JPEG])
@pytest.mark.parametrize("tile", [(64, 112), (32, 256), (64, 96), (32, 64)])
def test_tiles_of_any_width(read_dng, tile, compression):
    np.testing.assert_array_equal(read_dng(MOSAIC, tile=tile, compression=compression).mosaic, MOSAIC)


@pytest.mark.parametrize(
    ("top", "left", "at_origin"),
    [(0, 1, "GRBG"), (1, 0, "GBRG"), (1, 1, "BGGR"), (2, 4, "RGGB"), (3, 2, "GBRG")],
)
def test_cfa_names_the_stored_origin_though_the_file_names_the_active_area(read_dng, top, left, at_origin):
    raw = read_dng(MOSAIC, cfa="RGGB", tags={50829: long(top, left, 60, 90)})
    assert raw.cfa == at_origin
    assert raw.active == (top, left, 60, 90)
    assert cfa_cell.cell(raw.cfa)[top % 2, left % 2] == "R"  # by hand: the file says red at its corner


@pytest.mark.parametrize("compression", [NONE, LOSSLESS_JPEG])
def test_xtrans_and_its_origin(read_dng, compression):
    raw = read_dng(MOSAIC, cfa=cfa_cell.XTRANS, compression=compression, tags={50829: long(1, 5, 60, 90)})
    assert raw.kind == "xtrans"
    np.testing.assert_array_equal(raw.mosaic, MOSAIC)
    cell = cfa_cell.cell(raw.cfa)
    for row, column in ((0, 0), (2, 3), (5, 4)):
        assert cell[(1 + row) % 6, (5 + column) % 6] == cfa_cell.XTRANS[6 * row + column]


@pytest.mark.parametrize("compression", [NONE, LOSSLESS_JPEG, DEFLATE])
def test_quad_bayer_is_not_taken_for_bayer(read_dng, compression):
    raw = read_dng(MOSAIC, cfa=QUAD, compression=compression, tags={50829: long(0, 1, 64, 96)})
    assert raw.kind == "quad"
    assert raw.cfa == "GRRGGRRGBGGBBGGB"  # QUAD with its last column in front
    np.testing.assert_array_equal(raw.mosaic, MOSAIC)


@pytest.mark.parametrize("compression", [NONE, LOSSLESS_JPEG])
def test_four_colors(read_dng, compression):
    raw = read_dng(MOSAIC, cfa="GMCY", compression=compression, tags={50710: byte(3, 4, 5, 1)})
    assert (raw.kind, raw.cfa, raw.colors) == ("four-color", "GMCY", "GCMY")
    np.testing.assert_array_equal(raw.mosaic, MOSAIC)


def test_monochrome_as_linear_raw_of_one_sample(read_dng):
    raw = read_dng(MOSAIC, cfa="W")
    assert (raw.kind, raw.cfa) == ("mono", "W")
    np.testing.assert_array_equal(raw.mosaic, MOSAIC)


@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize("compression", [NONE, DEFLATE])
def test_plain_gray_tiff_is_monochrome(read_dng, photometric, compression):
    bare = {33421: None, 33422: None, 50706: None, 50708: None, 262: short(photometric)}
    raw = read_dng(MOSAIC, compression=compression, shared=bare)
    assert raw.kind == "mono"
    np.testing.assert_array_equal(raw.mosaic, 65535 - MOSAIC if photometric == 0 else MOSAIC)


def test_where_white_is_zero_black_is_the_largest_number_of_the_file_s_bits(read_dng):
    bare = {33421: None, 33422: None, 50706: None, 50708: None, 262: short(0)}
    raw = read_dng(MOSAIC % 4096, bits=12, shared=bare)
    assert (raw.white_level == 4095).all()
    np.testing.assert_array_equal(raw.mosaic, 4095 - MOSAIC % 4096)


@pytest.mark.parametrize("compression", [NONE, LOSSLESS_JPEG, DEFLATE, JPEG_XL, JPEG_XL_OLD])
@pytest.mark.parametrize("tile", [None, (32, 32)])
def test_linear(read_dng, compression, tile):
    raw = read_dng(LINEAR, compression=compression, tile=tile, preview=True)
    assert (raw.kind, raw.mosaic, raw.cfa, raw.colors) == ("linear", None, "", "RGB")
    assert raw.linear.dtype == np.uint16
    np.testing.assert_array_equal(raw.linear, LINEAR)


def test_lossy_linear_gives_the_jpegs_own_values(read_dng):
    ramp = np.add.outer(np.arange(64), np.arange(96)).astype(np.uint8)
    raw = read_dng(np.stack([ramp, ramp // 2, 200 - ramp], axis=-1), compression=LOSSY_JPEG)
    assert raw.kind == "linear"
    assert (raw.white_level == 255).all()
    assert (
        abs(raw.linear[..., 0].astype(int) - ramp).max() <= 4
    )  # quality 95; YCbCr was undone, or red were 100 off
    assert abs(raw.linear[..., 2].astype(int) - (200 - ramp)).max() <= 4


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("compression", [NONE, DEFLATE, JPEG_XL])
@pytest.mark.parametrize("values", [MOSAIC, LINEAR])
def test_floating_point(read_dng, dtype, compression, values):
    values = (values / 4096).astype(dtype)
    raw = read_dng(values, compression=compression)
    assert raw.data.dtype == np.float32
    assert (raw.white_level == 1).all()
    np.testing.assert_array_equal(raw.data, values)


@pytest.mark.parametrize("values", [MOSAIC, LINEAR])
def test_numbers_that_are_none_become_zero_and_are_counted(read_dng, values):
    values = (values / 4096).astype(np.float32)
    values[3, 5], values[8, 8] = np.nan, np.inf
    raw = read_dng(values, compression=DEFLATE)
    bad = ~np.isfinite(values)
    assert raw.warnings == (f"{bad.sum()} pixels that are no numbers were set to 0",)
    np.testing.assert_array_equal(raw.data, np.where(bad, 0, values))


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("how", [{}, {"rows": 5}, {"tile": (32, 48)}])
@pytest.mark.parametrize("order", ["<", ">"])
def test_packed_bits(read_dng, bits, how, order):
    values = (MOSAIC.astype(int)[:, :95] * 7 % 2**bits).astype(np.uint8 if bits == 8 else np.uint16)
    raw = read_dng(values, bits=bits, order=order, **how)
    np.testing.assert_array_equal(raw.mosaic, values)
    assert (raw.white_level == 2**bits - 1).all()


@pytest.mark.parametrize("how", [{"rows": 8}, {"rows": 8, "compression": LOSSLESS_JPEG}, {"tile": (32, 32)}])
def test_strips_that_do_not_follow_each_other(tmp_path, how):
    values = np.random.default_rng(5).integers(600, 3000, (64, 96), np.uint16)
    part = make.picture(values, **how)
    part.tags |= make.pattern("RGGB") | {50706: byte(1, 4, 0, 0), 50708: make.text("a")}
    # Stored in another order than listed: LibRaw reads on from the first.
    order, out = np.random.default_rng(0).permutation(len(part.segments)), bytearray(8)
    offsets = dict.fromkeys(range(len(order)), 0)
    for index in order:
        offsets[int(index)] = len(out)
        out += part.segments[index] + b"\xee" * 20
    names = (324, 325) if "tile" in how else (273, 279)
    part.tags |= {names[0]: long(*offsets.values()), names[1]: long(*map(len, part.segments))}
    tail = make.tiff(make.Directory({code: tag for code, tag in part.tags.items()}))
    at = len(out) + len(out) % 2
    out += b"\0" * (at - len(out)) + _moved(tail, at)
    out[:8] = tail[:4] + (int.from_bytes(tail[4:8], "little") + at).to_bytes(4, "little")
    np.testing.assert_array_equal(deepisp.read(make.save(tmp_path, bytes(out))).mosaic, values)


def _moved(tail: bytes, by: int) -> bytes:
    """A TIFF of one directory whose out-of-line values are to lie `by` bytes further on."""
    out, at = bytearray(tail), int.from_bytes(tail[4:8], "little")
    sizes = {1: 1, 2: 1, 3: 2, 4: 4, 7: 1}
    for i in range(int.from_bytes(out[at : at + 2], "little")):
        entry = at + 2 + 12 * i
        _, kind, count, value = struct.unpack_from("<HHII", out, entry)
        if sizes[kind] * count > 4:
            struct.pack_into("<I", out, entry + 8, value + by)
    return bytes(out)


@pytest.mark.parametrize("side", [1, 2, 3, 5, 21, 22, 23, 67])
@pytest.mark.parametrize("compression", [NONE, LOSSLESS_JPEG])
def test_odd_sizes(read_dng, side, compression):
    for height, width in ((side, side), (side, 40), (40, side)):
        values = noise(height, width)
        np.testing.assert_array_equal(read_dng(values, compression=compression).mosaic, values)


def test_one_row_and_one_column(read_dng):
    for shape in ((1, 4000), (4000, 1)):
        values = noise(*shape)
        np.testing.assert_array_equal(read_dng(values).mosaic, values)


@pytest.mark.parametrize("cfa", ["RGGBRGGBW", "RGBW"])
def test_unusual_cells_are_named_not_guessed(read_dng, cfa):
    raw = read_dng(MOSAIC, cfa=cfa)
    assert raw.cfa == cfa
    assert raw.kind in ("other", "four-color")


@pytest.mark.parametrize(
    "tags",
    [{33421: short(2, 3), 33422: byte(0, 1, 2, 0, 1, 2)}, {50711: short(2)}, {33422: byte(0, 1, 1, 9)}],
)
def test_a_pattern_that_is_not_known_is_refused_by_name(read_dng, tags):
    with pytest.raises(UnsupportedFile, match=r"a CFA of 2 x \d in layout \d with colors \["):
        read_dng(MOSAIC, tags=tags)


def test_a_mosaic_without_its_pattern_is_refused(read_dng):
    with pytest.raises(UnsupportedFile, match=r"without a CFA pattern.*--layout"):
        read_dng(MOSAIC, tags={33422: None})


@pytest.mark.parametrize("cfa", ["RGGB", QUAD])  # LibRaw decodes the one, tifffile the other
def test_lossless_jpeg_of_two_components_as_adobe_writes_it(tmp_path, cfa):
    part = make.picture(MOSAIC, compression=LOSSLESS_JPEG)
    part.tags |= make.pattern(cfa) | {50706: byte(1, 4, 0, 0), 50708: make.text("a")}
    pairs = MOSAIC.reshape(64, 48, 2)  # each pair of columns is one pixel of two components
    part.segments = [imagecodecs.jpeg_encode(pairs, lossless=True, bitspersample=16)]
    np.testing.assert_array_equal(deepisp.read(make.save(tmp_path, make.tiff(part))).mosaic, MOSAIC)
