"""The work of a run: its jobs, and the threads that do them.

A thread takes a file all the way: read (in a child process), develop, write. The thread that called keeps the records.
"""

import errno
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from queue import SimpleQueue
from typing import IO, TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, Field, field_validator

import deepisp
from deepisp.batch import files, ready
from deepisp.batch.files import Job
from deepisp.batch.record import Record, failure, sha256
from deepisp.develop.settings import Settings
from deepisp.picture import formats
from deepisp.raw.limits import Limits

if TYPE_CHECKING:
    from deepisp.picture.encode import Pixels
    from deepisp.raw.headerless import Layout
    from deepisp.raw.image import Exif

_GRACE_S = 8.0  # an interrupted run ends within 10 s
_MOST_JOBS = 4  # a 24 MP picture in work takes about 0.5 GB

Watch = Callable[[Record, int], None]


class Options(BaseModel, frozen=True, extra="forbid"):
    """How a run treats its files; how each is rendered is in `Settings`."""

    format: str | None = Field(None, description="picture format; by default the suffix's, jpg in a folder")
    quality: int = Field(92, ge=1, le=100, description="of JPEG, WebP, AVIF and 8-bit JPEG XL")
    strip_gps: bool = Field(False, description="leave out where the picture was taken")
    on_exists: Literal["skip", "overwrite", "rename", "error"] = Field(
        "skip", description="what to do if a picture exists already"
    )
    on_error: Literal["continue", "stop"] = Field("continue", description="what to do after a file failed")
    jobs: int | None = Field(None, ge=1, description="files at a time; by default one per core, 4 at most")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where to compute")
    recursive: bool = Field(False, description="also take subfolders, which are kept below the output folder")
    shard: tuple[int, int] | None = Field(None, description="I of N: only every N-th file, from the I-th on")
    dry_run: bool = Field(False, description="only say what would be done")

    @field_validator("format")
    @classmethod
    def _is_format(cls, name: str | None) -> str | None:
        if name is not None and name not in formats.FORMATS:
            raise ValueError(f"no picture format {name!r}; known: {', '.join(formats.FORMATS)}")
        return name

    @field_validator("shard")
    @classmethod
    def _is_shard(cls, shard: tuple[int, int] | None) -> tuple[int, int] | None:
        if shard is not None and not 1 <= shard[0] <= shard[1]:
            raise ValueError(f"a shard is I of N with 1 <= I <= N, got {shard[0]} of {shard[1]}")
        return shard


class Work:
    """The jobs of one run, and what its threads share."""

    def __init__(
        self,
        jobs: list[Job],
        settings: Settings,
        options: Options,
        limits: Limits | None,
        layout: "Layout | None",
    ) -> None:
        """Nothing is begun yet."""
        self._jobs, self._settings, self._options = jobs, settings, options
        self._limits, self._layout = limits, layout
        cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
        wanted = 1 if options.dry_run else options.jobs or min(cores, _MOST_JOBS)
        self._parallel = max(1, min(wanted, len(jobs)))
        self._threads = max(1, cores // self._parallel)
        self._common: dict[str, Any] = {
            "version": deepisp.__version__,
            "settings": settings.model_dump(),
            "digest": settings.digest(),
        }
        self._is_over, self._is_interrupted = threading.Event(), threading.Event()
        self._taken = {files.key(job.target) for job in jobs}
        self._lock = threading.Lock()

    def run(self, lines: IO[bytes] | None, watch: Watch | None) -> list[Record]:
        """Do all jobs.

        Args:
            lines: where each record goes as its file finishes, as a line of JSON.
            watch: called in this thread with each record and the number of jobs.

        Raises:
            BaseException: what `watch` or a signal raised here; then no thread writes any more.
        """
        records = list[Record]()
        pool = ThreadPoolExecutor(self._parallel, thread_name_prefix="deepisp")
        self._warm_up()
        finished = SimpleQueue[Future[Record | None]]()
        futures = list[Future[Record | None]]()
        try:
            for job in self._jobs:
                futures.append(pool.submit(self._record, job))
                futures[-1].add_done_callback(finished.put)
            for _ in futures:
                record = finished.get().result()
                if record is None:
                    continue
                records.append(record)
                if lines is not None:
                    lines.write(record.line())
                if watch is not None:
                    watch(record, len(self._jobs))
        except BaseException:
            self._interrupt(futures)
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return records

    def _warm_up(self) -> None:
        """Let a decoding process come up while this one loads what develops."""
        from deepisp.raw.decoder import POOL

        exist = [os.path.lexists(job.target) for job in self._jobs if job.problem is None]
        if not self._options.dry_run and not all(exist):
            POOL.warm()

    def _interrupt(self, futures: Sequence[Future[Record | None]]) -> None:
        """Take no more files, drop those in work, wait until no thread writes."""
        from deepisp.raw.decoder import POOL

        self._is_over.set()
        self._is_interrupted.set()
        for future in futures:
            future.cancel()
        deadline = time.monotonic() + _GRACE_S
        while True:
            POOL.close()  # again and again: a thread may just have been about to start a child
            if not wait(futures, timeout=0.1).not_done or time.monotonic() > deadline:
                return

    def _record(self, job: Job) -> Record | None:
        """Do one job; None if it was not begun or was dropped."""
        if self._is_over.is_set():
            return None
        started, warnings = time.monotonic(), list[str]()
        fields: dict[str, Any]
        try:
            fields = self._develop(job, warnings)
        except _Dropped:
            return None
        except Exception as error:
            fields = failure(error)
            if fields["is_unready"] or self._options.on_error == "stop":
                self._is_over.set()
        return Record(
            job.source,
            **{"output": job.target, **fields},
            **self._common,
            seconds=time.monotonic() - started,
            warnings=tuple(" ".join(warning.split()) for warning in warnings),
        )

    def _develop(self, job: Job, warnings: list[str]) -> dict[str, Any]:
        """From file to picture; gives the fields of a `Record` that are known now."""
        if job.problem is not None:
            raise job.problem
        target = self._target(job, warnings, job.target)
        if target is None:
            return {"status": "skipped"}
        if self._options.dry_run:
            return {"status": "planned", "output": target}
        from deepisp.develop import pipeline
        from deepisp.raw.read import read

        raw = read(job.source, limits=self._limits, layout=self._layout)
        self._drop_if_interrupted()
        pixels = pipeline.develop(
            raw, self._settings, device=self._options.device, threads=self._threads, warn=warnings.append
        )
        self._drop_if_interrupted()
        while True:
            target = self._target(job, warnings, target)  # again: another run may have been faster
            if target is None:
                return {"status": "skipped"}
            try:
                warnings += self._write(target, pixels, raw.exif)
            except FileExistsError:
                continue  # faster by a moment
            return {"status": "done", "output": target, "sha256": sha256(target)}

    def _write(self, target: Path, pixels: "Pixels", exif: "Exif") -> list[str]:
        """See `picture.write`; what is at `target` makes way only if it was asked to."""
        from deepisp.picture.write import write

        try:
            return write(
                target,
                pixels,
                space=self._settings.color,
                exif=exif,
                quality=self._options.quality,
                strip_gps=self._options.strip_gps,
                digest=self._common["digest"],
                replace=self._options.on_exists == "overwrite",
            )
        except OSError as error:
            raise ready.blame(error, target.parent) from error

    def _drop_if_interrupted(self) -> None:
        if self._is_interrupted.is_set():
            raise _Dropped

    def _target(self, job: Job, warnings: list[str], target: Path) -> Path | None:
        """`target` or where else the picture may be written now; None if one is there that is kept."""
        if not os.path.lexists(target):
            return target
        match self._options.on_exists:
            case "overwrite" if not target.is_dir():
                return target
            case "rename":
                return self._free(job.target)
            case "skip":
                warnings += self._doubts(target)
                return None
        raise FileExistsError(errno.EEXIST, f"{target} exists already")

    def _free(self, target: Path) -> Path:
        with self._lock:
            for path in files.numbered(target):
                if files.key(path) not in self._taken and not os.path.lexists(path):
                    self._taken.add(files.key(path))
                    return path
        raise AssertionError  # numbers do not end

    def _doubts(self, target: Path) -> Iterator[str]:
        """Why an existing picture may not be the one that was asked for."""
        from deepisp.picture.exif import settings_digest
        from deepisp.picture.whole import is_whole

        found = settings_digest(target)
        if not is_whole(target):
            yield f"{target} is kept, but it is damaged (use --on-exists overwrite)"
        elif found != self._common["digest"]:
            made = "was made with other settings" if found else "does not say with which settings it was made"
            yield f"{target} is kept, but it {made} (use --on-exists overwrite)"


class _Dropped(Exception):  # no error
    """The run was interrupted while the file was in work."""
