"""Many raw files to pictures: read, develop, write; in parallel, each picture whole or absent, resumable.

    paths ─ files.gather ─ files.assign ─ shard ─► jobs ─ threads: read (child process) ─ develop ─ write ─► records

A picture of the same raw file is left alone unless told otherwise, so the same call again does what is left to do.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from deepisp.batch import files, ready
from deepisp.batch.files import Job, StrPath
from deepisp.batch.places import Places
from deepisp.batch.record import Record, Status
from deepisp.batch.work import Options, Watch, Work
from deepisp.develop.settings import Settings
from deepisp.picture import formats
from deepisp.picture.safety import Inputs, refuse_inputs
from deepisp.raw.limits import Limits

if TYPE_CHECKING:
    from deepisp.raw.layout import Layout


@dataclass(frozen=True)
class Summary:
    """What came of a run.

    Attributes:
        records: one per file that was dealt with, in the order in which they finished.
        total: files that this run, or this shard of it, was to deal with.
        matched: files that were found before a shard was taken; 0 if nothing matched.
        unready: why the run could not go on, or "".
    """

    records: tuple[Record, ...]
    total: int
    matched: int
    unready: str = ""

    def count(self, status: Status) -> int:
        """Records of this status."""
        return sum(record.status == status for record in self.records)


def run(
    inputs: StrPath | Sequence[StrPath],
    output: StrPath,
    settings: Settings | None = None,
    options: Options | None = None,
    *,
    limits: Limits | None = None,
    layout: "Layout | StrPath | None" = None,
    report: StrPath | None = None,
    watch: Watch | None = None,
) -> Summary:
    """Develop raw files, and folders of them, into pictures. A file that fails is a record, no exception.

    Args:
        inputs: raw files, and folders of raw files; one or many.
        output: a picture, or the folder of all pictures, see `files.is_folder`; folders are made.
        settings: how to render; default rendering if None.
        options: how to treat the files.
        limits: what reading one file may cost.
        layout: what bare sensor values mean, or the TOML file that says so.
        report: a JSON Lines file; each record is added to it when its picture is in its place.
        watch: called in this thread with each record as its file finishes, and with the number of files.

    Raises:
        ValueError: what is asked makes no sense, or would destroy an input. Nothing was done.
        Unready: there is no such device, or the output folder cannot be written. No file was read.
        KeyboardInterrupt: files in work are dropped; no part of a picture is left behind.
    """
    settings, options = settings or Settings(), options or Options()
    every, in_folder = _planned(inputs, output, settings, options, is_described=layout is not None)
    matched = sum(not isinstance(job.problem, FileNotFoundError) for job in every)
    jobs = _shard(every, options)
    if report is not None:
        _check_report(Path(report), every, layout)
    places = Places(every, in_folder=in_folder, on_exists=options.on_exists, digest=settings.digest())
    work = Work(jobs, places, settings, options, limits, loaded(layout))
    folders = {job.target.parent for job in jobs if job.problem is None}
    if not options.dry_run and folders:
        ready.check_device(options.device)
        ready.check_folders(folders)
        if report is not None and Path(report).parent in (*folders, Path(output)):
            ready.make_folder(Path(report).parent)
    with _opened(report) as lines:
        records = work.run(lines, watch)
    unready = next((record.what for record in records if record.is_unready), "")
    return Summary(tuple(records), len(jobs), matched, unready)


def plan(
    inputs: StrPath | Sequence[StrPath],
    output: StrPath,
    settings: Settings | None = None,
    options: Options | None = None,
    *,
    layout: "Layout | StrPath | None" = None,
) -> list[Job]:
    """What `run` would deal with. Reads no file and writes none.

    Raises:
        ValueError: what is asked makes no sense, or would destroy an input.
    """
    options = options or Options()
    planned = _planned(inputs, output, settings or Settings(), options, is_described=layout is not None)
    return _shard(planned[0], options)


def _planned(
    inputs: StrPath | Sequence[StrPath],
    output: StrPath,
    settings: Settings,
    options: Options,
    *,
    is_described: bool,
) -> tuple[list[Job], bool]:
    """The jobs of all shards, for names are told apart among all of them; and whether they go into a folder."""
    given = [inputs] if isinstance(inputs, (str, os.PathLike)) else list(inputs)
    if not all(map(os.fspath, given)):
        raise ValueError("the name of an input is empty; leave it out")
    files.check_output(output, given)
    in_folder = files.is_folder(output, given)
    if not in_folder:
        files.check_suffix(output, options.format)
    suffix = options.format or "jpg"
    known = formats.FORMATS[suffix] if in_folder else formats.of(Path(output))
    formats.check(known, bits=settings.bits, space=settings.color, height=1, width=1)
    _check_texts(settings)
    sources = files.gather(given, recursive=options.recursive, is_described=is_described)
    jobs = files.assign(sources, output, in_folder=in_folder, suffix=suffix)
    protected = Inputs.of(source.path for source in sources)
    for job in jobs:
        refuse_inputs(job.target, protected)
    return jobs, in_folder


def _shard(jobs: list[Job], options: Options) -> list[Job]:
    first, step = options.shard or (1, 1)
    return jobs[first - 1 :: step]


def _check_report(report: Path, jobs: list[Job], layout: "Layout | StrPath | None") -> None:
    """Nothing, if adding lines to `report` harms neither what is read nor a picture, whichever name that will take."""
    read = [job.source for job in jobs]
    if isinstance(layout, (str, os.PathLike)):
        read.append(Path(layout))
    refuse_inputs(report, read)
    suffix = os.path.splitext(os.path.realpath(report))[1].lower()
    if suffix.lstrip(".") in formats.FORMATS:
        raise ValueError(f"the report {str(report)!r} ends like a picture; name it .jsonl")


def _check_texts(settings: Settings) -> None:
    """Raise now what would be wrong with every file."""
    from deepisp.develop import balance
    from deepisp.sensor import cfa

    balance.parse(settings.wb)
    if settings.cfa is not None:
        cfa.side(settings.cfa)


def loaded(layout: "Layout | StrPath | None") -> "Layout | None":
    """The layout, read from its TOML file if it is a path.

    Raises:
        ValueError: there is no such file, or it is wrong.
    """
    if not isinstance(layout, (str, os.PathLike)):
        return layout
    from deepisp.raw.layout import load_layout

    try:
        return load_layout(Path(layout))
    except OSError as error:
        raise ValueError(
            f"the layout {os.fspath(layout)!r} cannot be read: {error.strerror}; check its path"
        ) from error


@contextmanager
def _opened(report: StrPath | None) -> Iterator[IO[bytes] | None]:
    """The report, to add to; without a buffer: a line is written at once and whole."""
    if report is None:
        yield None
        return
    try:
        file = Path(report).open("ab", buffering=0)  # noqa: SIM115  opening alone is in the `try`
    except OSError as error:
        raise ready.cannot_write(Path(report), error) from error
    with file:
        yield file
