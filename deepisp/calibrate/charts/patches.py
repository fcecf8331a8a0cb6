"""The patches of a chart, measured on the mosaic: no demosaicing, no color transform, no rendering.

    chart ──homography──► picture ──affine──► mosaic

The picture is what `develop` shows: upright, its default crop, square pixels. (0, 0) is the center of its top-left
pixel, x runs right, y down. Corrections of lens distortion (OpcodeList3) are not followed; they are said.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepisp.calibrate.charts.chart import Target
from deepisp.develop import frame
from deepisp.raw import opcode_bytes, opcodes
from deepisp.raw.image import RawImage
from deepisp.sensor import cfa as cfa_cell

Array = NDArray[np.float64]

NEAR_SATURATION = 0.99  # of the range: noise keeps clipped photosites this close
_FEWEST = 8  # photosites of each color of a patch: fewer are no mean


@dataclass(frozen=True)
class Samples:
    """What the mosaic holds in the middle of each patch, in reading order.

    Attributes:
        signal: (N, 3) mean of R, G and B, black 0 and white 1, not balanced.
        deviation: (N, 3) of single photosites.
        clipped: (N,) share of photosites at saturation.
        photosites: (N, 3) how many.
        corners: (4, 2) of the chart in the picture, as they were given.
    """

    signal: Array
    deviation: Array
    clipped: Array
    photosites: NDArray[np.intp]
    corners: Array


class PictureSize(NamedTuple):
    """Pixels of the picture that `develop` makes."""

    width: int
    height: int


def homography(source: Array, target: Array) -> Array:
    """The projective map (3, 3) of points (N, 2) to points (N, 2), by least squares; N is 4 or more.

    Source: R. Hartley and A. Zisserman, "Multiple View Geometry", 2nd ed. 2004, algorithm 4.2.
    """
    (a, one), (b, other) = _centered(source), _centered(target)
    x, y, ones, zeros = one[:, :1], one[:, 1:], np.ones((len(one), 1)), np.zeros((len(one), 3))
    point = np.hstack([x, y, ones])
    rows = np.vstack(
        [np.hstack([point, zeros, -other[:, :1] * point]), np.hstack([zeros, point, -other[:, 1:] * point])]
    )
    found = np.linalg.inv(b) @ np.linalg.svd(rows)[2][-1].reshape(3, 3) @ a
    return np.asarray(found / np.linalg.norm(found))


def _centered(points: Array) -> tuple[Array, Array]:
    """A similarity that brings points to the origin and to a mean distance of sqrt(2), and these points."""
    middle = points.mean(0)
    scale = math.sqrt(2) / max(float(np.hypot(*(points - middle).T).mean()), 1e-12)
    return np.array([[scale, 0, -scale * middle[0]], [0, scale, -scale * middle[1]], [0, 0, 1]]), (
        points - middle
    ) * scale


def project(matrix: NDArray[Any], points: NDArray[Any]) -> Array:
    """Points (..., 2) through a projective or affine map (3, 3)."""
    mapped = points @ matrix[:, :2].T + matrix[:, 2]
    return np.asarray(mapped[..., :2] / mapped[..., 2:])


def picture_size(raw: RawImage) -> PictureSize:
    """The size of the picture that `develop` makes of a raw image."""
    aspect, _ = frame.plausible_aspect(raw.pixel_aspect)
    height, width = frame.target_size(*raw.crop.shape, aspect=aspect, longest=None)
    return PictureSize(height, width) if raw.orientation > 4 else PictureSize(width, height)


def picture_to_mosaic(raw: RawImage) -> Array:
    """The affine map (3, 3) from x, y of the picture to column, row of the whole array.

    >>> raw = RawImage(mosaic=np.zeros((4, 6), np.uint16), cfa="RGGB", orientation=6)
    >>> project(picture_to_mosaic(raw), np.array([0.0, 0.0])).tolist()      # the picture's top left: bottom left
    [0.0, 3.0]
    """
    size = picture_size(raw)
    # Where three pixels of the picture come from: `orient` on an array of each stored pixel's own place.
    stored = (size.width, size.height) if raw.orientation > 4 else (size.height, size.width)
    corners = frame.orient(np.moveaxis(np.indices((2, 2)), 0, -1), raw.orientation)[..., ::-1]
    ends = corners * (np.array(stored[::-1]) - 1.0)  # x, y in the stored, stretched picture
    origin = ends[0, 0]
    across = (ends[0, 1] - origin) / max(size.width - 1, 1)
    down = (ends[1, 0] - origin) / max(size.height - 1, 1)
    upright = np.array([[across[0], down[0], origin[0]], [across[1], down[1], origin[1]], [0, 0, 1]])
    scale = np.array([raw.crop.width / stored[1], raw.crop.height / stored[0]])
    shift = scale / 2 - 0.5 + (raw.crop.left, raw.crop.top)
    stretched = np.array([[scale[0], 0, shift[0]], [0, scale[1], shift[1]], [0, 0, 1]])
    return np.asarray(stretched @ upright)


def doubts(raw: RawImage) -> list[str]:
    """What in a file moves pixels of the picture and is not followed here, one line each."""
    try:
        found = opcode_bytes.parse(raw.opcode_list_3, shape=raw.active.shape)
    except ValueError as error:
        return [f"opcode list 3: {error}"]
    warps = (opcodes.WarpRectilinear, opcodes.WarpRectilinear2, opcodes.WarpFisheye)
    if any(isinstance(one, warps) for one in found):
        return [
            "the file's lens correction moves pixels; corners count in the picture without it (--no-lens)"
        ]
    return []


def sample(raw: RawImage, target: Target, corners: Array) -> Samples:
    """The mean of each color's photosites in the middle of each patch.

    Args:
        raw: a mosaic of R, G and B, or a linear file.
        target: the kind of chart.
        corners: (4, 2) x, y of the centers of the patches at the chart's corners in the picture, clockwise from
            the first as the chart is read.

    Raises:
        ValueError: the colors are not R, G and B; the corners are no quadrilateral, lie outside or so close that a
            patch holds too few photosites.
    """
    check_colors(raw)
    corners = np.asarray(corners, np.float64)
    _check_corners(corners, raw)
    to_picture = homography(target.corner_centers, corners)
    to_mosaic = picture_to_mosaic(raw) @ to_picture
    channel, black, scale, top = _positions(raw)
    found = []
    for center in target.centers:
        values, color, saturated = _inside(
            raw, to_mosaic, center, target.sampled, (channel, black, scale, top)
        )
        groups = [values[color == index] for index in range(3)]
        if min(map(len, groups)) < _FEWEST:
            raise ValueError(
                f"the patch around x,y {_shown(project(to_picture, center))} has {min(map(len, groups))} photosites "
                f"of a color, {_FEWEST} are the fewest; give corners of a chart that fills more of the picture"
            )
        found.append(
            ([g.mean() for g in groups], [g.std() for g in groups], saturated.mean(), [*map(len, groups)])
        )
    signal, deviation, clipped, counts = (np.array(one) for one in zip(*found, strict=True))
    return Samples(signal, deviation, clipped, counts, corners)


def check_colors(raw: RawImage) -> None:
    """A ValueError unless the colors are R, G and B."""
    if raw.colors != "RGB":
        raise ValueError(f"a color matrix is fitted to the colors R, G and B, got {','.join(raw.colors)}")


def _check_corners(corners: Array, raw: RawImage) -> None:
    size = picture_size(raw)
    inside = (
        ((corners >= -0.5) & (corners <= np.array(size) - 0.5)).all() if corners.shape == (4, 2) else False
    )
    if not inside:
        shown = " ".join(_shown(corner) for corner in np.atleast_2d(corners))
        raise ValueError(
            f"four corners x,y lie within the picture of {size.width} x {size.height}, got {shown}"
        )
    edges = np.roll(corners, -1, axis=0) - corners
    after = np.roll(edges, -1, axis=0)
    turns = edges[:, 0] * after[:, 1] - edges[:, 1] * after[:, 0]
    if not (turns > 0).all():
        raise ValueError(
            f"corners go clockwise around the chart, got {' '.join(map(_shown, corners))}; start at its first patch"
        )


def _shown(point: Array) -> str:
    return ",".join(f"{value:.6g}" for value in point)


def _positions(raw: RawImage) -> tuple[NDArray[np.intp], Array, Array, Array]:
    """Channel, black, one over the range, and the DN of saturation of each position of a cell; (1, 1, 3) if linear."""
    top = raw.black_level + NEAR_SATURATION * (raw.plateau - raw.black_level)
    cells = raw.black_level, 1 / (raw.white_level - raw.black_level), top
    if raw.linear is not None:
        black, scale, top = (cell.reshape(1, 1, 3) for cell in cells)
        return np.arange(3).reshape(1, 1, 3), black, scale, top
    channel = cfa_cell.indices(raw.cfa)
    rows, columns = (math.lcm(*sides) for sides in zip(channel.shape, raw.black_level.shape, strict=True))
    y, x = np.indices((rows, columns))
    tiled = [cell[y % cell.shape[0], x % cell.shape[1]] for cell in (channel, *cells)]
    return tiled[0], tiled[1], tiled[2], tiled[3]


def _inside(
    raw: RawImage,
    to_mosaic: Array,
    center: Array,
    side: float,
    cells: tuple[NDArray[np.intp], Array, Array, Array],
) -> tuple[Array, NDArray[np.intp], NDArray[np.bool_]]:
    """Signal, channel and saturation of the photosites in a square of the chart."""
    square = center + side / 2 * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    quad = project(to_mosaic, square)
    area, (left, top) = raw.active, np.floor(quad.min(0)).astype(int)
    left, top = max(left, area.left), max(top, area.top)
    right, bottom = np.minimum(np.ceil(quad.max(0)).astype(int) + 1, (area.right, area.bottom))
    y, x = np.mgrid[top:bottom, left:right]
    own = project(np.linalg.inv(to_mosaic), np.stack([x, y], axis=-1).astype(np.float64))
    within = (abs(own - center) <= side / 2).all(-1)
    y, x = y[within], x[within]
    values = raw.data[y, x].astype(np.float64)
    channel, black, scale, saturation = (cell[y % cell.shape[0], x % cell.shape[1]] for cell in cells)
    signal = (values - black) * scale
    saturated = values >= saturation
    return signal.ravel(), np.broadcast_to(channel, values.shape).ravel(), saturated.ravel()
