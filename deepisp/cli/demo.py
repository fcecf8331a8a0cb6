"""`deepisp demo`: a noisy raw file made from a photograph, and what `develop` makes of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepisp.cli import outcome, say

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from deepisp.raw.image import RawImage

_PHOTOGRAPH = "grace_hopper.jpg"  # matplotlib's sample data; a work of the US Navy, public domain
_BLACK, _WHITE = 512, 16383  # DN of a 14-bit camera
# Electrons at white: those of a small photosite at ISO 800 or so, where noise is well seen.
_FULL_WELL_E = 2000.0
_READ_STD_E = 3.0  # electrons, rms
_NEUTRAL = (0.5, 1.0, 0.65)  # camera RGB of a gray in daylight: filters pass more green, as in most cameras


@click.command(epilog=outcome.CODES)
@click.option("-o", "--output", default="demo", show_default=True, type=click.Path(), help="the folder")
@click.option("--debug", is_flag=True, help="show where a failure came from")
def demo(output: str, debug: bool) -> int:
    """Makes a noisy raw file from a photograph, and develops it. Writes three files."""
    from deepisp.batch import ready
    from deepisp.picture.dng import write_dng
    from deepisp.picture.write import write

    folder = Path(output)
    ready.prepare_folders([folder])
    photograph = _photograph()
    original, raw_file, developed = (folder / name for name in ("original.png", "noisy.dng", "developed.png"))
    write(photograph, original, space="srgb")
    write_dng(simulate(photograph, seed=1), raw_file, preview=photograph[::4, ::4])
    _develop(raw_file, developed)
    for path, what in (
        (original, "photograph"),
        (raw_file, "raw file made from it"),
        (developed, "picture developed from that"),
    ):
        say.data(f"{say.one_line(path)}: the {what}")
    return outcome.DONE


def _develop(raw_file: Path, picture: Path) -> None:
    """By the same way as `deepisp develop`."""
    from deepisp import batch

    # Scene-linear: the photograph has its tones already, and the two are to be compared.
    settings, options = batch.Settings(tone="none"), batch.Options(on_exists="overwrite")
    summary = batch.run([raw_file], picture, settings, options)
    if summary.count("done") != 1:
        raise ValueError("; ".join(record.what for record in summary.records))


def simulate(photograph: "NDArray[np.uint8]", *, seed: int) -> "RawImage":
    """The raw image of a camera that sees the photograph: an RGGB mosaic with shot and read noise.

    The camera's filters are sRGB's primaries, each with its own sensitivity. The photograph's tones are taken for the
    scene's, and its white for the white level, so that a plain rendering gives it back.

    Args:
        photograph: (H, W, 3), sRGB.
        seed: of the noise.
    """
    from dataclasses import replace

    import numpy as np

    from deepisp import spaces
    from deepisp.data import camera, simulate
    from deepisp.raw.image import Noise

    line = Noise(1 / _FULL_WELL_E, (_READ_STD_E / _FULL_WELL_E) ** 2)
    matrix = np.array(_NEUTRAL)[:, None] * np.linalg.inv(spaces.rgb_to_xyz("srgb"))
    demo = replace(
        camera.of_noise(line, black_level=_BLACK, white_level=_WHITE), xyz_to_camera=matrix, model="demo"
    )
    scene = simulate.Scene(is_toned=False, keeps_highlights=False, brightness=1.0)
    return simulate.raw(photograph, camera=demo, cfa="RGGB", seed=seed, scene=scene).raw


def _photograph() -> Any:
    """(H, W, 3) uint8."""
    import numpy as np
    from matplotlib import cbook
    from PIL import Image

    with Image.open(cbook.get_sample_data(_PHOTOGRAPH, asfileobj=False)) as picture:
        return np.array(picture.convert("RGB"))
