"""Darks: black level, rows, tails, odd photosites, dark current, shading."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from deepisp.calibrate import dark, dark_maps, noise_report
from deepisp.calibrate.dark import DarkResult
from deepisp.calibrate.noise import tails
from deepisp.raw.image import RawImage
from tests.calibrate.simulated import SENSOR, at_iso, shoot


@pytest.fixture(scope="module")
def found() -> DarkResult:
    _, darks = shoot(SENSOR, lights=[])
    return dark.measure(darks, gains={"R": 1.5, "G": 1.5, "B": 1.5})


def test_noise_in_the_dark_is_the_sensor_s(found: DarkResult) -> None:
    read = math.sqrt((1.5 * SENSOR.read_std_e) ** 2 + 1.5**2 * 0.2 * 0.02 + 1 / 12)
    assert [plane.color for plane in found.planes] == list("RGB")
    for plane in found.planes:
        for got, error, true in (
            (plane.read_std_dn, plane.read_std_dn_error, read),
            (plane.row_std_dn, plane.row_std_dn_error, 0.9),
            (plane.column_std_dn, plane.column_std_dn_error, 0.6),
            (plane.dsnu_dn, plane.dsnu_dn_error, 1.5 * 1.5),
        ):
            assert abs(got - true) < 4 * error
            assert error < 0.06 * true
        assert plane.read_std_e == pytest.approx(4.0, rel=0.01)
        assert plane.row_std_e == pytest.approx(plane.row_std_dn / 1.5)
        assert plane.tukey_lambda == pytest.approx(-0.05, abs=0.03)
        assert plane.dark_current_dn_s is None


def test_large_frames_are_drawn_from(found: DarkResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dark, "DRAWN", 8000)
    some = dark.measure(shoot(SENSOR, lights=[])[1])
    for color, values in some.values.items():
        assert 7000 < values.size <= 8000
        # tails of -0.05 give a kurtosis near 4: a deviation of n values is known to sqrt(3 / 4 n)
        assert values.std() == pytest.approx(found.values[color].std(), rel=4 * math.sqrt(0.75 / 8000))
    assert found.values["G"].size > 100_000


def test_black_that_moves_is_no_dark_current() -> None:
    _, darks = shoot(SENSOR, lights=[], size=64, darks=6)
    timed = [at_iso(raw, 800, 1.0 + index // 4) for index, raw in enumerate(darks)]
    moved = [
        replace(raw, mosaic=raw.mosaic + np.uint16(9 * index), black_level=raw.black_level + 9 * index)
        for index, raw in enumerate(timed)
        if raw.mosaic is not None
    ]
    for one, other in zip(dark.measure(timed).planes, dark.measure(moved).planes, strict=True):
        for name in ("black_level", "dark_current_dn_s", "read_std_dn", "dsnu_dn"):
            assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-3, abs=1e-3), name


def test_black_is_told_per_position(found: DarkResult) -> None:
    assert found.floor.black == pytest.approx(512 + np.array([[0, 0.37], [-0.22, 0.4]]), abs=0.06)


def test_odd_photosites_are_the_sensor_s(found: DarkResult) -> None:
    pattern = SENSOR.pattern(256, 256, seed=0)
    strong = pattern.dark_current_e.numpy() * 0.02 > 40  # electrons; 6 sigmas of DSNU are 11
    assert found.hot[strong].all()
    assert strong.sum() > 20
    assert found.hot.mean() < 2e-3
    assert found.telegraph is not None
    loud = (pattern.telegraph_e.numpy() > 30) & ~found.hot
    assert found.telegraph[loud].mean() > 0.95
    assert loud.sum() > 20


@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.14])
def test_tails_are_those_that_were_drawn(shape: float) -> None:
    from deepisp.sensor import tukey

    drawn = 5 * tukey.sample_like(torch.empty(100_000), shape, torch.Generator().manual_seed(1)).double()
    got = tails.fit(np.round(drawn.numpy() + 0.3), tail=5e-4)
    assert got.shape == pytest.approx(shape, abs=0.02)
    assert got.scale == pytest.approx(5, rel=0.03)


def test_dark_current_is_the_slope_over_time() -> None:
    flat = replace(SENSOR, dark_current_e=3.0, hot_fraction=0.0, telegraph_fraction=0.0)
    pattern, generator = flat.pattern(128, 128, seed=0), torch.Generator().manual_seed(2)

    def frame(seconds: float) -> RawImage:
        dn = flat.expose(
            torch.zeros(1, 1, 128, 128), pattern=pattern, exposure_s=seconds, generator=generator
        )
        black = np.full((2, 2), 512.0)
        raw = RawImage(
            mosaic=dn[0, 0].numpy().astype(np.uint16), cfa="RGGB", black_level=black, white_level=black + 9999
        )
        return at_iso(raw, 800, seconds)

    darks = [frame(seconds) for seconds in (0.1, 1, 1, 1, 1, 4, 4)]
    result = dark.measure(darks, gains={"R": 1.5})
    assert result.exposure_s == 1
    assert result.floor.frames == 4
    for plane in result.planes:
        assert plane.dark_current_dn_s is not None
        assert plane.dark_current_dn_s_error is not None
        assert abs(plane.dark_current_dn_s - 4.5) < 5 * plane.dark_current_dn_s_error
        assert plane.dark_current_dn_s_error < 0.3
    assert result.planes[0].dark_current_e_s == pytest.approx((result.planes[0].dark_current_dn_s or 0) / 1.5)
    assert result.planes[1].dark_current_e_s is None
    assert result.telegraph is None  # four darks cannot tell


def test_maps_are_plain_numbers(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    shading, rows = np.linspace(0, 20, 160)[None, :], 4 * rng.standard_normal((96, 1))
    darks = []
    for _ in range(8):
        values = np.round(100 + shading + rows + 2 * rng.standard_normal((96, 160)))
        values[10, 20] += 200
        levels = {"black_level": np.zeros((2, 2)), "white_level": np.full((2, 2), 1023.0)}
        darks.append(RawImage(mosaic=values.astype(np.uint16), cfa="RGGB", **levels))
    dark_maps.save(tmp_path / "maps.npz", dark.measure(darks))
    with np.load(tmp_path / "maps.npz", allow_pickle=False) as maps:
        assert set(maps) == {"black_level", "shading", "rows", "columns", "hot", "telegraph"}
        assert maps["hot"].tolist() == [[10, 20]]
        assert maps["black_level"].shape == (2, 2)
        assert maps["shading"].shape[0] == 4
        slope = np.diff(maps["shading"].mean(axis=(0, 1)))
        assert slope == pytest.approx(20 / maps["shading"].shape[2], rel=0.35)
        # rows of one parity share a mean with the black level of their position
        assert np.corrcoef(maps["rows"], rows[:, 0])[0, 1] > 0.9


def test_too_few_of_one_time_are_told() -> None:
    _, darks = shoot(SENSOR, lights=[], size=32, darks=4)
    timed = [at_iso(raw, 800, float(index)) for index, raw in enumerate(darks)]
    with pytest.raises(ValueError, match=r"dark at one exposure time needs at least 4 darks, got 1"):
        dark.measure(timed)


def test_the_plot_is_a_png(found: DarkResult, tmp_path: Path) -> None:
    noise_report.dark(tmp_path / "dark.png", found, title="Acme One")
    assert (tmp_path / "dark.png").read_bytes().startswith(b"\x89PNG")
