"""Pairs of See-in-the-Dark for training, drawn from a packed file (pack.py), or from its crops on the device.

Packed(file, side) ─► draw(count, generator) ─► Drawn             reads the few crops of a draw; any size of file
   └─► resident(device) ─► the same draws                          all crops in memory, uint16
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepisp.data import packed_file
from deepisp.data.packed_pairs import Drawn, Pairs

_SHARE = 0.8  # of a device's free memory that crops may take; the rest is for the network. Not tuned


class Packed:
    """A packed file, opened by each process when it first draws; loaders may pickle it or fork with it.

    Attributes:
        path: of the file.
        side: of a square that is drawn, photosites.
        cfa: of its top left cell.
        pairs: what is known of them.
    """

    def __init__(self, path: Path, side: int) -> None:
        """Look into a file; it is closed again.

        Raises:
            ValueError: it is no packed data set, or the side is none that it has.
            OSError: it cannot be opened.
        """
        with packed_file.opened(path) as file:
            self.pairs = Pairs.of(file, side)
            self.cfa = str(json.loads(file.attrs["settings"])["CFA"])
        self.path, self.side = path, side
        self._file: Any = None
        self._process = 0

    def __reduce__(self) -> tuple[type["Packed"], tuple[Path, int]]:
        """A file's handle is of one process: the other opens its own."""
        return Packed, (self.path, self.side)

    def __len__(self) -> int:
        """The number of crops."""
        return len(self.pairs)

    def draw(self, count: int, generator: torch.Generator) -> Drawn:
        """Squares at random; the generator is one of the CPU.

        Raises:
            OSError: the file cannot be opened or read.
        """
        places, mosaics = self.pairs.choose(count, generator), self._mosaics()
        dn = np.empty((2, count, self.side, self.side), np.uint16)
        for row, (top, left) in enumerate(places.corner.tolist()):
            for exposure, crop in enumerate((places.short, places.long)):
                seen = np.s_[int(crop[row]), top : top + self.side, left : left + self.side]
                dn[exposure, row] = mosaics[seen]
        return self.pairs.drawn(places, *torch.from_numpy(dn.astype(np.float32)).unbind(0))

    def digest(self) -> str:
        """What tells these crops from others: of the mosaics, what is known of them, and both sides."""
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
        count = len(self.pairs.black_level) * self.pairs.tiles
        needed = count * self.pairs.stored**2 * 2
        if free_bytes is None and place.type == "cuda":
            free_bytes = torch.cuda.mem_get_info(place)[0]
        if free_bytes is not None and needed > _SHARE * free_bytes:
            raise ValueError(
                f"{self.path}: its crops take {needed / 1e6:.0f} MB, and of {free_bytes / 1e6:.0f} MB that are free on "
                f"{place} they may have {_SHARE:.0%}; draw from the file, or pack a smaller split"
            )
        mosaics = torch.empty(count, self.pairs.stored, self.pairs.stored, dtype=torch.uint16, device=place)
        with packed_file.opened(self.path) as file:
            for start in range(0, count, self.pairs.tiles):
                part = slice(start, start + self.pairs.tiles)
                mosaics[part] = torch.from_numpy(file["mosaics"][part])
            return Resident(Pairs.of(file, self.side, place), mosaics, self.cfa, _digest(file, self.side))

    def _mosaics(self) -> Any:
        if self._process != os.getpid():  # of a fork the handle is its parent's
            self._file, self._process = packed_file.handle(self.path), os.getpid()
        return self._file["mosaics"]


@dataclass(frozen=True)
class Resident:
    """The crops of a packed file on a device, as `Packed.resident` makes it.

    Attributes:
        pairs: what is known of them.
        mosaics: (F * T, stored, stored) uint16, DN.
        cfa: of a square's top left cell.
        known_by: what `digest` says.
    """

    pairs: Pairs
    mosaics: Tensor
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
        # torch has few functions of uint16; as int16 the upper half is negative.
        stored = self.mosaics.view(torch.int16)
        short, long = (
            stored[crop[:, None, None], rows[:, :, None], columns[:, None, :]].int() & 0xFFFF
            for crop in (places.short, places.long)
        )
        return self.pairs.drawn(places, short, long)


def _digest(file: Any, side: int) -> str:
    rows = packed_file.pairs_of(file)
    whole = hashlib.blake2b(f"{side} {file['mosaics'].shape[1]}".encode(), digest_size=16)
    for part in (rows, file["frames"][: packed_file.frames_in(rows)], file["tops"][:], file["lefts"][:]):
        whole.update(part.tobytes())
    return whole.hexdigest()
