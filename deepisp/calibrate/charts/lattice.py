"""Lattices of spots: which lie in rows and columns, seen in perspective."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from deepisp.calibrate.charts import patches
from deepisp.calibrate.charts.spots import Spots

Array = NDArray[np.float64]

_NEIGHBORS = 8  # among which two steps of the lattice are looked for
_FEWEST = 8  # spots of a lattice
_CLOSE = 0.22  # of a step: how far a spot may lie from where its neighbor expects it
_PITCH = (1.0, 2.2)  # step over the side of a spot
_ALIKE = 1.8  # ratio of the sides of two spots of one lattice
_SEEDS = 60  # spots to start from, in each set


class Lattice(NamedTuple):
    """Spots in rows and columns.

    Attributes:
        nodes: (N, 2) column and row of each spot, whole numbers from anywhere on.
        to_picture: homography (3, 3) from column, row to x, y; x runs right, y down, not mirrored.
        pitch: pixels from one node to the next.
    """

    nodes: NDArray[np.intp]
    to_picture: Array
    pitch: float


def lattices(sets: list[Spots]) -> Iterator[Lattice]:
    """The largest lattices of each set of spots, up to three, each of other spots."""
    for found in sets:
        if len(found.centers) < _FEWEST:
            continue
        free = np.ones(len(found.centers), bool)
        for _ in range(3):
            members = _largest(found, free)
            if members is None:
                break
            nodes, indices = members
            free[indices] = False
            lattice = _fitted(nodes, found.centers[indices])
            if lattice is not None:
                yield lattice


def _largest(found: Spots, free: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
    """Nodes and indices of the largest lattice among the free spots."""
    places = np.flatnonzero(free)
    if len(places) < _FEWEST:
        return None
    centers, sides = found.centers[places], found.sides[places]
    tree = cKDTree(centers)
    best: dict[int, tuple[int, int]] = {}
    grown: set[int] = set()
    seeds = np.random.default_rng(0).permutation(len(centers))
    for seed in [int(one) for one in seeds][: 4 * _SEEDS]:
        if seed in grown:
            continue
        for steps in _steps(seed, centers, sides, tree):
            members = _grown(seed, steps, centers, sides, tree)
            if len(members) > len(best):
                best = members
        if seed in best:
            grown |= set(best)
    if len(best) < _FEWEST:
        return None
    indices = np.array(list(best))
    return np.array(list(best.values())), places[indices]


def _steps(seed: int, centers: Array, sides: Array, tree: cKDTree) -> list[Array]:
    """Pairs of steps (2, 2), right and down, from a spot to its neighbors."""
    near = np.atleast_1d(tree.query(centers[seed], min(_NEIGHBORS + 1, len(centers)))[1])[1:]
    steps = [
        centers[other] - centers[seed]
        for other in near
        if 1 / _ALIKE < sides[other] / sides[seed] < _ALIKE
        and _PITCH[0] < np.hypot(*(centers[other] - centers[seed])) / sides[seed] < _PITCH[1]
    ]
    pairs = []
    for right in steps:
        for down in steps:
            area = right[0] * down[1] - right[1] * down[0]
            lengths = np.hypot(*right), np.hypot(*down)
            # Right is the one of the four quarter turns that points most to the right: all others say the same.
            is_right = right[0] > abs(right[1]) or (right[0] == abs(right[1]))
            if is_right and area > 0.6 * lengths[0] * lengths[1] and 0.5 < lengths[0] / lengths[1] < 2:
                pairs.append(np.stack([right, down]))
    return pairs


def _grown(
    seed: int, steps: Array, centers: Array, sides: Array, tree: cKDTree
) -> dict[int, tuple[int, int]]:
    """Spots that can be reached from a seed, each with its column and row; steps follow the perspective."""
    members, taken, front = {seed: (0, 0)}, {(0, 0)}, [(seed, steps)]
    while front:
        at, (right, down) = front.pop(0)
        column, row = members[at]
        for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            node = (column + x, row + y)
            expected = centers[at] + x * right + y * down
            length = float(np.hypot(*(x * right + y * down)))
            distance, other = tree.query(expected)
            alike = 1 / _ALIKE < sides[other] / sides[at] < _ALIKE
            if distance > _CLOSE * length or other in members or node in taken or not alike:
                continue
            seen = centers[other] - centers[at]
            new = np.stack([right if y else x * seen, down if x else y * seen])
            members[int(other)] = node
            taken.add(node)
            front.append((int(other), (steps + new + np.stack([right, down])) / 3))
    return members


def _fitted(nodes: NDArray[np.intp], centers: Array) -> Lattice | None:
    """The homography of a lattice, less the few spots that are off it."""
    kept = np.ones(len(nodes), bool)
    for _ in range(3):
        if kept.sum() < _FEWEST or len(set(nodes[kept, 0])) < 2 or len(set(nodes[kept, 1])) < 2:
            return None
        matrix = patches.homography(nodes[kept].astype(np.float64), centers[kept])
        middle = np.median(nodes[kept], axis=0)
        ends = patches.project(matrix, middle + np.array([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)]))
        pitch = float(np.hypot(*(ends[1:] - ends[0]).T).mean())
        kept = np.hypot(*(patches.project(matrix, nodes.astype(np.float64)) - centers).T) < _CLOSE * pitch
    return Lattice(nodes[kept], matrix, pitch)
