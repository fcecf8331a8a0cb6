"""Local means of what a network made against those of the mosaic, whatever the bands and the path."""

import numpy as np
import pytest
import torch

from deepisp.develop.demosaic.color_shift import LIMIT, ColorShift
from deepisp.sensor import cfa as cfa_cell
from deepisp.sensor.cfa import XTRANS

QUAD = "RRGGRRGGGGBBGGBB"
KINDS = ["GRBG", XTRANS, QUAD]


def shift_of(cfa, mosaic, light, rows=1536):
    """Of a picture that is looked at in bands."""
    watched = ColorShift()
    for start in reversed(range(0, len(mosaic), rows)):  # threads come in any order
        watched.look(start, cfa, mosaic[start : start + rows], light[:, start : start + rows])
    return watched.largest()


@pytest.fixture
def mosaic():
    return np.random.default_rng(1).random((150, 200), np.float32)


@pytest.mark.parametrize("cfa", KINDS)
def test_it_is_the_worst_local_mean(cfa, mosaic):
    light = np.stack([mosaic] * 3)
    assert shift_of(cfa, mosaic, light) == 0
    light[2, :64, 64:128] += 0.25
    share = 56 / 60 if cfa == XTRANS else 1  # its squares are 60 wide
    assert shift_of(cfa, mosaic, light) == pytest.approx(0.25 * share, rel=0.02)
    assert shift_of(cfa, mosaic[:50], light[:, :50]) == 0
    assert ColorShift().largest() == 0


@pytest.mark.parametrize("cfa", KINDS)
def test_only_a_photosite_s_own_color_counts(cfa, mosaic):
    cell = cfa_cell.tiled(cfa_cell.indices(cfa), *mosaic.shape)
    own = np.stack([np.where(cell == color, mosaic, 9.0) for color in range(3)])
    assert shift_of(cfa, mosaic, own) == 0


@pytest.mark.parametrize("rows", [24, 48, 72, 1536])
@pytest.mark.parametrize("cfa", KINDS)
def test_bands_and_tensors_do_not_show(cfa, rows, mosaic, device):
    light = np.random.default_rng(2).random((3, *mosaic.shape), np.float32)
    expected = shift_of(cfa, mosaic, light)
    tensors = (torch.from_numpy(one).to(device) for one in (mosaic, light))
    assert expected > 0.01
    assert shift_of(cfa, mosaic, light, rows) == pytest.approx(expected, abs=1e-6)
    assert shift_of(cfa, *tensors, rows) == pytest.approx(expected, abs=1e-6)


def test_a_band_that_is_done_again_counts_once(mosaic):
    watched, light = ColorShift(), np.stack([mosaic] * 3)
    watched.look(0, "RGGB", mosaic, light + 1)
    for start in (0, 72):
        watched.look(start, "RGGB", mosaic[start : start + 72], light[:, start : start + 72])
    assert watched.largest() == 0


@pytest.mark.parametrize(("shift", "count"), [(0.9 * LIMIT, 0), (1.1 * LIMIT, 1)])
def test_more_than_the_limit_is_said(shift, count, mosaic):
    watched, lines = ColorShift(), []
    watched.look(0, "RGGB", mosaic, np.stack([mosaic] * 3) + np.float32(shift))
    watched.tell(lines.append)
    assert len([line for line in lines if "shifted a color by 2.2% of white" in line]) == count == len(lines)
