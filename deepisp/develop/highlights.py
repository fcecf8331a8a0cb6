"""Where the sensor clipped: three ways to end without a false color.

After white balance a clipped photosite stands at `gain * saturation` of its own color, and these differ: left
alone, clipped light turns magenta. Levels are of the balanced signal, before any lens gain.

clip         everything ends at the lowest of the levels: white, but detail above it is lost.
blend        luminance keeps what the other channels still know, color comes from the clipped light.
reconstruct  a clipped photosite takes what its neighbors of the other colors see, shifted by the color
             difference that holds at the edge of the clipped area ("opposed" inpainting). Where all colors
             around are clipped nothing is known: the light is white.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from deepisp.sensor import cfa as cfa_cell

if TYPE_CHECKING:
    from torch import Tensor

REACH = 1  # photosites on each side that `reconstruct` looks at
NEAR = 0.99  # of the saturation level counts as clipped: noise on the plateau reaches below it


def ceiling(saturation: NDArray[np.float64], gains: NDArray[np.float64]) -> float:
    """The balanced level at which the first color clips.

    >>> ceiling(np.array([1.0, 0.95, 0.92]), np.array([1.9, 1.0, 1.75]))
    0.95
    """
    return float((saturation * gains).min())


def clip(signal: Tensor, *, ceiling: Tensor | float) -> Tensor:
    """The balanced signal, ended where the first color clips."""
    return signal.clamp(max=ceiling)


def blend(rgb: Tensor, *, ceiling: float) -> Tensor:
    """Balanced RGB (..., C, H, W): the mean of the light as measured, the color of the light as clipped.

    Differences from the mean keep the clipped light's direction and length; where nothing exceeds the ceiling,
    nothing changes.
    """
    clipped = rgb.clamp(max=ceiling)
    return clipped + (rgb.mean(-3, keepdim=True) - clipped.mean(-3, keepdim=True))


def reconstruct(mosaic: Tensor, *, pattern: NDArray[np.intp], levels: Tensor, offsets: Tensor) -> Tensor:
    """A balanced mosaic (..., 1, H, W) with its clipped photosites raised to what their neighbors see.

    Args:
        mosaic: balanced signal.
        pattern: (n, n) color indices of the cell at the top left.
        levels: (C,) balanced level at which each color clips.
        offsets: (C,) from `opposed_offsets`.
    """
    import torch
    from torch.nn import functional

    height, width = mosaic.shape[-2:]
    colors = torch.from_numpy(cfa_cell.tiled(pattern, height, width)).to(mosaic.device)
    window = mosaic.new_ones(1, 1, 3, 3)
    flat = mosaic.reshape(-1, 1, height, width)
    roots, is_lost = [], torch.ones_like(flat, dtype=torch.bool)
    for color in range(len(levels)):
        mask = (colors == color).to(mosaic.dtype)[None, None]
        # The window is cut at the border, as sums of what lies inside.
        total = functional.conv2d(flat.clamp(min=0) * mask, window, padding=1)
        count = functional.conv2d(mask, window, padding=1)
        mean = total / count.clamp(min=1)
        is_lost &= mean >= NEAR * levels[color]
        roots.append(mean.pow(1 / 3))
    stacked = torch.stack(roots)  # (C, N, 1, H, W)
    others = (stacked.sum(0)[None] - stacked) / (len(levels) - 1)
    reference = others.gather(0, colors.expand(1, *flat.shape))[0] ** 3
    is_clipped = flat >= NEAR * levels[colors]
    raised = torch.maximum(flat, reference + offsets[colors])
    raised = torch.where(is_lost, levels.max(), raised)
    return torch.where(is_clipped, raised, flat).reshape(mosaic.shape)


def opposed_offsets(
    signal: NDArray[np.float32], pattern: NDArray[np.intp], levels: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How far each color stands above its neighbors' estimate, just outside the clipped areas, (C,).

    Args:
        signal: (H, W) balanced mosaic, every n-th cell of the picture will do.
        pattern: (n, n) color indices of the cell at the top left.
        levels: (C,) balanced level at which each color clips.
    """
    count = len(levels)
    n = len(pattern)
    height, width = (side - side % n for side in signal.shape)
    if count < 2 or not height or not width:
        return np.zeros(count)
    cells = signal[:height, :width].reshape(height // n, n, width // n, n)
    means = np.stack([_mean_of(cells, pattern == color) for color in range(count)])  # (C, rows, columns)
    is_clipped = means >= NEAR * levels[:, None, None]
    near = _grown(is_clipped) & ~is_clipped & (means > 0.2 * levels[:, None, None])
    roots = np.cbrt(np.maximum(means, 0))
    offsets = np.zeros(count)
    for color in range(count):
        if near[color].sum() >= 30:  # fewer say more about noise than about the light
            others = (roots.sum(axis=0) - roots[color]) / (count - 1)
            offsets[color] = float((means[color] - others**3)[near[color]].mean())
    return offsets


def _mean_of(cells: NDArray[np.float32], positions: NDArray[np.bool_]) -> NDArray[np.float64]:
    rows, columns = np.nonzero(positions)
    return np.asarray(
        np.mean([cells[:, r, :, c] for r, c in zip(rows, columns, strict=True)], axis=0), np.float64
    )


def _grown(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy.ndimage import binary_dilation

    return np.stack([binary_dilation(one, iterations=3) for one in mask])
