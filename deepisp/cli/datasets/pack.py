"""`deepisp datasets pack`: a split of a data set as one file of crops, for training."""

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from deepisp.cli import outcome, say


@click.command(epilog=outcome.CODES, context_settings={"max_content_width": 110})
@click.argument("name")
@click.option("--root", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="the folder that holds Sony or Fuji, and the authors' lists")  # fmt: skip
@click.option("--split", required=True, help="which pairs; deepisp datasets list names them")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False),
              help="file to make (.h5)")  # fmt: skip
@click.option("--crop", type=click.IntRange(min=1),
              help="side of a crop, photosites of whole cells  [default: 512; 510 of X-Trans]")  # fmt: skip
@click.option("--pictures", is_flag=True,
              help="LibRaw's pictures of the long exposures, too: what the authors' network learns")  # fmt: skip
@click.option("--noise", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="a profile of the camera's noise, made by deepisp calibrate")  # fmt: skip
@click.option("--debug", is_flag=True, help="show where a failure came from")
def pack(
    *,
    name: str,
    root: Path,
    split: str,
    output: Path,
    crop: int | None,
    pictures: bool,
    noise: Path | None,
    debug: bool,
) -> int:
    """Short and long exposures of a split of data set NAME, decoded and cut into crops, in one HDF5 file.

    The file is there when it is whole; after an interruption the same command goes on. Pairs that cannot be read are
    left out, and named.

    \b
    deepisp datasets pack sid-sony --root SID --split train -o sid-train.h5
    """
    from deepisp.batch import ready, record
    from deepisp.data import pack as packing
    from deepisp.data import packed_file

    task = packing.Task.of(name, root, split, crop, has_pictures=pictures, noise=noise)
    if task.wanted is not None and len(task.pairs) != task.wanted:
        say.warning(
            root, f"{split} has {task.wanted} pairs, {len(task.pairs)} are here (see deepisp datasets check)"
        )
    if not task.pairs:
        say.error(root, f"no pairs of {split} (give the folder that holds the camera's folder)")
        return outcome.NOTHING_MATCHED
    ready.prepare_folders([output.parent])
    with _progress(len(task.pairs)) as advance:
        for step in packing.pack(task, output):
            if step.file is not None and step.error is not None:
                say.error(step.file, record.what(step.error))
                if debug:
                    traceback.print_exception(step.error)
            advance()
    wanted = max(len(task.pairs), task.wanted or 0)
    if not output.exists():
        return outcome.code(failed=wanted, total=wanted, matched=wanted)
    packed = packed_file.tally(output)
    say.data(say.one_line(f"{output}: {packed.pairs} pairs, {packed.crops} crops, {packed.megabytes:.0f} MB"))
    if packed.pairs < wanted:
        say.note(
            f"{wanted - packed.pairs} pairs of {split} are not in it; to have them, delete it and pack anew"
        )
    return outcome.code(failed=wanted - packed.pairs, total=wanted, matched=wanted)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """A bar on stderr, for people only."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.update(task, advance=1)
