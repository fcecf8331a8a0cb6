"""Decoding in child processes: a crash, a hang or a memory bomb there is an error here, never more.

glibc fills fresh heap memory with a byte of ours (MALLOC_PERTURB_), so that photosites which a decoder never
wrote are seen; LibRaw otherwise hands out what lay there before, often the previous photograph.
"""

import atexit
import contextlib
import errno
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepisp.raw import wire
from deepisp.raw.errors import DamagedFile, LimitReached, RawError, UnsupportedFile
from deepisp.raw.image import RawImage
from deepisp.raw.limits import Limits

PERTURB = 90  # glibc writes the complement of this byte, 0xA5, into fresh memory
UNWRITTEN = 0xA5A5
_ERRORS: dict[str, type[RawError]] = {
    kind.__name__: kind for kind in (DamagedFile, UnsupportedFile, LimitReached)
}
_START_S = 30.0  # a child that has not answered by then, over the file's own limit, is not coming up


class Decoder:
    """One child process. Not for two threads at once; `Pool` hands them out."""

    def __init__(self, perturb: int = PERTURB) -> None:
        """Start the child; it imports its libraries while the caller goes on."""
        environment = os.environ | {
            "MALLOC_PERTURB_": str(perturb),
            "MALLOC_ARENA_MAX": "2",  # arenas count against the address-space limit
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "deepisp.raw.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # Ctrl-C is the parent's to handle
        )
        self._has_answered = False
        self._is_at_work = False  # from a request until the last byte of its answer
        self._is_ended = False
        self.has_died = False

    def decode(self, path: Path, request: dict[str, Any], limits: Limits) -> RawImage:
        """What the child makes of a file.

        Raises:
            RawError: the child said so, or it died, or it took too long. After the last two the child is gone.
            InterruptedError: `end` was called.
            OSError: the file cannot be opened.
        """
        deadline = time.monotonic() + limits.timeout_s + (0 if self._has_answered else _START_S)
        self._is_at_work = True
        try:
            answer, arrays = self._exchange(request, deadline, limits)
            self._is_at_work = False
            result = _said(path, answer) if "error" in answer else wire.unpack(answer["raw"], arrays)
        except TimeoutError:
            self.close()
            raise LimitReached(
                path,
                f"decoding took longer than {limits.timeout_s:g} s",
                "if the file is sound, raise --timeout",
            ) from None
        except (EOFError, BrokenPipeError, LookupError, ValueError, TypeError, AttributeError) as error:
            if self._is_ended:
                raise InterruptedError(errno.EINTR, "reading was interrupted", str(path)) from error
            self.has_died = True
            raise _death(path, self.close()) from error
        self._has_answered = True
        if isinstance(result, Exception):
            raise result
        return result

    def end(self) -> None:
        """Kill the child from another thread than the one that waits for its answer; that one cleans up."""
        self._is_ended = True
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1)

    def close(self) -> int:
        """Let the child come to its end; its exit code, negative for a signal."""
        with contextlib.suppress(OSError):
            if self._process.stdin:
                self._process.stdin.close()
        try:
            code = self._process.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        return code

    @property
    def is_alive(self) -> bool:
        """Whether it can take another file; never true of a child of the process that forked this one.

        One that still owes an answer, because its reader was interrupted, would give it to the next file.
        """
        is_open = self._process.stdin is not None and not self._process.stdin.closed
        return is_open and not (self._is_at_work or self._is_ended) and self._process.poll() is None

    def _exchange(
        self, request: dict[str, Any], deadline: float, limits: Limits
    ) -> tuple[dict[str, Any], list[NDArray[Any]]]:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        length = wire.header_length(self._receive(8, deadline))
        answer = json.loads(self._receive(length, deadline))
        most = limits.max_memory_mib << 20
        arrays = [wire.allocate(description, most) for description in answer.get("arrays", [])]
        for array in arrays:
            if array.size:
                self._fill(array.data.cast("B"), deadline)
        return answer, arrays

    def _receive(self, size: int, deadline: float) -> bytes:
        buffer = bytearray(size)
        self._fill(memoryview(buffer), deadline)
        return bytes(buffer)

    def _fill(self, view: memoryview, deadline: float) -> None:
        assert self._process.stdout
        descriptor = self._process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while len(view):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise TimeoutError
                count = os.readv(descriptor, [view])
                if count == 0:
                    raise EOFError
                view = view[count:]


class Pool:
    """Children that decode, reused from file to file."""

    def __init__(self) -> None:
        """No child is started before the first file."""
        self._idle: list[Decoder] = []
        self._busy: set[Decoder] = set()
        self._lock = threading.Lock()

    def warm(self) -> None:
        """Have one child idle, so that it comes up while the caller does something else."""
        with self._lock:
            if not any(decoder.is_alive for decoder in self._idle):
                self._idle.append(Decoder())

    def decode(self, path: Path, request: dict[str, Any], limits: Limits) -> RawImage:
        """See `Decoder.decode`; pixels that were never written are refused."""
        raw = self._decode_reusing(path, request, limits)
        share = float(np.mean(raw.data == UNWRITTEN)) if raw.data.dtype == np.uint16 else 0.0
        if share > 0.001:  # 0.1 %: 100 % of stubs, 0.000 % of ten sound files
            self._refuse_unwritten(path, request, limits, raw, share)
        return raw

    def close(self) -> None:
        """End all children, those at work too: who waits for one gets an InterruptedError. Later files get new ones."""
        with self._lock:
            idle, self._idle = self._idle, []
            busy = list(self._busy)
        for decoder in busy:
            decoder.end()
        for decoder in idle:
            decoder.close()

    def _decode_reusing(self, path: Path, request: dict[str, Any], limits: Limits) -> RawImage:
        with self._lock:
            used = self._idle.pop() if self._idle else None
        if used is not None and not used.is_alive:
            used.close()
        elif used is not None:
            try:
                return self._decode_by(used, path, request, limits)
            except RawError:
                if not used.has_died:  # else the file before may have been its ruin: ask a fresh one
                    raise
        return self._decode_by(Decoder(), path, request, limits)

    def _decode_by(self, decoder: Decoder, path: Path, request: dict[str, Any], limits: Limits) -> RawImage:
        try:
            with self._at_work(decoder):
                return decoder.decode(path, request, limits)
        except LimitReached:
            decoder.close()  # what a failed allocation left behind in libraries is unknown
            raise
        finally:
            # Without glibc, memory of the last file cannot be told from this one's: never reuse.
            if _is_glibc() and decoder.is_alive:
                with self._lock:
                    self._idle.append(decoder)
            else:
                decoder.close()

    @contextlib.contextmanager
    def _at_work(self, decoder: Decoder) -> Iterator[None]:
        with self._lock:
            self._busy.add(decoder)
        try:
            yield
        finally:
            with self._lock:
                self._busy.discard(decoder)

    def _refuse_unwritten(
        self, path: Path, request: dict[str, Any], limits: Limits, first: RawImage, share: float
    ) -> None:
        """Raise if the suspicious value goes with the fill byte; a sensor that really measured it is let through."""
        other = Decoder(perturb=PERTURB ^ 0xFF)
        try:
            with self._at_work(other):
                second = other.decode(path, request, limits)
        finally:
            other.close()
        if not np.array_equal(first.data, second.data):
            raise DamagedFile(path, f"{share:.0%} of its pixels are missing", "copy it from the camera again")


def _said(path: Path, answer: dict[str, Any]) -> Exception:
    if answer["error"] == "OSError":
        return OSError(answer["errno"], answer["text"], str(path))
    return _ERRORS[answer["error"]](path, str(answer["what"]), str(answer["remedy"]))


def _death(path: Path, code: int) -> RawError:
    if code == -9:  # the kernel's answer to a process that takes too much
        return LimitReached(
            path, "decoding was killed, probably for lack of memory", "free memory or lower --jobs"
        )
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return DamagedFile(
        path,
        f"the decoder died on it ({how})",
        "copy it from the camera again; if it opens elsewhere, report it",
    )


def _is_glibc() -> bool:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") is not None
    except (AttributeError, ValueError, OSError):
        return False


POOL = Pool()
atexit.register(POOL.close)
