"""Blur and halving, against the law, the handbook and the definition."""

import math

import numpy as np
import pytest
import torch
from scipy import special

from deepisp.data import optics


@pytest.mark.parametrize("std", [0.7, 1.0, 2.5])
def test_a_gaussian_has_its_width(std):
    kernel = optics.gaussian(std).double()
    at = torch.arange(len(kernel), dtype=torch.float64) - len(kernel) // 2
    assert kernel.sum() == pytest.approx(1, abs=1e-6)
    variance = (kernel.sum(0) * at**2).sum()
    # Integration over photosites adds that of a box; what lies beyond 3.7 deviations is cut off.
    assert variance == pytest.approx(std**2 + 1 / 12, rel=0.01)


def test_a_narrow_gaussian_keeps_what_falls_on_its_photosite():
    kernel = optics.gaussian(0.3)
    assert kernel[2, 2].item() == pytest.approx(math.erf(0.5 / 0.3 / math.sqrt(2)) ** 2, abs=1e-5)


def test_an_airy_disk_is_that_of_the_handbook():
    # f/8 at 1 um: the first dark ring of 0.5 um light is at 1.22 * 0.5 * 8 = 4.88 photosites, with 83.8 % of the light
    [kernel] = optics.diffraction(8.0, 1.0, (500.0,)).double().numpy()
    at = np.arange(len(kernel)) - len(kernel) // 2
    radius = np.hypot(at[:, None], at)
    inside = kernel[radius <= 4.88].sum()
    total_inside = (
        1 - special.j0(math.pi * radius.max() / 4 / math.sqrt(2)) ** 2
    )  # Born and Wolf, 8.5.2, eq. 18
    assert inside == pytest.approx(0.838 / total_inside, abs=0.03)
    v = math.pi * 2 / (0.5 * 8)
    middle = len(kernel) // 2
    ratio = kernel[middle, middle + 2] / kernel[middle, middle]
    assert ratio == pytest.approx((2 * special.j1(v) / v) ** 2, rel=0.03)


def test_red_is_blurred_more_than_blue():
    kernels = optics.diffraction(11.0, 4.0)
    assert kernels.shape[0] == 3
    assert kernels.sum((-2, -1)).tolist() == pytest.approx([1, 1, 1], abs=1e-5)
    middle = kernels.shape[-1] // 2
    red, green, blue = kernels[:, middle, middle].tolist()
    assert red < green < blue


def test_a_point_becomes_the_psf_and_a_flat_stays(device):
    psf = torch.rand(3, 5, 5, generator=torch.Generator().manual_seed(1))
    psf = (psf + psf.flip(-1) + psf.flip(-2) + psf.flip((-1, -2))).to(device)
    psf /= psf.sum((-2, -1), keepdim=True)
    point = torch.zeros(2, 3, 11, 11, device=device)
    point[..., 5, 5] = 1
    seen = optics.blur(point, psf)
    assert torch.allclose(seen[1, :, 3:8, 3:8], psf, atol=1e-6)
    flat = torch.full((3, 9, 9), 0.25, device=device)
    assert torch.allclose(optics.blur(flat, psf), flat, atol=1e-6)
    assert torch.allclose(optics.blur(flat, psf[0]), flat, atol=1e-6)


def test_a_point_becomes_the_psf_and_no_mirror_image(device):
    # By hand: half of the light goes one photosite to the right, a quarter one down.
    psf = torch.tensor([[0, 0, 0], [0, 0.25, 0.5], [0, 0.25, 0]], device=device)
    point = torch.zeros(1, 5, 5, device=device)
    point[0, 2, 2] = 8
    seen = optics.blur(point, psf)
    assert seen[0, 1:4, 1:4].tolist() == [[0, 0, 0], [0, 2, 4], [0, 2, 0]]
    # Light that goes to the right came from the left: the first column has that of its mirrored neighbor.
    ramp = torch.arange(4.0, device=device).expand(1, 4, 4)
    assert optics.blur(ramp, psf)[0, 1].tolist() == [0.5, 0.5, 1.5, 2.5]


def test_halving_averages_two_by_two():
    light = torch.arange(40.0).reshape(1, 5, 8)
    assert optics.halve(light).tolist() == [[[4.5, 6.5, 8.5, 10.5], [20.5, 22.5, 24.5, 26.5]]]
    assert optics.halve(torch.zeros(2, 3, 4, 6)).shape == (2, 3, 2, 3)


def test_what_makes_no_sense_is_said():
    with pytest.raises(ValueError, match="leave it out for none"):
        optics.gaussian(0)
    with pytest.raises(ValueError, match="lie above 0"):
        optics.diffraction(-1, 4.0)
    with pytest.raises(ValueError, match="give one, or one per color"):
        optics.blur(torch.zeros(3, 9, 9), torch.ones(2, 3, 3))
    with pytest.raises(ValueError, match="blur a larger picture"):
        optics.blur(torch.zeros(3, 2, 9), torch.ones(5, 5))
