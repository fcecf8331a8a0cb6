"""A camera's colors, from one picture of a chart: what `color_fit` makes of it, how well, and under which light."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepisp import spaces
from deepisp.calibrate.charts import chart, patches
from deepisp.calibrate.charts.chart import Reference
from deepisp.calibrate.charts.color_fit import FEWEST, WHITE, Fit, errors, fit
from deepisp.develop import color, temperature
from deepisp.raw.image import ColorCalibration, RawImage

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Method = Literal["linear", "root-polynomial"]
Chromaticity = tuple[float, float]

_NOTICED = 0.1  # CIEDE2000 between two fits that is worth a word
_PASSES = 3  # of finding the neutral: the third changes it by less than 1e-4
_OTHER_LIGHT = 255  # EXIF LightSource: given by its chromaticity


class Fold(NamedTuple):
    """How a fit predicts the patches that it was not told of: means, and the worst, in CIEDE2000."""

    fitted: float
    left_out: float
    worst: float


@dataclass(frozen=True)
class Measured:
    """What a chart says of a camera's colors.

    Attributes:
        chart: "classic" or "sg".
        reference: what the patches are.
        samples: what the camera saw.
        used: (N,) patches that were fitted: not clipped.
        neutral: (3,) camera color of a gray, green = 1.
        white_xy: CIE 1931 chromaticity of the light.
        calibration: for this light, as DNG has it: from the linear fit.
        linear: the best 3 x 3.
        fit: what was asked for; `linear` itself, or a root polynomial.
        before: (N,) CIEDE2000 by the color matrices that the file came with; nan if it has none.
        delta_e: (N,) CIEDE2000 by `fit`.
        left_out: (N,) CIEDE2000 of each patch by the fit that did not know it; nan where it was not used.
        folds: one for each part that was left out.
        warnings: one line each.
    """

    chart: chart.Name
    reference: Reference
    samples: patches.Samples
    used: Mask
    neutral: Array
    white_xy: Chromaticity
    calibration: ColorCalibration
    linear: Fit
    fit: Fit
    before: Array
    delta_e: Array
    left_out: Array
    folds: tuple[Fold, ...]
    warnings: tuple[str, ...]


def measure(
    raw: RawImage,
    corners: Array,
    *,
    chart_name: chart.Name = "classic",
    method: Method = "root-polynomial",
    edition: str | None = None,
    light: Chromaticity | None = None,
) -> Measured:
    """The camera's colors, from a chart in a raw image.

    Args:
        raw: a mosaic of R, G and B, or a linear file.
        corners: (4, 2), see `patches.sample`; `find_chart.find` finds them.
        chart_name: "classic" or "sg".
        method: what `fit` shall be.
        edition: which make of the chart; the newest if None.
        light: CIE 1931 chromaticity of the light on the chart; if None, what the file's own color matrices make of
            the chart's grays, or else D50, with a warning.

    Raises:
        ValueError: the file's colors are not R, G and B; the corners do not fit; too many patches are clipped or dark;
            what is seen is not the chart.
    """
    target, reference = chart.target(chart_name), chart.reference(chart_name, edition)
    samples = patches.sample(raw, target, corners)
    used = (samples.clipped <= target.fit.clipped) & (samples.signal > 0).all(1)
    warnings = _left_out(reference, samples, used)
    neutral = _neutral(samples.signal, reference, used)
    balanced = samples.signal / neutral
    degree = target.fit.degree if method == "root-polynomial" else 1
    linear = fit(balanced[used], reference.xyz[used], degree=1)
    chosen = (
        linear
        if degree == 1
        else fit(balanced[used], reference.xyz[used], degree=degree, ridge=target.fit.ridge)
    )
    delta_e = errors(chosen, balanced, reference.xyz)
    _check_likely(float(delta_e[used].mean()), target)
    folds, left_out = _cross_validated(samples.signal, reference, used, degree, target.fit)
    white, said = _light(raw, neutral, light)
    if degree > 1:
        _, by_linear = _cross_validated(samples.signal, reference, used, 1, target.fit)
        warnings += _bent(float(np.nanmean(left_out)), float(np.nanmean(by_linear)))
    return Measured(
        chart=chart_name,
        reference=reference,
        samples=samples,
        used=used,
        neutral=neutral,
        white_xy=white,
        calibration=calibration(linear, neutral, white),
        linear=linear,
        fit=chosen,
        before=_before(raw, balanced, neutral, reference),
        delta_e=delta_e,
        left_out=left_out,
        folds=folds,
        warnings=(*patches.doubts(raw), *warnings, *said),
    )


def _check_likely(delta_e: float, target: chart.Target) -> None:
    """Colors that no fit brings to the chart's are not the chart's."""
    if delta_e > target.fit.unlikely:
        raise ValueError(
            f"the {target.name} is off by {delta_e:.1f} CIEDE2000 on average after the fit, above "
            f"{target.fit.unlikely:g} no chart is in place; check the corners' order: clockwise, "
            f"{', '.join(target.corners)}; and --chart"
        )


def calibration(linear: Fit, neutral: Array, white_xy: Chromaticity) -> ColorCalibration:
    """The linear fit as DNG has it: for the light `white_xy`, whose gray has the camera color `neutral`."""
    to_d50 = spaces.adapt(spaces.xyz(white_xy), WHITE)
    xyz_to_camera = neutral[:, None] * np.linalg.inv(linear.matrix) @ to_d50
    xy = (float(white_xy[0]), float(white_xy[1]))
    return ColorCalibration(xyz_to_camera, illuminant=_OTHER_LIGHT, illuminant_xy=xy, forward=linear.matrix)


def light_source(white_xy: Chromaticity) -> int:
    """EXIF LightSource of the standard light nearest in mired, where only a code can be kept: A, D50, D55, D65, D75."""
    mired = 1e6 / temperature.from_xy(white_xy).kelvin
    known = {
        code: 1e6 / temperature.from_xy(temperature.LIGHT_SOURCES[code]).kelvin
        for code in (17, 23, 20, 21, 22)
    }
    return min(known, key=lambda code: abs(known[code] - mired))


def _left_out(reference: Reference, samples: patches.Samples, used: Mask) -> list[str]:
    return [
        f"patch {name}: left out, "
        + (f"{share:.1%} of it is clipped" if (signal > 0).all() else "it is not brighter than black")
        for name, share, signal, is_used in zip(
            reference.names, samples.clipped, samples.signal, used, strict=True
        )
        if not is_used
    ]


def _neutral(signal: Array, reference: Reference, used: Mask) -> Array:
    """Camera color of a gray, green = 1: the median of the gray patches, none of which is quite gray.

    What the reference says they are, a linear fit takes to the camera; what they are off a gray there is taken out.
    """
    grays = reference.is_neutral & used
    if not grays.any():
        raise ValueError(
            "all gray patches are clipped or dark; expose the chart so that its white is below saturation"
        )
    off = np.ones((int(grays.sum()), 3))
    for _ in range(_PASSES):
        neutral = np.median(signal[grays] / signal[grays, 1:2] / off, axis=0)
        neutral = neutral / neutral[1]
        linear = fit((signal / neutral)[used], reference.xyz[used], degree=1)
        balanced = np.linalg.solve(linear.matrix, reference.xyz[grays].T).T
        off = balanced / balanced[:, 1:2]
    return np.asarray(neutral, np.float64)


def _cross_validated(
    signal: Array, reference: Reference, used: Mask, degree: int, settings: chart.Fit
) -> tuple[tuple[Fold, ...], Array]:
    """Each part of the patches predicted from the others, neutral included; patches i, i + folds, ... are a part."""
    part, left_out, folds = np.arange(len(used)) % settings.folds, np.full(len(used), np.nan), []
    for index in range(settings.folds):
        told, kept = used & (part != index), used & (part == index)
        if told.sum() < FEWEST or not kept.any() or not (reference.is_neutral & told).any():
            continue
        balanced = signal / _neutral(signal, reference, told)
        ridge = settings.ridge if degree > 1 else 0.0
        found = fit(balanced[told], reference.xyz[told], degree=degree, ridge=ridge)
        delta_e = errors(found, balanced, reference.xyz)
        left_out[kept] = delta_e[kept]
        folds.append(Fold(*map(float, (delta_e[told].mean(), delta_e[kept].mean(), delta_e[kept].max()))))
    return tuple(folds), left_out


def _bent(root: float, linear: float) -> list[str]:
    """A warning where the root polynomial follows noise or flare: a linear fit then predicts unknown patches better."""
    if root <= linear + _NOTICED:
        return []
    return [
        f"left-out patches: root polynomial {root:.2f}, linear {linear:.2f} CIEDE2000; take --method linear"
    ]


def _light(raw: RawImage, neutral: Array, given: Chromaticity | None) -> tuple[Chromaticity, list[str]]:
    """Chromaticity of the light on the chart, and what is doubtful about it."""
    if given is not None:
        return given, []
    found = color.white_xy(raw.calibrations, raw.analog_balance, neutral, colors=raw.colors)
    if found is not None:
        return found, []
    return spaces.D50, ["the light on the chart is unknown and taken for D50; name it with --light"]


def _before(raw: RawImage, balanced: Array, neutral: Array, reference: Reference) -> Array:
    """CIEDE2000 by the file's own color matrices, white balance on the chart's grays and the best exposure."""
    if not color.usable_calibrations(raw.calibrations, raw.colors):
        return np.full(len(balanced), np.nan)
    to_rec2020 = color.camera_to_rec2020(
        raw.calibrations, raw.analog_balance, neutral, colors=raw.colors
    ).matrix
    to_d50 = spaces.adapt(spaces.xyz(spaces.D65), WHITE) @ spaces.rgb_to_xyz("rec2020")
    matrix = to_d50 @ to_rec2020
    seen = (balanced @ matrix.T)[:, 1]
    exposure = float(np.median(reference.xyz[:, 1] / np.maximum(seen, 1e-6)))
    return errors(Fit(1, matrix, exposure), balanced, reference.xyz)


def describe(measured: Measured) -> dict[str, Any]:
    """What was measured, as JSON has it; what is not known is null."""
    fit, one = measured.fit, measured.calibration
    columns = (measured.before, measured.delta_e, measured.left_out, measured.samples.clipped)
    patches_told = [
        {"name": name, "used": bool(used), "signal": signal.tolist()}
        | dict(zip(("before", "delta_e", "left_out", "clipped"), map(_known, values), strict=True))
        for name, used, signal, *values in zip(
            measured.reference.names, measured.used, measured.samples.signal, *columns, strict=True
        )
    ]
    used = measured.used
    return {
        "chart": measured.chart,
        "edition": measured.reference.edition,
        "corners": measured.samples.corners.tolist(),
        "neutral": measured.neutral.tolist(),
        "white_xy": list(measured.white_xy),
        "xyz_to_camera": one.xyz_to_camera.tolist(),
        "forward": measured.linear.matrix.tolist(),
        "root_polynomial": None if fit.degree == 1 else {"degree": fit.degree, "matrix": fit.matrix.tolist()},
        "delta_e": {
            "before": _known(measured.before[used].mean()),
            "fitted": _known(measured.delta_e[used].mean()),
            "fitted_worst": _known(measured.delta_e[used].max()),
            "left_out": _known(np.nanmean(measured.left_out)) if measured.folds else None,
        },
        "folds": [fold._asdict() for fold in measured.folds],
        "patches": patches_told,
        "warnings": list(measured.warnings),
    }


def profile_group(measured: Measured) -> dict[str, Any]:
    """The `[[color]]` group of a sensor file; `illuminant` is the standard light nearest to `illuminant_xy`."""
    told = describe(measured)
    source = (
        f"deepisp calibrate color: {chart.target(measured.chart).name} {measured.reference.edition}; 3 x 3 by least "
        f"squares in CIEDE2000, the chosen fit leaves {told['delta_e']['fitted']:.2f} on average"
    )
    group = {
        "illuminant": light_source(measured.white_xy),
        "illuminant_xy": told["white_xy"],
        "source": source,
    }
    group |= {name: told[name] for name in ("xyz_to_camera", "forward")}
    return group | ({"root_polynomial": told["root_polynomial"]} if measured.fit.degree > 1 else {})


def _known(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
