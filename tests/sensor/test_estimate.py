"""The noise line of one raw: scenes whose noise we make ourselves, so that the truth is known."""

import math
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from deepisp.sensor import estimate as estimating
from deepisp.sensor.estimate import NoiseLine, estimate, estimate_mosaic

SHOT, READ = 1e-3, 2e-5
Array = NDArray[np.float64]


def noisy(scene: Array, seed: int, shot: float = SHOT, read: float = READ) -> Array:
    noise = np.random.default_rng(seed).normal(size=scene.shape)
    return scene + noise * np.sqrt(shot * scene + read)


def gradient(low: float, high: float, side: int = 512) -> Array:
    return np.tile(np.linspace(low, high, side), (side, 1))


def steps() -> Array:
    return np.kron(np.linspace(0.02, 0.8, 64).reshape(8, 8), np.ones((64, 64)))


def error_at(line: NoiseLine, signal: float, shot: float = SHOT, read: float = READ) -> float:
    """Relative error of the predicted deviation."""
    return line.std(signal) / math.sqrt(shot * signal + read) - 1


def photon_noise(scene: Array, gain: float, read_std: float, seed: int) -> tuple[Array, float, float]:
    """A 14-bit raw, black 512, of a scene with white at 1: the signal and its true shot and read."""
    rng, levels = np.random.default_rng(seed), 16383 - 512
    dn = rng.poisson(scene * levels / gain) * gain + rng.normal(0, read_std, scene.shape) + 512
    signal = (np.clip(np.round(dn), 0, 16383) - 512) / levels
    return signal, gain / levels, (read_std**2 + 1 / 12) / levels**2


@pytest.mark.parametrize("seed", range(6))
def test_gradient_is_recovered_within_its_standard_errors(seed: int) -> None:
    line = estimate(noisy(gradient(0, 0.8), seed))
    assert abs(line.shot - SHOT) < 4 * line.shot_error < 0.15 * SHOT
    assert abs(line.read - READ) < 4 * line.read_error < 0.8 * READ


def test_standard_errors_are_not_too_wide() -> None:
    """Over 16 frames: rms of the deviations in stated errors (by chance 0.60 to 1.41, in 98 of 100 tries)."""
    lines = [estimate(noisy(gradient(0, 0.8, 256), seed)) for seed in range(16)]
    for name, truth in (("shot", SHOT), ("read", READ)):
        z = [(getattr(line, name) - truth) / getattr(line, f"{name}_error") for line in lines]
        assert 0.5 < math.sqrt(np.mean(np.square(z))) < 1.6, name


@pytest.mark.parametrize("high", [1.0, 0.7])
def test_clipped_pixels_do_not_lower_the_line(high: float) -> None:
    """A twentieth of the gradient lies above the plateau, as much again within the noise below it."""
    scene = gradient(0, high / 0.95)
    line = estimate(np.minimum(noisy(scene, 1), high), high=high)
    assert abs(line.shot - SHOT) < 5 * line.shot_error
    assert abs(error_at(line, 0.18)) < 0.03
    assert abs(error_at(line, high)) < 0.04


def test_noise_cut_off_at_black_is_allowed_for() -> None:
    """Files without a black offset: half of the noise at black is gone, the line is not."""
    scene = gradient(0, 0.05)
    cut = np.maximum(noisy(scene, 2), 0)
    told, untold = (estimate(cut, low=low).std(0) / math.sqrt(READ) - 1 for low in (0.0, -math.inf))
    assert abs(told) < 0.1  # not chance but method: the median of half-clipped noise is not a normal one's
    assert untold < -0.2


def test_clipping_curves_are_those_of_clipped_noise() -> None:
    """Against a simulation, from well below the bottom to well above the top; 10^6 draws, 5 standard errors."""
    line, draws = estimating._Line(4e-3, 1e-4, np.eye(2)), 1_000_000
    curves = estimating._clipping(line, 0.0, 1.0, 0.0)
    for true in (0.0, 0.01, 0.5, 0.95, 1.0, 1.05):
        z = np.random.default_rng(3).normal(size=draws)
        std = math.sqrt(4e-3 * true + 1e-4)
        seen = np.clip(true + std * z, 0, 1)
        squares = (seen - seen.mean()) ** 2
        mean = np.interp(true, curves.true, curves.seen)
        share = np.interp(true, curves.true, curves.share)
        assert abs(seen.mean() - mean) < 5 * seen.std() / 1e3 + 2e-5, true  # 2e-5: the curve is a table
        assert abs(squares.mean() / std**2 - share) < 5 * squares.std() / std**2 / 1e3 + 1e-3, true


def test_wavelet_is_orthonormal_and_blind_to_slopes() -> None:
    low, high = estimating.LOWPASS, estimating.HIGHPASS
    assert low @ low == pytest.approx(1, abs=1e-12)
    assert high @ high == pytest.approx(1, abs=1e-12)
    assert [low @ high, low[2:] @ low[:2], high[2:] @ high[:2]] == pytest.approx([0, 0, 0], abs=1e-12)
    assert [high.sum(), high @ np.arange(4)] == pytest.approx([0, 0], abs=1e-12)


def test_flat_steps_are_told_apart_from_their_edges() -> None:
    line = estimate(noisy(steps(), 4))
    assert abs(error_at(line, 0.18)) < 0.03
    assert abs(error_at(line, 0.5)) < 0.03


def test_texture_does_not_pass_for_noise() -> None:
    """Three quarters of the frame are texture of three times the noise, in all directions."""
    scene = gradient(0.02, 0.7)
    texture = np.random.default_rng(5).normal(size=scene.shape) * 3 * np.sqrt(SHOT * scene + READ)
    texture[:128] = 0
    signal = noisy(scene, 6) + texture
    assert abs(error_at(estimate(signal), 0.18)) < 0.05
    assert abs(error_at(estimate(signal), 0.5)) < 0.05


def test_all_texture_errs_upward() -> None:
    """What no estimator can know from one frame: texture like noise everywhere is noise."""
    scene = gradient(0.02, 0.7)
    both = noisy(noisy(scene, 5, 3 * SHOT, 3 * READ), 6)
    assert 0.9 < error_at(estimate(both), 0.18) < 1.1  # sqrt(1 + 3) - 1


def test_coarse_quantization_counts_as_read_noise() -> None:
    step = math.sqrt(READ)
    line = estimate(np.round(noisy(gradient(0, 0.5), 7) / step) * step)
    assert abs(error_at(line, 0.18, read=READ + step**2 / 12)) < 0.03


def test_planes_of_one_color_are_pooled() -> None:
    first, second = noisy(gradient(0, 0.8), 8), noisy(gradient(0, 0.8), 9)
    alone, both = estimate(first), estimate([first, second])
    assert both.places > 1.7 * alone.places
    assert both.shot_error < 0.85 * alone.shot_error  # 1 / sqrt(2) but for chance


@pytest.mark.parametrize("cfa", ["RGGB", "GBRG", "W"])
def test_colors_of_a_mosaic_keep_their_own_lines(cfa: str) -> None:
    shots = {"R": 5e-4, "G": 1e-3, "B": 2e-3, "W": 3e-3}
    scene = gradient(0, 0.6, 768)
    n = math.isqrt(len(cfa))
    for i, color in enumerate(cfa):
        at = np.s_[i // n :: n, i % n :: n]
        scene[at] = noisy(scene[at], 10 + i, shot=shots[color])
    order = "RGB" if n > 1 else "W"
    lines = estimate_mosaic(scene.astype(np.float32), cfa)
    assert len(lines) == len(order)
    for color, line in zip(order, lines, strict=True):
        assert abs(error_at(line, 0.3, shot=shots[color])) < 0.04, color


def test_large_frames_are_sampled_from_top_to_bottom() -> None:
    """The top third is nothing but texture; bands from all over find the rest."""
    scene = np.full((2400, 1200), 0.3)
    scene[:, :] = np.linspace(0, 0.8, 1200)
    signal = noisy(scene, 11)
    signal[:800] += np.random.default_rng(12).normal(0, 0.2, (800, 1200))
    line = estimate(signal)
    assert line.places < estimating.MOST / 4
    assert abs(error_at(line, 0.18)) < 0.03


def test_one_level_gives_its_noise_and_wide_errors() -> None:
    line = estimate(noisy(np.full((256, 256), 0.3), 13))
    assert abs(error_at(line, 0.3)) < 0.03
    assert line.shot_error > 0.3 * SHOT
    assert line.read_error > 3 * READ


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        (np.full((64, 64), 0.5), "no noise in the frame"),
        (np.full((64, 64), 1.0), "not clipped throughout"),
        (np.full((64, 64), 1.3), "not clipped throughout"),
        (np.zeros((16, 400)), "24 x 24 or more, got .16, 400.; give a larger piece"),
        (np.zeros((64, 64, 3)), r"is \(H, W\)"),
        (np.where(np.eye(64) > 0, np.nan, 0.5), "64 of 4096 values are NaN or infinite; repair or crop"),
        (np.where(np.eye(64) > 0, np.inf, 0.5), "64 of 4096 values are NaN or infinite"),
    ],
)
def test_what_tells_nothing_is_refused(signal: Array, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        estimate(signal)


def test_a_mosaic_of_three_dimensions_is_refused() -> None:
    with pytest.raises(ValueError, match="one frame at a time"):
        estimate_mosaic(np.zeros((3, 64, 64)), "RGGB")


def mosaic_of(path: Path) -> Array:
    """Linear light of an sRGB picture (IEC 61966-2-1), through RGGB."""
    code = np.asarray(Image.open(path).convert("RGB")) / 255
    light = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    height, width = (side // 2 * 2 for side in light.shape[:2])
    mosaic = np.empty((height, width))
    for row, column in product((0, 1), (0, 1)):
        mosaic[row::2, column::2] = light[row:height:2, column:width:2, row + column]
    return mosaic


@pytest.mark.data
@pytest.mark.parametrize("clipped", [0.0, 0.05])
def test_noise_of_pictures_at_mid_gray(data: Path, clipped: float) -> None:
    """Four pictures at ISO 6400 and 25600 of a Sony A7S II (reference D6): median error within 12 %.

    These four are smooth ones: it guards against decay, and is not the figure of 12 pictures and ISO 1600 too.
    """
    errors = []
    names = ["kodak/kodim03", "kodak/kodim15", "mcmaster/mcm03", "mcmaster/mcm16"]
    for seed, (name, (gain, std)) in enumerate(product(names, [(6.1, 7.9), (24.5, 25.9)])):
        scene = mosaic_of(data / "pictures" / "bench" / f"{name}.webp")
        scene = scene / np.quantile(scene, 1 - clipped) if clipped else scene
        signal, shot, read = photon_noise(scene, gain, std, seed)
        errors += [abs(error_at(line, 0.18, shot, read)) for line in estimate_mosaic(signal, "RGGB")]
    assert np.median(errors) < 0.12
