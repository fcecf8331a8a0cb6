"""Time the making of training pairs, and of a raw file by the full chain; JSON to standard output.

Run it when deepisp/data has changed: `python tools/bench_simulate.py`, with nothing else at work. Rounds go through
all cases in turn, so that a busy moment meets each. Each worker has one thread of torch's, as data/pairs.py asks.
`mp_per_s` is wall time (least, median, best of the rounds),
`mp_per_cpu_s` what one core does in a second of its own; pixels are those of the pictures, sRGB of 8 bits.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import torch

from deepisp.data import camera, simulate
from deepisp.data.noises import OfCamera
from deepisp.data.pairs import Simulator


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2, help="that make batches, each its own")
    parser.add_argument("--torch-threads", type=int, default=1, help="that each of them has")
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    torch.set_num_threads(asked.torch_threads)  # before the workers start: they adopt it
    made = cases(asked.device)
    pool = ThreadPoolExecutor(asked.threads)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in made}
    result = {}
    for round_ in range(asked.rounds + 2):
        for name, (_, call) in made.items():
            figure = timed(call, asked.device, pool, asked.threads)
            if round_ > 1:
                times[name].append(figure)
    for name, (megapixels, _) in made.items():
        wall, cpu = zip(*times[name], strict=True)
        result[name] = {
            "mp_per_s": [
                round(megapixels * asked.threads / f(wall), 1) for f in (max, statistics.median, min)
            ],
            "mp_per_cpu_s": round(megapixels * asked.threads / statistics.median(cpu), 1),
        }
    print(json.dumps({"simulate": result, **versions(asked)}, indent=2))


def cases(device: str) -> dict[str, tuple[float, Callable[[], object]]]:
    """Megapixels and the call, by name."""
    found: dict[str, tuple[float, Callable[[], object]]] = {}
    ways = {
        "bayer": Simulator(),
        "xtrans": Simulator(simulate.CELLS["xtrans"]),
        "bayer, ratio 1 to 100": Simulator(exposure_ratio=(1.0, 100.0)),
        "bayer, halved": Simulator(halves=True),
        "bayer, noise of an A7S II": Simulator(noises=OfCamera.named("sony-a7s-ii", (100, 25600))),
        "display-coded": Simulator.display_coded(),
    }

    def seeded(way: Simulator, pictures: torch.Tensor) -> object:
        return way(pictures, torch.Generator(device).manual_seed(0))

    for batch, side in ((16, 128), (16, 256)):
        pictures = torch.randint(0, 256, (batch, 3, side, side), dtype=torch.uint8, device=device)
        for name, way in ways.items():
            key = f"{batch} x {side} x {side}, {name}"
            found[key] = batch * side * side / 1e6, partial(seeded, way, pictures)
    # Smooth noise would be too kind to Poisson: half of the scene is darker than 1000 electrons at ISO 1600.
    picture = np.random.default_rng(0).integers(0, 256, (1000, 1000, 3), np.uint8)
    sensor = camera.named("sony-a7s-ii", 1600)
    for name, full in (("full chain to a raw image", True), ("the same, --simple", False)):
        shot = partial(simulate.raw, picture, camera=sensor, cfa="RGGB", full=full, device=device)
        found[name] = 1.0, shot
    return found


def timed(
    call: Callable[[], object], device: str, pool: ThreadPoolExecutor, threads: int
) -> tuple[float, float]:
    """Seconds of wall and of CPU for a call in each thread."""
    wall, cpu = time.perf_counter(), time.process_time()
    for one in [pool.submit(call) for _ in range(threads)]:
        one.result()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - wall, time.process_time() - cpu


def versions(asked: argparse.Namespace) -> dict[str, str]:
    """What the figures were measured with."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    where = torch.cuda.get_device_name() if asked.device != "cpu" else platform.processor() or "cpu"
    return {
        "commit": commit.stdout.strip(),
        "torch": torch.__version__,
        "device": where,
        "threads": str(asked.threads),
        "torch_threads": str(asked.torch_threads),
        "cores": str(os.cpu_count()),
        "load": f"{os.getloadavg()[0]:.1f}",
    }


if __name__ == "__main__":
    main()
