"""Losses against scikit-image, against sums by hand, and against finite differences."""

import math
from typing import get_args

import numpy as np
import pytest
import torch

from deepisp.train import losses
from deepisp.train.settings import LossName


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    target = torch.rand(2, 3, 40, 48, dtype=torch.float64, generator=generator)
    return (target + 0.1 * torch.randn(target.shape, dtype=torch.float64, generator=generator)), target


A = torch.tensor([[[[0.0, 1.0], [0.5, 0.25]]]], dtype=torch.float64)
B = torch.tensor([[[[0.0, 0.5], [0.5, 0.75]]]], dtype=torch.float64)  # errors 0, 0.5, 0, -0.5


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("l1", 0.25),
        ("l2", 0.125),
        ("charbonnier", (2 * 1e-3 + 2 * math.hypot(0.5, 1e-3)) / 4),
        ("gradients", (0.5 + 0.5) / 2 + (0 + 1) / 2),
        # orthonormal 2 x 2 transform of the errors: sum 0, across 0, down 0.5, both -0.5; half are zero imaginary parts
        ("frequencies", (0 + 0 + 0.5 + 0.5) / 8),
    ],
)
def test_by_hand(name: str, expected: float) -> None:
    assert float(losses.LOSSES[name](A, B)) == pytest.approx(expected)


def test_ssim_is_scikit_images(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    metrics = pytest.importorskip("skimage.metrics")
    output, target = pair
    expected = [
        metrics.structural_similarity(
            a, b, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
        )[1][5:-5, 5:-5].mean()
        for a, b in zip(output.flatten(0, 1).numpy(), target.flatten(0, 1).numpy(), strict=True)
    ]
    assert 1 - float(losses.structure(output, target)) == pytest.approx(np.mean(expected), abs=1e-9)


def test_ms_ssim_multiplies_scikit_images_scales() -> None:
    """Contrast of each scale from skimage: where the means are equal SSIM is contrast alone."""
    metrics = pytest.importorskip("skimage.metrics")
    generator = torch.Generator().manual_seed(2)
    target = torch.rand(1, 1, 192, 192, dtype=torch.float64, generator=generator)
    output = (target + 0.2 * torch.randn(target.shape, dtype=torch.float64, generator=generator)).clamp(0, 1)
    product, a, b = 1.0, output, target
    for index, exponent in enumerate(losses.SCALES):
        full = metrics.structural_similarity(
            a[0, 0].numpy(), b[0, 0].numpy(), data_range=1.0, gaussian_weights=True, sigma=1.5,
            use_sample_covariance=False, full=True,
        )[1][5:-5, 5:-5]  # fmt: skip
        if index < 4:  # luminance out: by Wang's formula from the local means, which a Gaussian filter gives
            from scipy.ndimage import gaussian_filter

            ua, ub = (gaussian_filter(x[0, 0].numpy(), 1.5, truncate=3.5)[5:-5, 5:-5] for x in (a, b))
            full = full / ((2 * ua * ub + 1e-4) / (ua**2 + ub**2 + 1e-4))
        product *= full.mean() ** exponent
        a, b = (x.reshape(1, 1, x.shape[2] // 2, 2, x.shape[3] // 2, 2).mean((3, 5)) for x in (a, b))
    assert 1 - float(losses.multiscale_structure(output, target)) == pytest.approx(product, abs=1e-7)


@pytest.mark.parametrize("name", losses.LOSSES)
def test_no_error_no_loss(name: str) -> None:
    picture = torch.rand(1, 3, 176, 176, generator=torch.Generator().manual_seed(3))
    rest = losses.EPSILON if name == "charbonnier" else 0.0
    assert float(losses.LOSSES[name](picture, picture)) == pytest.approx(rest, abs=1e-6)


@pytest.mark.parametrize("name", [name for name in losses.LOSSES if "ms-ssim" not in name])
def test_slopes(name: str, pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    output, target = (one[:1, :1, :13, :12].clone() for one in pair)
    assert torch.autograd.gradcheck(lambda x: losses.LOSSES[name](x, target), output.requires_grad_())


@pytest.mark.parametrize("name", ["ms-ssim", "ms-ssim+l1"])
def test_slope_of_five_scales_along_a_direction(name: str) -> None:
    """The directional derivative by central differences; gradcheck would take 31 000 of them."""
    generator = torch.Generator().manual_seed(4)
    target, noise, direction = (
        torch.rand(1, 1, 176, 176, dtype=torch.float64, generator=generator) for _ in range(3)
    )
    output = (target + 0.1 * noise).requires_grad_()
    losses.LOSSES[name](output, target).backward()
    step = 1e-6
    with torch.no_grad():
        up, down = (float(losses.LOSSES[name](output + s * direction, target)) for s in (step, -step))
    assert output.grad is not None
    assert float((output.grad * direction).sum()) == pytest.approx((up - down) / (2 * step), rel=1e-5)


def test_five_scales_need_room() -> None:
    small = torch.zeros(1, 3, 175, 200)
    with pytest.raises(ValueError, match=r"needs 176 pixels a side, got .*; take larger crops"):
        losses.multiscale_structure(small, small)


def test_the_mix_is_its_parts() -> None:
    """A constant error is untouched by the blur: 0.16 of it, and 0.84 of what MS-SSIM says."""
    target = torch.rand(1, 3, 176, 176, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    output = target + 0.1
    expected = 0.84 * float(losses.multiscale_structure(output, target)) + 0.16 * 0.1
    assert float(losses.structure_mix(output, target)) == pytest.approx(expected)


def test_every_name_is_a_loss() -> None:
    assert set(get_args(LossName)) == set(losses.LOSSES)
