"""The door through which every raw file enters."""

import os
from pathlib import Path

from deepisp.raw.decoder import POOL
from deepisp.raw.image import RawImage
from deepisp.raw.layout import Layout, load_layout
from deepisp.raw.limits import LIMITS, Limits


def read(
    path: str | os.PathLike[str],
    *,
    limits: Limits | None = None,
    layout: Layout | str | os.PathLike[str] | None = None,
    thumbnail: bool = False,
) -> RawImage:
    """What a raw file holds, decoded in a child process so that a bad file can do no harm.

    Args:
        path: DNG, any format that LibRaw knows, FITS, or bare sensor values.
        limits: time, memory and pixels that the file may cost.
        layout: what bare sensor values mean, or the TOML file that says so; a file whose own header says it keeps
            its header, and has a warning.
        thumbnail: also take out the embedded JPEG.

    Raises:
        DamagedFile: data are missing or contradict themselves.
        UnsupportedFile: no decoder here knows it.
        LimitReached: it takes more than `limits`.
        ValueError: the layout file is wrong.
        TypeError: an argument is of another type.
        OSError: it cannot be opened; an InterruptedError if the run that it belongs to was ended.
    """
    check_types(path, limits=limits, layout=layout)
    file = Path(path)
    limits = limits or LIMITS["desktop"]
    if layout is not None and not isinstance(layout, Layout):
        layout = load_layout(Path(layout))
    request = {
        "path": str(file.absolute()),
        "limits": limits.model_dump(),
        "layout": layout and layout.model_dump(),
        "thumbnail": thumbnail,
    }
    return POOL.decode(file, request, limits)


def check_types(path: object, *, limits: object, layout: object) -> None:
    """Nothing, if `read` takes such arguments.

    Raises:
        TypeError: it does not; says what it takes.
    """
    if isinstance(path, bytes) or not isinstance(path, str | os.PathLike):
        how = 'for numbers in memory make deepisp.RawImage(mosaic=..., cfa="RGGB"), and give it to develop'
        raise TypeError(f"a file must be a path, got {_short(path)}; {how}")
    if limits is not None and not isinstance(limits, Limits):
        raise TypeError(f"limits must be deepisp.Limits, got {_short(limits)}; write Limits(timeout_s=20)")
    if layout is not None and not isinstance(layout, Layout | str | os.PathLike):
        how = 'write Layout(cfa="RGGB", white_level=4095)'
        raise TypeError(f"layout must be deepisp.Layout or a TOML file's path, got {_short(layout)}; {how}")


def _short(value: object) -> str:
    """Its type, and for numbers and text its value."""
    name = type(value).__name__
    return f"{name} {value!r}" if isinstance(value, int | float) else name
