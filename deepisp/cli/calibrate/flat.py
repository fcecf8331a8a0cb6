"""`deepisp calibrate flat`: the map of a lens's shading."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepisp.cli import options, outcome, say

if TYPE_CHECKING:
    from deepisp.develop.shading_map import Shading


@click.command(epilog=outcome.CODES, context_settings={"max_content_width": 110})
@click.argument("file", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="map of lens shading to write (.toml)")
@click.option("--json", "as_json", is_flag=True, help="print the map, one JSON object")
@options.limits
@click.option("--debug", is_flag=True, help="show where a failure came from")
def flat(*, file: tuple[Path, ...], output: Path | None, as_json: bool, debug: bool, **given: Any) -> int:
    """The map of lens shading, from raw files of an even light.

    One lens at one focal length, aperture and focus; calibration/flat.toml says how.
    """
    from deepisp.calibrate import flat as measurement
    from deepisp.calibrate import shading_file

    if output is None and not as_json:
        raise click.UsageError("say where the map goes: -o shading.toml, or --json")
    try:
        shading = measurement.measure(file, limits=options.limits_of(given))
    except Exception as error:
        return outcome.gave_up(error, debug=debug)
    if output is not None:
        shading_file.write(shading, output)
        gains = ", ".join(f"{plane.color} {plane.gains.max():.2f}" for plane in shading.planes)
        line = f"{output}: {len(file)} flats, gains up to {gains}"
        (say.note if as_json else say.data)(say.one_line(line))  # stdout holds the JSON alone
    if as_json:
        say.data(json.dumps(_told(shading), allow_nan=False))
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
