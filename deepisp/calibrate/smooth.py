"""A smooth map of gains through blocks of light, which neither noise nor dust bends."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepisp.calibrate.noise.moments import typical

Array = NDArray[np.float64]

_DUST = (
    0.005  # relative error below which no block is left out: the map's own between nodes, in steep corners
)
_PASSES = 6  # of refitting without outliers: the set stands after 3 to 5


def smooth_gains(
    light: Array, middles: tuple[Array, Array], nodes: tuple[int, int], smoothness: float, outlier: float
) -> Array:
    """Gains at nodes, whose bilinear map times the light is even; the least is 1.

    The relative error of the blocks plus `smoothness` times the second differences of the map is least in squares;
    blocks farther off than `outlier` deviations do not count.

    Args:
        light: (rows, columns) of blocks, above 0.
        middles: of the blocks, rows and columns, as fractions of the area.
        nodes: rows and columns of the map, spread from edge to edge of the area.
        smoothness: against 1 for the relative error of one block, on average.
        outlier: deviations, by the median.

    Returns:
        (nodes) float64.
    """
    from scipy.sparse import diags_array, vstack
    from scipy.sparse.linalg import spsolve

    target = (light.max() / light).ravel()
    known = _bilinear(middles, nodes)
    bend = _second_differences(nodes) * np.sqrt(smoothness * target.size / np.prod(nodes))
    kept = np.ones(target.size)
    gains = np.ones(np.prod(nodes))
    for _ in range(_PASSES):
        weights = diags_array(kept / target)
        system = vstack([weights @ known, bend]).tocsc()
        gains = spsolve((system.T @ system).tocsc(), (weights @ known).T @ kept)
        off = (known @ gains) / target - 1
        limit = max(outlier * typical(off), _DUST)
        now = (abs(off) <= limit).astype(np.float64)
        if (now == kept).all():
            break
        kept = now
    found = np.asarray(gains, np.float64).reshape(nodes)
    return np.asarray(found / found.min())


def _bilinear(middles: tuple[Array, Array], nodes: tuple[int, int]) -> Any:
    """The sparse matrix from nodes to the middles of blocks, (blocks, nodes)."""
    from scipy.sparse import csc_array, kron

    lines = []
    for middle, size in zip(middles, nodes, strict=True):
        at = middle * (size - 1)
        low = np.minimum(at.astype(int), size - 2)
        line = np.zeros((len(middle), size))
        line[np.arange(len(middle)), low] = 1 - (at - low)
        line[np.arange(len(middle)), low + 1] = at - low
        lines.append(csc_array(line))
    return kron(lines[0], lines[1], format="csc")


def _second_differences(nodes: tuple[int, int]) -> Any:
    """The sparse matrix of second differences along rows and along columns."""
    from scipy.sparse import csc_array, eye_array, kron, vstack

    one, other = (csc_array(np.diff(np.eye(size), 2, axis=0)) for size in nodes)
    down, right = kron(one, eye_array(nodes[1])), kron(eye_array(nodes[0]), other)
    return vstack([down, right], format="csc")
