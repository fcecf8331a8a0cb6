"""The door through which every raw file enters."""

import os
from pathlib import Path

from deepisp.raw.decoder import POOL
from deepisp.raw.headerless import Layout, load_layout
from deepisp.raw.image import RawImage
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
        layout: what bare sensor values mean, or the TOML file that says so.
        thumbnail: also take out the embedded JPEG.

    Raises:
        DamagedFile: data are missing or contradict themselves.
        UnsupportedFile: no decoder here knows it.
        LimitReached: it takes more than `limits`.
        ValueError: the layout file is wrong.
        OSError: it cannot be opened; an InterruptedError if the run that it belongs to was ended.
    """
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
