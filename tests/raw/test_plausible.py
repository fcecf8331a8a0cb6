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


LIT = noise(200, 240, low=1, high=4000)
FAINT = np.random.default_rng(3).poisson(2.0, (200, 240)).astype(np.uint16)  # 8-bit night: an eighth is zero
DOUBT = "the last {} rows are zero, those above are not: data may be missing"


def cut(values, row, column=0):
    """Zeros from this photosite on."""
    found = values.copy()
    found.reshape(len(values), -1)[row:] = 0
    found.reshape(len(values), -1)[row - (column > 0), column or None :] = 0
    return found


@pytest.mark.parametrize("values", [LIT, LIT.astype(np.float32), FAINT, np.stack([LIT] * 3, -1)], ids=str)
@pytest.mark.parametrize("row", [10, 100, 197])
@pytest.mark.parametrize("column", [8, 120, 232])
def test_zeros_from_amid_a_row_on_are_missing_data(values, row, column):
    with pytest.raises(DamagedFile, match=r"the last \d+% of its pixels are missing"):
        plausible.zero_rows(cut(values, row, column), FILE)
    assert plausible.zero_rows(values, FILE) == []


@pytest.mark.parametrize("values", [LIT, FAINT])
@pytest.mark.parametrize(("row", "column"), [(150, 0), (150, 3), (150, 237), (199, 0), (199, 120)])
def test_zeros_that_may_have_been_put_there_are_a_doubt(values, row, column):
    found = plausible.check(raw(cut(values, row, column), 0.0), FILE)
    assert found.warnings == (DOUBT.format(200 - row),)


def test_padding_of_a_camera_is_no_damage():
    padded = np.zeros((220, 264), np.uint16)  # rows and columns, as the buffers of some boards have them
    padded[:200, :240] = LIT
    assert plausible.check(raw(padded, 0.0), FILE).warnings == (DOUBT.format(20),)
    found = plausible.check(raw(padded, 0.0, active_area=Area(0, 0, 200, 240)), FILE)
    assert found.warnings == ()


def dark(**poisson):
    return np.random.default_rng(4).poisson(**poisson).astype(np.uint16)


BLACK = {
    "lens cap": dark(lam=np.full((200, 240), 0.0005)),
    "hot column": dark(lam=np.repeat((np.arange(240) == 100)[None] * 0.5, 200, 0)),
    "nothing": np.zeros((200, 240), np.uint16),
    "vignette": dark(lam=np.repeat(np.linspace(9, -9, 200).clip(0)[:, None], 240, 1)),
    "corner": dark(lam=np.add.outer(np.linspace(9, -9, 200), np.linspace(3, -3, 240)).clip(0)),
    "lamps": dark(lam=300 * np.outer(np.exp(-((np.arange(200) - 60) ** 2) / 300), np.arange(240) % 40 < 9)),
    "edge of a mask": dark(lam=np.add.outer(-np.arange(200) * 9.0, np.arange(240) * 0.3 + 900).clip(0, 400)),
    "edge without noise": (
        333 * np.add.outer(100.5 - np.arange(200), -0.9 * np.arange(240) / 240).clip(0, 3)
    ).astype(np.uint16),
    "above": cut(LIT, 100)[::-1],
    "right half": cut(LIT.T.copy(), 120).T,
    "stars": dark(lam=np.where(np.random.default_rng(5).random((200, 240)) < 0.01, 800, 0.02)),
}


@pytest.mark.parametrize("scene", BLACK)
def test_a_picture_may_be_black(scene):
    assert plausible.check(raw(BLACK[scene], 0.0), FILE).warnings == ()


def test_zero_bytes_of_a_file_whose_zero_is_another():
    with pytest.raises(DamagedFile, match="the last 50% of its pixels are missing"):
        plausible.zero_rows(cut(LIT, 100, 99) + 32768, FILE, zero=32768)


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
