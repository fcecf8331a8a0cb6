"""EXIF through exifread, into plain values; whatever is wrong with it costs a warning, never the picture."""

import contextlib
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from deepisp.raw.image import Exif, RawImage

_DIRECTORIES = {"Image": "Image", "EXIF": "EXIF", "GPS": "GPS"}
_TIMEOUT_S = 5.0
_TEXT, _RATIONALS, _UNDEFINED = 2, (5, 10), 7  # TIFF field types
_DNG_TAGS = 0xC000  # DNG's tags begin here; they describe the raw data, not the picture
_LONGEST = 65536  # bytes of one value: larger ones are maker notes and previews


def attach(raw: RawImage, file: Path) -> RawImage:
    """The raw image with its EXIF; ISO, exposure and the like fall back on what LibRaw knows."""
    try:
        with _deadline(_TIMEOUT_S), file.open("rb") as stream:
            tags = _tags(stream)
    except Exception as error:  # exifread raises whatever its parsing stumbles on
        words = f"EXIF not copied: {type(error).__name__}"
        return replace(raw, warnings=(*raw.warnings, words))
    known = raw.exif
    return replace(
        raw,
        maker=raw.maker or _text(tags, 271),
        model=raw.model or _text(tags, 272),
        exif=Exif(
            tags=tags,
            iso=_first(tags, 0x8827) or known.iso,
            exposure_s=_first(tags, 0x829A) or known.exposure_s,
            aperture=_first(tags, 0x829D) or known.aperture,
            focal_length_mm=_first(tags, 0x920A) or known.focal_length_mm,
            lens=str(tags.get("EXIF", {}).get(0xA434, "") or known.lens),
            taken=str(tags.get("EXIF", {}).get(0x9003, "") or known.taken),
        ),
    )


def _tags(stream: Any) -> dict[str, dict[int, Any]]:
    import exifread

    # details=False: the maker notes' counts can make exifread hang (exif-py issue 182).
    found = exifread.process_file(stream, details=False)
    tags: dict[str, dict[int, Any]] = {}
    for name, tag in found.items():
        directory = _DIRECTORIES.get(name.split(" ", 1)[0])
        value = None if directory is None else _value(tag)
        if directory is not None and value is not None and tag.tag < _DNG_TAGS:
            tags.setdefault(directory, {})[int(tag.tag)] = value
    return tags


def _value(tag: Any) -> Any:
    values, kind = tag.values, int(getattr(tag.field_type, "value", tag.field_type))
    if len(values) > _LONGEST:
        return None
    if kind == _TEXT or isinstance(values, str):
        return str(values).rstrip("\0 ")
    if kind == _UNDEFINED:
        return bytes(values) if not isinstance(values, bytes) else values
    if kind in _RATIONALS:
        return tuple((int(one.num), int(one.den)) for one in values)
    return tuple(values)


def _text(tags: dict[str, dict[int, Any]], number: int) -> str:
    value = tags.get("Image", {}).get(number, "")
    return value.strip() if isinstance(value, str) else ""


def _first(tags: dict[str, dict[int, Any]], number: int) -> float | None:
    """The first number of a tag; None if it is absent, zero or no number."""
    value = tags.get("EXIF", {}).get(number)
    if not isinstance(value, tuple) or not value:
        return None
    one = value[0]
    if isinstance(one, tuple):
        return one[0] / one[1] if one[0] and one[1] else None
    return float(one) or None


@contextlib.contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in pure Python code that takes longer. Main thread only, as the child's is."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError

    remaining = signal.getitimer(signal.ITIMER_REAL)[0]  # the whole file's own limit goes on afterwards
    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, min(seconds, remaining or seconds))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, remaining)
        signal.signal(signal.SIGALRM, previous)
