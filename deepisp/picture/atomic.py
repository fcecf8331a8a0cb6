"""Files that are whole or absent: written beside their place under another name, then renamed."""

import contextlib
import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from deepisp.picture.errors import FULL, NoSpace

_PART = ".part"
_LONGEST_NAME = 255  # bytes of a file's name: NAME_MAX of Linux, macOS and Windows' NTFS (there, letters)


def commit(path: Path, data: bytes | memoryview, *, replace: bool = True) -> None:
    """Make `path` a file with these bytes, at once; what was there before is gone, or, on failure, untouched.

    The bytes are on the disk when this returns. A symlink at `path` is replaced, not followed. Killed in
    between, it leaves a hidden file for which `is_part` is true.

    Args:
        path: where to.
        data: all of the file.
        replace: False keeps whatever is at `path`, be it there only since a moment ago, and be it a link to nothing.

    Raises:
        FileExistsError: something is at `path`, and is kept.
        NoSpace: the disk or the quota is full.
        OSError: whatever else the system says, for example PermissionError.
    """
    part = path.with_name(_part_name(path.name))
    try:
        # Not tempfile: it would leave the file readable for its owner alone.
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            os.replace(part, path)
        else:
            _place(part, path)
    except OSError as error:
        if error.errno in FULL:
            raise NoSpace(error.errno, len(data), str(path.parent)) from error
        raise
    finally:
        with contextlib.suppress(OSError):
            part.unlink()  # there if something failed, be it Ctrl-C, and beside a link to it
    _sync_folder(path.parent)


def _place(part: Path, path: Path) -> None:
    """Give a part its name, if that is free: of any number of processes that try at once, one succeeds."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # FAT, exFAT and some network disks have no links, and each says so in its own way
        with _locked(path.parent):
            if os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
            os.replace(part, path)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Alone in a folder, among those who ask; the lock goes with its process. A disk without links and without
    locks leaves the moment between look and rename open."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_part(name: str) -> bool:
    """Whether a file of this name is what a killed `commit` left behind."""
    return name.startswith(".") and name.endswith(_PART)


def _part_name(name: str) -> str:
    ending = f".{secrets.token_hex(6)}{_PART}"
    room = _LONGEST_NAME - 1 - len(ending)
    return "." + os.fsencode(name)[:room].decode("utf-8", "ignore") + ending


def _sync_folder(folder: Path) -> None:
    """Have the new name on the disk too; some network disks refuse that, and the file is whole anyway."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
