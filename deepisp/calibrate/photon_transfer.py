"""Photon transfer: flats and darks of one ISO to gain, read noise, full well, PRNU and DSNU of each color.

    flats in pairs   variance of A - B, half           noise over time = gain * mean + read
    a level series   variance of neighbors             the same + (PRNU * mean)^2 + DSNU^2, which are taken off:
                                                       a pattern is what two levels share, and noise is not
    darks            read noise, rows, DSNU, and which photosites are hot or telegraphs

Electrons are DN over gain. Positions of one color are measured each by itself and put together.

Source: EMVA 1288 release 4.0, "Linear model". Errors: the variance of a variance, excess kurtosis counted, carried
through the weighted line; misfit of the line, if any, widens them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from deepisp.calibrate import alike
from deepisp.calibrate.frames import Frame, Frames, Source
from deepisp.calibrate.noise import curve, levels, masks, points
from deepisp.calibrate.noise import floor as dark_floor
from deepisp.calibrate.noise.curve import Curve
from deepisp.calibrate.noise.floor import ColorFloor, Floor
from deepisp.calibrate.noise.levels import Series
from deepisp.calibrate.noise.masks import Mask
from deepisp.calibrate.noise.moments import Deviation
from deepisp.calibrate.noise.points import Points
from deepisp.calibrate.recipe import PhotonTransfer, shipped_recipe
from deepisp.raw.layout import Layout
from deepisp.raw.limits import Limits

Array = NDArray[np.float64]
PURPOSE = "photon transfer"


@dataclass(frozen=True)
class Plane:
    """What was measured of one color. None is unknown.

    Standard errors: `gain_error`, `read_std_e_error`, `read_std_dn_error`, `row_std_e_error`, `column_std_e_error`,
    `full_well_e_error`, `prnu_error`, `dsnu_e_error`.

    Attributes:
        color: its letter.
        gain: DN per electron.
        read_std_e: noise of single photosites without light: no row or column noise, no quantization.
        read_std_dn: the same in DN with quantization, as sensor files have it.
        row_std_e: noise that a row shares.
        column_std_e: noise that a column shares.
        full_well_e: electrons at saturation; None if no flat saturates.
        snr_max: signal over noise there, shot noise alone (EMVA 1288).
        prnu: deviation of the photosites' response, a fraction.
        dsnu_e: deviation of the photosites' offset.
        linearity_error: mean deviation of the signal from a line over exposure time, a fraction.
        black_level: DN without light, as the darks say.
        levels: lit levels that the gain rests on.
    """

    color: str
    gain: float
    gain_error: float
    read_std_e: float | None = None
    read_std_e_error: float | None = None
    read_std_dn: float | None = None
    read_std_dn_error: float | None = None
    row_std_e: float | None = None
    row_std_e_error: float | None = None
    column_std_e: float | None = None
    column_std_e_error: float | None = None
    full_well_e: float | None = None
    full_well_e_error: float | None = None
    snr_max: float | None = None
    prnu: float | None = None
    prnu_error: float | None = None
    dsnu_e: float | None = None
    dsnu_e_error: float | None = None
    linearity_error: float | None = None
    black_level: float | None = None
    levels: int = 0


@dataclass(frozen=True)
class PhotonTransferResult:
    """What flats and darks say of a sensor at one ISO.

    Attributes:
        planes: per color, in the order of `cfa.colors`.
        curves: of the same colors.
        is_paired: whether the gain is from pairs; else from neighbors in single frames.
        first: what the frames have in common.
        floor: of the darks, or None without.
        notes: one line each; what was left out and why.
        step: between two codes, DN; 0 for values that are not whole.
    """

    planes: tuple[Plane, ...]
    curves: tuple[Curve, ...]
    is_paired: bool
    first: Frame
    floor: Floor | None
    notes: tuple[str, ...]
    step: float


def measure(
    flats: Sequence[Source] | Frames,
    darks: Sequence[Source] = (),
    *,
    layout: Layout | None = None,
    limits: Limits | None = None,
    recipe: PhotonTransfer | None = None,
) -> PhotonTransferResult:
    """Gain and noise of each color from flats and darks of one ISO.

    Args:
        flats: raw files, raw images, or arrays that `layout` describes, of several levels; two of each, or one.
            Or the frames that `opened` makes of them, which have been looked at: they are told by the same recipe.
        darks: the same without light; none will do, and then read noise is from the line, rows and DSNU unknown.
        layout: what bare sensor values mean.
        limits: what a file may cost to read.
        recipe: settings; those of calibration/photon-transfer.toml if left out.

    Raises:
        ValueError: too few frames or levels; frames that differ in size, CFA, ISO, camera or levels, that are given
            twice, or clipped; darks with light, or flats without. Names the frame. Whatever `deepisp.read` raises.
    """
    recipe = recipe or shipped_recipe(PhotonTransfer)
    lit = flats if isinstance(flats, Frames) else opened(flats, layout=layout, limits=limits, recipe=recipe)
    step, floor = lit.step, None
    if darks:
        dark = Frames(
            darks, purpose=PURPOSE, layout=layout, limits=limits, first=lit.first, fewest=recipe.fewest_darks,
            kind="dark", window=recipe.window, smallest=recipe.fewest_cells,
        )  # fmt: skip
        floor = dark_floor.measure(dark, recipe, step)
    black = lit.first.black_level if floor is None else floor.black
    fair = _fair(lit, recipe) if floor is None else floor.fair
    series = Series.of(lit, fair, black, recipe)
    for color in lit.first.colors:
        _check_levels(series, color)
    is_paired = series.is_paired
    found = points.of_pairs(series) if is_paired else points.of_singles(series)
    planes, curves = zip(
        *(_measured(color, found, series, floor, step) for color in series.ceilings), strict=True
    )
    return PhotonTransferResult(planes, curves, is_paired, lit.first, floor, _notes(series, floor), step)


def opened(
    flats: Sequence[Source],
    *,
    layout: Layout | None = None,
    limits: Limits | None = None,
    recipe: PhotonTransfer | None = None,
) -> Frames:
    """Flats for `measure`, whose `first` can be looked at before they are measured.

    Raises:
        ValueError: too few.
    """
    recipe = recipe or shipped_recipe(PhotonTransfer)
    return Frames(
        flats, purpose=PURPOSE, layout=layout, limits=limits, fewest=recipe.fewest_levels, kind="flat",
        window=recipe.window, smallest=recipe.fewest_cells,
    )  # fmt: skip


def _fair(lit: Frames, recipe: PhotonTransfer) -> Mask:
    """Photosites to measure where there are no darks, by the dimmest flat."""
    means = [lit.leveled(frame).mean(dtype=np.float64) for frame in lit]
    return masks.of_flat(lit[int(np.argmin(means))], recipe.mask_sigmas)


def _check_levels(series: Series, color: str) -> None:
    """Enough levels in the straight part, or a ValueError that names the flat that is clipped, or the last."""
    recipe, usable = series.recipe, len(series.straight(color))
    if usable >= recipe.fewest_levels:
        return
    rule = (
        f"{PURPOSE} needs {recipe.fewest_levels} levels below {recipe.fit_range:.0%} of saturation, "
        f"got {usable} of {color}; shoot more, with less light"
    )
    for flat in (flat for group in series.groups for flat in group):
        seen = flat.colors[color]
        if seen.clipped > recipe.clip_fraction:
            raise ValueError(
                f"{flat.name}: flat is clipped ({seen.clipped:.0%} of {color} at the white level); {rule}"
            )
    last = series.groups[-1][-1]
    raise ValueError(f"{last.name}: flat has a mean of {last.colors[color].mean:.0f} DN above black; {rule}")


def _measured(
    color: str, found: Points, series: Series, floor: Floor | None, step: float
) -> tuple[Plane, Curve]:
    """One color's figures, and the curve that they are from."""
    first, one = series.frames.first, floor.colors[color] if floor else None
    prnu = curve.prnu_squared(found.patterns.get(color), one)
    own = curve.of_points(
        color, found.points[color], prnu, one, series.ceilings[color], is_paired=series.is_paired, step=step,
        black=fmean(place.level(series.black) for place in first.places_of(color)),
    )  # fmt: skip
    return _plane(own, prnu, one, levels.linearity_error(series, color)), own


def _plane(
    found: Curve, prnu: tuple[float, float] | None, floor: ColorFloor | None, linearity_error: float | None
) -> Plane:
    gain, relative = found.line.gain, found.line.gain_error / found.line.gain
    known: dict[str, float | None] = {"gain": gain, "gain_error": found.line.gain_error}

    def electrons(name: str, one: Deviation | None) -> None:
        """A deviation in DN; the gain's error goes along."""
        if one is not None and math.isfinite(one.std):
            known[name] = one.std / gain
            known[f"{name}_error"] = math.hypot(one.error, one.std * relative) / gain

    if prnu is not None:
        known["prnu"], known["prnu_error"] = Deviation.of(*prnu)
    if floor is None:
        line_read = Deviation.of(found.line.intercept, found.line.intercept_error)
        electrons("read_std_e", line_read)
    else:
        white = floor.white
        electrons("read_std_e", Deviation.of(*white) if math.isfinite(white.variance) else None)
        electrons("row_std_e", floor.row)
        electrons("column_std_e", floor.column)
        electrons("dsnu_e", Deviation.of(*floor.pattern))
        known["black_level"] = floor.mean
        variance = floor.spread.variance
        known["read_std_dn"], known["read_std_dn_error"] = Deviation.of(
            variance, variance * floor.spread.relative_error
        )
    if found.plateau is not None:
        electrons("full_well_e", Deviation(found.plateau, found.plateau_error))
        known["snr_max"] = math.sqrt(found.plateau / gain)
    used = int((found.is_used & (found.mean != 0)).sum())
    return Plane(found.color, linearity_error=linearity_error, levels=used, **known)  # type: ignore[arg-type]


def _notes(series: Series, floor: Floor | None) -> tuple[str, ...]:
    notes = [*alike.notes(series.frames.first)]
    single = [flat.name for group in series.groups for flat in group[len(group) // 2 * 2 :]]
    if not series.is_paired:
        notes.append("no pairs: gain is from neighbors in single flats")
    elif single:
        notes.append(f"without a partner of the same level, left out: {', '.join(single)}")
    if floor is None:
        notes.append(
            "no darks: black level from the file, read noise from the line, hot photosites by the dimmest flat"
        )
    return tuple(notes)
