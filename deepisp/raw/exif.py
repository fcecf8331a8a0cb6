"""EXIF through exifread, into plain values; whatever is wrong with it costs a warning, never the picture."""

import contextlib
import io
import math
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from deepisp.raw import dng_tags
from deepisp.raw.image import Exif, RawImage

_DIRECTORIES = {"Image": "Image", "EXIF": "EXIF", "GPS": "GPS"}
_TIMEOUT_S = 5.0
_TEXT, _RATIONALS, _UNDEFINED = 2, (5, 10), 7  # TIFF field types
_DNG_TAGS = 0xC000  # DNG's tags begin here; they describe the raw data, not the picture
_MOST_AT_ONCE = 16 << 20  # bytes
_LONGEST = 65536  # bytes of one value: larger ones are maker notes and previews


class _Bounded(io.BufferedReader):
    """A file that is never asked for the 2 GiB that a damaged count names: the buffer alone would take seconds."""

    def read(self, size: int | None = -1, /) -> bytes:
        """At most 16 MiB."""
        return super().read(_MOST_AT_ONCE if size is None or not 0 <= size <= _MOST_AT_ONCE else size)


def attach(raw: RawImage, file: Path) -> RawImage:
    """The raw image with its EXIF; ISO, exposure and the like fall back on what LibRaw knows."""
    try:
        with _deadline(_TIMEOUT_S), _Bounded(io.FileIO(file)) as stream:
            tags = _tags(stream)
        found = _exif(tags, raw.exif)
    except Exception as error:  # exifread raises whatever its parsing stumbles on
        words = f"EXIF not copied: {type(error).__name__}"
        return replace(raw, warnings=(*raw.warnings, words), exif=_named(raw.exif, raw.maker, raw.model))
    maker, model = raw.maker or _text(tags, dng_tags.MAKE), raw.model or _text(tags, dng_tags.MODEL)
    return replace(raw, maker=maker, model=model, exif=_named(found, maker, model))


def _named(found: Exif, maker: str, model: str) -> Exif:
    """EXIF with the camera's names, where another header than EXIF knows them."""
    names = {tag: text for tag, text in ((dng_tags.MAKE, maker), (dng_tags.MODEL, model)) if text}
    known = found.tags.get("Image", {})
    missing = {tag: text for tag, text in names.items() if not known.get(tag)}
    return replace(found, tags={**found.tags, "Image": {**known, **missing}}) if missing else found


def _exif(tags: dict[str, dict[int, Any]], known: Exif) -> Exif:
    own = tags.get("EXIF", {})
    return Exif(
        tags=tags,
        iso=_iso(own) or known.iso,
        exposure_s=_first(own, 0x829A) or known.exposure_s,
        aperture=_first(own, 0x829D) or known.aperture,
        focal_length_mm=_first(own, 0x920A) or known.focal_length_mm,
        lens=str(own.get(0xA434, "") or known.lens),
        taken=str(own.get(0x9003, "") or known.taken),
    )


def _iso(tags: dict[int, Any]) -> float | None:
    """PhotographicSensitivity holds 16 bits; 65535 says that a longer tag knows (EXIF 2.3, 0x8827 to 0x8833)."""
    found = (_first(tags, number) for number in (0x8827, 0x8832, 0x8831, 0x8833))
    return next((iso for iso in found if iso is not None and iso != 65535), None)


def _tags(stream: Any) -> dict[str, dict[int, Any]]:
    import exifread

    # details=False: the maker notes' counts can make exifread hang (exif-py issue 182). UserComment is lost with them.
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
    return tuple(values) if all(isinstance(one, int | float) for one in values) else None


def _text(tags: dict[str, dict[int, Any]], number: int) -> str:
    value = tags.get("Image", {}).get(number, "")
    return value.strip() if isinstance(value, str) else ""


def _first(tags: dict[int, Any], number: int) -> float | None:
    """The first number of a tag; None if it is absent, not above zero or no number."""
    value = tags.get(number)
    one = value[0] if isinstance(value, tuple) and value else None
    if isinstance(one, tuple):
        one = one[0] / one[1] if one[1] else None
    return float(one) if isinstance(one, int | float) and 0 < one < math.inf else None


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
