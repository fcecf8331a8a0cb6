"""The process that touches untrusted bytes: `python -m deepisp.raw.child`, one file after another.

It obeys its limits from the first byte on, prints nothing, and ends when its standard input does.
"""

import contextlib
import json
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Iterator
from typing import IO, Any

from deepisp.raw import wire
from deepisp.raw.errors import DamagedFile, LimitReached, RawError
from deepisp.raw.limits import Limits

_RAISE_MEMORY = "if the file is sound, raise --max-memory"


def main() -> None:
    """Answer requests, one JSON line each, until there are no more."""
    answers = os.fdopen(os.dup(1), "wb", buffering=1 << 20)
    os.dup2(2, 1)  # whatever a library prints must not end up among the answers
    _load()
    for line in sys.stdin.buffer:
        _answer(json.loads(line), answers)


def _load() -> None:
    """Import what nearly every file needs, while the caller is still busy and before a memory limit holds."""
    import exifread
    import rawpy
    import tifffile

    from deepisp.raw import decode

    assert all((exifread, rawpy, tifffile, decode))


def _answer(request: dict[str, Any], answers: IO[bytes]) -> None:
    from deepisp.raw.decode import decode
    from deepisp.raw.layout import Layout

    limits = Limits(**request["limits"])
    layout = request["layout"] and Layout(**request["layout"])
    try:
        with _guarded(limits), _library_messages() as messages:
            raw = decode(
                request["path"],
                limits=limits,
                layout=layout,
                thumbnail=request["thumbnail"],
                messages=messages,
            )
        header, arrays = wire.pack(raw)
        wire.send(answers, {"raw": header, "arrays": wire.descriptions(arrays)}, arrays)
    except RawError as error:
        _fail(answers, type(error).__name__, error.what, error.remedy)
    except MemoryError:
        _fail(
            answers,
            LimitReached.__name__,
            f"decoding needs more than {limits.max_memory_mib} MiB",
            _RAISE_MEMORY,
        )
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:  # the system's own; parsers give no number
            text = error.strerror or str(error)
            wire.send(answers, {"error": "OSError", "errno": error.errno, "text": text}, [])
            return
        # Parsers of hostile bytes raise whatever they like; to the user it is one thing.
        words = f"its contents contradict each other: {type(error).__name__}: {error}"
        _fail(answers, DamagedFile.__name__, words, "copy it from the camera again")


def _fail(answers: IO[bytes], name: str, what: str, remedy: str) -> None:
    wire.send(answers, {"error": name, "what": " ".join(what.split())[:500], "remedy": remedy}, [])


@contextlib.contextmanager
def _guarded(limits: Limits) -> Iterator[None]:
    """Memory and time limits that also hold inside native code and after the parent's death."""
    memory = limits.max_memory_mib << 20
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:  # as clusters set it: no process may ask for more
        memory = min(memory, hard)
    resource.setrlimit(resource.RLIMIT_AS, (memory, hard))
    signal.setitimer(signal.ITIMER_REAL, limits.timeout_s + 5)  # default action of SIGALRM: the end
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@contextlib.contextmanager
def _library_messages() -> Iterator[IO[bytes]]:
    """A file that catches what native libraries write to standard error: LibRaw reports damage only there."""
    with tempfile.TemporaryFile() as caught:
        kept = os.dup(2)
        os.dup2(caught.fileno(), 2)
        try:
            yield caught
        finally:
            os.dup2(kept, 2)
            os.close(kept)


if __name__ == "__main__":
    main()
