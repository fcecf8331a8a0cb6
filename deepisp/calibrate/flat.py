"""Lens shading, from frames of an even light: a gain for each place, which brings it to the brightest one.

What the map is, and how it comes onto a raw image: develop/shading_map.py.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deepisp.calibrate.frames import Frame, Frames, Source
from deepisp.calibrate.recipe import Flat, shipped_recipe
from deepisp.calibrate.smooth import smooth_gains
from deepisp.develop.shading_map import Plane, Shading
from deepisp.raw.layout import Layout
from deepisp.raw.limits import Limits
from deepisp.sensor import cfa as cfa_cell

Array = NDArray[np.float64]

_PURPOSE = "a map of lens shading"
_NEAR_SATURATION = 0.99  # of the range: noise keeps clipped photosites this close


def measure(
    sources: Sequence[Source], *, layout: Layout | None = None, limits: Limits | None = None
) -> Shading:
    """The map that flats give, one frame in memory at a time.

    Args:
        sources: paths, `RawImage`s, or arrays that `layout` describes: one camera, one lens at one focal length and
            aperture.
        layout: what bare sensor values mean.
        limits: what reading a file may cost.

    Raises:
        ValueError: no frames; one is already demosaiced, clipped, too dark or unlike the first. Names the frame.
    """
    settings = shipped_recipe(Flat)
    light: list[Array] = []
    if not sources:
        raise ValueError(f"{_PURPOSE} needs flats, got none; calibration/flat.toml says what to shoot")
    frames = Frames(sources, purpose=_PURPOSE, layout=layout, limits=limits)
    for frame in frames:
        _check(frame, settings, frames.first)
        blocks, middles = _blocks(frame, settings)
        light.append(blocks)
    first = frames.first
    nodes = _nodes(_shape(first), settings)
    side, shape, planes = cfa_cell.side(first.cfa), _shape(first), []
    for (color, positions), one in zip(_groups(first.cfa), np.mean(light, axis=0), strict=True):
        own_middles = _middles(middles, positions, side, shape)
        gains = smooth_gains(one, own_middles, nodes, settings.smoothness, settings.outlier)
        if gains.max() > settings.steepest:
            raise ValueError(
                f"the mean of these flats needs gains up to {gains.max():.1f}, {settings.steepest:g} is the most of "
                "any lens; flats show an even light and nothing else"
            )
        planes.append(Plane(color, positions, gains))
    return Shading(first.maker, first.model, first.optics, first.cfa, shape, tuple(planes), len(sources))


def _shape(frame: Frame) -> tuple[int, int]:
    return int(frame.mosaic.shape[0]), int(frame.mosaic.shape[1])


def _groups(cfa: str) -> list[tuple[str, tuple[tuple[int, int], ...]]]:
    """Positions that share a map: each by itself in a cell of 2 x 2, by color in larger ones."""
    cell = cfa_cell.cell(cfa)
    positions = [(int(row), int(column)) for row, column in np.ndindex(*cell.shape)]
    if len(cell) <= 2:
        return [(str(cell[at]), (at,)) for at in positions]
    return [(color, tuple(at for at in positions if cell[at] == color)) for color in cfa_cell.colors(cfa)]


def _nodes(shape: tuple[int, int], settings: Flat) -> tuple[int, int]:
    longer = max(shape)
    rows, columns = (max(4, round(settings.nodes * size / longer)) for size in shape)
    return rows, columns


def _check(frame: Frame, settings: Flat, first: Frame) -> None:
    """A ValueError that names the frame, if it is clipped, too dark, or taken through other optics."""
    optics = zip(("lens", "focal length", "aperture"), frame.optics, first.optics, strict=True)
    for what, one, other in optics:
        if one and other and one != other:
            raise ValueError(
                f"{frame.name}: the {what} is {one}, that of the first {other}; one map holds for one {what}"
            )
    for place in frame.places:
        values, black = place.of(frame.mosaic), place.level(frame.black_level)
        top = black + _NEAR_SATURATION * (place.level(frame.saturation_level) - black)
        share = float((values >= top).mean())
        if share > settings.clipped:
            raise ValueError(
                f"{frame.name}: {share:.1%} of {place.color} is clipped; expose flats so that the brightest part lies "
                "at about half of saturation"
            )
        signal = (float(values.mean()) - black) / (place.level(frame.white_level) - black)
        if not signal >= settings.darkest:
            raise ValueError(
                f"{frame.name}: {place.color} is too dark, {signal:.1%} of saturation on average, "
                f"{settings.darkest:.0%} is the least; expose longer"
            )


def _blocks(frame: Frame, settings: Flat) -> tuple[Array, tuple[Array, Array]]:
    """Light of blocks, (groups, rows, columns), each group's mean is 1; and their middles, fractions of the area."""
    side, shape = cfa_cell.side(frame.cfa), _shape(frame)
    wanted = [(count - 1) * settings.blocks for count in _nodes(shape, settings)]
    steps = [max(1, size // side // count) for size, count in zip(shape, wanted, strict=True)]
    rows, columns = (size // side // step for size, step in zip(shape, steps, strict=True))
    # What is left over is shared between the two edges: neither is far from a block.
    top, left = (size // side % step // 2 for size, step in zip(shape, steps, strict=True))
    places = {(place.row, place.column): place for place in frame.places}
    light = []
    for _, positions in _groups(frame.cfa):
        total = np.zeros((rows, columns))
        for at in positions:
            values = places[at].of(frame.mosaic)[top:, left:][: rows * steps[0], : columns * steps[1]]
            blocks = (
                values.reshape(rows, steps[0], columns, steps[1]).swapaxes(1, 2).reshape(rows, columns, -1)
            )
            total += np.median(blocks, axis=2) - places[at].level(frame.black_level)
        if not (total > 0).all():
            raise ValueError(f"{frame.name}: some of it is not brighter than black; light all of the picture")
        light.append(total / total.mean())
    down, right = (
        (first + (np.arange(count) + 0.5) * step) * side / size
        for first, count, step, size in zip((top, left), (rows, columns), steps, shape, strict=True)
    )
    return np.array(light), (down, right)


def _middles(
    middles: tuple[Array, Array], positions: tuple[tuple[int, int], ...], side: int, shape: tuple[int, int]
) -> tuple[Array, Array]:
    """Where the photosites of some positions lie on average: off the middle of the cell."""
    down, right = (np.mean(positions, axis=0) + 0.5 - side / 2) / shape
    return middles[0] + down, middles[1] + right
