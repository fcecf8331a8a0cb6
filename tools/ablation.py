"""What each choice in training is worth: short runs that differ in one thing, scored on pictures left out of training.

    python tools/ablation.py --data PICTURES/train [ROW …]        # all rows, or some; each takes 4 to 8 CPU minutes

Every sixteenth picture is left out, and the top left 256 x 256 of it scored: CPSNR at sigma 0, 5, 10 and 20, border 10.
Runs live in runs/ablation/ROW and go on where they were. docs/ablation.md tells what came of it.
"""

from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray

from deepisp.data import crops, pictures
from deepisp.develop import tensors
from deepisp.develop.demosaic import learned
from deepisp.train import evaluate, loop
from deepisp.train.jdd import Task
from deepisp.train.run import Run
from deepisp.train.settings import TrainSettings

BASE = TrainSettings(width=48, blocks=3, rate=2e-3, physical=0.0, steps=4000)
ROWS: dict[str, dict[str, object]] = {
    "base": {},
    "biases": {"biased": True},
    "rate 1e-3": {"rate": 1e-3},
    "rate 4e-3": {"rate": 4e-3},
    "width 32": {"width": 32},
    "width 64": {"width": 64},
    "4 blocks": {"blocks": 4},
    "4 blocks by Muon": {"blocks": 4, "optimizer": "muon"},
    "8 blocks of 32": {"width": 32, "blocks": 8},
    "crops of 128": {"crop": 128, "steps": 1000},
    "crops of 32": {"crop": 32, "steps": 16000},
    "batch 8": {"batch": 8, "steps": 8000},
    "a quarter linear": {"physical": 0.25},
    "mining": {"mining_every": 1000},
    "L2": {"loss": "l2"},
    "Charbonnier": {"loss": "charbonnier"},
    "SSIM": {"loss": "ssim"},
    "twice as long": {"steps": 8000},
    "four times as long": {"steps": 16000},
}
SIGMAS = (0.0, 5.0, 10.0, 20.0)
EVERY, FIRST = 16, 5  # which pictures are left out


@click.command()
@click.argument("rows", nargs=-1)
@click.option("--data", multiple=True, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--runs", default=Path("runs/ablation"), show_default=True, type=click.Path(path_type=Path))
@click.option("--device", default="auto", show_default=True)
def main(rows: tuple[str, ...], data: tuple[Path, ...], runs: Path, device: str) -> None:
    """Train and score the named rows, or all, on one thread."""
    torch.set_num_threads(1)
    files = crops.files(data)
    left_out = files[FIRST::EVERY]
    truths = [pictures.load(path)[:256, :256] for path in left_out]
    click.echo(f"| {'row':20} | " + " | ".join(f"{one:g}" for one in SIGMAS) + " |")
    for name in rows or ROWS:
        asked = BASE.model_copy(update=ROWS[name])
        kept = (pictures.load(path) for path in files if path not in left_out)
        squares = crops.Crops.of(kept, asked.crop, device=tensors.device_of(device))
        run = Run.begun(asked, Task(asked, squares))
        loop.train(run, runs / name.replace(" ", "-"))
        engine = learned.Engine(run.weights())
        click.echo(f"| {name:20} | " + " | ".join(f"{one:.2f}" for one in scores(engine, truths)) + " |")


def scores(engine: learned.Engine, truths: Sequence[NDArray[np.uint8] | NDArray[np.uint16]]) -> list[float]:
    """CPSNR at each noise."""

    def method(mosaic: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
        told = mosaic * 0 + sigma
        return learned.whole(engine, mosaic, told, "RGGB").transpose(1, 2, 0)

    return [evaluate.score(method, truths, sigma=sigma).psnr for sigma in SIGMAS]


if __name__ == "__main__":
    main()
