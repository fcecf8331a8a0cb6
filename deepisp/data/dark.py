"""Pictures as a calibrated camera takes them in the dark, with every source of its noise; datasets/dark-simulated.toml.

    (B, 3, H, W) sRGB ─► light ─► camera RGB = truth ─► / exposure ratio ─► through the CFA ─► photons
        ─► read noise with its tails, rows, whole DN ─► signal

pairs.py draws a Gaussian of the same variance, which is quick and right where there is light. Of 5 electrons it is not:
they come in whole numbers, read noise has tails, rows show, and a step of the converter is seen 300 times as large.
"""

import math
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Self

import torch
from pydantic import Field
from torch import Tensor

from deepisp import shipped
from deepisp.checked import Checked
from deepisp.data import camera as cameras
from deepisp.data import lamps, noises, pairs, unprocess
from deepisp.data.camera import Camera
from deepisp.data.noises import Lines
from deepisp.data.pairs import Pairs
from deepisp.data.unprocess import Unprocessing
from deepisp.sensor import cfa as cfa_cell

_STEPS_PER_STOP = 3  # of ISO: a camera's own dial
_GROUP = 4  # samples of one camera at one ISO
_BRIGHTEST = 3.0  # exposure ratio at which no lamp of lamps.py clips yet


class Training(Checked, frozen=True, extra="forbid"):
    """What is trained on: cameras by their names in sensors/, ISOs from the least to the largest, and nights.

    `nights` is the share of samples that are made night scenes with lamps, see lamps.py; `brighter` of those that got
    more light than the exposure ratio's least: what else is asked of a network for the dark, by hand or beside lamps.
    """

    cameras: tuple[str, ...] = Field(min_length=1)
    iso: tuple[float, float]
    nights: float = Field(0.0, ge=0, le=1)
    brighter: float = Field(0.0, ge=0, le=1)


class Measuring(Checked, frozen=True, extra="forbid"):
    """What is measured on: cameras and the ISO of each, and exposure ratios."""

    cameras: dict[str, float] = Field(min_length=1)
    ratios: tuple[float, ...] = Field(min_length=1)


class Protocol(Checked, frozen=True, extra="forbid"):
    """A file such as datasets/dark-simulated.toml."""

    name: str
    exposure_ratio: tuple[float, float]
    train: Training
    test: Measuring


def protocol(name: str) -> Protocol:
    """A protocol of datasets/ by its name, dark-simulated, or of a file (.toml).

    Raises:
        ValueError: no such name, no TOML, or a wrong value; the text begins with the file.
        OSError: it cannot be read.
    """
    path = shipped.folder("datasets") / "dark-simulated.toml" if name == "dark-simulated" else Path(name)
    if path.suffix != ".toml":
        raise ValueError(f"no protocol {name!r}; known: dark-simulated, or a file like it (.toml)")
    return Protocol.of_file(path)


@dataclass(frozen=True)
class DarkSimulator:
    """What pictures become a batch of dark mosaics by.

    Attributes:
        cameras: names of sensors/, or profiles of one's own (.toml), drawn with equal chances.
        iso: least and largest, log-uniform in thirds of a stop, ended for each camera where its profile ends.
        exposure_ratio: least and largest, log-uniform: the mosaic gets so much less light than the truth.
        cfa: the cell at the top left, of R, G and B.
        unprocessing: what colors and exposures of the truth are drawn from.
        nights: share of samples that are made night scenes, see lamps.py.
        brighter: share of samples of less exposure ratio than the least, log-uniform from 3 to it.
    """

    cameras: tuple[str, ...]
    iso: tuple[float, float]
    exposure_ratio: tuple[float, float]
    cfa: str = "RGGB"
    unprocessing: Unprocessing = field(default_factory=lambda: Unprocessing(toned=0.5))
    nights: float = 0.0
    brighter: float = 0.0

    @classmethod
    def of(cls, known: Protocol, cfa: str = "RGGB") -> Self:
        """What a protocol trains on."""
        asked = known.train
        return cls(
            asked.cameras, asked.iso, known.exposure_ratio, cfa, nights=asked.nights, brighter=asked.brighter
        )

    def __post_init__(self) -> None:
        """The letters and the ranges, once."""
        pairs.check_letters(self.cfa)
        if not 1 <= self.exposure_ratio[0] <= self.exposure_ratio[1] < math.inf:
            raise ValueError(f"exposure ratios go from 1 up, got {self.exposure_ratio}; write (100, 300)")
        if not 0 <= self.brighter <= 1:
            raise ValueError(f"brighter is a share of 0 to 1, got {self.brighter}")
        if self.brighter and self.exposure_ratio[0] <= _BRIGHTEST:
            raise ValueError(
                f"brighter samples are of ratios from {_BRIGHTEST:g} to the least, which is "
                f"{self.exposure_ratio[0]:g}; leave brighter out"
            )
        for one in self.cameras:
            isos(one, self.iso)

    def __call__(self, pictures: Tensor, generator: torch.Generator | None = None) -> Pairs:
        """Pairs of these pictures; every four share a camera and an ISO.

        Args:
            pictures: (B, 3, H, W), sRGB, uint8, uint16 or float32; on any device.
            generator: of that device; torch's own if None.

        Returns:
            `mosaic` ends at the white level; `truth` does not, for dim light has no end there: that of a full exposure,
            whose colors clip one after the other, would teach pink highlights. `noise` is the variance of the whole
            chain.
        """
        count, device, colors = len(pictures), pictures.device, cfa_cell.colors(self.cfa)
        draw = self.unprocessing.draw(count, generator=generator, device=device)
        ratio = self._ratios(count, generator, device)
        light = unprocess.to_camera(unprocess.linearize(pictures, draw), draw)
        light = lamps.nights(light, draw.neutral, self.nights, generator)
        dim = pairs.through(light, self.cfa) / ratio[:, None, None, None]
        lines = torch.empty(count, len(colors), 2, device=device)
        for start in range(0, count, _GROUP):
            part = slice(start, start + _GROUP)
            taken_by = self._camera(generator, device)
            dim[part] = signal(taken_by, dim[part], self.cfa, generator)
            lines[part] = torch.tensor(
                [(one.shot, one.read) for one in taken_by.noise(colors)], device=device
            )
        return Pairs(dim, light, Lines(*lines.unbind(-1)), ratio, draw)

    def _ratios(self, count: int, generator: torch.Generator | None, device: torch.device) -> Tensor:
        ratios = noises.log_uniform(self.exposure_ratio, count, generator, device)[:, 0]
        if not self.brighter:
            return ratios
        is_brighter = torch.rand(count, generator=generator, device=device) < self.brighter
        lesser = noises.log_uniform((_BRIGHTEST, self.exposure_ratio[0]), count, generator, device)[:, 0]
        return torch.where(is_brighter, lesser, ratios)

    def _camera(self, generator: torch.Generator | None, device: torch.device) -> Camera:
        chances = torch.rand(2, generator=generator, device=device).tolist()
        model = self.cameras[int(chances[0] * len(self.cameras))]
        known = isos(model, self.iso)
        return camera(model, known[int(chances[1] * len(known))])


def signal(taken_by: Camera, expected: Tensor, cfa: str, generator: torch.Generator | None = None) -> Tensor:
    """The signal that a camera gives for expected ones, (..., 1, H, W): exposed, to whole DN, black taken off."""
    dn = taken_by.expose(expected, cfa, generator)
    levels = taken_by.any_sensor
    return (dn - levels.black_level) / (levels.white_level - levels.black_level)


@lru_cache(maxsize=256)
def camera(model: str, iso: float) -> Camera:
    """A camera at an ISO, read once."""
    return cameras.named(model, iso)


@lru_cache(maxsize=64)
def isos(model: str, ends: tuple[float, float]) -> tuple[float, ...]:
    """Thirds of a stop from the least to the largest ISO that the profile of a camera knows in a range.

    Raises:
        ValueError: no such camera, or none of its ISOs lie there.
    """
    known = cameras.profile(model).conversion_gains
    spans = [(gain.iso_min, gain.iso_max) for gain in known if gain.iso_min is not None]
    low = max(ends[0], min((one[0] for one in spans), default=math.inf))
    high = min(ends[1], max((one[1] for one in spans if one[1] is not None), default=-math.inf))
    if not 0 < low <= high:
        raise ValueError(f"no noise of {model} is known from ISO {ends[0]:g} to {ends[1]:g}; choose others")
    steps = int(_STEPS_PER_STOP * math.log2(high / low) + 1e-9)
    return tuple(low * 2 ** (step / _STEPS_PER_STOP) for step in range(steps + 1))
