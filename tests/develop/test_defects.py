from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from deepisp.develop import defects
from deepisp.raw.opcodes import FixBadPixelsConstant, FixBadPixelsList, TrimBounds
from deepisp.sensor import cfa as cfa_cell

RGGB = "RGGB"
# A plane of each color, so that a neighbor of another color shows at once.
LEVEL = {"R": 100, "G": 200, "B": 300, "W": 400}


def colored(cfa: str, shape: tuple[int, int] = (24, 24)) -> NDArray[np.uint16]:
    n = cfa_cell.side(cfa)
    levels = np.array([LEVEL[letter] for letter in cfa], np.uint16).reshape(n, n)
    return np.tile(levels, (-(-shape[0] // n), -(-shape[1] // n)))[: shape[0], : shape[1]]


def test_the_list_names_points_rectangles_and_a_constant() -> None:
    mosaic = np.arange(24, dtype=np.uint16).reshape(4, 6)
    found = defects.listed(
        mosaic,
        (
            FixBadPixelsConstant(7),
            FixBadPixelsList(np.array([[0, 1], [3, 5]]), np.array([[1, 2, 3, 4]])),
            TrimBounds(0, 0, 1, 1),
        ),
    )
    assert sorted(zip(*(axis.tolist() for axis in np.nonzero(found)), strict=True)) == [
        (0, 1), (1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 5),
    ]  # fmt: skip


def test_a_green_is_repaired_from_its_diagonal_and_a_red_from_two_away() -> None:
    mosaic = np.zeros((5, 5), np.uint16)
    mosaic[[1, 1, 3, 3], [1, 3, 1, 3]] = 10, 20, 30, 41  # around (2, 2)
    mosaic[[0, 2, 2, 4], [2, 0, 4, 2]] = 50, 60, 70, 81
    bad = np.zeros((5, 5), bool)
    bad[2, 2] = True
    assert defects.repair(mosaic, bad, cfa="GRBG")[2, 2] == 25  # median of 10, 20, 30, 41
    assert defects.repair(mosaic, bad, cfa="RGGB")[2, 2] == 65  # median of 50, 60, 70, 81


def test_bad_neighbors_do_not_repair() -> None:
    mosaic = colored(RGGB)
    bad = np.zeros(mosaic.shape, bool)
    bad[8:12, :] = True  # four rows wide
    bad[:, 5] = True
    broken = np.where(bad, np.uint16(65535), mosaic)
    assert (defects.repair(broken, bad, cfa=RGGB) == mosaic).all()


@pytest.mark.parametrize("cfa", ["RGGB", "GBRG", "W", "RRGGRRGGGGBBGGBB", cfa_cell.XTRANS])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_every_cell_is_repaired_with_its_own_color_up_to_the_corners(cfa: str, dtype: type) -> None:
    mosaic = colored(cfa).astype(dtype)
    bad = np.zeros(mosaic.shape, bool)
    bad[::5, ::7] = bad[-1, -1] = bad[0, -1] = True
    broken = np.where(bad, dtype(9999), mosaic).astype(dtype)
    before = broken.copy()
    fixed = defects.repair(broken, bad, cfa=cfa)
    assert (fixed == mosaic).all()
    assert fixed.dtype == dtype
    assert (broken == before).all()


def test_where_nothing_good_is_near_nothing_changes() -> None:
    mosaic = np.full((20, 20), 7, np.uint16)
    assert (defects.repair(mosaic, np.ones((20, 20), bool), cfa=RGGB) == 7).all()
    assert (defects.repair(mosaic[:1, :1], np.ones((1, 1), bool), cfa=RGGB) == 7).all()


def noisy(rng: np.random.Generator, shape: tuple[int, int] = (600, 600)) -> NDArray[np.uint16]:
    """Colors and noise as of a sensor: a ramp of light, shot noise of 1 DN an electron, black 64."""
    light = colored(RGGB, shape) * np.linspace(0.2, 5, shape[1])
    return np.asarray(64 + rng.poisson(light)).astype(np.uint16)


def test_hot_pixels_are_found_and_noise_is_not() -> None:
    rng = np.random.default_rng(3)
    mosaic = noisy(rng)
    assert not defects.hot_pixels(mosaic, cfa=RGGB).any()  # 360000 photosites; none at 8 sigma
    spots = (slice(7, None, 24), slice(11, None, 23))
    planted = mosaic.copy()
    planted[spots] += 900
    found = defects.hot_pixels(planted, cfa=RGGB)
    # All but those whose neighborhood is by chance too loud: the docstring's 1 in 4000 for each of 8 neighbors.
    assert found[spots].mean() > 0.98
    found[spots] = False
    assert not found.any()


@pytest.mark.parametrize("color", [(1.0, 1.0, 1.0), (1.0, 0.2, 0.1), (0.1, 0.2, 1.0)])
def test_stars_stay(color: tuple[float, float, float]) -> None:
    """The smallest that a lens draws: an Airy disk of about two photosites, in white, deep red and deep blue."""
    rng = np.random.default_rng(4)
    mosaic = noisy(rng).astype(np.float64)
    rows, columns = np.indices(mosaic.shape)
    see = np.array(color)[np.tile(cfa_cell.indices(RGGB), (300, 300))]
    for top in range(10, 590, 20):
        for left in range(10, 590, 20):
            dy, dx = rng.uniform(-0.5, 0.5, 2)
            here = np.s_[top - 5 : top + 6, left - 5 : left + 6]
            spread = (rows[here] - top - dy) ** 2 + (columns[here] - left - dx) ** 2
            mosaic[here] += (
                8000 * np.exp(-spread / (2 * 0.85**2)) * see[here]
            )  # 0.85: 2 wide at half its height
    found = defects.hot_pixels(mosaic.round().astype(np.uint16), cfa=RGGB)
    assert found.sum() <= 841 * 0.01  # of 29 x 29 stars


def test_a_line_one_photosite_wide_stays() -> None:
    mosaic = noisy(np.random.default_rng(5))
    mosaic[300] += 2000
    mosaic[:, 200] += 2000
    np.einsum("ii->i", mosaic)[...] += 2000
    assert not defects.hot_pixels(mosaic, cfa=RGGB)[10:-10, 10:-10].any()


def test_hot_floats_at_the_corners_of_a_flat_field_are_found() -> None:
    signal = np.full((12, 12), 0.25, np.float32)
    signal[0, 0] = signal[11, 11] = signal[0, 11] = signal[5, 6] = 0.5
    for cfa in (RGGB, "W"):
        rows, columns = np.nonzero(defects.hot_pixels(signal, cfa=cfa))
        assert sorted(zip(rows, columns, strict=True)) == [(0, 0), (0, 11), (5, 6), (11, 11)]


def test_mosaics_too_small_for_neighbors_have_no_hot_pixels() -> None:
    for shape in [(1, 1), (1, 7), (2, 2), (3, 3)]:
        assert not defects.hot_pixels(np.full(shape, 500, np.uint16), cfa=RGGB).any()


@pytest.mark.data
def test_dark_frames_repeat_their_hot_pixels_and_frames_of_stars_keep_their_stars(data: Path) -> None:
    darks = sorted((data / "raw" / "flea3-dark-frames").glob("*112031*.tif"))  # the longest exposure, twice
    first, second = (
        defects.hot_pixels(tifffile.imread(path).astype(np.uint16), cfa=RGGB) for path in darks[:2]
    )
    assert first.sum() >= 8
    assert (first & second).sum() >= 0.7 * max(first.sum(), second.sum())  # defects stay where they are

    from astropy.io import fits

    path = data / "raw" / "seestar-s50-imx462-burst-m94-10s-a-01.fit"
    with fits.open(path) as file:
        stars = file[0].data.astype(np.uint16)
    bright = stars > np.median(stars) + 1000
    assert bright.sum() > 250
    assert (defects.hot_pixels(stars, cfa="GRBG") & bright).sum() <= 3
