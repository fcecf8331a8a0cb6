"""Beyond the picture's edge: which photosite stands in for one that does not exist.

A mosaic may only be reflected so that red stays red: the substitute has the same phase of the CFA's cell.
"""

import numpy as np
from numpy.typing import NDArray


def padding_indices(start: int, stop: int, size: int, period: int) -> NDArray[np.intp]:
    """Rows (or columns) inside the picture that stand in for `start` to `stop` - 1.

    Inside, an index is itself. Outside, it is the index of the same phase modulo `period` that is nearest to
    the mirror position (the edge itself is not repeated), the lower one of two equally near. Where the
    picture is smaller than a cell and the phase does not occur, it is the nearest index inside.

    >>> padding_indices(-3, 8, 5, 2).tolist()
    [3, 2, 1, 0, 1, 2, 3, 4, 3, 2, 1]
    >>> padding_indices(-2, 8, 6, 6).tolist()
    [4, 5, 0, 1, 2, 3, 4, 5, 0, 1]
    """
    wanted = np.arange(start, stop)
    around = max(2 * (size - 1), 1)  # reflection without repeating the edge returns after this many steps
    mirror = np.abs((wanted + size - 1) % around - (size - 1))
    phase = wanted % period
    last = size - 1 - (size - 1 - phase) % period  # the largest index inside of that phase
    below = mirror - (mirror - phase) % period
    nearest = np.where(2 * (mirror - below) > period, below + period, below)
    nearest = np.clip(nearest, np.minimum(phase, last), np.maximum(phase, last))
    inside = (wanted >= 0) & (wanted < size)
    return np.where(inside, wanted, np.clip(np.where(phase < size, nearest, mirror), 0, size - 1)).astype(
        np.intp
    )
