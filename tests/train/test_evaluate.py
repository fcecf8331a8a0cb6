"""The benchmark's protocol and its figures, by hand and against other implementations."""

import numpy as np
import pytest

from deepisp.sensor import cfa
from deepisp.train import evaluate, metrics


def picture(seed: int = 1, height: int = 40, width: int = 48) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_a_mosaic_takes_the_right_colors() -> None:
    truth = picture().astype(np.float32) / 255
    mosaic = evaluate.noisy(truth, "GRBG", sigma=0, seed=0)
    assert (mosaic[0::2, 0::2] == truth[0::2, 0::2, 1]).all()
    assert (mosaic[0::2, 1::2] == truth[0::2, 1::2, 0]).all()
    assert (mosaic[1::2, 0::2] == truth[1::2, 0::2, 2]).all()


def test_noise_has_its_deviation_and_is_not_clipped() -> None:
    dark = np.zeros((300, 300, 3), np.float32)
    noise = evaluate.noisy(dark, "RGGB", sigma=10, seed=3)
    assert float(noise.std()) * 255 == pytest.approx(10, rel=0.02)
    assert float(noise.mean()) == pytest.approx(0, abs=0.001)
    assert (noise == evaluate.noisy(dark, "RGGB", sigma=10, seed=3)).all()
    assert (noise != evaluate.noisy(dark, "RGGB", sigma=10, seed=4)).any()


def test_the_score_of_a_known_error() -> None:
    """Off by 0.1 inside and by anything in the border, which is left out."""

    def method(mosaic: np.ndarray, sigma: float) -> np.ndarray:
        assert sigma == 0
        off = np.full((*mosaic.shape, 3), 0.4, np.float32)
        off[:10] = off[-10:] = 9
        return off

    gray = np.full((40, 48, 3), 128, np.uint8)
    found = evaluate.score(method, [gray, gray], sigma=0, with_ssim=True)
    assert found.psnr == pytest.approx(-20 * np.log10(128 / 255 - 0.4))
    assert found.pictures == 2
    assert found.cpu_s_per_mp >= 0


def test_the_mean_is_of_decibels() -> None:
    errors = iter((0.1, 0.01))
    gray = np.full((40, 48, 3), 128, np.uint8)

    def method(mosaic: np.ndarray, _: float) -> np.ndarray:
        return np.full((*mosaic.shape, 3), 128 / 255 + next(errors), np.float32)

    found = evaluate.score(method, [gray, gray], sigma=0)
    assert found.psnr == pytest.approx(30, abs=1e-4)
    assert found.worst == pytest.approx(20, abs=1e-4)


def test_no_pictures_are_said() -> None:
    with pytest.raises(ValueError, match="no pictures"):
        evaluate.score(lambda mosaic, _: mosaic, [], sigma=0)


def test_psnr_and_ssim_are_scikit_images() -> None:
    other = pytest.importorskip("skimage.metrics")
    a, b = (picture(seed) / 255 for seed in (1, 2))
    inside = (slice(10, -10), slice(10, -10))
    assert metrics.psnr(a, b) == pytest.approx(
        other.peak_signal_noise_ratio(a[inside], b[inside], data_range=1)
    )
    channels = [
        other.structural_similarity(
            a[*inside, c],
            b[*inside, c],
            data_range=1,
            gaussian_weights=True,
            use_sample_covariance=False,
            full=True,
        )[1][5:-5, 5:-5].mean()
        for c in range(3)
    ]
    assert metrics.ssim(a, b) == pytest.approx(np.mean(channels), abs=1e-9)


def test_what_lies_outside_is_clipped() -> None:
    assert metrics.psnr(np.full((4, 4, 3), 1.5), np.full((4, 4, 3), 0.9), border=0) == pytest.approx(20)


def test_delta_e_of_grays() -> None:
    """Two grays differ in lightness alone: L* 50 and 60 are 9.6 apart in CIEDE2000 (S_L = 1.03 at their mean 55)."""
    lightness = np.array([50.0, 60.0])
    linear = ((lightness + 16) / 116) ** 3
    coded = 1.055 * linear ** (1 / 2.4) - 0.055
    a, b = (np.full((4, 4, 3), one) for one in coded)
    s_l = 1 + 0.015 * 25 / np.sqrt(20 + 25)
    assert metrics.delta_e(a, b, border=0) == pytest.approx(10 / s_l, rel=1e-3)


def test_color_shift_is_a_local_mean() -> None:
    mosaic = np.full((128, 128), 0.5)
    colors = evaluate.colors_at("RGGB", 128, 128)
    output = np.full((128, 128, 3), 0.5)
    assert metrics.color_shift(mosaic, output, colors) == 0
    output[:64, :64, 2] += 0.25
    output[::2, 1::2, 1] += 0.1  # half of the photosites of green lie there
    assert metrics.color_shift(mosaic, output, colors) == pytest.approx(0.25)
    output[:64, :64, 2] -= 0.25
    assert metrics.color_shift(mosaic, output, colors) == pytest.approx(0.05)


def test_cells_of_any_kind() -> None:
    assert (evaluate.colors_at(cfa.XTRANS, 7, 8)[6, :3] == cfa.indices(cfa.XTRANS)[0, :3]).all()
