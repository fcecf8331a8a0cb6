"""Pairs of See-in-the-Dark for training, drawn from a packed file (pack.py), or from its crops on the device.

Packed(file, side) ─► draw(count, generator) ─► Drawn             reads the few crops of a draw; any size of file
   └─► resident(device) ─► the same draws                          all crops in memory, uint16
"""

import hashlib
import json
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepisp.data import datasets, packed_file
from deepisp.data.packed_pairs import Drawn, Pairs
from deepisp.data.sid_protocol import Levels

_SHARE = 0.8  # of a device's free memory that crops may take; the rest is for the network. Not tuned


class Packed:
    """A packed file, opened by each process when it first draws; loaders may pickle it or fork with it.

    Attributes:
        path: of the file.
        side: of a square that is drawn, photosites.
        is_published: whether a draw is what the authors of SID take: signal by the levels of datasets/*.toml, and
            LibRaw's pictures of the long exposures.
        cfa: of its top left cell.
        pairs: what is known of them.
    """

    def __init__(self, path: Path, side: int, *, is_published: bool = False) -> None:
        """Look into a file; it is closed again.

        Raises:
            ValueError: it is no packed data set, the side is none that it has, or it has no pictures.
            OSError: it cannot be opened.
        """
        with packed_file.opened(path) as file:
            if is_published and "pictures" not in file:
                raise ValueError(f"{path}: no pictures are packed in it; pack anew with --pictures")
            settings = json.loads(file.attrs["settings"])
            self._levels = _published(settings["data set"]) if is_published else None
            self.pairs = Pairs.of(file, side, levels=self._levels)
            self.cfa = str(settings["CFA"])
        self.path, self.side, self.is_published = path, side, is_published
        self._file: Any = None
        self._process = 0

    def __reduce__(self) -> tuple[Any, ...]:
        """A file's handle is of one process: the other opens its own."""
        return partial(Packed, is_published=self.is_published), (self.path, self.side)

    def __len__(self) -> int:
        """The number of crops."""
        return len(self.pairs)

    def draw(self, count: int, generator: torch.Generator) -> Drawn:
        """Squares at random; the generator is one of the CPU.

        Raises:
            OSError: the file cannot be opened or read.
        """
        places = self.pairs.choose(count, generator)
        short, long = (
            self._squares("mosaics", crops, places.corner) for crops in (places.short, places.long)
        )
        picture = self._squares("pictures", places.picture, places.corner) if self.is_published else None
        return self.pairs.drawn(places, short, long, picture)

    def digest(self) -> str:
        """What tells these crops from others: of the mosaics and pictures, what is known of them, and both sides."""
        with packed_file.opened(self.path) as file:
            return _digest(file, self.side)

    def resident(self, device: torch.device | str, *, free_bytes: int | None = None) -> "Resident":
        """All crops on a device, read a frame at a time; its draws are those of this file.

        Args:
            device: that trains.
            free_bytes: of its memory; None asks a GPU, and lets a CPU take what it takes.

        Raises:
            ValueError: they do not fit.
            OSError: the file cannot be read.
        """
        place = torch.device(device)
        count = len(self.pairs.black_level)
        shown = int(self.pairs.pictures.max()) + 1 if self.is_published else 0
        needed = (count + 3 * shown) * self.pairs.tiles * self.pairs.stored**2 * 2
        if free_bytes is None and place.type == "cuda":
            free_bytes = torch.cuda.mem_get_info(place)[0]
        if free_bytes is not None and needed > _SHARE * free_bytes:
            raise ValueError(
                f"{self.path}: its crops take {needed / 1e6:.0f} MB, and of {free_bytes / 1e6:.0f} MB that are free on "
                f"{place} they may have {_SHARE:.0%}; draw from the file, or pack a smaller split"
            )
        with packed_file.opened(self.path) as file:
            mosaics = _held(file["mosaics"], count, self.pairs.tiles, place)
            pictures = _held(file["pictures"], shown, self.pairs.tiles, place) if shown else None
            pairs, known_by = Pairs.of(file, self.side, place, levels=self._levels), _digest(file, self.side)
            return Resident(pairs, mosaics, pictures, self.cfa, known_by)

    def _squares(self, name: str, crops: Tensor, corners: Tensor) -> Tensor:
        """(B, h, w, …) float32 of so many crops."""
        if self._process != os.getpid():  # of a fork the handle is its parent's
            self._file, self._process = packed_file.handle(self.path), os.getpid()
        stored = self._file[name]
        read = np.empty((len(crops), self.side, self.side, *stored.shape[3:]), np.uint16)
        for row, (crop, (top, left)) in enumerate(zip(crops.tolist(), corners.tolist(), strict=True)):
            read[row] = stored[crop, top : top + self.side, left : left + self.side]
        return torch.from_numpy(read.astype(np.float32))


@dataclass(frozen=True)
class Resident:
    """The crops of a packed file on a device, as `Packed.resident` makes it.

    Attributes:
        pairs: what is known of them.
        mosaics: (F * T, stored, stored) uint16, DN.
        pictures: (P * T, stored, stored, 3) uint16; None if a draw has none.
        cfa: of a square's top left cell.
        known_by: what `digest` says.
    """

    pairs: Pairs
    mosaics: Tensor
    pictures: Tensor | None
    cfa: str
    known_by: str

    @property
    def side(self) -> int:
        """Of a square that is drawn, photosites."""
        return self.pairs.side

    def __len__(self) -> int:
        """The number of crops."""
        return len(self.pairs)

    def digest(self) -> str:
        """The same as the file's."""
        return self.known_by

    def draw(self, count: int, generator: torch.Generator) -> Drawn:
        """Squares at random; the generator is of the crops' device."""
        places, along = (
            self.pairs.choose(count, generator),
            torch.arange(self.side, device=self.mosaics.device),
        )
        rows, columns = (places.corner[:, :, None] + along).unbind(1)

        def squares(stored: Tensor, crop: Tensor) -> Tensor:
            # torch has few functions of uint16; as int16 the upper half is negative.
            signed = stored.view(torch.int16)
            return signed[crop[:, None, None], rows[:, :, None], columns[:, None, :]].int() & 0xFFFF

        short, long = (squares(self.mosaics, crop) for crop in (places.short, places.long))
        picture = None if self.pictures is None else squares(self.pictures, places.picture)
        return self.pairs.drawn(places, short, long, picture)


def _published(name: str) -> Levels:
    """The levels that the figures of a data set are of."""
    data = datasets.load(name)
    assert isinstance(data, datasets.Sid)  # nothing else is packed
    camera = data.camera
    return Levels(camera.black_level, camera.white_level)


def _held(stored: Any, frames: int, tiles: int, device: torch.device) -> Tensor:
    """The crops of so many frames on a device, read a frame at a time."""
    held = torch.empty((frames * tiles, *stored.shape[1:]), dtype=torch.uint16, device=device)
    for start in range(0, len(held), tiles):
        part = slice(start, start + tiles)
        held[part] = torch.from_numpy(stored[part])
    return held


def _digest(file: Any, side: int) -> str:
    rows = packed_file.pairs_of(file)
    whole = hashlib.blake2b(f"{side} {file['mosaics'].shape[1]}".encode(), digest_size=16)
    for part in (rows, file["frames"][: packed_file.frames_in(rows)], file["tops"][:], file["lefts"][:]):
        whole.update(part.tobytes())
    return whole.hexdigest()
