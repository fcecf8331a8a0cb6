"""`deepisp datasets check`: what is missing or damaged of a data set."""

from pathlib import Path

import click

from deepisp.cli import outcome, say


@click.command(epilog=outcome.CODES, context_settings={"max_content_width": 110})
@click.argument("name")
@click.option("--root", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="the folder that holds the cameras' folders, and the authors' lists")  # fmt: skip
@click.option("--decode", is_flag=True, help="decode every file, about a second each; else headers tell")
@click.option("--debug", is_flag=True, help="show where a failure came from")
def check(*, name: str, root: Path, decode: bool, debug: bool) -> int:
    """What is missing or damaged of data set NAME, one line each, and how many pairs of each split are complete.

    \b
    deepisp datasets check sid-sony --root SID
    deepisp datasets check eld --root ELD --decode
    """
    from deepisp.data import dataset_check, datasets

    data = datasets.load(name)
    report = dataset_check.check(data, root, decode=decode)
    for path, what in report.problems:
        say.data(say.one_line(f"{path.relative_to(root)}: {what}"))
    for split, (complete, wanted) in report.splits.items():
        say.data(f"{split}: {complete} of {wanted} pairs complete")
    if report.problems:
        first = data.downloads[0]
        say.note(f"{len(report.problems)} problems; take the files from {first.url} again, see datasets list")
    return outcome.code(failed=len(report.problems), total=report.wanted, matched=report.found)
