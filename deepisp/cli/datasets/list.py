"""`deepisp datasets list`: which data sets are known."""

import json

import click

from deepisp.cli import outcome, say


@click.command(epilog=outcome.CODES, context_settings={"max_content_width": 110})
@click.option("--json", "as_json", is_flag=True, help="print one JSON object per data set")
@click.option("--debug", is_flag=True, help="show where a failure came from")
def list(*, as_json: bool, debug: bool) -> int:  # the verb's name; see LazyGroup
    """What is known of each data set: its splits, licence and size, and where it can be had.

    \b
    deepisp datasets list
    """
    from deepisp.data import datasets

    for name in datasets.names():
        data = datasets.load(name)
        if as_json:
            say.data(json.dumps({"name": name} | data.model_dump()))
            continue
        splits = ", ".join(f"{one} ({split.pairs or '?'})" for one, split in data.splits.items())
        say.data(f"{name}: {data.title}\n    splits, pairs: {splits}\n    licence: {data.licence}")
        for one in data.downloads:
            say.data(f"    {one.file}, {_size(one.size_gb)}: {one.url}")
    return outcome.DONE


def _size(gigabytes: float | None) -> str:
    if gigabytes is None:
        return "size not published"
    return f"{gigabytes:g} GB" if gigabytes >= 1 else f"{1000 * gigabytes:g} MB"
