"""Bayer demosaicing on the CPU: the twins of bayer.py in numba, over bands of rows.

Every row of a Bayer mosaic alternates between one color and green. The kernels split a row into the two,

    row     C g C g C g          color  C C C        `side` is the column parity of the color: 0 here,
                                 green  g g g        1 in the next row, where green comes first

so that each inner loop runs over neighbors in memory, without a branch, and the compiler vectorizes it. The
neighbors of color[j] are green[j + side - 1] to its left, green[j + side] to its right and green[j] in the rows
above and below; those of green[j] are color[j - side], color[j + 1 - side], and color[j] above and below.
Loops start at zero, and views carry the offset: a possibly negative index keeps numba from vectorizing.

A band is `padded`, float32 (h + 2 halo, w + 2 halo), C-contiguous: h rows of the picture and, on each of its
four sides, HALO[method] photosites more, which at the picture's edge are its reflection without the edge
itself (`reflect` makes such an array of a whole picture). `red_row` and `red_column` are the parities, 0 or 1, of
the red photosites in `padded`. `out` is float32 (3, h, w), its planes C-contiguous. Nothing is clipped. What comes
out does not depend on how a picture was cut into bands, and the functions may run side by side in threads.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

HALO = {"bilinear": 2, "malvar": 2, "menon": 8}

Plane = NDArray[np.float32]

# Not all of fastmath: a NaN in a float raw keeps to its own neighborhood.
_FAST = {"contract"}
_inner = njit(nogil=True, fastmath=_FAST)
f32 = np.float32      # a plain 0.5 would turn a kernel to float64
HALF, QUARTER, EIGHTH, SIXTEENTH, SIXTH = f32(1 / 2), f32(1 / 4), f32(1 / 8), f32(1 / 16), f32(1 / 6)
_kernel = njit(cache=True, nogil=True, fastmath=_FAST)


def bilinear(padded: Plane, red_row: int, red_column: int, out: Plane) -> None:
    """Each missing color as the mean of its two or four nearest photosites, into `out`."""
    _check("bilinear", padded, out)
    _bilinear(padded, red_row, red_column, out[0], out[1], out[2])


def malvar(padded: Plane, red_row: int, red_column: int, out: Plane) -> None:
    """Linear interpolation over 5 x 5 photosites, corrected by the gradient of the present color, into `out`.

    Source: H. Malvar, L. He, R. Cutler, "High-quality linear interpolation for demosaicing of Bayer-patterned
    color images", ICASSP 2004, figure 2.
    """
    _check("malvar", padded, out)
    _malvar(padded, red_row, red_column, out[0], out[1], out[2])


def menon(padded: Plane, red_row: int, red_column: int, out: Plane) -> None:
    """Interpolation along the direction, row or column, in which color differences vary less, refined, into `out`.

    Source: D. Menon, S. Andriani, G. Calvagno, "Demosaicing with directional filtering and a posteriori
    decision", IEEE Trans. Image Processing 16(1), 2007. See bayer.menon for how it is written here.
    """
    _check("menon", padded, out)
    _menon(padded, red_row, red_column, out[0], out[1], out[2])


def reflect(mosaic: Plane, halo: int) -> Plane:
    """`mosaic` with `halo` more photosites on each side, reflected without the edge, so that the CFA goes on.

    >>> reflect(np.array([[1, 2], [3, 4]], np.float32), 2)[2].tolist()
    [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]
    """
    return np.pad(mosaic, halo, mode="reflect")


def _check(method: str, padded: Plane, out: Plane) -> None:
    halo = HALO[method]
    shape = (3, padded.shape[0] - 2 * halo, padded.shape[1] - 2 * halo)
    if out.shape != shape or min(shape) < 1 or padded.dtype != np.float32 or out.dtype != np.float32:
        raise ValueError(
            f"{method} wants float32 (h + {2 * halo}, w + {2 * halo}) and fills float32 (3, h, w), got "
            f"{padded.dtype} {padded.shape} and {out.dtype} {out.shape}; pad the band by HALO[{method!r}] = {halo}"
        )
    if not (padded.flags.c_contiguous and out[0].flags.c_contiguous):
        raise ValueError(
            f"{method} wants the rows of padded and of each plane of out to follow one another in memory; "
            "cut bands by rows only, or copy with np.ascontiguousarray"
        )


@_inner
def _side(y: int, red_row: int, red_column: int) -> int:
    return red_column ^ ((y ^ red_row) & 1)


@_inner
def _split(row: Plane, even: Plane, odd: Plane) -> None:
    pairs = row.size // 2
    for j in range(pairs):
        even[j] = row[2 * j]
        odd[j] = row[2 * j + 1]
    if row.size % 2:
        even[pairs] = row[2 * pairs]
        odd[pairs] = 0      # beyond the array; nothing in `out` looks that far


@_inner
def _join(color: Plane, green: Plane, side: int, row: Plane) -> None:
    even, odd = (color, green) if side == 0 else (green, color)
    pairs = row.size // 2
    for j in range(pairs):
        row[2 * j] = even[j]
        row[2 * j + 1] = odd[j]
    if row.size % 2:
        row[2 * pairs] = even[pairs]


@_inner
def _write(color: Plane, green: Plane, filled: Plane, side: int, own: Plane, full_green: Plane, other: Plane) -> None:
    """One row of `out`: the photosites themselves and what was filled in between."""
    _join(color, filled[0], side, own)
    _join(filled[1], green, side, full_green)
    _join(filled[2], filled[3], side, other)


@_kernel
def _bilinear(padded: Plane, red_row: int, red_column: int, red: Plane, green: Plane, blue: Plane) -> None:
    n = (padded.shape[1] + 1) // 2
    rows = np.empty((4, 2, n), np.float32)      # a ring: row y lies at y & 3
    filled = np.empty((4, n - 2), np.float32)
    for last in range(1, padded.shape[0] - 1):
        _split(padded[last], rows[last & 3, 0], rows[last & 3, 1])
        y = last - 1
        if y < 2:
            continue
        side = _side(y, red_row, red_column)
        _bilinear_row(rows[(y - 1) & 3], rows[y & 3], rows[(y + 1) & 3], side, filled)
        own, other = (red, blue) if (y ^ red_row) & 1 == 0 else (blue, red)
        here = rows[y & 3]
        _write(here[side][1:], here[1 - side][1:], filled, side, own[y - 2], green[y - 2], other[y - 2])


@_inner
def _bilinear_row(up: Plane, here: Plane, down: Plane, side: int, filled: Plane) -> None:
    color, green = here[side][1 - side :], here[1 - side][side:]
    green_up, green_down = up[side], down[side]
    other_up, other_down = up[1 - side], down[1 - side]
    corner_up, corner_down = other_up[side:], other_down[side:]
    own_at_green, green_at_color, other_at_color, other_at_green = filled[0], filled[1], filled[2], filled[3]
    for j in range(own_at_green.size):
        own_at_green[j] = HALF * (color[j] + color[j + 1])
        other_at_green[j] = HALF * (other_up[j + 1] + other_down[j + 1])
        green_at_color[j] = QUARTER * (green[j] + green[j + 1] + green_up[j + 1] + green_down[j + 1])
        other_at_color[j] = QUARTER * (corner_up[j] + corner_up[j + 1] + corner_down[j] + corner_down[j + 1])


@_kernel
def _malvar(padded: Plane, red_row: int, red_column: int, red: Plane, green: Plane, blue: Plane) -> None:
    n = (padded.shape[1] + 1) // 2
    rows = np.empty((8, 2, n), np.float32)      # a ring: row y lies at y & 7
    filled = np.empty((4, n - 2), np.float32)
    for last in range(padded.shape[0]):
        _split(padded[last], rows[last & 7, 0], rows[last & 7, 1])
        y = last - 2
        if y < 2:
            continue
        side = _side(y, red_row, red_column)
        _malvar_at_color(rows, y, side, filled[1], filled[2])
        _malvar_at_green(rows, y, side, filled[0], filled[3])
        own, other = (red, blue) if (y ^ red_row) & 1 == 0 else (blue, red)
        here = rows[y & 7]
        _write(here[side][1:], here[1 - side][1:], filled, side, own[y - 2], green[y - 2], other[y - 2])


@_inner
def _malvar_at_color(rows: Plane, y: int, side: int, green_at_color: Plane, other_at_color: Plane) -> None:
    color, above, below = rows[y & 7, side], rows[(y - 2) & 7, side], rows[(y + 2) & 7, side]
    green, green_up, green_down = rows[y & 7, 1 - side][side:], rows[(y - 1) & 7, side], rows[(y + 1) & 7, side]
    corner_up, corner_down = rows[(y - 1) & 7, 1 - side][side:], rows[(y + 1) & 7, 1 - side][side:]
    for j in range(green_at_color.size):
        far = color[j] + color[j + 2] + above[j + 1] + below[j + 1]
        near = green[j] + green[j + 1] + green_up[j + 1] + green_down[j + 1]
        corners = corner_up[j] + corner_up[j + 1] + corner_down[j] + corner_down[j + 1]
        green_at_color[j] = HALF * color[j + 1] + QUARTER * near - EIGHTH * far
        other_at_color[j] = f32(6 / 8) * color[j + 1] + QUARTER * corners - f32(3 / 16) * far


@_inner
def _malvar_at_green(rows: Plane, y: int, side: int, own_at_green: Plane, other_at_green: Plane) -> None:
    green, above, below = rows[y & 7, 1 - side], rows[(y - 2) & 7, 1 - side], rows[(y + 2) & 7, 1 - side]
    corner_up, corner_down = rows[(y - 1) & 7, side][1 - side :], rows[(y + 1) & 7, side][1 - side :]
    color, other_up, other_down = rows[y & 7, side][1 - side :], rows[(y - 1) & 7, 1 - side], rows[(y + 1) & 7, 1 - side]
    for j in range(own_at_green.size):
        corners = corner_up[j] + corner_up[j + 1] + corner_down[j] + corner_down[j + 1]
        same = f32(5 / 8) * green[j + 1] - EIGHTH * corners
        row, column = green[j] + green[j + 2], above[j + 1] + below[j + 1]
        own_at_green[j] = same + HALF * (color[j] + color[j + 1]) - EIGHTH * row + SIXTEENTH * column
        other_at_green[j] = same + HALF * (other_up[j + 1] + other_down[j + 1]) - EIGHTH * column + SIXTEENTH * row


@_kernel
def _menon(padded: Plane, red_row: int, red_column: int, red: Plane, green: Plane, blue: Plane) -> None:
    n = (padded.shape[1] + 1) // 2
    rows = np.zeros((16, 2, n), np.float32)      # rings: row y lies at y & 15, or y & 7
    rings = np.zeros((8, 8, n), np.float32)
    by_row, by_column, row_step, column_step = rings[0], rings[1], rings[2], rings[3]
    is_row, difference, other_color, refined = rings[4], rings[5], rings[6], rings[7]
    filled = np.empty((4, n - 8), np.float32)
    for last in range(padded.shape[0]):
        # Each step lags behind the one before by the rows it looks ahead; until `out` is reached, rows that
        # are not there yet are zero, and what comes of them is overwritten before it is used.
        _split(padded[last], rows[last & 15, 0], rows[last & 15, 1])
        y = last - 2
        _differences(rows, y, _side(y, red_row, red_column), by_row[y & 7], by_column[y & 7])
        _steps(by_row[y & 7], by_column[(y - 2) & 7], by_column[y & 7], row_step[y & 7], column_step[y & 7])
        y = last - 4
        _choose(row_step, column_step, y, _side(y, red_row, red_column), is_row[y & 7])
        _take(is_row[y & 7], by_row[y & 7], by_column[y & 7], difference[y & 7])
        y = last - 6
        _refine(is_row[y & 7], difference, y, _side(y, red_row, red_column), refined[y & 7], other_color[y & 7])
        y = last - 8
        if y < 8:
            continue
        side = _side(y, red_row, red_column)
        here = rows[y & 15]
        _fill(here[side], here[1 - side], is_row[y & 7], refined, other_color[y & 7], y, side, filled)
        own, other = (red, blue) if (y ^ red_row) & 1 == 0 else (blue, red)
        _write(here[side][4:], here[1 - side][4:], filled, side, own[y - 8], green[y - 8], other[y - 8])


@_inner
def _differences(rows: Plane, y: int, side: int, by_row: Plane, by_column: Plane) -> None:
    """Color minus green at color sites, green interpolated along the row and along the column (the paper's 1 and 2)."""
    color, above, below = rows[y & 15, side], rows[(y - 2) & 15, side], rows[(y + 2) & 15, side]
    green, up, down = rows[y & 15, 1 - side][side:], rows[(y - 1) & 15, side], rows[(y + 1) & 15, side]
    for j in range(color.size - 2):
        half = HALF * color[j + 1]
        by_row[j + 1] = half - HALF * (green[j] + green[j + 1]) + QUARTER * (color[j] + color[j + 2])
        by_column[j + 1] = half - HALF * (up[j + 1] + down[j + 1]) + QUARTER * (above[j + 1] + below[j + 1])


@_inner
def _steps(by_row: Plane, by_column_above: Plane, by_column: Plane, row_step: Plane, column_step: Plane) -> None:
    for j in range(by_row.size - 1):
        row_step[j] = abs(by_row[j] - by_row[j + 1])
        column_step[j] = abs(by_column_above[j] - by_column[j])


@_inner
def _choose(row_step: Plane, column_step: Plane, y: int, side: int, is_row: Plane) -> None:
    above, here, below = row_step[(y - 2) & 7], row_step[y & 7], row_step[(y + 2) & 7]
    up, down = row_step[(y - 1) & 7][side:], row_step[(y + 1) & 7][side:]
    before, between, after = column_step[y & 7], column_step[(y + 1) & 7][side:], column_step[(y + 2) & 7]
    for j in range(is_row.size - 4):
        row = f32(3) * (here[j + 1] + here[j + 2]) + above[j + 1] + above[j + 2] + below[j + 1] + below[j + 2]
        row += up[j + 1] + down[j + 1]
        column = f32(3) * (before[j + 2] + after[j + 2]) + before[j + 1] + before[j + 3] + after[j + 1] + after[j + 3]
        column += between[j + 1] + between[j + 2]
        is_row[j + 2] = column - row


@_inner
def _take(is_row: Plane, by_row: Plane, by_column: Plane, difference: Plane) -> None:
    for j in range(is_row.size):
        difference[j] = by_row[j] if is_row[j] >= 0 else by_column[j]


@_inner
def _refine(is_row: Plane, difference: Plane, y: int, side: int, refined: Plane, other_color: Plane) -> None:
    above, here, below = difference[(y - 2) & 7], difference[y & 7], difference[(y + 2) & 7]
    up, down = difference[(y - 1) & 7][side:], difference[(y + 1) & 7][side:]
    for j in range(refined.size - 2):
        ends = here[j] + here[j + 2] if is_row[j + 1] >= 0 else above[j + 1] + below[j + 1]
        refined[j + 1] = SIXTH * ends + f32(4 / 6) * here[j + 1]
        other_color[j + 1] = QUARTER * (up[j] + up[j + 1] + down[j] + down[j + 1] - ends) - HALF * here[j + 1]


@_inner
def _fill(
    color: Plane, green: Plane, is_row: Plane, refined: Plane, other_color: Plane, y: int, side: int, filled: Plane
) -> None:
    above, here, below = refined[(y - 2) & 7], refined[y & 7], refined[(y + 2) & 7]
    up, down, beside = refined[(y - 1) & 7], refined[(y + 1) & 7], here[1 - side :]
    corner_up, corner_down = up[side:], down[side:]
    own_at_green, green_at_color, other_at_color, other_at_green = filled[0], filled[1], filled[2], filled[3]
    for j in range(own_at_green.size):
        ends = here[j + 3] + here[j + 5] if is_row[j + 4] >= 0 else above[j + 4] + below[j + 4]
        corners = corner_up[j + 3] + corner_up[j + 4] + corner_down[j + 3] + corner_down[j + 4]
        other = QUARTER * (corners - ends) - HALF * here[j + 4]
        own_at_green[j] = green[j + 4] + HALF * (beside[j + 3] + beside[j + 4])
        other_at_green[j] = green[j + 4] + HALF * (up[j + 4] + down[j + 4])
        green_at_color[j] = color[j + 4] - here[j + 4]
        other_at_color[j] = color[j + 4] + f32(2 / 3) * other + f32(1 / 3) * other_color[j + 4]
