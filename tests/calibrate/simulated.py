"""Flats and darks of a sensor that is known, as raw images in memory."""

import math
from dataclasses import replace

import numpy as np
import torch

from deepisp.raw.image import Exif, RawImage
from deepisp.sensor.exposure import Sensor

DARK_S = 0.02
# A high ISO of a full-frame camera, with every source on: each is large enough to be missed if it is forgotten.
SENSOR = Sensor(
    gain=1.5, black_level=512, white_level=16383, read_std_e=4.0, tukey_lambda=-0.05, row_std_e=0.6,
    column_std_e=0.4, dark_current_e=0.2, prnu=0.008, dsnu_e=1.5, hot_fraction=1e-3, hot_current_e=20_000.0,
    telegraph_fraction=1e-3, telegraph_e=80.0, bias=((0.0, 0.37), (-0.22, 0.4)),
)  # fmt: skip


def shoot(
    sensor: Sensor,
    *,
    lights: list[float],
    seed: int = 0,
    size: int = 256,
    copies: int = 2,
    darks: int = 16,
    cfa: str = "RGGB",
    shading: float = 0.1,
) -> tuple[list[RawImage], list[RawImage]]:
    """Flats at these parts of saturation, `copies` of each, and darks."""
    generator = torch.Generator().manual_seed(100 + seed)
    pattern = sensor.pattern(size, size, seed=seed)
    at = torch.linspace(-1, 1, size)
    full = min(sensor.full_well_e, sensor.levels / sensor.gain)
    shade = full * (1 - shading * (at[:, None] ** 2 + at[None, :] ** 2))

    def frame(light: float) -> RawImage:
        dn = sensor.expose(light * shade[None, None], pattern=pattern, exposure_s=DARK_S, generator=generator)
        side = math.isqrt(len(cfa))
        return RawImage(
            mosaic=dn[0, 0].numpy().astype(np.uint16), cfa=cfa, black_level=np.full((side, side), sensor.black_level),
            white_level=np.full((side, side), sensor.white_level), exif=Exif(iso=800), maker="Acme", model="One",
        )  # fmt: skip

    flats = [frame(light) for light in lights for _ in range(copies)]
    return flats, [frame(0.0) for _ in range(darks)]


def at_iso(raw: RawImage, iso: float | None, exposure_s: float | None = None) -> RawImage:
    return replace(raw, exif=Exif(iso=iso, exposure_s=exposure_s))
