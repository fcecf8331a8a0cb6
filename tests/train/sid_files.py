"""Packed files to train on: frames of noise in the layout of See-in-the-Dark, and squares of known light."""

from dataclasses import replace
from pathlib import Path

import torch

from deepisp.data import pack
from deepisp.data.noises import Lines
from deepisp.data.packed_pairs import Drawn
from deepisp.sensor.noise import Noise
from tests.data import dark_trees, packed_trees

NEUTRAL = (0.5, 1.0, 0.75)
NOISE = Noise(1e-4, 1e-7)
SIZE = {"sid-sony": (40, 48), "sid-fuji": (60, 66)}
SIDE = {"sid-sony": 36, "sid-fuji": 54}  # of what is stored: 16 or 18, and the margins


def packed(root: Path, name: str = "sid-sony", *, noise: Noise = NOISE, has_pictures: bool = False) -> Path:
    """Four pairs of two scenes, the short ones a hundredth or less of the long ones' light."""
    folder, ending = packed_trees.HALF[name]
    listed = dark_trees.lines(packed_trees.SCENES, folder=folder, ending=ending)
    for seed, path in enumerate(dict.fromkeys(dark_trees.named(listed))):
        raw = packed_trees.frame(name, seed, SIZE[name])
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(dark_trees.content(replace(raw, noise=(noise,) * 3), root))
    task = packed_trees.task(root, name, side=SIDE[name], has_pictures=has_pictures)
    for _ in pack.pack(task, root / "train.h5"):
        pass
    return root / "train.h5"


def drawn(light: torch.Tensor, ratio: float) -> Drawn:
    """The pair of a mosaic (B, 1, h, w) of the long exposure, without noise."""
    count = len(light)
    lines = (torch.full((count, 3), one) for one in (NOISE.shot, NOISE.read))
    return Drawn(
        light / ratio, light, torch.full((count,), ratio), Lines(*lines), torch.tensor(NEUTRAL).expand(count, 3),
        torch.zeros(count, dtype=torch.int64),
    )  # fmt: skip
