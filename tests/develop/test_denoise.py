"""Files that come demosaiced: noise that the file speaks of is taken out, and nothing else is changed."""

from dataclasses import replace

import numpy as np
import pytest

import deepisp
from deepisp.raw.image import RawImage
from deepisp.sensor.noise import Noise
from tests.develop.test_pipeline import linear_frame

NEUTRAL = np.array([0.5, 1.0, 0.7])
LINEAR = {"tone": "none", "color": "camera", "bits": 32}
NOISE = (Noise(2e-4, 1e-6), Noise(1e-4, 1e-6), Noise(1.5e-4, 1e-6))


def shot(
    height: int = 101, width: int = 87, *, noise: tuple[Noise, ...] = NOISE
) -> tuple[RawImage, np.ndarray]:
    """Smooth light with an edge in it; noise of the line."""
    rows, columns = np.mgrid[:height, :width] / 40
    light = (
        (0.2 + 0.1 * np.sin(rows) * np.cos(columns)) * np.where(columns > 1, 1.0, 0.4) * np.ones((3, 1, 1))
    )
    light = light * NEUTRAL[:, None, None]
    shots, reads = np.array(noise).T[:, :, None, None]
    seen = light + np.random.default_rng(1).standard_normal(light.shape) * np.sqrt(shots * light + reads)
    return replace(linear_frame(np.clip(seen, 0, 1), NEUTRAL), noise=noise), light / NEUTRAL[:, None, None]


def error(pixels: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(np.mean((pixels.transpose(2, 0, 1) - truth) ** 2)))


def test_noise_goes_and_the_edge_stays() -> None:
    frame, truth = shot()
    before, after = (deepisp.develop(frame, model=model, **LINEAR) for model in ("none", "auto"))
    assert error(after, truth) < 0.4 * error(before, truth)
    edge = np.s_[:, :, 38:43]
    assert np.abs((after.transpose(2, 0, 1) - truth)[edge]).mean() < 0.01  # the edge is 0.1 to 0.2 high


def test_strength_is_the_share_that_is_taken_out() -> None:
    frame, _ = shot()
    before, half, after = (deepisp.develop(frame, strength=s, **LINEAR) for s in (0.0, 0.5, 1.0))
    assert np.allclose(before, deepisp.develop(frame, model="none", **LINEAR), atol=1e-5)
    assert np.allclose(half, (before + after) / 2, atol=1e-5)


@pytest.mark.parametrize("noise", [None, (Noise(1e-6, 1e-7),) * 3])
def test_noise_that_is_unknown_or_cannot_be_seen_is_left_alone(noise: tuple[Noise, ...] | None) -> None:
    frame = replace(shot()[0], noise=noise)
    lines: list[str] = []
    assert np.array_equal(deepisp.develop(frame, warn=lines.append), deepisp.develop(frame, model="none"))
    assert lines == []


def test_threads_and_bands_do_not_show() -> None:
    frame, _ = shot(height=900)
    assert np.array_equal(deepisp.develop(frame, threads=1), deepisp.develop(frame, threads=2))


def test_the_torch_path_gets_the_same_values() -> None:
    frame, _ = shot()
    from deepisp.develop import denoise, plan, tensors
    from deepisp.develop.settings import Settings

    solved = plan.solve(frame, Settings(**LINEAR))
    given = replace(solved, values=denoise.denoised(solved))
    assert np.allclose(tensors.render(given, device="cpu"), deepisp.develop(frame, **LINEAR), atol=1e-5)


def test_a_network_that_was_asked_for_in_vain_is_said() -> None:
    lines: list[str] = []
    deepisp.develop(replace(shot()[0], noise=None), model="fast", warn=lines.append)
    assert lines == ["not denoised: the noise of this demosaiced file is unknown, or cannot be seen"]
