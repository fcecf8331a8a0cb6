"""Crops of clean pictures, drawn at random: all pixels lie in one tensor, on the device that trains.

The pictures are divided into squares; a draw takes squares by their weights and moves them at random by up to half
their side, so that each crop is possible and hard places can be drawn more often (train/mining.py).
"""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepisp.data import pictures as picture_files


@dataclass(frozen=True)
class Crops:
    """Squares of `side` pixels of some pictures.

    Attributes:
        pixels: (N, 3) uint8, of all pictures, row by row.
        side: of a crop.
        squares: (M, 3) int64, of each square the picture, its row and its column.
        pictures: (P, 3) int64, of each picture its first pixel, its height and its width.
    """

    pixels: Tensor
    side: int
    squares: Tensor
    pictures: Tensor

    @classmethod
    def of(cls, pictures: Iterable[NDArray[Any]], side: int, *, device: torch.device | str = "cpu") -> Self:
        """Crops of pictures (H, W, 3) uint8, or uint16, of which 8 bits are kept; those smaller are left out.

        Raises:
            ValueError: none is large enough.
        """
        flat: list[Tensor] = []
        shapes: list[tuple[int, int, int]] = []
        squares: list[tuple[int, int, int]] = []
        start = 0
        for picture in pictures:
            height, width = picture.shape[:2]
            if min(height, width) < side:
                continue
            squares += [(len(shapes), r, c) for r in _starts(height, side) for c in _starts(width, side)]
            shapes.append((start, height, width))
            start += height * width
            eight = picture >> 8 if picture.dtype == np.uint16 else picture
            flat.append(torch.tensor(eight.astype(np.uint8)).reshape(-1, 3))
        if not flat:
            raise ValueError(f"no picture holds a crop of {side} x {side} pixels; give larger pictures")
        return cls(
            torch.cat(flat).to(device),
            side,
            torch.tensor(squares, device=device),
            torch.tensor(shapes, device=device),
        )

    def digest(self) -> str:
        """What tells these crops from others: of the pixels, the pictures' sizes and the side."""
        whole = hashlib.blake2b(digest_size=16)
        for part in (self.pixels, self.pictures, self.squares):
            whole.update(part.cpu().numpy().data)
        return whole.hexdigest()

    def __len__(self) -> int:
        """The number of squares."""
        return len(self.squares)

    def draw(self, count: int, generator: torch.Generator, weights: Tensor | None = None) -> Tensor:
        """(count, 3, side, side) uint8, turned and mirrored at random.

        Args:
            count: how many.
            generator: of the pixels' device.
            weights: (M,) of the squares, any scale; None for all alike.
        """
        device = self.pixels.device
        if weights is None:
            chosen = torch.randint(len(self), (count,), generator=generator, device=device)
        else:
            chosen = torch.multinomial(weights, count, replacement=True, generator=generator)
        moved = torch.randint(
            -(self.side // 2), self.side // 2 + 1, (count, 2), generator=generator, device=device
        )
        turns = torch.randint(2, (3, count, 1, 1), generator=generator, device=device).bool()
        return self._cut(self.squares[chosen], moved, turns)

    def at(self, squares: Tensor) -> Tensor:
        """The squares of these numbers (K,), as they are in the pictures: (K, 3, side, side) uint8."""
        still = torch.zeros(len(squares), 2, dtype=torch.int64, device=self.pixels.device)
        return self._cut(self.squares[squares], still, still.new_zeros(3, len(squares), 1, 1).bool())

    def _cut(self, squares: Tensor, moved: Tensor, turns: Tensor) -> Tensor:
        start, height, width = self.pictures[squares[:, 0]].unbind(-1)
        top = (squares[:, 1] + moved[:, 0]).clamp(min=0).minimum(height - self.side)[:, None, None]
        left = (squares[:, 2] + moved[:, 1]).clamp(min=0).minimum(width - self.side)[:, None, None]
        along = torch.arange(self.side, device=squares.device)
        down, across = along[:, None], along[None, :]
        down, across = torch.where(turns[0], across, down), torch.where(turns[0], down, across)
        down = torch.where(turns[1], self.side - 1 - down, down)
        across = torch.where(turns[2], self.side - 1 - across, across)
        index = start[:, None, None] + (top + down) * width[:, None, None] + left + across
        return self.pixels[index].movedim(-1, 1)


def files(places: Collection[Path]) -> list[Path]:
    """Pictures of folders, with all below them, and single ones; in the order of their names.

    Raises:
        ValueError: there is none.
    """
    found = set[Path]()
    for place in places:
        inside = place.rglob("*") if place.is_dir() else [place]
        found |= {path for path in inside if path.is_file() and path.suffix.lower() in picture_files.SUFFIXES}
    if not found:
        raise ValueError(
            f"no pictures in {', '.join(map(str, places))}; give folders of PNG, JPEG, TIFF or WebP"
        )
    return sorted(found)


def digest(paths: Iterable[Path]) -> str:
    """SHA-256 of the files' bytes, in the order of their names: which pictures a network was trained on."""
    each = [hashlib.sha256(path.read_bytes()).digest() for path in sorted(paths, key=lambda path: path.name)]
    return hashlib.sha256(b"".join(each)).hexdigest()


def _starts(length: int, side: int) -> list[int]:
    """Where squares begin along a side, so that they cover it; the last may overlap the one before."""
    return [*range(0, length - side, side), length - side]
