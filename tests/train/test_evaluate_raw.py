"""ELD's and PMN's protocol on a tree of our own: raw values by hand, the middle, and what is corrected."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepisp.data import sid
from deepisp.data.sid_protocol import Levels
from deepisp.raw.image import RawImage
from deepisp.sensor.noise import Noise
from deepisp.train import contenders, evaluate_raw
from tests.data import dark_trees

LEVELS = Levels(512, 16383)
NEUTRAL = np.array([0.5, 1.0, 0.8])


def frame(light: float) -> RawImage:
    """Gray columns under a light that is not white, so much of it."""
    gray = dark_trees.gray(np.array([0.2, 0.5, 0.8]) * light)
    assert gray.mosaic is not None
    signal = (gray.mosaic - 512.0) * np.tile(NEUTRAL[[[0, 1], [1, 2]]], (48, 72))
    mosaic = np.rint(512 + signal).astype(np.uint16)
    return replace(gray, mosaic=mosaic, as_shot_neutral=NEUTRAL, noise=(Noise(1e-5, 1e-8),) * 3)


@pytest.fixture
def pairs(tmp_path: Path) -> list[sid.Pair]:
    """A short and a long exposure of ratio 100."""
    dark_trees.plant(tmp_path, {10003: {"0.1": 1}}, dark_trees.content(frame(0.01), tmp_path))
    [long] = (tmp_path / "Sony" / "long").iterdir()
    long.write_bytes(dark_trees.content(frame(1), tmp_path))
    [short] = (tmp_path / "Sony" / "short").iterdir()
    return [sid.pair(short, long)]


def method(factor: float, seen: list[object]) -> object:
    """Gray is gray in what it gets, so it may give each photosite's value as all three colors."""

    def contender(mosaic: np.ndarray, noise: object) -> np.ndarray:
        seen.append((mosaic, noise))
        return np.repeat(mosaic[..., None] * np.float32(factor), 3, -1)

    return lambda name, cfa, threads: contender


def test_the_method_gets_a_balanced_mosaic_as_bright_as_the_truth(
    pairs: list[sid.Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []
    monkeypatch.setattr(contenders, "named", method(1.0, seen))
    found = evaluate_raw.score("any", pairs, LEVELS)
    [(mosaic, noise)] = seen
    step = 100 / (16383 - 512)  # a DN of the short exposure
    assert np.abs(mosaic[:, 10] - 0.2).max() < 2 * step
    assert noise[0] == pytest.approx((1e-5 * 200, 1e-8 * 200**2))  # of red, whose neutral is 0.5
    assert found[100].psnr > -20 * math.log10(step)
    assert found[None].pairs == 1


def test_an_error_of_brightness_alone_is_corrected(
    pairs: list[sid.Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contenders, "named", method(0.9, []))
    found = evaluate_raw.score("any", pairs, LEVELS)[None]
    means = np.array([0.2, 0.5, 0.8])[:, None] * NEUTRAL[[0, 1, 1, 2]]
    assert found.psnr == pytest.approx(-10 * math.log10(np.mean((0.1 * means) ** 2)), abs=0.2)
    assert found.corrected_psnr > 45
    assert found.corrected_ssim > 0.99


def test_only_the_middle_is_looked_at(pairs: list[sid.Pair], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr(contenders, "named", method(1.0, seen))
    evaluate_raw.score("any", pairs, LEVELS, center=32)
    [(mosaic, _)] = seen
    assert mosaic.shape == (32, 32)
    assert mosaic.mean() == pytest.approx(0.5, abs=0.01)
    with pytest.raises(ValueError, match="a frame of 96 x 144 has no 100 x 100 in its middle"):
        evaluate_raw.score("any", pairs, LEVELS, center=100)


def test_a_network_runs_and_what_cannot_be_measured_is_said(pairs: list[sid.Pair]) -> None:
    assert evaluate_raw.score("fast", pairs, LEVELS)[None].psnr > 35
    with pytest.raises(ValueError, match="no pairs"):
        evaluate_raw.score("fast", [], LEVELS)
    with pytest.raises(ValueError, match="no network and no file 'gone'"):
        evaluate_raw.score("gone", pairs, LEVELS)
