"""The sources of a sensor's noise, each on its own, in electrons (DN from `quantize` on).

Tensors are (..., H, W), float32 or float64, on any device; what is drawn comes from one generator of that device.
Each function named `..._like` draws values of zero mean in the shape, type and place of its first argument.
How they are put together: sensor/exposure.py.

Sources: EMVA 1288 release 4.0 (the linear model); J. Nakamura (ed.), "Image Sensors and Signal Processing for Digital
Still Cameras", 2006, chapter 3 (reset noise, CDS, dark current); K. Wei et al., CVPR 2020 (ELD: rows, tails).
"""

import math

import torch
from torch import Tensor

from deepisp.sensor import tukey

Generator = torch.Generator | None

BOLTZMANN = 1.380649e-23  # J/K, exact, SI brochure 9th ed. 2019
ELEMENTARY_CHARGE = 1.602176634e-19  # C, exact, SI brochure 9th ed. 2019
ZERO_CELSIUS = 273.15  # K
# Ansel's crossover (ansel-denoise docs/architecture.md@3ad875f); the skewness that a Gaussian lacks is 0.03 here.
CROSSOVER_E = 1000.0


def shot(expected_e: Tensor, generator: Generator = None) -> Tensor:
    """Electrons that were counted where so many were expected: exact Poisson below `CROSSOVER_E`, Gaussian above.

    Args:
        expected_e: (..., H, W); light is not negative, so values below 0 count as 0.
        generator: of the same device.

    Returns:
        The same shape and type; whole numbers below the crossover.
    """
    expected = expected_e.clamp(min=0)
    normal = torch.empty_like(expected).normal_(generator=generator)
    counted = torch.addcmul(expected, expected.sqrt(), normal)
    is_dim = expected < CROSSOVER_E
    counted[is_dim] = torch.poisson(expected[is_dim], generator)
    return counted


def dark_growth(temperature_c: float, *, reference_c: float, doubling_k: float) -> float:
    """Factor on a dark current measured at `reference_c`, which doubles every `doubling_k` kelvin.

    >>> dark_growth(39.0, reference_c=25.0, doubling_k=7.0)
    4.0
    """
    return math.exp2((temperature_c - reference_c) / doubling_k)


def reset_std_e(capacitance_ff: float, temperature_c: float) -> float:
    """kTC noise in electrons rms: sqrt(k T C) / q.

    Args:
        capacitance_ff: of the node that is reset, in femtofarad.
        temperature_c: of the sensor, in degrees Celsius.

    >>> round(reset_std_e(1.0, 26.85), 1)    # 1 fF at 300 K
    12.7
    """
    energy = BOLTZMANN * (temperature_c + ZERO_CELSIUS)
    return math.sqrt(energy * capacitance_ff * 1e-15) / ELEMENTARY_CHARGE


def gaussian_like(values: Tensor, std: float, generator: Generator = None) -> Tensor:
    """White noise: read noise, or reset noise."""
    return torch.empty_like(values).normal_(std=std, generator=generator)


def tukey_like(values: Tensor, std: float, shape: float, generator: Generator = None) -> Tensor:
    """White noise with Tukey lambda tails, of deviation `std` (not scale); `shape` is lambda."""
    return tukey.sample_like(values, shape, generator).mul_(std / tukey.std(shape))


def rows_like(values: Tensor, std: float, generator: Generator = None) -> Tensor:
    """Row banding, (..., H, 1): one offset a row, new in each frame."""
    return gaussian_like(values[..., :1], std, generator)


def columns_like(values: Tensor, std: float, generator: Generator = None) -> Tensor:
    """Column banding, (..., 1, W): one offset a column, new in each frame."""
    return gaussian_like(values[..., :1, :], std, generator)


def telegraph_like(values: Tensor, amplitude_e: Tensor, generator: Generator = None) -> Tensor:
    """Random telegraph signal (RTS) after CDS: -amplitude, 0 or +amplitude with chances 1/4, 1/2, 1/4.

    The two samples that CDS subtracts each find a trap full or empty, with even chances: the three peaks of X. Wang
    et al., "Random telegraph signal in CMOS image sensor pixels", IEDM 2006.

    Args:
        values: (..., H, W), for shape, type and place.
        amplitude_e: (H, W), 0 where a photosite has no trap.
        generator: of the same device.
    """
    chance = torch.empty_like(values).uniform_(generator=generator)
    return ((chance >= 0.75).to(values.dtype) - (chance < 0.25).to(values.dtype)) * amplitude_e


def quantize(dn: Tensor) -> Tensor:
    """Whole DN, half to even: adds a variance of 1/12 DN^2 to noise of more than about half a DN."""
    return dn.round()
