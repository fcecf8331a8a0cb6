"""Row noise goes by the photosites that see no light, and by no others."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from deepisp.calibrate import dark
from deepisp.develop import row_noise
from deepisp.raw.image import Area, RawImage
from tests.develop.dark_frames import (
    BLACK,
    DARKS,
    MASKED,
    READ_DN,
    ROW_DN,
    SIDE,
    Array,
    Shoot,
    banding,
    camera,
    corrected,
    seen,
    written,
)  # fmt: skip


@pytest.fixture(scope="module")
def shoot() -> Shoot:
    return camera()


@pytest.fixture
def own(shoot: Shoot, tmp_path: Path) -> Path:
    return written(tmp_path / "one.toml", dark.measure([shoot() for _ in range(DARKS)]))


def test_rows_fall_by_what_the_masked_photosites_tell(shoot: Shoot, own: Path) -> None:
    still = np.mean([seen(shoot()) for _ in range(60)], axis=0)
    raw = shoot()
    before = banding(seen(raw) - still)
    without = replace(raw, active_area=None, mosaic=raw.mosaic[:, MASKED:])  # type: ignore[index]
    kept = seen(corrected(without, own))
    after = seen(corrected(raw, own))
    # 36 columns are used; Wiener's share goes with their mean's error, and the line through all rows has 2 numbers.
    error = READ_DN**2 / (MASKED - 4)
    share = ROW_DN**2 / (ROW_DN**2 + error)
    line = share**2 * 2 / SIDE * (ROW_DN**2 + error)
    left = math.sqrt((1 - share) ** 2 * ROW_DN**2 + share**2 * error + line + READ_DN**2 / SIDE)
    flat = seen(corrected(replace(raw, mosaic=still_frame(raw, still)), own))
    assert banding(after - flat) == pytest.approx(left, rel=0.25)
    assert before == pytest.approx(math.hypot(ROW_DN, READ_DN / math.sqrt(SIDE)), rel=0.2)
    assert banding(kept - flat) == pytest.approx(before, rel=0.05)  # no masked photosites: rows stay


def still_frame(raw: RawImage, still: Array) -> NDArray[np.float32]:
    """The mean of many frames, without row noise; its masked columns hold no noise and are no measure."""
    assert raw.mosaic is not None
    mosaic = np.full(raw.mosaic.shape, BLACK, np.float32)
    mosaic[:, MASKED:] = still
    return mosaic


def test_an_edge_in_the_picture_is_no_row_noise(shoot: Shoot, own: Path) -> None:
    light = np.zeros((SIDE, SIDE))
    light[SIDE // 2 :] = 200.0
    after = seen(corrected(shoot(light), own)) - BLACK
    rows = after.mean(axis=1)
    assert rows[SIDE // 2 :].mean() - rows[: SIDE // 2].mean() == pytest.approx(300, abs=1.5)
    assert rows[SIDE // 2] - rows[SIDE // 2 - 1] == pytest.approx(300, abs=12)


def test_a_profile_without_darks_and_rows_changes_nothing(shoot: Shoot, tmp_path: Path) -> None:
    path = tmp_path / "one.toml"
    path.write_text(
        'maker = "Acme"\nmodels = ["One"]\n[[conversion_gains]]\niso_min = 800\niso_max = 800\n'
        'source = "made up for a test"\nentries = [{ iso = 800, gain = 1.5, read_std_dn = 4.5 }]\n'
    )
    raw = shoot()
    assert corrected(raw, path) is raw
    path.write_text(path.read_text().replace("4.5 }", f"4.5, row_std_dn = {ROW_DN} }}"))
    rows = corrected(raw, path)
    assert rows.warnings == ()
    off = seen(raw) - seen(rows)
    assert (
        np.array_equal(off, np.repeat(off[:, :1], SIDE, axis=1).astype(np.float32)) or off.std(1).max() < 1e-3
    )
    assert off[:, 0].std() == pytest.approx(ROW_DN, rel=0.25)


def test_rows_of_another_strength_are_left(shoot: Shoot) -> None:
    found = row_noise.offsets(shoot(), row_noise.RowNoise(row=0.3, read=READ_DN))
    assert found.rows is None
    assert "the profile says" in found.warnings[0]


def test_listed_masked_areas_are_taken_and_lit_columns_are_not(shoot: Shoot) -> None:
    raw = shoot()
    assert raw.mosaic is not None
    noise = row_noise.RowNoise(ROW_DN, READ_DN)
    mosaic = raw.mosaic.copy()
    mosaic[:, 20:MASKED] += (200 * np.random.default_rng(1).random((SIDE, 1))).astype(np.uint16)
    listed = replace(raw, mosaic=mosaic, masked_areas=(Area(0, 0, SIDE, 20),))
    found, plain = (row_noise.offsets(one, noise).rows for one in (listed, replace(listed, masked_areas=())))
    assert found is not None
    assert plain is not None
    assert found == pytest.approx(plain)
    mosaic[:, 20:MASKED] = BLACK  # some cameras fill them in
    assert row_noise.offsets(replace(raw, mosaic=mosaic), noise).rows == pytest.approx(plain)
    few = replace(listed, masked_areas=(Area(0, 0, SIDE, 6),))
    assert row_noise.offsets(few, noise) == (None, ())


def test_few_masked_photosites_count_by_wiener_s_share() -> None:
    rng, height, columns = np.random.default_rng(4), 4000, 12
    rows = rng.normal(0, 1.0, height)
    mosaic = np.full((height, columns + 6), float(BLACK), np.float32)
    mosaic += rng.normal(0, 4.0, mosaic.shape) + rows[:, None]
    raw = RawImage(mosaic=mosaic, cfa="RGGB", active_area=Area(0, columns + 4, height, columns + 6))
    found = row_noise.offsets(raw, row_noise.RowNoise(1.0, 4.0)).rows
    assert found is not None
    share = 1 / (1 + 16 / columns)
    few = 5 / math.sqrt(2 * height)
    assert found.std() == pytest.approx(math.sqrt(share), rel=few)
    assert (rows - found).std() == pytest.approx(
        math.sqrt(1 - share), rel=few
    )  # the least that any share leaves


def test_rows_that_stay_are_taken_off_once(tmp_path: Path) -> None:
    """Masked photosites see them too, and what they see is not row noise that comes on top."""
    shoot, fixed = camera(), np.random.default_rng(2).normal(0, 12, (SIDE, 1)).round().astype(np.int64)

    def frame() -> RawImage:
        raw = shoot()
        assert raw.mosaic is not None
        return replace(raw, mosaic=(raw.mosaic + fixed).astype(np.uint16))

    own = written(tmp_path / "one.toml", dark.measure([frame() for _ in range(DARKS)]))
    frames = [frame() for _ in range(4)]
    after = np.mean([seen(corrected(raw, own)) for raw in frames], axis=0)
    assert corrected(frames[0], own).warnings == ()
    assert banding(np.mean([seen(raw) for raw in frames], axis=0)) > 10
    # 4 frames whose row noise was corrected, and the map's own, of which masked photosites then tell the most
    assert banding(after) < 1.3 * math.hypot(0.85 / 2, 0.3 * ROW_DN / math.sqrt(DARKS))
