"""`deepisp datasets`: which public data sets are known, whether one that was downloaded is whole, and a cache of it."""

import click

from deepisp.cli.lazy import LazyGroup

VERBS = {
    "list": "What is known: size, licence, where it can be had.",
    "check": "What is missing or damaged of one that was downloaded.",
    "pack": "A split as one file of crops, for training.",
}


@click.group(cls=LazyGroup, package=__name__, verbs=VERBS)
def datasets() -> None:
    """Public data sets of raw files. deepisp downloads none of them.

    deepisp datasets VERB --help says more, and datasets/*.toml all that is known.
    """
