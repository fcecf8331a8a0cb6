"""What `deepisp info` says, for people: its JSON as lines."""

from typing import Any

from deepisp.cli import say


def text(told: dict[str, Any]) -> str:
    """One line a thing; what is not known is left out.

    Args:
        told: from `info.describe`, with the path as it is to be shown.
    """
    crop, channels = told["default_crop"], told["colors"]
    lines = {
        "camera": " ".join(dict.fromkeys(f"{told['maker']} {told['model']}".split())),
        "array": f"{told['width']} x {told['height']} {told['type']}",
        "picture": f"{crop['right'] - crop['left']} x {crop['bottom'] - crop['top']} from row {crop['top']}, column "
        f"{crop['left']}",
        "orientation": "" if told["orientation"] == 1 else told["orientation"],
        "kind": f"{told['kind']} {told['cfa'] if len(told['cfa']) <= 16 else ''}",
        "black": _level(told["black_level"]),
        "white": _level(told["white_level"]),
        "saturation": _level(told["saturation_level"]),
        "white balance": told["white_balance"] and _row(told["white_balance"], channels),
        "exposure": _exposure(told),
        "lens": told["lens"],
        "taken": told["taken"],
    }
    for one in told["calibrations"]:
        lines[f"XYZ to camera, {one['illuminant_name']}"] = "; ".join(
            _row(row) for row in one["xyz_to_camera"]
        )
    for color, noise in zip(channels, told["noise"] or [], strict=False):
        lines[f"noise of {color}"] = f"shot {noise['shot']:.4g}, read {noise['read']:.4g}"
    lines["noise from"] = _origins(told["noise_sources"])
    for name, names in told["opcodes"].items():
        lines[f"opcode {name.replace('_', ' ')}"] = ", ".join(names)
    lines["warning"] = "; ".join(told["warnings"])
    shown = {name: str(value).strip() for name, value in lines.items() if value}
    width = max(map(len, shown))
    body = [f"  {name:{width}}  {say.one_line(text)}" for name, text in shown.items() if text]
    return "\n".join([say.one_line(told["path"]), *body])


def _origins(sources: list[dict[str, Any]]) -> str:
    """Which source the noise is from, and how far the others are off."""
    if not sources:
        return ""
    others = [f"{one['source']} says {one['ratio']:.2g} times as much" for one in sources[1:] if one["ratio"]]
    return f"{sources[0]['source']}" + (f"; at mid-gray {', '.join(others)}" if others else "")


def _level(cell: Any) -> str:
    """Levels of the CFA's cell row by row; one number if they are all the same."""
    if cell is None:
        return ""
    rows = cell if isinstance(cell[0], list) else [cell]
    values = {value for row in rows for value in row}
    return f"{values.pop():g}" if len(values) == 1 else "; ".join(_row(row) for row in rows)


def _row(values: list[float], names: list[str] | None = None) -> str:
    shown = [f"{value:.6g}" if value is not None else "?" for value in values]
    return (
        " ".join(f"{name} {value}" for name, value in zip(names, shown, strict=False))
        if names
        else " ".join(shown)
    )


def _exposure(told: dict[str, Any]) -> str:
    seconds = told["exposure_s"]
    words = {
        "ISO {:g}": told["iso"],
        "{} s": seconds and (f"1/{1 / seconds:.0f}" if seconds < 0.3 else f"{seconds:g}"),
        "f/{:g}": told["aperture"],
        "{:g} mm": told["focal_length_mm"],
    }
    return ", ".join(words_for.format(value) for words_for, value in words.items() if value)
