"""A color chart found in a raw image: no corners given, turned by any angle.

    planes of means ─► smooth spots of parallelogram shape ─► lattices of spots ─► every way that the chart could lie
    on one ─► the way whose colors a 3 x 3 matrix and flare explain best

What decides is color: 24 patches of three colors that twelve numbers explain are no accident. Lens distortion moves
a patch by less than its half, so one homography does.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepisp.calibrate.charts import chart, patches, planes
from deepisp.calibrate.charts.lattice import Lattice, lattices
from deepisp.calibrate.charts.planes import Planes
from deepisp.calibrate.charts.spots import spots
from deepisp.raw.image import RawImage

Array = NDArray[np.float64]

_CREDIBLE = 0.80  # of the colors' variance: five real charts have 0.95 to 0.99, other pictures 0.25 or less
_COMPLETE = 0.03  # what a full lattice counts against the score of one with no spots
_SEEN = 0.4  # part of a chart's patches that stand out as spots: dark ones do not
_TURNS = 4  # a chart lies one of four ways on a lattice


class Found(NamedTuple):
    """A chart in a picture.

    Attributes:
        corners: (4, 2) x, y in the picture of the centers of the corner patches, clockwise from the first.
        score: part of the colors' variance that a 3 x 3 matrix and flare explain, up to 1.
        turned: degrees by which the chart is turned clockwise in the picture, -180 to 180.
    """

    corners: Array
    score: float
    turned: float


def find(raw: RawImage, chart_name: chart.Name = "classic", edition: str | None = None) -> Found:
    """The chart in a raw image.

    Raises:
        ValueError: the colors are not R, G and B, or no chart is found.
    """
    patches.check_colors(raw)
    target, reference = chart.target(chart_name), chart.reference(chart_name, edition)
    seen = planes.planes(raw)
    best, most = None, 0.0
    for lattice in lattices(spots(seen)):
        found = _best(lattice, target, reference.xyz, seen)
        # Of two that colors cannot tell apart, the one with more spots has the truer corners.
        worth = 0.0 if found is None else found.score + _COMPLETE * len(lattice.nodes) / len(reference.xyz)
        if worth > most:
            best, most = found, worth
    if best is None or best.score < _CREDIBLE:
        nearest = "" if best is None else f" (the likest thing scores {best.score:.2f} of {_CREDIBLE})"
        raise ValueError(
            f"no {target.name} found{nearest}; give --corners, the centers of the patches {', '.join(target.corners)}"
        )
    return best


def _best(lattice: Lattice, target: chart.Target, xyz: Array, seen: Planes) -> Found | None:
    """The likest way in which the chart lies on a lattice."""
    best = None
    for turn in range(_TURNS):
        places = _placements(lattice, target, turn)
        if not len(places):
            continue
        corners = patches.project(
            lattice.to_picture, _turned(target.corner_centers, turn) + places[:, None, :]
        )
        centers = patches.project(lattice.to_picture, _turned(target.centers, turn) + places[:, None, :])
        inside = seen.holds(centers).all(-1)
        for place in np.flatnonzero(inside):
            score = explained(seen.at(centers[place], lattice.pitch / 6), xyz)
            if best is None or score > best.score:
                across = corners[place, 1] - corners[place, 0]
                angle = float(np.degrees(np.arctan2(across[1], across[0])))
                best = Found(corners[place], score, angle)
    return best


def _turned(points: Array, quarters: int) -> Array:
    """Points of a chart turned clockwise by quarters, onto a lattice whose x runs right and y down."""
    for _ in range(quarters):
        points = np.stack([-points[:, 1], points[:, 0]], axis=1)
    return points


def _placements(lattice: Lattice, target: chart.Target, turn: int) -> Array:
    """Where on the lattice the chart's first patch may lie, (P, 2): where enough patches fall on spots."""
    own = _turned(target.centers, turn).astype(int)
    nodes = lattice.nodes - lattice.nodes.min(0)
    extent, low, high = nodes.max(0), own.min(0), own.max(0)
    margin = high - low
    grid = np.zeros(extent + 1 + 2 * margin, bool)
    grid[tuple((nodes + margin).T)] = True
    found = []
    for x, y in np.ndindex(*(extent + margin + 1)):
        first = np.array([x, y]) - low
        at = own + first
        if grid[at[:, 0], at[:, 1]].mean() >= _SEEN:
            found.append(first - margin + lattice.nodes.min(0))
    return np.array(found, np.float64).reshape(-1, 2)


def explained(seen: Array, xyz: Array) -> float:
    """The part of the variance of camera colors (N, 3) that one 3 x 3 matrix and flare explain, below 1.

    Colors are taken to their cube roots, in which dark ones count as in vision.
    """
    if not (seen.max(0) > 0).all():
        return 0.0
    scaled = np.maximum(seen / seen.max(0), 0)
    weight = 1 / np.maximum(xyz[:, 1:2], 0.05) ** (2 / 3)  # slope of the cube root
    known = np.hstack([xyz, np.ones((len(xyz), 1))])
    matrix = np.linalg.lstsq(known * weight, scaled * weight, rcond=None)[0]
    roots, predicted = np.cbrt(scaled), np.cbrt(np.maximum(known @ matrix, 0))
    return float(1 - ((roots - predicted) ** 2).sum() / max(((roots - roots.mean(0)) ** 2).sum(), 1e-12))
