"""Whether a data set that was downloaded is whole: which files are missing, empty, cut off or no raw files at all.

The headers say where a raw file's data must end, so that one that was cut off is found without decoding it.
"""

import logging
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from deepisp.data import eld, sid
from deepisp.data.datasets import DataSet, Part, Sid

_TIFF = (b"II*\0", b"MM\0*")
_RAF = b"FUJIFILM"
# Offset and length, big-endian, of a RAF's JPEG, its CFA's header and its CFA: libopenraw.freedesktop.org/formats/raf.
_RAF_PLACES = struct.Struct(">84x6I")
_MOST_PAGES = 64


class Problem(NamedTuple):
    """What is wrong with one file or folder.

    Attributes:
        path: of it.
        what: to be read after the path and a colon.
    """

    path: Path
    what: str


class Tally(NamedTuple):
    """Pairs of one split.

    Attributes:
        complete: both of whose files are there and sound.
        wanted: that it has.
    """

    complete: int
    wanted: int


@dataclass(frozen=True)
class Report:
    """What was found.

    Attributes:
        problems: missing things first, then damaged ones.
        splits: by name.
        found: files and lists that are there.
        wanted: that should be, as far as known.
    """

    problems: tuple[Problem, ...]
    splits: dict[str, Tally]
    found: int
    wanted: int


def check(data: DataSet, root: Path, *, decode: bool = False) -> Report:
    """What is missing or damaged of a data set.

    Args:
        data: as `datasets.load` gives it.
        root: the folder that holds the cameras' folders, and the authors' lists.
        decode: also decode each file, which takes about a second each.
    """
    problems, files = _sid_files(data, root) if isinstance(data, Sid) else ([], _eld_files(data, root))
    lists = len(data.parts) if isinstance(data, Sid) else 0
    folders = _absent_folders(files)
    problems += [Problem(folder, f"missing, with {count} files") for folder, count in folders.items()]
    absent = [path for path in files if not path.is_file()]
    problems += [Problem(path, "missing") for path in absent if path.parent not in folders]
    bad, gone = set(absent), set(absent)
    for path in files:
        what = "" if path in gone else damage(path) or (_undecodable(path, data) if decode else "")
        if what:
            problems.append(Problem(path, what))
            bad.add(path)
    there = sum((root / one.list).is_file() for one in data.parts.values()) if isinstance(data, Sid) else 0
    return Report(
        tuple(problems), _tallies(data, root, bad), len(files) - len(gone) + there, len(files) + lists
    )


def damage(path: Path) -> str:
    """What is wrong with a raw file by its size and header, on one line; "" if nothing is.

    Raises:
        OSError: it cannot be opened.
    """
    size = path.stat().st_size
    if not size:
        return "empty"
    with path.open("rb") as file:
        head = file.read(_RAF_PLACES.size)
    if head.startswith(_TIFF):
        end = _tiff_end(path)
    elif head.startswith(_RAF):
        end = _raf_end(head)
    else:
        return f"no raw file, it begins with {head[:8]!r}"
    if end is None:
        return "damaged, its directories cannot be read"
    return f"cut off, its data end at byte {end} and it at {size}" if end > size else ""


def _tiff_end(path: Path) -> int | None:
    """Where the last strip or tile ends; None if no directory says so."""
    import tifffile

    ends = list[int]()
    try:
        with _silent("tifffile"), tifffile.TiffFile(path) as container:
            for index in range(min(len(container.pages), _MOST_PAGES)):
                page = container.pages[index]
                for one in (page, *(page.pages or ())):
                    ends += [o + n for o, n in zip(one.dataoffsets, one.databytecounts, strict=False)]
    except Exception:  # tifffile raises whatever the damage leads it into
        return None
    return max(ends, default=None)


@contextmanager
def _silent(name: str) -> Iterator[None]:
    """What a logger says of damage is said here already, on one line."""
    logger = logging.getLogger(name)
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _raf_end(head: bytes) -> int | None:
    if len(head) < _RAF_PLACES.size:
        return None
    places: tuple[int, ...] = _RAF_PLACES.unpack(head)
    return max(offset + length for offset, length in zip(places[::2], places[1::2], strict=True))


def _undecodable(path: Path, data: DataSet) -> str:
    """Why a file cannot be decoded, or how it is not as the data set's are; "" if all is well."""
    from deepisp.raw.errors import RawError
    from deepisp.raw.read import read

    try:
        raw = read(path)
    except RawError as error:
        return f"cannot be decoded: {error.what}"
    if not isinstance(data, Sid):
        return "" if raw.kind == "bayer" else f"{raw.kind}, expected bayer"
    camera, shape = data.camera, raw.active.shape
    if raw.active_cfa != camera.cfa or shape != (camera.height, camera.width):
        wanted = f"{camera.height} x {camera.width} of {camera.cfa}"
        return f"{shape[0]} x {shape[1]} of {raw.active_cfa or 'no CFA'}, expected {wanted}; is it {camera.model}'s?"
    return ""


def _sid_files(data: Sid, root: Path) -> tuple[list[Problem], list[Path]]:
    """What is wrong with the lists, and the files of all pairs, in the lists' order."""
    problems, found = list[Problem](), list[sid.Pair]()
    for part in data.parts:
        wrong, pairs = _part(data, root, part)
        problems += wrong
        found += pairs
    return problems, _once(found)


def _part(data: Sid, root: Path, part: Part) -> tuple[list[Problem], tuple[sid.Pair, ...]]:
    known = data.parts[part]
    path = root / known.list
    folder = root / data.camera.folder
    if path.is_file():
        size = len(path.read_bytes().replace(b"\r\n", b"\n"))
        pairs = sid.read_list(path, part)
        if size == known.bytes:
            return [], pairs
        return [Problem(path, f"{size} bytes and {len(pairs)} pairs, the authors' has {known.bytes}")], pairs
    pairs = sid.by_names(data, root, part)
    problems = [Problem(path, f"missing; without it names say which of {known.pairs} pairs are there")]
    if pairs and len(pairs) != known.pairs:
        problems.append(Problem(folder, f"{len(pairs)} {part} pairs by their names, expected {known.pairs}"))
    return problems, pairs


def _eld_files(data: DataSet, root: Path) -> list[Path]:
    assert not isinstance(data, Sid)
    return sorted(_once(pair for name in data.splits for pair in eld.expected(data, root, name)))


def _once(pairs: Iterable[sid.Pair | eld.Pair]) -> list[Path]:
    return list(dict.fromkeys(path for pair in pairs for path in pair.files))


def _absent_folders(files: Sequence[Path]) -> dict[Path, int]:
    """Folders that are not there, and how many files they should hold."""
    absent = dict[Path, int]()
    for path in files:
        if path.parent in absent or not path.parent.is_dir():
            absent[path.parent] = absent.get(path.parent, 0) + 1
    return absent


def _tallies(data: DataSet, root: Path, bad: set[Path]) -> dict[str, Tally]:
    tallies = {}
    for name, split in data.splits.items():
        pairs: Sequence[sid.Pair | eld.Pair] = (
            sid.expected(data, root, name) if isinstance(data, Sid) else eld.expected(data, root, name)
        )
        complete = sum(bad.isdisjoint(pair.files) for pair in pairs)
        tallies[name] = Tally(complete, split.pairs or len(pairs))
    return tallies
