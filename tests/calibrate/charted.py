"""Raw images of a chart, made from a known matrix: the picture is painted upright, then laid on the sensor."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepisp import spaces
from deepisp.calibrate.charts import chart
from deepisp.develop import frame
from deepisp.raw.image import Area, ColorCalibration, RawImage

NEUTRAL = np.array([0.5, 1.0, 0.6])
# Balanced camera to XYZ of D50: each row adds up to the white.
FORWARD = np.array([[0.66, 0.24, 0.0642], [0.25, 0.85, -0.10], [0.03, -0.12, 0.9152]])
FORWARD[:, 2] += spaces.xyz(spaces.D50) - FORWARD.sum(1)
BLACK, WHITE = 256, 16383


def corners(shape: tuple[int, int], turn: float = 0.0, size: float = 0.32) -> NDArray[np.float64]:
    """A quadrilateral in the middle of a picture, a little in perspective, turned by degrees."""
    height, width = shape
    x, y = size * width, size * width * 0.6
    quad = np.array([(-x, -y), (x, -0.94 * y), (1.03 * x, y), (-0.98 * x, 1.02 * y)])
    angle = np.radians(turn)
    turned = quad @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.asarray(turned + np.array([(width - 1) / 2, (height - 1) / 2]))


def colors(name: chart.Name = "classic", exposure: float = 0.7) -> NDArray[np.float64]:
    """Camera RGB of a chart's patches, not balanced, (N, 3)."""
    return np.asarray(exposure * (chart.reference(name).xyz @ np.linalg.inv(FORWARD).T) * NEUTRAL)


def paint(
    shape: tuple[int, int], at: NDArray[np.float64], seen: NDArray[np.float64], name: chart.Name = "classic"
) -> NDArray[np.float64]:
    """An upright picture (H, W, 3) of a chart on gray, patches 0.86 of their distance wide on a black card."""
    target = chart.target(name)
    y, x = np.indices(shape)
    # The inverse homography from four points, as eight linear equations: not the code under test.
    rows, right = [], []
    for (u, v), (px, py) in zip(target.corner_centers, at, strict=True):
        rows += [[px, py, 1, 0, 0, 0, -u * px, -u * py], [0, 0, 0, px, py, 1, -v * px, -v * py]]
        right += [u, v]
    a, b, c, d, e, f, g, h = np.linalg.solve(np.array(rows), np.array(right))
    below = g * x + h * y + 1
    u, v = (a * x + b * y + c) / below, (d * x + e * y + f) / below
    picture = np.empty((*shape, 3))
    picture[:] = 0.4 * NEUTRAL
    card = (abs(u - (target.columns - 1) / 2) < target.columns / 2 + 0.1) & (
        abs(v - (target.rows - 1) / 2) < target.rows / 2 + 0.1
    )
    picture[card] = 0.01 * NEUTRAL
    column, row = np.rint(u).astype(int), np.rint(v).astype(int)
    patch = (abs(u - column) < 0.43) & (abs(v - row) < 0.43)
    patch &= (column >= 0) & (column < target.columns) & (row >= 0) & (row < target.rows)
    picture[patch] = seen[(row * target.columns + column)[patch]]
    return picture


def raw(
    picture: NDArray[np.float64], *, orientation: int = 1, noise: float = 0.0, **changes: Any
) -> RawImage:
    """The raw image whose development shows this picture: a border of 6 rows and 10 columns is not shown."""
    height, width = picture.shape[:2]
    stored_shape = (width, height) if orientation > 4 else (height, width)
    places = frame.orient(np.moveaxis(np.indices(stored_shape), 0, -1), orientation)
    stored = np.empty((*stored_shape, 3))
    stored[places[..., 0], places[..., 1]] = picture
    stored = np.pad(stored, ((6, 6), (10, 10), (0, 0)), mode="edge")
    stored += np.random.default_rng(0).normal(0, noise, stored.shape) if noise else 0
    mosaic = np.empty(stored.shape[:2])
    for (row, column), color in {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 2}.items():
        mosaic[row::2, column::2] = stored[row::2, column::2, color]
    dn = np.clip(np.rint(mosaic * (WHITE - BLACK) + BLACK), 0, WHITE).astype(np.uint16)
    made = RawImage(
        mosaic=dn,
        cfa="RGGB",
        black_level=np.full((2, 2), float(BLACK)),
        white_level=np.full((2, 2), float(WHITE)),
        default_crop=Area(6, 10, dn.shape[0] - 6, dn.shape[1] - 10),
        orientation=orientation,
        as_shot_neutral=NEUTRAL,
        calibrations=(ColorCalibration(np.diag(NEUTRAL) @ np.linalg.inv(FORWARD), illuminant=23),),
        maker="Acme",
        model="One",
    )
    return replace(made, **changes)
