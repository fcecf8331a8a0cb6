"""`deepisp train`: networks from pictures."""

import click

from deepisp.cli.lazy import LazyGroup

VERBS = {"jdd": "Demosaicing and denoising in one, from clean pictures."}


@click.group(cls=LazyGroup, package=__name__, verbs=VERBS)
def train() -> None:
    """Trains networks. Stopped, it goes on where it was when the same command runs again."""
