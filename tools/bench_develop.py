"""Time `deepisp develop` against rawpy's AHD and Pillow, in turn, on the same files; JSON to standard output.

Run it when the CPU path has changed: `make bench`, or `python tools/bench_develop.py photo.dng --runs 5`.
Whole processes are measured, start and decoding included: CPU seconds of the process and of all its children,
wall seconds, and the largest resident memory of one of them. Ratios are of medians; the spread is beside them.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

PEER = """
import sys, rawpy
from PIL import Image
for source, target in zip(sys.argv[1::2], sys.argv[2::2]):
    with rawpy.imread(source) as raw:
        Image.fromarray(raw.postprocess(use_camera_wb=True)).save(target, quality=92)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data = Path(os.environ.get("DEEPISP_DATA", Path(__file__).parents[2] / "shared" / "data"))
    default = data / "raw" / "gopro-hero6-iso100-mural-walkway.derived-from-gpr.dng"
    parser.add_argument("raw", type=Path, nargs="?", default=default)
    parser.add_argument("--runs", type=int, default=5, help="pairs that count; one more warms up")
    parser.add_argument("--batch", type=int, default=10, help="files of the batch; copies of the raw")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="-- and options for deepisp develop")
    asked = parser.parse_args()
    options = [option for option in asked.options if option != "--"]
    with tempfile.TemporaryDirectory() as folder:
        one = compare([asked.raw], Path(folder), asked.runs, options)
        copies = [
            Path(shutil.copy(asked.raw, f"{folder}/copy{i:02}{asked.raw.suffix}")) for i in range(asked.batch)
        ]
        many = compare(copies, Path(folder), max(1, asked.runs // 2), options)
    result = {"file": asked.raw.name, "options": options, "single": one, "batch": many, **versions()}
    print(json.dumps(result, indent=2))


def compare(files: list[Path], folder: Path, runs: int, options: list[str]) -> dict[str, object]:
    """Medians of both programs over `runs` pairs, and their ratio."""
    out = folder / "out"
    ours = [sys.executable, "-m", "deepisp", "develop", *map(str, files), "-o", f"{out}/"]
    ours += ["--on-exists", "overwrite", "--quiet", *options]
    theirs = [sys.executable, "-c", PEER]
    out.mkdir(exist_ok=True)
    for file in files:
        theirs += [str(file), str(out / f"{file.stem}-peer.jpg")]
    measured: dict[str, list[dict[str, float]]] = {"deepisp": [], "rawpy": []}
    for run in range(runs + 1):
        for name, command in (("deepisp", ours), ("rawpy", theirs)):
            figures = measure(command)
            if run:
                measured[name].append(figures)
    result: dict[str, object] = {"files": len(files), "runs": runs}
    for name, rows in measured.items():
        result[name] = {key: spread([row[key] for row in rows]) for key in rows[0]}
    pairs = zip(measured["deepisp"], measured["rawpy"], strict=True)
    result["cpu_ratio"] = spread([ours["cpu_s"] / theirs["cpu_s"] for ours, theirs in pairs])
    return result


def spread(values: list[float]) -> list[float]:
    """Least, median and largest."""
    return [round(figure(values), 3) for figure in (min, statistics.median, max)]


def measure(command: list[str]) -> dict[str, float]:
    """CPU and wall seconds and peak MiB of a command and its children."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    if status:
        raise SystemExit(f"failed with status {status}: {' '.join(command)}")
    return {"cpu_s": usage.ru_utime + usage.ru_stime, "wall_s": wall, "peak_mib": usage.ru_maxrss / 1024}


def versions() -> dict[str, str]:
    """What the figures were measured with."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return {
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "rawpy": metadata.version("rawpy"),
        "numba": metadata.version("numba"),
        "cores": str(os.cpu_count()),
    }


if __name__ == "__main__":
    main()
