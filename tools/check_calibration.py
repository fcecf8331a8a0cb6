"""Does calibration find what a simulated sensor has? A table of errors and of errors over stated standard errors (z).

    python tools/check_calibration.py [--seeds 3] [--size 512] [--series]

Three cameras at three ISOs each, their gain, read noise, tails and rows from sensors/; PRNU, DSNU, columns, dark
current, hot photosites and telegraphs are set here, since no file says them. Run it after a change of
deepisp/calibrate. A figure that is missing misses its goal; where a goal is missed, the exit code is 1.
"""

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from deepisp import shipped
from deepisp.calibrate import photon_transfer
from deepisp.data.camera import sensor_of
from deepisp.raw import saturation
from deepisp.raw.image import Exif, RawImage
from deepisp.sensor import profile
from deepisp.sensor.exposure import Sensor

CAMERAS = {
    "sony-a7s-ii": (100, 1600, 12800),
    "nikon-d850": (100, 800, 6400),
    "canon-5d-mark-iv": (100, 800, 6400),
}
PRNU, DARK_S = 0.006, 0.02
LIGHT = {"R": 0.7, "G": 1.0, "B": 0.8}  # of gray
GOALS = {"gain": 0.03, "read_std_e": 0.05, "row_std_e": 0.10, "prnu": 0.10, "full_well_e": 0.03}
BEYOND = (1.2, 1.6)  # of saturation, on top of the even steps: the last with red's corners still below


@dataclass(frozen=True)
class Truth:
    """What the sensor has, in the words of the result."""

    gain: float
    read_std_e: float
    row_std_e: float
    column_std_e: float
    prnu: float
    dsnu_e: float
    full_well_e: float


def camera(name: str, iso: float) -> Sensor:
    """A sensor of a shipped profile, with every source on."""
    sensor = profile.load(shipped.folder("sensors") / f"{name}.toml")
    entry, levels = sensor.entry(iso), sensor.levels
    assert levels is not None
    known = sensor_of(entry, levels.black_level, levels.white_level)
    assert entry.gain is not None
    assert entry.read_std is not None
    read, row = known.read_std_e, known.row_std_e or 0.1 * entry.read_std / entry.gain
    return replace(
        known, full_well_e=0.97 * known.levels / known.gain if iso == 100 else math.inf,
        tukey_lambda=known.tukey_lambda or -0.15, row_std_e=row, column_std_e=row / 2,
        dark_current_e=0.2, prnu=PRNU, dsnu_e=0.3 * read, hot_fraction=1e-3, hot_current_e=5000.0 * read,
        telegraph_fraction=1e-3, telegraph_e=20 * read, bias=((0.0, 0.37), (-0.22, 0.4)),
    )  # fmt: skip


def truth(sensor: Sensor) -> Truth:
    """Dark current's shot noise is read noise to any measurement at one exposure time."""
    read = math.sqrt(sensor.read_std_e**2 + sensor.dark_current_e * DARK_S)
    full_well = min(sensor.full_well_e, sensor.levels / sensor.gain)
    return Truth(
        sensor.gain, read, sensor.row_std_e, sensor.column_std_e, sensor.prnu, sensor.dsnu_e, full_well
    )


def shoot(
    sensor: Sensor, *, seed: int, size: int, pairs: bool, darks: int = 16, cfa: str = "RGGB", levels: int = 16
) -> tuple[list[RawImage], list[RawImage]]:
    """Flats at even steps up to saturation of the brightest color and beyond, and darks; as `read` gives them.

    At ISO 100 the photosites are full below the white level, and shading keeps the corners of the others from it.
    """
    generator = torch.Generator().manual_seed(1000 + seed)
    pattern = sensor.pattern(size, size, seed=seed)
    side = math.isqrt(len(cfa))
    color = torch.tensor([LIGHT.get(letter, 1.0) for letter in cfa]).reshape(side, side)
    tint = color.repeat(-(-size // side), -(-size // side))[:size, :size]
    row = torch.linspace(-1, 1, size)
    shade = 1 - 0.1 * (row[:, None] ** 2 + row[None, :] ** 2)  # vignetting to 80 % in the corners
    full = truth(sensor).full_well_e

    def frame(light: float) -> RawImage:
        electrons = (light * full * tint * shade)[None, None]
        dn = sensor.expose(electrons, pattern=pattern, exposure_s=DARK_S, generator=generator)
        level = np.full((side, side), sensor.black_level)
        return saturation.find(RawImage(
            mosaic=dn[0, 0].numpy().astype(np.uint16), cfa=cfa, black_level=level,
            white_level=np.full_like(level, sensor.white_level), exif=Exif(iso=100, exposure_s=DARK_S), maker="x",
        ))  # fmt: skip

    steps = [*(step / levels for step in range(1, levels + 1)), *BEYOND]
    flats = [frame(light) for light in steps for _ in range(1 + pairs)]
    return flats, [frame(0.0) for _ in range(darks)]


def errors(
    name: str, iso: float, seed: int, size: int, *, pairs: bool
) -> Iterator[tuple[str, str, float, float]]:
    """(figure, color, relative error, z) of one run."""
    sensor = camera(name, iso)
    flats, darks = shoot(sensor, seed=seed, size=size, pairs=pairs)
    expected = truth(sensor)
    for plane in photon_transfer.measure(flats, darks).planes:
        for figure, true in vars(expected).items():
            got, error = getattr(plane, figure), getattr(plane, f"{figure}_error")
            if got is None or error is None:
                yield figure, plane.color, math.nan, math.nan
            else:
                yield figure, plane.color, got / true - 1, (got - true) / error


def known(pairs: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Errors and z of the cases in which there was a figure."""
    table = np.array(pairs)
    offs, zs = table[np.isfinite(table[:, 0])].T
    return offs, zs


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--series", action="store_true", help="one flat a level, no pairs")
    given = parser.parse_args()
    everything: dict[str, list[tuple[float, float]]] = {}
    print("| camera | ISO | figure | largest error % | median z | largest z |\n|---|---|---|---|---|---|")
    for name, isos in CAMERAS.items():
        for iso in isos:
            found: dict[str, list[tuple[float, float]]] = {}
            for seed in range(given.seeds):
                for figure, _, off, z in errors(name, iso, seed, given.size, pairs=not given.series):
                    found.setdefault(figure, []).append((off, z))
            for figure, pairs in found.items():
                everything.setdefault(figure, []).extend(pairs)
                offs, zs = known(pairs)
                if not offs.size:
                    continue
                largest, worst = 100 * abs(offs).max(initial=0), abs(zs).max(initial=0)
                print(f"| {name} | {iso} | {figure} | {largest:.2f} | {np.median(zs):.2f} | {worst:.2f} |")
    print(*(summary(figure, pairs) for figure, pairs in everything.items()), sep="\n")
    return int(
        any(within(pairs, GOALS[figure]) < 1 for figure, pairs in everything.items() if figure in GOALS)
    )


def within(pairs: list[tuple[float, float]], goal: float) -> float:
    """The share of cases whose error is within the goal; no figure is no hit."""
    return float(np.mean([abs(off) <= goal for off, _ in pairs]))


def summary(figure: str, pairs: list[tuple[float, float]]) -> str:
    """One line of a figure's cases."""
    goal, (offs, zs) = GOALS.get(figure), known(pairs)
    missing = len(pairs) - offs.size
    said = f"{figure}: {len(pairs)} cases" + (f" ({missing} without a figure)" if missing else "")
    if goal is not None:
        said += f", goal {goal:.0%}: {within(pairs, goal):.1%} within"
    if offs.size:
        said += f", largest error {abs(offs).max():.2%}; |z| <= 3 in {np.mean(abs(zs) <= 3):.1%}"
        said += f", rms z {math.sqrt(np.mean(zs**2)):.2f}"
    return said


if __name__ == "__main__":
    sys.exit(main())
