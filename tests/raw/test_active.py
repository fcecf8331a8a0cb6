"""What begins at the corner of the active area, and where photosites saturate."""

from dataclasses import replace

import numpy as np
import pytest

from deepisp.raw.image import Area, RawImage

RAW = RawImage(
    mosaic=np.zeros((6, 8), np.uint16),
    cfa="RGGB",
    black_level=np.array([[1.0, 2.0], [3.0, 4.0]]),
    white_level=np.full((2, 2), 1000.0),
)


@pytest.mark.parametrize(
    ("corner", "cfa", "black"),
    [
        ((0, 0), "RGGB", [[1, 2], [3, 4]]),
        ((0, 1), "GRBG", [[2, 1], [4, 3]]),
        ((1, 0), "GBRG", [[3, 4], [1, 2]]),
        ((3, 5), "BGGR", [[4, 3], [2, 1]]),
    ],
)
def test_cells_begin_at_the_corner_of_the_active_area(
    corner: tuple[int, int], cfa: str, black: list[list[int]]
) -> None:
    raw = replace(RAW, active_area=Area(*corner, 6, 8))
    assert raw.active_cfa == cfa
    assert raw.active_cell(raw.black_level).tolist() == black


def test_demosaiced_values_have_no_cell() -> None:
    linear = RawImage(linear=np.zeros((6, 8, 3), np.uint16), active_area=Area(1, 1, 6, 8))
    assert linear.active_cfa == ""


def test_the_plateau_is_white_until_another_is_found() -> None:
    assert RAW.plateau.tolist() == [[1000, 1000], [1000, 1000]]
    assert replace(RAW, saturation_level=990.0).plateau.tolist() == [[990]]
