"""What came of one file of a run: for the report, for the command line, for the caller."""

import errno
import hashlib
import json
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from deepisp.batch.ready import Unready
from deepisp.raw.errors import RawError

Status = Literal["done", "skipped", "failed", "planned"]

_REMEDIES = {
    errno.ENOENT: "check the path",
    errno.EACCES: "ask for the right to read it",
    errno.EPERM: "ask for the right to read it",
    errno.EEXIST: "move it away, or choose another --on-exists",
    errno.EIO: "the disk may be failing; copy the file from the camera again",
    errno.EMFILE: "raise ulimit -n or lower --jobs",
    errno.ENAMETOOLONG: "give it a shorter name",
    errno.ELOOP: "its links point to each other; name the file itself",
}
_MEMORY = "not enough memory (close other programs, or lower --jobs)"
_GPU_MEMORY = "not enough memory on the GPU (use --device cpu, or lower --jobs)"


@dataclass(frozen=True)
class Record:
    """What came of one file.

    Attributes:
        input: the raw file.
        output: its picture; of a planned or failed one the path where it is or was to be.
        status: "skipped" if the picture existed and was kept.
        error: kind of the failure, the exception's name; "" if none.
        what: one line: what is wrong and what to do; "" if nothing.
        seconds: wall time.
        sha256: of the picture's file, if this run wrote it; of a kept one only for a report, as it takes time.
        version: of deepisp.
        settings: how it was to be rendered.
        digest: of `settings`, as the picture's metadata hold it.
        network: that was chosen for it; "" for none; None if this run wrote no picture.
        lift: gain on the light of a dark frame; 1 for none; None if this run wrote no picture.
        warnings: one line each.
        trace: the failure's traceback; not part of the report.
        is_unready: the failure is the machine's, not the file's: no other file can do better.
    """

    input: Path
    output: Path
    status: Status
    error: str = ""
    what: str = ""
    seconds: float = 0.0
    sha256: str | None = None
    version: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    network: str | None = None
    lift: float | None = None
    warnings: tuple[str, ...] = ()
    trace: str = ""
    is_unready: bool = False

    def line(self) -> bytes:
        """The record as a line of JSON Lines."""
        fields = asdict(self)
        del fields["trace"], fields["is_unready"]
        fields |= {"input": str(self.input), "output": str(self.output), "seconds": round(self.seconds, 4)}
        fields["lift"] = None if self.lift is None else round(self.lift, 2)
        return json.dumps(fields).encode() + b"\n"  # ASCII: any name of a file, UTF-8 or not, comes through


def failure(error: Exception) -> dict[str, Any]:
    """The fields of a `Record` that tell of a failure."""
    return {
        "status": "failed",
        "error": type(error).__name__,
        "what": what(error),
        "trace": "".join(traceback.format_exception(error)),
        "is_unready": isinstance(error, Unready),
    }


def what(error: Exception) -> str:
    """One line: what is wrong, and in brackets what to do.

    >>> what(FileNotFoundError(2, "No such file or directory", "a.dng"))
    'No such file or directory (check the path)'
    """
    match error:
        case RawError():
            text = error.line
        case Unready() | ValueError():
            text = str(error)
        case MemoryError():
            text = _MEMORY
        case OSError(errno=int(number)):
            text = f"{error.strerror} ({_REMEDIES.get(number, 'check the path and the disk')})"
        case _ if type(error).__name__ == "OutOfMemoryError":  # torch's; torch may not be loaded
            text = _GPU_MEMORY
        case _:
            text = f"{type(error).__name__}: {error} (a defect of deepisp; please report it with what --debug shows)"
    return " ".join(text.split())


def sha256(path: Path) -> str:
    """Checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
