"""`deepisp simulate`: what a sensor would have made of a picture."""

import click

from deepisp.cli.lazy import LazyGroup

VERBS = {"raw": "Pictures to noisy raw files (DNG) of a known camera."}


@click.group(cls=LazyGroup, package=__name__, verbs=VERBS)
def simulate() -> None:
    """Makes the numbers that a sensor might have given.

    deepisp simulate VERB --help says more.
    """
