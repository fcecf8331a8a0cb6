"""The work of a run: its jobs, and the threads that do them.

A thread takes a file all the way: read (in a child process), develop, write. The thread that called keeps the records.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from queue import SimpleQueue
from typing import IO, TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, Field, field_validator

import deepisp
from deepisp.batch import places, ready
from deepisp.batch.files import Job
from deepisp.batch.places import OnExists, Place, Places
from deepisp.batch.record import Record, failure, sha256
from deepisp.develop.settings import Settings
from deepisp.picture import formats
from deepisp.raw.limits import Limits

if TYPE_CHECKING:
    from deepisp.picture.encode import Pixels
    from deepisp.raw.image import Exif
    from deepisp.raw.layout import Layout

_GRACE_S = 8.0  # an interrupted run ends within 10 s
_MOST_JOBS = 4  # a 24 MP picture in work takes about 0.5 GB

Watch = Callable[[Record, int], None]


class Options(BaseModel, frozen=True, extra="forbid"):
    """How a run treats its files; how each is rendered is in `Settings`."""

    format: str | None = Field(None, description="picture format; by default the suffix's, jpg in a folder")
    quality: int = Field(92, ge=1, le=100, description="of JPEG, WebP, AVIF and 8-bit JPEG XL")
    strip_gps: bool = Field(False, description="leave out where the picture was taken")
    on_exists: OnExists = Field("skip", description="what to do if a picture exists already")
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
        places: Places,
        settings: Settings,
        options: Options,
        limits: Limits | None,
        layout: "Layout | None",
    ) -> None:
        """Nothing is begun yet."""
        self._jobs, self._places, self._settings, self._options = jobs, places, settings, options
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
        self._lines: IO[bytes] | None = None
        self._lock = threading.Lock()

    def run(self, lines: IO[bytes] | None, watch: Watch | None) -> list[Record]:
        """Do all jobs.

        Args:
            lines: where each record goes as a line of JSON, by the thread that finished the file, at once.
            watch: called in this thread with each record and the number of jobs.

        Raises:
            BaseException: what `watch` or a signal raised here; then no thread writes any more, and `watch` has been
                called for each file that was finished until then.
        """
        self._lines = lines
        records = list[Record]()
        pool = ThreadPoolExecutor(self._parallel, thread_name_prefix="deepisp")
        self._warm_up()
        finished = SimpleQueue[Future[Record | None]]()
        futures, seen = list[Future[Record | None]](), set[Future[Record | None]]()
        try:
            for job in self._jobs:
                futures.append(pool.submit(self._record, job))
                futures[-1].add_done_callback(finished.put)
            for _ in futures:
                future = finished.get()
                seen.add(future)
                record = future.result()
                if record is None:
                    continue
                records.append(record)
                if watch is not None:
                    watch(record, len(self._jobs))
        except BaseException:
            self._interrupt(futures)
            if watch is not None:
                self._tell_late([future for future in futures if future not in seen], watch)
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

    def _tell_late(self, futures: Sequence[Future[Record | None]], watch: Watch) -> None:
        """Call `watch` for what was finished while the run was being interrupted, unless it fails itself."""
        for future in futures:
            if not future.done() or future.cancelled() or future.exception():
                continue
            try:
                if record := future.result():
                    watch(record, len(self._jobs))
            except (KeyboardInterrupt, Exception):
                return

    def _record(self, job: Job) -> Record | None:
        """Do one job, and report it; None if it was not begun or was dropped."""
        if self._is_over.is_set():
            return None
        started, warnings = time.monotonic(), list[str]()
        fields: dict[str, Any]
        try:
            fields = self._develop(job, warnings)
        except _Dropped:
            return None
        except Exception as error:
            if self._is_interrupted.is_set():
                return None  # its decoder was ended under it
            fields = failure(error)
            if fields["is_unready"] or self._options.on_error == "stop":
                self._is_over.set()
        record = Record(
            job.source,
            **{"output": job.target, **fields},
            **self._common,
            seconds=time.monotonic() - started,
            warnings=tuple(" ".join(warning.split()) for warning in warnings),
        )
        if self._lines is not None:
            with self._lock:
                self._lines.write(record.line())
        return record

    def _develop(self, job: Job, warnings: list[str]) -> dict[str, Any]:
        """From file to picture; gives the fields of a `Record` that are known now."""
        if job.problem is not None:
            raise job.problem
        source = places.fingerprint(job.source)
        place = self._places.find(job, source)
        if place.is_kept:
            return self._kept(place, warnings)
        if self._options.dry_run:
            warnings += place.warnings
            return {"status": "planned", "output": place.path}
        from deepisp.develop import pipeline
        from deepisp.raw.layout import UNUSED
        from deepisp.raw.read import read

        raw = read(job.source, limits=self._limits, layout=self._layout)
        if len(self._jobs) > 1:  # among many files, those that need no layout are no news
            raw = replace(raw, warnings=tuple(line for line in raw.warnings if line != UNUSED))
        self._drop_if_interrupted()
        made = pipeline.developed(
            raw, self._settings, device=self._options.device, threads=self._threads, warn=warnings.append
        )
        self._drop_if_interrupted()
        while True:
            place = self._places.find(job, source)  # again: another run may have been faster
            if place.is_kept:
                return self._kept(place, warnings)
            try:
                warnings += self._write(place, made.pixels, raw.exif, source)
            except FileExistsError:
                continue  # faster by a moment
            warnings += place.warnings
            chosen = {"network": made.network, "lift": made.lift}
            return {"status": "done", "output": place.path, "sha256": sha256(place.path)} | chosen

    def _kept(self, place: Place, warnings: list[str]) -> dict[str, Any]:
        warnings += place.warnings
        found = sha256(place.path) if self._lines is not None else None
        return {"status": "skipped", "output": place.path, "sha256": found}

    def _write(self, place: Place, pixels: "Pixels", exif: "Exif", source: str) -> list[str]:
        """See `picture.write`; the folder is made if it is not there."""
        from deepisp.picture.write import write

        ready.make_folder(place.path.parent)
        try:
            return write(
                pixels,
                place.path,
                space=self._settings.color,
                exif=exif,
                quality=self._options.quality,
                strip_gps=self._options.strip_gps,
                digest=self._common["digest"],
                source=source,
                replace=place.replace,
            )
        except OSError as error:
            raise ready.blame(error, place.path.parent) from error

    def _drop_if_interrupted(self) -> None:
        if self._is_interrupted.is_set():
            raise _Dropped


class _Dropped(Exception):  # no error
    """The run was interrupted while the file was in work."""
