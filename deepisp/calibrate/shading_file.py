"""A map of lens shading to a TOML file; develop/shading_map.py reads it."""

import json
from datetime import UTC, datetime
from pathlib import Path

from deepisp.develop.shading_map import Shading, load
from deepisp.picture import atomic


def write(shading: Shading, path: Path) -> None:
    """A map to a file, whole or not at all; a map that is there is replaced, nothing else is.

    Raises:
        ValueError: what is there is no map of lens shading, as a sensor file.
        OSError: it cannot be written; then what was there is untouched.
    """
    if path.exists():
        try:
            load(path)
        except ValueError as error:
            raise ValueError(f"{path} is no map of lens shading; write the map to another file") from error
    atomic.commit(path, text(shading).encode())


def text(shading: Shading) -> str:
    """The map as TOML; gains to six digits, so that reading it back is exact to a millionth."""
    optics = shading.optics
    head = {
        "maker": json.dumps(shading.maker),
        "model": json.dumps(shading.model),
        "lens": json.dumps(optics.lens),
        "focal_length_mm": optics.focal_length_mm,
        "aperture": optics.aperture,
        "cfa": json.dumps(shading.cfa),
        "rows": shading.shape[0],
        "columns": shading.shape[1],
        "frames": shading.frames,
        "source": json.dumps(f"deepisp calibrate flat: {shading.frames} flats"),
        "measured": datetime.now(UTC).date().isoformat(),
    }
    lines = [f"{name} = {value}" for name, value in head.items() if value is not None]
    for plane in shading.planes:
        positions = ", ".join(f"[{row}, {column}]" for row, column in plane.positions)
        rows = (", ".join(f"{gain:.6f}" for gain in row) for row in plane.gains)
        lines += ["", "[[planes]]", f'color = "{plane.color}"', f"positions = [{positions}]", "gains = ["]
        lines += [*(f"    [{row}]," for row in rows), "]"]
    return "\n".join(lines) + "\n"
