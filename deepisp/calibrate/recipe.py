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
    fewest_darks: int = Field(ge=2, description="dark frames that it takes")
    mask_sigmas: float = Field(gt=0, description="deviations of a dark mean beyond which a photosite is hot")
    mask_variance: float = Field(
        gt=1, description="times the median's variance beyond which a photosite is a telegraph"
    )
    mask_certain: float = Field(
        gt=1, description="the same, beyond which it is no noise, in whichever frames"
    )
    mask_darks: int = Field(ge=4, description="darks below which telegraphs are not looked for")


class PhotonTransfer(Recipe, frozen=True, extra="forbid"):
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


class Dark(Recipe, frozen=True, extra="forbid"):
    """Settings of darks; `shipped_recipe` has them."""

    shading_blocks: int = Field(ge=1, description="blocks of dark shading along the longer side")
    tail: float = Field(
        gt=0, lt=0.25, description="probability that the probability plot leaves out, each end"
    )


_FILES = {PhotonTransfer: "photon-transfer.toml", Dark: "dark.toml"}


@cache
def shipped_recipe(model: type[Model]) -> Model:
    """The recipe that the project ships.

    >>> shipped_recipe(PhotonTransfer).fit_range
    0.7
    """
    path = shipped.folder("calibration") / _FILES[model]
    return model.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
