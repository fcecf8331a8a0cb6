"""Developing with a network: which one, told which noise, and the same picture on both paths."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import deepisp
from deepisp.develop import bands, device_memory, plan, tensors
from deepisp.develop.demosaic.color_shift import ColorShift
from deepisp.develop.settings import Settings
from deepisp.networks import zoo
from deepisp.networks.jdd import JDD
from deepisp.raw.image import Area
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


def test_the_noise_is_balanced():
    frame, _ = noisy_frame()
    told = plan.solve(frame, Settings()).noise
    expected = [(n.shot / neutral, n.read / neutral**2) for n, neutral in zip(NOISE, NEUTRAL, strict=True)]
    assert np.allclose(told, expected)


@pytest.mark.parametrize("path", [bands.render, lambda solved: tensors.render(solved, device="cpu")])
def test_strength_is_the_share_of_the_noise_that_is_taken_out(path):
    frame, truth = noisy_frame(height=100, width=90)
    noisy, part, clean = (path(plan.solve(frame, Settings(strength=s, **LINEAR))) for s in (0.0, 0.3, 1.0))
    assert np.allclose(part, 0.7 * noisy + 0.3 * clean, atol=1e-5)
    assert error(part, truth) == pytest.approx(
        0.7 * error(noisy, truth) + 0.3 * error(clean, truth), rel=0.05
    )
    assert error(clean, truth) < 0.3 * error(noisy, truth)


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
    assert "mono sensors have no fast network; not denoised" in lines
    lines.clear()
    deepisp.develop(sensor_frame("W", light), warn=lines.append)
    assert lines == []
    assert network_of(linear_frame(random_light(48, 48), NEUTRAL)).network == ""


def test_noise_beyond_what_was_trained_is_said():
    frame, _ = noisy_frame(noise=(Noise(5.0, 4.0),) * 3)
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


def watched(monkeypatch):
    """The figures that pictures are watched by, one each."""
    figures, kept = [], ColorShift.largest
    monkeypatch.setattr(ColorShift, "largest", lambda self: (figures.append(kept(self)), figures[-1])[1])
    return figures


def own_network(path, cfa, **scaled):
    """A random network of a cell, in a file, some of its tensors scaled."""
    torch.manual_seed(1)
    net = JDD(cfa, width=8, blocks=1)
    tensors = {name: one.detach().numpy() for name, one in net.state_dict().items()}
    for name, factor in scaled.items():
        tensors[f"{name}.weight"] = tensors[f"{name}.weight"] * factor
    zoo.save(path, zoo.Weights(cfa, 8, 1, False, 0.1, tensors))
    return str(path)


@pytest.mark.parametrize("cfa", ["GRBG", XTRANS, "RRGGRRGGGGBBGGBB"])
@pytest.mark.parametrize("rows", [48, 1536])
def test_both_paths_are_watched_by_the_same_figure(cfa, rows, monkeypatch, tmp_path):
    from deepisp.develop.demosaic import learned

    monkeypatch.setattr(
        learned, "_shipped", lambda name, threads, _: learned.Engine(zoo.named(name), precision="fp32")
    )
    monkeypatch.setattr(device_memory, "MOST", rows)
    frame, _ = noisy_frame(cfa, 470, 150, default_crop=Area(31, 7, 420, 130))
    name = "fast" if cfa in BAYER else own_network(tmp_path / "own.safetensors", cfa, base=1.1)
    balanced = tuple(one.amplified(1 / n) for one, n in zip(NOISE, NEUTRAL, strict=True))
    solved = replace(plan.solve(frame, Settings(**LINEAR)), network=name, noise=balanced)
    figures = watched(monkeypatch)
    bands.render(solved)
    tensors.render(solved, device="cpu")
    assert figures[0] > 1e-4
    assert figures[1] == pytest.approx(figures[0], abs=1e-5)


def test_spoiled_weights_are_said_on_the_torch_path(tmp_path, device):
    frame, _ = noisy_frame()
    lines = {}
    for factor in (1.0, 1.2):
        path = own_network(tmp_path / f"{factor}.safetensors", "RGGB", base=factor, tail=0)
        solved = replace(plan.solve(frame, Settings()), network=path)
        tensors.render(solved, device=device, warn=lines.setdefault(factor, []).append)
    assert lines[1.0] == []
    assert [line for line in lines[1.2] if "shifted a color by" in line] == lines[1.2] != []
