"""`deepisp calibrate flat`: the map of a lens's shading."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepisp.cli import options, outcome, say
from deepisp.cli.calibrate import inputs, report
from deepisp.cli.calibrate import output as place

if TYPE_CHECKING:
    from deepisp.develop.shading_map import Shading


@click.command(epilog=outcome.CODES, context_settings={"max_content_width": 110})
@click.argument("flats", metavar="FILE...", nargs=-1, required=True, type=click.Path())
@options.measurement("map of lens shading to write (.toml)")
def flat(
    *,
    flats: tuple[str, ...],
    output: Path | None,
    as_json: bool,
    layout: str | None,
    debug: bool,
    **given: Any,
) -> int:
    """The map of lens shading, from raw files of an even light.

    One lens at one focal length, aperture and focus; calibration/flat.toml says how.
    """
    from deepisp import batch
    from deepisp.calibrate import flat as measurement
    from deepisp.calibrate import shading_file

    if output is None and not as_json:
        raise click.UsageError("say where the map goes: -o shading.toml, or --json")
    place.check(output)
    known, limits = batch.loaded(layout), options.limits_of(given)
    try:
        frames = inputs.frames(flats, known)
        shading = measurement.measure(frames, layout=known, limits=limits)
    except Exception as error:
        return outcome.gave_up(error, debug=debug)
    if output is not None:
        with place.written(output):
            shading_file.write(shading, output)
    gains = ", ".join(f"{plane.color} {plane.gains.max():.2f}" for plane in shading.planes)
    line = say.one_line(f"{output}: {len(frames)} flats, gains up to {gains}")
    if as_json:
        report.tell("", _told(shading), as_json=True, wrote=line if output else "")
    else:
        say.data(line)
    return outcome.DONE


def _told(shading: "Shading") -> dict[str, Any]:
    """The map as JSON has it."""
    return {
        "maker": shading.maker,
        "model": shading.model,
        **shading.optics._asdict(),
        "cfa": shading.cfa,
        "rows": shading.shape[0],
        "columns": shading.shape[1],
        "frames": shading.frames,
        "planes": [plane._asdict() | {"gains": plane.gains.tolist()} for plane in shading.planes],
    }
