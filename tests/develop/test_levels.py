"""Black and white, per position of the cell."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from deepisp.develop import levels
from deepisp.raw.image import Area, RawImage


def raw(**changes):
    given = {
        "mosaic": np.full((6, 8), 1000, np.uint16),
        "cfa": "RGGB",
        "black_level": np.array([[100.0, 200.0], [300.0, 400.0]]),
        "white_level": np.full((2, 2), 1400.0),
    }
    return RawImage(**(given | changes))


def test_the_cell_turns_with_the_corner_of_the_area():
    found = levels.levels(replace(raw(), active_area=Area(1, 0, 6, 8)))
    assert found.black.tolist() == [[300.0, 400.0], [100.0, 200.0]]
    assert found.scale[0, 0] == pytest.approx(1 / 1100)


def test_normalize_by_hand_keeps_negatives():
    values = torch.tensor([[100.0, 50.0]])
    signal = levels.normalize(values, black=torch.tensor(100.0), scale=torch.tensor(1 / 1000))
    assert signal.tolist() == [[0.0, pytest.approx(-0.05)]]


def test_saturation_is_the_lowest_of_a_colors_positions():
    plateau = np.array([[1400.0, 900.0], [1100.0, 1400.0]])
    # green: (900 - 200) / 1200 and (1100 - 300) / 1100
    assert levels.saturation(raw(saturation_level=plateau)).tolist() == [1.0, pytest.approx(700 / 1200), 1.0]


def test_black_deltas_are_taken_off_row_by_row_and_column_by_column():
    frame = raw(
        active_area=Area(2, 2, 6, 8),
        black_rows=np.array([1.0, 2, 3, 4]),
        black_columns=np.array([10.0, 20, 30, 40, 50, 60]),
    )
    values = levels.without_deltas(frame)
    assert values[2, 2] == 1000 - 1 - 10
    assert values[5, 7] == 1000 - 4 - 60
    assert values[0, 0] == 1000
    assert frame.mosaic[2, 2] == 1000


def test_no_deltas_cost_no_copy():
    frame = raw()
    assert levels.without_deltas(frame) is frame.mosaic
