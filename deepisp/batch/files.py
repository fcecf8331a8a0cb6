"""Which raw files a run reads, and where each picture goes. Looks at names; of what may be bare sensor
values or pictures, also at the layout beside it and at who made it."""

import errno
import itertools
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from deepisp.picture import origin
from deepisp.picture.formats import FORMATS
from deepisp.picture.safety import RAW_SUFFIXES

# What a folder is searched for; a file that is named itself is always tried.
SEARCHED_SUFFIXES = RAW_SUFFIXES | {".fits", ".fit", ".fts"}
# What macOS, Windows and Synology strew among photographs; macOS' "._photo.dng" is no photograph.
_JUNK_FILES = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
_JUNK_FOLDERS = frozenset({"@eadir", "#recycle", "$recycle.bin", ".trashes"})
# Bare sensor values: taken if a layout says what they mean. Pictures look the same, and no folder lacks those.
BARE_SUFFIXES = frozenset({".npy", ".pgm", ".png", ".tif", ".tiff"})
_LONGEST_NAME = 255  # bytes: NAME_MAX of Linux and macOS

StrPath = str | os.PathLike[str]


class Source(NamedTuple):
    """A raw file, or a path that gives none.

    Attributes:
        path: as it was given, or as it was found.
        folder: the part of its path that is kept below the output folder.
        problem: why there is nothing to read, or None.
    """

    path: Path
    folder: Path = Path()
    problem: OSError | None = None


class Job(NamedTuple):
    """One raw file and the picture that it is to become; `problem` as in `Source`."""

    source: Path
    target: Path
    problem: OSError | None = None


def gather(
    paths: Iterable[StrPath],
    *,
    recursive: bool = False,
    is_described: bool = False,
    suffixes: Container[str] | None = None,
) -> list[Source]:
    """The raw files among `paths`, each once, in the order given; those of a folder by name.

    Args:
        paths: files, which are taken whatever they are called, and folders, of which raw files are.
        recursive: also take subfolders, which are kept below the output folder.
        is_described: a layout is given: of folders, also take what may be bare sensor values. Without one, those that
            have a layout beside them are taken. What deepisp itself has developed is not.
        suffixes: of the files that are taken of folders, lower case; in place of those of raw files.
    """
    found = dict[str, Source]()

    def is_wanted(path: Path) -> bool:
        if suffixes is None:
            return _is_wanted(path, is_described)
        return not _is_junk(path.name) and path.suffix.lower() in suffixes

    for given in paths:
        for source in _sources(os.fspath(given), recursive, is_wanted):
            found.setdefault(os.path.abspath(source.path), source)
    return list(found.values())


def _sources(given: str, recursive: bool, is_wanted: Callable[[Path], bool]) -> Iterator[Source]:
    path = Path(given)
    if not given or not os.path.lexists(path):
        yield Source(path, problem=FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), given))
    elif path.is_dir():
        yield from _inside(path, Path(), recursive, is_wanted)
    else:
        yield Source(path)


def _inside(folder: Path, kept: Path, recursive: bool, is_wanted: Callable[[Path], bool]) -> Iterator[Source]:
    """Wanted files of a folder, then those of its subfolders. Links to folders are not followed: they may circle."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        yield Source(folder, kept, error)
        return
    for entry in names:
        if is_wanted(folder / entry.name) and entry.is_file():
            yield Source(folder / entry.name, kept)
    for entry in names:
        if recursive and _is_subfolder(entry):
            yield from _inside(folder / entry.name, kept / entry.name, recursive, is_wanted)


def _is_wanted(path: Path, is_described: bool) -> bool:
    suffix = path.suffix.lower()
    if _is_junk(path.name) or suffix not in SEARCHED_SUFFIXES | BARE_SUFFIXES:
        return False
    if suffix in SEARCHED_SUFFIXES:
        return True
    return (is_described or _has_layout(path)) and not origin.of(path).settings


def _has_layout(path: Path) -> bool:
    """Whether a layout lies beside a file; a wrong one is one too, and its faults will be told."""
    from deepisp.raw import layout
    from deepisp.raw.errors import UnsupportedFile

    try:
        return layout.beside(path) is not None
    except (UnsupportedFile, OSError):
        return True


def _is_junk(name: str) -> bool:
    return name.startswith("._") or name.lower() in _JUNK_FILES


def _is_subfolder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False) and entry.name.lower() not in _JUNK_FOLDERS


def none_found(paths: Iterable[StrPath], *, recursive: bool = False) -> str:
    """Why `gather` found no raw file in folders, and what to do, on one line.

    Args:
        paths: what `gather` was given.
        recursive: whether it took subfolders.
    """
    suffixes, has_subfolders = Counter[str](), False
    for path in paths:
        for _, folders, names in os.walk(path):
            suffixes.update(os.path.splitext(name)[1].lower() for name in names if not _is_junk(name))
            has_subfolders = has_subfolders or bool(folders)
            if not recursive:
                break
    what, remedies = "no raw file in it", list[str]()
    if suffixes:
        several = ", ".join(f"{suffix or 'none'} {count}" for suffix, count in suffixes.most_common(5))
        count = suffixes.total()
        what += f", {count} {'file' if count == 1 else 'files'} left out by suffix ({several})"
        remedies.append(
            "name them, or give --layout FILE.toml" if suffixes.keys() & BARE_SUFFIXES else "name them"
        )
    if has_subfolders and not recursive:
        remedies.append("give -r for subfolders")
    return f"{what} ({'; or '.join(remedies) or 'name another folder'})"


def is_folder(output: StrPath, given: Sequence[StrPath]) -> bool:
    """Whether `output` names a folder: it is one, it ends like one, it has no suffix, or it must take several files.

    >>> is_folder("out/", ["a.dng"]), is_folder("a.jpg", ["a.dng"]), is_folder("a.jpg", ["a.dng", "b.dng"])
    (True, False, True)
    """
    text = os.fspath(output)
    ends_so = text.endswith(("/", os.sep)) or not os.path.splitext(text)[1]
    return ends_so or len(given) > 1 or os.path.isdir(text) or any(os.path.isdir(one) for one in given)


def check_output(output: StrPath, given: Sequence[StrPath]) -> None:
    """Nothing, if `output` can be the name of a picture, or of a folder where one is needed.

    Raises:
        ValueError: it is empty, a suffix alone, or a picture's name for several files.
    """
    text, name = os.fspath(output), os.path.basename(output)
    if not text:
        raise ValueError("the output's name is empty; name a picture, or a folder")
    if text.endswith(("/", os.sep)) or os.path.isdir(text):
        return
    if name.startswith(".") and name[1:].lower() in FORMATS:
        raise ValueError(f"{text!r} is a suffix without a name; name a picture, or a folder and --format")
    is_picture = os.path.splitext(text)[1].lower().lstrip(".") in FORMATS
    if is_picture and (len(given) > 1 or any(os.path.isdir(one) for one in given)):
        many = f"{len(given)} inputs" if len(given) > 1 else "a folder of raw files"
        raise ValueError(f"{text!r} is a picture's name for {many}; end it with / for a folder")


def assign(sources: Iterable[Source], output: StrPath, *, in_folder: bool, suffix: str = "jpg") -> list[Job]:
    """A picture's path for each source, no two the same even where a disk ignores case.

    Args:
        sources: what `gather` found.
        output: the picture, or the folder of all pictures.
        in_folder: which of the two `output` is, see `is_folder`.
        suffix: the format's, for pictures in a folder.
    """
    place = Path(output)
    if not in_folder:
        return [Job(source.path, place, source.problem) for source in sources]
    jobs, taken = list[Job](), set[str]()
    for source in sources:
        names = _names(source.path, suffix)
        target = next(path for name in names if key(path := place / source.folder / name) not in taken)
        if source.problem is None:
            taken.add(key(target))
        jobs.append(Job(source.path, target, source.problem))
    return jobs


def places(job: Job) -> Iterator[Path]:
    """Where the picture of a job in a folder may lie: its target first, then all names it might have had in other runs.

    >>> places = places(Job(Path("a.nef"), Path("out/a.nef.jpg")))
    >>> [next(places).name for _ in range(4)]
    ['a.nef.jpg', 'a.jpg', 'a.nef.jpg', 'a.nef_1.jpg']
    """
    yield job.target
    for name in _names(job.source, job.target.suffix.lstrip(".")):
        yield job.target.with_name(name)


def key(path: Path) -> str:
    """What two paths share that may be one file on a disk that ignores case or how accents are written."""
    return unicodedata.normalize("NFC", os.path.abspath(path)).casefold()


def numbered(target: Path) -> Iterator[Path]:
    """name_1.jpg, name_2.jpg, ...

    >>> next(numbered(Path("out/a.jpg"))).name
    'a_1.jpg'
    """
    for number in itertools.count(1):
        yield target.with_name(_fitted(target.stem, f"_{number}{target.suffix}"))


def _names(path: Path, suffix: str) -> Iterator[str]:
    """a.jpg; if that is taken a.nef.jpg, then a.nef_1.jpg, ..."""
    yield _fitted(path.stem, f".{suffix}")
    yield _fitted(path.name, f".{suffix}")
    for number in itertools.count(1):
        yield _fitted(path.name, f"_{number}.{suffix}")


def _fitted(stem: str, ending: str) -> str:
    """The name, its stem cut until a disk takes it."""
    room = _LONGEST_NAME - len(os.fsencode(ending))
    while len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return stem + ending


def check_suffix(output: StrPath, asked: str | None) -> None:
    """Nothing, if a picture's name fits the format that was asked for.

    Raises:
        ValueError: its suffix is none of a picture, or of another format.
    """
    suffix = os.path.splitext(output)[1].lower().lstrip(".")
    if suffix not in FORMATS:
        raise ValueError(
            f"{os.fspath(output)!r} ends like no picture; use one of {', '.join(FORMATS)}, "
            "or end it with / for a folder"
        )
    if asked is not None and FORMATS[asked] is not FORMATS[suffix]:
        raise ValueError(
            f"{os.fspath(output)!r} is no {FORMATS[asked].name}; name it .{asked} or leave --format out"
        )
