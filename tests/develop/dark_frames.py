"""Frames in the dark of one specimen, and the profile that `deepisp calibrate dark` makes of them."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from deepisp.calibrate import dark, dark_maps, profile_file, profile_groups
from deepisp.calibrate.dark import DarkResult
from deepisp.develop import dark_shading
from deepisp.develop.settings import Settings
from deepisp.raw.image import Area, Exif, RawImage
from deepisp.sensor.exposure import Sensor
from deepisp.sensor.identity import Camera

SIDE, MASKED, BLACK, DARKS = 192, 40, 512, 12
# Shading and bias that show at a gain of 100, banding as strong as a bad sensor's.
SENSOR = Sensor(
    gain=1.5, black_level=BLACK, white_level=16383, read_std_e=3.0, row_std_e=1.5, dsnu_e=0.5,
    bias=((0.0, 1.2), (-0.9, 0.5)),
)  # fmt: skip
ROW_DN, READ_DN = 1.5 * 1.5, math.hypot(1.5 * 3.0, math.sqrt(1 / 12))
EXIF = Exif(iso=800, exposure_s=0.02)
Shoot = Callable[..., RawImage]
Array = NDArray[np.float64]


def smooth() -> Array:
    """Dark shading of the active area, DN: darker at the top, a glow in a corner."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    return 6 * y + 9 * np.exp(-((1 - x) ** 2 + (1 - y) ** 2) / 0.1)


def camera(cfa: str = "RGGB", sensor: Sensor = SENSOR) -> Shoot:
    """Frames of one specimen, masked columns at its left; each call is a new frame."""
    pattern = sensor.pattern(SIDE, MASKED + SIDE, seed=3)
    # Row after row at DC: the columns that see no light share the vertical part.
    glow = np.concatenate([np.repeat(smooth()[:, :1], MASKED, axis=1), smooth()], axis=1)
    pattern = replace(pattern, offset_e=pattern.offset_e + torch.from_numpy(glow).float() / sensor.gain)
    generator = torch.Generator().manual_seed(5)

    def shoot(light_e: float | Array = 0.0, **changes: object) -> RawImage:
        light = torch.zeros(1, 1, SIDE, MASKED + SIDE)
        light[..., MASKED:] = torch.as_tensor(light_e, dtype=torch.float32)
        dn = sensor.expose(light, pattern=pattern, generator=generator)[0, 0].numpy()
        raw = RawImage(
            mosaic=dn.astype(np.uint16), cfa=cfa, black_level=np.full((2, 2), BLACK), maker="Acme", model="One",
            white_level=np.full((2, 2), 16383), active_area=Area(0, MASKED, SIDE, MASKED + SIDE), exif=EXIF,
        )  # fmt: skip
        return replace(raw, **changes)  # type: ignore[arg-type]

    return shoot


def written(path: Path, result: DarkResult) -> Path:
    """The profile and its maps, as `deepisp calibrate dark` writes them."""
    told = dark.table(result, maps="maps.npz")
    dark_maps.save(path.parent / "maps.npz", result)
    profile_file.update(
        path,
        lambda known: profile_groups.with_darks(known, told, result.first),
        camera=Camera("Acme", ("One",)),
    )
    return path


def corrected(raw: RawImage, own: Path) -> RawImage:
    return dark_shading.corrected(raw, Settings(noise=str(own)))


def seen(raw: RawImage) -> Array:
    assert raw.mosaic is not None
    area = raw.active
    return raw.mosaic[area.top : area.bottom, area.left : area.right].astype(np.float64)


def blocks(values: Array, size: int = 16) -> Array:
    """Means of squares, each position of the cell by itself, (4, n, n)."""
    planes = np.stack([values[r::2, c::2] for r in (0, 1) for c in (0, 1)])
    n = SIDE // 2 // size
    return planes.reshape(4, n, size, n, size).mean(axis=(2, 4))


def banding(values: Array) -> float:
    """Deviation of the rows' means from what they are on average: `values` without anything that stays."""
    return float(values.mean(axis=1).std())


def without_rows(raw: RawImage) -> RawImage:
    """The frame with masked columns that hold a constant, as some cameras' do: they are no measure of rows."""
    assert raw.mosaic is not None
    mosaic = raw.mosaic.copy()
    mosaic[:, :MASKED] = BLACK
    return replace(raw, mosaic=mosaic)
