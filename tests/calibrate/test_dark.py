"""Darks: black level, rows, tails, odd photosites, dark current, shading."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from deepisp.calibrate import dark, dark_maps, noise_report
from deepisp.calibrate.dark import DarkResult
from deepisp.calibrate.frames import Frame, Frames
from deepisp.calibrate.noise import light, tails
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
    trap = pattern.telegraph_e.numpy()
    assert found.telegraph[trap > 30].mean() > 0.95
    assert (trap > 30).sum() > 20
    # The current of a hot photosite has shot noise, here up to a hundred times the variance of the others.
    shot = SENSOR.gain**2 * pattern.dark_current_e.numpy() * 0.02
    hot = (shot > 10 * 36) & (trap == 0)
    assert hot.sum() > 20
    assert not found.telegraph[hot].any()


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


def lit(seconds: float, *, tint: tuple[float, ...], seed: int, dark_dn_s: float = 4.5) -> RawImage:
    """A frame of 10 DN of noise with dark current and light."""
    rng = np.random.default_rng(seed)
    mean = np.tile(np.reshape(tint, (2, 2)) + seconds * dark_dn_s, (16, 16))
    values = np.round(512 + mean + 10 * rng.standard_normal((32, 32))).astype(np.uint16)
    black = np.full((2, 2), 512.0)
    raw = RawImage(
        mosaic=values,
        cfa="RGGB",
        black_level=black,
        white_level=black + 15_000,
        path=Path(f"roll/{seed}.dng"),
    )
    return at_iso(raw, 800, seconds)


NONE, GRAY, DAYLIGHT = (0.0,) * 4, (80.0,) * 4, (600.0, 1100.0, 1100.0, 700.0)


@pytest.mark.parametrize(
    ("seconds", "tint", "said"),
    [
        (1.0, GRAY, r"^roll/9\.dng: dark lies (79|80|81) DN above roll/\d\.dng, which is light"),
        # of less time, and brighter
        (0.1, GRAY, r"^roll/9\.dng: dark lies 7\d DN above roll/\d\.dng, which is light"),
        (60.0, DAYLIGHT, r"^roll/9\.dng: dark has colors \(R 8\d\d, G 13\d\d, B 9\d\d DN above black\)"),
        (
            60.0,
            (4000.0,) * 4,
            r"^roll/9\.dng: dark lies 4\d{3} DN above black, 28% of the range, which is light",
        ),
    ],
)
def test_light_in_a_dark_is_named(seconds: float, tint: tuple[float, ...], said: str) -> None:
    darks = [lit(1.0, tint=NONE, seed=seed) for seed in range(4)]
    with pytest.raises(ValueError, match=said):
        dark.measure([*darks, lit(seconds, tint=tint, seed=9)])
    if tint == DAYLIGHT:
        with pytest.raises(ValueError, match=r"^roll/1\.dng: dark has colors \(R \d+, G \d+, B \d+ DN"):
            dark.measure([lit(seconds, tint=tint, seed=seed, dark_dn_s=0) for seed in range(1, 6)])


def test_dark_current_is_no_light() -> None:
    warming = [lit(60.0, tint=NONE, seed=seed, dark_dn_s=30 + 3 * seed) for seed in range(8)]
    short = [lit(1.0, tint=NONE, seed=seed, dark_dn_s=30) for seed in range(8, 11)]
    assert dark.measure([*warming, *short]).exposure_s == 60


def test_a_dark_is_read_and_looked_at_no_more_often_than_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: dict[str, int] = {}
    glimpses: list[str] = []
    read, glimpse = Frames._read, light.glimpse

    def counted(frames: Frames, index: int) -> Frame:
        name = frames.name(index)
        reads[name] = reads.get(name, 0) + 1
        return read(frames, index)

    def noted(frame: Frame, *given: Any) -> light.Glimpse:
        glimpses.append(frame.name)
        return glimpse(frame, *given)

    monkeypatch.setattr(Frames, "_read", counted)
    monkeypatch.setattr(light, "glimpse", noted)
    monkeypatch.setattr(dark, "LOOKED_AT", 1)
    main = [lit(1.0, tint=NONE, seed=seed) for seed in range(8)]
    dark.measure([*main, *(lit(4.0, tint=NONE, seed=seed) for seed in (8, 9))])
    # the main time: for light, for odd photosites, in pairs; the first for its noise
    assert [reads[f"roll/{seed}.dng"] for seed in range(10)] == [4, *7 * [3], 2, 2]
    assert glimpses == [f"roll/{seed}.dng" for seed in range(10)]


@pytest.mark.parametrize("main", [4, 5])  # one without a partner
def test_hot_photosites_are_no_dark_current_of_the_others(main: int) -> None:
    def dark_of(seed: int, seconds: float) -> RawImage:
        raw = lit(seconds, tint=NONE, seed=seed, dark_dn_s=100.0)
        assert raw.mosaic is not None
        raw.mosaic[4, 4] += np.uint16(300 + 1000 * seconds)  # alone 4 DN/s more for the mean of red
        return raw

    darks = [dark_of(seed, 1.0) for seed in range(main)] + [dark_of(seed, 4.0) for seed in range(9, 12)]
    for plane in dark.measure(darks).planes:
        assert plane.dark_current_dn_s is not None
        # 256 photosites of 10 DN: a mean is known to 0.7 DN, the slope over 3 s from 4 and 3 frames to 0.2 DN/s
        assert plane.dark_current_dn_s == pytest.approx(100.0, abs=5 * 0.2)


def test_darks_without_noise_are_named() -> None:
    def even(dn: int) -> RawImage:
        return replace(lit(1.0, tint=NONE, seed=dn), mosaic=np.full((32, 32), dn, np.uint16))

    with pytest.raises(
        ValueError, match=r"^roll/512\.dng: dark is 512 DN in all photosites of R, so there is no"
    ):
        dark.measure([even(512)] * 4)
    same = [replace(lit(1.0, tint=NONE, seed=1), path=Path(f"{index}.dng")) for index in range(4)]
    with pytest.raises(ValueError, match=r"^1\.dng: value by value the same as 0\.dng; dark needs"):
        dark.measure(same)


def test_an_unknown_iso_is_noted(found: DarkResult) -> None:
    assert found.notes == ()
    unknown = [at_iso(lit(1.0, tint=NONE, seed=seed), None) for seed in range(4)]
    (note,) = dark.measure(unknown).notes
    assert note.startswith("no ISO in the files")


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
    from PIL import Image

    noise_report.dark(tmp_path / "dark.png", found, title="Acme One")
    with Image.open(tmp_path / "dark.png") as picture:
        assert picture.format == "PNG"
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    wide = pixels.shape[1] // 4  # a histogram of each color, and the rows of all
    for index, color in enumerate("RGB"):
        ink = [int(noise_report.INKS[color][at : at + 2], 16) for at in (1, 3, 5)]
        inked = (abs(pixels - ink).max(2) < 12)[:, : 4 * wide].reshape(len(pixels), 4, wide).sum(axis=(0, 2))
        # of each: the outline of a histogram, not its key alone; the dots of the rows; nothing of the others' own
        assert inked[index] > 60
        assert inked[3] > 150
        assert inked.sum() == inked[index] + inked[3]
