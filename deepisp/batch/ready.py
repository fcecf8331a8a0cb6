"""Whether this machine can do the work that is asked, seen before any file is read."""

import errno
import os
import re
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from deepisp.picture import atomic
from deepisp.picture.errors import FULL, MissingExtra, NoSpace

_STALE_S = 600.0  # a part is written in seconds: one this old is of a killed run
_PART = re.compile(
    r"\..*\.[0-9a-f]{12}\.part", re.DOTALL
)  # stricter than is_part: nothing of others is deleted
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


class Unready(RuntimeError):  # as short as what it says
    """This machine cannot do it: no such device, no room, no right to write, a codec missing."""


def check_device(device: str) -> None:
    """Nothing, if the device is there.

    Raises:
        Unready: it is not.
    """
    if device not in ("auto", "cpu"):
        from deepisp.develop import tensors

        try:
            tensors.device_of(device)
        except tensors.NoDevice as error:
            raise Unready(f"no device {device!r} here (use --device cpu)") from error


def prepare_folders(folders: Iterable[Path]) -> None:
    """Make the folders, and do what `check_folders` does.

    Raises:
        Unready: one cannot be made or written.
    """
    every = sorted(folders)
    for folder in every:
        make_folder(folder)
    check_folders(every)


def make_folder(folder: Path) -> None:
    """Make a folder, if it is not there.

    Raises:
        Unready: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error


def check_folders(folders: Iterable[Path]) -> None:
    """Try to write in each folder, or where it would be made, and clear away what killed runs left. Makes none.

    Raises:
        Unready: one cannot be made or written.
    """
    for folder in sorted(folders):
        there = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
        probe = tempfile.TemporaryFile if there == folder else tempfile.TemporaryDirectory
        try:
            with probe(dir=there):
                pass
        except OSError as error:
            raise cannot_write(folder, error) from error
        if there == folder:
            _clear(folder)


def _clear(folder: Path) -> None:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not (atomic.is_part(entry.name) and _PART.fullmatch(entry.name)):
                continue
            if time.time() - entry.stat(follow_symlinks=False).st_mtime > _STALE_S:
                os.unlink(entry.path)


def cannot_write(path: Path, error: OSError) -> Unready:
    """The error to raise, from `error`, if a folder or file cannot be written."""
    return Unready(f"{path} cannot be written: {error.strerror or error} (choose another place)")


def blame(error: OSError, folder: Path) -> OSError | Unready:
    """`Unready` if the failure to write a picture is the machine's and would meet every other one; else `error`."""
    if isinstance(error, NoSpace) or error.errno in FULL:
        words = str(error) if isinstance(error, NoSpace) else f"{folder}: {error.strerror}"
        return Unready(f"{words} (free some, or choose another folder)")
    if isinstance(error, MissingExtra):
        return Unready(str(error))
    return cannot_write(folder, error) if error.errno in _REFUSED else error
