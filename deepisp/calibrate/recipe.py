"""How a sensor is measured: the settings of each measurement, from calibration/*.toml, where people read them too."""

import tomllib
from functools import cache
from typing import TypeVar

from pydantic import BaseModel, Field

from deepisp import shipped

Model = TypeVar("Model", bound="Recipe")


class Recipe(BaseModel, frozen=True, extra="forbid"):
    """What every recipe says."""

    source: str = Field(min_length=8, description="where the method and its numbers are from")
    steps: tuple[str, ...] = Field(min_length=1, description="what to shoot, in order")


class Darks(Recipe, frozen=True, extra="forbid"):
    """Settings of whatever looks at dark frames."""

    fewest_darks: int = Field(ge=2, description="dark frames that it takes")
    fewest_cells: int = Field(ge=2, description="cells of the CFA that each side of the measured part takes")
    mask_sigmas: float = Field(gt=0, description="deviations of a dark mean beyond which a photosite is hot")
    mask_variance: float = Field(
        gt=1, description="times the median's variance beyond which a photosite is a telegraph"
    )
    mask_certain: float = Field(
        gt=1, description="the same, beyond which it is no noise, in whichever frames"
    )
    mask_darks: int = Field(ge=4, description="darks below which telegraphs are not looked for")


class PhotonTransfer(Darks, frozen=True, extra="forbid"):
    """Settings of photon transfer; `shipped_recipe` has them."""

    fewest_levels: int = Field(ge=2, description="lit levels below saturation that it takes")
    level_tolerance: float = Field(gt=0, lt=1, description="how close the means of one level lie, relative")
    window: float = Field(gt=0, le=1, description="side of the central part that is measured")
    fit_range: float = Field(gt=0, le=1, description="of saturation, up to which levels enter the line")
    linearity_low: float = Field(ge=0, lt=1, description="of saturation, where linearity begins to count")
    linearity_high: float = Field(gt=0, le=1, description="of saturation, where it ends")
    clip_fraction: float = Field(
        ge=0, lt=1, description="photosites at white above which a level is left out"
    )
    collapse: float = Field(
        gt=0, lt=1, description="of the largest variance seen, below which light has saturated"
    )


class Dark(Darks, frozen=True, extra="forbid"):
    """Settings of darks; `shipped_recipe` has them."""

    shading_blocks: int = Field(ge=1, description="blocks of dark shading along the longer side")
    tail: float = Field(
        gt=0, lt=0.25, description="probability that the probability plot leaves out, each end"
    )


class Flat(Recipe, frozen=True, extra="forbid"):
    """Settings of flats for the map of lens shading; `shipped_recipe` has them."""

    nodes: int = Field(ge=4, le=257, description="of the map along the longer side")
    blocks: int = Field(ge=1, description="medians for each distance of two nodes")
    smoothness: float = Field(gt=0, description="weight of second differences of the map")
    outlier: float = Field(gt=0, description="deviations beyond which a block does not count")
    clipped: float = Field(ge=0, lt=1, description="share of clipped photosites that refuses a frame")
    darkest: float = Field(gt=0, lt=1, description="mean signal that refuses a frame")
    steepest: float = Field(gt=1, description="gain that no lens needs")


_FILES = {PhotonTransfer: "photon-transfer.toml", Dark: "dark.toml", Flat: "flat.toml"}


@cache
def shipped_recipe(model: type[Model]) -> Model:
    """The recipe that the project ships.

    >>> shipped_recipe(PhotonTransfer).fit_range
    0.7
    """
    path = shipped.folder("calibration") / _FILES[model]
    return model.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
