"""Level sets of a mosaic's quiet patches: how much noise there is at each level, with as little texture as can be had.

    patches ─► / expected noise ─► principal components ─► quiet half of the directions ─► variance by level and color
                                        │                                                        ▲
                                        └► busy half: energy ─► the quietest patches of a level ─┘

A patch spans whole cells of the CFA, so texture that the colors share is seen as such: it lies in few directions,
noise in all. Patches are chosen by the busy directions and measured in the quiet ones, which for noise alone know
nothing of each other; directions found in one half of the frame measure the other half. So neither choice biases.

Sources: S. Pyatykh, J. Hesser, L. Zheng, "Image noise level estimation by principal component analysis", IEEE Trans.
Image Processing 22(2), 2013; X. Liu, M. Tanaka, M. Okutomi, "Single-image noise level estimation for blind denoising",
IEEE Trans. Image Processing 22(12), 2013 (weak texture). Ours: CFA cells as patches, the two halves.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from deepisp.sensor import cfa as cfa_cell

Array = NDArray[np.float64]
Singles = NDArray[np.float32]

PATCH = 8  # photosites a side, or the multiple of the CFA's cell that comes nearest
MOST = 100_000  # patches that are looked at, evenly spread over the frame
BLOCK = 48  # photosites; halves of the frame are a checkerboard of such blocks
# Tuned on 12 training pictures in simulated noise, with and without grain of 1.2 of 255 codes:
SETS = 12  # levels of a color, of equal width in sqrt(signal)
QUIETEST = 0.1  # share of a level's patches that is measured
LEAST = 40  # patches of a level that are measured at least; levels of less than twice as many are left out
MARGIN = 4.0  # deviations of noise between a patch's level and where the file cuts off


class Patches(NamedTuple):
    """(n, D) photosites of n patches, less the patch's own mean of each color.

    Attributes:
        details: (n, D).
        means: (n, C), of each color.
        colors: (D,), index of each photosite's color.
        is_whole: (n,), whether no photosite is cut off.
        half: (n,), which half of the frame, 0 or 1.
        overlap: how many patches share a photosite.
    """

    details: Singles
    means: Singles
    colors: NDArray[np.intp]
    is_whole: NDArray[np.bool_]
    half: NDArray[np.intp]
    overlap: float


class LevelSets(NamedTuple):
    """One row per color and level: the variance there, as a share of what was expected.

    A line `shot * signal + read` of each color foretells `signals @ shots + ones @ reads`.

    Attributes:
        share: (b,), measured over expected variance.
        freedom: (b,), degrees of freedom of `share`.
        level: (b,), mean signal.
        signals: (b, C).
        ones: (b, C).
        patches: how many were measured.
    """

    share: Array
    freedom: Array
    level: Array
    signals: Array
    ones: Array
    patches: int


class _Measured(NamedTuple):
    busy: Array  # (n,), energy in the busy directions of the other half
    own: Array  # (n,), the same, of its own half
    quiet: Array  # (n, C), energy in the quiet directions, by color
    mixing: Array  # (2, C, C), per half: how much of each color's noise is in each color's quiet energy
    freedom: float  # quiet directions


def patches(signal: NDArray[np.float32] | Array, cfa: str, *, low: float, high: float) -> Patches:
    """Patches of a mosaic (H, W), each on the same position of the CFA's cell.

    Raises:
        ValueError: the mosaic is smaller than a patch.
    """
    n = cfa_cell.side(cfa)
    size, step = n * max(1, round(PATCH / n)), max(2, n)
    height, width = signal.shape
    fit = ((height - size) // step + 1) * ((width - size) // step + 1)
    step *= math.ceil(math.sqrt(fit / MOST))
    windows = sliding_window_view(signal, (size, size))[::step, ::step]
    rows, columns = windows.shape[:2]
    values = windows.reshape(-1, size * size).astype(np.float32)
    colors = np.tile(cfa_cell.indices(cfa), (size // n, size // n)).ravel()
    is_color = np.eye(colors.max() + 1, dtype=np.float32)[colors]
    is_whole = np.asarray(np.all((values > low + 1e-6) & (values < high - 1e-6), axis=1))
    means = values @ (is_color / is_color.sum(0))
    values -= means[:, colors]
    row, column = np.divmod(np.arange(rows * columns), columns)
    half = (row * step // BLOCK + column * step // BLOCK) % 2
    return Patches(values, means, colors, is_whole, half, max(1.0, (size / step) ** 2))


def quietest(given: Patches) -> tuple[NDArray[np.bool_], float]:
    """Where to begin: the third of the patches that varies least, and a low estimate of the variance per signal."""
    energy = np.einsum("ij,ij->i", given.details, given.details) / given.details.shape[1]
    chosen = given.is_whole & (energy <= np.quantile(energy[given.is_whole], 0.3))
    return chosen, float(np.median(energy[chosen]) / max(np.median(given.means[chosen]), 1e-3))


def measure(
    given: Patches, chosen: NDArray[np.bool_], shots: Array, reads: Array, *, low: float, high: float
) -> tuple[LevelSets, NDArray[np.bool_]]:
    """Variance by color and level, against the lines (C,) that are expected, and patches for the next time.

    Args:
        given: of one mosaic.
        chosen: (n,), the patches whose principal components are taken.
        shots: (C,), of the expected lines.
        reads: (C,), the same.
        low: signal at which the file cuts off at the bottom.
        high: the same at the top.

    Returns:
        The level sets, without a row if everything is cut off; and (n,) the patches for `chosen` next.
    """
    levels = np.maximum(given.means, 0)
    expected: Singles = (shots * levels + reads).astype(np.float32)
    reach = MARGIN * np.sqrt(expected)
    sound = given.is_whole & ((given.means - reach > low) & (given.means + reach < high)).all(1)
    scaled = np.asarray(given.details / np.sqrt(expected)[:, given.colors], np.float32)
    measured = _measured(given, scaled, chosen & sound, sound)
    rows = []
    taken, following = np.zeros(len(levels), bool), np.zeros(len(levels), bool)
    for color in range(levels.shape[1]):
        # What gives the directions is chosen within its half: else a half would hear of its own noise, by way of the
        # other half's choice (1.6 % too high in variance, seen).
        following[np.concatenate([[], *_quiet(levels[:, color], measured.own, sound)]).astype(np.intp)] = True
        for index in _quiet(levels[:, color], measured.busy, sound):
            taken[index] = True
            weight = measured.mixing[given.half[index], color] / expected[index]
            level = levels[index]
            terms = [(weight * level).mean(0), weight.mean(0)]
            freedom = len(index) * measured.freedom * (given.colors == color).mean() / given.overlap
            mean = terms[0].sum() / terms[1].sum()
            rows.append((measured.quiet[index, color].mean(), freedom, mean, *np.concatenate(terms)))
    table = np.array(rows).reshape(len(rows), 3 + 2 * levels.shape[1])
    signals, ones = np.split(table[:, 3:], 2, axis=1)
    return LevelSets(table[:, 0], table[:, 1], table[:, 2], signals, ones, int(taken.sum())), following


def _measured(
    given: Patches, scaled: Singles, chosen: NDArray[np.bool_], sound: NDArray[np.bool_]
) -> _Measured:
    """Energies of every patch in the directions that the other half of the frame gives."""
    is_color = np.eye(given.means.shape[1])[given.colors]  # (D, C)
    slow = smooth(is_color)
    count = scaled.shape[1] - slow.shape[1]
    overall = _covariance(scaled[sound])
    busy, quiet = np.zeros((2, len(scaled))), np.zeros((len(scaled), is_color.shape[1]))
    mixing = np.zeros((2, is_color.shape[1], is_color.shape[1]))
    for half in (0, 1):
        here = given.half == half
        own = chosen & here if (chosen & here).sum() > scaled.shape[1] else sound & here
        # Means and slopes go last, and count for nothing: light falls off smoothly everywhere.
        _, directions = np.linalg.eigh(_covariance(scaled[own]) + 1e6 * slow @ slow.T)
        still, moved = directions[:, : count // 2], directions[:, count // 2 : count]
        projector = still @ still.T
        quiet[~here] = (scaled[~here] @ projector.astype(np.float32)) ** 2 @ is_color.astype(np.float32)
        mixing[1 - half] = is_color.T @ projector**2 @ is_color
        power, turn = np.linalg.eigh(moved.T @ overall @ moved)
        weight = np.maximum(1 - 1 / np.maximum(power, 1e-9), 1e-3)  # of texture in the direction's variance
        energy = (scaled @ (moved @ turn).astype(np.float32)) ** 2 @ weight.astype(np.float32)
        busy[0, ~here], busy[1, here] = energy[~here], energy[here]
    return _Measured(busy[0], busy[1], quiet, mixing, count // 2)


def smooth(is_color: Array) -> Array:
    """Mean, horizontal and vertical slope of each color in a patch, orthonormal, (D, 3 C)."""
    side = math.isqrt(len(is_color))
    row, column = np.divmod(np.arange(side**2), side)
    shapes = np.stack([np.ones(side**2), row, column], 1)
    return np.linalg.qr((shapes[:, :, None] * is_color[:, None]).reshape(side**2, -1))[0]


def _covariance(values: Singles) -> Array:
    return (values.T @ values).astype(np.float64) / max(len(values), 1)


def _quiet(level: Singles, busy: Array, sound: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Indices of the quietest patches of each level that holds enough."""
    if not sound.any():
        return []
    root = np.sqrt(level)
    edges = np.linspace(root[sound].min(), root[sound].max(), SETS + 1)[1:-1]
    place = np.where(sound, np.searchsorted(edges, root, side="right"), -1)
    found = []
    for one in range(SETS):
        index = np.flatnonzero(place == one)
        if index.size >= 2 * LEAST:
            n = max(LEAST, int(QUIETEST * index.size))
            found.append(index[np.argpartition(busy[index], n - 1)[:n]])
    return found
