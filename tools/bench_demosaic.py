"""Demosaicing and denoising by the literature's protocol: methods x pictures x noise, with CPU seconds of the same run.

    python tools/bench_demosaic.py --data PICTURES/kodak --data PICTURES/mcmaster [--sigma 0 --sigma 10] [--method …]
    python tools/bench_demosaic.py --data PICTURES/kodak --physical [--every 4] [--sheet sheet.png]

It is `deepisp evaluate jdd` with what is chosen for our tables. Mosaics of sRGB / 255, RGGB, white Gaussian noise that
is not clipped, border 10, mean of the pictures' CPSNR; with --physical, linear light of three cameras, each at its base
ISO and three above, and classical denoisers after Menon. Beside ours: demosaicnet where it is installed (pip install
demosaicnet "setuptools<80"), on float32 channels_last. One thread each. Nothing is trained or chosen on these pictures.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import demosaic_sheet
import numpy as np
from numpy.typing import NDArray

from deepisp.cli.evaluate import given as inputs
from deepisp.cli.evaluate import jdd as verb

if TYPE_CHECKING:
    from deepisp.train.contenders import Contender

# Base ISO, and three that each profile has measured; twice 6400 would be extrapolated.
CAMERAS = {
    "sony-a7s-ii": (100, 800, 3200, 12800),
    "nikon-d850": (100, 800, 3200, 6400),
    "canon-70d": (100, 800, 3200, 6400),
}
CODED = ("menon", "fast")
LINEAR = ("menon", "menon+wavelet", "menon+nlm", "fast")


@click.command()
@click.option("--data", multiple=True, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--sigma", multiple=True, type=float, default=verb.SIGMAS, show_default=True)
@click.option("--method", "names", multiple=True,
              help="menon, malvar, menon+wavelet, menon+nlm, demosaicnet, a network, or a weights file")  # fmt: skip
@click.option("--physical", is_flag=True, help="cameras and ISOs instead of white noise")
@click.option("--sheet", type=click.Path(path_type=Path), help="look: crops by each method, and no table")
@click.option("--cfa", default="RGGB", show_default=True)
@click.option("--every", default=1, show_default=True, help="take each n-th picture alone")
@click.option("--json", "as_json", is_flag=True)
def main(data: tuple[Path, ...], sigma: tuple[float, ...], names: tuple[str, ...], physical: bool, sheet: Path | None,
         cfa: str, every: int, as_json: bool) -> None:  # fmt: skip
    """Print a table, or a line of JSON for each figure."""
    from deepisp.train.evaluate_linear import Shooting

    in_light = physical or sheet is not None
    methods = {name: inputs.warm(named(name, cfa)) for name in names or (LINEAR if in_light else CODED)}
    sets = inputs.loaded(data, every)
    if sheet is not None:
        demosaic_sheet.sheet(methods, [one for each in sets.values() for one in each], cfa).save(sheet)
        click.echo(sheet)
    elif physical:
        shootings = [Shooting.of(f"{camera}:{iso}", cfa) for camera, isos in CAMERAS.items() for iso in isos]
        verb.linear(methods, sets, shootings, as_json=as_json)
    else:
        verb.coded(methods, sets, sigma, cfa=cfa, as_json=as_json)


def named(name: str, cfa: str) -> "Contender":
    """A method by name."""
    from deepisp.train import contenders

    return _demosaicnet(cfa) if name == "demosaicnet" else contenders.named(name, cfa)


def _demosaicnet(cfa: str) -> "Contender":
    """The pretrained network for mosaics without noise; it knows GRBG alone, so other phases are shifted."""
    import torch
    from demosaicnet import BayerDemosaick

    from deepisp.train import evaluate

    torch.set_num_threads(1)
    net = BayerDemosaick(pad=False).eval().to(memory_format=torch.channels_last)
    reach, halo = 31, 32  # 15 layers at half size and one at full size, none of which is padded
    down, right = {"RGGB": (0, 1), "GRBG": (0, 0), "BGGR": (1, 0), "GBRG": (1, 1)}[cfa]  # to a cell of GRBG

    def method(mosaic: NDArray[np.float32], _: Any) -> NDArray[np.float32]:
        height, width = mosaic.shape
        # Reflection without the edge keeps the colors in step; sides become even.
        top, left = halo + down, halo + right
        bottom, end = halo + (top + height) % 2, halo + (left + width) % 2
        padded = np.pad(mosaic, ((top, bottom), (left, end)), mode="reflect")
        planes = np.zeros((3, *padded.shape), np.float32)
        colors = evaluate.colors_at("GRBG", *padded.shape)
        np.put_along_axis(planes, colors[None], padded[None], 0)
        with torch.inference_mode():
            given = torch.from_numpy(planes)[None].contiguous(memory_format=torch.channels_last)
            made = net(given)[0].movedim(0, -1).numpy()
        row, column = top - reach, left - reach
        return np.asarray(made[row : row + height, column : column + width])

    return method


if __name__ == "__main__":
    main()
