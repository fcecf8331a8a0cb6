"""`deepisp train`: networks from pictures, and from pairs of exposures."""

import click

from deepisp.cli.lazy import LazyGroup

VERBS = {
    "jdd": "Demosaicing and denoising in one, from clean pictures.",
    "sid": "Pictures in the dark, from See-in-the-Dark's pairs.",
}


@click.group(cls=LazyGroup, package=__name__, verbs=VERBS)
def train() -> None:
    """Trains networks. Stopped, it goes on where it was when the same command runs again."""
