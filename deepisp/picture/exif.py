"""The EXIF that a picture carries: what the raw file said, put right for the rendered pixels.

Pixels are upright when they get here, so the orientation is 1; sizes, color space and software are ours. Left
out is what only holds for the raw file: maker notes, thumbnails, DNG tags, offsets.
"""

import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import deepisp
from deepisp.picture import ifd
from deepisp.picture.ifd import ASCII, BYTE, LONG, RATIONAL, SHORT, SRATIONAL, UNDEFINED, Field
from deepisp.raw import dng_tags
from deepisp.raw.image import Exif

# Exif 2.32 (CIPA DC-008-2019), tables 3 to 8: the type of each tag that we copy into directory 0 ...
_IMAGE = {
    270: ASCII, 271: ASCII, 272: ASCII, 282: RATIONAL, 283: RATIONAL, 296: SHORT, 306: ASCII, 315: ASCII,
    33432: ASCII,
}  # fmt: skip
_RESOLUTION = (282, 283, 296)  # XResolution, YResolution, ResolutionUnit: only together
# ... of the tags of the EXIF directory; one that is not here is typed by its value ...
_RATIONALS = (
    33434, 33437, 37122, 37378, 37381, 37382, 37386, 41483, 41486, 41487, 41493, 41988, 42034, 42240,
)  # fmt: skip
# Shutter speed, brightness, exposure bias; temperature, elevation.
_SIGNED = (37377, 37379, 37380, 37888, 37892)
_OPAQUE = (34856, 36864, 37121, 37510, 40960, 41484, 41728, 41729, 41730, 41995)
_TEXTS = (
    34852, 36867, 36868, 36880, 36881, 36882, 37520, 37521, 37522, 40964, 42016, 42032, 42033, 42035, 42036, 42037,
)  # fmt: skip
_EXIF = (
    dict.fromkeys(_RATIONALS, RATIONAL)
    | dict.fromkeys(_SIGNED, SRATIONAL)
    | dict.fromkeys(_OPAQUE, UNDEFINED)
    | dict.fromkeys(_TEXTS, ASCII)
)
# ... and of GPS.
_GPS = dict.fromkeys((1, 3, 8, 9, 10, 12, 14, 16, 18, 19, 21, 23, 25, 29), ASCII)
_GPS |= dict.fromkeys((2, 4, 6, 7, 11, 13, 15, 17, 20, 22, 24, 26, 31), RATIONAL)
_GPS |= {0: BYTE, 5: BYTE, 27: UNDEFINED, 28: UNDEFINED, 30: SHORT}

# How many numbers, where not one: lens specification; latitude, longitude, time.
_COUNTS = {("EXIF", 42034): 4, ("GPS", 2): 3, ("GPS", 4): 3, ("GPS", 7): 3}

# Maker note, interoperability pointer, Windows padding; where the subject is, in unrotated pixels of the raw.
_LEFT_OUT = frozenset({37500, 40965, 59932, 59933, 37396, 41492})
_LONGEST = 65_000  # bytes: a JPEG holds 65 527 of EXIF in its one segment
_SRGB, _UNCALIBRATED = 1, 0xFFFF  # values of ColorSpace, Exif 2.32, table 7


class Directories(NamedTuple):
    """The three directories of EXIF, tag to field, and a line on each value that was dropped."""

    image: dict[int, Field]
    exif: dict[int, Field]
    gps: dict[int, Field]
    dropped: list[str]

    @property
    def pointers(self) -> dict[int, dict[int, Field]]:
        """The directories that directory 0 points to, by the pointer's tag; an empty one is left out."""
        both = {ifd.EXIF_POINTER: self.exif, ifd.GPS_POINTER: self.gps}
        return {pointer: fields for pointer, fields in both.items() if fields}


def software(digest: str = "", source: str = "") -> str:
    """The text of the Software tag; `digest` is of the settings which made the picture, `source` of the raw file.
    `origin.of` reads both back."""
    words = f"deepisp {deepisp.__version__}"
    if digest:
        words += f" settings={digest}"
    return f"{words} source={source}" if digest and source else words


def directories(
    exif: Exif | None,
    *,
    height: int,
    width: int,
    space: str,
    digest: str = "",
    source: str = "",
    strip_gps: bool = False,
) -> Directories:
    """The EXIF of a picture of `height` x `width` upright pixels in `space`. Never fails: what cannot be
    written is dropped, and named in `dropped`."""
    found = directories_as_found(exif, strip_gps=strip_gps)
    ours = {
        dng_tags.ORIENTATION: ifd.field(SHORT, 1),
        dng_tags.SOFTWARE: ifd.field(ASCII, software(digest, source)),
    }
    sizes = {
        40961: ifd.field(SHORT, _SRGB if space == "srgb" else _UNCALIBRATED),
        40962: ifd.field(LONG, width),
        40963: ifd.field(LONG, height),
    }
    return found._replace(image=found.image | ours, exif=found.exif | sizes)


def directories_as_found(exif: Exif | None, *, strip_gps: bool = False) -> Directories:
    """The raw file's EXIF without what only holds there; no orientation, sizes or software."""
    exif, dropped = exif or Exif(), list[str]()
    image = _fields(
        "Image", {t: v for t, v in exif.tags.get("Image", {}).items() if t in _IMAGE}, _IMAGE, dropped
    )
    if not _is_resolution(image):
        image = {tag: one for tag, one in image.items() if tag not in _RESOLUTION}
    known = _known(exif) | dict(exif.tags.get("EXIF", {}))
    photo = _fields("EXIF", {t: v for t, v in known.items() if t not in _LEFT_OUT}, _EXIF, dropped)
    photo.setdefault(36864, ifd.field(UNDEFINED, b"0232"))  # ExifVersion: mandatory
    gps = {} if strip_gps else _fields("GPS", exif.tags.get("GPS", {}), _GPS, dropped)
    for name, fields in (("EXIF", photo), ("Image", image), ("GPS", gps)):
        _shorten(name, fields, dropped)
    return Directories(image, photo, gps, dropped)


def _is_resolution(image: Mapping[int, Field]) -> bool:
    """Whether pixels per inch or centimeter are given in full, and are numbers."""
    if any(tag not in image for tag in _RESOLUTION):
        return False
    across, down, unit = (image[tag].data for tag in _RESOLUTION)
    return all(struct.unpack("<4I", across + down)) and struct.unpack("<H", unit)[0] in (1, 2, 3)


def _known(exif: Exif) -> dict[int, Any]:
    """What the reader found out by other ways than EXIF."""
    values = {
        33434: exif.exposure_s,
        33437: exif.aperture,
        34855: None if exif.iso is None or exif.iso > 0xFFFF else round(exif.iso),
        36867: exif.taken,
        37386: exif.focal_length_mm,
        42036: exif.lens,
    }
    return {tag: value for tag, value in values.items() if value}


def _fields(
    name: str, tags: Mapping[int, Any], kinds: Mapping[int, int], dropped: list[str]
) -> dict[int, Field]:
    fields = {}
    for tag, value in tags.items():
        try:
            kind = kinds.get(tag)
            one = ifd.guess(value) if kind is None else ifd.field(kind, _alone(kind, value))
            if kind in (RATIONAL, SRATIONAL, SHORT) and one.count != _COUNTS.get((name, tag), 1):
                raise ValueError(f"{one.count} values")
            struct.pack("<H", tag)
            fields[tag] = one
        except (ValueError, TypeError, OverflowError, AttributeError, struct.error):
            dropped.append(f"EXIF tag {tag} of {name} not copied: bad value {repr(value)[:40]}")
    return fields


def _alone(kind: int, value: Any) -> Any:
    """One rational given as a bare pair of integers is one rational, not two."""
    is_pair = isinstance(value, tuple) and len(value) == 2 and all(isinstance(part, int) for part in value)
    return (value,) if kind in (RATIONAL, SRATIONAL) and is_pair else value


def _shorten(name: str, fields: dict[int, Field], dropped: list[str]) -> None:
    """Drop the longest values until a third of a JPEG's segment is enough for this directory."""
    while len(ifd.directory(fields, 0)) > _LONGEST // 3:
        longest = max(fields, key=lambda tag: len(fields[tag].data))
        dropped.append(f"EXIF tag {longest} of {name} not copied: {len(fields.pop(longest).data)} bytes")


def block(found: Directories) -> bytes:
    """The directories as one TIFF structure, as PNG, WebP, AVIF and JPEG XL carry it; JPEG after "Exif"."""
    start = 8  # behind the TIFF header
    image = found.image | dict.fromkeys(found.pointers, ifd.field(LONG, 0))
    behind, parts = start + len(ifd.directory(image, start)), b""
    for pointer, fields in found.pointers.items():
        image[pointer] = ifd.field(LONG, behind + len(parts))
        parts += ifd.directory(fields, behind + len(parts))
    return struct.pack("<2sHI", b"II", 42, start) + ifd.directory(image, start) + parts
