"""The best linear guess of a color from the photosites around it, for any periodic CFA.

A scene is modeled as one luma that all colors share plus one chroma per color; each is a stationary random
field, correlated farther along a direction (an edge) than across. The covariances give, for every position of
the cell, the weights of least mean square error (ordinary kriging). The weights of a color's own photosites sum
to one and those of every other color to zero, so flat patches of any color stay flat.

Source: N. Cressie, "Statistics for Spatial Data", Wiley 1993, sections 3.2 and 3.4 (kriging); O. Dubrule,
"Cross validation of kriging in a unique neighborhood", Mathematical Geology 15(6), 1983 (leave-one-out).
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RADIUS = 6  # of the window, in photosites

# Chosen by search on 24 crops of training photographs, for X-Trans and quad-Bayer together; chroma's variances on
# the 24 most colorful crops too.
WINDOW = (6.1, 2.6)  # half axes of the ellipse of photosites used, along and across the direction
LUMA_LENGTH = (6.0, 1.5)  # photosites over which luma is alike, along and across
CHROMA_LENGTH = (10.0, 3.0)
NUGGET = 1e-4  # variance of noise that keeps the weights small, against luma's 1


class Model(NamedTuple):
    """What a scene may be like near a photosite.

    Attributes:
        angle: direction along which it changes least, against the rows (radians, downward).
        chroma_variance: how colorful it is; variance of each chroma, against luma's 1.
    """

    angle: float
    chroma_variance: float


# Edges along -, \, |, / in nearly gray and in colorful surroundings. For X-Trans, the colorful ones alone would cost
# 0.4 dB on ordinary crops, the gray ones alone 0.5 dB on colorful crops.
MODELS = tuple(Model(math.pi * k / 4, variance) for variance in (0.1, 1.0) for k in range(4))


class Filters(NamedTuple):
    """FIR filters of one model, per position of the cell: sum over taps of weights times mosaic.

    Attributes:
        offsets: (T, 2) int64, row and column of each tap against the photosite in question.
        estimate: (n, n, C, T), give each color.
        residual: (n, n, 1, T), give the measured value less what all the others make of it.
    """

    offsets: NDArray[np.int64]
    estimate: NDArray[np.float64]
    residual: NDArray[np.float64]


def filters(pattern: NDArray[np.integer], model: Model) -> Filters:
    """The filters that a model gives for a cell.

    Args:
        pattern: (n, n) color index of each position of the cell.
        model: one of MODELS.

    Raises:
        ValueError: a color lies outside the window of some position.
    """
    n, colors = len(pattern), int(pattern.max()) + 1
    offsets = _window(model.angle)
    taps = len(offsets)
    position = np.indices((n, n)).reshape(2, n * n, 1)
    color = pattern[(position[0] + offsets[:, 0]) % n, (position[1] + offsets[:, 1]) % n]  # (n*n, T)
    member = (color[:, :, None] == np.arange(colors)).astype(np.float64)  # (n*n, T, C)
    if not member.any(axis=1).all():
        raise ValueError(
            f"kriging needs every color within {RADIUS} photosites along every direction, a cell of side {n} "
            "has them farther apart; use demosaic.periodic.bilinear"
        )
    same = color[:, :, None] == color[:, None, :]
    luma, chroma = _covariances(offsets[:, None] - offsets[None], model)
    system = np.zeros((n * n, taps + colors, taps + colors))
    system[:, :taps, :taps] = luma + chroma * same + NUGGET * np.eye(taps)
    system[:, :taps, taps:] = member
    system[:, taps:, :taps] = member.swapaxes(1, 2)
    inverse = np.linalg.inv(system)
    luma, chroma = _covariances(offsets, model)
    wanted = np.concatenate(
        [luma[:, None] + chroma[:, None] * member, np.broadcast_to(np.eye(colors), (n * n, colors, colors))],
        axis=1,
    )
    estimate = (inverse @ wanted)[:, :taps].swapaxes(1, 2)
    center = int(np.flatnonzero((offsets == 0).all(axis=1))[0])
    residual = inverse[:, center, :taps] / inverse[:, center, center, None]  # Dubrule 1983
    return Filters(offsets, estimate.reshape(n, n, colors, taps), residual.reshape(n, n, 1, taps))


def _window(angle: float) -> NDArray[np.int64]:
    square = np.indices((2 * RADIUS + 1, 2 * RADIUS + 1)).reshape(2, -1).T - RADIUS
    return square[_distance(square, angle, WINDOW) <= 1].astype(np.int64)


def _distance(offsets: NDArray[np.int64], angle: float, lengths: tuple[float, float]) -> NDArray[np.float64]:
    rows, columns = offsets[..., 0], offsets[..., 1]
    along = columns * math.cos(angle) + rows * math.sin(angle)
    across = rows * math.cos(angle) - columns * math.sin(angle)
    return np.hypot(along / lengths[0], across / lengths[1])


def _covariances(offsets: NDArray[np.int64], model: Model) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Luma's, Matern 3/2 (once differentiable), and chroma's, exponential."""
    luma = math.sqrt(3) * _distance(offsets, model.angle, LUMA_LENGTH)
    chroma = _distance(offsets, model.angle, CHROMA_LENGTH)
    return (1 + luma) * np.exp(-luma), model.chroma_variance * np.exp(-chroma)
