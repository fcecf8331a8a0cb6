"""`deepisp calibrate color`: color matrices of a camera from a chart."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepisp.cli import options, outcome, say
from deepisp.cli.calibrate import inputs, report
from deepisp.cli.calibrate import output as place
from deepisp.cli.calibrate.many_values import ManyValues, Points

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from deepisp.calibrate.color import Chromaticity, Measured
    from deepisp.raw.image import RawImage

_LIGHTS = {"A": 17, "D50": 23, "D55": 20, "D65": 21, "D75": 22}  # EXIF LightSource

_COLUMNS = (
    "CIEDE2000 of each patch to the chart's colors (2 is seen side by side), before: by the file's own color matrices; "
    "fitted: by\nthe new fit; left out: by a fit that did not know the patch, as it will do on other colors"
)


@click.command(cls=ManyValues, epilog=outcome.CODES, context_settings={"max_content_width": 110})
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--chart", type=click.Choice(["classic", "sg"]), default="classic", help="ColorChecker Classic or SG"
)
@click.option(
    "--corners",
    multiple=True,
    type=Points(),
    metavar="X,Y ...",
    help="centers of the patches at the chart's four corners, in pixels of the developed picture (0,0 is its "
    "top left), clockwise from the first: dark skin, bluish green, black, white; of an SG A1, N1, N10, A10. "
    "Found if left out",
)
@click.option(
    "--edition", help="make of the chart: after-2014 or before-2014 (November)  [default: after-2014]"
)
@click.option(
    "--method",
    type=click.Choice(["linear", "root-polynomial"]),
    default="root-polynomial",
    help="what is fitted; the 3 x 3 that a sensor file holds is linear always",
)
@click.option(
    "--light", help="light on the chart: A, D50, D55, D65, D75 or kelvin  [default: by the file's matrices]"
)
@options.measurement()
def color(
    *,
    file: Path,
    chart: Any,
    corners: tuple[tuple[tuple[float, float], ...], ...],
    edition: str | None,
    method: Any,
    light: str | None,
    output: Path | None,
    as_json: bool,
    layout: str | None,
    debug: bool,
    **given: Any,
) -> int:
    """Color matrices of a camera, from a raw file of a ColorChecker; each patch's CIEDE2000.

    Light the chart evenly, without gloss, and expose so that its white is not clipped: calibration/colorchecker.toml.
    With -o the matrix goes into a sensor file, and a picture of the patches (-color.png) beside it.
    """
    from deepisp import batch
    from deepisp.calibrate import color as measurement
    from deepisp.calibrate import profile_file
    from deepisp.calibrate.charts import find_chart
    from deepisp.raw.read import read

    points, xy = _points([point for one in corners for point in one]), _light(light)
    place.check(output)
    known, limits = batch.loaded(layout), options.limits_of(given)
    try:
        file = inputs.frame(file, known)
        raw = read(file, limits=limits, layout=known)
        if output is not None:
            profile_file.check(output, profile_file.camera_of(raw))
        places = find_chart.find(raw, chart, edition).corners if points is None else points
        measured = measurement.measure(
            raw, places, chart_name=chart, method=method, edition=edition, light=xy
        )
    except Exception as error:
        return outcome.gave_up(error, file, debug=debug)
    for warning in measured.warnings:
        say.warning(file, warning)
    wrote = "" if output is None else _write(output, raw, measured)
    report.tell(_table(measured), measurement.describe(measured), as_json=as_json, wrote=wrote)
    return outcome.DONE


def _points(points: list[tuple[float, float]]) -> "NDArray[np.float64] | None":
    """The four corners that were given, or None."""
    import numpy as np

    if not points:
        return None
    if len(points) != 4:
        got = " ".join(f"{x:g},{y:g}" for x, y in points)
        raise click.UsageError(
            f"--corners: four points x,y, got {got!r}, such as 300,300 900,310 880,700 290,690"
        )
    return np.array(points)


def _light(text: str | None) -> "Chromaticity | None":
    """Chromaticity of a light by its name or temperature."""
    from deepisp.develop import temperature

    if text is None:
        return None
    if text.upper() in _LIGHTS:
        return temperature.LIGHT_SOURCES[_LIGHTS[text.upper()]]
    try:
        kelvin = float(text.upper().removesuffix("K"))
    except ValueError:
        kelvin = 0.0
    if not 1500 <= kelvin <= 25000:
        raise click.UsageError(f"--light: {', '.join(_LIGHTS)} or 1500 to 25000 kelvin, got {text!r}")
    return temperature.to_xy(kelvin, 0.0)


def _write(output: Path, raw: "RawImage", measured: "Measured") -> str:
    """What was written, on one line."""
    from deepisp.calibrate import color as measurement
    from deepisp.calibrate import color_report, profile_file, profile_groups

    group, camera = measurement.profile_group(measured), profile_file.camera_of(raw)
    picture = output.with_name(f"{output.stem}-color.png")
    with place.written(output):
        profile_file.update(output, lambda known: profile_groups.with_color(known, group), camera=camera)
        color_report.color(picture, measured, title=str(camera))
    return f"{output}, {picture}"


def _table(measured: "Measured") -> str:
    """CIEDE2000 of each patch, and the means."""
    import numpy as np

    names = measured.reference.names
    width = max(map(len, names))
    lines = [f"{'':{width}}  {'before':>8}  {'fitted':>8}  {'left out':>8}"]
    columns = (measured.before, np.where(measured.used, measured.delta_e, np.nan), measured.left_out)
    for name, *values in zip(names, *columns, strict=True):
        lines.append(_row(name, values, width))
    lines.append(
        _row(
            "mean",
            [np.mean(one[np.isfinite(one)]) if np.isfinite(one).any() else np.nan for one in columns],
            width,
        )
    )
    x, y = measured.white_xy
    corners = " ".join(f"{px:.1f},{py:.1f}" for px, py in measured.samples.corners)
    kind = "linear" if measured.fit.degree == 1 else f"root polynomial, degree {measured.fit.degree}"
    lines.append(_COLUMNS)
    return "\n".join([*lines, f"fit: {kind}; light: x {x:.4f}, y {y:.4f}; corners: {corners}"])


def _row(name: str, values: list[Any], width: int) -> str:
    shown = "  ".join(f"{value:8.2f}" if value == value else f"{'-':>8}" for value in values)  # noqa: PLR0124  # nan
    return f"{name:{width}}  {shown}"
