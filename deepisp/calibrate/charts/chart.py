"""Color charts: where their patches lie, and which colors these have.

A chart's own coordinates count distances of patches' centers: (0, 0) is the center of the first patch as the chart is
read, (columns - 1, rows - 1) that of the last; x runs right, y down. `calibration/colorchecker*.toml` describe them.
"""

import tomllib
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, FiniteFloat

from deepisp import shipped

Array = NDArray[np.float64]
Name = Literal["classic", "sg"]

FILES: dict[Name, str] = {"classic": "colorchecker.toml", "sg": "colorchecker-sg.toml"}


class Fit(BaseModel, frozen=True, extra="forbid"):
    """Settings of the fit; the shipped files say why."""

    degree: Literal[2, 3] = Field(description="of the root polynomial")
    ridge: FiniteFloat = Field(ge=0, description="square of CIEDE2000 that a root term of 1 costs")
    darkest: float = Field(ge=0, lt=1, description="Y of the darkest neutral from which the light is taken")
    clipped: float = Field(ge=0, lt=1, description="share of photosites at white that leaves a patch out")
    unlikely: float = Field(gt=0, description="mean CIEDE2000 above which the corners are wrong")
    folds: int = Field(ge=2, description="parts of which each is left out once")


class Target(BaseModel, frozen=True, extra="forbid"):
    """One kind of chart, from its TOML file."""

    name: str = Field(min_length=1)
    rows: int = Field(ge=2)
    columns: int = Field(ge=2)
    patch: float = Field(gt=0, le=1, description="side of a patch over the distance of two centers")
    sampled: float = Field(gt=0, le=1, description="side of the square that is measured, in the same unit")
    neutrals: tuple[str, ...] = Field(min_length=1)
    corners: tuple[str, str, str, str] = Field(description="clockwise from the first patch")
    source: str = Field(min_length=8)
    editions: dict[str, str] = Field(min_length=1, description="names in colour-science")
    fit: Fit

    @property
    def centers(self) -> Array:
        """The patches' centers in the chart's coordinates, in reading order, (N, 2)."""
        y, x = np.divmod(np.arange(self.rows * self.columns), self.columns)
        return np.stack([x, y], axis=1).astype(np.float64)

    @property
    def corner_centers(self) -> Array:
        """Centers of the patches at the corners, clockwise from the first, (4, 2)."""
        right, bottom = self.columns - 1, self.rows - 1
        return np.array([(0, 0), (right, 0), (right, bottom), (0, bottom)], np.float64)


class Reference(NamedTuple):
    """The colors of a chart's patches, in reading order.

    Attributes:
        names: of the patches.
        xyz: (N, 3) CIE XYZ under D50, 2 degrees; Y of a perfect diffuser is 1.
        edition: which make of the chart.
        is_neutral: (N,) patches from which the light is taken.
    """

    names: tuple[str, ...]
    xyz: Array
    edition: str
    is_neutral: NDArray[np.bool_]


@cache
def target(name: Name) -> Target:
    """A chart that the project knows.

    >>> target("classic").rows, target("sg").columns
    (4, 14)
    """
    path = shipped.folder("calibration") / FILES[name]
    return Target.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))


@cache
def reference(name: Name, edition: str | None = None) -> Reference:
    """The colors of a chart's patches; those of its newest make if `edition` is None.

    Raises:
        ValueError: there is no such edition; lists those there are.
    """
    known = target(name)
    edition = edition or next(iter(known.editions))
    if edition not in known.editions:
        raise ValueError(f"no edition {edition!r} of the {known.name}; known: {', '.join(known.editions)}")
    import colour  # costs more than a second

    found = colour.CCS_COLOURCHECKERS[known.editions[edition]].data
    xyz = np.array(colour.xyY_to_XYZ(np.array(list(found.values()))), np.float64)
    xyz.setflags(write=False)
    neutral = np.array([patch in known.neutrals for patch in found]) & (xyz[:, 1] >= known.fit.darkest)
    return Reference(tuple(found), xyz, edition, neutral)
