"""Developing with a network: which one, told which noise, and the same picture on both paths."""

from dataclasses import replace

import numpy as np
import pytest

import deepisp
from deepisp.develop import bands, plan, tensors
from deepisp.develop.settings import Settings
from deepisp.networks import zoo
from deepisp.sensor.cfa import BAYER, XTRANS
from deepisp.sensor.noise import Noise
from tests.develop.test_pipeline import gain_maps, linear_frame, random_light, sensor_frame

NEUTRAL = np.array([0.5, 1.0, 0.7])
NOISE = (Noise(2e-3, 1e-5), Noise(1e-3, 1e-5), Noise(1.5e-3, 1e-5))
LINEAR = {"tone": "none", "color": "camera", "bits": 32}


def noisy_frame(cfa="RGGB", height=530, width=600, **changes):
    """Smooth light with the noise that the file says."""
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[:height, :width] / 90
    light = 0.3 + 0.2 * np.sin(rows) * np.cos(columns) * np.ones((3, 1, 1))
    light = light * NEUTRAL[:, None, None]
    line = np.array(NOISE)[:, :, None, None]
    seen = light + rng.standard_normal(light.shape) * np.sqrt(line[:, 0] * light + line[:, 1])
    frame = sensor_frame(cfa, np.clip(seen, -0.02, 1), as_shot_neutral=NEUTRAL, noise=NOISE)
    return replace(frame, **changes), light / NEUTRAL[:, None, None]


def error(pixels, truth):
    return float(np.sqrt(np.mean((pixels.transpose(2, 0, 1) - truth)[:, 20:-20, 20:-20] ** 2)))


@pytest.mark.parametrize("cfa", BAYER)
def test_the_default_takes_noise_out(cfa):
    frame, truth = noisy_frame(cfa)
    learned, classical = (
        error(deepisp.develop(frame, model=one, **LINEAR), truth) for one in ("auto", "none")
    )
    assert learned < 0.35 * classical


@pytest.mark.parametrize("cfa", BAYER)
def test_both_paths_give_the_same_picture(cfa):
    frame, _ = noisy_frame(cfa, 500, 90)
    solved = plan.solve(frame, Settings(**LINEAR))
    assert solved.network == "fast"
    fast, plain = bands.render(solved), tensors.render(solved, device="cpu")
    assert np.abs(fast - plain).max() < 0.02  # bfloat16
    assert np.abs(fast - plain).mean() < 1e-3


def test_threads_and_bands_do_not_show():
    frame, _ = noisy_frame(height=1000)
    assert np.array_equal(deepisp.develop(frame, threads=1), deepisp.develop(frame, threads=2))


def test_the_noise_is_balanced_and_scaled():
    frame, _ = noisy_frame()
    told = plan.solve(frame, Settings(strength=0.5)).noise
    assert np.allclose(
        told,
        [(n.shot / neutral / 4, n.read / neutral**2 / 4) for n, neutral in zip(NOISE, NEUTRAL, strict=True)],
    )


def test_strength_0_leaves_more_noise_than_1():
    frame, truth = noisy_frame()
    errors = [error(deepisp.develop(frame, strength=one, **LINEAR), truth) for one in (0.0, 0.5, 1.0)]
    assert errors[0] > errors[1] > errors[2]


def test_lens_gains_raise_the_noise_with_the_light(monkeypatch):
    """What the network is told at the corner is the deviation times the gain there, not that of brighter light."""
    seen = []
    from deepisp.develop.demosaic import learned

    kept = learned.Engine.__call__
    monkeypatch.setattr(
        learned.Engine,
        "__call__",
        lambda self, mosaic, sigma: (seen.append((mosaic, sigma)), kept(self, mosaic, sigma))[1],
    )
    frame = sensor_frame("RGGB", np.full((3, 60, 60), 0.25), noise=(Noise(1e-3, 1e-5),) * 3)
    deepisp.develop(replace(frame, opcode_list_2=gain_maps((60, 60))), tone="none", threads=1)
    ((mosaic, sigma),) = seen
    gain = mosaic / 0.25
    assert np.ptp(gain) > 0.1
    assert np.allclose(sigma, gain * np.sqrt(1e-3 * 0.25 + 1e-5), rtol=1e-3)


def test_brightness_of_each_color_is_kept():
    frame, truth = noisy_frame()
    pixels = deepisp.develop(frame, **LINEAR)
    shift = (pixels.transpose(2, 0, 1) - truth)[:, 20:-20, 20:-20].mean((1, 2))
    assert np.abs(shift).max() < 0.002


def network_of(frame, **changes):
    return plan.solve(frame, Settings(**changes))


@pytest.mark.parametrize(
    "changes", [{"model": "none"}, {"demosaic": "malvar"}, {"half": True}, {"demosaic": "menon"}]
)
def test_who_asks_for_another_way_gets_it(changes):
    solved = network_of(noisy_frame()[0], **changes)
    assert solved.network == ""
    assert solved.noise == ()


def test_a_sensor_without_a_network_is_developed_classically():
    light = random_light(48, 48, 1)
    lines = []
    deepisp.develop(sensor_frame("W", light), model="fast", warn=lines.append)
    assert "a mono sensor has no fast network here; none without denoising in its place" in lines
    lines.clear()
    deepisp.develop(sensor_frame("W", light), warn=lines.append)
    assert lines == []
    assert network_of(linear_frame(random_light(48, 48), NEUTRAL)).network == ""


def test_noise_beyond_what_was_trained_is_said():
    frame, _ = noisy_frame(noise=(Noise(0.5, 0.1),) * 3)
    lines = []
    deepisp.develop(frame, warn=lines.append)
    assert [line for line in lines if "the network was trained on no more than" in line]


def test_a_frame_that_tells_no_noise_is_not_denoised():
    lines = []
    deepisp.develop(sensor_frame("RGGB", np.full((3, 12, 12), 0.5)), warn=lines.append)
    assert "nothing is known of its noise; not denoised" in lines


def test_a_profile_of_ones_own_counts_first(tmp_path):
    own = tmp_path / "own.toml"
    own.write_text(
        'maker = "Own"\nmodels = ["Own"]\n[[conversion_gains]]\nsource = "made up for this test"\n'
        "[[conversion_gains.entries]]\nshot = 0.004\nread = 1e-4\n"
    )
    told = network_of(noisy_frame()[0], noise=str(own)).noise
    assert np.allclose(told[1], (0.004, 1e-4))


def test_every_kind_of_sensor_finds_its_own():
    kinds = {entry.kind for entry in zoo.entries().values()}
    assert "bayer" in kinds
    for kind, cfa in (("bayer", "GRBG"), ("xtrans", XTRANS)):
        light = random_light(48, 48)
        expected = zoo.for_sensor(kind, "fast") or ""
        assert network_of(sensor_frame(cfa, light)).network == expected


def test_a_network_that_shifts_colors_is_said(monkeypatch):
    from deepisp.develop.demosaic import learned

    kept = learned.Engine.__call__
    spoiled = np.array([1, 1, 1.2], np.float32)[:, None, None]
    monkeypatch.setattr(learned.Engine, "__call__", lambda self, *given: kept(self, *given) * spoiled)
    lines = []
    deepisp.develop(noisy_frame()[0], warn=lines.append)
    assert [line for line in lines if "shifted a color by" in line]
    monkeypatch.undo()
    lines.clear()
    deepisp.develop(noisy_frame()[0], warn=lines.append)
    assert lines == []
