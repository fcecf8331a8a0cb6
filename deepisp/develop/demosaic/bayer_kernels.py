"""Bayer demosaicing on the CPU: the twins of bayer.py in numba, over bands of rows.

Every row of a Bayer mosaic alternates between one color and green. The kernels split a row into the two,

    row     C g C g C g          color  C C C        `side` is the column parity of the color: 0 here,
                                 green  g g g        1 in the next row, where green comes first

so that each inner loop runs over neighbors in memory, without a branch, and the compiler vectorizes it. Beside
color[j] lie green[j + side - 1] and green[j + side]; above and below it green[j] of the next rows. Beside
green[j] lie color[j - side] and color[j + 1 - side]; above and below it color[j], the other color. So lie the
corners: the other color's [j + side - 1] and [j + side] around color[j].
Loops start at zero and views carry the offset: an index that might be negative keeps numba from vectorizing.

A band is `padded`, float32 (h + 2 halo, w + 2 halo), C-contiguous: h rows of the picture and, on each of its
four sides, HALO[method] photosites more, which at the picture's edge are its reflection without the edge
itself (`reflect` pads a whole picture). `red_row` and `red_column` are the parities, 0 or 1, of the red
photosites in `padded`. `out` is float32 (3, h, w), each plane C-contiguous. Nothing is clipped. What comes out
does not depend on how a picture was cut into bands, and the functions may run side by side in threads.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepisp.develop import compiled

HALO = {"bilinear": 2, "malvar": 2, "menon": 8}

Plane = NDArray[np.float32]
Planes = tuple[Plane, Plane, Plane]
Rings = tuple[Plane, ...]

OWN_AT_GREEN, OTHER_AT_GREEN, GREEN_AT_COLOR, OTHER_AT_COLOR = range(4)
BY_ROW, BY_COLUMN, ROW_STEP, COLUMN_STEP, ROW_LEAD, DIFFERENCE, REFINED, OTHER = range(8)

f32 = np.float32  # a plain 0.5 would carry a kernel over to float64
# Of fastmath only the fused multiply-add: the rest gained nothing measurable (under 5 %), and would make a sum
# depend on how the compiler cuts a row.
_inner = njit(nogil=True, fastmath={"contract"})
_kernel = compiled.kernel(fastmath={"contract"})


def bilinear(padded: Plane, red_row: int, red_column: int, out: Plane) -> None:
    """Each missing color as the mean of its two or four nearest photosites, into `out`."""
    _check("bilinear", padded, out)
    _bilinear(padded, red_row, red_column, (out[0], out[1], out[2]))


def malvar(padded: Plane, red_row: int, red_column: int, out: Plane) -> None:
    """Linear interpolation over 5 x 5 photosites, corrected by the gradient of the present color, into `out`.

    Source: Malvar, He and Cutler, ICASSP 2004, as in bayer.malvar.
    """
    _check("malvar", padded, out)
    _malvar(padded, red_row, red_column, (out[0], out[1], out[2]))


def menon(padded: Plane, red_row: int, red_column: int, out: Plane) -> None:
    """Interpolation along the row or column, whichever lets color differences change less, refined, into `out`.

    Source: Menon, Andriani and Calvagno, IEEE TIP 2007; bayer.menon says how its formulas were put together.
    """
    _check("menon", padded, out)
    _menon(padded, red_row, red_column, (out[0], out[1], out[2]))


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
        raise ValueError(f"{method} wants padded and each plane of out C-contiguous; cut bands by rows only")


@_inner
def _side(y: int, red_row: int, red_column: int) -> int:
    return red_column ^ ((y ^ red_row) & 1)


@_inner
def _split(row: Plane, halves: Plane) -> None:
    """The even columns to halves[0], the odd ones to halves[1]."""
    even, odd = halves[0], halves[1]
    pairs = row.size // 2
    for j in range(pairs):
        even[j] = row[2 * j]
        odd[j] = row[2 * j + 1]
    if row.size % 2:
        even[pairs] = row[2 * pairs]
        odd[pairs] = 0  # beyond the array; nothing in `out` looks that far


@_inner
def _join(color: Plane, green: Plane, side: int, row: Plane) -> None:
    """Values at the sites of the row's color and at those of green, back into one row."""
    even, odd = (color, green) if side == 0 else (green, color)
    pairs = row.size // 2
    for j in range(pairs):
        row[2 * j] = even[j]
        row[2 * j + 1] = odd[j]
    if row.size % 2:
        row[2 * pairs] = even[pairs]


@_inner
def _write(halves: Plane, filled: Plane, side: int, planes: Planes, y: int) -> None:
    """Row y of the row's own color, of green and of the other color: the photosites and what was filled in."""
    margin = (halves.shape[1] - filled.shape[1]) // 2
    color, green = halves[side][margin:], halves[1 - side][margin:]
    _join(color, filled[OWN_AT_GREEN], side, planes[0][y])
    _join(filled[GREEN_AT_COLOR], green, side, planes[1][y])
    _join(filled[OTHER_AT_COLOR], filled[OTHER_AT_GREEN], side, planes[2][y])


@_kernel
def _bilinear(padded: Plane, red_row: int, red_column: int, rgb: Planes) -> None:
    n = (padded.shape[1] + 1) // 2
    rows = np.zeros((8, 2, n), np.float32)  # a ring: row y is split into rows[y & 7]
    filled = np.empty((4, n - 2), np.float32)
    bgr = (rgb[2], rgb[1], rgb[0])
    for last in range(1, padded.shape[0] - 1):
        _split(padded[last], rows[last & 7])
        y = last - 1
        if y >= 2:
            side = _side(y, red_row, red_column)
            _bilinear_row(rows, y, side, filled)
            _write(rows[y & 7], filled, side, rgb if side == red_column else bgr, y - 2)


@_inner
def _bilinear_row(rows: Plane, y: int, side: int, filled: Plane) -> None:
    up, here, down = rows[(y - 1) & 7], rows[y & 7], rows[(y + 1) & 7]
    color, green = here[side][1 - side :], here[1 - side][side:]
    green_up, green_down = up[side], down[side]
    other_up, other_down = up[1 - side], down[1 - side]
    corner_up, corner_down = other_up[side:], other_down[side:]
    own_at_green, other_at_green = filled[OWN_AT_GREEN], filled[OTHER_AT_GREEN]
    green_at_color, other_at_color = filled[GREEN_AT_COLOR], filled[OTHER_AT_COLOR]
    for j in range(filled.shape[1]):
        own_at_green[j] = f32(1 / 2) * (color[j] + color[j + 1])
        other_at_green[j] = f32(1 / 2) * (other_up[j + 1] + other_down[j + 1])
        near = green[j] + green[j + 1] + green_up[j + 1] + green_down[j + 1]
        green_at_color[j] = f32(1 / 4) * near
        corners = corner_up[j] + corner_up[j + 1] + corner_down[j] + corner_down[j + 1]
        other_at_color[j] = f32(1 / 4) * corners


@_kernel
def _malvar(padded: Plane, red_row: int, red_column: int, rgb: Planes) -> None:
    n = (padded.shape[1] + 1) // 2
    rows = np.zeros((8, 2, n), np.float32)  # a ring: row y is split into rows[y & 7]
    filled = np.empty((4, n - 2), np.float32)
    bgr = (rgb[2], rgb[1], rgb[0])
    for last in range(padded.shape[0]):
        _split(padded[last], rows[last & 7])
        y = last - 2
        if y >= 2:
            side = _side(y, red_row, red_column)
            _malvar_at_color(rows, y, side, filled)
            _malvar_at_green(rows, y, side, filled)
            _write(rows[y & 7], filled, side, rgb if side == red_column else bgr, y - 2)


@_inner
def _malvar_at_color(rows: Plane, y: int, side: int, filled: Plane) -> None:
    up, here, down = rows[(y - 1) & 7], rows[y & 7], rows[(y + 1) & 7]
    color, above, below = here[side], rows[(y - 2) & 7, side], rows[(y + 2) & 7, side]
    green, green_up, green_down = here[1 - side][side:], up[side], down[side]
    corner_up, corner_down = up[1 - side][side:], down[1 - side][side:]
    green_at_color, other_at_color = filled[GREEN_AT_COLOR], filled[OTHER_AT_COLOR]
    for j in range(filled.shape[1]):
        far = color[j] + color[j + 2] + above[j + 1] + below[j + 1]
        near = green[j] + green[j + 1] + green_up[j + 1] + green_down[j + 1]
        corners = corner_up[j] + corner_up[j + 1] + corner_down[j] + corner_down[j + 1]
        green_at_color[j] = f32(4 / 8) * color[j + 1] + f32(2 / 8) * near - f32(1 / 8) * far
        other_at_color[j] = f32(6 / 8) * color[j + 1] + f32(2 / 8) * corners - f32(1.5 / 8) * far


@_inner
def _malvar_at_green(rows: Plane, y: int, side: int, filled: Plane) -> None:
    up, here, down = rows[(y - 1) & 7], rows[y & 7], rows[(y + 1) & 7]
    green, above, below = here[1 - side], rows[(y - 2) & 7, 1 - side], rows[(y + 2) & 7, 1 - side]
    corner_up, corner_down = up[side][1 - side :], down[side][1 - side :]
    color, other_up, other_down = here[side][1 - side :], up[1 - side], down[1 - side]
    own_at_green, other_at_green = filled[OWN_AT_GREEN], filled[OTHER_AT_GREEN]
    for j in range(filled.shape[1]):
        corners = corner_up[j] + corner_up[j + 1] + corner_down[j] + corner_down[j + 1]
        both = f32(5 / 8) * green[j + 1] - f32(1 / 8) * corners
        row, column = green[j] + green[j + 2], above[j + 1] + below[j + 1]
        own, other = color[j] + color[j + 1], other_up[j + 1] + other_down[j + 1]
        own_at_green[j] = both + f32(4 / 8) * own - f32(1 / 8) * row + f32(0.5 / 8) * column
        other_at_green[j] = both + f32(4 / 8) * other - f32(1 / 8) * column + f32(0.5 / 8) * row


@_kernel
def _menon(padded: Plane, red_row: int, red_column: int, rgb: Planes) -> None:
    n = (padded.shape[1] + 1) // 2
    rows = np.zeros((16, 2, n), np.float32)  # a ring: row y is split into rows[y & 15]
    # Row y of what is computed lies at rings[what][y & 7]. Eight arrays, not one: of rows of one array the compiler
    # cannot tell that they do not overlap, and vectorizes less (0.0026 CPU s/MP instead of 0.0020).
    a, b, c, d = np.zeros((8, n), f32), np.zeros((8, n), f32), np.zeros((8, n), f32), np.zeros((8, n), f32)
    rings = (a, b, c, d, a.copy(), b.copy(), c.copy(), d.copy())
    filled = np.empty((4, n - 8), np.float32)
    bgr = (rgb[2], rgb[1], rgb[0])
    for last in range(padded.shape[0]):
        # Each step lags behind the one before it by the rows that it looks ahead. The first rows look back at
        # zeros; what comes of them is overwritten before a row of `out` asks for it.
        _split(padded[last], rows[last & 15])
        _differences(rows, rings, last - 2, _side(last, red_row, red_column))
        _choose(rings, last - 4, _side(last, red_row, red_column))
        _refine(rings, last - 6, _side(last, red_row, red_column))
        y = last - 8
        if y >= 8:
            side = _side(y, red_row, red_column)
            _menon_row(rows, rings, y, side, filled)
            _write(rows[y & 15], filled, side, rgb if side == red_column else bgr, y - 8)


@_inner
def _differences(rows: Plane, rings: Rings, y: int, side: int) -> None:
    """Color minus green, with green interpolated along the row and along the column, and how either changes."""
    color, above, below = rows[y & 15, side], rows[(y - 2) & 15, side], rows[(y + 2) & 15, side]
    green, up, down = rows[y & 15, 1 - side][side:], rows[(y - 1) & 15, side], rows[(y + 1) & 15, side]
    by_row, by_column, before = rings[BY_ROW][y & 7], rings[BY_COLUMN][y & 7], rings[BY_COLUMN][(y - 2) & 7]
    row_step, column_step = rings[ROW_STEP][y & 7], rings[COLUMN_STEP][y & 7]
    for j in range(color.size - 2):
        row = color[j + 1] - (green[j] + green[j + 1]) + f32(1 / 2) * (color[j] + color[j + 2])
        column = color[j + 1] - (up[j + 1] + down[j + 1]) + f32(1 / 2) * (above[j + 1] + below[j + 1])
        by_row[j + 1] = f32(1 / 2) * row
        by_column[j + 1] = f32(1 / 2) * column
    for j in range(color.size - 1):
        row_step[j] = abs(by_row[j] - by_row[j + 1])
        column_step[j] = abs(before[j] - by_column[j])


@_inner
def _choose(rings: Rings, y: int, side: int) -> None:
    """The direction in which the differences change less nearby, and its difference."""
    above, here, below = rings[ROW_STEP][(y - 2) & 7], rings[ROW_STEP][y & 7], rings[ROW_STEP][(y + 2) & 7]
    up, down = rings[ROW_STEP][(y - 1) & 7][side:], rings[ROW_STEP][(y + 1) & 7][side:]
    before, after = rings[COLUMN_STEP][y & 7], rings[COLUMN_STEP][(y + 2) & 7]
    between = rings[COLUMN_STEP][(y + 1) & 7][side:]
    by_row, by_column = rings[BY_ROW][y & 7], rings[BY_COLUMN][y & 7]
    row_lead, difference = rings[ROW_LEAD][y & 7], rings[DIFFERENCE][y & 7]
    for j in range(here.size - 4):
        row = above[j + 1] + above[j + 2] + up[j + 1] + down[j + 1] + below[j + 1] + below[j + 2]
        row += f32(3) * (here[j + 1] + here[j + 2])
        column = before[j + 1] + before[j + 3] + between[j + 1] + between[j + 2] + after[j + 1] + after[j + 3]
        column += f32(3) * (before[j + 2] + after[j + 2])
        lead = column - row
        row_lead[j + 2] = lead
        difference[j + 2] = by_row[j + 2] if lead >= 0 else by_column[j + 2]


@_inner
def _refine(rings: Rings, y: int, side: int) -> None:
    """The difference smoothed along its direction, and the other color minus this one."""
    difference, row_lead = rings[DIFFERENCE], rings[ROW_LEAD][y & 7]
    above, here, below = difference[(y - 2) & 7], difference[y & 7], difference[(y + 2) & 7]
    up, down = difference[(y - 1) & 7][side:], difference[(y + 1) & 7][side:]
    refined, other = rings[REFINED][y & 7], rings[OTHER][y & 7]
    for j in range(here.size - 2):
        ends = here[j] + here[j + 2] if row_lead[j + 1] >= 0 else above[j + 1] + below[j + 1]
        refined[j + 1] = f32(1 / 6) * ends + f32(4 / 6) * here[j + 1]
        corners = up[j] + up[j + 1] + down[j] + down[j + 1]
        other[j + 1] = f32(1 / 4) * (corners - ends) - f32(1 / 2) * here[j + 1]


@_inner
def _menon_row(rows: Plane, rings: Rings, y: int, side: int, filled: Plane) -> None:
    color, green = rows[y & 15, side][4:], rows[y & 15, 1 - side][4:]
    refined, row_lead, other = rings[REFINED], rings[ROW_LEAD][y & 7][4:], rings[OTHER][y & 7][4:]
    above, here, below = refined[(y - 2) & 7][3:], refined[y & 7][3:], refined[(y + 2) & 7][3:]
    up, down = refined[(y - 1) & 7][3:], refined[(y + 1) & 7][3:]
    beside, corner_up, corner_down = here[1 - side :], up[side:], down[side:]
    own_at_green, other_at_green = filled[OWN_AT_GREEN], filled[OTHER_AT_GREEN]
    green_at_color, other_at_color = filled[GREEN_AT_COLOR], filled[OTHER_AT_COLOR]
    for j in range(filled.shape[1]):
        own_at_green[j] = green[j] + f32(1 / 2) * (beside[j] + beside[j + 1])
        other_at_green[j] = green[j] + f32(1 / 2) * (up[j + 1] + down[j + 1])
        green_at_color[j] = color[j] - here[j + 1]
        ends = here[j] + here[j + 2] if row_lead[j] >= 0 else above[j + 1] + below[j + 1]
        corners = corner_up[j] + corner_up[j + 1] + corner_down[j] + corner_down[j + 1]
        new = f32(1 / 4) * (corners - ends) - f32(1 / 2) * here[j + 1]
        other_at_color[j] = color[j] + f32(2 / 3) * new + f32(1 / 3) * other[j]
