"""Pictures back to light: each step by hand, the twin undoes it, and draws are what Brooks et al. say."""

import json
import math

import numpy as np
import pytest
import torch

from deepisp.data import unprocess
from deepisp.data.unprocess import Draw, Unprocessing
from deepisp.sensor import profile
from tests.conftest import REPOSITORY

D65 = np.array([0.95047, 1.0, 1.08883])  # XYZ, ASTM E308
D850 = np.array(
    [[1.0405, -0.3755, -0.1270], [-0.5461, 1.3787, 0.1793], [-0.1040, 0.2015, 0.6785]]
)  # Adobe's, D65


def plain(*, toned=False, brightness=1.0, neutral=(0.5, 1.0, 0.625), matrix=None):
    rows = torch.eye(3) if matrix is None else torch.tensor(matrix)
    return Draw(torch.tensor(toned), rows, torch.tensor(neutral), torch.tensor(brightness))


def of_value(value, dtype=torch.float64):
    return torch.full((3, 2, 2), value, dtype=dtype)


@pytest.mark.parametrize(
    ("toned", "stored", "light"),
    [
        (False, 0.5, 0.21404114),  # ((0.5 + 0.055) / 1.055) ^ 2.4
        (False, 0.04, 0.04 / 12.92),
        (True, 0.5, 0.21404114),  # smoothstep keeps the middle
        (True, 0.15625, 0.05087609),  # 3 x^2 - 2 x^3 at x = 1/4; ((0.25 + 0.055) / 1.055) ^ 2.4
        (True, 1.0, 1.0),
        (True, 0.0, 0.0),
    ],
)
def test_tone_and_transfer_are_undone(toned, stored, light):
    found = unprocess.linearize(of_value(stored), plain(toned=toned))
    assert found.dtype == torch.float64
    assert torch.allclose(found, of_value(light), atol=1e-8)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16])
def test_tables_agree_with_the_formula(dtype, device):
    steps = {torch.uint8: 255, torch.uint16: 65535}[dtype]
    values = torch.linspace(0, steps, 3 * 2 * 256).round().reshape(2, 3, 16, 16)
    draw = Draw(*(torch.stack([one, one]) for one in plain()))._replace(is_toned=torch.tensor([True, False]))
    draw = Draw(*(one.to(device) for one in draw))
    whole = unprocess.linearize(values.to(dtype).to(device), draw).cpu()
    exact = unprocess.linearize((values.double() / steps).to(device), draw).cpu()
    assert torch.allclose(whole.double(), exact, atol=1e-7)
    assert not torch.allclose(whole[0], unprocess.linearize(values / steps, plain()), atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.float32, torch.float64])
def test_process_undoes_unprocess(dtype, device):
    rng = torch.Generator().manual_seed(1)
    steps = {torch.uint8: 255, torch.uint16: 65535}.get(dtype, 1)
    picture = torch.rand(8, 3, 24, 20, generator=rng, dtype=torch.float64) * steps
    picture = (picture.round() if steps > 1 else picture).to(dtype).to(device)
    draw = Unprocessing(toned=0.5).draw(8, generator=rng)
    assert 0 < draw.is_toned.sum() < 8
    draw = Draw(*(one.to(device) for one in draw))
    camera = unprocess.unprocess(picture, draw, keeps_highlights=False)
    assert camera.shape == picture.shape
    whole = ((camera > 0) & (camera < 1)).all(1, keepdim=True).expand_as(camera)
    assert whole.float().mean() > 0.9
    error = (unprocess.process(camera, draw).double() - picture.double() / steps).abs()
    assert error[whole].max() < 1e-4


def test_a_gray_has_the_color_of_the_neutral():
    draw = Unprocessing().draw(5, generator=torch.Generator().manual_seed(2))
    camera = unprocess.unprocess(torch.full((5, 3, 2, 2), 0.6), draw)
    assert torch.allclose(camera[..., 0, 0] / camera[:, 1:2, 0, 0], draw.neutral, atol=1e-5)
    light = unprocess.linearize(torch.full((5, 3, 2, 2), 0.6), draw)
    assert torch.allclose(camera[:, 1], light[:, 1] * draw.brightness[:, None, None], atol=1e-6)


def test_white_saturates_all_colors_and_no_gray_below_does():
    draw = plain(brightness=0.8)
    assert torch.equal(unprocess.unprocess(of_value(1.0), draw), torch.ones(3, 2, 2, dtype=torch.float64))
    divided = unprocess.unprocess(of_value(1.0), draw, keeps_highlights=False)
    assert divided[:, 0, 0].tolist() == pytest.approx([0.4, 0.8, 0.5])
    below = of_value(0.95)  # light 0.888, below gray 0.9
    assert torch.equal(
        unprocess.unprocess(below, draw), unprocess.unprocess(below, draw, keeps_highlights=False)
    )


def test_kept_highlights_have_no_color_of_their_own():
    """Each color as much brighter: what clips later is still white when a short exposure shows it."""
    draw = plain(brightness=0.8)
    bright = unprocess.to_camera(of_value(0.95), draw)[:, 0, 0]
    assert (bright / bright[1]).tolist() == pytest.approx([0.5, 1.0, 0.625])
    # share = ((0.95 - 0.9) / 0.1)^2 = 1/4; light grows to 1 / 0.4 = 2.5 times: 1 + 1.5 / 4
    assert bright[1].item() == pytest.approx(0.95 * 0.8 * 1.375)


def test_the_matrix_acts_on_columns():
    rows = [[0.7, 0.2, 0.1], [0.0, 0.9, 0.1], [0.1, 0.2, 0.7]]
    red = torch.zeros(3, 1, 1)
    red[0] = 0.5
    camera = unprocess.to_camera(red, plain(matrix=rows, neutral=(1.0, 1.0, 1.0)))
    assert camera.flatten().tolist() == pytest.approx([0.35, 0.0, 0.05])


def test_draws_are_those_of_the_paper():
    n = 20_000
    draw = Unprocessing().draw(n, generator=torch.Generator().manual_seed(3))
    red, blue = 1 / draw.neutral[:, 0], 1 / draw.neutral[:, 2]
    for gain, (low, high) in ((red, (1.9, 2.4)), (blue, (1.5, 1.9))):
        assert low <= gain.min() < low + 0.01
        assert high - 0.01 < gain.max() <= high
        assert abs(gain.mean() - (low + high) / 2) < 5 * (high - low) / math.sqrt(12 * n)
    assert abs(draw.brightness.mean() - 0.8) < 5 * 0.1 / math.sqrt(n)
    assert abs(draw.brightness.std() - 0.1) < 5 * 0.1 / math.sqrt(2 * n)
    assert torch.allclose(draw.srgb_to_camera.sum(-1), torch.ones(n, 3), atol=1e-5)
    assert draw.is_toned.all()
    assert torch.equal(draw.neutral[:, 1], torch.ones(n))


def test_matrices_are_mixed_of_four_cameras():
    known = profile.load(REPOSITORY / "sensors" / "generic.toml").color
    to_xyz = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                       [0.0193339, 0.1191920, 0.9503041]])  # IEC 61966-2-1, as UPI's code has it  # fmt: skip
    each = np.array([np.array(one.xyz_to_camera) @ to_xyz for one in known])
    assert np.allclose(Unprocessing().matrices(), each, atol=2e-4)
    draw = Unprocessing().draw(200, generator=torch.Generator().manual_seed(4)).srgb_to_camera.numpy()
    ends = each / each.sum(-1, keepdims=True)
    assert (draw >= ends.min(0) - 1e-4).all()
    assert (draw <= ends.max(0) + 1e-4).all()
    assert draw.std(0).min() > 0.003
    [one] = Unprocessing(xyz_to_camera=(tuple(map(tuple, D850.tolist())),)).draw(1).srgb_to_camera.numpy()
    assert np.allclose(one, D850 @ to_xyz / (D850 @ to_xyz).sum(-1, keepdims=True), atol=2e-4)


def test_a_draw_is_written_down_and_used_again():
    draw = Unprocessing(toned=0.5).draw(6, generator=torch.Generator().manual_seed(5))
    again = Draw.recorded(json.loads(json.dumps(draw.record())))
    assert all(torch.equal(a, b) for a, b in zip(draw, again, strict=True))
    alike = Unprocessing(toned=0.5).draw(6, generator=torch.Generator().manual_seed(5))
    other = Unprocessing(toned=0.5).draw(6, generator=torch.Generator().manual_seed(6))
    assert torch.equal(draw.neutral, alike.neutral)
    assert not torch.equal(draw.neutral, other.neutral)
    assert torch.equal(draw.part(slice(2, 4)).gains, draw.gains[2:4])


def test_a_camera_known_by_its_matrix_sees_daylight_as_it_says():
    draw = unprocess.of_camera(D850)
    white = D850 @ D65
    assert draw.neutral.numpy() == pytest.approx(white / white[1], abs=2e-4)
    assert draw.brightness == pytest.approx(0.8)
    assert unprocess.xyz_to_camera(draw) == pytest.approx(D850 / white[1], abs=1e-3)
