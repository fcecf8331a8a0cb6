"""Bilinear demosaicing of any periodic CFA, and the two things that every periodic filter needs in torch.

Torch's side; the CPU's twin is periodic_kernels.py.
"""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from deepisp.develop.demosaic import edges
from deepisp.sensor import cfa as cfa_cell

if TYPE_CHECKING:
    from torch import Tensor


def bilinear(mosaic: "Tensor", cfa: str) -> "Tensor":
    """Every color at every photosite by normalized convolution with a tent; the measured one as it is.

    For each color the weighted mean of its photosites in the smallest square window in which every
    position of the cell sees every color. For a Bayer cell this is plain bilinear interpolation.

    Args:
        mosaic: (..., 1, H, W).
        cfa: the cell at mosaic[..., 0, 0]; any square cell, see sensor/cfa.py.

    Returns:
        (..., C, H, W), C = len(cfa.colors).

    Raises:
        ValueError: the text is no CFA.

    Source: H. Knutsson, C.-F. Westin, "Normalized and differential convolution", CVPR 1993.
    """
    pattern = cfa_cell.indices(cfa)
    offsets, weights = tent(pattern.tobytes(), len(pattern))
    radius = int(offsets.max(initial=0))
    return fir(pad(mosaic, len(pattern), radius), offsets, weights, radius, first=-radius)


@lru_cache(maxsize=64)
def tent(pattern: bytes, side: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Offsets (T, 2) and weights (side, side, C, T) of `bilinear`, for a pattern's int64 bytes."""
    cell = np.frombuffer(pattern, np.int64).reshape(side, side)
    colors = np.arange(int(cell.max()) + 1)
    rows, columns = np.indices((side, side))
    for radius in range(side + 1):
        offsets = np.indices((2 * radius + 1, 2 * radius + 1)).reshape(2, -1).T - radius
        seen = cell[(rows[..., None] + offsets[:, 0]) % side, (columns[..., None] + offsets[:, 1]) % side]
        member = seen[:, :, None, :] == colors[:, None]  # (n, n, C, T)
        if member.any(axis=-1).all():
            break
    weights = member * (radius + 1 - np.abs(offsets)).prod(axis=1).astype(np.float64)
    measured = cell[:, :, None] == colors
    weights[measured] = (offsets == 0).all(axis=1)
    return offsets.astype(np.int64), weights / weights.sum(axis=-1, keepdims=True)


def pad(mosaic: "Tensor", side: int, margin: int) -> "Tensor":
    """The mosaic with `margin` photosites more on each side, reflected so that colors stay put."""
    import torch

    rows, columns = (
        torch.from_numpy(edges.padding_indices(-margin, size + margin, size, side)).to(mosaic.device)
        for size in mosaic.shape[-2:]
    )
    return mosaic.index_select(-2, rows).index_select(-1, columns)


def fir(
    padded: "Tensor", offsets: NDArray[np.int64], weights: NDArray[np.float64], margin: int, first: int
) -> "Tensor":
    """A filter whose weights depend on the position in the cell.

    Args:
        padded: (..., 1, H + 2 margin, W + 2 margin).
        offsets: (T, 2) row and column of the taps, none farther than `margin`.
        weights: (n, n, C, T) per position of the cell.
        margin: photosites of `padded` that are not asked for on each side.
        first: row (and column) of the cell at padded[0, 0].

    Returns:
        (..., C, H, W).
    """
    import torch

    n, colors = weights.shape[0], weights.shape[2]
    radius = int(np.abs(offsets).max(initial=0))
    height, width = (size - 2 * margin for size in padded.shape[-2:])
    window = n + 2 * radius
    dense = np.zeros((colors, n, n, window, window))
    start = first + margin
    for row, column in np.ndindex(n, n):
        at = weights[(row + start) % n, (column + start) % n]  # (C, T)
        dense[:, row, column, row + radius + offsets[:, 0], column + radius + offsets[:, 1]] = at
    kernel = torch.from_numpy(dense.reshape(-1, 1, window, window)).to(padded)
    cut = margin - radius
    extra_rows, extra_columns = -height % n, -width % n
    field = torch.nn.functional.pad(
        padded.reshape(-1, *padded.shape[-3:]),
        (-cut, extra_columns - cut, -cut, extra_rows - cut),
    )
    # TF32 would round a sum of weights of both signs to 10 bits.
    with torch.backends.cudnn.flags(allow_tf32=False):
        phases = torch.nn.functional.conv2d(field, kernel, stride=n)
    full = torch.nn.functional.pixel_shuffle(phases, n)[..., :height, :width]
    return full.reshape(*padded.shape[:-3], colors, height, width)
