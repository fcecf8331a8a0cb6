"""The noise line of one ordinary raw, from its own numbers: `variance = shot * signal + read`.

    mosaic ─► patches ─► level sets of the quietest ─► likeliest lines ─► the noise to expect ─┐
                                ▲                                                              ├─► flat places
                                └──────────────────────────────────────────────────────────────┘

How texture is told from noise: sensor/level_sets.py; how the line is laid under what is left of it: sensor/line_fit.py;
where flat places show that it cannot be: sensor/flat_places.py.
Texture that looks like noise at all levels of the whole picture cannot be told apart: then the line lies too high.
"""

import math
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from deepisp.sensor import cfa as cfa_cell
from deepisp.sensor import flat_places, level_sets, line_fit
from deepisp.sensor.noise import Noise

SHORTEST = 64  # side of a mosaic, photosites: a few hundred patches
ROUNDS = 4  # choices of patches, each by the noise of the round before; not tuned
_ONE_AT_A_TIME = Lock()


class Estimate(NamedTuple):
    """The noise line of one color and how sure it is.

    Attributes:
        noise: `variance = shot * signal + read`, both of the normalized signal; quantization is in `read`.
        shot_error: standard error of `noise.shot`.
        read_error: standard error of `noise.read`; about as large as `read` where nothing in the picture is dark.
        correlation: of the two errors, mostly below 0: the line is best known in the picture's middle.
        patches: of the whole mosaic, that the lines of its colors rest on.
    """

    noise: Noise
    shot_error: float
    read_error: float
    correlation: float
    patches: int

    def std(self, signal: float) -> float:
        """Standard deviation of the noise at a signal level.

        >>> round(Estimate(Noise(1e-3, 1e-5), 0, 0, 0, 1).std(0.09), 6)
        0.01
        """
        return math.sqrt(self.noise.shot * max(signal, 0.0) + self.noise.read)

    def std_error(self, signal: float) -> float:
        """Standard error of `std`, of the same signal level.

        >>> round(Estimate(Noise(1e-3, 1e-5), 1e-4, 0, 0, 1).std_error(0.09), 6)
        0.00045
        """
        light = max(signal, 0.0) * self.shot_error
        both = light**2 + self.read_error**2 + 2 * self.correlation * light * self.read_error
        return math.sqrt(max(both, 0.0)) / (2 * self.std(signal))


def estimate_mosaic(
    signal: NDArray[np.float64] | NDArray[np.float32], cfa: str, *, low: float = -math.inf, high: float = 1.0
) -> tuple[Estimate, ...]:
    """The noise line of each color of a mosaic, in the order of `cfa.colors(cfa)`, from one raw of any scene.

    Args:
        signal: (H, W), one value per photosite, black subtracted, not clipped below 0.
        cfa: colors of the cell at signal[0, 0], see sensor/cfa.py; "W" for a plane of one color.
        low: signal at which the file cuts noise off at the bottom: 0 for files without a black offset.
        high: signal at which it saturates, the plateau that bright photosites reach.

    Raises:
        ValueError: it is no (H, W) mosaic of 64 x 64 or more, is no CFA, or holds NaN or infinity; nearly all is
            clipped; no noise is in it.
    """
    _check(signal)
    # Threads of BLAS that wait for a busy core burned 6.5 CPU seconds where one alone needs 1.2. Their number is the
    # process's: calls that overlap would each bring back what they found, the last one the other's 1.
    with _ONE_AT_A_TIME, threadpool_limits(limits=1, user_api="blas"):
        return _estimated(signal, cfa, low, high)


def _estimated(signal: NDArray[Any], cfa: str, low: float, high: float) -> tuple[Estimate, ...]:
    patches = level_sets.patches(signal, cfa, low=low, high=high)
    count = len(cfa_cell.colors(cfa))
    if patches.is_whole.sum() < 2 * level_sets.LEAST:
        raise _clipped(low, high)
    chosen, ratio = level_sets.quietest(patches)
    if ratio < 1e-16:
        raise _noiseless()
    shots, reads = np.full(count, ratio), np.full(count, (3 * ratio) ** 2)
    for _ in range(ROUNDS):
        sets, chosen = level_sets.measure(patches, chosen, shots, reads, low=low, high=high)
        if not sets.patches:
            raise _clipped(low, high)
        if sets.share.min() < 1e-9:
            raise _noiseless()
        shots, reads, covariance = line_fit.fit(sets, shots, reads)
    lines = flat_places.NoiseLines(shots, reads)
    found = flat_places.places(patches, signal.shape, cfa, lines, low=low, high=high)
    shown = flat_places.raised(lines, found)
    # Of a raised line no error is known: its share stays the same.
    grown = (shown.shots * line_fit.MID_GRAY + shown.reads) / (shots * line_fit.MID_GRAY + reads)
    return tuple(
        _estimate(Noise(float(shot), float(read)), own * factor**2, sets.patches)
        for shot, read, own, factor in zip(*shown, covariance, grown, strict=True)
    )


def _check(signal: NDArray[Any]) -> None:
    if signal.ndim != 2:
        raise ValueError(f"a mosaic is (H, W), got {signal.shape}; give one frame at a time")
    if min(signal.shape) < SHORTEST:
        raise ValueError(
            f"noise shows in {SHORTEST} x {SHORTEST} photosites or more, got {signal.shape[0]} x {signal.shape[1]}; "
            "give a larger piece of the frame"
        )
    if bad := int(signal.size - np.isfinite(signal).sum()):
        raise ValueError(f"{bad} of {signal.size} values are NaN or infinite; repair or crop them away first")


def _clipped(low: float, high: float) -> ValueError:
    return ValueError(
        f"noise shows only in photosites that are not clipped, and too few lie between low {low:g} and high {high:g}; "
        "give a frame that is not clipped throughout"
    )


def _noiseless() -> ValueError:
    return ValueError("no noise in the frame: neighbors are equal; give it as the sensor wrote it")


def _estimate(noise: Noise, covariance: NDArray[np.float64], patches: int) -> Estimate:
    shot_error, read_error = np.sqrt(np.diag(covariance))
    correlation = covariance[0, 1] / max(shot_error * read_error, 1e-300)
    return Estimate(noise, float(shot_error), float(read_error), float(correlation), patches)
