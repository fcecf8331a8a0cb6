"""Where a picture goes if something is there already.

A picture of ours says in its metadata of which raw file it is, so that two raw files of one name, be they from two
folders, two cards or two runs, never take each other for done. Unless told otherwise, what is there is

    the picture of this raw file      kept; made anew if it is damaged, as it is ours and of no use to anybody
    the picture of another raw file   left alone: this one's takes its next name, where the next run finds it
    any other whole picture           kept, with a warning
    anything else                     left alone, and the file fails: an empty file, a link to nothing or half a
                                      picture may be in somebody's work, and is no result either
"""

import errno
import hashlib
import os
import stat
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from deepisp.batch import files
from deepisp.batch.files import Job
from deepisp.picture import origin
from deepisp.picture.whole import is_whole

OnExists = Literal["skip", "overwrite", "rename", "error"]
_Sight = Literal["nothing", "own", "other", "unknown"]

# Bytes of a raw file, at its start, middle and end: its tags, and light that has noise of its own.
_SAMPLE = 1 << 16


class Place(NamedTuple):
    """Where a picture is to go.

    Attributes:
        path: of the picture.
        is_kept: a picture is there, and stays.
        replace: what is there makes way.
        warnings: one line each.
    """

    path: Path
    is_kept: bool = False
    replace: bool = False
    warnings: tuple[str, ...] = ()


def fingerprint(source: Path) -> str:
    """Twelve hexadecimal digits that differ where raw files do, whatever they are called; "" of what cannot be read.

    From the size and three samples: all of each file would take longer than to find out that nothing is to be done.
    """
    try:
        if not stat.S_ISREG(source.stat().st_mode):
            return ""  # a FIFO would be waited for
        with source.open("rb") as file:
            size = file.seek(0, 2)
            found = hashlib.sha256(size.to_bytes(8, "little"))
            for start in (0, size // 2, max(0, size - _SAMPLE)):
                file.seek(start)
                found.update(file.read(_SAMPLE))
    except OSError:
        return ""
    return found.hexdigest()[:12]


class Places:
    """The places of one run's pictures; threads may ask side by side."""

    def __init__(self, every: Sequence[Job], *, in_folder: bool, on_exists: OnExists, digest: str) -> None:
        """`every`: the jobs of all shards; `in_folder`: whether names are ours to choose; `digest`: of the settings."""
        self._in_folder, self._on_exists, self._digest = in_folder, on_exists, digest
        self._owners = {files.key(job.target): job.source for job in every}
        self._begun = dict[str, Path]()
        self._lock = threading.Lock()

    def find(self, job: Job, source: str) -> Place:
        """Where the picture of a job goes now; `source` is the fingerprint of its raw file.

        Raises:
            FileExistsError: something is there, and neither is it the picture nor may it make way.
        """
        match self._on_exists:
            case "overwrite":
                return self._overwritten(job, source)
            case "skip":
                return self._kept_or_new(job, source)
            case "rename" if os.path.lexists(job.target):
                return Place(self._numbered(job))
        if os.path.lexists(job.target):
            raise _occupied(job.target, "exists already")
        return Place(job.target)

    def _kept_or_new(self, job: Job, source: str) -> Place:
        free: tuple[Path, _Sight] | None = None
        for path, sight in self._sights(job, source):
            is_twins = self._begun.get(files.key(path), job.source) != job.source
            if sight == "own" and not is_twins:
                return self._kept(path) if is_whole(path) else _renewed(path)
            if free is None and sight in ("nothing", "unknown") and self._is_free(path, job):
                free = path, sight
        if free is None:
            raise _occupied(job.target, "is the picture of another raw file")
        path, sight = free
        if sight == "unknown":
            if not is_whole(path):
                raise _occupied(path, "is there and is no whole picture")
            return self._kept(path)
        if not self._claim(path, job):
            return self._kept_or_new(job, source)
        is_other = path != job.target and _sight(job.target, source) == "other"
        words = f"{job.target} is the picture of another raw file; this one's is {path}"
        return Place(path, warnings=(words,) if is_other else ())

    def _overwritten(self, job: Job, source: str) -> Place:
        """The picture of this raw file, wherever it is; else whatever is at the job's target, as was asked."""
        for path, sight in self._sights(job, source):
            if sight == "own" and self._claim(path, job):
                return Place(path, replace=True)
        if job.target.is_dir():
            raise _occupied(job.target, "is a folder")
        is_other = _sight(job.target, source) == "other"
        words = f"{job.target} was the picture of another raw file, and is overwritten"
        return Place(job.target, replace=True, warnings=(words,) if is_other else ())

    def _numbered(self, job: Job) -> Path:
        return next(
            path
            for path in files.numbered(job.target)
            if not os.path.lexists(path) and self._claim(path, job)
        )

    def _sights(self, job: Job, source: str) -> Iterator[tuple[Path, _Sight]]:
        """What lies at each place that the picture may have, up to the first number that is free."""
        if not self._in_folder:
            yield job.target, _sight(job.target, source)
            return
        for number, path in enumerate(files.places(job)):
            sight = _sight(path, source)
            yield path, sight
            if number > 2 and sight == "nothing" and self._is_free(path, job):
                return

    def _is_free(self, path: Path, job: Job) -> bool:
        return self._owners.get(files.key(path), job.source) == job.source

    def _claim(self, path: Path, job: Job) -> bool:
        """Take a place for a job, if it is no other's. What will lie there is not of its twin, an equal raw file."""
        with self._lock:
            if self._owners.setdefault(files.key(path), job.source) != job.source:
                return False
            self._begun[files.key(path)] = job.source
            return True

    def _kept(self, path: Path) -> Place:
        """A whole picture that stays, and why it may not be the one that was asked for."""
        found, doubt = origin.of(path), ""
        if not found.source:
            doubt = "does not say from which raw file it was made"
        elif found.settings != self._digest:
            doubt = "was made with other settings"
        words = f"{path} is kept, but it {doubt} (use --on-exists overwrite)"
        return Place(path, is_kept=True, warnings=(words,) if doubt else ())


def _sight(path: Path, source: str) -> _Sight:
    if not os.path.lexists(path):
        return "nothing"
    found = origin.of(path).source
    if not found:
        return "unknown"
    return "own" if found == source else "other"


def _renewed(path: Path) -> Place:
    return Place(path, replace=True, warnings=(f"{path} was damaged, and is made anew",))


def _occupied(path: Path, words: str) -> FileExistsError:
    return FileExistsError(errno.EEXIST, f"{path} {words}")
