"""The linear guess: what it keeps, and that it is good for pictures of its model."""

import numpy as np
import pytest

from deepisp.networks import kriging
from deepisp.sensor import cfa as cfa_cell
from deepisp.sensor.cfa import XTRANS

CELLS = {"RGGB": 1, "RRGGRRGGGGBBGGBB": 2, XTRANS: 3, "RGBGBRBRG": 3}


def packed(plane):
    """(4, h, w) of (2h, 2w)."""
    height, width = plane.shape
    return (
        plane.reshape(height // 2, 2, width // 2, 2).transpose(1, 3, 0, 2).reshape(4, height // 2, width // 2)
    )


@pytest.mark.parametrize(("cfa", "n"), CELLS.items())
def test_weights_of_the_own_color_sum_to_one_and_of_each_other_to_zero(cfa, n):
    weights = kriging.filters(cfa)
    assert weights.shape == (3, 4, n, n, 4, n + 2, n + 2)
    whole = cfa_cell.tiled(cfa_cell.indices(cfa), 10 * n, 10 * n)
    begin = 6 * n - 2  # two photosites before a whole cell
    seen = packed(whole[begin : begin + 2 * n + 4, begin : begin + 2 * n + 4])
    for given in range(3):
        sums = (weights * (seen == given)).sum((-3, -2, -1))
        for wanted in range(3):
            assert sums[wanted] == pytest.approx(float(wanted == given), abs=1e-4)


def test_green_at_red_is_of_the_greens_around_and_follows_the_red_there():
    weights = kriging.filters("RGGB")[1, 0, 0, 0]
    above, left, right, below = weights[2, 0, 1], weights[1, 1, 0], weights[1, 1, 1], weights[2, 1, 1]
    greens = np.sort(np.concatenate([weights[1].ravel(), weights[2].ravel()]))
    assert np.sort([above, left, right, below]) == pytest.approx(greens[-4:])
    assert weights[0, 1, 1] > 0.2
    assert max(weights[0, 1, 0], weights[0, 1, 2], weights[0, 0, 1], weights[0, 2, 1]) < 0


def test_for_pictures_of_its_model_it_is_better_than_bilinear():
    generator, size = np.random.default_rng(1), 64
    rows, columns = np.indices((size, size)).reshape(2, -1)
    distance = np.hypot(rows[:, None] - rows, columns[:, None] - columns)
    root = np.linalg.cholesky(np.exp(-distance / kriging.LENGTH) + 1e-9 * np.eye(size**2))
    alike, own = np.sqrt(kriging.ALIKE), np.sqrt(1 - kriging.ALIKE)
    fields = (root @ generator.normal(size=(size**2, 4))).T.reshape(4, size, size)
    truth = alike * fields[0] + own * fields[1:]
    color = cfa_cell.tiled(cfa_cell.indices("RGGB"), size, size)
    mosaic = np.take_along_axis(truth, color[None], 0)[0]
    guess = applied(kriging.filters("RGGB")[:, :, 0, 0], packed(mosaic))
    ours = guess[1, 0, 2:-2, 2:-2]  # green at red
    middle, before, after = slice(4, -4, 2), slice(3, -5, 2), slice(5, -3, 2)
    bilinear = (
        mosaic[before, middle] + mosaic[after, middle] + mosaic[middle, before] + mosaic[middle, after]
    ) / 4
    there = truth[1, middle, middle]
    assert np.square(ours - there).mean() < 0.8 * np.square(bilinear - there).mean()


def applied(weights, planes):
    """(3, 4, h, w) of planes (4, h, w), by the definition."""
    padded = np.pad(planes, ((0, 0), (1, 1), (1, 1)))
    height, width = planes.shape[1:]
    return sum(
        np.einsum("cps,shw->cphw", weights[..., i, j], padded[:, i : i + height, j : j + width])
        for i, j in np.ndindex(3, 3)
    )
