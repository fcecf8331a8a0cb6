"""`deepisp demo`: a raw file of our own making, developed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from deepisp import read
from deepisp.cli.demo import simulate


def test_the_demo_gives_back_the_photograph(deepisp: Callable[..., Result], tmp_path: Path) -> None:
    result = deepisp("demo", "-o", tmp_path / "demo")
    assert result.exit_code == 0, result.stderr
    names = ["original.png", "noisy.dng", "developed.png"]
    assert [line.split(": ")[0] for line in result.stdout.splitlines()] == [
        str(tmp_path / "demo" / n) for n in names
    ]
    original, developed = (
        np.asarray(Image.open(tmp_path / "demo" / name)).astype(float) for name in (names[0], names[2])
    )
    assert original.shape == developed.shape == (600, 512, 3)
    # Noise of 2000 electrons in shadows is large; its mean, and so the picture's brightness and color, is not.
    assert abs(np.median(developed - original, axis=(0, 1))).max() <= 3
    assert np.corrcoef(original.ravel(), developed.ravel())[0, 1] > 0.95
    assert read(tmp_path / "demo" / "noisy.dng").noise is not None


def test_the_simulated_noise_is_what_the_file_says() -> None:
    gray = np.full((400, 400, 3), 188, np.uint8)
    raw = simulate(gray, seed=3)
    assert raw.mosaic is not None
    assert raw.noise is not None
    green = (raw.mosaic[::2, 1::2] - 512.0) / (16383 - 512)
    light = ((188 / 255 + 0.055) / 1.055) ** 2.4  # IEC 61966-2-1
    asked = raw.noise[1].shot * light + raw.noise[1].read
    assert green.mean() == pytest.approx(light, abs=5 * np.sqrt(asked / green.size))
    assert green.var() == pytest.approx(asked, rel=5 * np.sqrt(2 / green.size))


def test_the_demo_is_the_same_each_time() -> None:
    photograph = np.random.default_rng(1).integers(0, 256, (8, 8, 3), np.uint8)
    first, second, other = (simulate(photograph, seed=seed).data for seed in (1, 1, 2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)
