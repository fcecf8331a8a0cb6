"""Doubts about decoded values."""

from pathlib import Path

import numpy as np
import pytest

from deepisp import DamagedFile, RawImage
from deepisp.raw import plausible
from deepisp.raw.image import Area
from tests.raw.make import noise

FILE = Path("a.dng")


def raw(mosaic, black=600.0, **more):
    return RawImage(mosaic=mosaic, cfa="W", black_level=np.full((1, 1), black), **more)


@pytest.mark.parametrize(
    ("black", "share", "is_damage"), [(600, 0.2, True), (600, 0.05, False), (0, 0.9, False), (15, 0.9, False)]
)
def test_zeros_far_below_black_are_missing_data(black, share, is_damage):
    values = noise(100, 100)
    values.ravel()[: round(share * values.size)] = 0
    if is_damage:
        with pytest.raises(DamagedFile, match="20% of its pixels are zero, black is 600"):
            plausible.check(raw(values, black), FILE)
    else:
        assert plausible.check(raw(values, black), FILE).warnings == ()


def test_zeros_in_the_masked_border_are_no_damage():
    values = noise(100, 100)
    values[:30] = 0
    assert (
        "masked borders" in plausible.check(raw(values, active_area=Area(30, 0, 100, 100)), FILE).warnings[0]
    )


def test_masked_mean_is_that_of_the_dark_photosites_without_defects():
    values = noise(100, 100)
    values[:40] = 512
    values[10, :50] = 65535  # hot
    assert plausible.masked_mean(raw(values, active_area=Area(44, 0, 100, 100))) == 512
    assert plausible.masked_mean(raw(values, active_area=Area(10, 0, 100, 100))) is None  # 200 are too few


@pytest.mark.parametrize("share", [0.0, 0.005, 0.02])
def test_finite(share):
    values, warnings = np.ones((100, 100), np.float32), []
    values.ravel()[: round(share * values.size)] = -np.inf
    if share > 0.01:
        with pytest.raises(DamagedFile, match="2% of its pixels are no numbers"):
            plausible.finite(FILE, values, warnings)
    else:
        assert np.isfinite(plausible.finite(FILE, values, warnings)).all()
        assert len(warnings) == (share > 0)
