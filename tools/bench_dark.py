"""Seeing in the dark from end to end: the lift that is found without being told, CPU seconds and memory of 12 MP.

    python tools/bench_dark.py --data BENCH/kodak [--every 2] [--runs 3]

Lifts: pictures through the cameras and ratios of datasets/dark-simulated.toml, with all their noise, read as raw files;
the error of `--dark auto` in EV. Cost: a frame of 12 MP at ratio 250, developed in turn by `dark` and by `quality`,
whole processes. PSNR of raw values is what `deepisp evaluate dark` measures. JSON to standard output.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import bench_develop
import click
import numpy as np

from deepisp.data import crops, dark, pictures, simulate
from deepisp.develop import plan
from deepisp.develop.settings import Settings
from deepisp.picture.dng import write_dng

SIZE = (3000, 4000)
RATIO = 250


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--every", default=1, show_default=True, help="take each n-th picture")
@click.option("--runs", default=3, show_default=True, help="pairs that count; one more warms up")
def main(data: Path, every: int, runs: int) -> None:
    """Print both."""
    files = crops.files([data])[::every]
    print(json.dumps({"lift": lifts(files), "12 MP": cost(files[0], runs)}, indent=2))


def lifts(files: list[Path]) -> dict[str, object]:
    """Errors of the lift that is found, in EV: median of their size, and of all; how often none was found."""
    known, errors, missed = dark.protocol("dark-simulated").test, list[float](), 0
    for number, path in enumerate(files):
        picture = pictures.load(path)
        for camera, iso in known.cameras.items():
            for ratio in known.ratios:
                raw = simulate.raw(picture, camera=camera, iso=iso, exposure_ratio=ratio, seed=number).raw
                found = plan.solve(raw, Settings()).lift
                missed += found == 1
                errors += [] if found == 1 else [float(np.log2(found / ratio))]
    within = sum(abs(one) <= 0.5 for one in errors) / (len(errors) + missed)
    return {
        "frames": len(errors) + missed,
        "not found": missed,
        "median |EV|": round(statistics.median(map(abs, errors)), 3),
        "median EV": round(statistics.median(errors), 3),
        "within 0.5 EV": round(within, 3),
    }


def measured_apart(command: list[str]) -> dict[str, float]:
    """`bench_develop.measure` in a process of its own: a child's peak memory counts from that of its parent."""
    small = "import json, sys, bench_develop; print(json.dumps(bench_develop.measure(sys.argv[1:])))"
    said = subprocess.run(
        [sys.executable, "-c", small, *command], check=True, capture_output=True, cwd=Path(__file__).parent
    )
    figures: dict[str, float] = json.loads(said.stdout)
    return figures


def cost(path: Path, runs: int) -> dict[str, object]:
    """CPU seconds and peak MiB of the two networks on one frame, least, median and largest."""
    picture = pictures.load(path)
    down, right = (np.arange(want) % have for want, have in zip(SIZE, picture.shape, strict=False))
    large = picture[np.ix_(down, right)]
    rows: dict[str, list[dict[str, float]]] = {"dark": [], "quality": []}
    with tempfile.TemporaryDirectory() as folder:
        frame = Path(folder) / "dark.dng"
        write_dng(simulate.raw(large, camera="sony-a7s-ii", iso=3200, exposure_ratio=RATIO).raw, frame)
        for run in range(runs + 1):
            for model, measured in rows.items():
                command = [
                    sys.executable,
                    "-m",
                    "deepisp",
                    "develop",
                    str(frame),
                    "-o",
                    f"{folder}/{model}.jpg",
                ]
                command += ["--dark", str(RATIO), "--model", model, "--on-exists", "overwrite", "--quiet"]
                figures = measured_apart(command)
                if run:
                    measured.append(figures)
    found: dict[str, object] = {
        model: {key: bench_develop.spread([row[key] for row in measured]) for key in measured[0]}
        for model, measured in rows.items()
    }
    pairs = zip(rows["dark"], rows["quality"], strict=True)
    found["cpu_ratio"] = bench_develop.spread([one["cpu_s"] / other["cpu_s"] for one, other in pairs])
    return found


if __name__ == "__main__":
    main()
