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


def test_pure_light_grows_pale_as_it_grows_bright():
    # By hand: at purity 1, light 3 is raised by 0.06 * 3 / 4 of itself; at purity 1/2 by 1/2^9 of that.
    low, high = torch.tensor([0.0, 1.5, 3.0, 0.0]), torch.tensor([3.0, 3.0, 3.0, 0.0])
    expected = [0.135, 1.5 + 0.135 / 2**9, 3.0, 0.0]
    assert tone.pale(low, high).tolist() == pytest.approx(expected, rel=1e-6)
    steps = torch.linspace(0, 3, 1001)
    assert (tone.pale(steps, torch.tensor(3.0)).diff() > 0).all()  # order is kept
    dark = torch.tensor([0.0, 0.01, 0.05]).reshape(3, 1, 1)
    assert tone.apply(dark, white=4.0)[0] < 1e-4  # what is dark keeps its color


def test_neighbors_on_both_sides_of_the_gamut_stay_neighbors():
    # Two pixels of a wall under a blue lamp (Canon EOS 6D): linear Rec. 2020 after an exposure of 5.
    light = torch.tensor([[0.086, -0.019, 1.236], [0.104, 0.055, 1.219]]).T.reshape(3, 1, 2) * 5
    shown = tone.apply(light, white=5.0)[:, 0] ** (1 / 2.4)
    assert (
        shown[:, 0] - shown[:, 1]
    ).abs().max() < 0.15  # 0.5 where the smaller channel is ended at 0 and no more
    levels = torch.linspace(-0.1, 0.2, 3001)
    ramp = torch.stack([levels * 0 + 0.3, levels, levels * 0 + 6])[:, None]
    assert tone.apply(ramp, white=5.0).diff(dim=-1).abs().max() < 2e-4  # no jump anywhere


def test_tone_has_gradients():
    rgb = torch.tensor([[0.9, 0.02], [0.5, 0.3], [0.1, 0.7]], dtype=torch.float64).reshape(3, 1, 2)
    assert torch.autograd.gradcheck(lambda light: tone.apply(light, white=2.0), rgb.requires_grad_())


def scene(key, n=4096):
    rng = np.random.default_rng(0)
    return (key * np.exp(rng.normal(0, 1, (n, 1))) * np.ones(3)).astype(np.float32)


def flat(level, n=1000):
    """One gray everywhere: its average and its brightest light are the same."""
    return np.full((n, 3), level, np.float32)


def test_a_gray_scene_goes_six_tenths_of_the_way_to_middle_gray():
    # By hand, where the brightest light, a fifth of white, asks for less: key 0.09 is one stop below middle gray.
    scene = np.concatenate([flat(0.09, 970), flat(0.7, 30)])
    assert tone.exposure(scene[:970].repeat(1, 0), 0.0) == pytest.approx(
        2 ** (0.5 * np.log2(1 / 0.09)), rel=1e-3
    )
    assert tone.exposure(flat(0.09), 0.0) == pytest.approx(
        (1 / 0.09) ** 0.5, rel=1e-3
    )  # without it, that is more
    key = np.exp((970 * np.log(0.09) + 30 * np.log(0.7)) / 1000)
    assert tone.exposure(scene, 0.0) == pytest.approx((0.18 / key) ** 0.6, rel=1e-3)


def test_highlights_are_not_brightened_beyond_one_and_a_half():
    # By hand: the average asks for 0.6 log2(0.18 / 0.0113) = 2.4 stops, light 0.6 allows log2(1.5 / 0.6) = 1.3.
    assert tone.exposure(np.concatenate([flat(0.01, 970), flat(0.6, 30)]), 0.0) == pytest.approx(
        2.5, rel=1e-3
    )
    assert tone.exposure(np.concatenate([flat(0.01, 990), flat(0.6, 10)]), 0.0) == pytest.approx(
        8
    )  # 1 %: a lamp


def test_stops_end_at_half_a_stop_down_and_three_up():
    # By hand: the average asks for 0.6 log2(0.18 / 0.9) = -1.4 stops, the brightest light for half of log2(1 / 0.9).
    assert tone.exposure(flat(0.9), 0.0) == pytest.approx((1 / 0.9) ** 0.5, rel=1e-3)
    assert tone.exposure(flat(1e-4), 0.0) == pytest.approx(8)
    assert tone.exposure(flat(4.0), 0.0) == pytest.approx(2**-0.5, rel=1e-3)


def test_a_dark_scene_is_brightened_but_not_all_the_way():
    # By hand: 0.6 of the way from a key of 0.18, 2 and 5.3 stops below it, the last ended at 3 stops. The mean log of
    # 4096 lights is known to 1/64, 0.6 of it is 1 % of the gain; three of these.
    gains = [tone.exposure(scene(key), 0.0) for key in (0.18, 0.045, 0.0045)]
    assert gains == pytest.approx([1.0, 4**0.6, 8.0], rel=0.03)


def test_baseline_exposure_counts_on_empty_and_black_frames():
    assert tone.exposure(np.zeros((10, 3), np.float32), 1.0) == 2.0
    assert tone.exposure(np.full((10, 3), np.nan, np.float32), 0.0) == 1.0


def test_bright_highlights_limit_the_brightening():
    dark = scene(0.02)
    with_sky = dark.copy()
    with_sky[: len(dark) // 10] = 1.0
    assert tone.exposure(with_sky, 0.0) < tone.exposure(dark, 0.0)
