"""Mosaics as networks take them: packed by 2 x 2, so that each layer sees twice as far for a quarter of the work.

a b a b        4 planes of half the size, in the raster order of the cell: a, b, c, d.
c d c d        Bayer: each plane is one color. Quad: each is all four, in turns of 2 x 2 cells.
a b a b        X-Trans: colors change from one 2 x 2 to the next with the period 3.
c d c d
"""

import torch
from torch import Tensor
from torch.nn import functional


def pack(mosaic: Tensor) -> Tensor:
    """Half-size planes of a mosaic, in the raster order of its 2 x 2 cells.

    Args:
        mosaic: (..., 1, H, W), H and W even.

    Returns:
        (..., 4, H/2, W/2); of more channels, (..., 4 C, H/2, W/2), those of each channel together.

    Raises:
        ValueError: a side is odd.

    >>> pack(torch.arange(4.).reshape(1, 2, 2)).flatten().tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    height, width = mosaic.shape[-2:]
    if height % 2 or width % 2:
        raise ValueError(
            f"packing takes even sides, got {height} x {width}; pad or crop to whole cells first"
        )
    return functional.pixel_unshuffle(mosaic, 2)


def check_sides(mosaic: Tensor, unit: int) -> None:
    """Nothing, if a mosaic (..., H, W) has sides that are multiples of `unit`.

    Raises:
        ValueError: it has not.
    """
    height, width = mosaic.shape[-2:]
    if height % unit or width % unit:
        raise ValueError(
            f"this network takes sides that are multiples of {unit}, got {height} x {width}; pad or crop first"
        )


def unpack(planes: Tensor) -> Tensor:
    """(..., C, H, W) of (..., 4 C, H/2, W/2): the twin of `pack`."""
    return functional.pixel_shuffle(planes, 2)


def masks(cfa: str) -> Tensor:
    """Where each color stands in the cell, (3, n, n) of 0 and 1, in the order red, green, blue.

    Raises:
        ValueError: no square cell of R, G and B.

    >>> masks("RGGB").tolist()[1]
    [[0.0, 1.0], [1.0, 0.0]]
    """
    side = round(len(cfa) ** 0.5)
    if side * side != len(cfa) or set(cfa) != set("RGB"):
        raise ValueError(
            f"a network's CFA is a square cell of R, G and B, got {cfa!r}; write for example RGGB"
        )
    letters = torch.tensor([[letter == color for letter in cfa] for color in "RGB"])
    return letters.reshape(3, side, side).float()


def tiled(cell: Tensor, size: "tuple[int, int] | torch.Size") -> Tensor:
    """Cells (..., n, n) side by side over (..., H, W), from the top left on.

    >>> tiled(torch.tensor([[1., 2.], [3., 4.]]), (1, 3)).tolist()
    [[1.0, 2.0, 1.0]]
    """
    n, (height, width) = cell.shape[-1], size
    repeats = (*(1 for _ in cell.shape[:-2]), -(-height // n), -(-width // n))
    return cell.repeat(repeats)[..., :height, :width]
