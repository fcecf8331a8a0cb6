"""Does training from a packed file keep the network busy? Random mosaics in a temporary file, trained on for a while.

    python tools/bench_packed.py [--threads 2] [--steps 40] [--megabytes 300] [--resident]

The share of the time that is not spent waiting for batches, the speed next to that of the network alone, for batches
are made on the same cores, crops a second, and the largest memory of the process (ru_maxrss, Linux's KiB). JSON to
standard output.
"""

import json
import resource
import statistics
import tempfile
import time
from pathlib import Path

import click
import numpy as np
import torch

from deepisp.data import pack_frames, packed_file
from deepisp.train import begin
from deepisp.train.run import Run
from deepisp.train.settings import TrainSettings

SIDE, TILES = 512, (4, 6)  # of a crop; crops of a frame, down and across
WARM = 3  # steps that do not count


@click.command()
@click.option("--threads", default=2, show_default=True)
@click.option("--steps", default=40, show_default=True, help="that count")
@click.option("--megabytes", default=300, show_default=True, help="of the file, about")
@click.option("--batch", default=8, show_default=True)
@click.option("--crop", default=128, show_default=True)
@click.option("--precision", default="bf16", show_default=True)
@click.option("--resident", "is_resident", is_flag=True)
def main(
    threads: int, steps: int, megabytes: int, batch: int, crop: int, precision: str, is_resident: bool
) -> None:
    """Print it."""
    torch.set_num_threads(threads)
    asked = {
        "network": "dark",
        "steps": 2 * (steps + WARM),
        "batch": batch,
        "crop": crop,
        "precision": precision,
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bench.h5")
        write(path, max(megabytes * 1_000_000 // (SIDE**2 * TILES[0] * TILES[1] * 2), 2))
        size = path.stat().st_size
        run, _ = begin.from_packed(TrainSettings(**asked), path, device="cpu", is_resident=is_resident)
        found = measured(run, steps)
    about = {
        "threads": threads,
        "batch": batch,
        "crop": crop,
        "precision": precision,
        "resident": is_resident,
    }
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({**about, "file MB": round(size / 1e6), **found, "peak RSS MiB": round(peak)}, indent=2))


def measured(run: Run, steps: int) -> dict[str, float]:
    """Of so many steps, each followed by one on a batch that is there already: what the network alone takes."""
    drawn, kept = run.task.batch, run.task.batch(run.settings.batch, run.generator)
    waits, took, alone = list[float](), list[float](), list[float]()

    def timed(count: int, generator: torch.Generator) -> object:
        start = time.perf_counter()
        batch = drawn(count, generator)
        waits.append(time.perf_counter() - start)
        return batch

    for _ in range(WARM + steps):
        for batch, times in ((timed, took), (lambda *_: kept, alone)):
            run.task.batch = batch  # type: ignore[method-assign]
            start = time.perf_counter()
            run.advance()
            times.append(time.perf_counter() - start)
    waited, total, least = (sum(one[WARM:]) / steps for one in (waits, took, alone))
    return {
        "busy": round(1 - waited / total, 3),
        "speed, of the network's alone": round(least / total, 3),
        "median of that": round(
            statistics.median(a / b for a, b in zip(alone[WARM:], took[WARM:], strict=True)), 3
        ),
        "crops a second": round(run.settings.batch / total, 2),
        "step ms": round(1000 * total, 1),
        "wait ms": round(1000 * waited, 1),
    }


def write(path: Path, frames: int) -> None:
    """A packed file of so many frames of noise, each short one paired with the last, a long one."""
    shape = (SIDE * TILES[0], SIDE * TILES[1])
    settings: dict[str, str | int] = {"format": packed_file.FORMAT, "CFA": "RGGB"}
    packed_file.create(path, packed_file.Layout(settings, "RGGB", SIDE, shape, frames, frames - 1, 0))
    random, count = np.random.default_rng(0), TILES[0] * TILES[1]
    with packed_file.opened(path, "r+") as file:
        rows = np.zeros(frames, pack_frames.row_type("RGGB"))
        rows["black_level"], rows["white_level"] = 512, 16383
        rows["as_shot_neutral"], rows["noise"], rows["picture"] = (0.5, 1, 0.7), (1e-3, 1e-6), -1
        file["frames"][:] = rows
        pairs = np.zeros(frames - 1, packed_file.PAIR)
        pairs["short"], pairs["long"], pairs["exposure_ratio"] = range(frames - 1), frames - 1, 100
        file["pairs"][:] = pairs
        for number in range(frames * count):
            low, high = (512, 16000) if number >= (frames - 1) * count else (490, 700)
            file["mosaics"][number] = random.integers(low, high, (SIDE, SIDE), np.uint16)
        file["done"][()] = frames - 1


if __name__ == "__main__":
    main()
