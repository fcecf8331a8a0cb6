"""The best linear guess of the colors between the samples of a mosaic, for pictures of a plain statistical model.

Two values are alike by ALIKE^(colors differ) * exp(-distance / LENGTH). The guess is the weighted mean of the samples
around with the least expected error whose weights of its own color sum to 1 and of each other color to 0, so that a
flat field stays what it is: ordinary cokriging, a linear system for each place in the cell. It keeps what was measured.

Source: H. Wackernagel, "Multivariate Geostatistics", 3rd ed., 2003, on cokriging; H. J. Trussell and R. E. Hartwig,
"Mathematics for demosaicking", IEEE Trans. Image Processing 11(4), 2002, for linear filters by place in the cell.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from deepisp.networks import planes, sizes

LENGTH = 50.0  # photosites; from 20 on it makes no difference
ALIKE = 0.9  # of two colors at the same place; of 0.9, 0.95 and 0.98 the best on sixteen training pictures
_NUGGET = 1e-4  # a sample's own variance, so that the systems are well posed


@lru_cache(maxsize=8)
def filters(cfa: str) -> NDArray[np.float32]:
    """Weights for RGB of every photosite of a cell, of cells of 2 x 2 packed into planes.

    Args:
        cfa: square cell of R, G and B.

    Returns:
        (3, 4, n, n, 4, n + 2, n + 2) for cells of 2n x 2n: color; place in a 2 x 2; which 2 x 2 of the cell; and the
        weights of the samples: place in a 2 x 2; which 2 x 2, from one before the cell to one behind it.

    Raises:
        ValueError: another cell.

    >>> filters("RGGB").shape
    (3, 4, 1, 1, 4, 3, 3)
    """
    n, cell = sizes.places(cfa), planes.masks(cfa).argmax(0).numpy()
    where = np.indices((2 * n + 4, 2 * n + 4)).reshape(2, -1).T - 2
    color = cell[tuple(where.T % len(cell))]
    own = (color[:, None] == np.arange(3)).astype(float)
    system = np.block([[_alike(where, color, where, color), own], [own.T, np.zeros((3, 3))]])
    system[np.arange(len(where)), np.arange(len(where))] += _NUGGET
    wanted = np.indices((2 * n, 2 * n)).reshape(2, -1).T
    weights = []
    for one in range(3):
        alike = _alike(where, color, wanted, np.full(len(wanted), one))
        sums = np.repeat(np.eye(3)[:, [one]], len(wanted), 1)
        weights.append(np.linalg.solve(system, np.vstack([alike, sums]))[: len(where)].T)
    rows_and_columns = np.reshape(weights, (3, n, 2, n, 2, n + 2, 2, n + 2, 2))
    packed = rows_and_columns.transpose(0, 2, 4, 1, 3, 6, 8, 5, 7)
    return packed.reshape(3, 4, n, n, 4, n + 2, n + 2).astype(np.float32)


def _alike(
    one: NDArray[np.int_], its_color: NDArray[np.int_], other: NDArray[np.int_], its: NDArray[np.int_]
) -> NDArray[np.float64]:
    distance = np.hypot(*(one[:, None] - other[None]).transpose(2, 0, 1))
    alike: NDArray[np.float64] = np.exp(-distance / LENGTH)
    return np.where(its_color[:, None] == its[None], alike, ALIKE * alike)
