"""How the program ends: its exit codes, and what a failure looks like. `--help` lists the codes."""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click

from deepisp.batch import ready, record
from deepisp.batch.ready import Unready
from deepisp.cli import say

DONE, SOME_FAILED, USAGE, NOTHING_MATCHED, ALL_FAILED, UNREADY = range(6)
INTERRUPTED, TERMINATED = 130, 143  # 128 + the signal, as shells have it
CODES = (
    "Exit codes: 0 done (skipped files too), 1 some files failed, 2 wrong usage, 3 nothing matched, 4 all files "
    "failed, 5 no device, space, right to write or codec, 130 interrupted, 143 terminated."
)


class Ended(BaseException):
    """A signal asks the program to end. Nothing but `guarded` catches it."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def code(*, failed: int, total: int, matched: int) -> int:
    """The exit code for `failed` of `total` files, of `matched` that were found."""
    if not matched:
        return NOTHING_MATCHED
    if failed and failed == total:
        return ALL_FAILED
    return SOME_FAILED if failed else DONE


def gave_up(error: Exception, name: str | Path = "", *, debug: bool = False) -> int:
    """The exit code of a measurement that a frame has ended, after its line on stderr.

    Args:
        error: what ended it.
        name: of the frame; "" if the error itself knows it.
        debug: whether to show where it came from.
    """
    if not name and not isinstance(error, ValueError):  # a ValueError of many frames begins with the frame
        name = getattr(error, "path", None) or getattr(error, "filename", None) or ""
    say.error(name, record.what(error))
    if debug:
        traceback.print_exc()
    if isinstance(error, Unready):
        return UNREADY
    return code(failed=1, total=1, matched=int(not isinstance(error, FileNotFoundError)))


def guarded(call: Callable[[], Any], *, debug: bool = False) -> int:
    """The exit code of a call, which gives one or raises; a failure is one line on stderr."""
    try:
        with _signals():
            return int(call() or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return USAGE
    except (Exception, Ended) as error:
        end, what = _judged(error)
        say.error("", what)
        if debug:
            traceback.print_exc()
        return end


def _judged(error: "Exception | Ended") -> tuple[int, str]:
    """The exit code for a failure that no file is to blame for, and its line."""
    match error:
        case Ended():
            name = {INTERRUPTED: "interrupted", TERMINATED: "terminated"}[error.code]
            return error.code, f"{name} (the same command again does what is left)"
        case click.UsageError():
            where = error.ctx.command_path if error.ctx else "deepisp"
            return USAGE, f"{error.format_message()} (see {where} --help)"
        case ValueError():
            return USAGE, str(error)
        case OSError():
            problem = ready.blame(error, Path(error.filename or "."))
            if isinstance(problem, Unready):
                return UNREADY, record.what(problem)
            name = f"{say.one_line(error.filename)}: " if isinstance(error.filename, str | Path) else ""
            return SOME_FAILED, f"{name}{record.what(problem)}"
        case _:
            return UNREADY if isinstance(error, Unready) else SOME_FAILED, record.what(error)


@contextmanager
def _signals() -> Iterator[None]:
    """SIGINT and SIGTERM raise `Ended` while this lasts; one that the caller ignores (nohup) stays ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    codes = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}

    def end(number: int, _: FrameType | None) -> None:
        raise Ended(codes[signal.Signals(number)])

    wanted = [number for number in codes if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, end) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave(code: int) -> None:
    """End the process, even if a thread is stuck in a file; after a signal this may not take long."""
    if code not in (INTERRUPTED, TERMINATED) or threading.active_count() == 1:
        sys.exit(code)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
