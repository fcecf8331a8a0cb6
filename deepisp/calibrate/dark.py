"""Dark frames of one ISO: black level, dark shading, row and column noise, tails, odd photosites, dark current.

Noise is measured on the exposure time of which there are the most frames; other times serve the dark current.
What stays in place, photosite by photosite: dark_maps.py.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepisp.calibrate import alike
from deepisp.calibrate.frames import Frame, Frames, Source
from deepisp.calibrate.noise import floor as dark_floor
from deepisp.calibrate.noise import light, moments, tails
from deepisp.calibrate.noise.floor import Floor
from deepisp.calibrate.noise.masks import Mask, half
from deepisp.calibrate.noise.moments import Deviation
from deepisp.calibrate.recipe import Dark, shipped_recipe
from deepisp.raw.layout import Layout
from deepisp.raw.limits import Limits

Array = NDArray[np.float64]
PURPOSE = "dark"
LOOKED_AT = 4  # frames whose noise goes into the histogram and the tails
DRAWN = 1_000_000  # photosites of a color of these frames: 60 million as float64 are half a gigabyte a frame


@dataclass(frozen=True)
class DarkPlane:
    """What was measured of one color, as `DarkEntry` (sensor/darks.py) defines it, and more. None is unknown.

    `tukey_lambda` and `tukey_scale_dn` are None where rounding hides the shape; `dsnu_dn` is without shading and odd
    photosites; `*_error` are standard errors. With `gain`, the DN per electron that was given, `*_e` are electrons:
    the same figures, `read_std_e` without quantization.
    """

    color: str
    black_level: float
    read_std_dn: float
    read_std_dn_error: float
    tukey_lambda: float | None
    tukey_scale_dn: float | None
    row_std_dn: float
    row_std_dn_error: float
    column_std_dn: float
    column_std_dn_error: float
    dsnu_dn: float
    dsnu_dn_error: float
    dark_current_dn_s: float | None = None
    dark_current_dn_s_error: float | None = None
    gain: float | None = None
    read_std_e: float | None = None
    row_std_e: float | None = None
    dsnu_e: float | None = None
    dark_current_e_s: float | None = None


@dataclass(frozen=True)
class DarkResult:
    """What darks say of a sensor at one ISO.

    Attributes:
        planes: per color, in the order of `cfa.colors`.
        first: what the frames have in common.
        floor: of the exposure time that was measured.
        exposure_s: that time, or None.
        hot: (H, W) photosites that stand out.
        telegraph: (H, W) photosites with telegraph noise, or None with too few frames to tell.
        values: per color, noise of at most `DRAWN` photosites in DN, for a histogram.
        shading_blocks: of dark shading, along the longer side.
        notes: one line each; what could not be checked.
    """

    planes: tuple[DarkPlane, ...]
    first: Frame
    floor: Floor
    exposure_s: float | None
    hot: Mask
    telegraph: Mask | None
    values: dict[str, Array]
    shading_blocks: int
    notes: tuple[str, ...] = ()


def measure(
    darks: Sequence[Source],
    *,
    gains: dict[str, float] | None = None,
    layout: Layout | None = None,
    limits: Limits | None = None,
    recipe: Dark | None = None,
) -> DarkResult:
    """Noise and odd photosites from dark frames of one ISO.

    Args:
        darks: raw files, raw images, or arrays that `layout` describes; one exposure time, or several.
        gains: DN per electron of each color, where they are known.
        layout: what bare sensor values mean.
        limits: what a file may cost to read.
        recipe: settings; those of calibration/dark.toml if left out.

    Raises:
        ValueError: too few frames of one exposure time; frames that differ in size, CFA, ISO, camera or levels, or
            that are given twice; light in one, no noise, or noise that is cut off at DN 0. Names the frame. Whatever
            `deepisp.read` raises.
    """
    recipe = recipe or shipped_recipe(Dark)
    frames = partial(
        Frames,
        layout=layout,
        limits=limits,
        fewest=recipe.fewest_darks,
        kind="dark",
        smallest=recipe.fewest_cells,
    )
    every = frames(darks, purpose=PURPOSE)
    glimpses = [light.glimpse(frame, every.leveled(frame), every.first) for frame in every]
    light.check_darks(glimpses)
    times = [one.exposure_s for one in glimpses]
    exposure_s = max(dict.fromkeys(times), key=lambda time: (times.count(time), -(time or 0.0)))
    main = frames(
        [source for source, time in zip(darks, times, strict=True) if time == exposure_s],
        purpose=f"{PURPOSE} at one exposure time", first=every.first,
    )  # fmt: skip
    floor = dark_floor.measure(main, recipe, every.step, are_dark=True)
    currents = _currents(every, times, exposure_s, floor)
    values = _noise(main, floor)
    planes = tuple(
        _plane(color, floor, values[color], currents[color], (gains or {}).get(color), recipe)
        for color in every.first.colors
    )
    telegraph = floor.odd.telegraph if len(main) >= recipe.mask_darks else None
    return DarkResult(
        planes, every.first, floor, exposure_s, floor.odd.hot, telegraph, values, recipe.shading_blocks,
        alike.notes(every.first),
    )  # fmt: skip


def _plane(
    color: str, floor: Floor, values: Array, current: Deviation, gain: float | None, recipe: Dark
) -> DarkPlane:
    one = floor.colors[color]
    read = Deviation.of(one.spread.variance, one.spread.variance * one.spread.relative_error)
    pattern = Deviation.of(*one.pattern)
    # With less than half a step of noise the probability plot is a staircase.
    shape = tails.fit(values, tail=recipe.tail) if read.std > one.step / 2 else None
    electrons: dict[str, Any] = {}
    if gain is not None:
        white = one.white.variance
        electrons = {
            "gain": gain,
            "read_std_e": math.sqrt(white) / gain if white > 0 else None,
            "row_std_e": one.row.std / gain,
            "dsnu_e": pattern.std / gain,
            "dark_current_e_s": current.std / gain if math.isfinite(current.std) else None,
        }
    is_known = math.isfinite(current.std)
    return DarkPlane(
        color, one.mean, *read, shape and shape.shape, shape and shape.scale, *one.row, *one.column, *pattern,
        dark_current_dn_s=current.std if is_known else None,
        dark_current_dn_s_error=current.error if is_known and math.isfinite(current.error) else None,
        **electrons,
    )  # fmt: skip


def _currents(
    frames: Frames, times: list[float | None], measured_s: float | None, floor: Floor
) -> dict[str, Deviation]:
    """Slope of the mean over exposure time, and its standard error from the frames' scatter; NaN with one time.

    Frames of the time that was measured are not read again: the floor has their means.
    """
    if len(set(times)) < 2 or None in times:
        return dict.fromkeys(floor.colors, Deviation(math.nan, math.nan))
    means = {color: list(one.means) for color, one in floor.colors.items()}
    others = [index for index, time in enumerate(times) if time != measured_s]
    for index in others:
        frame = frames[index]
        mosaic = frames.leveled(frame)
        for color, column in means.items():
            column.append(dark_floor.mean_of(mosaic, floor.fair, frame.places_of(color)))
    same = len(next(iter(floor.colors.values())).means)
    at = np.array([measured_s] * same + [times[index] for index in others], np.float64)
    return {color: _slope(at, np.array(column)) for color, column in means.items()}


def _slope(x: Array, y: Array) -> Deviation:
    off = x - x.mean()
    slope = float((off * y).sum() / (off**2).sum())
    left = y - y.mean() - slope * off
    if x.size < 3:
        return Deviation(slope, math.inf)
    return Deviation(slope, math.sqrt(float((left**2).sum()) / (x.size - 2) / float((off**2).sum())))


def _noise(frames: Frames, floor: Floor) -> dict[str, Array]:
    """Noise of some photosites in some frames: the mean of all frames, rows and columns taken out."""
    count = floor.frames
    found: dict[str, list[Array]] = {color: [] for color in floor.colors}
    chosen = np.unique(np.linspace(0, count - 1, min(count, LOOKED_AT)).astype(int))
    for index in chosen:
        frame = frames[int(index)]
        # A frame is itself a part 1/n of the mean, which takes that much of its variance away.
        noise = (frames.leveled(frame) - floor.running.mean) * math.sqrt(count / (count - 1))
        fair = floor.fair_halves[int(index >= half(count))]
        for place in frame.places:
            ok = place.of(fair)
            values = moments.without_stripes(place.of(noise), ok)
            twins = len(frame.places_of(place.color))
            found[place.color].append(_drawn(values[ok], DRAWN // (len(chosen) * twins)))
    return {color: np.concatenate(pieces) for color, pieces in found.items()}


def _drawn(values: NDArray[np.floating], most: int) -> Array:
    """At most so many of the values, evenly over all of them."""
    if values.size > most:
        values = values[np.linspace(0, values.size - 1, most).astype(np.intp)]
    return values.astype(np.float64)


def table(result: DarkResult, *, maps: str | None = None) -> dict[str, Any]:
    """The scalars as a sensor file has them, a `[[darks]]` group."""
    names = (
        "color", "black_level", "read_std_dn", "read_std_dn_error", "tukey_lambda", "tukey_scale_dn", "row_std_dn",
        "column_std_dn", "dsnu_dn", "dark_current_dn_s", "dark_current_dn_s_error", "dark_current_e_s",
    )  # fmt: skip
    return {
        "iso": result.first.iso,
        "exposure_s": result.exposure_s,
        "frames": result.floor.frames,
        "black_level": result.floor.black.ravel().tolist(),
        "file_black_level": [place.level(result.first.black_level) for place in result.first.places],
        "hot": float(result.hot.mean()),
        "telegraph": None if result.telegraph is None else float(result.telegraph.mean()),
        "maps": maps,
        "source": f"deepisp calibrate dark: {result.floor.frames} darks",
        "entries": [{name: getattr(plane, name) for name in names} for plane in result.planes],
    }
