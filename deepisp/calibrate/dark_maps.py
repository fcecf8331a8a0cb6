"""What dark frames show to stay in place: shading, rows, columns, odd photosites.

`save` writes, as .npz of plain numbers that sensor/dark_maps.py reads, counted from the corner of the active area:

    black_level    (n, n) DN of each position of the CFA's cell
    shading        (n * n, h, w) DN on top of it: medians of blocks that share the frame evenly, position by position
    rows           (H,) DN that a row keeps from frame to frame, on top of both
    columns        (W,) the same
    hot            (k, 2) row and column of photosites that stand out of their surroundings
    telegraph      (k, 2) of those whose noise over time is far above the others'
"""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepisp.calibrate.dark import DarkResult
from deepisp.picture import atomic
from deepisp.sensor.dark_maps import edges, spread_out

Array = NDArray[np.float64]


def maps(result: DarkResult) -> dict[str, NDArray[Any]]:
    """Dark shading, what rows and columns keep, and the odd photosites; by the keys listed above."""
    floor = result.floor
    over = np.zeros(result.hot.shape, np.float32)
    shading = []
    for place in result.first.places:
        own = place.of(floor.running.mean) - place.level(floor.black)
        blocks = _blocks(own, result.shading_blocks)
        shading.append(blocks)
        place.of(over)[...] = np.where(place.of(floor.fair), own - spread_out(blocks, own.shape), 0.0)
    odd = {
        "hot": result.hot,
        "telegraph": np.zeros(0, np.bool_) if result.telegraph is None else result.telegraph,
    }
    found = {name: np.argwhere(mask).astype(np.uint32).reshape(-1, 2) for name, mask in odd.items()}
    return {
        "black_level": floor.black,
        "shading": np.stack(shading).astype(np.float32),
        "rows": over.mean(axis=1),
        "columns": over.mean(axis=0),
    } | found


def save(path: Path, result: DarkResult) -> None:
    """Write `maps` as an .npz, whole or not at all; no pickles in it.

    Raises:
        OSError: it cannot be written.
    """
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **maps(result))
    atomic.commit(path, stream.getbuffer())


def _counts(shape: tuple[int, ...], longer: int) -> tuple[int, int]:
    """Blocks along each side: nearly square, no smaller than 8 photosites."""
    block = max(max(shape) / longer, 8.0)
    return max(round(shape[0] / block), 1), max(round(shape[1] / block), 1)


def _blocks(values: NDArray[np.floating], longer: int) -> Array:
    rows, columns = _counts(values.shape, longer)
    y, x = edges(values.shape[0], rows), edges(values.shape[1], columns)
    return np.array(
        [[np.median(values[y[i] : y[i + 1], x[j] : x[j + 1]]) for j in range(columns)] for i in range(rows)]
    )
