"""`deepisp develop`: raw files to pictures."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, get_args

import click

from deepisp import batch
from deepisp.batch import Options, Record, Watch, files
from deepisp.batch.record import Status
from deepisp.cli import options, outcome, say
from deepisp.develop.settings import Settings
from deepisp.picture.formats import FORMATS


@click.command(epilog=outcome.CODES, context_settings={"max_content_width": 110})
@click.argument("raw", nargs=-1, required=True, type=click.Path())
@click.option("-o", "--output", required=True, type=click.Path(), help="the picture, or a folder for many")
@options.of(Settings)
@options.of(Options, choices={"format": FORMATS})
@options.limits
@click.option("--layout", type=click.Path(), help="TOML file that says what bare sensor values mean")
@click.option("--report", type=click.Path(), help="add one JSON record per file to this file")
@click.option("--quiet", is_flag=True, help="no line per picture, no progress")
@click.option("--debug", is_flag=True, help="show where a failure came from")
def develop(
    *,
    raw: tuple[str, ...],
    output: str,
    layout: str | None,
    report: str | None,
    quiet: bool,
    debug: bool,
    **given: Any,
) -> int:
    """Raw files, and folders of them, to pictures.

    \b
    deepisp develop photo.dng -o photo.jpg
    deepisp develop shoot/ -r -o out/ --ev 0.5
    """
    asked = options.build(Options, given)
    with _told(quiet=quiet, debug=debug) as watch:
        summary = batch.run(
            raw,
            output,
            options.build(Settings, given),
            asked,
            limits=options.limits_of(given),
            layout=layout,
            report=report,
            watch=watch,
        )
    if not summary.matched and not summary.total:
        say.error(raw[0], files.none_found(raw, recursive=asked.recursive))
    elif not quiet:
        _sum_up(summary.records, summary.total)
    if summary.unready:
        return outcome.UNREADY
    return outcome.code(failed=summary.count("failed"), total=summary.total, matched=summary.matched)


def _tell(record: Record, *, quiet: bool, debug: bool) -> None:
    """What came of a file: a line on stdout if there is or would be a picture, complaints on stderr."""
    for text in record.warnings:
        say.warning(record.input, text)
    if record.status == "failed":
        say.error(record.input, record.what)
        if debug:
            click.echo(record.trace, err=True)
    elif not quiet and record.status != "skipped":
        mark = " (planned)" if record.status == "planned" else ""
        say.data(f"{say.one_line(record.input)} -> {say.one_line(record.output)}{mark}")


def _sum_up(records: Sequence[Record], total: int, rest: str = "not begun") -> None:
    """One line on stderr for many files, or where something else than a picture came of a file."""
    counts = Counter[Status](record.status for record in records)
    if total > 1 or counts["skipped"]:
        words = [f"{counts[status]} {status}" for status in get_args(Status) if counts[status]]
        left = total - len(records)
        say.note(", ".join([*words, *([f"{left} {rest}"] if left else [])]))
    elif not total:
        say.note("no file for this shard")


@contextmanager
def _told(*, quiet: bool, debug: bool) -> Iterator[Watch]:
    """Tells of each file as it finishes; and what was done, if the run is broken off."""
    seen, most = list[Record](), 0
    try:
        with _progress(hidden=quiet) as advance:

            def watch(record: Record, total: int) -> None:
                nonlocal most
                most = total
                seen.append(record)
                _tell(record, quiet=quiet, debug=debug)
                advance(record, total)

            yield watch
    except BaseException:
        if seen and not quiet:
            _sum_up(seen, most, "left")
        raise


@contextmanager
def _progress(*, hidden: bool) -> Iterator[Watch]:
    """A bar on stderr while many files are in work, for people only."""
    if hidden or not sys.stderr.isatty():
        yield lambda record, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    is_shared = sys.stdout.isatty()  # then lines on stdout must go above the bar
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=is_shared) as bar:
        task = bar.add_task("", total=None, visible=False)

        def advance(record: Record, total: int) -> None:
            bar.update(task, advance=1, total=total, visible=total > 1)

        yield advance
