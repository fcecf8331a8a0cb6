"""Bayer demosaicing on tensors: on any device, batched, and differentiable.

Every method takes a mosaic (..., 1, H, W), floating point, sides of at least 2, odd or even, and `cfa`, the cell at
mosaic[0, 0]; it gives (..., 3, H, W): red, green, blue. What a photosite measured comes out unchanged. Nothing is
clipped. Outside, the picture goes on as its reflection without the edge itself, which keeps the CFA in step.
bayer_kernels.py holds the twins for the CPU.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from deepisp.sensor.cfa import BAYER

if TYPE_CHECKING:
    from torch import Tensor


def bilinear(mosaic: "Tensor", cfa: str) -> "Tensor":
    """Each missing color as the mean of its two or four nearest photosites.

    Raises:
        ValueError: `mosaic` or `cfa` is not as the module says.

    >>> import torch
    >>> bilinear(torch.tensor([[[1.0, 2.0], [4.0, 8.0]]]), "RGGB")[:, 0, 0].tolist()
    [1.0, 3.0, 8.0]
    """
    at = _around(_extend(mosaic, cfa, 1), 1, 1)
    row, column = (at(0, -1) + at(0, 1)) / 2, (at(-1, 0) + at(1, 0)) / 2
    corners = (at(-1, -1) + at(-1, 1) + at(1, -1) + at(1, 1)) / 4
    return _fill(mosaic, cfa, green=(row + column) / 2, row=row, column=column, corner=corners)


def malvar(mosaic: "Tensor", cfa: str) -> "Tensor":
    """Linear interpolation over 5 x 5 photosites, corrected by the Laplacian of the color that was measured.

    Raises:
        ValueError: `mosaic` or `cfa` is not as the module says.

    Source: H. Malvar, L. He, R. Cutler, "High-quality linear interpolation for demosaicing of Bayer-patterned
    color images", ICASSP 2004, figure 2.
    """
    at = _around(_extend(mosaic, cfa, 2), 2, 2)
    row, column = at(0, -1) + at(0, 1), at(-1, 0) + at(1, 0)
    far_row, far_column = at(0, -2) + at(0, 2), at(-2, 0) + at(2, 0)
    corners = at(-1, -1) + at(-1, 1) + at(1, -1) + at(1, 1)
    both = 5 * mosaic - corners
    return _fill(
        mosaic,
        cfa,
        green=(4 * mosaic + 2 * (row + column) - far_row - far_column) / 8,
        row=(both + 4 * row - far_row + far_column / 2) / 8,
        column=(both + 4 * column - far_column + far_row / 2) / 8,
        corner=(6 * mosaic + 2 * corners - 1.5 * (far_row + far_column)) / 8,
    )


def menon(mosaic: "Tensor", cfa: str) -> "Tensor":
    """Interpolation along the row or column, whichever lets color differences change less, refined.

    Once the direction is chosen, all that the paper does is linear in d = color - green at the color sites, and
    its chains of averages collapse. Let d- and d+ be the next d of the same color in the direction chosen, and
    D the mean of the four d of the other color at the corners. Then

        d' = (d- + 4 d + d+) / 6                green is color - d' (refined over 3 photosites)
        o  = D - (d- + 2 d + d+) / 4            the other color minus this one
        o' = D' - (d'- + 2 d' + d'+) / 4        the same from the refined differences
        (2 o' + o) / 3                          the other color minus this one, refined over 3 photosites

    and at a green site a color is green plus the mean of its two d' alongside. Differentiable wherever the
    directions do not change.

    Raises:
        ValueError: `mosaic` or `cfa` is not as the module says.

    Source: D. Menon, S. Andriani, G. Calvagno, "Demosaicing with directional filtering and a posteriori
    decision", IEEE Trans. Image Processing 16(1), 2007, with the refining step.
    """
    far = _extend(mosaic, cfa, 8)
    by_row, by_column = _difference(far), _difference(far.mT).mT
    is_row = _unrest(by_column.mT).mT >= _unrest(by_row)
    first = _crop(by_row, 2).where(is_row, _crop(by_column, 2))
    is_row = _crop(is_row, 2)
    refined = (_ends(first, is_row) + 4 * _crop(first, 2)) / 6
    other = _crop(_other_color(first, is_row), 2)
    is_row = _crop(is_row, 2)
    other = (2 * _other_color(refined, is_row) + other) / 3
    at = _around(refined, 2, 2)
    return _fill(
        mosaic,
        cfa,
        green=mosaic - at(0, 0),
        row=mosaic + (at(0, -1) + at(0, 1)) / 2,
        column=mosaic + (at(-1, 0) + at(1, 0)) / 2,
        corner=mosaic + other,
    )


def _difference(mosaic: "Tensor") -> "Tensor":
    """Color minus green at color sites, green interpolated along the row; 2 narrower on each side."""
    at = _around(mosaic, 2, 2)
    return (at(0, 0) - at(0, -1) - at(0, 1) + (at(0, -2) + at(0, 2)) / 2) / 2


def _unrest(difference: "Tensor") -> "Tensor":
    """How much the difference changes along the rows nearby; 2 narrower on each side."""
    change = (difference[..., 2:] - difference[..., :-2]).abs()  # one column narrower: it lies in between
    at = _around(change, 2, 1)
    outer = at(-2, -1) + at(-2, 1) + at(2, -1) + at(2, 1)
    return 3 * (at(0, -1) + at(0, 1)) + outer + at(-1, 0) + at(1, 0)


def _ends(difference: "Tensor", is_row: "Tensor") -> "Tensor":
    """The two next differences of the same color in the direction chosen, added; 2 narrower on each side."""
    at = _around(difference, 2, 2)
    return (at(0, -2) + at(0, 2)).where(is_row, at(-2, 0) + at(2, 0))


def _other_color(difference: "Tensor", is_row: "Tensor") -> "Tensor":
    """The other color minus this one at color sites; 2 narrower on each side."""
    at = _around(difference, 2, 2)
    corners = at(-1, -1) + at(-1, 1) + at(1, -1) + at(1, 1)
    return (corners - _ends(difference, is_row)) / 4 - at(0, 0) / 2


def _fill(
    mosaic: "Tensor", cfa: str, *, green: "Tensor", row: "Tensor", column: "Tensor", corner: "Tensor"
) -> "Tensor":
    """The mosaic and, between its photosites, what was interpolated for every site.

    Args:
        mosaic: (..., 1, H, W), as are the others.
        cfa: as the module says.
        green: at red and blue sites.
        row: at green sites, the color of the photosites to the left and right.
        column: at green sites, the color of those above and below.
        corner: at red sites blue, at blue sites red.
    """
    red_row, red_column = divmod(cfa.index("R"), 2)
    rgb = mosaic.repeat_interleave(3, dim=-3)
    for channel, y, x in ((0, red_row, red_column), (2, 1 - red_row, 1 - red_column)):
        here, beside = slice(x, None, 2), slice(1 - x, None, 2)
        rgb[..., 1, y::2, here] = green[..., 0, y::2, here]
        rgb[..., channel, y::2, beside] = row[..., 0, y::2, beside]
        rgb[..., channel, 1 - y :: 2, here] = column[..., 0, 1 - y :: 2, here]
        rgb[..., channel, 1 - y :: 2, beside] = corner[..., 0, 1 - y :: 2, beside]
    return rgb


def _extend(mosaic: "Tensor", cfa: str, halo: int) -> "Tensor":
    """The mosaic with `halo` reflected photosites more on each side, however small it is."""
    if cfa not in BAYER:
        raise ValueError(
            f"a Bayer CFA is one of {', '.join(BAYER)}, got {cfa!r}; other CFAs have methods of their own"
        )
    shape = tuple(mosaic.shape)
    if len(shape) < 3 or shape[-3] != 1 or min(shape[-2:]) < 2 or not mosaic.is_floating_point():
        raise ValueError(
            f"demosaicing wants a floating-point mosaic (..., 1, H, W) with sides of at least 2, got {mosaic.dtype} "
            f"{shape}; normalize it with black and white levels, and give it a channel of one with mosaic[None]"
        )
    return mosaic[..., _reflected(shape[-2], halo), :][..., _reflected(shape[-1], halo)]


def _reflected(n: int, halo: int) -> list[int]:
    """
    >>> _reflected(3, 5)
    [1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1]
    """
    period = 2 * (n - 1)
    return [min(i % period, -i % period) for i in range(-halo, n + halo)]


def _around(tensor: "Tensor", rows: int, columns: int) -> Callable[[int, int], "Tensor"]:
    """Neighbors: (y, x) -> `tensor` as seen y rows down and x columns right, narrower by `rows` and `columns`."""
    height, width = tensor.shape[-2:]

    def at(y: int, x: int) -> "Tensor":
        return tensor[..., rows + y : height - rows + y, columns + x : width - columns + x]

    return at


def _crop(tensor: "Tensor", margin: int) -> "Tensor":
    return _around(tensor, margin, margin)(0, 0)
