"""`deepisp calibrate dark`: what a sensor gives without light."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from deepisp.cli import options, outcome, say


@click.command(epilog=outcome.CODES, context_settings={"max_content_width": 110})
@click.argument("darks", nargs=-1, required=True, type=click.Path())
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="sensor file to write or to add to (.toml)"
)
@click.option("--json", "as_json", is_flag=True, help="print what was measured, one JSON object")
@click.option("--layout", type=click.Path(), help="TOML file that says what bare sensor values mean")
@click.option("--maker", default="", help="camera's maker, where files do not say it")
@click.option("--model", default="", help="camera's model, the same")
@click.option("--iso", type=click.FloatRange(min=0, min_open=True), help="ISO of the frames, the same")
@options.limits
@click.option("--debug", is_flag=True, help="show where a failure came from")
def dark(
    *,
    darks: tuple[str, ...],
    output: Path | None,
    as_json: bool,
    layout: str | None,
    maker: str,
    model: str,
    iso: float | None,
    debug: bool,
    **given: Any,
) -> int:
    """Black level, shading, row and column noise, hot photosites and dark current, from dark frames of one ISO.

    calibration/dark.toml says what to shoot. With -o the figures go into a sensor file, and maps (-isoN-dark.npz) and a
    plot (-isoN-dark.png) beside it; if the file knows the gain at this ISO, electrons are told too.
    """
    from deepisp import batch
    from deepisp.calibrate import dark as measurement
    from deepisp.calibrate.frames import Frames

    if output is None and not as_json:
        raise click.UsageError("say where the figures go: -o camera.toml, or --json")
    known, limits, own = batch.loaded(layout), options.limits_of(given), iso
    try:
        if own is None and output is not None and output.exists():
            own = Frames(darks[:1], purpose="dark", layout=known, limits=limits).first.iso
        result = measurement.measure(darks, gains=_gains(output, own), layout=known, limits=limits)
    except Exception as error:
        return outcome.gave_up(error, debug=debug)
    if iso is not None:
        result = replace(result, first=replace(result.first, iso=iso))
    if output is not None:
        wrote = _write(output, result, maker, model)
        (say.note if as_json else say.data)(wrote)  # stdout holds the JSON alone
    if as_json:
        told = measurement.table(result)
        names = ("iso", "exposure_s", "black_level", "hot", "telegraph")
        say.data(
            json.dumps(
                {name: told[name] for name in names} | {"planes": [vars(plane) for plane in result.planes]},
                allow_nan=False,
            )
        )
    return outcome.DONE


def _gains(output: Path | None, iso: float | None) -> dict[str, float]:
    from deepisp.calibrate import profile_file
    from deepisp.sensor import profile

    return profile_file.gains(profile.load(output), iso) if output is not None and output.exists() else {}


def _write(output: Path, result: Any, maker: str, model: str) -> str:
    """What was written, on one line."""
    from deepisp.calibrate import dark as measurement
    from deepisp.calibrate import dark_maps, noise_report, profile_file
    from deepisp.cli.calibrate.photon_transfer import beside, camera

    first = result.first
    maker, model = maker or first.maker, model or first.model
    maps, picture = (beside(output, first.iso, f"dark.{ending}") for ending in ("npz", "png"))
    dark_maps.save(maps, result)
    told = measurement.table(result, maps=maps.name)
    profile_file.update(
        output, lambda known: profile_file.with_darks(known, told, first), maker=maker, model=model
    )
    noise_report.dark(picture, result, title=camera(maker, model, first.iso))
    return say.one_line(f"{output}, {maps}, {picture}")
