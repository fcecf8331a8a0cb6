"""Opcodes that tests of gains and of whole lists are made of."""

from pathlib import Path

import numpy as np
import tifffile

from deepisp.raw import opcodes as dng


def whole(shape: tuple[int, int], planes: int = 1) -> dng.Region:
    return dng.Region(0, 0, *shape, 0, planes)


def gain_map(
    gains: object,
    region: dng.Region,
    spacing: tuple[float, float] = (1, 1),
    origin: tuple[float, float] = (0, 0),
) -> dng.GainMap:
    values = np.array(gains, np.float32)
    return dng.GainMap(region, values if values.ndim == 3 else values[:, :, None], spacing, origin)


def per_position(
    shape: tuple[int, int], nodes: tuple[int, int] = (5, 7), seed: int = 0
) -> tuple[dng.GainMap, ...]:
    """A map for each position of a Bayer cell, as phones write them."""
    rng = np.random.default_rng(seed)
    spacing = 1 / (nodes[0] - 1), 1 / (nodes[1] - 1)
    return tuple(
        gain_map(rng.uniform(1, 3, nodes), dng.Region(top, left, *shape, 0, 1, 2, 2), spacing)
        for top in (0, 1)
        for left in (0, 1)
    )


def list_2(path: Path) -> bytes:
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        page = page if 51009 in page.tags else page.pages[0]
        return bytes(page.tags[51009].value)
