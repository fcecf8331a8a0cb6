"""Gains of a lens: exactly, photosite by photosite, and on a coarse grid."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from deepisp.develop import lens, shading
from deepisp.develop.exact_gains import ExactGains
from deepisp.develop.lens_kernels import gain_row
from deepisp.raw import opcode_bytes
from deepisp.raw import opcodes as dng
from tests.develop.gain_maps import gain_map, list_2, per_position, whole

# Gains, exactly.


def rows(grid: shading.GainGrid, start: int, stop: int, columns: tuple[int, int]) -> NDArray[np.float32]:
    """Gains of the photosites in rows `start` to `stop` and a range of columns."""
    return grid.at(np.arange(start, stop), np.arange(*columns))


def test_a_gain_between_four_nodes_is_that_on_paper() -> None:
    # Pixel centers of a 2 x 2 picture lie at 1/4 and 3/4 of it; nodes 1 2 / 3 4 at its corners:
    # 1 + 1/4 + 2/4 = 1.75, 1 + 3/4 + 2/4 = 2.25, 1 + 1/4 + 6/4 = 2.75, 1 + 3/4 + 6/4 = 3.25.
    gain = gain_map([[1, 2], [3, 4]], whole((2, 2)))
    expected = [[1.75, 2.25], [2.75, 3.25]]
    assert lens.apply_exact(np.ones((2, 2)), [gain]).tolist() == expected
    grid = shading.gain_grid([gain], shape=(2, 2), side=2)
    assert grid is not None
    assert rows(grid, 0, 2, (0, 2)).tolist() == expected


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
    grid = shading.gain_grid(maps, shape=shape, side=2)
    assert grid is not None
    assert grid.gains.shape == (4, 5, 7)
    exact = lens.apply_exact(np.ones(shape, np.float32), maps)
    np.testing.assert_allclose(rows(grid, 0, 61, (0, 84)), exact, rtol=1e-6)
    np.testing.assert_array_equal(rows(grid, 7, 20, (3, 50)), rows(grid, 0, 61, (0, 84))[7:20, 3:50])
    assert (grid.ceiling == grid.gains.min(0)).all()


@pytest.mark.parametrize("side", [1, 2, 6])
def test_products_of_gains_lie_within_a_ten_thousandth(side: int) -> None:
    shape = (402, 600)
    y, x = np.mgrid[-1:1:9j, -1:1:11j]
    first = gain_map(1.5 + 0.4 * (y**2 + x**2), whole(shape), (1 / 8, 1 / 10))
    second = gain_map(1 + 0.1 * x[::2, ::2] ** 2, whole(shape), (1 / 4, 1 / 5))
    vignette = dng.FixVignetteRadial((0.5, 0.2, -0.1, 0.05, 0), (0.45, 0.55))
    opcodes = [first, vignette, second]
    grid = shading.gain_grid(opcodes, shape=shape, side=side)
    assert grid is not None
    assert grid.gains.shape[0] == side * side
    np.testing.assert_allclose(
        rows(grid, 0, 402, (0, 600)), lens.apply_exact(np.ones(shape, np.float32), opcodes), rtol=1.5e-4
    )


def test_a_map_of_the_middle_is_continued_where_vignetting_goes_on() -> None:
    shape = (200, 300)
    middle = gain_map([[1.2, 1.1], [1.0, 1.3]], whole(shape), (0.5, 0.5), (0.25, 0.25))
    opcodes = [middle, dng.FixVignetteRadial((0.5, 0, 0, 0, 0), (0.5, 0.5))]
    grid = shading.gain_grid(opcodes, shape=shape, side=2)
    assert grid is not None
    exact = lens.apply_exact(np.ones(shape, np.float32), opcodes)
    np.testing.assert_allclose(rows(grid, 0, 200, (0, 300)), exact, rtol=1.5e-4)


def test_a_cell_of_three_repeats_from_the_corner_wherever_rows_begin() -> None:
    shape = (20, 21)
    grid = shading.gain_grid([gain_map([[2]], dng.Region(1, 2, *shape, 0, 1, 3, 3))], shape=shape, side=3)
    assert grid is not None
    expected = np.ones(shape)
    expected[1::3, 2::3] = 2
    for top, left in [(0, 0), (7, 5), (8, 4)]:
        np.testing.assert_array_equal(rows(grid, top, 20, (left, 21)), expected[top:, left:])


def test_positions_that_no_map_touches_keep_their_light() -> None:
    shape = (40, 40)
    grid = shading.gain_grid(per_position(shape)[1:2], shape=shape, side=2)  # red's right neighbor alone
    assert grid is not None
    gains = rows(grid, 0, 40, (0, 40))
    assert (gains[0::2, 0::2] == 1).all()
    assert (gains[1::2] == 1).all()
    assert (gains[0::2, 1::2] > 1).all()


def test_no_opcodes_are_gains_of_one() -> None:
    grid = shading.gain_grid([], shape=(10, 12), side=2)
    assert grid is not None
    assert (rows(grid, 0, 10, (0, 12)) == 1).all()


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
    assert shading.gain_grid(opcodes, shape=SHAPE, side=2) is None


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
    grid = shading.gain_grid(per_position(shape), shape=shape, side=2)
    assert grid is not None
    for y in (0, 1, 17, 30):
        line = np.empty(46, np.float32)
        for first in (0, 1):
            part = line[first::2].copy()
            position = grid.row_origin + grid.row_step * y
            start, step = grid.column_origin + grid.column_step * first, 2 * grid.column_step
            gain_row(grid.gains[y % 2 * 2 + first], position, start, step, part)
            line[first::2] = part
        np.testing.assert_allclose(line, rows(grid, y, y + 1, (0, 46))[0], rtol=2e-6)


# Gains, photosite by photosite.


def lists(shape: tuple[int, int]) -> tuple[dng.Opcode, ...]:
    """Gains of every kind, some of a part of the picture and of one plane."""
    rng = np.random.default_rng(7)
    part = dng.Region(3, 5, 30, 41, 0, 1, 2, 3)
    return (
        *per_position(shape),
        dng.FixVignetteRadial((0.4, 0.1, 0, 0, 0), (0.4, 0.5)),
        dng.ScalePerRow(part, rng.uniform(1, 2, 14).astype(np.float32)),
        dng.ScalePerColumn(part._replace(plane=1, planes=9), rng.uniform(1, 2, 12).astype(np.float32)),
        gain_map(rng.uniform(1, 2, (3, 4, 2)), part._replace(planes=2), (0.5, 0.3), (0.1, 0.1)),
    )


@pytest.mark.parametrize("planes", [1, 3])
def test_gains_of_some_rows_and_columns_are_those_of_the_whole(planes: int) -> None:
    shape = (40, 50)
    exact = ExactGains(lists(shape), shape, 2, planes)  # type: ignore[arg-type]
    whole_map = lens.apply_exact(np.ones((planes, *shape) if planes > 1 else shape, np.float32), lists(shape))
    rows, columns = np.array([9, 4, 4, 0, 39, 30]), np.array([49, 5, 8, 11, 0])
    expected = whole_map[..., rows[:, None], columns]
    np.testing.assert_allclose(exact.at(rows, columns), expected, rtol=1e-6)


def test_the_lowest_gain_is_that_of_the_cell_around() -> None:
    # Cells of 2 x 2 in 3 x 5 photosites: the last ones are cut.
    shape, values = (3, 5), np.float32([4, 2, 3])
    rows = dng.ScalePerRow(whole(shape), values)
    columns = dng.ScalePerColumn(whole(shape), np.float32([1, 2, 5, 3, 7]))
    exact = ExactGains((rows, columns), shape, 2)
    expected = np.outer([2, 2, 3], [1, 1, 3, 3, 7])
    np.testing.assert_array_equal(exact.lowest(np.arange(3), np.arange(5)), expected)
    np.testing.assert_array_equal(
        exact.lowest(np.array([2, 0]), np.array([1, 4])), expected[[2, 0]][:, [1, 4]]
    )
    planes = ExactGains((rows, dng.ScalePerRow(whole(shape)._replace(plane=1), values)), shape, 1, 3)
    np.testing.assert_array_equal(
        planes.lowest(np.arange(3), np.arange(1))[:, 0], [1, 1, 1]
    )  # plane 2 has none


# Real maps.


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
    grid = shading.gain_grid(opcodes, shape=(3000, 4000), side=2)
    assert grid is not None
    assert grid.gains.shape[1:] == opcodes[0].gains.shape[:2]  # type: ignore[union-attr]
    edge = rows(grid, 0, 1, (0, 4000))[0]
    assert edge[0] == pytest.approx(corner, abs=2e-3)
    middle = rows(grid, 1400, 1600, (1900, 2100))
    assert middle.min() >= 1
    assert middle.max() < 1.02
    ones = lens.apply_exact(np.ones((3000, 4000), np.float32), opcodes)
    np.testing.assert_allclose(rows(grid, 0, 64, (0, 4000)), ones[:64], rtol=1e-6)
