"""`deepisp info`: what raw files say."""

import json
import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepisp.cli import info_text, options, outcome, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepisp.batch.files import Source
    from deepisp.raw.image import Area, ColorCalibration, RawImage
    from deepisp.raw.layout import Layout
    from deepisp.raw.limits import Limits
    from deepisp.sensor.profile import Profile

# EXIF LightSource and DNG CalibrationIlluminant (CIPA DC-008-2019, LightSource).
_LIGHTS = {
    0: "unknown", 1: "daylight", 2: "fluorescent", 3: "tungsten", 4: "flash", 9: "fine weather", 10: "cloudy",
    11: "shade", 12: "daylight fluorescent", 13: "day white fluorescent", 14: "cool white fluorescent",
    15: "white fluorescent", 16: "warm white fluorescent", 17: "A", 18: "B", 19: "C", 20: "D55", 21: "D65",
    22: "D75", 23: "D50", 24: "studio tungsten", 255: "by chromaticity",
}  # fmt: skip
_EXIF = ("iso", "exposure_s", "aperture", "focal_length_mm", "lens", "taken")


@click.command(epilog=outcome.CODES, context_settings={"max_content_width": 110})
@click.argument("raw", nargs=-1, required=True, type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="one JSON object per file, one per line")
@click.option("-r", "--recursive", is_flag=True, help="also take the subfolders of folders")
@click.option("--layout", type=click.Path(), help="TOML file that says what bare sensor values mean")
@click.option("--noise", type=click.Path(), help="a profile of your own (TOML), to compare with")
@click.option(
    "--estimate/--no-estimate", default=True, help="also estimate the noise from the picture itself"
)
@options.limits
@click.option("--debug", is_flag=True, help="show where a failure came from")
def info(
    *,
    raw: tuple[str, ...],
    as_json: bool,
    recursive: bool,
    layout: str | None,
    noise: str | None,
    estimate: bool,
    debug: bool,
    **given: Any,
) -> int:
    """What raw files say: size, CFA, levels, color matrices, noise, exposure.

    \b
    Where the noise comes from, in this order: --noise FILE, the file's own NoiseProfile, the camera's shipped
    profile at the ISO, an estimate from the picture. The first is taken; the others are shown beside it.
    """
    from deepisp import batch
    from deepisp.batch import files
    from deepisp.sensor import profile

    limits, known = options.limits_of(given), batch.loaded(layout)
    own = None if noise is None else profile.load(Path(noise))
    found = files.gather(raw, recursive=recursive, is_described=known is not None)
    failed = 0
    for place, source in enumerate(found):
        told = _told(source, partial(describe, own=own, estimate=estimate), limits, known, debug=debug)
        failed += told is None
        if told is not None and as_json:
            say.data(json.dumps(told, allow_nan=False))
        elif told is not None:
            say.data(("\n" if place else "") + info_text.text(told))
    matched = sum(not isinstance(source.problem, FileNotFoundError) for source in found)
    if not found:
        say.error(raw[0], files.none_found(raw, recursive=recursive))
    return outcome.code(failed=failed, total=len(found), matched=matched)


def _told(
    source: "Source",
    tell: "Callable[[RawImage], dict[str, Any]]",
    limits: "Limits",
    layout: "Layout | None",
    *,
    debug: bool,
) -> dict[str, Any] | None:
    """What a file says, or None after the complaint that it says nothing."""
    from deepisp.batch.record import failure
    from deepisp.raw.read import read

    try:
        if source.problem is not None:
            raise source.problem
        return tell(read(source.path, limits=limits, layout=layout)) | {"path": str(source.path)}
    except Exception as error:
        found = failure(error)
        say.error(source.path, found["what"])
        if debug:
            click.echo(found["trace"], err=True)
        return None


def describe(raw: "RawImage", *, own: "Profile | None" = None, estimate: bool = False) -> dict[str, Any]:
    """What is known of a raw image, as JSON has it. Lists of levels follow the cell at the array's corner; what is not
    known is null.

    Args:
        raw: from `deepisp.read`.
        own: the user's profile of the camera, whose noise comes first.
        estimate: whether to look for noise in the picture too.
    """
    height, width = raw.data.shape[:2]
    opcodes, doubts = _opcodes(raw)
    noise = _noise(raw, own, estimate=estimate)
    told = {
        "path": str(raw.path),
        "maker": raw.maker,
        "model": raw.model,
        "unique_model": raw.unique_model,
        "kind": raw.kind,
        "type": str(raw.data.dtype),
        "width": width,
        "height": height,
        "active_area": _area(raw.active),
        "default_crop": _area(raw.crop),
        "masked_areas": [_area(area) for area in raw.masked_areas],
        "orientation": raw.orientation,
        "pixel_aspect": raw.pixel_aspect,
        "cfa": raw.cfa,
        "colors": list(raw.colors),
        "black_level": raw.black_level.tolist(),
        "white_level": raw.white_level.tolist(),
        "saturation_level": _numbers(raw.saturation_level),
        "has_black_per_row": raw.black_rows is not None,
        "has_black_per_column": raw.black_columns is not None,
        "as_shot_neutral": _numbers(raw.as_shot_neutral),
        "white_balance": None if raw.as_shot_neutral is None else (1 / raw.as_shot_neutral).tolist(),
        "as_shot_white_xy": _numbers(raw.as_shot_white_xy),
        "analog_balance": _numbers(raw.analog_balance),
        "baseline_exposure_ev": raw.baseline_exposure_ev,
        "calibrations": [_calibration(one) for one in raw.calibrations],
        "noise": noise[0]["noise"] if noise else None,
        "noise_source": noise[0]["source"] if noise else None,
        "noise_sources": noise,
        **{name: getattr(raw.exif, name) for name in _EXIF},
        "opcodes": opcodes,
        "warnings": [*raw.warnings, *doubts, *(one["warning"] for one in noise[:1] if one["warning"])],
    }
    finite: dict[str, Any] = _finite(told)
    return finite


def _noise(raw: "RawImage", own: "Profile | None", *, estimate: bool) -> list[dict[str, Any]]:
    """What each source says of the noise, best first, and its deviation at mid-gray over the first one's."""
    from deepisp.develop import noise_source

    found = list(noise_source.sources(raw, own, estimate=estimate))
    return [
        {
            "source": one.origin,
            "noise": [line._asdict() for line in one.noise],
            "ratio": noise_source.ratio(one, found[0]),
            "warning": one.warning,
        }
        for one in found
    ]


def _opcodes(raw: "RawImage") -> tuple[dict[str, list[str]], list[str]]:
    """Names of the corrections in each list, and why a list cannot be read."""
    from deepisp.raw import opcode_bytes

    active, names, doubts = (raw.active.height, raw.active.width), dict[str, list[str]](), list[str]()
    lists = {
        "list_1": (raw.opcode_list_1, raw.data.shape[:2]),
        "list_2": (raw.opcode_list_2, active),
        "list_3": (raw.opcode_list_3, active),
    }
    for name, (data, shape) in lists.items():
        try:
            names[name] = [type(one).__name__ for one in opcode_bytes.parse(data, shape=shape)]
        except ValueError as error:
            names[name] = []
            doubts.append(f"opcode {name.replace('_', ' ')}: {error}")
    return names, doubts


def _calibration(one: "ColorCalibration") -> dict[str, Any]:
    return {
        "illuminant": one.illuminant,
        "illuminant_name": _LIGHTS.get(one.illuminant, "unknown"),
        "illuminant_xy": _numbers(one.illuminant_xy),
        "xyz_to_camera": one.xyz_to_camera.tolist(),
        "forward": _numbers(one.forward),
        "camera_calibration": _numbers(one.camera_calibration),
    }


def _area(area: "Area") -> dict[str, int]:
    return {name: int(value) for name, value in area._asdict().items()}


def _numbers(values: Any) -> Any:
    if values is None:
        return None
    return list(values) if isinstance(values, tuple) else values.tolist()


def _finite(value: Any) -> Any:
    """The same with null for what JSON has no number for."""
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
