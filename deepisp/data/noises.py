"""Which noise a training sample gets: ranges of shot and read noise, and cameras at an ISO.

Each is a frozen dataclass whose `draw` gives `variance = shot * signal + read` for each sample of a batch.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol, Self

import torch
from torch import Tensor

from deepisp import shipped
from deepisp.sensor import profile

Generator = torch.Generator | None
Device = torch.device | str

_STEPS = 513  # of ISO: over 8 stops, 64 a stop, each 1.1 % of shot and 2.2 % of read noise; not tuned


class Lines(NamedTuple):
    """The noise of each sample of a batch, float32: variances of the normalized signal, see sensor/noise.py.

    Attributes:
        shot: (B, 1) if it holds for all colors, else (B, C) in the order of `cfa.colors`.
        read: the same shape.
    """

    shot: Tensor
    read: Tensor

    def amplified(self, gain: Tensor) -> "Lines":
        """The noise of `gain * signal`, gain (B,)."""
        return Lines(self.shot * gain[:, None], self.read * gain[:, None] ** 2)


class Noises(Protocol):
    """What a simulator asks for noise."""

    def draw(self, batch: int, *, colors: str, generator: Generator = None, device: Device = "cpu") -> Lines:
        """Noise of so many samples; `colors` are the CFA's, in the order of `cfa.colors`."""
        ...


@dataclass(frozen=True)
class AlongLine:
    """Shot noise log-uniform, and read noise scattered around a line over it, as cameras have them.

    Attributes:
        shot: least and largest.
        slope: of `log read = slope * log shot + bias`, natural logarithms.
        bias: the line's read noise at shot 1, its logarithm.
        std: of the normal scatter around the line.

    Source: T. Brooks et al., "Unprocessing images for learned raw denoising", CVPR 2019: the defaults, as
    timothybrooks/unprocessing at 9928956, random_noise_levels, has them. sensors/generic.toml holds the same.
    """

    shot: tuple[float, float] = (1e-4, 0.012)
    slope: float = 2.18
    bias: float = 1.20
    std: float = 0.26

    def draw(self, batch: int, *, colors: str, generator: Generator = None, device: Device = "cpu") -> Lines:
        """(B, 1): one line for all colors."""
        shot = log_uniform(self.shot, batch, generator, device)
        scatter = torch.randn(batch, 1, generator=generator, device=device)
        return Lines(shot, torch.exp(self.slope * shot.log() + self.bias + self.std * scatter))


@dataclass(frozen=True)
class InBox:
    """Shot and read noise log-uniform, one apart from the other: more than cameras have, which is what KPN wants.

    Attributes:
        shot_std: least and largest of the deviation of shot noise at signal 1, the root of `shot`.
        read_std: least and largest of the deviation at black, the root of `read`.

    Source: B. Mildenhall et al., "Burst denoising with kernel prediction networks", CVPR 2018, and its code
    google/burst-denoising, kpn_data_provider.py: the defaults.
    """

    shot_std: tuple[float, float] = (1e-2, 1e-1)
    read_std: tuple[float, float] = (1e-3, 10**-1.5)

    def draw(self, batch: int, *, colors: str, generator: Generator = None, device: Device = "cpu") -> Lines:
        """(B, 1): one line for all colors."""
        shot_std = log_uniform(self.shot_std, batch, generator, device)
        return Lines(shot_std.square(), log_uniform(self.read_std, batch, generator, device).square())


@dataclass(frozen=True)
class OfCamera:
    """The noise of one camera, at ISOs that are log-uniform in a range, in `_STEPS` even steps.

    Attributes:
        profile: of the camera.
        iso: least and largest.
    """

    profile: profile.Profile
    iso: tuple[float, float]

    @classmethod
    def named(cls, model: str, iso: tuple[float, float]) -> Self:
        """A camera of sensors/*.toml.

        Raises:
            ValueError: there is none of that name.
        """
        return cls(known(model), iso)

    def draw(self, batch: int, *, colors: str, generator: Generator = None, device: Device = "cpu") -> Lines:
        """(B, 1), or (B, C) if the profile tells the colors apart."""
        table = _by_iso(self, colors, str(device))
        at = torch.rand(batch, generator=generator, device=device).mul_(_STEPS).long().clamp_(max=_STEPS - 1)
        shot, read = table[at].unbind(-1)
        return Lines(shot, read)


@dataclass(frozen=True)
class Gaussian:
    """White noise that does not depend on light: the academic benchmarks' of display-coded mosaics.

    Attributes:
        sigma: least and largest deviation, uniform between them; of a signal of 0 to 1.
        clean: share of the samples that have no noise.

    Source: M. Gharbi et al., "Deep joint demosaicking and denoising", SIGGRAPH Asia 2016, section 4: 0 to 20 of 255.
    """

    sigma: tuple[float, float] = (0.0, 20 / 255)
    clean: float = 0.25  # issue 4's trial run: a quarter clean

    def draw(self, batch: int, *, colors: str, generator: Generator = None, device: Device = "cpu") -> Lines:
        """(B, 1), shot noise 0."""
        uniform, chance = torch.rand(2, batch, 1, generator=generator, device=device).unbind(0)
        sigma = self.sigma[0] + (self.sigma[1] - self.sigma[0]) * uniform
        return Lines(torch.zeros_like(sigma), sigma.square() * (chance >= self.clean))


@dataclass(frozen=True)
class Fixed:
    """The same noise for every sample: to evaluate, and to test."""

    shot: float
    read: float

    def draw(self, batch: int, *, colors: str, generator: Generator = None, device: Device = "cpu") -> Lines:
        """(B, 1)."""
        shot, read = torch.tensor((self.shot, self.read), device=device).expand(batch, 1, 2).unbind(-1)
        return Lines(shot, read)


def known(model: str) -> profile.Profile:
    """The profile of a camera, by any name that its file in sensors/ lists, or by that file's own name.

    Raises:
        ValueError: there is none; the text lists those that are there.
    """
    folder = shipped.folder("sensors")
    names = sorted(path.stem for path in folder.glob("*.toml"))
    if model in names:
        return profile.load(folder / f"{model}.toml")
    found = profile.find("", model)
    if found is None:
        raise ValueError(f"no camera {model!r}; known: {', '.join(names)}, or a profile of your own (.toml)")
    return found


@lru_cache(maxsize=64)
def _by_iso(camera: OfCamera, colors: str, device: str) -> Tensor:
    """Shot and read noise at each step of ISO, (_STEPS, 1 or C, 2): read once, so that no draw waits for a GPU."""
    low, high = map(math.log, camera.iso)
    isos = [math.exp(low + (high - low) * step / (_STEPS - 1)) for step in range(_STEPS)]
    readings = [camera.profile.noise(iso).noise for iso in isos]
    rows = [[one.get(color) or one[None] for color in colors] for one in readings]
    if all(None in one for one in readings):
        rows = [row[:1] for row in rows]
    return torch.tensor(rows, device=device)


def log_uniform(ends: tuple[float, float], batch: int, generator: Generator, device: Device) -> Tensor:
    """Numbers between two ends, all of whose octaves are alike, (B, 1).

    >>> 3 <= float(log_uniform((3, 100), 1, None, torch.device("cpu"))) <= 100
    True
    """
    low, high = map(math.log, ends)
    return torch.rand(batch, 1, generator=generator, device=device).mul_(high - low).add_(low).exp_()
