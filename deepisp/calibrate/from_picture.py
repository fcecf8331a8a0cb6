"""What to doubt about the noise that one ordinary raw shows; the estimate itself: sensor/estimate.py."""

from collections.abc import Sequence

import numpy as np

from deepisp.calibrate.noise.quantization import step_of
from deepisp.develop import noise_source
from deepisp.develop.noise_source import MID_GRAY, Sourced
from deepisp.raw.image import RawImage
from deepisp.sensor.estimate import Estimate

UNLIKE = 1.5  # times the deviation that the file names: an estimate from a smooth scene is within a tenth


def doubts(raw: RawImage, found: Sequence[Estimate]) -> tuple[str, ...]:
    """What cannot be or is not likely, one line each.

    Args:
        raw: the file.
        found: per color, in the order of `raw.colors`, as `noise_source.of_picture` gives it.
    """
    return (*_below_rounding(raw, found), *_uncertain(raw, found), *_unlike_file(raw, found))


def _below_rounding(raw: RawImage, found: Sequence[Estimate]) -> list[str]:
    """Rounding to a step has the variance step^2 / 12 (Widrow and Kollar, see noise/quantization.py)."""
    span = float(np.max(raw.white_level - raw.black_level))
    step = step_of(raw.data)
    lowest = step**2 / 12 / span**2
    low = [color for color, one in zip(raw.colors, found, strict=True) if one.noise.read < lowest]
    if not low:
        return []
    return [
        f"read of {', '.join(low)} lies below {lowest:.2g}, the variance of rounding alone (1/12 of a step squared), "
        "which cannot be; nothing in the picture is dark enough to show it, take darks"
    ]


def _uncertain(raw: RawImage, found: Sequence[Estimate]) -> list[str]:
    pairs = list(zip(raw.colors, found, strict=True))
    parts = {
        "shot": [color for color, one in pairs if one.shot_error > one.noise.shot],
        "read": [color for color, one in pairs if one.read_error > one.noise.read],
    }
    told = " and ".join(f"{name} of {', '.join(colors)}" for name, colors in parts.items() if colors)
    if not told:
        return []
    return [
        f"{told}: the standard error is larger than the value; take a smoother picture with dark and bright parts"
    ]


def _unlike_file(raw: RawImage, found: Sequence[Estimate]) -> list[str]:
    if raw.noise is None:
        return []
    picture = Sourced("picture", tuple(one.noise for one in found))
    ratio = noise_source.ratio(picture, Sourced("file", raw.noise))
    if 1 / UNLIKE <= ratio <= UNLIKE:
        return []
    return [
        f"the deviation at signal {MID_GRAY:g} is {ratio:.2g} times that of the file's NoiseProfile; fine texture "
        "passes for noise, and a file that was denoised has too little"
    ]
