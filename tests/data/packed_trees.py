"""Small trees of See-in-the-Dark to be packed: each frame another, with a border of the sensor that sees no light."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepisp.data.pack import Step, Task, _Part
from deepisp.data.pack_frames import Frame
from deepisp.raw.image import Area, Exif, RawImage
from deepisp.sensor import cfa as cfa_cell
from deepisp.sensor.noise import Noise
from tests.data import dark_trees
from tests.data.dark_trees import X_T2

NOISE = tuple(Noise(1e-3 * color, 1e-6 * color) for color in (1, 2, 3))
NEUTRAL = np.array([0.5, 1, 0.75])
BORDER = (3, 5)
SCENES = {1: {"0.1": 2}, 2: {"0.04": 2}}  # four pairs of train, two long exposures
SIZE = (45, 63)  # of what sees light
SIDE = {"sid-sony": 16, "sid-fuji": 18}
CFA = {"sid-sony": "RGGB", "sid-fuji": X_T2}
BLACK = {"sid-sony": 500, "sid-fuji": 1000}  # of the cell's first position, one more at each after it
HALF = {"sid-sony": ("Sony", "ARW"), "sid-fuji": ("Fuji", "RAF")}


def frame(name: str, seed: int, size: tuple[int, int] = SIZE) -> RawImage:
    """A frame of that half: levels that differ within the cell, noise and neutral that the file says."""
    top, left = BORDER
    height, width = (length + border for length, border in zip(size, BORDER, strict=True))
    raw = dark_trees.frame(CFA[name], size=(height, width), seed=seed)
    side = cfa_cell.side(raw.cfa)
    black = BLACK[name] + np.arange(side * side, dtype=np.float64).reshape(side, side)
    return replace(
        raw, cfa=cfa_cell.shift(raw.cfa, -top, -left), black_level=np.roll(black, BORDER, (0, 1)),
        active_area=Area(top, left, height, width), noise=NOISE, as_shot_neutral=NEUTRAL, exif=Exif(iso=200 + seed),
    )  # fmt: skip


def plant(
    root: Path, name: str = "sid-sony", scenes: dict[int, dict[str, int]] = SCENES
) -> dict[str, RawImage]:
    """The frames of scenes as files, by their names under the root."""
    folder, ending = HALF[name]
    listed = dark_trees.lines(scenes, folder=folder, ending=ending)
    found = {}
    for seed, path in enumerate(dict.fromkeys(dark_trees.named(listed))):
        raw = frame(name, seed)
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(dark_trees.content(raw, root))
        found[path.removeprefix("./")] = raw
    return found


def task(
    root: Path,
    name: str = "sid-sony",
    split: str = "train",
    side: int | None = None,
    **more: Any,
) -> Task:
    """To pack a split of such a tree."""
    return Task.of(name, root, split, side or SIDE[name], **more)


def break_off(steps: Iterator[Step], after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pack, and be interrupted when a frame was written after so many pairs, in the middle of the next one."""
    write = _Part._write

    def written(self: _Part, frame: Frame) -> None:
        write(self, frame)
        if self.done == after:
            raise KeyboardInterrupt

    with monkeypatch.context() as changed:
        changed.setattr(_Part, "_write", written)
        with pytest.raises(KeyboardInterrupt):
            list(steps)
