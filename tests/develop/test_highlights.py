"""Clipped light: never magenta, never darker than measured."""

import numpy as np
import pytest
import torch

from deepisp.develop import highlights, kernels

GAINS = np.array([2.0, 1.0, 1.5])
PATTERN = np.array([[0, 1], [1, 2]])


def clipped_scene(side=48):
    """A balanced mosaic of gray light that grows to the right and clips at each color's own level."""
    light = np.linspace(0.2, 2.4, side)[None].repeat(side, 0)
    levels = GAINS[np.tile(PATTERN, (side // 2, side // 2))]
    return np.minimum(light, levels).astype(np.float32), light


def test_clip_ends_all_colors_at_the_lowest_level():
    assert highlights.ceiling(np.ones(3), GAINS) == 1.0
    mosaic, _ = clipped_scene()
    assert highlights.clip(torch.from_numpy(mosaic), ceiling=1.0).max() == 1.0


def test_blend_changes_nothing_below_the_ceiling_and_keeps_the_mean_above():
    below, above = (
        torch.tensor([0.2, 0.9, 0.5]).reshape(3, 1, 1),
        torch.tensor([1.6, 1.0, 1.2]).reshape(3, 1, 1),
    )
    assert torch.equal(highlights.blend(below, ceiling=1.0), below)
    blended = highlights.blend(above, ceiling=1.0)
    assert blended.mean() == pytest.approx(above.mean().item())
    assert blended.max() - blended.min() < 1e-6  # all three clip: the light is white


def test_reconstruction_brings_gray_light_back():
    mosaic, light = clipped_scene()
    offsets = highlights.opposed_offsets(mosaic, PATTERN, GAINS)
    out = highlights.reconstruct(
        torch.from_numpy(mosaic)[None],
        pattern=PATTERN,
        levels=torch.from_numpy(GAINS.astype(np.float32)),
        offsets=torch.from_numpy(offsets.astype(np.float32)),
    )[0].numpy()
    one_lost = (light > 1.05) & (light < 1.4)  # green clips at 1, blue at 1.5, red at 2
    before, after = np.abs(mosaic - light)[one_lost].mean(), np.abs(out - light)[one_lost].mean()
    assert after < 0.4 * before
    assert (out >= mosaic).all()


def test_reconstruction_in_numba_is_the_one_in_torch():
    mosaic, _ = clipped_scene()
    levels, offsets = GAINS.astype(np.float32), np.array([0.01, -0.02, 0.03], np.float32)
    expected = highlights.reconstruct(
        torch.from_numpy(mosaic)[None],
        pattern=PATTERN,
        levels=torch.from_numpy(levels),
        offsets=torch.from_numpy(offsets),
    )[0].numpy()
    out = np.empty_like(mosaic)
    kernels.reconstruct_rows(mosaic, PATTERN, levels, offsets, out)
    assert np.abs(out - expected).max() < 1e-5


def test_opposed_offsets_say_how_a_color_stands_above_its_neighbors_at_the_edge():
    mosaic, _ = clipped_scene()
    red, green, blue = highlights.opposed_offsets(mosaic, PATTERN, GAINS)
    assert abs(green) < 0.01  # clips first: its neighbors still see the same gray
    assert red > blue > 0.1  # its neighbors have clipped by then, at 1 and 1.5
    assert not highlights.opposed_offsets(np.full((16, 16), 0.5, np.float32), PATTERN, GAINS).any()
