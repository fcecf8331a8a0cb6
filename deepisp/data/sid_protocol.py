"""What SID's and ELD's figures are of: numbers of a dark raw file as the networks of the literature take them.

    mosaic ─► max(DN - black, 0) / (white - black) ─► planes ─► x exposure ratio, at most 1 = input
    long exposure ─► LibRaw's own picture, its gamma and all, / 65535 = truth

Planes are packed in the order of the authors of SID, which is not that of networks/planes.py:

    Bayer, 4 of half the size:      R G        red, green beside red, blue, green beside blue
                                    G B
    X-Trans, 9 of a third:          R B G      red of the first row, its green, its blue,
    in each 3 x 3, which begins     G G R      red and blue of the third column,
    with red and blue,              G G B      then the four greens row by row

Source: pack_raw of train_Sony.py and test_Fuji.py, github.com/cchen156/Learning-to-See-in-the-Dark (MIT). Theirs are
(H, W, C), and rest on where the colors of their two cameras stand; these are (C, H, W) and ask the CFA.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepisp.raw.image import RawImage
from deepisp.sensor import cfa as cfa_cell

Position = tuple[int, int]
SIDE = {"bayer": 2, "xtrans": 3}  # photosites of a plane's pixel, each way
WHITE = 65535  # of a ground truth


class Levels(NamedTuple):
    """DN at no light and at saturation, for every photosite or as cells that repeat from the active area's corner.

    Attributes:
        black: one number, or (h, w).
        white: the same.
    """

    black: float | NDArray[np.float64]
    white: float | NDArray[np.float64]


def levels_of(raw: RawImage) -> Levels:
    """The levels that the file itself says. Published figures are of the levels in datasets/*.toml instead."""
    return Levels(raw.active_cell(raw.black_level), raw.active_cell(raw.white_level))


def network_input(raw: RawImage, exposure_ratio: float, levels: Levels) -> NDArray[np.float32]:
    """Planes of a short exposure, as bright as the long one, 0 to 1; (4, H/2, W/2) or (9, H/3, W/3).

    Args:
        raw: a Bayer or X-Trans mosaic; masked borders are left out.
        exposure_ratio: as `sid.Pair` or `eld.exposure_ratio` has it.
        levels: `Levels(512, 16383)` for SID's Sony half, `Levels(1024, 16383)` for its Fuji half; see `levels_of`.

    Raises:
        ValueError: a mosaic of another kind, or levels that are none.
    """
    planes = pack(np.maximum(signal(raw, levels), 0), raw.active_cfa)
    bright: NDArray[np.float32] = np.minimum(planes * np.float32(exposure_ratio), np.float32(1))
    return bright


def signal(raw: RawImage, levels: Levels) -> NDArray[np.float32]:
    """(H, W) of the active area, below 0 where noise took it there.

    Raises:
        ValueError: a demosaiced file, or levels that are none.
    """
    if raw.mosaic is None:
        raise ValueError("SID's protocol packs a mosaic, got a linear file; give the camera's own raw file")
    area = raw.active
    mosaic = raw.mosaic[area.top : area.bottom, area.left : area.right].astype(np.float32)
    cells = [np.atleast_2d(np.asarray(level, np.float32)) for level in levels]
    black, white = (cfa_cell.tiled(cell, *mosaic.shape) if cell.size > 1 else cell for cell in cells)
    if (white <= black).any():
        raise ValueError(f"white must lie above black, got {levels.white} and {levels.black}")
    found: NDArray[np.float32] = (mosaic - black) / (white - black)
    return found


def pack(signal: NDArray[np.float32], cfa: str) -> NDArray[np.float32]:
    """Planes of a mosaic in the order above; rows and columns beyond the last whole cell are left out.

    Args:
        signal: (H, W).
        cfa: the cell at its top left, Bayer or X-Trans.

    Returns:
        (4, H/2, W/2) or (9, H/3, W/3).

    Raises:
        ValueError: another kind of mosaic, or X-Trans whose cell begins elsewhere.

    >>> pack(np.arange(4, dtype=np.float32).reshape(2, 2), "RGGB").flatten().tolist()
    [0.0, 1.0, 3.0, 2.0]
    """
    kind, letters = cfa_cell.kind(cfa), cfa_cell.cell(cfa)
    if kind not in SIDE:
        raise ValueError(f"SID's planes are of a Bayer or X-Trans mosaic, got {cfa!r}")
    period, side = len(letters), SIDE[kind]
    positions = _bayer if kind == "bayer" else _xtrans
    height, width = (size // period * period for size in signal.shape)
    planes = np.empty((side * side, height // side, width // side), np.float32)
    blocks = period // side
    for row, column in np.ndindex(blocks, blocks):
        top, left = row * side, column * side
        block = letters[top : top + side, left : left + side]
        for plane, (down, right) in enumerate(positions(block)):
            seen = signal[top + down : height : period, left + right : width : period]
            planes[plane, row::blocks, column::blocks] = seen
    return planes


def _bayer(block: NDArray[np.str_]) -> list[Position]:
    red, blue = (_find(block, letter) for letter in "RB")
    return [red, (red[0], 1 - red[1]), blue, (blue[0], 1 - blue[1])]


def _xtrans(block: NDArray[np.str_]) -> list[Position]:
    head, column = block[:1], block[1:, 2:]
    if set(head[0, :2]) != {"R", "B"} or set(column[:, 0]) != {"R", "B"}:
        raise ValueError(
            "SID's X-Trans planes begin where red and blue stand side by side, R B G over G G R, as an X-T2's frame "
            "does; crop the mosaic to such a corner"
        )
    red, blue = (_find(head, letter) for letter in "RB")
    below = [(row + 1, 2) for row, _ in (_find(column, letter) for letter in "RB")]
    return [red, (0, 2), blue, *below, (1, 0), (1, 1), (2, 0), (2, 1)]


def _find(block: NDArray[np.str_], letter: str) -> Position:
    row, column = np.argwhere(block == letter)[0].tolist()
    return row, column


def ground_truth(path: Path) -> NDArray[np.float32]:
    """The picture of a long exposure, (H, W, 3), 0 to 1, display-coded: LibRaw has put its gamma on already.

    LibRaw's defaults (gamma of Rec. 709, sRGB primaries, its own demosaicing) at the camera's white balance. To code
    it again, as for a linear picture, costs 3.4 dB: issue 23 of the authors' repository.

    Raises:
        OSError: the file cannot be opened.
        ValueError: LibRaw cannot develop it.
    """
    return (developed(path) / np.float32(WHITE)).astype(np.float32)


def developed(path: Path, *, is_turned: bool = True) -> NDArray[np.uint16]:
    """The same of 0 to `WHITE`, as LibRaw gives it.

    Args:
        path: of a raw file.
        is_turned: as the camera was held; otherwise as the mosaic lies.

    Raises:
        OSError: the file cannot be opened.
        ValueError: LibRaw cannot develop it.
    """
    import rawpy

    with path.open("rb"):  # LibRaw tells a file that is not there from none that it knows no better than this
        pass
    try:
        with rawpy.imread(str(path)) as raw:
            picture = raw.postprocess(
                use_camera_wb=True, half_size=False, no_auto_bright=True, output_bps=16,
                user_flip=None if is_turned else 0,
            )  # fmt: skip
    except rawpy.LibRawError as error:
        raise ValueError(
            f"{path}: LibRaw cannot develop it: {error}; copy it from the archive again"
        ) from error
    return picture.astype(np.uint16, copy=False)


def cropped(truth: NDArray[np.float32], planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """The part of a ground truth (H, W, 3) that planes (C, h, w) are of: from the top left, whole cells.

    Raises:
        ValueError: the truth is smaller than the planes' frame.

    >>> cropped(np.zeros((8, 9, 3), np.float32), np.zeros((9, 2, 2), np.float32)).shape
    (6, 6, 3)
    """
    side = {side * side: side for side in SIDE.values()}[len(planes)]
    height, width = (size * side for size in planes.shape[1:])
    if truth.shape[0] < height or truth.shape[1] < width:
        raise ValueError(
            f"planes of {height} x {width} photosites want a truth as large, got {truth.shape[0]} x {truth.shape[1]}; "
            "a frame that was taken upright is turned by LibRaw and not in the planes"
        )
    return truth[:height, :width]
