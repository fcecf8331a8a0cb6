"""`deepisp calibrate`: what a camera's own frames say of its sensor, its lens and its colors."""

import click

from deepisp.cli.lazy import LazyGroup

VERBS = {
    "photon-transfer": "Flats and darks: gain, read noise, full well, fixed pattern.",
    "dark": "Dark frames: black level, shading, banding, hot photosites, dark current.",
    "flat": "Flats: the map of lens shading.",
    "color": "A ColorChecker: color matrices, and how far they are off.",
    "from-picture": "One ordinary raw: shot and read noise.",
}


@click.group(cls=LazyGroup, package=__name__, verbs=VERBS)
def calibrate() -> None:
    """Measures a camera from raw files that it took.

    deepisp calibrate VERB --help says more, and calibration/*.toml how to take the frames.
    """
