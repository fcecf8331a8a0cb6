"""The default rendering: middle gray stays, order and hue stay, nothing clips alone."""

import numpy as np
import pytest
import torch

from deepisp.develop import tone


def test_middle_gray_stays_and_light_is_compressed_in_order():
    x = np.array([0.0, 0.001, 0.01, 0.18, 1.0, 4.0, 100.0])
    y = tone.curve(x, 1000.0)
    assert y[3] == pytest.approx(0.18)
    assert (np.diff(y) > 0).all()
    assert y[0] == 0
    assert y[-1] < 1


def test_slope_around_middle_gray_is_the_contrast():
    # By hand: d log y / d log x of x^c / (x^c + k) is c (1 - y), where the white is far away.
    step = 1e-5
    slope = (np.log(tone.curve(np.array([0.18 * (1 + step)]), 1e6)) - np.log(0.18)) / np.log(1 + step)
    assert slope[0] == pytest.approx(tone.CONTRAST * (1 - 0.18), rel=1e-3)


@pytest.mark.parametrize("white", [0.3, 1.0, 1.7, 40.0])
def test_the_table_is_the_curve_and_ends_at_white(white):
    t = np.linspace(0, 0.9999, 5001)
    x = tone.GRAY * t / (1 - t)
    nodes = np.linspace(0, 1, len(tone.table(white)))
    looked_up = np.minimum(np.interp(t, nodes, tone.table(white)), 1)
    assert np.abs(looked_up - tone.curve(x, white)).max() < 1e-5
    assert tone.curve(np.array([max(white, 1.0)]), white)[0] == pytest.approx(1)
    assert tone.curve(np.array([0.18]), white)[0] == pytest.approx(0.18)


@pytest.mark.parametrize("scale", [0.01, 0.5, 20.0])
def test_middle_channel_keeps_its_place(scale):
    rgb = torch.tensor([0.9, 0.5, 0.1]).reshape(3, 1, 1) * scale
    high, middle, low = tone.apply(rgb, white=100.0).flatten().tolist()
    assert (middle - low) / (high - low) == pytest.approx(0.5, abs=1e-6)


def test_gray_stays_gray_and_negative_light_is_black(device):
    gray = torch.full((3, 1, 4), 0.3, device=device)
    out = tone.apply(gray, white=2.0)
    assert torch.equal(out[0], out[1])
    assert torch.equal(out[1], out[2])
    assert tone.apply(torch.full((3, 1, 1), -0.5, device=device), white=2.0).abs().max() < 1e-12


def test_tone_has_gradients():
    rgb = torch.tensor([[0.9, 0.02], [0.5, 0.3], [0.1, 0.7]], dtype=torch.float64).reshape(3, 1, 2)
    assert torch.autograd.gradcheck(lambda light: tone.apply(light, white=2.0), rgb.requires_grad_())


def scene(key, n=4096):
    rng = np.random.default_rng(0)
    return (key * np.exp(rng.normal(0, 1, (n, 1))) * np.ones(3)).astype(np.float32)


def test_a_dark_scene_is_brightened_but_not_all_the_way():
    gains = [tone.exposure(scene(key), 0.0) for key in (0.18, 0.045, 0.0045)]
    assert gains[0] < gains[1] < gains[2]
    assert gains[2] * 0.0045 < 0.18
    assert gains[2] <= 2**3


def test_baseline_exposure_counts_on_empty_and_black_frames():
    assert tone.exposure(np.zeros((10, 3), np.float32), 1.0) == 2.0
    assert tone.exposure(np.full((10, 3), np.nan, np.float32), 0.0) == 1.0


def test_bright_highlights_limit_the_brightening():
    dark = scene(0.02)
    with_sky = dark.copy()
    with_sky[: len(dark) // 10] = 1.0
    assert tone.exposure(with_sky, 0.0) < tone.exposure(dark, 0.0)
