"""White balance: the gains that make a gray of the scene equal in all channels.

`gains = 1 / neutral`, channels in the order of `RawImage.colors`, green = 1. "auto" is the second-order gray-edge of
van de Weijer: the light's color is the Minkowski mean of the second derivatives of the smoothed picture, because
edges, unlike surfaces, are gray on average. Where a color matrix is known, an estimate beyond real lights is moved
to the nearest one.

Angular errors in degrees on three Sony IMX135 pictures with a measured light, saturated pixels left out in all:

    gray world 9.0 4.9 16.4       shades of gray p = 4   9.1 3.2 4.2     white patch (99 %)        7.5 2.4 0.8
                                  shades of gray p = 6   8.4 2.6 7.7     gray-edge 1, p = 6, s = 2  8.0 2.0 0.8
    gray-edge 2, p = 7, s = 5     2.5 2.5 1.1  (here; the mean is 1.5 to 3.7 for any p = 5 to 8, s = 1.5 to 6)

Source: J. van de Weijer, T. Gevers and A. Gijsenij, "Edge-based color constancy", IEEE Trans. Image Processing
16(9), 2007.
"""

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepisp.develop import color, temperature
from deepisp.raw.image import Area, RawImage
from deepisp.sensor import cfa as cfa_cell

Values = NDArray[np.float64]

FORMS = "camera, auto, daylight, KELVIN (1500 to 25000), KELVIN,TINT (tint -150 to 150) or the gains R,G,B (above 0)"
_LARGEST = 32.0  # five stops: the strongest gain in use, that of blue under candle light, is about 8
_SIDE = 512  # cells or fewer along the longer side in which the light is estimated
_NORM, _SIGMA = 7, 5.0  # e(2, 7, 5), the paper's second-order setting
_NEARLY_SATURATED = 0.98
_FAINTEST = 1e-6  # of a second derivative: below it stand the rounding errors of a frame without content
# Candle light to blue sky. The tint is wide: lamps are sold as white to a tint of 18 (0.006 from the Planckian locus,
# ANSI C78.377), but cameras whose data are balanced already, as QuickTake's, have lights of 50 to 120 by their matrix.
_KELVIN, _TINT = (1900.0, 15000.0), (-120.0, 120.0)


class Request(NamedTuple):
    """What the user asked for: a way, and the numbers that belong to it."""

    way: Literal["camera", "auto", "daylight", "temperature", "gains"]
    numbers: tuple[float, ...] = ()


_WORDS = {"camera": Request("camera"), "auto": Request("auto"), "daylight": Request("daylight")}


class Balance(NamedTuple):
    """The white balance of one picture.

    Attributes:
        gains: (C,), green = 1, finite, within 1/32 to 32.
        neutral: (C,), camera RGB of a gray: 1 / gains.
        source: where it is from, for people.
        warnings: one line each.
    """

    gains: Values
    neutral: Values
    source: str
    warnings: tuple[str, ...] = ()


def white_balance(request: str, raw: RawImage) -> Balance:
    """The gains that `request` means for this picture.

    A camera without a neutral in its file gets "auto", and so does "daylight" (D55, what EXIF's LightSource 1 and
    every converter's preset mean, rather than LibRaw's D65) without a color matrix; both say so in a warning. One
    channel has nothing to balance.

    Raises:
        ValueError: `request` is none of `FORMS`, or has not one gain per channel.
    """
    way, numbers = parse(request)
    if len(raw.colors) == 1:
        return _balance(np.ones(1), raw, "one channel")
    if way == "gains":
        if len(numbers) != len(raw.colors):
            raise ValueError(f"this camera has {len(raw.colors)} channels, {','.join(raw.colors)}, "
                             f"got {len(numbers)} gains {request!r}; give one for each")  # fmt: skip
        return _balance(1 / np.array(numbers), raw, f"gains {request}")
    if way == "camera":
        return _of_camera(raw)
    if way == "auto":
        return _estimated(raw, ())
    kelvin, tint = numbers or temperature.from_xy(color.DAYLIGHT)
    name = f"{kelvin:.0f} K, tint {tint:+.0f}" if numbers else "daylight (D55)"
    if not color.usable_calibrations(raw.calibrations, raw.colors):
        return _estimated(raw, (f"no color matrix: auto white balance in place of {name}",))
    return _under(temperature.to_xy(kelvin, tint) if numbers else color.DAYLIGHT, raw, name)


def _of_camera(raw: RawImage) -> Balance:
    """What the camera noted: a neutral, or the chromaticity of the light; else an estimate, which is said."""
    neutral, xy = raw.as_shot_neutral, raw.as_shot_white_xy
    if neutral is not None and color.is_neutral(neutral, len(raw.colors)):
        return _balance(neutral, raw, "camera")
    if xy is not None and color.usable_calibrations(raw.calibrations, raw.colors):
        return _under(xy, raw, "camera")
    return _estimated(raw, ("no usable white balance of the camera: auto white balance in its place",))


def _under(xy: tuple[float, float], raw: RawImage, name: str, warnings: tuple[str, ...] = ()) -> Balance:
    """The balance for a light of known chromaticity, by the color matrices."""
    neutral = color.neutral_for(raw.calibrations, raw.analog_balance, xy, colors=raw.colors)
    return _balance(neutral, raw, name, warnings)


def _estimated(raw: RawImage, warnings: tuple[str, ...]) -> Balance:
    """The balance that the picture itself suggests; where it shows nothing, daylight, or 1 without a matrix."""
    estimate = estimate_neutral(raw)
    if estimate is not None:
        return _balance(estimate, raw, "auto", warnings)
    nothing = "nothing to estimate the light from"
    if color.usable_calibrations(raw.calibrations, raw.colors):
        return _under(
            color.DAYLIGHT, raw, "daylight (D55)", (*warnings, f"{nothing}: daylight (D55) is used")
        )
    return _balance(np.ones(len(raw.colors)), raw, "auto", (*warnings, f"{nothing}: the gains are 1"))


def parse(request: str) -> Request:
    """What a request says, checked without a picture.

    Raises:
        ValueError: it is none of `FORMS`.

    >>> parse("5200,10")
    Request(way='temperature', numbers=(5200.0, 10.0))
    """
    word = request.strip().lower()
    if word in _WORDS:
        return _WORDS[word]
    try:
        numbers = tuple(float(part) for part in word.split(","))
    except ValueError:
        raise ValueError(f"a white balance is {FORMS}, got {request!r}") from None
    if len(numbers) <= 2:
        kelvin, tint = (*numbers, 0.0)[:2]
        if 1500 <= kelvin <= 25000 and -150 <= tint <= 150:
            return Request("temperature", (kelvin, tint))
    elif len(numbers) <= 4 and all(0 < number < math.inf for number in numbers):
        return Request("gains", numbers)
    raise ValueError(f"a white balance is {FORMS}, got {request!r}")


def estimate_neutral(raw: RawImage) -> Values | None:
    """Camera RGB of the light, estimated from the picture itself, (C,), any scale; None if there is nothing to see."""
    signal, usable = _cells(raw)
    neutral = gray_edge(signal, usable)
    if neutral is None or not color.is_neutral(neutral, len(raw.colors)):
        return None
    return _near_real_lights(neutral, raw)


def gray_edge(signal: Values, usable: NDArray[np.bool_]) -> Values | None:
    """Color of the light by second-order gray-edge, (C,), any scale; None without two usable values.

    Args:
        signal: (H, W, C), linear.
        usable: (H, W), false where a channel is saturated.
    """
    from scipy.ndimage import binary_erosion, gaussian_filter

    sigma = min(_SIGMA, min(signal.shape[:2]) / 8)
    if sigma <= 0 or not usable.any():
        return None
    away = binary_erosion(usable, iterations=max(round(3 * sigma), 1), border_value=1)
    if away.mean() < 0.01:  # light everywhere near clipped light: better to see its edges than nothing
        away = usable
    norms = []
    for plane in np.moveaxis(
        signal - signal.mean((0, 1)), -1, 0
    ):  # the sampled derivative of a constant is not quite 0
        vertical, mixed, horizontal = (
            gaussian_filter(plane, sigma, order) for order in ((2, 0), (1, 1), (0, 2))
        )
        edges = np.sqrt(vertical**2 + 4 * mixed**2 + horizontal**2)[away]
        top = edges.max()
        norms.append(top * np.mean((edges / top) ** _NORM) ** (1 / _NORM) if top > _FAINTEST else 0.0)
    return np.array(norms)


def _cells(raw: RawImage) -> tuple[Values, NDArray[np.bool_]]:
    """Signal averaged over blocks of CFA cells, (H, W, C), and where no photosite of a block is saturated, (H, W)."""
    side = 1 if raw.linear is not None else cfa_cell.side(raw.cfa)
    area = _whole_cells(raw.crop, side)
    step = max(1, math.ceil(max(area.height, area.width) / side / _SIDE))
    rows, columns = area.height // (side * step), area.width // (side * step)
    if rows <= 0 or columns <= 0:
        return np.zeros((0, 0, len(raw.colors))), np.zeros((0, 0), bool)
    values = raw.data[area.top : area.top + rows * side * step, area.left : area.left + columns * side * step]
    blocks = values.reshape(rows, step, side, columns, step, side, -1)
    mean = blocks.mean((1, 4), dtype=np.float32).swapaxes(1, 2)  # (rows, columns, side, side, 1 or 3)
    peak = blocks.max((1, 4)).swapaxes(1, 2)
    black, white, saturation = (
        _per_position(level, side, raw) for level in (raw.black_level, raw.white_level, raw.plateau)
    )
    signal = np.nan_to_num((mean - black) / np.maximum(white - black, 1e-6))
    usable = (peak < black + _NEARLY_SATURATED * (saturation - black)).all((2, 3, 4))
    if raw.linear is not None:
        return signal[:, :, 0, 0], usable
    channel = cfa_cell.indices(raw.cfa)
    return np.stack([signal[:, :, channel == i, 0].mean(-1) for i in range(len(raw.colors))], -1), usable


def _whole_cells(area: Area, side: int) -> Area:
    """The part of an area that starts where a cell starts."""
    return Area(-(-area.top // side) * side, -(-area.left // side) * side, area.bottom, area.right)


def _per_position(level: Values, side: int, raw: RawImage) -> Values:
    """A level per position of the CFA's cell, (side, side, 1), or per channel, (1, 1, 3)."""
    if raw.linear is not None:
        return np.asarray(level, np.float64).reshape(1, 1, -1)
    if side % level.shape[0] or side % level.shape[1]:
        return np.full((side, side, 1), level.mean())
    return np.tile(level, (side // level.shape[0], side // level.shape[1]))[:, :, None]


def _near_real_lights(neutral: Values, raw: RawImage) -> Values:
    """`neutral`, or that of the nearest light that is no stranger than a candle, blue sky or a poor lamp."""
    usable = color.usable_calibrations(raw.calibrations, raw.colors)
    if not usable:
        return neutral
    white = color.white_xy(usable, raw.analog_balance, neutral, colors=raw.colors) or color.DAYLIGHT
    found = temperature.from_xy(white)
    near = temperature.Temperature(float(np.clip(found.kelvin, *_KELVIN)), float(np.clip(found.tint, *_TINT)))
    if near == found:
        return neutral
    return color.neutral_for(usable, raw.analog_balance, temperature.to_xy(*near), colors=raw.colors)


def _balance(neutral: Values, raw: RawImage, source: str, warnings: tuple[str, ...] = ()) -> Balance:
    neutral = np.asarray(neutral, np.float64)
    green = neutral[raw.colors.index("G")] if "G" in raw.colors else neutral.max()
    with np.errstate(over="ignore"):
        asked = green / neutral
    gains = np.clip(asked, 1 / _LARGEST, _LARGEST)
    if (gains != asked).any():
        warnings += (f"white balance from {source} has gains beyond 1/{_LARGEST:g} to {_LARGEST:g}; limited",)
    return Balance(gains, 1 / gains, source, warnings)
