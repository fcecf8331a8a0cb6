"""Where the sensor really saturates: often below the white level that the file names."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepisp.raw.image import RawImage
from deepisp.sensor import cfa as cfa_cell

_ROWS = 4  # every fourth cell row is looked at: 3 of 12 megapixels show the same plateau
_NARROW = 0.004  # width of a plateau, as a share of the range: 64 DN of 16383
_SHARE = 2e-5  # of the photosites must stand on it: 15 of 0.75 million
_STEEP = 4.0  # times as many as further below
_ABOVE = 0.5  # at most this share of the plateau stands above it: its noise, and hot photosites
_LOWEST = 0.85  # of the range: sensors saturate at 92 % and more; a flat bright wall lower down is a wall


def find(raw: RawImage) -> RawImage:
    """The raw image with `saturation_level`: per position the plateau, or the white level if there is none."""
    if raw.saturation_level is not None or raw.data.dtype != np.uint16:
        return (
            raw if raw.saturation_level is not None else replace(raw, saturation_level=raw.white_level.copy())
        )
    found = raw.white_level.copy()
    rows, columns = (1, 1) if raw.kind == "linear" else raw.white_level.shape
    area = raw.active
    for index in np.ndindex(*found.shape):
        if raw.linear is not None:
            values = raw.linear[area.top : area.bottom : _ROWS, area.left : area.right, index[0]]
        else:
            top = area.top + (index[0] - area.top) % rows
            left = area.left + (index[1] - area.left) % columns
            values = raw.data[top : area.bottom : rows * _ROWS, left : area.right : columns]
        found[index] = min(
            plateau(values, float(raw.black_level[index]), float(found[index])), float(found[index])
        )
    if raw.mosaic is not None:  # two greens are one color, and saturate alike
        n = cfa_cell.side(raw.cfa)
        letters = cfa_cell.cell(raw.cfa)[np.arange(rows)[:, None] % n, np.arange(columns) % n]
        for letter in set(letters.ravel().tolist()):
            found = np.where(letters == letter, found[letters == letter].min(), found)
    return replace(raw, saturation_level=found)


def plateau(values: NDArray[Any], black: float, white: float) -> float:
    """The level at which values pile up near the top, in DN; `white` if they do not.

    >>> ramp = np.arange(15000, dtype=np.uint16)
    >>> plateau(np.append(ramp, np.full(3000, 15000, np.uint16)), 0.0, 16383.0)
    15000.0
    >>> plateau(ramp, 0.0, 16383.0)
    16383.0
    """
    if values.size < 256:
        return white
    counts = np.bincount(values.ravel(), minlength=int(min(white, 65535)) + 2)
    width = max(1, round(_NARROW * (white - black)))
    total = np.append(0, counts.cumsum())  # total[i]: values below i
    at = np.arange(max(int(black + _LOWEST * (white - black)), 8 * width), len(counts) - width)
    if not len(at):
        return white
    heap = total[at + width] - total[at]
    below = (total[at - 4 * width] - total[at - 8 * width]) / 4
    beyond = total[-1] - total[at + width]
    stands = (heap >= max(8, _SHARE * values.size)) & (heap >= _STEEP * below) & (beyond <= _ABOVE * heap)
    if not stands.any():
        return white
    best = np.argmax(np.where(stands, heap, -1))
    start, ordinary = int(at[best]), below[best] / width  # photosites per DN that no plateau explains
    piled = np.maximum(counts[start : start + width] - ordinary, 0)
    level = np.average(np.arange(start, start + width), weights=piled)
    return float(min(np.floor(level + 1e-9), white))
