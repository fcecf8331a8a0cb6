"""What a lens and the picture's own sampling do to light before the sensor sees it: blur, and halving.

Both act on linear light, planes (..., C, H, W). A point spread function (PSF) is (k, k), or (C, k, k) if colors
differ; k is odd, it sums to 1, and it is integrated over the area of a photosite, so that a narrow one is no alias.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

# Peaks of R, G, B of usual sensors: IMX455's data sheet, read off its plot.
WAVELENGTHS_NM = (610.0, 540.0, 460.0)
_FINE = 9  # sub-samples a photosite: the Airy disk of f/1.4 at 2.4 um pitch, 1.8 um wide, has 7 of them


def gaussian(std: float) -> Tensor:
    """The PSF of a lens about in focus, (k, k) float32; exact integrals over photosites.

    Args:
        std: in photosites, above 0.

    Raises:
        ValueError: a deviation of 0 or less.

    >>> [round(value, 4) for value in gaussian(0.5)[2].tolist()]    # erf(1 / sqrt 2) = 0.6827, squared
    [0.0009, 0.1074, 0.4661, 0.1074, 0.0009]
    """
    if not std > 0:
        raise ValueError(f"a blur lies above 0 photosites, got {std}; leave it out for none")
    radius = max(1, math.ceil(3.72 * std))  # 3.72 deviations: 1e-4 outside, on each side
    edges = torch.arange(-radius, radius + 2, dtype=torch.float64) - 0.5
    line = torch.erf(edges / (std * math.sqrt(2))).diff() / 2
    kernel = torch.outer(line, line)
    return (kernel / kernel.sum()).float()


def diffraction(
    f_number: float, pitch_um: float, wavelengths_nm: tuple[float, ...] = WAVELENGTHS_NM
) -> Tensor:
    """The PSF of a perfect lens with a round aperture, one per wavelength, (C, k, k) float32: the Airy pattern.

    intensity(r) = (2 J1(v) / v)^2 with v = pi r / (wavelength * f_number).

    Args:
        f_number: of the lens.
        pitch_um: from photosite to photosite, micrometers.
        wavelengths_nm: one for each color.

    Raises:
        ValueError: a number that is not above 0.

    Source: M. Born and E. Wolf, "Principles of Optics", 7th ed., section 8.5.2.
    """
    if not min(f_number, pitch_um, *wavelengths_nm) > 0:
        raise ValueError(
            f"f-number, pitch and wavelengths lie above 0, got {f_number}, {pitch_um}, {wavelengths_nm}"
        )
    scales = [wavelength * 1e-3 * f_number / pitch_um for wavelength in wavelengths_nm]  # in photosites
    radius = max(1, math.ceil(3.24 * max(scales)))  # the third dark ring: 94 % of the light lies within
    side = (2 * radius + 1) * _FINE
    at = (torch.arange(side, dtype=torch.float64) - (side - 1) / 2) / _FINE
    distance = torch.hypot(at[:, None], at[None])
    kernels = []
    for scale in scales:
        v = (math.pi / scale * distance).clamp(min=1e-9)
        fine = (2 * torch.special.bessel_j1(v) / v).square()
        kernels.append(functional.avg_pool2d(fine[None], _FINE)[0])
    stacked = torch.stack(kernels)
    return (stacked / stacked.sum((-2, -1), keepdim=True)).float()


def blur(light: Tensor, psf: Tensor) -> Tensor:
    """Light (..., C, H, W) through a lens of this PSF, (k, k) or (C, k, k); beyond the edges light is mirrored.

    A point of light becomes the PSF as it stands, its rows down and its columns to the right.

    Raises:
        ValueError: a PSF wider than the picture is high or wide, or of another number of colors.
    """
    channels, height, width = light.shape[-3:]
    radius = psf.shape[-1] // 2
    if psf.ndim == 3 and len(psf) != channels:
        raise ValueError(f"the PSF has {len(psf)} colors, the light {channels}; give one, or one per color")
    if radius >= min(height, width):
        raise ValueError(
            f"a PSF {psf.shape[-1]} wide is too wide for {height} x {width}; blur a larger picture"
        )
    # conv2d is a correlation: it would show a point as the PSF's mirror image.
    kernels = psf.flip((-2, -1)).to(light).expand(channels, *psf.shape[-2:])[:, None]
    planes = functional.pad(light.reshape(-1, *light.shape[-3:]), (radius,) * 4, mode="reflect")
    return functional.conv2d(planes, kernels, groups=channels).reshape(light.shape)


def halve(light: Tensor) -> Tensor:
    """(..., C, H/2, W/2), each the mean of 2 x 2; an odd last row or column is left out.

    It halves the deviation of the picture's own noise, and of its rounding to 8 bits.

    >>> halve(torch.tensor([[[0.0, 1.0, 9.0], [2.0, 3.0, 9.0]]])).tolist()
    [[[1.5]]]
    """
    planes = functional.avg_pool2d(light.reshape(-1, *light.shape[-3:]), 2)
    return planes.reshape(*light.shape[:-2], *planes.shape[-2:])
