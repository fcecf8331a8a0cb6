"""The noise line of one ordinary raw, from its own numbers: `variance = shot * signal + read`.

    planes ─► wavelet: mean, diagonal detail ─► places without texture ─► level sets ─► line
                                                        ▲                                │
                                                        └───── the noise to expect ◄─────┘

A plane is what one position of the CFA's cell saw, (H, W): the signal, black subtracted, not clipped below 0.
A place counts as free of texture where the energy of the details around a diagonal coefficient, that coefficient
left out, is what noise alone would give. Orthogonal wavelets keep the two apart, so the choice does not bias.

Source: A. Foi, M. Trimeche, V. Katkovnik, K. Egiazarian, "Practical Poissonian-Gaussian noise modeling and fitting
for single-image raw-data", IEEE Trans. Image Processing 17(10), 2008. Ours are the choice of places by the other
details (Foi's: by edges of the smoothed picture) and the fit by reweighting (Foi's: by direct search).
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from scipy.special import ndtr

from deepisp.sensor import cfa as cfa_cell

Array = NDArray[np.float64]

_ROOT = math.sqrt(3)
# I. Daubechies, "Orthonormal bases of compactly supported wavelets", 1988: N = 2, two vanishing moments.
LOWPASS = np.array([1 + _ROOT, 3 + _ROOT, 3 - _ROOT, 1 - _ROOT]) / math.sqrt(32)
HIGHPASS = LOWPASS[::-1] * [1, -1, 1, -1]
MEDIAN = 0.6744897501960817  # of |N(0, 1)|
MEDIAN_SPREAD = 5.44  # variance of a squared median deviation, times n / v^2: 4 / (16 MEDIAN^2 phi(MEDIAN)^2)
# From here down to DOUBT: tuned on 12 training pictures (256 x 256 photosites a plane) in simulated noise.
WINDOW = 3  # coefficients, across which a place must be free of texture
SETS = 20  # level sets of equal width
SMALLEST = 60  # places in a level set, quiet or not, below which it is left out
LEAST = 10  # places that a level set gives at least: the quietest ones, where all are textured
QUIET = 1.2  # energy of the details over that of noise, up to which a place passes for free of texture
DOUBT = (
    0.1  # standard errors above the line from which a set may be texture: weighed as in a median, not a mean
)
# What the cap at DOUBT takes from the mean residual of pure noise: phi(DOUBT) - DOUBT (1 - Phi(DOUBT)); put back.
_LIFT = math.exp(-(DOUBT**2) / 2) / math.sqrt(2 * math.pi) - DOUBT * float(ndtr(-DOUBT))
ROUNDS = 6  # choices of places, each by the noise of the round before; not tuned
CLIPPED = 0.5  # share of the variance that clipping must leave for a place to count
SHORTEST = 24  # side of a plane: 9 x 9 places
MOST = 1_000_000  # photosites per color that are looked at, in bands across the plane
BAND = 64  # rows


class NoiseLine(NamedTuple):
    """`variance = shot * signal + read`, both of the normalized signal, with their standard errors.

    The errors know of chance and of level sets that disagree; texture everywhere in the picture they do not see:
    then the line lies too high.

    Attributes:
        shot: slope, 0 or more.
        read: variance at black, 0 or more; quantization is in it.
        shot_error: standard error of `shot`; infinite if all of the picture is one level.
        read_error: standard error of `read`; wide if nothing in the picture is dark.
        correlation: of the two errors, mostly near -1: the line is best known in the picture's middle.
        places: wavelet coefficients that the line rests on.
    """

    shot: float
    read: float
    shot_error: float
    read_error: float
    correlation: float
    places: int

    def std(self, signal: float) -> float:
        """Standard deviation of the noise at a signal level.

        >>> round(NoiseLine(1e-3, 1e-5, 0, 0, 0, 1).std(0.09), 6)
        0.01
        """
        return math.sqrt(self.shot * max(signal, 0.0) + self.read)


class _Places(NamedTuple):
    """One entry per diagonal coefficient: (n,) each, sorted by `mean`."""

    mean: Array
    detail: Array  # |diagonal coefficient|
    energy: Array  # of the details around it, per coefficient: the variance, were there no texture

    def at(self, index: Any) -> "_Places":
        return _Places(self.mean[index], self.detail[index], self.energy[index])


class _Clipping(NamedTuple):
    """What clipping does to Gaussian noise of one line: mean seen, and share of the variance left, by true mean."""

    true: Array
    seen: Array
    share: Array


class _Line(NamedTuple):
    shot: float
    read: float
    precision: Array  # (2, 2) inverse covariance of shot and read

    def variance(self, signal: Array) -> Array:
        return np.maximum(self.shot * np.maximum(signal, 0) + self.read, 1e-30)


def estimate(
    planes: Array | NDArray[np.float32] | Sequence[Array], *, low: float = -math.inf, high: float = 1.0
) -> NoiseLine:
    """The noise line of one color, from one raw of any scene.

    Args:
        planes: (H, W) signal of one position of the CFA's cell; or several such, all of one color.
        low: signal at which the file cuts noise off at the bottom: 0 for files without a black offset.
        high: signal at which it saturates, the plateau that bright photosites reach.

    Raises:
        ValueError: a plane is no (H, W), is smaller than 24 x 24 or holds NaN or infinity; nearly all is
            clipped; no noise is in it.
    """
    given = [planes] if isinstance(planes, np.ndarray) else list(planes)
    for plane in given:
        _check(plane)
    pieces = [_places(np.clip(band, low, high)) for band in _bands(given)]
    places = _Places(*(np.concatenate(column) for column in zip(*pieces, strict=True)))
    places = places.at(
        (places.mean < high - 1e-9) & (places.mean > low + 1e-9)
    )  # 1e-9: rounding of the filters
    places = places.at(np.argsort(places.mean))
    sets = _level_sets(places)
    if not sets:
        raise ValueError(
            f"noise shows only in photosites that are not clipped, and {places.mean.size} places are too few; "
            f"give a frame that is not clipped throughout (low {low:g}, high {high:g})"
        )
    quiet = [part.at(part.energy <= _rank(part.energy, LEAST)) for part in sets]
    line = _Line(0.0, float(np.median([_variance(part) for part in quiet])), np.zeros((2, 2)))
    for _ in range(ROUNDS):
        clipping = _clipping(line, low, high, float(places.mean[0]))
        chosen = [part for one in sets if (part := _quiet(one, line, clipping)) is not None]
        line = _fit(chosen, line, low, high)
    return _noise_line(line, sum(part.mean.size for part in chosen))


def estimate_mosaic(
    signal: Array | NDArray[np.float32], cfa: str, *, low: float = -math.inf, high: float = 1.0
) -> tuple[NoiseLine, ...]:
    """The noise line of each color of a mosaic, in the order of `cfa.colors(cfa)`.

    Args:
        signal: (H, W), one value per photosite, black subtracted, not clipped below 0.
        cfa: colors of the cell at signal[0, 0], see sensor/cfa.py.
        low: see `estimate`.
        high: see `estimate`.

    Raises:
        ValueError: as `estimate`, and for what is no CFA.
    """
    if signal.ndim != 2:
        raise ValueError(f"a mosaic is (H, W), got {signal.shape}; give one frame at a time")
    n = cfa_cell.side(cfa)
    planes: dict[str, list[Array]] = {color: [] for color in cfa_cell.colors(cfa)}
    for i, color in enumerate(cfa):
        planes[color].append(np.asarray(signal[i // n :: n, i % n :: n], np.float64))
    return tuple(estimate(own, low=low, high=high) for own in planes.values())


def _check(plane: NDArray[Any]) -> None:
    if plane.ndim != 2 or min(plane.shape) < SHORTEST:
        raise ValueError(
            f"a plane of one color is (H, W) of {SHORTEST} x {SHORTEST} or more, got {plane.shape}; "
            "give a larger piece of the frame"
        )
    if bad := int(plane.size - np.isfinite(plane).sum()):
        raise ValueError(f"{bad} of {plane.size} values are NaN or infinite; repair or crop them away first")


def _bands(planes: list[NDArray[Any]]) -> Iterator[Array]:
    """The planes, or bands evenly spread over them if they hold more than `MOST` photosites in all."""
    most = MOST // len(planes)
    for plane in planes:
        height, width = plane.shape
        count = max(1, most // (BAND * width))
        if plane.size <= most or count * BAND > height:
            yield plane.astype(np.float64)
        else:
            for top in np.linspace(0, height - BAND, count).astype(int):
                yield plane[top : top + BAND].astype(np.float64)


def _filtered(x: Array, taps: Array, axis: int) -> Array:
    """Every second value of a convolution, without borders."""
    x = np.moveaxis(x, axis, 0)
    n = (x.shape[0] - len(taps)) // 2 + 1
    return np.moveaxis(sum(tap * x[i : i + 2 * n - 1 : 2] for i, tap in enumerate(taps)), 0, axis)


def _places(plane: Array) -> _Places:
    """One level of the wavelet transform, seen as places."""
    rows, row_details = _filtered(plane, LOWPASS, 0), _filtered(plane, HIGHPASS, 0)
    diagonal = _filtered(row_details, HIGHPASS, 1)
    others = _filtered(row_details, LOWPASS, 1) ** 2 + _filtered(rows, HIGHPASS, 1) ** 2
    energy = uniform_filter(others + diagonal**2, WINDOW) * WINDOW**2 - diagonal**2
    mean = uniform_filter(_filtered(rows, LOWPASS, 1), WINDOW) / 2
    inner = (slice(WINDOW // 2, -(WINDOW // 2)),) * 2
    count = 3 * WINDOW**2 - 1
    return _Places(mean[inner].ravel(), np.abs(diagonal[inner]).ravel(), energy[inner].ravel() / count)


def _level_sets(places: _Places) -> list[_Places]:
    """Places of like mean, in `SETS` steps over the range of the means."""
    if not places.mean.size:
        return []
    steps = np.linspace(places.mean[0], places.mean[-1], SETS + 1)[1:-1]
    parts = np.split(np.arange(places.mean.size), np.searchsorted(places.mean, steps))
    return [places.at(part) for part in parts if part.size >= SMALLEST]


def _rank(values: Array, n: int) -> float:
    """The n-th smallest."""
    return float(np.partition(values, n - 1)[n - 1])


def _quiet(part: _Places, line: _Line, clipping: _Clipping) -> _Places | None:
    """The places of a level set that show no more than noise, at least `LEAST`; None if it is mostly clipped."""
    share = np.interp(part.mean, clipping.seen, clipping.share)
    sound = share > CLIPPED
    if sound.sum() < SMALLEST:
        return None
    ratio = part.energy / (line.variance(np.interp(part.mean, clipping.seen, clipping.true)) * share)
    return part.at(sound & (ratio <= max(QUIET, _rank(ratio[sound], LEAST))))


def _variance(part: _Places) -> float:
    """Of the diagonal coefficients, from their median size: a few edges do not count.

    1 / (5 n) is Foi's small-sample correction.
    """
    return float(np.median(part.detail) / (MEDIAN + 1 / (5 * part.detail.size))) ** 2


def _clipping(line: _Line, low: float, high: float, darkest: float) -> _Clipping:
    """Mean and variance of clipped Gaussian noise, over the true means that may lie behind what is seen."""
    reach = 4 * float(np.sqrt(line.variance(np.array(high))))
    true = np.linspace(min(darkest, low if low > -math.inf else darkest) - reach, high + reach, 1000)
    std = np.sqrt(line.variance(true))
    below, above = (np.clip((edge - true) / std, -40, 40) for edge in (low, high))  # exp stays finite
    density_below, density_above = (np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) for z in (below, above))
    left, right = ndtr(below), ndtr(-above)
    mean = density_below - density_above + below * left + above * right
    square = (
        1 + below * density_below - above * density_above + (below**2 - 1) * left + (above**2 - 1) * right
    )
    return _Clipping(true, true + std * mean, np.maximum(square - mean**2, 0))


def _fit(sets: list[_Places], line: _Line, low: float, high: float) -> _Line:
    """The likeliest line through the sets' variances: weighted least squares, reweighted until it rests."""
    if not sets:
        raise ValueError("every level of the picture is clipped; give a frame that is not")
    count = np.array([part.mean.size for part in sets])
    mean = np.array([part.mean.mean() for part in sets])
    variance = np.array([_variance(part) for part in sets])
    if variance.max() < 1e-24:  # rounding of the filters
        raise ValueError("no noise in the frame: neighbors are equal; give it as the sensor wrote it")
    for _ in range(20):
        clipping = _clipping(line, low, high, float(mean.min()))
        share = np.maximum(np.interp(mean, clipping.seen, clipping.share), CLIPPED)
        true = np.interp(mean, clipping.seen, clipping.true)
        before, line = line, _step(true, variance / share, count, line)
        if abs(line.shot - before.shot) + abs(line.read - before.read) < 1e-5 * (line.shot + line.read):
            break
    return line


def _step(signal: Array, variance: Array, count: NDArray[Any], line: _Line) -> _Line:
    """One weighted least-squares line, neither coefficient below 0, weights by the line before."""
    expected = line.variance(signal)
    rows = np.stack([np.maximum(signal, 0), np.ones_like(signal)], 1)
    weight = count / (MEDIAN_SPREAD * expected**2)
    above = (variance - expected) * np.sqrt(weight)
    lift = _LIFT * rows.T @ np.sqrt(weight)
    weight = weight * np.where(above > DOUBT, DOUBT / np.maximum(above, DOUBT), 1)
    normal, right = rows.T @ (weight[:, None] * rows), rows.T @ (weight * variance) + lift
    shot, read = np.linalg.lstsq(normal, right, rcond=None)[0]
    if shot < 0:
        shot, read = 0.0, right[1] / normal[1, 1]
    elif read < 0:
        shot, read = right[0] / normal[0, 0], 0.0
    misfit = float((weight * (variance - expected) ** 2).sum()) / max(len(signal) - 2, 1)
    return _Line(float(shot), float(read), normal / max(1.0, misfit))


def _noise_line(line: _Line, places: int) -> NoiseLine:
    scale = np.sqrt(np.diag(line.precision))
    correlation = -line.precision[0, 1] / (scale[0] * scale[1]) if scale[0] else -1.0
    free = 1 - correlation**2
    shot_error, read_error = (1 / (one * math.sqrt(free)) if one and free > 0 else math.inf for one in scale)
    return NoiseLine(line.shot, line.read, shot_error, read_error, float(correlation), places)
