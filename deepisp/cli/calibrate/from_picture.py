"""`deepisp calibrate from-picture`: shot and read noise of one ordinary raw."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepisp.cli import options, outcome
from deepisp.cli.calibrate import inputs, report
from deepisp.cli.calibrate import output as place
from deepisp.cli.calibrate.report import figure

if TYPE_CHECKING:
    from deepisp.raw.image import RawImage
    from deepisp.sensor.estimate import Estimate


@click.command("from-picture", epilog=outcome.CODES, context_settings={"max_content_width": 110})
@click.argument("file", type=click.Path(path_type=Path))
@options.measurement()
def from_picture(
    *, file: Path, output: Path | None, as_json: bool, layout: str | None, debug: bool, **given: Any
) -> int:
    """Shot and read noise from one ordinary raw of any scene.

    The smoother the scene and the higher the ISO, the better: fine texture everywhere in the picture passes for
    noise. Flats and darks say more (photon-transfer).
    """
    from deepisp import batch
    from deepisp.calibrate import from_picture as measurement
    from deepisp.calibrate import profile_file, profile_groups
    from deepisp.develop import noise_source
    from deepisp.raw.read import read

    place.check(output)
    limits, known = options.limits_of(given), batch.loaded(layout)
    doubts: tuple[str, ...] = ()
    try:
        file = inputs.frame(file, known)
        image = read(file, limits=limits, layout=known)
        if output is not None:
            profile_file.check(
                output,
                profile_file.camera_of(image),
                lambda tables: profile_groups.check_noise(
                    tables, image.exif.iso, image.colors, is_picture=True
                ),
            )
            doubts = profile_file.doubts(output, image)
        found = noise_source.of_picture(image)
    except Exception as error:
        return outcome.gave_up(error, file, debug=debug)
    unlikely = measurement.doubts(image, found)
    report.warn((file, unlikely), (output or "", doubts))
    wrote = "" if output is None else _write(output, image, found)
    told = _told(image, found, (*unlikely, *doubts))
    report.tell(_table(image, found), told, as_json=as_json, wrote=wrote)
    return outcome.DONE


def _told(raw: "RawImage", found: "tuple[Estimate, ...]", warnings: tuple[str, ...]) -> dict[str, Any]:
    """The figures as JSON has them."""
    return {
        "camera": {"maker": raw.maker, "model": raw.model or raw.unique_model},
        "iso": raw.exif.iso,
        "planes": [
            {"color": color}
            | one.noise._asdict()
            | {"shot_error": one.shot_error, "read_error": one.read_error}
            for color, one in zip(raw.colors, found, strict=True)
        ],
        "warnings": list(warnings),
    }


def _table(raw: "RawImage", found: "tuple[Estimate, ...]") -> str:
    """One line a color; the last column is what one sees: the deviation at mid-gray."""
    from deepisp.develop.noise_source import MID_GRAY

    lines = [f"{'color':5}  {'shot':22}  {'read':22}  deviation at {MID_GRAY:g}"]
    for color, one in zip(raw.colors, found, strict=True):
        shot, read = figure(one.noise.shot, one.shot_error), figure(one.noise.read, one.read_error)
        gray = figure(one.std(MID_GRAY), one.std_error(MID_GRAY))
        lines.append(f"{color:5}  {shot:22}  {read:22}  {gray}")
    return "\n".join(
        [
            *lines,
            "variance = shot * signal + read, of the signal from black 0 to white 1; deviation: its root",
        ]
    )


def _write(output: Path, raw: "RawImage", found: "tuple[Estimate, ...]") -> str:
    """What was written."""
    from deepisp.calibrate import profile_file, profile_groups

    with place.written(output):
        profile_file.update(
            output,
            lambda known: profile_groups.with_picture(known, raw.colors, found, raw.exif.iso),
            camera=profile_file.camera_of(raw),
        )
    return str(output)
