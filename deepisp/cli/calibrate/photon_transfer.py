"""`deepisp calibrate photon-transfer`: gain and noise of a sensor from flats and darks."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepisp.cli import options, outcome, say
from deepisp.cli.calibrate import inputs, report
from deepisp.cli.calibrate import output as place
from deepisp.cli.calibrate.many_values import ManyValues
from deepisp.cli.calibrate.report import Row, figure

if TYPE_CHECKING:
    from deepisp.calibrate.frames import Frame
    from deepisp.calibrate.photon_transfer import PhotonTransferResult


@click.command(
    "photon-transfer", cls=ManyValues, epilog=outcome.CODES, context_settings={"max_content_width": 110}
)
@click.option(
    "--flats", multiple=True, required=True, type=click.Path(), metavar="FILE...", help="evenly lit frames"
)
@click.option("--darks", multiple=True, type=click.Path(), metavar="FILE...", help="frames without light")
@click.option(
    "--window", type=click.FloatRange(0, 1, min_open=True), help="side of the central part to measure"
)
@options.camera
@options.measurement()
def photon_transfer(
    *,
    flats: tuple[str, ...],
    darks: tuple[str, ...],
    window: float | None,
    maker: str,
    model: str,
    iso: float | None,
    output: Path | None,
    as_json: bool,
    layout: str | None,
    debug: bool,
    **given: Any,
) -> int:
    """Gain, read noise, full well and fixed pattern of a sensor, from flats and darks of one ISO.

    Two flats at each of a dozen levels up to white, and 16 darks: calibration/photon-transfer.toml says how. With -o
    the figures go into a sensor file, and a plot (-isoN-photon-transfer.png) beside it.
    """
    from dataclasses import replace

    from deepisp import batch
    from deepisp.calibrate import photon_transfer as measurement
    from deepisp.calibrate.recipe import PhotonTransfer, shipped_recipe

    place.check(output)
    recipe = shipped_recipe(PhotonTransfer)
    if window is not None:
        recipe = recipe.model_copy(update={"window": window})
    known, limits = batch.loaded(layout), options.limits_of(given)
    doubts: tuple[str, ...] = ()
    try:
        paths, unlit = inputs.frames(flats, known), inputs.frames(darks, known)
        lit = measurement.opened(paths, layout=known, limits=limits, recipe=recipe)
        if output is not None and output.exists():
            doubts = _checked(output, place.told(lit.first, maker=maker, model=model, iso=iso))
        result = measurement.measure(lit, unlit, layout=known, limits=limits, recipe=recipe)
    except Exception as error:
        return outcome.gave_up(error, debug=debug)
    result = replace(result, first=place.told(result.first, maker=maker, model=model, iso=iso))
    report.warn(("", result.notes), (output or "", doubts))
    wrote = "" if output is None else _write(output, result)
    report.tell(_table(result), _told(result, doubts), as_json=as_json, wrote=wrote)
    return outcome.DONE


def _checked(output: Path, first: "Frame") -> tuple[str, ...]:
    """What is doubtful of adding to a sensor file; a ValueError if these figures cannot go into it."""
    from deepisp.calibrate import profile_file, profile_groups

    profile_file.check(
        output,
        profile_file.camera_of(first),
        lambda tables: profile_groups.check_noise(tables, first.iso, first.colors),
    )
    return profile_file.doubts(output, first)


def _write(output: Path, result: "PhotonTransferResult") -> str:
    """What was written, on one line."""
    from deepisp.calibrate import noise_report, profile_file, profile_groups

    first = result.first
    camera = profile_file.camera_of(first)
    picture = place.beside(output, first.iso, "photon-transfer.png")
    with place.written(output):
        profile_file.update(
            output, lambda known: profile_groups.with_photon_transfer(known, result), camera=camera
        )
        noise_report.photon_transfer(picture, result, title=place.title(camera, first.iso))
    return f"{output}, {picture}"


def _told(result: "PhotonTransferResult", doubts: tuple[str, ...]) -> dict[str, Any]:
    """The figures as JSON has them."""
    return {
        "camera": {"maker": result.first.maker, "model": result.first.model},
        "iso": result.first.iso,
        "planes": [vars(plane) for plane in result.planes],
        "warnings": [*result.notes, *doubts],
    }


def _table(result: "PhotonTransferResult") -> str:
    """The figures for people."""
    from deepisp.calibrate import profile_file

    planes = result.planes
    rows = [
        ("gain", "DN/e-", [figure(one.gain, one.gain_error) for one in planes]),
        ("read noise, rms", "e-", [figure(one.read_std_e, one.read_std_e_error) for one in planes]),
        ("row noise, rms", "e-", [figure(one.row_std_e, one.row_std_e_error) for one in planes]),
        ("column noise, rms", "e-", [figure(one.column_std_e, one.column_std_e_error) for one in planes]),
        ("full well", "e-", [figure(one.full_well_e, one.full_well_e_error) for one in planes]),
        ("highest signal to noise", "", [figure(one.snr_max) for one in planes]),
        ("PRNU, rms", "%", [figure(one.prnu, one.prnu_error, times=100) for one in planes]),
        ("DSNU, rms", "e-", [figure(one.dsnu_e, one.dsnu_e_error) for one in planes]),
        ("linearity error", "%", [figure(one.linearity_error, times=100) for one in planes]),
        ("black level", "DN", [figure(one.black_level) for one in planes]),
        ("levels in the fit", "", [str(one.levels) for one in planes]),
    ]
    how = "pairs of flats" if result.is_paired else "single flats"
    darks = f"{result.floor.frames} darks" if result.floor else "no darks"
    head = place.title(profile_file.camera_of(result.first), result.first.iso)
    text = report.table([one.color for one in planes], [Row(*row) for row in rows])
    return f"{say.one_line(head)}: {how}, {darks}\n{text}"
