"""Which picture formats there are, what each can hold, and which one a path asks for."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Format:
    """One picture format.

    Attributes:
        name: as people write it.
        suffixes: lower case; the first is the usual one.
        bits: bits per channel that are written; 32 is floating point.
        max_side: longest side, in pixels, that the format's own fields hold.
        any_space: whether an ICC profile is embedded; otherwise the format is written in sRGB only.
    """

    name: str
    suffixes: tuple[str, ...]
    bits: tuple[int, ...]
    max_side: int
    any_space: bool = True


JPEG = Format("JPEG", (".jpg", ".jpeg"), (8,), 65500)  # libjpeg's JPEG_MAX_DIMENSION
PNG = Format("PNG", (".png",), (8, 16), 1_000_000)  # libpng's PNG_USER_WIDTH_MAX
TIFF = Format("TIFF", (".tif", ".tiff"), (8, 16, 32), 2**31 - 1)
WEBP = Format("WebP", (".webp",), (8,), 16383)  # WEBP_MAX_DIMENSION
AVIF = Format("AVIF", (".avif",), (8,), 65536)  # AV1: 16 bits for a frame's side
JXL = Format("JPEG XL", (".jxl",), (8, 16), 2**30, any_space=False)

FORMATS: dict[str, Format] = {
    suffix.lstrip("."): known for known in (JPEG, PNG, TIFF, WEBP, AVIF, JXL) for suffix in known.suffixes
}


def of(path: Path) -> Format:
    """The format that a path's suffix names; the case of its letters does not matter.

    Raises:
        ValueError: it names none of `FORMATS`.

    >>> of(Path("holiday.JPG")).name
    'JPEG'
    """
    known = FORMATS.get(path.suffix.lower().lstrip("."))
    if known is None:
        raise ValueError(
            f"no picture format for {path.name!r}: its suffix is {path.suffix!r}; "
            f"use one of {', '.join(FORMATS)}"
        )
    return known


def check(known: Format, *, bits: int, space: str, height: int, width: int) -> None:
    """Nothing, if the format can hold such a picture.

    Raises:
        ValueError: it cannot; the text says which format can.
    """
    if bits not in known.bits:
        raise ValueError(
            f"{known.name} holds {_choice(known.bits)} bits per channel, {bits} were asked; "
            f"use {_choice(names(bits))} for {bits} bits, or --bits {known.bits[0]}"
        )
    if not known.any_space and space != "srgb":
        raise ValueError(
            f"{known.name} is written in sRGB only, {space!r} was asked; use TIFF or PNG, or --color srgb"
        )
    if max(height, width) > known.max_side or min(height, width) < 1:
        raise ValueError(
            f"{known.name} holds 1 to {known.max_side} pixels a side, got {width} x {height}; "
            "use TIFF, or --size for a smaller picture"
        )


def names(bits: int) -> tuple[str, ...]:
    """The formats that hold so many bits per channel.

    >>> names(32)
    ('TIFF',)
    """
    return tuple(dict.fromkeys(known.name for known in FORMATS.values() if bits in known.bits))


def _choice(options: tuple[object, ...]) -> str:
    *first, last = map(str, options)
    return f"{', '.join(first)} or {last}" if first else last
