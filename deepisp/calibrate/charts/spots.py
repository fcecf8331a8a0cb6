"""Even spots in the shape of a parallelogram: what a chart's patches look like from anywhere."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepisp.calibrate.charts import patches
from deepisp.calibrate.charts.planes import Planes

Array = NDArray[np.float64]

_SCALES = (0.7, 1.2, 2.0, 3.5)  # blocks by which noise is smoothed away
_EDGES = (0.02, 0.04, 0.08, 0.15, 0.3)  # steps of the logarithm over the blur: the least that is an edge
_SMALLEST = 25  # blocks of a spot
_LARGEST = 1 / 20  # of the picture
_FULL = 0.88  # of a parallelogram's area for its second moments; a triangle has 0.87, an ellipse 1.05
_SLIMMEST = 5.0  # variance along over variance across: a patch seen at an angle of 60 degrees has 4
_FLOOR = 0.004  # signal added before the logarithm: the noise of dark patches is no edge


class Spots(NamedTuple):
    """Spots in the picture.

    Attributes:
        centers: (N, 2) x, y.
        sides: (N,) root of the area, pixels.
    """

    centers: Array
    sides: Array


def spots(seen: Planes) -> list[Spots]:
    """The spots at each scale and each height of edges, one set for each."""
    from scipy.ndimage import gaussian_filter, label

    scale = np.sqrt(abs(np.linalg.det(seen.to_picture[:2, :2])))
    top = np.maximum(seen.signal.reshape(len(seen.signal), -1).max(1), 1e-6)[:, None, None]
    found = []
    for sigma in _SCALES:
        smooth = np.log(np.maximum(gaussian_filter(seen.signal / top, (0, sigma, sigma)), 0) + _FLOOR)
        slope = np.hypot(*np.gradient(smooth, axis=(1, 2))).max(0)
        for edge in _EDGES:
            labels, count = label(slope < edge / sigma)
            centers, areas = _shaped(labels, count)
            found.append(Spots(patches.project(seen.to_picture, centers), np.sqrt(areas) * scale))
    return found


def _shaped(labels: NDArray[np.signedinteger[Any]], count: int) -> tuple[Array, Array]:
    """Centers (N, 2) and areas of labeled regions inside the picture: parallelograms of a patch's size."""
    y, x = np.indices(labels.shape)
    flat = labels.ravel()
    area = np.bincount(flat, minlength=count + 1).astype(np.float64)
    own = np.maximum(area, 1)
    mean_x, mean_y = (np.bincount(flat, one.ravel(), count + 1) / own for one in (x, y))
    at_x, at_y = x.ravel() - mean_x[flat], y.ravel() - mean_y[flat]
    xx, yy, xy = (np.bincount(flat, one, count + 1) / own for one in (at_x**2, at_y**2, at_x * at_y))
    spread = np.sqrt(np.maximum(xx * yy - xy**2, 1e-12))
    long = (xx + yy) / 2 + np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    kept = (area >= _SMALLEST) & (area <= _LARGEST * labels.size)
    kept &= area / (12 * spread) >= _FULL
    kept &= long**2 <= _SLIMMEST * spread**2
    border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    kept[border] = False
    kept[0] = False
    return np.stack([mean_x, mean_y], axis=1)[kept], area[kept]
