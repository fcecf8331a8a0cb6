"""How well `deepisp calibrate from-picture` knows the noise of simulated raws; a table on standard output.

Run it when sensor/estimate.py, level_sets.py or line_fit.py changed: `python tools/bench_noise_estimate.py`.
Twelve pictures, drawn once of kodak and mcmaster (numpy.random.default_rng(0).choice over the 42 sorted names), through
RGGB, seen by a Sensor with a shipped profile's gain, read and row noise, 14 bits, at three ISOs. As they are, and
halved by area in linear light, which takes most of their own grain away; without and with 5 % of the photosites above
white. Last as `deepisp simulate raw` makes them: tone curve, color matrix and white balance undone, all noise sources.
The figure is |predicted deviation / true deviation - 1| at mid-gray, of each color.
"""

import argparse
import math
import os
import subprocess
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL
import scipy
from PIL import Image

from deepisp import spaces
from deepisp.develop import noise_source
from deepisp.develop.noise_source import MID_GRAY
from deepisp.sensor import profile
from deepisp.sensor.conversion import Entry
from deepisp.sensor.estimate import Estimate, estimate_mosaic
from deepisp.sensor.exposure import Sensor
from deepisp.sensor.noise import Noise

NAMES = [
    *(f"kodak/kodim{i:02}.webp" for i in range(1, 25)),
    *(f"mcmaster/mcm{i:02}.webp" for i in range(1, 19)),
]
CAMERAS = {"a7s2": ("Sony", "ILCE-7SM2"), "d850": ("Nikon", "NIKON D850"), "70d": ("Canon", "Canon EOS 70D")}
BLACK, WHITE = 512, 16383
Errors = Callable[[Path, str, float, int], list[float]]


class Kind(NamedTuple):
    """How a scene is made of a picture without the camera's colors."""

    is_halved: bool
    is_unbalanced: bool
    clipped: float

    @property
    def name(self) -> str:
        """As the table has it."""
        size = "halved" if self.is_halved else "as is"
        return f"{size}{', unbalanced' if self.is_unbalanced else ''}, {self.clipped:.0%} clipped"


KINDS = [
    Kind(is_halved, is_unbalanced, clipped)
    for is_halved, is_unbalanced in ((False, False), (False, True), (True, False))
    for clipped in (0.0, 0.05)
]


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
    paths = [data / "pictures" / "bench" / name for name in chosen]
    kinds: dict[str, Errors] = {kind.name: partial(errors, kind=kind) for kind in KINDS} | {
        "simulate raw": simulated_errors
    }
    for name, made in kinds.items():
        found = [
            np.concatenate([made(path, asked.camera, iso, number) for number, path in enumerate(paths)])
            for iso in asked.iso
        ]
        print(f"{name:28}", *map(shown, [np.concatenate(found), *found]), sep="  ", flush=True)


def versions() -> str:
    """What the table was made with."""
    command = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return f"commit {commit or 'unknown'}, numpy {np.__version__}, scipy {scipy.__version__}, Pillow {PIL.__version__}"


def shown(error: np.ndarray) -> str:
    """Of the raws that were not refused, and how many were."""
    told = error[np.isfinite(error)]
    refused = f" {(error.size - told.size) // 3} refused" if told.size < error.size else ""
    if not told.size:
        return refused
    size = np.abs(told)
    return f"{100 * np.median(size):5.1f} ({100 * told.mean():+5.1f}, {100 * np.quantile(size, 0.9):5.1f}){refused}"


def errors(path: Path, camera: str, iso: float, seed: int, *, kind: Kind) -> list[float]:
    """Relative errors of the predicted deviation, one a color."""
    import torch

    scene = mosaic(light(path, kind.is_halved), kind.is_unbalanced)
    scene = scene / np.quantile(scene, 1 - kind.clipped) if kind.clipped else scene
    sensor = sensor_of(camera, iso)
    electrons = torch.from_numpy(scene * sensor.levels / sensor.gain)[None]
    dn = sensor.expose(electrons, generator=torch.Generator().manual_seed(seed))[0].numpy()
    found = estimate_mosaic((dn - BLACK) / sensor.levels, "RGGB")
    return [error_of(one, sensor.noise()) for one in found]


def simulated_errors(path: Path, camera: str, iso: float, seed: int) -> list[float]:
    """The same of the raw that `deepisp simulate raw` makes, read as `deepisp calibrate from-picture` does."""
    from deepisp.data import simulate

    picture = np.asarray(Image.open(path).convert("RGB"))
    raw = simulate.raw(picture, camera=CAMERAS[camera][1], iso=iso, seed=seed).raw
    assert raw.noise is not None
    try:
        found = noise_source.of_picture(raw)
    except ValueError:  # too little lies away from where the file clips: noise of a tenth of the white level
        return [math.nan] * len(raw.noise)
    return [error_of(*one) for one in zip(found, raw.noise, strict=True)]


def error_of(found: Estimate, true: Noise) -> float:
    return found.std(MID_GRAY) / math.sqrt(true.variance(np.array(MID_GRAY))) - 1


def sensor_of(camera: str, iso: float) -> Sensor:
    from deepisp.data.camera import sensor_of as simulated

    known = profile.find(*CAMERAS[camera])
    assert known is not None
    entry = known.entry(iso)
    three = Entry(gain=entry.gain, read_std_dn=entry.read_std, row_std_dn=entry.row_std_dn)
    return simulated(three, BLACK, WHITE)


def light(path: Path, is_halved: bool) -> np.ndarray:
    """Linear light of an sRGB picture, (H, W, 3)."""
    linear = spaces.decode(np.asarray(Image.open(path).convert("RGB")) / 255, "srgb")
    height, width = (side // 4 * 4 for side in linear.shape[:2])
    linear = linear[:height, :width]
    return linear.reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3)) if is_halved else linear


def mosaic(linear: np.ndarray, is_unbalanced: bool) -> np.ndarray:
    """Through RGGB; with a daylight balance of 2.0, 1, 1.6 undone, red and blue lie lower."""
    seen = linear / (2.0, 1.0, 1.6) if is_unbalanced else linear
    out = np.empty(linear.shape[:2])
    for row, column in product((0, 1), (0, 1)):
        out[row::2, column::2] = seen[row::2, column::2, row + column]
    return out


if __name__ == "__main__":
    main()
