import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from deepisp.develop import lens
from deepisp.develop.lens_kernels import gain_row
from deepisp.raw import opcode_bytes
from deepisp.raw import opcodes as dng

Picture = NDArray[np.float32]


def whole(shape: tuple[int, int], planes: int = 1) -> dng.Region:
    return dng.Region(0, 0, *shape, 0, planes)


def gain_map(
    gains: object,
    region: dng.Region,
    spacing: tuple[float, float] = (1, 1),
    origin: tuple[float, float] = (0, 0),
) -> dng.GainMap:
    values = np.array(gains, np.float32)
    return dng.GainMap(region, values if values.ndim == 3 else values[:, :, None], spacing, origin)


def per_position(
    shape: tuple[int, int], nodes: tuple[int, int] = (5, 7), seed: int = 0
) -> tuple[dng.GainMap, ...]:
    """A map for each position of a Bayer cell, as phones write them."""
    rng = np.random.default_rng(seed)
    spacing = 1 / (nodes[0] - 1), 1 / (nodes[1] - 1)
    return tuple(
        gain_map(rng.uniform(1, 3, nodes), dng.Region(top, left, *shape, 0, 1, 2, 2), spacing)
        for top in (0, 1)
        for left in (0, 1)
    )


# Gains, exactly.


def test_a_gain_between_four_nodes_is_that_on_paper() -> None:
    # Pixel centers of a 2 x 2 picture lie at 1/4 and 3/4 of it; nodes 1 2 / 3 4 at its corners:
    # 1 + 1/4 + 2/4 = 1.75, 1 + 3/4 + 2/4 = 2.25, 1 + 1/4 + 6/4 = 2.75, 1 + 3/4 + 6/4 = 3.25.
    gain = gain_map([[1, 2], [3, 4]], whole((2, 2)))
    expected = [[1.75, 2.25], [2.75, 3.25]]
    assert lens.apply_exact(np.ones((2, 2)), [gain]).tolist() == expected
    grid = lens.gain_grid([gain], shape=(2, 2), side=2)
    assert grid is not None
    assert grid.rows(0, 2, (0, 2)).tolist() == expected


def test_gains_are_held_past_the_edges_of_a_map() -> None:
    # Nodes at 1/4 and 3/4 of 8 pixels: pixel centers 1/16 and 3/16 lie before the first.
    gain = gain_map([[1, 5]], whole((1, 8)), (1, 0.5), (0, 0.25))
    assert lens.apply_exact(np.ones((1, 8)), [gain])[0].tolist() == [1, 1, 1.5, 2.5, 3.5, 4.5, 5, 5]


def test_pitch_and_planes_choose_what_a_map_touches() -> None:
    gain = gain_map([[[2, 3]]], dng.Region(1, 2, 6, 7, 1, 9, 2, 3))
    touched = lens.apply_exact(np.ones((3, 8, 8), np.float32), [gain])
    expected = np.ones((3, 8, 8))
    expected[1:, 1:6:2, 2:7:3] = 3  # planes 1 and 2 take the map's last plane, 1
    assert (touched == expected).all()


def test_vignetting_by_hand() -> None:
    # The center of 601 x 801 is (300, 400), its corners are 500 away; (300, 650) lies at r = 1/2.
    fix = dng.FixVignetteRadial((0.4, 0.8, 0, 0, 1.024), (0.5, 0.5))
    gains = lens.apply_exact(np.ones((601, 801), np.float32), [fix])
    assert gains[300, 400] == 1
    assert gains[300, 650] == pytest.approx(1 + 0.4 / 4 + 0.8 / 16 + 1.024 / 1024, abs=1e-6)
    assert gains[0, 0] == gains[600, 800] == pytest.approx(1 + 0.4 + 0.8 + 1.024, abs=1e-6)


def test_vignetting_off_center_and_with_high_pixels() -> None:
    # Center (0, 0); the far corner of 76 x 81 pixels, twice as high as wide, is (150, 80) widths away: 170.
    fix = dng.FixVignetteRadial((1, 0, 0, 0, 0), (0, 0))
    gains = lens.apply_exact(np.ones((76, 81), np.float32), [fix], pixel_aspect=0.5)
    assert gains[75, 80] == pytest.approx(2)
    assert gains[75, 0] == pytest.approx(1 + (150 / 170) ** 2)
    assert gains[0, 80] == pytest.approx(1 + (80 / 170) ** 2)


# Gains, on a grid.


def test_one_map_for_each_position_is_taken_over_exactly() -> None:
    shape = (61, 84)
    maps = per_position(shape)
    grid = lens.gain_grid(maps, shape=shape, side=2)
    assert grid is not None
    assert grid.gains.shape == (4, 5, 7)
    exact = lens.apply_exact(np.ones(shape, np.float32), maps)
    np.testing.assert_allclose(grid.rows(0, 61, (0, 84)), exact, rtol=1e-6)
    np.testing.assert_array_equal(grid.rows(7, 20, (3, 50)), grid.rows(0, 61, (0, 84))[7:20, 3:50])
    assert (grid.ceiling == grid.gains.min(0)).all()


@pytest.mark.parametrize("side", [1, 2, 6])
def test_products_of_gains_lie_within_a_ten_thousandth(side: int) -> None:
    shape = (402, 600)
    y, x = np.mgrid[-1:1:9j, -1:1:11j]
    first = gain_map(1.5 + 0.4 * (y**2 + x**2), whole(shape), (1 / 8, 1 / 10))
    second = gain_map(1 + 0.1 * x[::2, ::2] ** 2, whole(shape), (1 / 4, 1 / 5))
    vignette = dng.FixVignetteRadial((0.5, 0.2, -0.1, 0.05, 0), (0.45, 0.55))
    opcodes = [first, vignette, second]
    grid = lens.gain_grid(opcodes, shape=shape, side=side)
    assert grid is not None
    assert grid.gains.shape[0] == side * side
    np.testing.assert_allclose(
        grid.rows(0, 402, (0, 600)), lens.apply_exact(np.ones(shape, np.float32), opcodes), rtol=1.5e-4
    )


def test_a_map_of_the_middle_is_continued_where_vignetting_goes_on() -> None:
    shape = (200, 300)
    middle = gain_map([[1.2, 1.1], [1.0, 1.3]], whole(shape), (0.5, 0.5), (0.25, 0.25))
    opcodes = [middle, dng.FixVignetteRadial((0.5, 0, 0, 0, 0), (0.5, 0.5))]
    grid = lens.gain_grid(opcodes, shape=shape, side=2)
    assert grid is not None
    exact = lens.apply_exact(np.ones(shape, np.float32), opcodes)
    np.testing.assert_allclose(grid.rows(0, 200, (0, 300)), exact, rtol=1.5e-4)


def test_a_cell_of_three_repeats_from_the_corner_wherever_rows_begin() -> None:
    shape = (20, 21)
    grid = lens.gain_grid([gain_map([[2]], dng.Region(1, 2, *shape, 0, 1, 3, 3))], shape=shape, side=3)
    assert grid is not None
    expected = np.ones(shape)
    expected[1::3, 2::3] = 2
    for top, left in [(0, 0), (7, 5), (8, 4)]:
        np.testing.assert_array_equal(grid.rows(top, 20, (left, 21)), expected[top:, left:])


def test_positions_that_no_map_touches_keep_their_light() -> None:
    shape = (40, 40)
    grid = lens.gain_grid(per_position(shape)[1:2], shape=shape, side=2)  # red's right neighbor alone
    assert grid is not None
    gains = grid.rows(0, 40, (0, 40))
    assert (gains[0::2, 0::2] == 1).all()
    assert (gains[1::2] == 1).all()
    assert (gains[0::2, 1::2] > 1).all()


def test_no_opcodes_are_gains_of_one() -> None:
    grid = lens.gain_grid([], shape=(10, 12), side=2)
    assert grid is not None
    assert (grid.rows(0, 10, (0, 12)) == 1).all()


SHAPE = (40, 60)


@pytest.mark.parametrize(
    "opcode",
    [
        dng.MapPolynomial(whole(SHAPE), (0.0, 2.0)),
        dng.ScalePerRow(whole(SHAPE), np.ones(40, np.float32)),
        gain_map([[2]], dng.Region(4, 0, 40, 60, 0, 1, 2, 2)),      # begins inside
        gain_map([[2]], dng.Region(0, 0, 30, 60)),      # ends inside
        gain_map([[2]], dng.Region(0, 0, 40, 60, 0, 1, 3, 1)),      # does not repeat with the cell
        gain_map([[2]], dng.Region(0, 0, 40, 60, 1)),      # no plane of a mosaic
        (gain_map(np.ones((400, 400)), whole(SHAPE), (1 / 399, 1 / 399)), gain_map([[2]], whole(SHAPE))),
    ],
)  # fmt: skip
def test_what_no_grid_can_say_is_left_to_the_exact_way(opcode: dng.Opcode | tuple[dng.Opcode, ...]) -> None:
    opcodes = opcode if isinstance(opcode, tuple) else (opcode,)
    assert lens.gain_grid(opcodes, shape=SHAPE, side=2) is None


@pytest.mark.parametrize("nodes", [(1, 1), (1, 4), (6, 1), (5, 7)])
@pytest.mark.parametrize(
    ("row", "origin", "step"),
    [(1.25, 0.1, 0.013), (-2, -1.7, 0.05), (9, 5.5, 0.01), (4, 0, 1.7), (0.5, 9, 0.1)],
)
def test_a_row_of_gains_is_numpys_interpolation(
    nodes: tuple[int, int], row: float, origin: float, step: float
) -> None:
    grid = np.random.default_rng(2).uniform(1, 3, nodes).astype(np.float32)
    at = np.arange(nodes[0])
    line = [np.interp(row, at, column) for column in grid.T]
    expected = np.interp(origin + step * np.arange(500), np.arange(nodes[1]), line)
    out = np.full(500, np.nan, np.float32)
    gain_row(grid, row, origin, step, out)
    np.testing.assert_allclose(out, expected, rtol=2e-6)


def test_the_kernel_and_the_grid_agree() -> None:
    shape = (31, 46)
    grid = lens.gain_grid(per_position(shape), shape=shape, side=2)
    assert grid is not None
    for y in (0, 1, 17, 30):
        line = np.empty(46, np.float32)
        for first in (0, 1):
            part = line[first::2].copy()
            position = grid.row_origin + grid.row_step * y
            start, step = grid.column_origin + grid.column_step * first, 2 * grid.column_step
            gain_row(grid.gains[y % 2 * 2 + first], position, start, step, part)
            line[first::2] = part
        np.testing.assert_allclose(line, grid.rows(y, y + 1, (0, 46))[0], rtol=2e-6)


# Values.


def test_polynomials_and_tables_speak_of_full_scale() -> None:
    values = np.array([[-0.5, 0, 0.5, 1, 2]], np.float32)
    square = dng.MapPolynomial(whole((1, 5)), (0.25, 0, 0.5))
    # At -0.5: mirrored in (0, 0.25): 0.5 - 0.375. At 2: as at 1.
    expected = [0.125, 0.25, 0.375, 0.75, 0.75]
    assert lens.apply_exact(values, [square])[0].tolist() == expected
    stored = lens.apply_exact(values * 65535, [square], full_scale=65535)
    np.testing.assert_allclose(stored[0], np.array(expected) * 65535, rtol=1e-6)
    table = dng.MapTable(whole((1, 5)), np.array([10, 20, 40], np.uint16))
    mapped = lens.apply_exact(np.array([[-1, 0, 0.7, 2, 60000]]), [table], full_scale=65535)
    assert mapped[0].round(2).tolist() == [0, 10, 20, 40, 40]


def test_a_polynomial_of_one_plane_leaves_the_others() -> None:
    picture = np.full((3, 4, 5), 0.5, np.float32)
    mapped = lens.apply_exact(picture, [dng.MapPolynomial(dng.Region(1, 1, 3, 4, 1, 1, 1, 2), (0, 0, 1))])
    expected = picture.copy()
    expected[1, 1:3, 1:4:2] = 0.25
    assert (mapped == expected).all()
    assert (picture == 0.5).all()


def test_deltas_and_scales_follow_their_lines() -> None:
    region = dng.Region(1, 0, 4, 5, 0, 1, 2, 2)  # rows 1, 3; columns 0, 2, 4
    one = np.ones((5, 5), np.float32)
    two, three = np.float32([10, 20]), np.float32([1, 2, 3])

    def at(opcode: dng.Opcode, **scales: float) -> list[list[float]]:
        changed = lens.apply_exact(one, [opcode], **scales)
        assert (changed[::2] == 1).all()
        assert (changed[:, 1::2] == 1).all()
        return changed[1:4:2, ::2].tolist()

    assert at(dng.ScalePerRow(region, two)) == [[10, 10, 10], [20, 20, 20]]
    assert at(dng.ScalePerColumn(region, three)) == [[1, 2, 3], [1, 2, 3]]
    assert at(dng.DeltaPerRow(region, two), delta_scale=1) == [[11, 11, 11], [21, 21, 21]]
    assert at(dng.DeltaPerColumn(region, three), full_scale=65535) == [[2, 3, 4], [2, 3, 4]]
    assert at(dng.DeltaPerColumn(region, three * 65535)) == [[2, 3, 4], [2, 3, 4]]


def test_tall_pictures_find_the_value_of_every_line() -> None:
    tall = dng.Region(1, 0, 700, 2, 0, 1, 2, 1)  # more rows than are treated at a time
    values = np.arange(350, dtype=np.float32)
    for opcode in (dng.ScalePerRow(tall, values), dng.DeltaPerRow(tall, values - 1)):
        changed = lens.apply_exact(np.ones((700, 2), np.float32), [opcode], delta_scale=1)
        assert (changed[1::2] == values[:, None]).all()
        assert (changed[::2] == 1).all()


def test_opcodes_are_applied_in_their_order() -> None:
    double, square = gain_map([[2]], whole((1, 1))), dng.MapPolynomial(whole((1, 1)), (0, 0, 1))
    assert lens.apply_exact(np.array([[0.25]]), [double, square]) == 0.25
    assert lens.apply_exact(np.array([[0.25]]), [square, double]) == 0.125


def test_bad_pixels_trimming_and_warping_are_part_of_a_list() -> None:
    mosaic = np.full((8, 8), 5, np.uint16)
    mosaic[3, 3] = 0
    trimmed = lens.apply_exact(mosaic, [dng.FixBadPixelsConstant(0), dng.TrimBounds(2, 1, 8, 5)], cfa="RGGB")
    assert trimmed.shape == (6, 4)
    assert (trimmed == 5).all()
    assert mosaic[3, 3] == 0
    with pytest.raises(ValueError, match="mosaic with its cfa"):
        lens.apply_exact(mosaic, [dng.FixBadPixelsConstant(0)])
    picture = places((20, 30))
    np.testing.assert_array_equal(lens.apply_exact(picture, [radial(0.9)]), lens.warp(picture, radial(0.9)))


def test_gains_beyond_all_numbers_are_infinite_without_a_warning() -> None:
    huge = gain_map([[1e6]], whole((1, 1)))
    assert lens.apply_exact(np.ones((1, 1)), [huge] * 20) == np.inf


# Distortion.


def places(shape: tuple[int, int]) -> Picture:
    """A picture whose planes tell the row and the column: warped, it tells where light was taken from."""
    return np.stack(np.indices(shape)).astype(np.float32)


def radial(
    *factors: float, center: tuple[float, float] = (0.5, 0.5), bend: tuple[float, float] = (0, 0)
) -> dng.Warp:
    return dng.WarpRectilinear(np.array([[*factors, 0, 0, 0][:4]]), np.array([bend]), center)


def second(
    factors: list[float], valid: tuple[float, float] = (0, 1), *, is_reciprocal: bool = False
) -> dng.Warp:
    terms = np.array([factors + [0.0] * (15 - len(factors))])
    return dng.WarpRectilinear2(terms, np.zeros((1, 2)), np.array([valid]), (0.5, 0.5), is_reciprocal)


ANGLE = math.atan(0.5)


# The center of 301 x 401 is (150, 200), its corners are 250 away; (150, 325) lies at r = 1/2.
@pytest.mark.parametrize(
    ("opcode", "row", "column"),
    [
        (radial(1, -0.2), 150, 200 + 125 * 0.95),
        (radial(1, 0, -0.8), 150, 200 + 125 * 0.95),
        (radial(1, bend=(0.01, 0)), 150 + 250 * 0.01 * 0.25, 325),
        (radial(1, bend=(0, 0.01)), 150, 325 + 250 * 0.01 * 0.75),
        (dng.WarpFisheye(np.array([[1, 0, 0, 0]]), (0.5, 0.5)), 150, 200 + 250 * ANGLE),
        (
            dng.WarpFisheye(np.array([[0.5, 0.25, 0, 0]]), (0.5, 0.5)),
            150,
            200 + 250 * (ANGLE / 2 + ANGLE**3 / 4),
        ),
        (second([1, -0.25]), 150, 200 + 125 * 0.875),
        (second([1, -0.25], (0, 0.25)), 150, 200 + 125 * 0.9375),
        (second([1, -0.25], (0.75, 1)), 150, 200 + 125 * 0.8125),
        (second([1, 0.25], is_reciprocal=True), 150, 200 + 125 / 1.125),
        (second([1, *[0] * 13, -1.6384]), 150, 200 + 125 * (1 - 1e-4)),
    ],
)
def test_light_is_taken_from_where_the_formula_says(opcode: dng.Warp, row: float, column: float) -> None:
    found = lens.warp(places((301, 401)), opcode)[:, 150, 325]
    assert found == pytest.approx([row, column], abs=1e-3)


def test_the_corner_lies_at_radius_one() -> None:
    found = lens.warp(places((301, 401)), dng.WarpFisheye(np.array([[1, 0, 0, 0]]), (0.5, 0.5)))
    quarter = math.pi / 4  # the arc tangent of 1
    assert found[:, 0, 0] == pytest.approx([150 - 150 * quarter, 200 - 200 * quarter], abs=1e-3)
    assert found[:, 150, 200] == pytest.approx([150, 200], abs=1e-3)


def test_the_farthest_corner_counts_when_the_center_is_aside() -> None:
    # The center of 241 x 401 at x 1/4, y 0 is (0, 100); (240, 400) is 384.19 away.
    found = lens.warp(places((241, 401)), radial(1, -0.2, center=(0.25, 0)))
    factor = 1 - 0.2 * 160**2 / (240**2 + 300**2)
    assert found[:, 0, 260] == pytest.approx([0, 100 + 160 * factor], abs=1e-3)


def test_pixels_that_are_not_square_are_measured_as_displayed() -> None:
    # 151 rows twice as high as wide: the center is (75, 200), the corner (150, 200) widths away: 250.
    found = lens.warp(places((151, 401)), radial(1, -0.2, bend=(0.01, 0)), pixel_aspect=0.5)
    down = 60 * 2 / 250
    factor = 1 - 0.2 * down**2
    assert found[:, 135, 200] == pytest.approx([75 + 60 * factor + 125 * 0.01 * 3 * down**2, 200], abs=1e-3)


def test_nothing_to_undo_changes_nothing() -> None:
    picture = np.random.default_rng(0).random((3, 50, 70), dtype=np.float32)
    for opcode in (radial(1), second([1])):
        np.testing.assert_allclose(lens.warp(picture, opcode), picture, atol=2e-5)  # 2e-5 of a pixel at most


def test_a_flat_picture_stays_flat_up_to_its_edges() -> None:
    flat = np.full((3, 41, 57), 0.7, np.float32)
    for factor in (0.7, 1.3):
        np.testing.assert_allclose(lens.warp(flat, radial(factor, 0.1)), flat, atol=1e-6)


def test_light_from_beyond_all_numbers_is_that_of_the_edge() -> None:
    found = lens.warp(places((21, 31)), second([0], is_reciprocal=True))
    assert found[:, 0, 0].tolist() == [0, 0]
    assert found[:, -1, -1].tolist() == [20, 30]


def test_each_plane_has_its_own_coefficients_and_forgotten_ones_the_first() -> None:
    picture = np.repeat(places((60, 80))[1:], 3, axis=0)
    single = [lens.warp(picture[:1], radial(factor))[0] for factor in (0.99, 1, 0.95)]
    each = dng.WarpRectilinear(
        np.array([[0.99, 0, 0, 0], [1, 0, 0, 0], [0.95, 0, 0, 0]]), np.zeros((3, 2)), (0.5, 0.5)
    )
    np.testing.assert_array_equal(lens.warp(picture, each), np.stack(single))
    two = dng.WarpRectilinear(each.radial[:2], each.tangential[:2], (0.5, 0.5))
    np.testing.assert_array_equal(lens.warp(picture, two), np.stack([single[0], single[1], single[0]]))


def smooth(rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sin(rows / 9) * np.cos(columns / 7) + columns / 100)


def test_what_a_lens_bent_comes_back_straight() -> None:
    """A lens that draws r at f(r): the picture it makes is computed point by point, with Newton's method."""
    shape, k = (241, 321), -0.15
    rows, columns = np.indices(shape) - np.array([120.0, 160.0])[:, None, None]
    seen = np.hypot(rows, columns) / 200
    true = seen.copy()
    for _ in range(20):
        true -= (true + k * true**3 - seen) / (1 + 3 * k * true**2)
    scale = np.divide(true, seen, out=np.ones_like(seen), where=seen > 0)
    bent = smooth(120 + rows * scale, 160 + columns * scale)[None].astype(np.float32)
    straight = smooth(*np.indices(shape).astype(np.float64))
    error = np.abs(lens.warp(bent, radial(1, k))[0] - straight)
    assert error.max() < 5e-3  # of a range of 5; what Catmull-Rom leaves of waves of 44 pixels
    assert np.abs(bent[0] - straight).max() > 0.5


def test_threads_do_not_change_a_bit() -> None:
    picture = np.random.default_rng(0).random((3, 101, 64), dtype=np.float32)
    np.testing.assert_array_equal(
        lens.warp(picture, radial(0.97, 0.1), threads=3), lens.warp(picture, radial(0.97, 0.1))
    )


NAN = float("nan")
WARPS: dict[str, Callable[[], dng.Warp]] = {
    "rectilinear": lambda: radial(1.01, -0.1, 0.05, -0.01, center=(0.4, 0.6), bend=(0.01, -0.02)),
    "planes": lambda: dng.WarpRectilinear(
        np.array([[f, -0.1, 0, 0] for f in (1, 1.1, 0.9)]), np.zeros((3, 2)), (0.5, 0.5)
    ),
    "fisheye": lambda: dng.WarpFisheye(np.array([[1, -0.1, 0.02, 0]]), (0.4, 0.6)),
    "reciprocal": lambda: second([1, 0.1, -0.2], (0, 0.9), is_reciprocal=True),
    "nowhere": lambda: second([0], is_reciprocal=True),
    "no number": lambda: radial(1, bend=(NAN, NAN)),
    "far away": lambda: radial(1e6, -1e6, bend=(1e6, 1e6)),
}  # fmt: skip


@pytest.mark.parametrize("name", WARPS)
@pytest.mark.parametrize("shape", [(270, 83), (2, 5), (1, 1)])
def test_torch_and_numba_agree(name: str, shape: tuple[int, int], device: str) -> None:
    picture = np.random.default_rng(1).random((3, *shape), dtype=np.float32)
    fast = lens.warp(picture, WARPS[name]())
    assert np.isfinite(fast).all()
    slow = lens.warp_tensor(torch.from_numpy(picture).to(device)[None], WARPS[name]())
    assert slow.shape == (1, 3, *shape)
    np.testing.assert_allclose(slow[0].cpu().numpy(), fast, atol=1e-4)


def test_warping_passes_gradients() -> None:
    picture = torch.rand(2, 6, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda planes: lens.warp_tensor(planes, radial(0.9, 0.1)), (picture,))


# Hostile lists.

LIST = opcode_bytes.encode(
    (
        *per_position((24, 32), (2, 3)),
        dng.FixVignetteRadial((0.1, 0.2, 0.3, 0.4, 0.5), (0.5, 0.5)),
        dng.WarpRectilinear(np.array([[1, 0.1, 0, 0]]), np.array([[0.01, 0.01]]), (0.5, 0.25)),
        dng.MapPolynomial(dng.Region(0, 0, 24, 32, 0, 3), (0.0, 0.5, 0.5)),
    )
)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(LIST) - 4), st.binary(min_size=4, max_size=4))
@example(116 + 32 + 8, b"\x41\x20\0\0")  # a node's distance of half a million pictures
def test_whatever_a_list_says_it_ends_without_a_warning(at: int, new: bytes) -> None:
    try:
        opcodes = opcode_bytes.parse(LIST[:at] + new + LIST[at + 4 :], shape=(24, 32))
    except ValueError:
        return
    lens.gain_grid(opcodes, shape=(24, 32), side=2)
    lens.gain_grid(opcodes[:5], shape=(24, 32), side=2)
    assert lens.apply_exact(np.ones((3, 24, 32), np.float32), opcodes).shape == (3, 24, 32)


# Real lists.


def list_2(path: Path) -> bytes:
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        page = page if 51009 in page.tags else page.pages[0]
        return bytes(page.tags[51009].value)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "corner"),
    [
        # The first node, which struct.unpack(">f") finds at byte 96 of the tag: 4 + 16 + 32 + 44.
        ("gopro-hero6-iso100-mural-walkway.derived-from-gpr.dng", 1.7890625),
        ("gopro-hero7-iso267-colorchecker-fisheye.gpr", 1.72265625),
    ],
)
def test_gopro_maps_lift_the_corners(data: Path, name: str, corner: float) -> None:
    opcodes = opcode_bytes.parse(list_2(data / "raw" / name), shape=(3000, 4000))
    grid = lens.gain_grid(opcodes, shape=(3000, 4000), side=2)
    assert grid is not None
    assert grid.gains.shape[1:] == opcodes[0].gains.shape[:2]  # type: ignore[union-attr]
    edge = grid.rows(0, 1, (0, 4000))[0]
    assert edge[0] == pytest.approx(corner, abs=2e-3)
    middle = grid.rows(1400, 1600, (1900, 2100))
    assert middle.min() >= 1
    assert middle.max() < 1.02
    ones = lens.apply_exact(np.ones((3000, 4000), np.float32), opcodes)
    np.testing.assert_allclose(grid.rows(0, 64, (0, 4000)), ones[:64], rtol=1e-6)


@pytest.mark.data
def test_adobes_lossy_polynomial_rises_from_black_to_white(data: Path) -> None:
    tag = list_2(data / "raw" / "canon-eos-6d-iso1000-night-desk-adobe-lossy-linear.dng")
    opcodes = opcode_bytes.parse(tag, shape=(816, 1224))
    ramp = np.zeros((3, 816, 1224), np.float32)
    ramp[:, 0, :256] = np.arange(256) / 255
    linear = lens.apply_exact(ramp, opcodes)[:, 0, :256]
    assert (np.diff(linear) > 0).all()
    assert (linear[:, 0] == 0).all()
    assert (linear[:, 255] == 1).all()
    assert linear[:, 51] == pytest.approx(0.2 / 128 + 127 / 128 * 0.008, abs=1e-7)  # 51 / 255 = 0.2
