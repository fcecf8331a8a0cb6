"""What a picture of ours says of its making, in the Software tag of its EXIF. `exif.software` is what writes it."""

import re
from pathlib import Path
from typing import NamedTuple

_SOFTWARE = re.compile(rb"deepisp [\w.+-]+ settings=([0-9a-f]{6,64})(?: source=([0-9a-f]{6,64}))?")
_SEARCHED = 1 << 18  # bytes at either end of a file: EXIF is at most 64 kB and lies at one of them


class Origin(NamedTuple):
    """What a picture says of its making: digests of the settings and of the raw file; "" where it says nothing."""

    settings: str = ""
    source: str = ""


def of(path: Path) -> Origin:
    """What the picture at `path` says of its making; nothing, if there is no file or another program made it.

    Reads the two ends of the file alone, where EXIF lies in every format that we write; decodes nothing.
    """
    try:
        if not path.is_file():
            return Origin()  # a FIFO would be waited for
        with path.open("rb") as file:
            found = _SOFTWARE.findall(file.read(_SEARCHED))
            if not found:
                size = file.seek(0, 2)
                file.seek(max(_SEARCHED, size - _SEARCHED))
                found = _SOFTWARE.findall(file.read())
    except OSError:
        return Origin()
    return Origin(*(part.decode() for part in found[-1])) if found else Origin()
