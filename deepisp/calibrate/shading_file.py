"""A map of lens shading to a TOML file; develop/shading_map.py reads it."""

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
    import tomlkit

    optics = shading.optics
    head = {
        "maker": shading.maker,
        "model": shading.model,
        "lens": optics.lens,
        "focal_length_mm": optics.focal_length_mm,
        "aperture": optics.aperture,
        "cfa": shading.cfa,
        "rows": shading.shape[0],
        "columns": shading.shape[1],
        "frames": shading.frames,
        "source": f"deepisp calibrate flat: {shading.frames} flats",
        "measured": datetime.now(UTC).date(),
    }
    document = tomlkit.document()
    document.update({name: value for name, value in head.items() if value is not None})
    planes = tomlkit.aot()
    for plane in shading.planes:
        gains = tomlkit.array()
        gains.extend(plane.gains.round(6).tolist())
        positions = [list(at) for at in plane.positions]
        planes.append(
            tomlkit.item({"color": plane.color, "positions": positions, "gains": gains.multiline(True)})
        )
    document["planes"] = planes
    return tomlkit.dumps(document)
