"""`deepisp calibrate color`: color matrices of a camera from a chart."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepisp.cli import options, outcome, say

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from deepisp.calibrate.color import Chromaticity, Measured
    from deepisp.raw.image import RawImage

_POINT = re.compile(r"-?[\d.]+,-?[\d.]+")
_LIGHTS = {"A": 17, "D50": 23, "D55": 20, "D65": 21, "D75": 22}  # EXIF LightSource


class Corners(click.Command):
    """A command whose `--corners` takes all words of the form x,y that follow it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """`--corners a b c d` is read as `--corners "a b c d"`."""
        return super().parse_args(ctx, gathered(args))


def gathered(words: Sequence[str]) -> list[str]:
    """The words with those of `--corners` as one.

    >>> gathered(["--corners", "1,2", "3,4", "a.dng"])
    ['--corners', '1,2 3,4', 'a.dng']
    """
    out: list[str] = []
    is_open = False
    for word in words:
        if is_open and _POINT.fullmatch(word):
            out[-1] = f"{out[-1]} {word}".strip()
        else:
            out.append(word)
        # Open from the option on; its first value begins a word of its own.
        is_open = word == "--corners" or (is_open and bool(_POINT.fullmatch(word)))
        if word == "--corners":
            out.append("")
    return [word for before, word in zip(["", *out], out, strict=False) if word or before != "--corners"]


@click.command(cls=Corners, epilog=outcome.CODES, context_settings={"max_content_width": 110})
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--chart", type=click.Choice(["classic", "sg"]), default="classic", help="ColorChecker Classic or SG"
)
@click.option(
    "--corners",
    multiple=True,
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
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="sensor file to write or to add to (.toml)"
)
@click.option("--json", "as_json", is_flag=True, help="print what was measured, one JSON object")
@click.option("--layout", type=click.Path(), help="TOML file that says what bare sensor values mean")
@options.limits
@click.option("--debug", is_flag=True, help="show where a failure came from")
def color(
    *,
    file: Path,
    chart: Any,
    corners: tuple[str, ...],
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
    from deepisp.calibrate.charts import find_chart
    from deepisp.raw.read import read

    points, xy = _points(corners), _light(light)
    known, limits = batch.loaded(layout), options.limits_of(given)
    try:
        raw = read(file, limits=limits, layout=known)
        places = find_chart.find(raw, chart, edition).corners if points is None else points
        measured = measurement.measure(
            raw, places, chart_name=chart, method=method, edition=edition, light=xy
        )
    except Exception as error:
        return outcome.gave_up(error, file, debug=debug)
    for warning in measured.warnings:
        say.warning(file, warning)
    if output is not None:
        (say.note if as_json else say.data)(_write(output, raw, measured))  # stdout holds the JSON alone
    say.data(json.dumps(measurement.describe(measured), allow_nan=False) if as_json else _table(measured))
    return outcome.DONE


def _points(corners: tuple[str, ...]) -> "NDArray[np.float64] | None":
    """The four corners that were given, or None."""
    import numpy as np

    words = " ".join(corners).split()
    if not words:
        return None
    try:
        points = [(float(x), float(y)) for x, y in (word.split(",") for word in words)]
    except ValueError:
        points = []
    if len(points) != 4:
        raise click.UsageError(
            f"--corners: four points x,y, got {' '.join(words)!r}, such as 300,300 900,310 880,700 290,690"
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
    from deepisp.calibrate import color_report, profile_file

    group = measurement.profile_group(measured)
    profile_file.update(
        output, lambda known: profile_file.with_color(known, group), maker=raw.maker, model=raw.model
    )
    picture = output.with_name(f"{output.stem}-color.png")
    title = " ".join(dict.fromkeys(f"{raw.maker} {raw.model}".split()))
    color_report.color(picture, measured, title=title)
    return say.one_line(f"{output}, {picture}")


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
    return "\n".join([*lines, f"fit: {kind}; light: x {x:.4f}, y {y:.4f}; corners: {corners}"])


def _row(name: str, values: list[Any], width: int) -> str:
    shown = "  ".join(f"{value:8.2f}" if value == value else f"{'-':>8}" for value in values)  # noqa: PLR0124  # nan
    return f"{name:{width}}  {shown}"
