"""Demosaicing of X-Trans and quad-Bayer, or any CFA of red, green and blue, by directional kriging.

1. For edges along each of four directions, in gray and in colorful surroundings, the colors that the photosites
   around make most likely (kriging.py), and by how much the same guess misses the photosite itself if left out.
2. These guesses are mixed; a model counts the less, the more it missed nearby.
3. Color differences are smoothed over photosites of like color, and the missing colors follow from them.

Torch's side; the CPU's twin is directional_kernels.py.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deepisp.develop.demosaic import kriging, periodic
from deepisp.sensor import cfa as cfa_cell

if TYPE_CHECKING:
    from torch import Tensor

MISS_RADIUS = 2  # of the tent over which squared misses are averaged
SHARPNESS = 3  # power of the misses' ratio: higher decides harder
LIKENESS_RADIUS = 3  # of the tent over which color differences are smoothed


class Tuning(NamedTuple):
    """Chosen by search on 24 crops of training photographs and on the 24 most colorful ones.

    Attributes:
        miss_floor: squared signal, far below any noise; only keeps 0 / 0 away.
        unlikeness: squared difference that quarters the trust, in units of its local mean.
        unlikeness_floor: squared signal, as miss_floor.
        difference_weight: of squared color differences in unlikeness, against squared luma.
        measured_trust: of red minus green at a red photosite, against where both were guessed.
    """

    miss_floor: float = 1e-12
    unlikeness: float = 0.2
    unlikeness_floor: float = 1e-12
    difference_weight: float = 0.1
    measured_trust: float = 4.0


TUNING = Tuning()
REACH = kriging.RADIUS + MISS_RADIUS + LIKENESS_RADIUS  # 11 photosites decide on a pixel


def directional(mosaic: "Tensor", cfa: str) -> "Tensor":
    """Red, green and blue; what a photosite measured comes out unchanged. Nothing is clipped.

    Scaling the mosaic scales the result, down to differences of about 1e-5.

    Args:
        mosaic: (..., 1, H, W).
        cfa: the cell at mosaic[..., 0, 0]: X-Trans, quad-Bayer, or another of red, green and blue.

    Returns:
        (..., 3, H, W).

    Raises:
        ValueError: the CFA has other colors, or they lie too far apart.
    """
    import torch

    if cfa_cell.colors(cfa) != "RGB":
        raise ValueError(
            f"directional wants a CFA of R, G and B, got {cfa!r}; use demosaic.periodic.bilinear"
        )
    pattern = cfa_cell.indices(cfa)
    n = len(pattern)
    padded = periodic.pad(mosaic, n, REACH)
    mixed = _mixed(padded, pattern.tobytes(), n)  # LIKENESS_RADIUS wider on each side
    rows, columns = (np.arange(-LIKENESS_RADIUS, size + LIKENESS_RADIUS) % n for size in mosaic.shape[-2:])
    color = mosaic.new_tensor(pattern[rows[:, None], columns])
    cut = REACH - LIKENESS_RADIUS
    near = padded[..., cut:-cut, cut:-cut]
    red, green, blue = (near.where(color == k, mixed[..., k : k + 1, :, :]) for k in range(3))
    luma = (red + 2 * green + blue) / 4
    red_trust, blue_trust = (1 + (TUNING.measured_trust - 1) * (color == k).to(mosaic.dtype) for k in (0, 2))
    red_green, blue_green = _smoothed(luma, red - green, blue - green, (red_trust, blue_trust))
    r = LIKENESS_RADIUS
    color = color[r:-r, r:-r]
    green = mosaic.where(color == 1, (mosaic - red_green).where(color == 0, mosaic - blue_green))
    rgb = (mosaic.where(color == 0, green + red_green), green, mosaic.where(color == 2, green + blue_green))
    return torch.cat(rgb, dim=-3)


@lru_cache(maxsize=16)
def filters(pattern: bytes, side: int) -> tuple[kriging.Filters, ...]:
    """The filters of every model, for a pattern's int64 bytes."""
    cell = np.frombuffer(pattern, np.int64).reshape(side, side)
    return tuple(kriging.filters(cell, model) for model in kriging.MODELS)


def _mixed(padded: "Tensor", pattern: bytes, side: int) -> "Tensor":
    """Steps 1 and 2; LIKENESS_RADIUS wider than the picture on each side."""
    narrow, wide = kriging.RADIUS, kriging.RADIUS + MISS_RADIUS
    banks, misses = filters(pattern, side), []
    for bank in banks:
        miss = periodic.fir(padded, bank.offsets, bank.residual, narrow, first=-REACH)
        misses.append(_tent(miss.square(), MISS_RADIUS) + TUNING.miss_floor)
    least = misses[0]
    for miss in misses[1:]:
        least = least.minimum(miss)
    trusts = [(least / miss) ** SHARPNESS for miss in misses]
    total = sum(trusts[1:], trusts[0])
    mixed = 0 * total
    for bank, trust in zip(banks, trusts, strict=True):
        mixed = mixed + trust * periodic.fir(padded, bank.offsets, bank.estimate, wide, first=-REACH)
    return mixed / total


def _tent(tensor: "Tensor", radius: int) -> "Tensor":
    """Weighted mean over 2 radius + 1 rows and columns; narrower by `radius` on each side."""
    weights = [(radius + 1 - abs(d)) / (radius + 1) ** 2 for d in range(-radius, radius + 1)]
    width, height = tensor.shape[-1] - 2 * radius, tensor.shape[-2] - 2 * radius
    parts = [w * tensor[..., k : k + width] for k, w in enumerate(weights)]
    tensor = sum(parts[1:], parts[0])
    parts = [w * tensor[..., k : k + height, :] for k, w in enumerate(weights)]
    return sum(parts[1:], parts[0])


def _smoothed(
    luma: "Tensor", red_green: "Tensor", blue_green: "Tensor", trusts: tuple["Tensor", "Tensor"]
) -> tuple["Tensor", "Tensor"]:
    """Step 3: weighted means of the color differences; narrower by LIKENESS_RADIUS on each side."""
    r = LIKENESS_RADIUS
    height, width = luma.shape[-2] - 2 * r, luma.shape[-1] - 2 * r
    window = [
        (
            (slice(y, y + height), slice(x, x + width)),
            (r + 1 - abs(y - r)) * (r + 1 - abs(x - r)) / (r + 1) ** 4,
        )
        for y, x in np.ndindex(2 * r + 1, 2 * r + 1)
    ]
    share = TUNING.difference_weight**0.5
    features = [luma, red_green * share, blue_green * share]
    centers = [feature[..., r : r + height, r : r + width] for feature in features]

    def unlike(at: tuple[slice, slice]) -> "Tensor":
        a, b, c = ((f[..., *at] - center).square() for f, center in zip(features, centers, strict=True))
        distance: Tensor = a + b + c
        return distance

    zero = centers[0] * 0
    spread = sum((tent * unlike(at) for at, tent in window), zero)
    scale = 1 / (TUNING.unlikeness * spread + TUNING.unlikeness_floor)
    sums, totals = [zero] * 2, [zero] * 2
    for at, tent in window:
        like = tent / (1 + unlike(at) * scale).square()
        for k, difference in enumerate((red_green, blue_green)):
            weight = like * trusts[k][at]
            sums[k] = sums[k] + weight * difference[..., *at]
            totals[k] = totals[k] + weight
    return sums[0] / totals[0], sums[1] / totals[1]
