"""The likeliest noise line under the variances that a picture shows, texture and all.

What a level shows is noise, or noise and texture, never less than noise but by chance:

    variance = (shot * signal + read + texture * signal^power) * e^excess,  excess >= 0, exponentially distributed

The texture term is what even the quietest places have (grain, fine surfaces): its contrast hardly depends on light, so
in the dark it falls faster than shot noise does, and the dark shows shot noise at its purest. Texture of constant
contrast has a variance of signal^2, grain of a picture of 8-bit sRGB one of signal^1.2; where bright surfaces are the
rough ones, or a tone curve was undone, it grows up to as signal^3. One level alone could not tell the terms apart;
where the picture cannot, what is known of sensors and scenes decides.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_ndtr

from deepisp.sensor.level_sets import LevelSets

Array = NDArray[np.float64]

# Read noise of the shipped profiles, 1 to 11 electrons (sensors/*.toml): median and log deviation of what to expect.
READ_STD_E, READ_SPREAD = 3.0, 0.7
# All colors are read by the same amplifiers; some cameras scale a color before they write it. Gain of a color: Cauchy.
COLOR_SPREAD = 0.02
MID_GRAY = 0.18  # at which contrasts are given
# Contrast (deviation over mean at mid-gray) of the quietest places; tuned on training pictures, see level_sets.py.
CONTRAST, CONTRAST_SPREAD = 0.02, 0.5
# Power of the signal with which texture grows, and its deviation below and above; tuned as the above. Low powers stand
# in for shot noise. With a deviation of 0.15 above, too, the bend of faster texture went into the line: read noise 30
# times too high, shot noise a third too low (simulated D850, ISO 800).
POWER, POWER_SPREAD = 1.7, (0.15, 0.5)
POWER_RANGE = (1.4, 4.0)
EXCESS, EXCESS_SPREAD = 0.3, 2.0  # mean excess at mid-gray: nearly anything
EXCESS_POWER = 0.5  # of the signal, with which the excess grows
BLUR = 0.02  # deviation of a level's variance that no count takes away: its patches share their texture


class Fit(NamedTuple):
    """Lines of all colors, (C,) each, and how sure they are.

    Attributes:
        shots: slopes.
        reads: variances at black.
        covariance: (C, 2, 2), of shot and read of each color.
    """

    shots: Array
    reads: Array
    covariance: Array


def fit(sets: LevelSets, shots: Array, reads: Array) -> Fit:
    """The likeliest lines, found from those (C,) that were expected when the sets were measured.

    The parameters are logarithms: shot and read of the sensor, texture, mean excess, then a gain of each color;
    but the texture's power, which stands before the gains, is none.
    """
    gains = np.log(shots) - np.log(shots).mean()
    ratio = float(np.quantile(sets.share / (sets.signals @ shots + sets.ones @ reads), 0.2))
    starts = []
    for contrast, factor in ((0.3 * CONTRAST, 1.0), (3 * CONTRAST, 0.6)):
        shot = math.log(ratio * factor) + float(np.log(shots).mean())
        read = 2 * (shot + math.log(READ_STD_E))
        texture = 2 * math.log(contrast)
        starts += [[shot, read, texture, math.log(EXCESS), POWER, *gain] for gain in (gains, 0 * gains)]
    # Far beyond anything likely; they keep the first long step finite.
    bounds = (
        [(x - 8, x + 8) for x in starts[0][:2]]
        + [(-25.0, 0.0), (-5.0, 3.0), POWER_RANGE]
        + [(-3.0, 3.0)] * len(gains)
    )
    found = [minimize(_cost_and_slope, one, (sets,), "L-BFGS-B", jac=True, bounds=bounds) for one in starts]
    best = min(found, key=lambda one: float(one.fun)).x
    return _fit(best, _covariance(best, sets))


def cost(parameters: Array, sets: LevelSets) -> Array:
    """Minus the log probability of parameters (..., 5 + C), see `fit`; (...)."""
    shot, read, texture, excess, power = np.moveaxis(parameters[..., :5], -1, 0)
    gains = parameters[..., 5:]
    lines = (
        np.exp(shot[..., None] + gains) @ sets.signals.T + np.exp(read[..., None] + 2 * gains) @ sets.ones.T
    )
    # A color's gain scales what it sees, texture and all: g^2, but of a signal that is g times as high.
    levels = np.log(np.maximum(sets.signals / np.maximum(sets.ones, 1e-30), 1e-6) / MID_GRAY)  # (b, C)
    grown = (
        power[..., None, None] * levels + (texture[..., None] + (2 - power[..., None]) * gains)[..., None, :]
    )
    lines += MID_GRAY**2 * (np.exp(grown) * sets.ones).sum(-1)
    above = np.log(sets.share) - np.log(lines)
    mean = np.exp(excess)[..., None] * (np.maximum(sets.level, 1e-4) / MID_GRAY) ** EXCESS_POWER
    std = np.sqrt(2 / sets.freedom + BLUR**2)
    # The density of the sum of an exponential and a normal variable.
    log = -np.log(mean) + std**2 / (2 * mean**2) - above / mean + log_ndtr(above / std - std / mean)
    known = ((read / 2 - shot - math.log(READ_STD_E)) / READ_SPREAD) ** 2
    known += ((texture / 2 - math.log(CONTRAST)) / CONTRAST_SPREAD) ** 2
    known += ((excess - math.log(EXCESS)) / EXCESS_SPREAD) ** 2
    known += ((power - POWER) / np.where(power < POWER, *POWER_SPREAD)) ** 2
    likely: Array = known / 2 + np.log1p((gains / COLOR_SPREAD) ** 2).sum(-1) - log.sum(-1)
    return likely


def _cost_and_slope(parameters: Array, sets: LevelSets) -> tuple[float, Array]:
    """Central differences, all at once."""
    steps = 1e-4 * np.eye(len(parameters))
    costs = cost(np.concatenate([parameters[None], parameters + steps, parameters - steps]), sets)
    up, down = np.split(costs[1:], 2)
    return float(costs[0]), (up - down) / 2e-4


def _covariance(best: Array, sets: LevelSets) -> Array:
    """Of the parameters, from the curvature of the cost."""
    size, step = len(best), 1e-3
    steps = step * np.eye(size)
    pairs = steps[:, None] + steps
    crossed = steps[:, None] - steps
    curvature = (
        cost(best + pairs, sets)
        + cost(best - pairs, sets)
        - cost(best + crossed, sets)
        - cost(best - crossed, sets)
    ) / (4 * step**2)
    value, vector = np.linalg.eigh(curvature)
    covariance: Array = (vector / np.maximum(value, 1e-3)) @ vector.T
    return covariance


def _fit(best: Array, covariance: Array) -> Fit:
    gains = best[5:]
    shots, reads = np.exp(best[0] + gains), np.exp(best[1] + 2 * gains)
    found = []
    for i, (shot, read) in enumerate(zip(shots, reads, strict=True)):
        slope = np.zeros((2, len(best)))
        slope[0, [0, 5 + i]] = shot, shot
        slope[1, [1, 5 + i]] = read, 2 * read
        found.append(slope @ covariance @ slope.T)
    return Fit(shots, reads, np.array(found))
