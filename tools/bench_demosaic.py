"""Demosaicing and denoising by the literature's protocol: methods x pictures x noise, with CPU seconds of the same run.

    python tools/bench_demosaic.py --data PICTURES/kodak --data PICTURES/mcmaster [--sigma 0 --sigma 10] [--method …]

Mosaics of sRGB / 255, RGGB, white Gaussian noise that is not clipped, border 10, mean of the pictures' CPSNR. Beside
ours: Menon without denoising, and demosaicnet where it is installed (pip install demosaicnet "setuptools<80"), on
float32 channels_last. One thread each. Nothing is trained or chosen on these pictures.
"""

import json
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from deepisp.data import crops, pictures
from deepisp.develop.demosaic import arrays
from deepisp.train import evaluate
from deepisp.train.evaluate import Method

SIGMAS = (0.0, 5.0, 10.0, 15.0, 20.0)  # of 255: shared tables of the literature


@click.command()
@click.option("--data", multiple=True, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--sigma", multiple=True, type=float, default=SIGMAS, show_default=True)
@click.option("--method", "names", multiple=True, default=("menon", "fast"), show_default=True,
              help="menon, malvar, demosaicnet, a shipped network, or a weights file")  # fmt: skip
@click.option("--cfa", default="RGGB", show_default=True)
@click.option("--every", default=1, show_default=True, help="take each n-th picture alone")
@click.option("--json", "as_json", is_flag=True)
def main(data: tuple[Path, ...], sigma: tuple[float, ...], names: tuple[str, ...], cfa: str, every: int,
         as_json: bool) -> None:  # fmt: skip
    """Print a table, or a line of JSON for each figure."""
    sets = {place.name: [pictures.load(path) for path in crops.files([place])[::every]] for place in data}
    if not as_json:
        click.echo(f"{'method':24} {'set':10} {'sigma':>5}  {'CPSNR':>6} {'worst':>6} {'SSIM':>6}  CPU s/MP")
    for name in names:
        method = named(name, cfa)
        for title, truths in sets.items():
            for level in sigma:
                found = evaluate.score(method, truths, sigma=level, cfa=cfa, with_ssim=True)
                if as_json:
                    click.echo(json.dumps({"method": name, "set": title, "sigma": level} | found._asdict()))
                else:
                    click.echo(
                        f"{name[-24:]:24} {title:10} {level:5g}  {found.psnr:6.2f} {found.worst:6.2f} "
                        f"{found.ssim:6.4f}  {found.cpu_s_per_mp:.3f}"
                    )


def named(name: str, cfa: str) -> Method:
    """A method by name."""
    if name == "demosaicnet":
        return _demosaicnet(cfa)
    return lambda mosaic, sigma: arrays.demosaic(mosaic, cfa=cfa, noise=sigma, method=name, threads=1)


def _demosaicnet(cfa: str) -> Method:
    """The pretrained network for mosaics without noise; it knows GRBG alone, so other phases are shifted."""
    import torch
    from demosaicnet import BayerDemosaick

    torch.set_num_threads(1)
    net = BayerDemosaick(pad=False).eval().to(memory_format=torch.channels_last)
    reach, halo = 31, 32  # 15 layers at half size and one at full size, none of which is padded
    down, right = {"RGGB": (0, 1), "GRBG": (0, 0), "BGGR": (1, 0), "GBRG": (1, 1)}[cfa]  # to a cell of GRBG

    def method(mosaic: NDArray[np.float32], _: float) -> NDArray[np.float32]:
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
