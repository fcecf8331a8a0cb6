"""Gains of a list that no coarse grid can say: one for each line, or of a part of the picture.

Computed for a few rows at a time, by the same formulas as `lens.apply_exact`; `shading.GainGrid` is the quick way.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepisp.develop.shading import gain_at
from deepisp.raw import opcodes as dng

GAINS = (dng.GainMap, dng.FixVignetteRadial, dng.ScalePerRow, dng.ScalePerColumn)
Gain = dng.GainMap | dng.FixVignetteRadial | dng.ScalePerRow | dng.ScalePerColumn


@dataclass(frozen=True)
class ExactGains:
    """The product of gains at each photosite. Rows and columns count from the corner of the active area.

    Attributes:
        opcodes: of list 2.
        shape: rows and columns of the active area.
        side: rows of the CFA's cell.
        planes: 1 for a mosaic, 3 for a linear file.
        pixel_aspect: width of a pixel over its height as displayed.
    """

    opcodes: tuple[Gain, ...]
    shape: tuple[int, int]
    side: int
    planes: int = 1
    pixel_aspect: float = 1.0

    def at(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float32]:
        """Gains of photosites, (len(rows), len(columns)); of a linear file (3, len(rows), len(columns))."""
        out = np.ones((self.planes, len(rows), len(columns)))
        # Coefficients of a hostile file may multiply beyond float32: infinite, not a warning.
        with np.errstate(over="ignore", invalid="ignore"):
            for opcode in self.opcodes:
                self._lay(opcode, rows, columns, out)
            found = out.astype(np.float32)
        return found if self.planes > 1 else found[0]

    def lowest(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float32]:
        """The least gain in the cell around each photosite, (len(rows), len(columns)), as `GainGrid.lowest`."""
        down, right = (
            np.minimum(at // self.side * self.side + np.arange(self.side)[:, None], size - 1)
            for at, size in zip((rows, columns), self.shape, strict=True)
        )  # (side, N), the cell's rows, and its columns
        all_rows, all_columns = np.unique(down), np.unique(right)
        gains = self.at(all_rows, all_columns)
        gains = gains.min(0) if self.planes > 1 else gains
        gains = gains[np.searchsorted(all_rows, down)].min(0)
        return np.asarray(gains[:, np.searchsorted(all_columns, right)].min(1))

    def _lay(
        self, opcode: Gain, rows: NDArray[np.intp], columns: NDArray[np.intp], out: NDArray[np.float64]
    ) -> None:
        """Multiply `out` by one opcode's gains where it touches."""
        if isinstance(opcode, dng.FixVignetteRadial):
            region = dng.Region(0, 0, *self.shape, 0, self.planes)
        else:
            region = opcode.region
        down, right = rows - region.top, columns - region.left
        is_row = (down >= 0) & (rows < region.bottom) & (down % region.row_pitch == 0)
        is_column = (right >= 0) & (columns < region.right) & (right % region.column_pitch == 0)
        touched = np.ix_(is_row, is_column)
        for plane in range(region.plane, min(region.plane + region.planes, self.planes)):
            gain: NDArray[Any]
            match opcode:
                case dng.ScalePerRow():
                    gain = opcode.values[down[is_row] // region.row_pitch, None]
                case dng.ScalePerColumn():
                    gain = opcode.values[None, right[is_column] // region.column_pitch]
                case _:
                    gain = gain_at(
                        opcode,
                        rows[is_row],
                        columns[is_column],
                        self.shape,
                        pixel_aspect=self.pixel_aspect,
                        plane=plane,
                    )
            out[plane][touched] *= gain
