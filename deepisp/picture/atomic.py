"""Files that are whole or absent: written beside their place under another name, then renamed."""

import contextlib
import os
import secrets
from pathlib import Path

from deepisp.picture.errors import FULL, NoSpace

_PART = ".part"
_LONGEST_NAME = 255  # bytes of a file's name: NAME_MAX of Linux, macOS and Windows' NTFS (there, letters)


def commit(path: Path, data: bytes | memoryview) -> None:
    """Make `path` a file with these bytes, at once; what was there before is gone, or, on failure, untouched.

    The bytes are on the disk when this returns. A symlink at `path` is replaced, not followed. Killed in
    between, it leaves a hidden file for which `is_part` is true.

    Raises:
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
        os.replace(part, path)
    except OSError as error:
        if error.errno in FULL:
            raise NoSpace(error.errno, len(data), str(path.parent)) from error
        raise
    finally:
        with contextlib.suppress(OSError):
            part.unlink()  # there only if something failed, be it Ctrl-C
    _sync_folder(path.parent)


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
