"""Row noise: an offset that a row's photosites share, new in each frame; read off those that see no light.

Only masked photosites can tell it: in the picture itself a row of noise is no other than a horizontal edge. A file
without any beside its rows keeps its row noise.
"""

from contextlib import suppress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepisp.raw.image import RawImage
from deepisp.sensor import cfa as cfa_cell
from deepisp.sensor.darks import Darks
from deepisp.sensor.profile import Profile

Array = NDArray[np.float64]

_MARGIN = 4  # columns next to the light-sensitive area that stray light may reach, as in raw/plausible.py
_FEWEST = 8  # masked columns from which their scatter can be told
_AROUND = 257  # rows; the line through them is taken for what is no noise: glow, drift
_CLIPPED = 3.0  # deviations beyond which a masked photosite counts no more: hot ones
_ODD = 2.0  # times the scatter that is expected, or its reciprocal: no masked photosites, or not this noise
_TO_SIGMA = 1.4826  # median absolute deviation to standard deviation, normal distribution


class RowNoise(NamedTuple):
    """What a profile says of the noise in the dark, DN rms.

    Attributes:
        row: that a row shares.
        read: of single photosites.
    """

    row: float
    read: float


class Offsets(NamedTuple):
    """What row noise added to a frame.

    Attributes:
        rows: (H of the active area,) DN; None where it cannot be told.
        warnings: one line each.
    """

    rows: Array | None = None
    warnings: tuple[str, ...] = ()


def known(own: Profile, darks: Darks | None, raw: RawImage) -> RowNoise | None:
    """Row and read noise at a file's ISO: of darks of this ISO, else by ISO, else of other darks.

    Args:
        own: the file's camera.
        darks: those of the nearest ISO.
        raw: that is to be developed.
    """
    iso = raw.exif.iso
    if darks is not None and darks.iso == iso:
        return _of_darks(darks)
    if own.conversion_gains and iso is not None:
        with suppress(ValueError):  # other colors
            entries = [own.entry(iso, color) for color in raw.colors]
            return _rms([(one.row_std_dn or 0.0, one.read_std or 0.0) for one in entries])
    return None if darks is None else _of_darks(darks)


def offsets(raw: RawImage, noise: RowNoise, *, kept: Array | None = None) -> Offsets:
    """The rows' offsets: robust means of their masked photosites, against the rows around, shrunk to what is noise.

    The mean of n photosites has an error of its own, so it counts by Wiener's share, row^2 / (row^2 + read^2 / n).

    Args:
        raw: a mosaic.
        noise: what is expected.
        kept: (H,) DN that the rows keep from frame to frame, shading included, which is corrected elsewhere.
    """
    side = cfa_cell.side(raw.cfa)
    masked = _masked(raw, noise, kept, side)
    if masked.shape[1] < _FEWEST:
        return Offsets()
    rows, variance = np.empty(len(masked)), np.empty(side)
    for phase in range(side):  # rows of one phase: positions of the cell have black levels of their own
        rows[phase::side], variance[phase] = _means(masked[phase::side], noise.read)
    rows -= _around(rows)
    error = float(variance.mean()) / masked.shape[1]
    seen, expected = _scatter(rows), float(np.sqrt(noise.row**2 + error))
    if seen > _ODD * expected:
        return Offsets(
            None,
            (
                f"rows of masked photosites scatter by {seen:.2g} DN, the profile says {expected:.2g}: row noise is "
                "not corrected; measure darks at the file's ISO",
            ),
        )
    return Offsets(rows * (noise.row**2 / (noise.row**2 + error)))


def _of_darks(darks: Darks) -> RowNoise | None:
    return _rms([(one.row_std_dn or 0.0, one.read_std_dn) for one in darks.entries])


def _rms(pairs: list[tuple[float, float]]) -> RowNoise | None:
    """Over the colors; None without row noise, or without read noise."""
    found = RowNoise(*(float(one) for one in np.sqrt(np.square(pairs).mean(axis=0))))
    return found if min(found) > 0 else None


def _masked(raw: RawImage, noise: RowNoise, kept: Array | None, side: int) -> Array:
    """Masked photosites beside the active area, less `kept`, (H, n): columns with the noise of the dark alone."""
    assert raw.mosaic is not None
    area = raw.active
    columns = np.zeros(raw.mosaic.shape[1], np.bool_)
    if raw.masked_areas:
        for one in raw.masked_areas:
            if one.top <= area.top and one.bottom >= area.bottom:
                columns[one.left : one.right] = True
        columns[area.left : area.right] = False
    else:
        columns[: max(area.left - _MARGIN, 0)] = True
        columns[area.right + _MARGIN :] = True
    values = raw.mosaic[area.top : area.bottom, columns].astype(np.float64)
    if not values.size or len(values) < 2 * side:
        return values[:, :0]
    if kept is not None:
        values -= kept[:, None]
    # Columns that see light have the picture in them; those that hold a constant, no noise.
    scatter = np.mean([_scatter_of_columns(values[phase::side], noise.read) for phase in range(side)], axis=0)
    expected = float(np.hypot(*noise))
    return values[:, (scatter < _ODD * expected) & (scatter > expected / _ODD)]


def _scatter_of_columns(values: Array, read: float) -> Array:
    """Deviation down each column, (n,); a few hot photosites do not count, and are few."""
    off = values - np.median(values, axis=0)
    return np.asarray(np.clip(off, -9 * read, 9 * read).std(axis=0))


def _means(values: Array, read: float) -> tuple[Array, float]:
    """Robust mean of each row, (h,), and the variance of one photosite about it."""
    level = values - np.median(values, axis=0)  # what a column shares
    middle = np.median(level, axis=1, keepdims=True)
    off = level - middle
    # Rounding may hide all scatter from a median.
    sigma = max(_scatter(off), read)
    means = middle[:, 0] + np.clip(off, -_CLIPPED * sigma, _CLIPPED * sigma).mean(axis=1)
    return means, sigma**2


def _around(means: Array) -> Array:
    """The line through the rows around each, at each: it follows glow up to the first and the last row."""
    from scipy.ndimage import median_filter

    rough = median_filter(means, size=_AROUND, mode="nearest")
    most = _CLIPPED * _scatter(means - rough)
    y = rough + np.clip(means - rough, -most, most)  # a row that is broken bends no other
    at = np.arange(len(y))
    low, high = np.maximum(at - _AROUND // 2, 0), np.minimum(at + _AROUND // 2 + 1, len(y))

    def mean(values: Array) -> Array:
        sums = np.concatenate([[0.0], np.cumsum(values)])
        return np.asarray((sums[high] - sums[low]) / (high - low))

    x = at - at.mean()
    middle, level = mean(x), mean(y)
    slope = (mean(x * y) - middle * level) / np.maximum(mean(x * x) - middle**2, 1e-9)
    return np.asarray(level + slope * (x - middle))


def _scatter(values: Array) -> float:
    """Deviation about 0, by the median."""
    return _TO_SIGMA * float(np.median(np.abs(values)))
