"""`deepisp evaluate`: how good networks are."""

import click

from deepisp.cli.lazy import LazyGroup

VERBS = {
    "jdd": "Demosaicing and denoising: display-coded pictures, and a camera's light.",
    "dark": "Simulated low light: raw values, by camera and exposure ratio.",
    "sid": "See-in-the-Dark: the authors' protocol, by exposure ratio.",
}


@click.group(cls=LazyGroup, package=__name__, verbs=VERBS)
def evaluate() -> None:
    """Measures networks by the literature's protocols."""
