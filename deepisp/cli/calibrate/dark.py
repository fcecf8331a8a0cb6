"""`deepisp calibrate dark`: what a sensor gives without light."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepisp.cli import options, outcome, say
from deepisp.cli.calibrate import inputs, report
from deepisp.cli.calibrate import output as place
from deepisp.cli.calibrate.report import Row, figure

if TYPE_CHECKING:
    from deepisp.calibrate.dark import DarkResult


@click.command(epilog=outcome.CODES, context_settings={"max_content_width": 110})
@click.argument("darks", nargs=-1, required=True, type=click.Path())
@options.camera
@options.measurement()
def dark(
    *,
    darks: tuple[str, ...],
    maker: str,
    model: str,
    iso: float | None,
    output: Path | None,
    as_json: bool,
    layout: str | None,
    debug: bool,
    **given: Any,
) -> int:
    """Black level, shading, row and column noise, hot photosites and dark current, from dark frames of one ISO.

    calibration/dark.toml says what to shoot. With -o the figures go into a sensor file, and maps (-isoN-dark.npz) and a
    plot (-isoN-dark.png) beside it; if the file knows the gain at this ISO, electrons are told too.
    """
    from dataclasses import replace

    from deepisp import batch
    from deepisp.calibrate import dark as measurement
    from deepisp.calibrate import profile_file, profile_groups
    from deepisp.calibrate.frames import Frames
    from deepisp.sensor import profile

    place.check(output)
    known, limits = batch.loaded(layout), options.limits_of(given)
    gains: dict[str, float] = {}
    doubts: tuple[str, ...] = ()
    try:
        frames = inputs.frames(darks, known)
        if output is not None and output.exists():
            first = Frames(frames[:1], purpose=measurement.PURPOSE, layout=known, limits=limits).first
            first = place.told(first, maker=maker, model=model, iso=iso)
            profile_file.check(
                output,
                profile_file.camera_of(first),
                lambda tables: profile_groups.check_darks(tables, first.iso),
            )
            gains = profile_groups.gains(profile.load(output), first.iso)
            doubts = profile_file.doubts(output, first)
        result = measurement.measure(frames, gains=gains, layout=known, limits=limits)
    except Exception as error:
        return outcome.gave_up(error, debug=debug)
    result = replace(result, first=place.told(result.first, maker=maker, model=model, iso=iso))
    report.warn(("", result.notes), (output or "", doubts))
    wrote = "" if output is None else _write(output, result)
    report.tell(_table(result), _told(result, doubts), as_json=as_json, wrote=wrote)
    return outcome.DONE


def _write(output: Path, result: "DarkResult") -> str:
    """What was written, on one line."""
    from deepisp.calibrate import dark as measurement
    from deepisp.calibrate import dark_maps, noise_report, profile_file, profile_groups

    first = result.first
    camera = profile_file.camera_of(first)
    maps, picture = (place.beside(output, first.iso, f"dark.{ending}") for ending in ("npz", "png"))
    told = measurement.table(result, maps=maps.name)
    with place.written(output):
        dark_maps.save(maps, result)
        profile_file.update(
            output, lambda known: profile_groups.with_darks(known, told, first), camera=camera
        )
        noise_report.dark(picture, result, title=place.title(camera, first.iso))
    return f"{output}, {maps}, {picture}"


def _told(result: "DarkResult", doubts: tuple[str, ...]) -> dict[str, Any]:
    """The figures as JSON has them."""
    from deepisp.calibrate import dark as measurement

    told = measurement.table(result)
    return {
        "camera": {"maker": result.first.maker, "model": result.first.model},
        **{name: told[name] for name in ("iso", "exposure_s", "black_level", "hot", "telegraph")},
        "planes": [vars(plane) for plane in result.planes],
        "warnings": [*result.notes, *doubts],
    }


def _table(result: "DarkResult") -> str:
    """The figures for people; electrons where the sensor file knows the gain."""
    from deepisp.calibrate import profile_file

    planes = result.planes
    rows = [
        Row("black level", "DN", [figure(one.black_level) for one in planes]),
        Row("read noise, rms", "DN", [figure(one.read_std_dn, one.read_std_dn_error) for one in planes]),
        Row("", "e-", [figure(one.read_std_e) for one in planes]),
        Row("its Tukey lambda", "", [figure(one.tukey_lambda) for one in planes]),
        Row("row noise, rms", "DN", [figure(one.row_std_dn, one.row_std_dn_error) for one in planes]),
        Row("", "e-", [figure(one.row_std_e) for one in planes]),
        Row(
            "column noise, rms", "DN", [figure(one.column_std_dn, one.column_std_dn_error) for one in planes]
        ),
        Row("DSNU, rms", "DN", [figure(one.dsnu_dn, one.dsnu_dn_error) for one in planes]),
        Row("", "e-", [figure(one.dsnu_e) for one in planes]),
        Row(
            "dark current",
            "DN/s",
            [figure(one.dark_current_dn_s, one.dark_current_dn_s_error) for one in planes],
        ),
        Row("", "e-/s", [figure(one.dark_current_e_s) for one in planes]),
    ]
    is_known = any(one.gain is not None for one in planes)
    shown = [row for row in rows if is_known or not row.unit.startswith("e-")]
    first, time = result.first, result.exposure_s
    head = place.title(profile_file.camera_of(first), first.iso)
    darks = f"{result.floor.frames} darks" + ("" if time is None else f" of {time:g} s")
    odd = f"hot photosites: {100 * float(result.hot.mean()):.3g} %"
    if result.telegraph is not None:
        odd += f"; with telegraph noise: {100 * float(result.telegraph.mean()):.3g} %"
    text = report.table([one.color for one in planes], shown)
    return f"{say.one_line(head)}: {darks}\n{text}\n{odd}"
