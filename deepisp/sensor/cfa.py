"""The color filter array (CFA): which color each photosite sees.

`cfa` is the text of the square cell whose top-left corner lies on mosaic[0, 0], row by row:

    "RGGB"    R G      "RRGGRRGGGGBBGGBB"    R R G G      "W"   no filter: every photosite sees all light
              G B      (quad-Bayer)          R R G G
                                             G G B B
                                             G G B B

X-Trans is a cell of 36 letters. Letters: R, G, B; C, M, Y; W for white (no filter).
"""

import math
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

Value = TypeVar("Value", bound=np.generic)
Kind = Literal["bayer", "xtrans", "quad", "four-color", "mono", "other"]

BAYER = ("RGGB", "GRBG", "GBRG", "BGGR")
WHOLE = 24  # photosites in which every cell that is made fits whole: sides of 1, 2, 3, 4, 6, 8 and 12
LETTERS = "RGBCMYW"  # the order of DNG's CFAPlaneColor codes, DNG 1.7.1 tag 50710
XTRANS = "GBGGRGRGRBGBGBGGRGGRGGBGBGBRGRGRGGBG"  # X-Trans I to V, as in Fujifilm X-Pro1 files


def side(cfa: str) -> int:
    """Rows (= columns) of the cell.

    Raises:
        ValueError: the text is no square cell of known letters, or of a side that no sensor has.

    >>> side("RGGB"), side(XTRANS), side("W")
    (2, 6, 1)
    """
    n = math.isqrt(len(cfa))
    if n < 1 or n * n != len(cfa) or WHOLE % n or set(cfa) - set(LETTERS):
        raise ValueError(
            f"a CFA is a square cell of the letters {LETTERS}, row by row, got {cfa!r}; write for example RGGB"
        )
    return n


def cell(cfa: str) -> NDArray[np.str_]:
    """The cell as an array of letters, (side, side)."""
    n = side(cfa)
    return np.array(list(cfa)).reshape(n, n)


def text(letters: NDArray[np.str_]) -> str:
    """The text of an array of letters: the twin of `cell`."""
    return "".join(letters.ravel().tolist())


def shift(cfa: str, rows: int, columns: int) -> str:
    """The cell seen from the photosite `rows` below and `columns` right of the present origin.

    >>> shift("RGGB", 0, 1), shift("RGGB", 1, 0), shift("RGGB", 1, 1)
    ('GRBG', 'GBRG', 'BGGR')
    """
    return text(np.roll(cell(cfa), (-rows, -columns), axis=(0, 1)))


def colors(cfa: str) -> str:
    """The colors of the channels, in the order in which matrices and gains name them.

    R, G, B where all three are present; otherwise in the order of `LETTERS`.

    >>> colors("BGGR"), colors("GMCY"), colors("W")
    ('RGB', 'GCMY', 'W')
    """
    return "".join(letter for letter in LETTERS if letter in cfa)


def indices(cfa: str) -> NDArray[np.intp]:
    """The channel, as an index into `colors`, of each position of the cell, (side, side).

    >>> indices("GRBG").tolist()
    [[1, 0], [2, 1]]
    """
    order = colors(cfa)
    return np.array([order.index(letter) for letter in cfa]).reshape(side(cfa), side(cfa))


def tiled(values: NDArray[Value], height: int, width: int) -> NDArray[Value]:
    """Values of a cell of any size, repeated over `height` rows and `width` columns.

    >>> tiled(np.array([[1, 2], [3, 4]]), 3, 3).tolist()
    [[1, 2, 1], [3, 4, 3], [1, 2, 1]]
    """
    rows, columns = values.shape
    return np.tile(values, (-(-height // rows), -(-width // columns)))[:height, :width]


def kind(cfa: str) -> Kind:
    """The family that decides how the mosaic is demosaiced."""
    if set(cfa) == {"W"}:
        return "mono"
    if cfa in BAYER:
        return "bayer"
    if side(cfa) == 6 and any(
        shift(cfa, r, c) in (XTRANS, text(cell(XTRANS).T)) for r in range(6) for c in range(6)
    ):
        return "xtrans"
    if side(cfa) == 4 and any(_is_quad(shift(cfa, r, c)) for r in range(2) for c in range(2)):
        return "quad"
    return "four-color" if len(colors(cfa)) == 4 and side(cfa) == 2 else "other"


def _is_quad(cfa: str) -> bool:
    blocks = cell(cfa).reshape(2, 2, 2, 2).swapaxes(1, 2).reshape(4, 4)
    return bool((blocks == blocks[:, :1]).all()) and "".join(blocks[:, 0].tolist()) in BAYER
