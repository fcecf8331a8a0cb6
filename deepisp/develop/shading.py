"""Gains that even out what a lens darkens: DNG's GainMap and FixVignetteRadial, exactly and on a coarse grid.

Gains of list 2 lie on coarse grids of nodes, so that a kernel can lay them on the mosaic photosite by photosite
without a map of full size. Rows and columns count from the corner of the area that the list speaks of.

Source: DNG specification 1.7.1, chapter 7; where that is silent (where in a photosite its center lies),
what Adobe's DNG SDK does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepisp.raw import opcodes as dng

_CLOSE = 1e-4  # relative error of a gain that may pass: a hundredth of the least step of 8 bits at white
_MOST_NODES = 257  # per axis; past it a grid is no longer coarse

Gain = dng.GainMap | dng.FixVignetteRadial


class Geometry(NamedTuple):
    """From pixels to DNG's normalized radius: `r^2 = ((column - center_column) / scale)^2 + (... row ...)^2`.

    Attributes:
        center_row: of the optical center, in pixels; 0 is the center of the first row.
        center_column: likewise.
        scale: widths of a pixel from the center to the farthest corner pixel, where r = 1.
        height: of a pixel, in its widths.
    """

    center_row: float
    center_column: float
    scale: float
    height: float

    @classmethod
    def of(cls, center: tuple[float, float], shape: tuple[int, int], pixel_aspect: float = 1.0) -> "Geometry":
        """The geometry of a picture of `shape` rows and columns, for a `center` x, y as fractions of it.

        >>> Geometry.of((0.5, 0.5), (601, 801))
        Geometry(center_row=300.0, center_column=400.0, scale=500.0, height=1.0)
        """
        last_row, last_column = shape[0] - 1, shape[1] - 1
        row, column, height = center[1] * last_row, center[0] * last_column, 1 / pixel_aspect
        scale = float(np.hypot(max(column, last_column - column), max(row, last_row - row) * height))
        return cls(row, column, scale or 1.0, height)

    def square_radius(self, rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[np.float64]:
        """r^2, (len(rows), len(columns)); above 1 outside the picture, where a grid's outer nodes lie."""
        down = (rows - self.center_row) * (self.height / self.scale)
        right = (columns - self.center_column) / self.scale
        return np.asarray(down[:, None] ** 2 + right**2)


@dataclass(frozen=True)
class GainGrid:
    """Gains of a mosaic on a coarse grid of nodes, for each position of the CFA's cell.

    Photosite (y, x) has the node coordinates `row_origin + row_step * y`, `column_origin + column_step * x`; its
    gain is bilinear between nodes of `gains[y % side * side + x % side]`, and past the edges that of the edge.

    Attributes:
        gains: (side * side, V, H) float32.
        side: rows of the cell, which repeats from the area's corner.
    """

    gains: NDArray[np.float32]
    side: int
    row_origin: float
    row_step: float
    column_origin: float
    column_step: float

    @property
    def ceiling(self) -> NDArray[np.float32]:
        """The least gain of all positions at each node, (V, H): where a saturated gray stays gray."""
        return np.asarray(self.gains.min(0))

    def at(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float32]:
        """Gains of photosites, (len(rows), len(columns))."""
        out = np.empty((len(rows), len(columns)), np.float32)
        for row, column in np.ndindex(self.side, self.side):
            down, right = (
                np.flatnonzero(rows % self.side == row),
                np.flatnonzero(columns % self.side == column),
            )
            nodes = self._nodes(rows[down], columns[right])
            out[np.ix_(down, right)] = _bilinear(self.gains[row * self.side + column], *nodes)
        return out

    def lowest(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float32]:
        """`ceiling` at photosites, (len(rows), len(columns))."""
        return _bilinear(self.ceiling, *self._nodes(rows, columns)).astype(np.float32)

    def _nodes(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> tuple[NDArray[Any], NDArray[Any]]:
        return self.row_origin + self.row_step * rows, self.column_origin + self.column_step * columns


def gain_grid(
    opcodes: Sequence[dng.Opcode], *, shape: tuple[int, int], side: int, pixel_aspect: float = 1.0
) -> GainGrid | None:
    """All gains of a list as one grid; None if it does other things too, or more than a grid can say.

    One map for each position of the cell is taken over as it is. Products of maps and radial vignetting are
    sampled on a finer grid, if that is within 1e-4 of the exact gains. No opcodes give gains of 1.

    Args:
        opcodes: of list 2.
        shape: rows and columns of the active area.
        side: rows of the CFA's cell, counted from the corner of the active area.
        pixel_aspect: width of a pixel over its height as displayed.
    """
    gains: list[Gain] = []
    for opcode in opcodes:
        if not isinstance(opcode, dng.GainMap | dng.FixVignetteRadial) or not _is_periodic(
            opcode, shape, side
        ):
            return None
        gains.append(opcode)
    # A hostile file's gains may pass float32; they are no number here, and so not close.
    with np.errstate(over="ignore", invalid="ignore"):
        for layout, is_exact in _layouts(gains, shape, side):
            grid = _sampled(gains, layout, shape, side, pixel_aspect)
            if is_exact or _error(grid, gains, shape, pixel_aspect) <= _CLOSE:
                return grid
    return None


class _Axis(NamedTuple):
    """Nodes along an axis: photosite p has the coordinate `origin + step * p`."""

    origin: float
    step: float
    nodes: int

    def photosites(self) -> NDArray[np.float64]:
        """Where the nodes lie."""
        return (np.arange(self.nodes, dtype=np.float64) - self.origin) / self.step

    def halved(self) -> "_Axis":
        """With another node between any two."""
        return _Axis(2 * self.origin, 2 * self.step, max(2 * self.nodes - 1, 2))

    def stretched(self, size: int) -> "_Axis":
        """With nodes added until they span photosites 0 to `size`."""
        before = max(0, int(np.ceil(-self.origin)))
        after = max(0, int(np.ceil(self.origin + self.step * (size - 1))) - self.nodes + 1)
        return _Axis(self.origin + before, self.step, self.nodes + before + after)


def _axes(opcode: dng.GainMap, shape: tuple[int, int]) -> tuple[_Axis, _Axis]:
    """A photosite's center lies half a photosite past its corner, in fractions of the picture (DNG SDK)."""
    pairs = zip(opcode.origin, opcode.spacing, shape, opcode.gains.shape[:2], strict=True)
    down, right = (
        _Axis((0.5 / n - origin) / step, 1 / (step * n), count) for origin, step, n, count in pairs
    )
    return down, right


def _is_periodic(opcode: Gain, shape: tuple[int, int], side: int) -> bool:
    """Whether it touches the same positions of every cell."""
    if isinstance(opcode, dng.FixVignetteRadial):
        return True
    region = opcode.region
    ends = (
        (region.top, region.bottom, region.row_pitch, shape[0]),
        (region.left, region.right, region.column_pitch, shape[1]),
    )
    return region.plane == 0 and all(
        side % pitch == 0 and first < pitch and last > size - 1 - (size - 1 - first) % pitch
        for first, last, pitch, size in ends
    )


def _touches(opcode: Gain, row: int, column: int) -> bool:
    """Whether a periodic opcode touches this position of the cell."""
    if isinstance(opcode, dng.FixVignetteRadial):
        return True
    region = opcode.region
    return row % region.row_pitch == region.top and column % region.column_pitch == region.left


def _layouts(
    gains: list[Gain], shape: tuple[int, int], side: int
) -> Iterator[tuple[tuple[_Axis, _Axis], bool]]:
    """Nodes to try, coarse ones first, each with whether these nodes say all."""
    maps = [gain for gain in gains if isinstance(gain, dng.GainMap)]
    down, right = (_Axis(0.0, 32 / max(n - 1, 1), 33) for n in shape)
    if maps:
        down, right = _axes(maps[0], shape)
        same = {_axes(gain, shape) for gain in maps} == {(down, right)}
        overlap = max(sum(_touches(gain, *at) for gain in maps) for at in np.ndindex(side, side))
        if same and overlap == 1 and len(maps) == len(gains):
            yield (down, right), True
            return
    if not gains:
        yield (_Axis(0.0, 1.0, 1), _Axis(0.0, 1.0, 1)), True
        return
    down, right = down.stretched(shape[0]), right.stretched(shape[1])
    while max(down.nodes, right.nodes) <= _MOST_NODES:
        yield (down, right), False
        down, right = down.halved(), right.halved()


def _sampled(
    gains: list[Gain], layout: tuple[_Axis, _Axis], shape: tuple[int, int], side: int, pixel_aspect: float
) -> GainGrid:
    down, right = layout
    out = np.ones((side * side, down.nodes, right.nodes))
    each = [
        gain_at(gain, down.photosites(), right.photosites(), shape, pixel_aspect=pixel_aspect)
        for gain in gains
    ]
    for index, at in enumerate(np.ndindex(side, side)):
        for gain, values in zip(gains, each, strict=True):
            if _touches(gain, *at):
                out[index] *= values
    return GainGrid(out.astype(np.float32), side, down.origin, down.step, right.origin, right.step)


def _error(grid: GainGrid, gains: list[Gain], shape: tuple[int, int], pixel_aspect: float) -> float:
    """The largest relative error of a grid, at photosites four times as dense as its nodes."""
    rows, columns = (
        np.unique(np.linspace(0, size - 1, 4 * count + 3).round())
        for size, count in zip(shape, grid.gains.shape[1:], strict=True)
    )
    each = [gain_at(gain, rows, columns, shape, pixel_aspect=pixel_aspect) for gain in gains]
    y, x = grid.row_origin + grid.row_step * rows, grid.column_origin + grid.column_step * columns
    worst = []
    for index, at in enumerate(np.ndindex(grid.side, grid.side)):
        exact = np.prod(
            [values for gain, values in zip(gains, each, strict=True) if _touches(gain, *at)], axis=0
        )
        off = np.abs(_bilinear(grid.gains[index], y, x) - exact) / np.maximum(np.abs(exact), 1e-6)
        worst.append(off.max())
    return float(np.max(worst))


def gain_at(
    gain: Gain,
    rows: NDArray[Any],
    columns: NDArray[Any],
    shape: tuple[int, int],
    *,
    pixel_aspect: float = 1.0,
    plane: int = 0,
) -> NDArray[np.float64]:
    """The exact gain at rows and columns, which need not be whole, (len(rows), len(columns)).

    Says nothing of which photosites the opcode touches.
    """
    if isinstance(gain, dng.FixVignetteRadial):
        square = Geometry.of(gain.center, shape, pixel_aspect).square_radius(rows, columns)
        return np.asarray(np.polynomial.polynomial.polyval(square, (1.0, *gain.coefficients)))
    down, right = _axes(gain, shape)
    grid = gain.gains[:, :, min(plane, gain.gains.shape[2] - 1)]
    return _bilinear(grid, down.origin + down.step * rows, right.origin + right.step * columns)


def _bilinear(grid: NDArray[Any], y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The grid at node coordinates, (len(y), len(x)), held past its edges."""
    (top, down), (left, right) = (_split(at, size) for at, size in zip((y, x), grid.shape, strict=True))
    low = np.minimum(top + 1, grid.shape[0] - 1)
    lines = grid[top] * (1 - down[:, None]) + grid[low] * down[:, None]
    side = np.minimum(left + 1, grid.shape[1] - 1)
    return np.asarray(lines[:, left] * (1 - right) + lines[:, side] * right)


def _split(at: NDArray[np.float64], size: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    held = np.clip(at, 0, size - 1)
    whole = held.astype(np.intp)
    return whole, held - whole
