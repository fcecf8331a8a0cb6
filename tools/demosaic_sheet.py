"""A contact sheet of demosaicing methods, to look at: `python tools/bench_demosaic.py --data PICTURES --sheet a.png`.

A row is a place, a column a method, the truth first. Places are found by a rule: in each picture the square where
Menon errs most without noise (moiré, zipper, text), and the darkest one that is not empty; of all pictures, those where
it errs most and those that are darkest. Dark places are shown four times as bright, at a higher ISO.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from deepisp.develop.demosaic import arrays
from deepisp.train import evaluate, evaluate_linear
from deepisp.train.contenders import Contender
from deepisp.train.evaluate_linear import Shooting

_SIDE, _ROOM, _ZOOM, _LABEL = 96, 32, 2, 16  # pixels of a place, around it for the methods, on the sheet
_BUSY_AT, _DARK_AT = "nikon-d850:800", "nikon-d850:6400"
_BRIGHTER = 4
_EMPTY = 2 / 255  # deviation of a square in which there is nothing to see


class Place(NamedTuple):
    """A square of a picture.

    Attributes:
        picture: its number.
        row: of the top left corner.
        column: the same.
        error: mean square of Menon's, of display-coded values.
        light: mean of the picture there.
    """

    picture: int
    row: int
    column: int
    error: float
    light: float


def sheet(
    methods: Mapping[str, Contender], pictures: Sequence[NDArray[Any]], cfa: str, *, rows: int = 4
) -> Image.Image:
    """The sheet: so many busy places, and as many dark ones."""
    busy, dark = places(pictures, cfa, rows)
    strips = [
        _strip(methods, pictures[place.picture], place, Shooting.of(at, cfa), gain)
        for chosen, at, gain in ((busy, _BUSY_AT, 1), (dark, _DARK_AT, _BRIGHTER))
        for place in chosen
    ]
    return Image.fromarray(np.concatenate(strips))


def places(pictures: Sequence[NDArray[Any]], cfa: str, count: int) -> tuple[list[Place], list[Place]]:
    """The places of most error and those of least light, at most one of each kind in a picture."""
    each = [_squares(picture, number, cfa) for number, picture in enumerate(pictures)]
    busy = sorted(
        (max(found, key=lambda one: one.error) for found in each if found), key=lambda one: -one.error
    )
    dark = sorted(
        (min(found, key=lambda one: one.light) for found in each if found), key=lambda one: one.light
    )
    return busy[:count], dark[:count]


def _squares(picture: NDArray[Any], number: int, cfa: str) -> list[Place]:
    truth = _unit(picture)
    error = (
        arrays.demosaic(evaluate.noisy(truth, cfa, sigma=0, seed=0), cfa=cfa, method="menon") - truth
    ) ** 2
    found = []
    # Even steps: a square has the same colors at its corner as the picture.
    for row in range(_ROOM, truth.shape[0] - _SIDE - _ROOM + 1, _SIDE // 2):
        for column in range(_ROOM, truth.shape[1] - _SIDE - _ROOM + 1, _SIDE // 2):
            at = slice(row, row + _SIDE), slice(column, column + _SIDE)
            if truth[at].mean(-1).std() > _EMPTY:
                found.append(Place(number, row, column, float(error[at].mean()), float(truth[at].mean())))
    return found


def _strip(
    methods: Mapping[str, Contender], picture: NDArray[Any], place: Place, shooting: Shooting, gain: int
) -> NDArray[np.uint8]:
    """A place by each method, with its name above: (_LABEL + side, all sides, 3)."""
    around = picture[
        place.row - _ROOM : place.row + _SIDE + _ROOM, place.column - _ROOM : place.column + _SIDE + _ROOM
    ]
    taken = evaluate_linear.take(around, shooting, number=place.picture)
    made = {"truth": taken.truth} | {
        name: method(taken.mosaic, taken.noise) for name, method in methods.items()
    }
    label = f"{shooting.name}, picture {place.picture}"
    tiles = []
    for name, rgb in made.items():
        inside = rgb[_ROOM:-_ROOM, _ROOM:-_ROOM] * gain
        shown = np.rint(evaluate_linear.seen(inside, taken.draw) * 255).astype(np.uint8)
        tiles.append(_labeled(shown, f"{name}  {label}" if name == "truth" else name))
    return np.concatenate(tiles, 1)


def _labeled(pixels: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    large = Image.fromarray(pixels.repeat(_ZOOM, 0).repeat(_ZOOM, 1))
    tile = Image.new("RGB", (large.width, large.height + _LABEL), "white")
    ImageDraw.Draw(tile).text((3, 2), text[:36], fill="black")
    tile.paste(large, (0, _LABEL))
    return np.array(tile)


def _unit(picture: NDArray[Any]) -> NDArray[np.float32]:
    return picture.astype(np.float32) / np.float32(np.iinfo(picture.dtype).max)
