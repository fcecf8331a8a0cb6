"""What the flattest places of a mosaic show, against an expected noise line; and the line that they show instead.

    patches ─► light and slopes taken out ─► those whose eight neighbors vary least ─► energy / expected, by level

The line of sensor/line_fit.py is that of the quietest directions. It lies far too low where neighbors were made alike
in the camera (interpolated, compressed: fine directions hold no noise), and where noise passes for texture: over a
black level that is too low it grows with light as texture does. Flat places are told by their neighbors, which share no
photosite with them, so the choice does not bias what is measured in them.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.optimize import nnls

from deepisp.sensor import cfa as cfa_cell
from deepisp.sensor import level_sets
from deepisp.sensor.level_sets import Patches, Singles

Array = NDArray[np.float64]

LEVELS = 6  # of as many patches each
SHARE, LEAST = 0.02, 40  # of a level's patches: the flattest that are measured, and no fewer than
FEWEST = 3  # levels that must agree
NOTHING = 1e-9  # of the expected variance: rounding, where a file is posterized
# The spread of white noise is 1, measured 0.7 to 1.3; that of texture in bench pictures (tools/bench_noise_estimate.py)
# mostly 1.6 to 6.
EVEN = 1.52
# Times the line's variance, at evenly filled levels. Bench pictures at ISO 1600: up to 2.2, their own grain; files with
# a wrong line, by the look of them: 3.1 and 4.4 (Kodak DC120), 4.6 and 56 (Seestar), 147 (GoPro Hero 6).
FAR = 2.5
# Of the middle ratio, at the darkest level: grain fades in the dark faster than noise. Bench 0.66 to 0.87; these 0.97.
FADING = 0.93
# Where all levels are filled evenly, within a tenth of one ratio, there is nothing but noise: a sky, a flat. A line
# that is 12 % too low in deviation leaves worms there. Seestar 1.28 to 1.65; smooth scenes of honest raws 1.00 to 1.08.
NEAR, SAME = 1.15, 1.1
# Correlation of neighbors of one color, at all levels: 0.14 to 0.53 in Kodak DC50 and QuickTake 150.
ALIKE = 0.1
# Of 100,000 electrons at white: the cameras whose line was lower held far fewer. Large photosites of today hold up to
# 150,000, but their neighbors are not alike.
LOWEST_SHOT = 1e-5
# Of a line that is raised for neighbors that are alike: texture of a whole picture may be so, too.
HIGHEST_SHOT = 5e-5


class Place(NamedTuple):
    """The flattest places of one level of light.

    Attributes:
        level: mean signal of all colors.
        variance: median of the places, mean of the colors. Noise, and texture if there is any.
        ratio: the same over the expected variance.
        spread: log of the 9th over the 1st decile of the same, over that of as many independent values.
        alike: correlation of neighbors of one color, along rows or columns, whichever is higher; 0 for white noise.
    """

    level: float
    variance: float
    ratio: float
    spread: float
    alike: float


class NoiseLines(NamedTuple):
    """Noise lines of all colors, (C,) each.

    Attributes:
        shots: slopes.
        reads: variances at black.
    """

    shots: Array
    reads: Array


def places(
    given: Patches, shape: tuple[int, ...], cfa: str, lines: NoiseLines, *, low: float, high: float
) -> tuple[Place, ...]:
    """The flattest places of each level, darkest first; fewer than `LEVELS`, or none, where too little is unclipped.

    Args:
        given: `level_sets.patches` of a mosaic.
        shape: (H, W) of the mosaic.
        cfa: colors of its cell.
        lines: the noise that is expected.
        low: signal at which the file cuts off at the bottom.
        high: the same at the top.
    """
    expected = np.maximum(given.means, 0) * lines.shots + lines.reads
    if not (expected > 0).all():
        return ()
    reach = level_sets.MARGIN * np.sqrt(expected)
    sound = given.is_whole & ((given.means - reach > low) & (given.means + reach < high)).all(1)
    smooth = level_sets.smooth(np.eye(given.means.shape[1])[given.colors]).astype(np.float32)
    scaled = np.asarray(given.details / np.sqrt(expected)[:, given.colors], np.float32)
    freedom = smooth.shape[0] - smooth.shape[1]
    energy = np.einsum("ij,ij->i", scaled, scaled)
    energy -= np.square(scaled @ smooth).sum(1)
    energy = np.where(sound, np.maximum(energy, 0) / freedom, np.inf)
    around = _around(energy, shape, cfa)
    usable = np.flatnonzero(sound & np.isfinite(around))
    if usable.size < LEVELS * 2 * LEAST:
        return ()
    light = given.means.mean(1)
    parts = np.array_split(usable[np.argsort(light[usable], kind="stable")], LEVELS)
    usual = 2.563 * math.sqrt(
        2 / freedom
    )  # log chi-square is nearly normal, whose deciles are 2.563 deviations apart
    found = []
    for part in parts:
        count = max(LEAST, int(SHARE * part.size))
        flat = part[np.argpartition(around[part], count - 1)[:count]]
        least, ratio, most = (float(x) for x in np.quantile(energy[flat], (0.1, 0.5, 0.9)))
        variance = float(np.median(np.square(_rough(given.details[flat], smooth)).sum(1)) / freedom)
        alike = _alike(_rough(scaled[flat], smooth), cfa_cell.side(cfa), smooth)
        spread = math.log(most / least) / usual if least > NOTHING else math.inf
        found.append(Place(float(light[flat].mean()), variance, ratio, spread, alike))
    return tuple(found)


def raised(lines: NoiseLines, found: tuple[Place, ...]) -> NoiseLines:
    """The lines that flat places show, where those that were expected cannot be; else the same.

    Args:
        lines: that were expected when the places were measured.
        found: by level.
    """
    even = [one for one in found if one.spread <= EVEN]
    if len(even) >= FEWEST and even[0] is found[0]:
        ratios = sorted(one.ratio for one in even)
        middle = ratios[(len(even) - 1) // 2]
        is_all_noise = len(even) == LEVELS and ratios[-1] < SAME * ratios[0]
        if middle > (NEAR if is_all_noise else FAR) and even[0].ratio > FADING * middle:
            return _through(even, lines, middle)
    is_impossible = lines.shots.max() < LOWEST_SHOT
    if is_impossible and len(found) >= FEWEST and min(one.alike for one in found) > ALIKE:
        factor = min(min(one.ratio for one in found), HIGHEST_SHOT / float(lines.shots.max()))
        return NoiseLines(lines.shots * max(factor, 1.0), lines.reads * max(factor, 1.0))
    return lines


def _through(even: list[Place], lines: NoiseLines, middle: float) -> NoiseLines:
    """The line through places, by relative errors; the same for all colors, which the same amplifiers read."""
    if even[-1].level < 2 * even[0].level:  # too short to tell shot from read
        return NoiseLines(lines.shots * middle, lines.reads * middle)
    terms = np.array([(one.level, 1.0) for one in even])
    variances = np.array([one.variance for one in even])
    (shot, read), _ = nnls(terms / variances[:, None], np.ones(len(even)))
    shot = max(shot, LOWEST_SHOT)
    read = max(
        read, shot**2
    )  # of one electron, the least of the shipped profiles: no place may be dark enough
    return NoiseLines(np.full_like(lines.shots, shot), np.full_like(lines.reads, read))


def _around(energy: Array, shape: tuple[int, ...], cfa: str) -> Array:
    """The largest energy of the eight patches around each that share no photosite with it; infinite at borders."""
    n = cfa_cell.side(cfa)
    size, step = n * max(1, round(level_sets.PATCH / n)), max(2, n)  # as level_sets.patches lays them
    fit = ((shape[0] - size) // step + 1) * ((shape[1] - size) // step + 1)
    step *= math.ceil(math.sqrt(fit / level_sets.MOST))
    grid = energy.reshape((shape[0] - size) // step + 1, (shape[1] - size) // step + 1)
    k = math.ceil(size / step)
    padded = np.pad(grid, k, constant_values=np.inf)
    nine = sliding_window_view(padded, (2 * k + 1, 2 * k + 1))[:, :, ::k, ::k].reshape(*grid.shape, 9)
    around: Array = np.delete(nine, 4, axis=2).max(2).ravel()
    return around


def _rough(details: Singles, smooth: Singles) -> Singles:
    return np.asarray(details - details @ smooth @ smooth.T, np.float32)


def _alike(details: Singles, n: int, smooth: Singles) -> float:
    """Correlation of neighbors of one color, `n` photosites apart, less what taking slopes out makes of white noise."""
    side = math.isqrt(details.shape[1])
    index = np.arange(side**2).reshape(side, side)
    pairs = (index[:, :-n], index[:, n:]), (index[:-n], index[n:])
    if side == n:  # each patch is one cell
        return 0.0
    freedom = smooth.shape[0] - smooth.shape[1]
    power = np.square(details).sum(1) / freedom
    found = []
    for one, other in ((a.ravel(), b.ravel()) for a, b in pairs):
        white = -float((smooth[one] * smooth[other]).sum())
        products = (details[:, one] * details[:, other]).sum(1) - white * power
        found.append(float(np.median(products) / max(float(np.median(power)), 1e-30) / one.size))
    return max(found)
