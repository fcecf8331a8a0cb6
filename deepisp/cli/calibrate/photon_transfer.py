"""`deepisp calibrate photon-transfer`: gain and noise of a sensor from flats and darks."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from deepisp.cli import options, outcome, say


class ManyValues(click.Command):
    """A command whose options of `multiple=True` take all words up to the next option, as shells expand `*.dng`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """`--flats a b` is read as `--flats a --flats b`."""
        many = {
            flag
            for parameter in self.params
            if isinstance(parameter, click.Option) and parameter.multiple
            for flag in parameter.opts
        }
        return super().parse_args(ctx, repeated(args, many))


def repeated(words: Sequence[str], many: set[str]) -> list[str]:
    """The words with these options' names before each of their values.

    >>> repeated(["--flats", "a", "b", "-o", "c"], {"--flats"})
    ['--flats', 'a', '--flats', 'b', '-o', 'c']
    """
    out: list[str] = []
    current, is_first = "", False
    for index, word in enumerate(words):
        if word == "--":
            return [*out, *words[index:]]
        if word.startswith("-") and word != "-":
            current, is_first = (word, True) if word in many else ("", False)
            out.append(word)
        else:
            out += [current, word] if current and not is_first else [word]
            is_first = False
    return out


@click.command(
    "photon-transfer", cls=ManyValues, epilog=outcome.CODES, context_settings={"max_content_width": 110}
)
@click.option(
    "--flats", multiple=True, required=True, type=click.Path(), metavar="FILE...", help="evenly lit frames"
)
@click.option("--darks", multiple=True, type=click.Path(), metavar="FILE...", help="frames without light")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="sensor file to write or to add to (.toml)"
)
@click.option("--json", "as_json", is_flag=True, help="print what was measured, one JSON object")
@click.option("--layout", type=click.Path(), help="TOML file that says what bare sensor values mean")
@click.option("--maker", default="", help="camera's maker, where files do not say it")
@click.option("--model", default="", help="camera's model, the same")
@click.option("--iso", type=click.FloatRange(min=0, min_open=True), help="ISO of the frames, the same")
@click.option(
    "--window", type=click.FloatRange(0, 1, min_open=True), help="side of the central part to measure"
)
@options.limits
@click.option("--debug", is_flag=True, help="show where a failure came from")
def photon_transfer(
    *,
    flats: tuple[str, ...],
    darks: tuple[str, ...],
    output: Path | None,
    as_json: bool,
    layout: str | None,
    maker: str,
    model: str,
    iso: float | None,
    window: float | None,
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
    from deepisp.calibrate import profile_file
    from deepisp.calibrate.frames import Frames
    from deepisp.calibrate.recipe import PhotonTransfer, shipped_recipe

    if output is None and not as_json:
        raise click.UsageError("say where the figures go: -o camera.toml, or --json")
    recipe = shipped_recipe(PhotonTransfer)
    if window is not None:
        recipe = recipe.model_copy(update={"window": window})
    known, limits = batch.loaded(layout), options.limits_of(given)
    try:
        if output is not None and output.exists():
            first = Frames(flats[:1], purpose=measurement.PURPOSE, layout=known, limits=limits).first
            profile_file.check(output, iso or first.iso, first.colors)
        result = measurement.measure(flats, darks, layout=known, limits=limits, recipe=recipe)
    except Exception as error:
        return outcome.gave_up(error, debug=debug)
    if iso is not None:
        result = replace(result, first=replace(result.first, iso=iso))
    for note in result.notes:
        say.warning("", note)
    if output is not None:
        wrote = _write(output, result, maker, model)
        (say.note if as_json else say.data)(wrote)  # stdout holds the JSON alone
    if as_json:
        say.data(json.dumps({"planes": [vars(plane) for plane in result.planes]}, allow_nan=False))
    return outcome.DONE


def _write(output: Path, result: Any, maker: str, model: str) -> str:
    """What was written, on one line."""
    from deepisp.calibrate import noise_report, profile_file

    first = result.first
    maker, model = maker or first.maker, model or first.model
    profile_file.update(
        output, lambda known: profile_file.with_photon_transfer(known, result), maker=maker, model=model
    )
    picture = beside(output, first.iso, "photon-transfer.png")
    noise_report.photon_transfer(picture, result, title=camera(maker, model, first.iso))
    return say.one_line(f"{output}, {picture}")


def beside(output: Path, iso: float | None, ending: str) -> Path:
    """The name of a file beside a sensor file that holds one ISO: another ISO does not replace it."""
    at = "" if iso is None else f"-iso{iso:g}"
    return output.with_name(f"{output.stem}{at}-{ending}")


def camera(maker: str, model: str, iso: float | None) -> str:
    """The camera and its ISO, as a plot's title."""
    return " ".join([*dict.fromkeys(f"{maker} {model}".split()), *([] if iso is None else [f"ISO {iso:g}"])])
