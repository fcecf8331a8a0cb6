"""Which network develops a file, and what it is told of the file's noise."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepisp.develop import noise_source
from deepisp.develop.demosaic import learned
from deepisp.develop.settings import MODELS, Settings
from deepisp.networks import zoo
from deepisp.raw.image import RawImage
from deepisp.sensor import cfa as cfa_cell
from deepisp.sensor.noise import Noise

# Deviation at mid-gray from which a demosaiced file is denoised: half a step of 8 bits in sRGB (slope 1.2).
VISIBLE = 0.0016

# Deviation at mid-gray of what is shown, from which `dark` leaves less error than `fast` in what is seen: in sRGB, of
# eleven training pictures through three simulated cameras at ratios 5 to 300 (docs/ablation.md). In raw values it would
# be 0.16.
LOUD = 0.09

FAINT = 0.03  # the same; `fast` leads by 2 dB and more below it


class Choice(NamedTuple):
    """A network for a file.

    Attributes:
        name: of networks/zoo.py, or a file of weights; "" for none.
        noise: of each color's balanced signal before lens gains; () without a network.
        warnings: doubts about the noise, a line each.
    """

    name: str
    noise: tuple[Noise, ...] = ()
    warnings: tuple[str, ...] = ()


def choose(
    raw: RawImage, settings: Settings, gains: NDArray[np.float64], *, lift: float = 1.0, device: str = "cpu"
) -> Choice:
    """The network of these settings for a file: if they leave it open, by how much noise will be shown.

    Args:
        raw: any kind of raw image.
        settings: how to render.
        gains: (C,) white balance.
        lift: gain on all light of a dark frame, see darkness.py.
        device: that will develop; it decides which network is the default.

    Raises:
        ValueError: the profile of the settings does not say the noise of this file.
    """
    if settings.model == "none" or settings.demosaic != "auto" or settings.half:
        return Choice("")
    is_linear = raw.linear is not None
    if is_linear and (settings.strength == 0 or not _is_noisy(raw, settings, lift)):
        return Choice("")
    kind, device = ("bayer", "cpu") if is_linear else (cfa_cell.kind(raw.cfa), device)  # see denoise.py
    name = _fitting(kind, settings.model, device)
    if not name:
        return Choice("")
    doubts = []
    if settings.model in ("dark", "quality") and name != zoo.for_sensor(kind, settings.model):
        doubts.append(f"there is no {settings.model} network for {kind} sensors; {name} in its place")
    source = noise_source.known(raw, settings.noise_profile)
    if source is None:
        doubts.append("nothing is known of its noise; not denoised")
        return Choice(learned.plain(name), (Noise(0.0, 0.0),) * len(gains), tuple(doubts))
    told = tuple(one.amplified(float(gain)) for one, gain in zip(source.noise, gains, strict=True))
    doubts += [source.warning] if source.warning else []
    found = max(_deviation(one.amplified(lift)) for one in told)
    dark = zoo.for_sensor(kind, "dark") if settings.model == "auto" and not is_linear else None
    name = dark if dark and found > LOUD else name
    is_dark = settings.model == "dark" and zoo.named(name).network == "dark"
    if is_dark and settings.strength and found < FAINT:
        doubts.append(
            f"noise of {found:.2g} at mid-gray is little for the dark network; fast keeps more detail"
        )
    most = zoo.named(name).noise_most
    if found > most:
        doubts.append(f"noise of {found:.2g} at mid-gray; the network was trained on no more than {most:.2g}")
    return Choice(name, told, tuple(doubts))


def _fitting(kind: str, model: str, device: str) -> str:
    """The network for a kind of sensor; "" for none."""
    if model not in MODELS:
        return model if cfa_cell.kind(zoo.named(model).cfa) == kind else ""
    by_device = ("fast",) if device == "cpu" else ("quality", "fast")
    sizes = by_device if model == "auto" else (model, "fast")
    return next(filter(None, (zoo.for_sensor(kind, size) for size in sizes)), "")


def _is_noisy(raw: RawImage, settings: Settings, lift: float) -> bool:
    """Whether a demosaiced file is said to have noise that can be seen once it is lifted, see denoise.py.

    No sensor's profile fits it.
    """
    source = noise_source.known(raw, settings.noise_profile)
    if source is None or source.origin not in ("own profile", "file") or raw.colors != "RGB":
        return False
    return any(_deviation(one.amplified(lift)) > VISIBLE for one in source.noise)


def _deviation(noise: Noise) -> float:
    """At mid-gray."""
    return math.sqrt(noise.shot * noise_source.MID_GRAY + noise.read)
