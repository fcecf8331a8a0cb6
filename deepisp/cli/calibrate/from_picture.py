"""`deepisp calibrate from-picture`: shot and read noise of one ordinary raw."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepisp.cli import options, outcome, say

if TYPE_CHECKING:
    from deepisp.raw.image import RawImage
    from deepisp.sensor.estimate import Estimate

MID_GRAY = 0.18


@click.command("from-picture", epilog=outcome.CODES, context_settings={"max_content_width": 110})
@click.argument("raw", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="sensor file to write or to add to (.toml)"
)
@click.option("--json", "as_json", is_flag=True, help="print what was found, one JSON object")
@click.option("--layout", type=click.Path(), help="TOML file that says what bare sensor values mean")
@options.limits
@click.option("--debug", is_flag=True, help="show where a failure came from")
def from_picture(
    *, raw: Path, output: Path | None, as_json: bool, layout: str | None, debug: bool, **given: Any
) -> int:
    """Shot and read noise from one ordinary raw of any scene.

    The smoother the scene and the higher the ISO, the better: fine texture everywhere in the picture passes for
    noise. Flats and darks say more (photon-transfer).
    """
    from deepisp import batch
    from deepisp.calibrate import profile_file
    from deepisp.develop import noise_source
    from deepisp.raw.read import read

    limits, known = options.limits_of(given), batch.loaded(layout)
    try:
        image = read(raw, limits=limits, layout=known)
        if output is not None:
            profile_file.check(output, image.exif.iso, image.colors, is_picture=True)
        found = noise_source.of_picture(image)
    except Exception as error:
        return outcome.gave_up(error, raw, debug=debug)
    if as_json:
        planes = [_plane(color, one) for color, one in zip(image.colors, found, strict=True)]
        say.data(json.dumps({"planes": planes}, allow_nan=False))
    elif output is None:
        say.data(_table(image, found))
    if output is not None:
        _write(output, image, found)
        (say.note if as_json else say.data)(say.one_line(output))  # stdout holds the JSON alone
    return outcome.DONE


def _plane(color: str, one: "Estimate") -> dict[str, Any]:
    return {"color": color, **one.noise._asdict(), "shot_error": one.shot_error, "read_error": one.read_error}


def _table(raw: "RawImage", found: "tuple[Estimate, ...]") -> str:
    """One line a color; the last column is what one sees: the deviation at mid-gray."""
    lines = [f"{'color':5}  {'shot':22}  {'read':22}  deviation at {MID_GRAY:g}"]
    for color, one in zip(raw.colors, found, strict=True):
        shot, read = (
            f"{one.noise.shot:.4g} ± {one.shot_error:.2g}",
            f"{one.noise.read:.4g} ± {one.read_error:.2g}",
        )
        gray = f"{one.std(MID_GRAY):.4g} ± {one.std_error(MID_GRAY):.2g}"
        lines.append(f"{color:5}  {shot:22}  {read:22}  {gray}")
    return "\n".join(lines)


def _write(output: Path, raw: "RawImage", found: "tuple[Estimate, ...]") -> None:
    from deepisp.calibrate import profile_file

    profile_file.update(
        output,
        lambda known: profile_file.with_picture(known, raw.colors, found, raw.exif.iso),
        maker=raw.maker,
        model=raw.unique_model or raw.model,
    )
