"""From a path to a `RawImage`, inside the child process: look at the first bytes, then ask who can read them."""

import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import IO

from deepisp.raw import exif, fits, headerless, libraw, plausible, saturation, tiff
from deepisp.raw import layout as layouts
from deepisp.raw.errors import DamagedFile, UnsupportedFile
from deepisp.raw.image import RawImage
from deepisp.raw.layout import Layout
from deepisp.raw.limits import Limits

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# First bytes of raw files that are no TIFF, and at which offset. From the formats' descriptions and samples:
# ORF, RW2, CRW, RAF, MRW, X3F, CR3, QuickTake, Kodak DC, Sinar, Phantom, ARRIRAW, Nokia, REDCODE.
_LIBRAW = (
    (0, b"IIRO"), (0, b"IIRS"), (0, b"MMOR"), (0, b"IIU\0"), (6, b"HEAPCCDR"), (0, b"FUJIFILM"), (0, b"\0MRM"),
    (0, b"FOVb"), (4, b"ftypcrx"), (0, b"qktk"), (0, b"qktn"), (0, b"PWAD"), (0, b"CI"), (0, b"ARRI"),
    (0, b"NOKIARAW"), (4, b"RED1"), (4, b"RED2"), (0, b"DSC-Image"), (0, b"II\x1a\0"), (0, b"IIII"), (0, b"MMMM"),
)  # fmt: skip
_PNG, _FITS = b"\x89PNG", b"SIMPLE  ="
_UNSURE = (b"CI", b"IIII", b"MMMM", b"BM")  # bare values of 8 bits may begin so
_TELLS_NOTHING = ("", ".raw", ".bin", ".dat")  # suffixes of anything
_RAW_SUFFIXES = (".nef", ".cr2", ".arw", ".dng", ".orf", ".raf", ".rw2", ".pef", ".srw", ".nrw", ".crw")
_PICTURES = {
    b"\xff\xd8\xff": "a JPEG",
    b"GIF8": "a GIF picture",
    b"%PDF": "a PDF document",
    b"RIFF": "a RIFF file (WebP, WAV or AVI)",
    b"BM": "a BMP picture",
}


def decode(
    path: str, *, limits: Limits, layout: Layout | None, thumbnail: bool, messages: IO[bytes]
) -> RawImage:
    """The raw image in a file.

    Raises:
        RawError: it is damaged, unsupported, or larger than `limits`.
        OSError: it cannot be opened.
    """
    file = Path(path)
    head = _first_bytes(file)
    described = _layout(file, head, layout)
    if described is not None:
        raw = headerless.read(file, described, limits)
    elif head.startswith(_TIFF):
        raw = tiff.read(file, limits, thumbnail=thumbnail, messages=messages)
    elif _is_libraws(head):
        raw = libraw.read(file, limits, thumbnail=thumbnail, messages=messages)
    elif head.startswith(_FITS):
        raw = fits.read(file, limits)
    else:
        raise _unknown(file, head)
    raw = exif.attach(raw, file)
    if layout is not None and described is None:
        raw = replace(raw, warnings=(*raw.warnings, layouts.UNUSED))
    return plausible.check(saturation.find(raw), file)


def _layout(file: Path, head: bytes, given: Layout | None) -> Layout | None:
    """What is to be believed of the file's values: the layout that was given, or one beside it; None if its header is.

    Raises:
        UnsupportedFile: the layout beside it is wrong.
    """
    if given is None and not any(layouts.candidates(file)):
        return None
    return None if _says_itself(file, head) else given or layouts.beside(file)


def _says_itself(file: Path, head: bytes) -> bool:
    """Whether the file's own header says what it holds, be it a raw file's or none of one."""
    if head.startswith(_TIFF):
        return tiff.says_itself(file)
    if head.startswith(_UNSURE) and file.suffix.lower() in _TELLS_NOTHING:
        return False
    return _is_libraws(head) or head.startswith((_FITS, *_PICTURES))


def _is_libraws(head: bytes) -> bool:
    return any(head[at : at + len(magic)] == magic for at, magic in _LIBRAW) or b"BRCM" in head


def _first_bytes(file: Path) -> bytes:
    mode = os.stat(file).st_mode
    if not stat.S_ISREG(mode):  # a FIFO would block for ever
        raise UnsupportedFile(file, "it is not a regular file", "give a raw file")
    with file.open("rb") as stream:
        head = stream.read(512)
    if not head:
        raise DamagedFile(file, "the file is empty", "copy it from the camera again")
    return head


def _unknown(file: Path, head: bytes) -> UnsupportedFile | DamagedFile:
    if not head.strip(b"\0"):
        return DamagedFile(file, "it begins with nothing but zeros", "copy it from the camera again")
    if head.startswith(b"\xff\xd8\xff") and file.suffix.lower() in _RAW_SUFFIXES:
        return DamagedFile(
            file, "it holds a JPEG only, the raw data are gone", "copy it from the camera again"
        )
    for magic, words in _PICTURES.items():
        if head.startswith(magic):
            return UnsupportedFile(file, f"this is {words}, no raw file", "give the raw file")
    what = "a picture without a raw header" if head.startswith(_PNG) else "no raw header that deepisp knows"
    return UnsupportedFile(file, what, "describe bare sensor values with --layout FILE.toml")
