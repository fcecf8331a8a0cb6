"""Opcodes that change values or places, and hostile lists of them."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from deepisp.develop import lens, shading
from deepisp.raw import opcode_bytes
from deepisp.raw import opcodes as dng
from tests.develop.gain_maps import gain_map, list_2, per_position, whole

Picture = NDArray[np.float32]


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
    shading.gain_grid(opcodes, shape=(24, 32), side=2)
    shading.gain_grid(opcodes[:5], shape=(24, 32), side=2)
    assert lens.apply_exact(np.ones((3, 24, 32), np.float32), opcodes).shape == (3, 24, 32)


# Real lists.


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
