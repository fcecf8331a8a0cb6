"""A small picture of a mosaic in which to look for things: means of each color over blocks of the CFA's cells."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepisp.calibrate.charts import patches
from deepisp.raw.image import RawImage
from deepisp.sensor import cfa as cfa_cell

Array = NDArray[np.float64]
_SIDE = 900  # blocks or fewer along the longer side: a patch of a chart that fills a quarter is 30 wide


@dataclass(frozen=True)
class Planes:
    """Means of blocks.

    Attributes:
        signal: (C, H, W), black 0 and white 1.
        to_picture: affine map (3, 3) from x, y in blocks, 0 the center of the first, to x, y of the picture.
    """

    signal: Array
    to_picture: Array

    def holds(self, points: Array) -> NDArray[np.bool_]:
        """Whether points of the picture (..., 2) lie within."""
        own = patches.project(np.linalg.inv(self.to_picture), points)
        height, width = self.signal.shape[1:]
        return np.asarray(((own >= 0) & (own <= (width - 1, height - 1))).all(-1))

    def at(self, points: Array, reach: float) -> Array:
        """Mean colors of points (N, 2) of the picture: (N, C), each over a square of `reach` pixels each way."""
        own = patches.project(np.linalg.inv(self.to_picture), points)
        scale = math.sqrt(abs(np.linalg.det(self.to_picture[:2, :2])))
        around = np.arange(-1, 2) * reach / scale
        x = own[:, 0, None, None] + around
        y = own[:, 1, None, None] + around[:, None]
        height, width = self.signal.shape[1:]
        columns, rows = (
            np.clip(np.rint(one), 0, size - 1).astype(int) for one, size in ((x, width), (y, height))
        )
        return np.asarray(self.signal[:, rows, columns].mean((2, 3)).T)


def planes(raw: RawImage) -> Planes:
    """The picture's crop in blocks of whole cells, cut at the right and the bottom where a block is not whole."""
    side = 1 if raw.linear is not None else cfa_cell.side(raw.cfa)
    if raw.linear is None:
        side = math.lcm(side, *raw.black_level.shape)
    top, left = (-(-start // side) * side for start in raw.crop[:2])
    rows, columns = (raw.crop.bottom - top) // side, (raw.crop.right - left) // side
    step = max(1, math.ceil(max(rows, columns) / _SIDE))
    rows, columns, n = rows // step, columns // step, side * step
    values = raw.data[top : top + rows * n, left : left + columns * n].astype(np.float32)
    if raw.linear is not None:
        signal = (values - raw.black_level) / (raw.white_level - raw.black_level)
        means = signal.reshape(rows, n, columns, n, 3).mean((1, 3)).transpose(2, 0, 1)
    else:
        black, white, channel = (
            np.tile(cell, (n // cell.shape[0], n // cell.shape[1]))
            for cell in (raw.black_level, raw.white_level, cfa_cell.indices(raw.cfa))
        )
        blocks = values.reshape(rows, n, columns, n).swapaxes(1, 2)
        means = np.stack(
            [
                (
                    (blocks[:, :, channel == index] - black[channel == index])
                    / (white - black)[channel == index]
                ).mean(-1)
                for index in range(len(raw.colors))
            ]
        )
    to_array = np.array([[n, 0, left + (n - 1) / 2], [0, n, top + (n - 1) / 2], [0, 0, 1]])
    return Planes(means.astype(np.float64), np.linalg.inv(patches.picture_to_mosaic(raw)) @ to_array)
