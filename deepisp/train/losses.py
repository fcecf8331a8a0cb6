"""What a network is told to make small. Pictures are (B, C, H, W), any C; 1 is white, values may lie outside 0 to 1.

Each loss is a function `(output, target) -> scalar`; `LOSSES` names those that a configuration may choose.
Structure (SSIM) is measured under a Gaussian window and only where the whole window lies in the picture.

Sources: Z. Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE Trans. Image
Processing 13(4), 2004 (SSIM); Z. Wang et al., "Multiscale structural similarity for image quality assessment", Asilomar
2003; H. Zhao et al., "Loss functions for image restoration with neural networks", IEEE Trans. Computational Imaging
3(1), 2017 (the mix); P. Charbonnier et al., ICIP 1994.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

Loss = Callable[[Tensor, Tensor], Tensor]

WINDOW_STD = 1.5  # pixels; Wang 2004, section III.B
WINDOW = 11  # pixels; the same
K1, K2 = 0.01, 0.03  # the same
# Wang 2003, section 3.2: the exponents of the five scales, finest first.
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
MIX = 0.84  # weight of MS-SSIM: Zhao 2017, section III.D
EPSILON = 1e-3  # of Charbonnier's, in units of white: W.-S. Lai et al., CVPR 2017


def l1(output: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error."""
    return functional.l1_loss(output, target)


def l2(output: Tensor, target: Tensor) -> Tensor:
    """Mean squared error."""
    return functional.mse_loss(output, target)


def charbonnier(output: Tensor, target: Tensor) -> Tensor:
    """Mean of sqrt(error^2 + EPSILON^2): L1 that is smooth at 0."""
    return ((output - target).square() + EPSILON**2).sqrt().mean()


def gradients(output: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error of the differences of neighbors, down and across: edges count, flat offsets do not."""
    error = output - target
    return error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()


def frequencies(output: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error of the Fourier coefficients of an orthonormal transform, real and imaginary parts.

    Source: S.-J. Cho et al., "Rethinking coarse-to-fine approach in single image deblurring", ICCV 2021.
    """
    error = torch.fft.rfft2(output - target, norm="ortho")
    return torch.view_as_real(error).abs().mean()


def structure(output: Tensor, target: Tensor) -> Tensor:
    """1 - SSIM."""
    luminance, contrast = _similarity(output, target)
    return 1 - (luminance * contrast).mean()


def multiscale_structure(output: Tensor, target: Tensor) -> Tensor:
    """1 - MS-SSIM over five scales. A similarity below 0 counts as 0.

    Raises:
        ValueError: a side below 176 pixels: the coarsest of five scales does not hold the window.
    """
    least = WINDOW * 2 ** (len(SCALES) - 1)
    if min(output.shape[-2:]) < least:
        raise ValueError(
            f"MS-SSIM needs {least} pixels a side, got {tuple(output.shape[-2:])}; take larger crops or another loss"
        )
    product = output.new_ones(output.shape[:2])
    for index, exponent in enumerate(SCALES):
        luminance, contrast = _similarity(output, target)
        is_coarsest = index == len(SCALES) - 1
        term = (luminance * contrast if is_coarsest else contrast).mean((-2, -1))
        product = product * term.clamp(min=1e-6) ** exponent  # 1e-6: the root's slope is infinite at 0
        output, target = (functional.avg_pool2d(one, 2) for one in (output, target))
    return 1 - product.mean()


def structure_mix(output: Tensor, target: Tensor) -> Tensor:
    """Zhao's mix: MIX of 1 - MS-SSIM, the rest L1 under the Gaussian of the coarsest scale."""
    std = WINDOW_STD * 2 ** (len(SCALES) - 1) / 3  # Zhao's five deviations are 0.5 to 8; the last is 8
    weighted = _blurred((output - target).abs(), std).mean()
    return MIX * multiscale_structure(output, target) + (1 - MIX) * weighted


LOSSES: dict[str, Loss] = {
    "l1": l1,
    "l2": l2,
    "charbonnier": charbonnier,
    "gradients": gradients,
    "frequencies": frequencies,
    "ssim": structure,
    "ms-ssim": multiscale_structure,
    "ms-ssim+l1": structure_mix,
}


def _similarity(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """SSIM's luminance and its contrast times structure, where the window fits."""
    c1, c2 = K1**2, K2**2
    mean_a, mean_b = _windowed(a), _windowed(b)
    variance_a, variance_b = _windowed(a * a) - mean_a**2, _windowed(b * b) - mean_b**2
    covariance = _windowed(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return luminance, (2 * covariance + c2) / (variance_a + variance_b + c2)


def _windowed(x: Tensor) -> Tensor:
    """The mean under SSIM's window, valid part."""
    return _filtered(x, _gaussian(x, WINDOW_STD, WINDOW))


def _blurred(x: Tensor, std: float) -> Tensor:
    """Gaussian blur, same shape; the border is reflected as far as there is picture."""
    reach = min(round(3 * std), min(x.shape[-2:]) - 1)
    padded = functional.pad(x, (reach,) * 4, mode="reflect")
    return _filtered(padded, _gaussian(x, std, 2 * reach + 1))


def _gaussian(like: Tensor, std: float, taps: int) -> Tensor:
    at = torch.arange(taps, dtype=like.dtype, device=like.device) - (taps - 1) / 2
    weights = torch.exp(-(at**2) / (2 * std**2))
    return weights / weights.sum()


def _filtered(x: Tensor, taps: Tensor) -> Tensor:
    """A separable filter on each channel, valid part."""
    channels = x.shape[1]
    rows = functional.conv2d(x, taps.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
    return functional.conv2d(rows, taps.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
