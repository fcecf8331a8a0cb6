"""How a network is best told the noise: a map of deviations, or the k-sigma transform. Two short runs, one score.

    python tools/ablation_conditioning.py --data PICTURES/train

Both learn from linear light alone. The k-sigma transform `x / k + s² / k²` of a signal with noise `k x + s²` makes all
cameras and ISOs alike: its variance is its mean. So the network is told nothing else; it needs biases, because twice
the transformed signal is another noise. Noise that does not grow with light (the benchmarks'), and none at all,
have no k. Source: Y. Wang et al., "Practical deep raw image denoising on mobile devices" (PMRID), ECCV 2020, section 3.
Runs live in runs/ablation; pictures left out of training are scored, as in ablation.py; docs/ablation.md tells.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepisp.data import crops, pictures
from deepisp.data.noises import Lines
from deepisp.develop import tensors
from deepisp.sensor.noise import Noise
from deepisp.train import contenders, evaluate_linear, jdd, loop
from deepisp.train.evaluate_linear import Shooting
from deepisp.train.jdd import Batch, Task
from deepisp.train.run import Run
from deepisp.train.settings import TrainSettings

BASE = TrainSettings(width=48, blocks=3, rate=2e-3, physical=1.0, steps=4000)
SHOOTINGS = ("nikon-d850:800", "canon-70d:3200", "sony-a7s-ii:25600")
EVERY, FIRST = 16, 5  # which pictures are left out
_SCALE = 1e-3  # brings the transformed signal, up to 1 / k of 1e4, near the range that layers like; not tuned


@dataclass
class KSigma(Task):
    """The same samples and losses, the network between the transform and its inverse."""

    def batch(self, count: int, generator: torch.Generator) -> Batch:
        """Transformed mosaics; nothing is told."""
        made = super().batch(count, generator)
        mosaic = transformed(made.mosaic, photosites(made.lines, made.mosaic, self.settings.cfa))
        return made._replace(mosaic=mosaic, sigma=torch.zeros_like(mosaic))

    def loss(self, output: Tensor, batch: Batch) -> Tensor:
        """Of the picture, not of its transform."""
        return super().loss(restored(output, batch.lines), batch)


def photosites(lines: Lines, mosaic: Tensor, cfa: str) -> tuple[Tensor, Tensor]:
    """Shot and read noise at each photosite, (B, 1, H, W)."""
    shot, read = (jdd.per_photosite(one, cfa, mosaic.shape[-2:]) for one in lines)
    return shot, read


def transformed(mosaic: Tensor, noise: tuple[Tensor, Tensor]) -> Tensor:
    """A signal whose noise has the variance of its mean, scaled."""
    shot, read = noise
    return (mosaic / shot + read / shot.square()) * _SCALE


def restored(output: Tensor, lines: Lines) -> Tensor:
    """RGB (B, 3, H, W) of its transform."""
    shot, read = (one[:, :, None, None] for one in lines)
    return output / _SCALE * shot - read / shot


def contender(run: Run) -> contenders.Contender:
    """The trained network as a method for scores."""

    @torch.inference_mode()
    def method(mosaic: NDArray[np.float32], noise: float | Sequence[Noise]) -> NDArray[np.float32]:
        given = torch.from_numpy(mosaic)[None, None]
        lines = Lines(*torch.tensor(noise, dtype=torch.float32).T[:, None])
        shot, read = photosites(lines, given, "RGGB")
        if isinstance(run.task, KSigma):
            output = run.average(transformed(given, (shot, read)), torch.zeros_like(given))
            rgb = restored(output, lines)
        else:
            rgb = run.average(given, jdd.sigma(given, lines, "RGGB"))
        return rgb[0].movedim(0, -1).numpy()

    return method


@click.command()
@click.option("--data", multiple=True, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--runs", default=Path("runs/ablation"), show_default=True, type=click.Path(path_type=Path))
@click.option("--device", default="auto", show_default=True)
def main(data: tuple[Path, ...], runs: Path, device: str) -> None:
    """Train both on one thread, and print a line of linear PSNR each."""
    torch.set_num_threads(1)
    files = crops.files(data)
    left_out = files[FIRST::EVERY]
    truths = [pictures.load(path)[:256, :256] for path in left_out]
    kept = (pictures.load(path) for path in files if path not in left_out)
    squares = crops.Crops.of(kept, BASE.crop, device=tensors.device_of(device))
    click.echo(f"| {'told':12} | " + " | ".join(SHOOTINGS) + " |")
    for name, task, asked in (
        ("sigma map", Task, BASE),
        ("k-sigma", KSigma, BASE.model_copy(update={"biased": True})),
    ):
        run = Run.begun(asked, task(asked, squares))
        loop.train(run, runs / name.replace(" ", "-"))
        run.average.cpu()
        scores = [evaluate_linear.score(contender(run), truths, Shooting.of(one)) for one in SHOOTINGS]
        click.echo(f"| {name:12} | " + " | ".join(f"{one.psnr:.2f}" for one in scores) + " |")


if __name__ == "__main__":
    main()
