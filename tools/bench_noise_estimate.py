"""How well `deepisp calibrate from-picture` knows the noise of simulated raws; a table on standard output.

Run it when sensor/estimate.py, level_sets.py or line_fit.py changed: `python tools/bench_noise_estimate.py`.
Twelve pictures, drawn once of kodak and mcmaster (numpy.random.default_rng(0).choice over the 42 sorted names), through
RGGB, seen by a Sensor with a shipped profile's gain, read and row noise, 14 bits, at three ISOs. As they are, and
halved by area in linear light, which takes most of their own grain away; without and with 5 % of the photosites above
white. The figure is |predicted deviation / true deviation - 1| at signal 0.18, of each color.
"""

import argparse
import math
import os
import subprocess
from itertools import product
from pathlib import Path

import numpy as np
import PIL
import scipy
from PIL import Image

from deepisp import spaces
from deepisp.sensor import profile
from deepisp.sensor.estimate import estimate_mosaic

NAMES = [
    *(f"kodak/kodim{i:02}.webp" for i in range(1, 25)),
    *(f"mcmaster/mcm{i:02}.webp" for i in range(1, 19)),
]
CAMERAS = {"a7s2": ("Sony", "ILCE-7SM2"), "d850": ("Nikon", "NIKON D850"), "70d": ("Canon", "Canon EOS 70D")}
BLACK, WHITE = 512, 16383


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data = Path(os.environ.get("DEEPISP_DATA", Path(__file__).parents[2] / "shared" / "data"))
    parser.add_argument(
        "--camera", choices=CAMERAS, default="a7s2", help="the cleanest, so the hardest, is the default"
    )
    parser.add_argument("--iso", type=float, nargs="+", default=[1600, 6400, 25600])
    asked = parser.parse_args()
    chosen = sorted(np.random.default_rng(0).choice(sorted(NAMES), 12, replace=False))
    print(versions())
    print(*chosen)
    print("error at mid-gray, %: median |e| (mean e, 90th percentile |e|), all and by ISO", *asked.iso)
    for is_halved, balance, clipped in product((False, True), (False, True), (0.0, 0.05)):
        if is_halved and balance:
            continue
        found = []
        for iso in asked.iso:
            several = [
                errors(
                    data / "pictures" / "bench" / name, asked.camera, iso, number, is_halved, balance, clipped
                )
                for number, name in enumerate(chosen)
            ]
            found.append(np.concatenate(several))
        kind = (
            f"{'halved' if is_halved else 'as is'}{', unbalanced' if balance else ''}, {clipped:.0%} clipped"
        )
        print(f"{kind:28}", *map(shown, [np.concatenate(found), *found]), sep="  ", flush=True)


def versions() -> str:
    """What the table was made with."""
    command = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return f"commit {commit or 'unknown'}, numpy {np.__version__}, scipy {scipy.__version__}, Pillow {PIL.__version__}"


def shown(error: np.ndarray) -> str:
    size = np.abs(error)
    return f"{100 * np.median(size):5.1f} ({100 * error.mean():+5.1f}, {100 * np.quantile(size, 0.9):5.1f})"


def errors(
    path: Path, camera: str, iso: float, seed: int, is_halved: bool, balance: bool, clipped: float
) -> list[float]:
    """Relative errors of the predicted deviation, one a color."""
    import torch

    scene = mosaic(light(path, is_halved), balance)
    scene = scene / np.quantile(scene, 1 - clipped) if clipped else scene
    sensor = sensor_of(camera, iso)
    electrons = torch.from_numpy(scene * sensor.levels / sensor.gain)[None]
    dn = sensor.expose(electrons, generator=torch.Generator().manual_seed(seed))[0].numpy()
    found = estimate_mosaic((dn - BLACK) / sensor.levels, "RGGB")
    true = math.sqrt(sensor.noise().variance(np.float64(0.18)))
    return [one.std(0.18) / true - 1 for one in found]


def sensor_of(camera: str, iso: float):
    from deepisp.sensor.exposure import Sensor

    known = profile.find(*CAMERAS[camera])
    assert known is not None
    entry = known.entry(iso)
    read_dn = math.sqrt(entry.read_std**2 - 1 / 12)
    row_std_e = (entry.row_std_dn or 0.0) / entry.gain
    return Sensor(
        gain=entry.gain,
        black_level=BLACK,
        white_level=WHITE,
        read_std_e=read_dn / entry.gain,
        row_std_e=row_std_e,
    )


def light(path: Path, is_halved: bool) -> np.ndarray:
    """Linear light of an sRGB picture, (H, W, 3)."""
    linear = spaces.decode(np.asarray(Image.open(path).convert("RGB")) / 255, "srgb")
    height, width = (side // 4 * 4 for side in linear.shape[:2])
    linear = linear[:height, :width]
    return linear.reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3)) if is_halved else linear


def mosaic(linear: np.ndarray, balance: bool) -> np.ndarray:
    """Through RGGB; with a daylight balance of 2.0, 1, 1.6 undone, red and blue lie lower."""
    seen = linear / (2.0, 1.0, 1.6) if balance else linear
    out = np.empty(linear.shape[:2])
    for row, column in product((0, 1), (0, 1)):
        out[row::2, column::2] = seen[row::2, column::2, row + column]
    return out


if __name__ == "__main__":
    main()
