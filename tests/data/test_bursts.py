"""Pairs of noisy frames: the same light twice, its own noise each, and the network's cell however it is turned."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from deepisp.cli.demo import simulate
from deepisp.data import bursts
from deepisp.data.bursts import Burst, Bursts
from deepisp.data.simulate import CELLS
from deepisp.picture.dng import write_dng
from deepisp.raw.image import Area, Exif, RawImage
from deepisp.sensor import cfa as cfa_cell
from deepisp.sensor.cfa import BAYER, XTRANS
from deepisp.sensor.noise import Noise

LINE = Noise(0.01, 0.001)


def burst(signal: np.ndarray, cfa: str = "RGGB") -> Burst:
    return Burst(signal.astype(np.float32), cfa, (LINE,) * 3, (1.0, 1.0, 1.0), "scene")


def colored(cfa: str, height: int = 31, width: int = 40) -> Burst:
    """Frames whose value is the color at each photosite."""
    return burst(np.stack([cfa_cell.tiled(cfa_cell.indices(cfa), height, width)] * 2), cfa)


def drawn(one: Bursts, count: int = 400) -> bursts.NoisyPairs:
    return one.draw(count, torch.Generator(one.signal.device).manual_seed(1))


@pytest.mark.parametrize("side", [16, 18])
@pytest.mark.parametrize(
    ("own", "cfa"),
    [
        *((phase, "RGGB") for phase in BAYER),
        ("RGGB", "GBRG"),
        (XTRANS, XTRANS),
        (cfa_cell.shift(XTRANS, 2, 1), XTRANS),
        (cfa_cell.text(cfa_cell.cell(XTRANS).T), XTRANS),
        (cfa_cell.shift(CELLS["quad"], 1, 3), CELLS["quad"]),
    ],
)
def test_each_turned_crop_has_the_networks_cell(own: str, cfa: str, side: int) -> None:
    ways = bursts.ways_of(own, cfa, side)
    assert len(ways[:, :3].unique(dim=0)) == 8
    found = drawn(Bursts.of([colored(own)], side, cfa))
    wanted = torch.from_numpy(cfa_cell.tiled(cfa_cell.indices(cfa), side, side)).float()
    assert (found.mosaic == wanted).all()
    assert (found.target == wanted).all()


def test_both_frames_are_of_one_place_and_each_place_is_reached() -> None:
    """Pixels that say where they are, in two bursts, the larger of which has three frames."""
    rows, columns = np.mgrid[:31, :26]
    place = 100.0 * rows + columns
    three = burst(np.stack([place + 1e4 * frame for frame in range(3)]))
    two = burst(np.stack([place[:20, :17] + 1e4 * frame for frame in (5, 6)]), "GBRG")
    found = drawn(Bursts.of([three, two], 16, "RGGB"), 4000)
    frames = [(one // 1e4).amax((1, 2, 3)) for one in (found.mosaic, found.target)]
    assert (found.mosaic % 1e4 == found.target % 1e4).all()
    seen = set(zip(*(one.int().tolist() for one in frames), strict=True))
    assert seen == {(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (5, 6), (6, 5)}
    of_three = found.mosaic[frames[0] < 3].flatten() % 1e4
    assert of_three.unique().tolist() == sorted(place.flatten())
    corners = (found.mosaic % 1e4)[:, 0, [0, 0, -1], [0, -1, 0]]
    steps = {tuple((one[1:] - one[0]).int().tolist()) for one in corners}  # along the first row and column
    across_down = [(15 * a, 1500 * b) for a in (1, -1) for b in (1, -1)]
    assert steps == {*across_down, *((down, across) for across, down in across_down)}


def test_lines_and_levels_go_with_their_burst() -> None:
    bright = burst(np.ones((2, 20, 20)))
    dark = Burst(
        np.zeros((2, 20, 20), np.float32), "RGGB", (Noise(1, 2), Noise(3, 4), Noise(5, 6)), (7, 8, 9)
    )
    found = drawn(Bursts.of([bright, dark], 16, "RGGB"), 40)
    is_dark = found.mosaic.amax((1, 2, 3)) == 0
    assert 0 < int(is_dark.sum()) < 40
    assert (found.lines.shot[is_dark] == torch.tensor([1.0, 3, 5])).all()
    assert (found.lines.read[is_dark] == torch.tensor([2.0, 4, 6])).all()
    assert (found.saturation[is_dark] == torch.tensor([7.0, 8, 9])).all()
    assert (found.saturation[~is_dark] == 1).all()


def test_a_seed_is_a_batch(device: str) -> None:
    noise = np.random.default_rng(1).standard_normal((3, 40, 40))
    made = Bursts.of([burst(noise)], 16, "RGGB", device=device)
    assert torch.equal(drawn(made).mosaic, drawn(made).mosaic)
    assert drawn(made).target.device.type == device


def photograph() -> np.ndarray:
    rows, columns = np.mgrid[:48, :64]
    return np.stack([60 + 2 * rows, 200 - columns, 90 + 0 * rows], -1).astype(np.uint8)


def shot(seed: int, **changes: object) -> RawImage:
    return replace(simulate(photograph(), seed=seed), exif=Exif(iso=800), **changes)


@pytest.fixture
def shoot(tmp_path: Path) -> Callable[..., Path]:
    """A folder of raw files."""

    def write(*raws: RawImage, name: str = "scene") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for number, raw in enumerate(raws):
            write_dng(raw, folder / f"{number}.dng")
        return folder

    return write


def test_files_to_pairs_that_differ_by_noise_alone(shoot: Callable[..., Path]) -> None:
    """What a file stores comes back by hand: levels, gains of the first frame, and the noise line after them."""
    raws = [shot(seed) for seed in range(4)]
    found = bursts.load(shoot(*raws))
    gains = 1 / np.array([0.5, 1.0, 0.65])  # the demo camera's neutral
    gain = cfa_cell.tiled(gains[[[0, 1], [1, 2]]], 48, 64)
    assert found.cfa == "RGGB"
    by_hand = np.stack([(one.mosaic - 512.0) / (16383 - 512) for one in raws]) * gain
    assert found.signal == pytest.approx(by_hand, abs=1e-5)
    assert found.saturation == pytest.approx(gains)
    each = [line.variance(by_hand.mean(0)) for line in found.noise]
    variance = np.choose(cfa_cell.tiled(cfa_cell.indices("RGGB"), 48, 64), each)
    pairs = drawn(Bursts.of([found], 16, "RGGB"), 1)
    assert pairs.lines.shot[0].tolist() == pytest.approx(gains / 2000, rel=1e-3)
    assert pairs.lines.read[0].tolist() == pytest.approx(gains**2 * (3 / 2000) ** 2, rel=0.01)
    z = (found.signal[0] - found.signal[1]) / np.sqrt(2 * variance)
    assert abs(z.mean()) < 5 / math.sqrt(z.size)
    assert abs(z.var() - 1) < 5 * math.sqrt(2 / z.size)


def test_the_cell_is_that_of_the_active_area(shoot: Callable[..., Path]) -> None:
    area = Area(3, 4, 45, 60)
    found = bursts.load(shoot(*(shot(seed, active_area=area) for seed in (1, 2))))
    assert found.cfa == "GBRG"
    assert found.signal.shape == (2, 42, 56)


def test_a_hot_photosite_is_no_light(shoot: Callable[..., Path]) -> None:
    """It is in all frames: a network would learn to keep it."""
    raws = [shot(seed) for seed in (1, 2)]
    for one in raws:
        one.mosaic[20, 21] = 16000
    assert bursts.load(shoot(*raws)).signal[:, 20, 21].max() < 0.5


def test_folders_at_and_below_places(shoot: Callable[..., Path], tmp_path: Path) -> None:
    first, second = (shoot(shot(1), shot(2), name=name) for name in ("a", "b"))
    (first / "notes.txt").write_text("tripod")
    assert bursts.folders([tmp_path]) == [first, second]
    assert bursts.folders([second, first, tmp_path]) == [first, second]
    (tmp_path / "none").mkdir()
    with pytest.raises(ValueError, match=r"no raw files in .*none; give a folder of raw files"):
        bursts.folders([first, tmp_path / "none"])


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (None, "scene: 1 raw file; noise is told from light by two"),
        (shot(1), r"1\.dng: value by value the same as .*0\.dng"),
        (replace(shot(2), mosaic=shot(2).mosaic[:40]), r"1\.dng: size \(40, 64\), of the first \(48, 64\)"),
        (shot(2, cfa="BGGR"), r"1\.dng: CFA BGGR, of the first RGGB"),
        (shot(2, model="other"), r"1\.dng: camera .*other, of the first .*demo"),
        (replace(shot(2), exif=Exif(iso=1600)), r"1\.dng: ISO 1600.*, of the first 800"),
        (replace(shot(2), exif=Exif()), r"1\.dng: ISO \?, of the first 800"),
        (shot(2, white_level=[16000] * 4), r"1\.dng: white level .*16000"),
        (shot(2, black_level=[800] * 4), r"1\.dng: black level 800, of the first 512"),
        (
            RawImage(linear=np.zeros((48, 64, 3), np.uint16), black_level=0, white_level=65535),
            r"1\.dng: already demosaiced; give mosaics",
        ),
    ],
)
def test_what_is_no_burst_is_said(shoot: Callable[..., Path], second: RawImage | None, said: str) -> None:
    folder = shoot(shot(1)) if second is None else shoot(shot(1), second)
    with pytest.raises(ValueError, match=said) as caught:
        bursts.load(folder)
    assert "\n" not in str(caught.value)


def test_another_exposure_time_is_said(shoot: Callable[..., Path]) -> None:
    exif = [Exif(tags={"EXIF": {0x829A: (1, time)}}, iso=800) for time in (50, 100)]
    with pytest.raises(ValueError, match=r"1\.dng: exposure time 0\.01, of the first 0\.02"):
        bursts.load(shoot(*(replace(shot(n), exif=one) for n, one in enumerate(exif))))


def test_unknown_noise_is_said(shoot: Callable[..., Path]) -> None:
    flat = [
        replace(shot(1), mosaic=np.full((48, 64), value, np.uint16), noise=None, model="?", unique_model="")
        for value in (600, 601)
    ]
    with pytest.raises(ValueError, match=r"0\.dng: nothing is known of its noise"):
        bursts.load(shoot(*flat))


def test_what_cannot_be_cut_is_said() -> None:
    with pytest.raises(ValueError, match=f"scene: no crop of its CFA RGGB has the cell {XTRANS}"):
        Bursts.of([colored("RGGB")], 16, XTRANS)
    assert len(Bursts.of([colored("RGGB", 17, 17)], 16, "RGGB")) == 1
    with pytest.raises(ValueError, match=r"scene: frames of 40 x 16 hold no crop of 16 .* it takes 17"):
        Bursts.of([colored("RGGB", 16)], 16, "RGGB")
    with pytest.raises(ValueError, match="no burst; give folders"):
        Bursts.of([], 16, "RGGB")
