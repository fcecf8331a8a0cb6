"""What the file itself says about its lens: DNG's opcode lists, applied as they stand, and distortion undone.

Distortion and lateral color are undone after demosaicing (`warp`): list 3 speaks of the demosaiced active area.
Gains of list 2 have a quick way in shading.py (`gain_grid`); any list of opcodes at all goes through
`apply_exact`. Rows and columns count from the corner of the area that the list speaks of.

Source: DNG specification 1.7.1, chapter 7; where that is silent (values below black, radii above 1, pixels that
are not square), what Adobe's DNG SDK does.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from deepisp.develop import defects
from deepisp.develop.shading import Geometry, gain_at
from deepisp.raw import opcodes as dng

if TYPE_CHECKING:
    from torch import Tensor

_AT_ONCE = 256  # rows treated at a time, to bound memory
_RADII = 4097  # the factor of a radius is tabulated at these; see tests/develop/test_lens.py for the error

_Valued = dng.GainMap | dng.FixVignetteRadial | dng.MapTable | dng.MapPolynomial | dng.PerLine


def apply_exact(
    data: NDArray[Any],
    opcodes: Sequence[dng.Opcode],
    *,
    full_scale: float = 1.0,
    delta_scale: float = 65535.0,
    cfa: str = "",
    pixel_aspect: float = 1.0,
    threads: int = 1,
) -> NDArray[np.float32]:
    """Any opcodes, one after the other, as a new float32 array.

    Gains and deltas are not clipped: what is too bright is the next stage's affair. Tables and polynomials
    take values above `full_scale` as that, and mirror values below zero in their value at zero.

    Args:
        data: (H, W) mosaic or (C, H, W) picture, in DN for list 1, signal for lists 2 and 3: exactly the area
            that the list speaks of. Not changed.
        opcodes: as `raw.opcode_bytes.parse` gives them for this shape.
        full_scale: the value that tables and polynomials take for 1: 65535 for list 1 of 16-bit files, else 1.
        delta_scale: the delta that adds `full_scale`: 65535 for files of 16-bit integers, 1 for float ones.
        cfa: cell at data[0, 0], for FixBadPixels; needed for these alone.
        pixel_aspect: width of a pixel over its height as displayed.
        threads: how many share a warp.

    Returns:
        Same shape as `data`, or what TrimBounds leaves of it.

    Raises:
        ValueError: FixBadPixels without a mosaic and its cfa.
    """
    planes = np.array(data if data.ndim == 3 else data[None], np.float32, order="C")
    for opcode in opcodes:
        match opcode:
            case dng.FixBadPixelsConstant() | dng.FixBadPixelsList():
                if data.ndim != 2 or not cfa:
                    raise ValueError("FixBadPixels acts on an (H, W) mosaic with its cfa; give both")
                planes = defects.repair(planes[0], defects.listed(planes[0], [opcode]), cfa=cfa)[None]
            case dng.TrimBounds():
                planes = planes[:, opcode.top : opcode.bottom, opcode.left : opcode.right].copy()
            case dng.WarpRectilinear() | dng.WarpRectilinear2() | dng.WarpFisheye():
                planes = warp(planes, opcode, pixel_aspect=pixel_aspect, threads=threads)
            case _:
                # Coefficients of a hostile file may multiply beyond float32: infinite, not a warning.
                with np.errstate(over="ignore", invalid="ignore"):
                    _apply_values(planes, opcode, (full_scale, delta_scale, pixel_aspect))
    return planes if data.ndim == 3 else planes[0]


def _apply_values(planes: NDArray[np.float32], opcode: _Valued, scales: tuple[float, float, float]) -> None:
    """One opcode that treats each value by itself, in place."""
    full_scale, delta_scale, pixel_aspect = scales
    shape = planes.shape[1], planes.shape[2]
    region = (
        dng.Region(0, 0, *shape, 0, len(planes))
        if isinstance(opcode, dng.FixVignetteRadial)
        else opcode.region
    )
    rows = np.arange(region.top, min(region.bottom, shape[0]), region.row_pitch)
    columns = np.arange(region.left, min(region.right, shape[1]), region.column_pitch)
    for plane in range(region.plane, min(region.plane + region.planes, len(planes))):
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            block = planes[
                plane,
                some[0] : some[-1] + 1 : region.row_pitch,
                region.left : region.right : region.column_pitch,
            ]
            match opcode:
                case dng.GainMap() | dng.FixVignetteRadial():
                    block *= gain_at(
                        opcode, some, columns, shape, pixel_aspect=pixel_aspect, plane=plane
                    ).astype(np.float32)
                case dng.ScalePerRow():
                    block *= opcode.values[start : start + len(some), None]
                case dng.ScalePerColumn():
                    block *= opcode.values
                case dng.DeltaPerRow():
                    block += opcode.values[start : start + len(some), None] * np.float32(
                        full_scale / delta_scale
                    )
                case dng.DeltaPerColumn():
                    block += opcode.values * np.float32(full_scale / delta_scale)
                case _:
                    block[...] = _mapped(opcode, block / np.float32(full_scale)) * np.float32(full_scale)


def _mapped(opcode: dng.MapTable | dng.MapPolynomial, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values through a table or polynomial of 0 to 1; below zero it is mirrored, so that noise keeps its mean."""
    size = np.minimum(np.abs(values), np.float32(1))
    if isinstance(opcode, dng.MapTable):
        index = np.minimum((size * 65535 + 0.5).astype(np.intp), len(opcode.table) - 1)
        result, zero = opcode.table[index] / np.float32(65535), opcode.table[0] / np.float32(65535)
    else:
        result, zero = np.full_like(size, opcode.coefficients[-1]), np.float32(opcode.coefficients[0])
        for coefficient in opcode.coefficients[-2::-1]:
            result *= size
            result += np.float32(coefficient)
    return np.asarray(np.where(values < 0, 2 * zero - result, result))


def warp(
    planes: NDArray[np.float32], opcode: dng.Warp, *, pixel_aspect: float = 1.0, threads: int = 1
) -> NDArray[np.float32]:
    """The picture as a lens without distortion and lateral color would have drawn it.

    The opcode says for each pixel of the result where its light lies in `planes`; that is read with
    Catmull-Rom's cubic, which may pass a little beyond its neighbors. Past the edge the edge is held.

    Args:
        planes: (C, H, W) float32, the whole demosaiced active area. Not changed.
        opcode: one set of coefficients for all planes or one each.
        pixel_aspect: width of a pixel over its height as displayed.
        threads: how many share the rows; the result does not depend on it.

    Returns:
        (C, H, W), new.
    """
    from deepisp.develop import lens_kernels  # numba costs half a second to import

    source, out = np.ascontiguousarray(planes, np.float32), np.empty(planes.shape, np.float32)
    ratio, bend = _ratio(opcode, len(planes)), _bend(opcode, len(planes))
    lens = np.array(Geometry.of(opcode.center, (source.shape[1], source.shape[2]), pixel_aspect))
    bands = np.linspace(0, source.shape[1], 4 * threads + 1 if threads > 1 else 2).astype(int)
    with ThreadPoolExecutor(threads) as pool:
        work = [
            pool.submit(lens_kernels.warp_rows, source, ratio, bend, lens, start, stop, out)
            for start, stop in pairwise(bands)
        ]
        for band in work:
            band.result()
    return out


def warp_tensor(planes: "Tensor", opcode: dng.Warp, *, pixel_aspect: float = 1.0) -> "Tensor":
    """`warp` for torch, on any device, differentiable with respect to `planes` (..., C, H, W)."""
    import torch

    count, height, width = planes.shape[-3:]
    device, exact = planes.device, torch.float64
    ratio, bend = _ratio(opcode, count), _bend(opcode, count)
    lens = Geometry.of(opcode.center, (height, width), pixel_aspect)
    columns = torch.arange(width, device=device, dtype=exact)
    warped = []
    for start in range(0, height, _AT_ONCE):
        rows = torch.arange(start, min(start + _AT_ONCE, height), device=device, dtype=exact)[:, None]
        band = [
            _resampled(
                planes[..., plane, :, :],
                *_sources(rows, columns, lens, factors, bend[min(plane, len(bend) - 1)]),
            )
            for plane, factors in (
                (p, torch.as_tensor(ratio[min(p, len(ratio) - 1)], device=device)) for p in range(count)
            )
        ]
        warped.append(torch.stack(band, -3))
    return torch.cat(warped, -2)


def _sources(
    rows: "Tensor", columns: "Tensor", lens: Geometry, ratio: "Tensor", bend: NDArray[np.float64]
) -> tuple["Tensor", "Tensor"]:
    """Where the light of pixels is found, rows and columns; the formula of lens_kernels._sources."""
    dy = (rows - lens.center_row) * lens.height / lens.scale
    dx = (columns - lens.center_column) / lens.scale
    square = (dx * dx + dy * dy).clamp(max=1)
    at = square.sqrt() * (len(ratio) - 1)
    low = at.floor().clamp(max=len(ratio) - 2).long()
    factor = ratio[low] + (at - low) * (ratio[low + 1] - ratio[low])
    kt0, kt1 = (float(k) for k in bend)
    down = dy * factor + 2 * kt1 * dx * dy + kt0 * (square + 2 * dy * dy)
    right = dx * factor + 2 * kt0 * dx * dy + kt1 * (square + 2 * dx * dx)
    return down * lens.scale / lens.height + lens.center_row, right * lens.scale + lens.center_column


def _resampled(plane: "Tensor", y: "Tensor", x: "Tensor") -> "Tensor":
    """A plane (..., H, W) at positions (h, w): Catmull-Rom, edges held."""
    height, width = plane.shape[-2:]
    y, x = y.nan_to_num().clamp(0, height - 1), x.nan_to_num().clamp(0, width - 1)
    top, left = y.floor().clamp(max=max(height - 2, 0)), x.floor().clamp(max=max(width - 2, 0))
    total = plane.new_zeros(())
    for i, down in enumerate(_catmull_rom((y - top).to(plane.dtype))):
        row = (top.long() + i - 1).clamp(0, height - 1)
        for j, right in enumerate(_catmull_rom((x - left).to(plane.dtype))):
            total = total + down * right * plane[..., row, (left.long() + j - 1).clamp(0, width - 1)]
    return total


def _catmull_rom(t: "Tensor") -> tuple["Tensor", "Tensor", "Tensor", "Tensor"]:
    u = 1 - t
    w0, w3 = -0.5 * t * u * u, -0.5 * u * t * t
    return w0, u + w3 - 2 * w0, t + w0 - 2 * w3, w3


def _ratio(opcode: dng.Warp, count: int) -> NDArray[np.float64]:
    """Source over destination radius at equal steps of the radius, (1, N) for all planes or (count, N)."""
    radius = np.linspace(0, 1, _RADII)
    with np.errstate(all="ignore"):
        each = [_factor(opcode, plane, radius) for plane in range(len(opcode.radial))]
    # 1e6: farther outside than any picture; a hostile file's zero division ends at the picture's edge.
    table = np.nan_to_num(np.stack(each), nan=0.0, posinf=1e6, neginf=-1e6)
    return _for_planes(table, count)


def _factor(opcode: dng.Warp, plane: int, radius: NDArray[np.float64]) -> NDArray[np.float64]:
    polyval, radial = np.polynomial.polynomial.polyval, opcode.radial[plane]
    match opcode:
        case dng.WarpRectilinear():
            factor = polyval(radius**2, radial)
        case dng.WarpRectilinear2():
            factor = polyval(np.clip(radius, *opcode.valid[plane]), radial)
            factor = 1 / factor if opcode.is_reciprocal else factor
        case dng.WarpFisheye():
            angle = np.arctan(radius)
            # At the center angle / radius is 1, and all but the first term vanish.
            factor = polyval(angle**2, radial) * np.divide(
                angle, radius, out=np.ones_like(angle), where=radius > 0
            )
    return np.asarray(factor)


def _bend(opcode: dng.Warp, count: int) -> NDArray[np.float64]:
    """Tangential terms, (1, 2) for all planes or (count, 2)."""
    none = np.zeros((len(opcode.radial), 2))
    return _for_planes(none if isinstance(opcode, dng.WarpFisheye) else opcode.tangential, count)


def _for_planes(sets: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """One set for all `count` planes or one each; planes that a file forgets get its first, as in the DNG SDK."""
    if len(sets) == 1:
        return np.ascontiguousarray(sets)
    missing = np.repeat(sets[:1], max(count - len(sets), 0), axis=0)
    return np.concatenate([sets[:count], missing])
