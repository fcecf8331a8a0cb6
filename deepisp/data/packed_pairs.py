"""What is known of the pairs of a packed file but for mosaics and pictures, and how a draw is made of it.

A draw takes a pair and one of its crops, all alike, and a square within it that begins at a whole cell, so that the CFA
stays the one of the file. One generator's state is one draw.
"""

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from deepisp.data import packed_file, sid_protocol
from deepisp.data.noises import Lines
from deepisp.data.sid_protocol import Levels
from deepisp.sensor import cfa as cfa_cell


class Drawn(NamedTuple):
    """A batch of short exposures, and the long ones of the same places.

    Attributes:
        short: (B, 1, h, w) signal by the frames' own levels, or by published ones. Not clipped below 0, not amplified.
        long: (B, 1, h, w), the same.
        exposure_ratio: (B,), how much longer the long one is, at most `sid.MOST`.
        noise: of `short`, (B, C); NaN where nothing is known.
        as_shot_neutral: (B, C) of `short`, green = 1; NaN where the file does not say.
        pair: (B,) int64, which of the file's pairs.
        picture: (B, 3, h, w) of 0 to 1, LibRaw's of `long`, display-coded; None if it was not asked for.
    """

    short: Tensor
    long: Tensor
    exposure_ratio: Tensor
    noise: Lines
    as_shot_neutral: Tensor
    pair: Tensor
    picture: Tensor | None = None


class Places(NamedTuple):
    """Where the squares of a draw lie.

    Attributes:
        pair: (B,) int64.
        short: (B,) crop of the short exposure.
        long: (B,) crop of the long one.
        picture: (B,) crop of its picture; below 0 where there is none.
        corner: (B, 2) row and column within all.
    """

    pair: Tensor
    short: Tensor
    long: Tensor
    picture: Tensor
    corner: Tensor


@dataclass(frozen=True)
class Pairs:
    """What is known of a file's pairs and frames, but for mosaics and pictures; on one device.

    Attributes:
        stored: side of a crop as it is stored.
        side: of a square that is drawn.
        cell: side of the CFA's cell.
        tiles: crops of a frame.
        frames: (N, 2) of each pair, the short and the long one.
        exposure_ratio: (N,).
        black_level: (F, cell, cell) DN of each frame.
        scale: (F, cell, cell), 1 / (white - black).
        noise: (F, C, 2), shot and read.
        as_shot_neutral: (F, C).
        pictures: (F,) int64, which picture is the frame's; -1 for none.
    """

    stored: int
    side: int
    cell: int
    tiles: int
    frames: Tensor
    exposure_ratio: Tensor
    black_level: Tensor
    scale: Tensor
    noise: Tensor
    as_shot_neutral: Tensor
    pictures: Tensor

    @classmethod
    def of(
        cls, file: Any, side: int, device: torch.device | str = "cpu", *, levels: Levels | None = None
    ) -> "Pairs":
        """Those of an open file.

        Args:
            file: an HDF5 file, see packed_file.py.
            side: of a square that is drawn.
            device: that they are to lie on.
            levels: of the signal, in place of the frames' own.

        Raises:
            ValueError: the side is not of whole cells, or larger than what is stored.
        """
        cell = cfa_cell.side(json.loads(file.attrs["settings"])["CFA"])
        stored = file["mosaics"].shape[1]
        packed_file.check_side(side, cell)
        if side > stored:
            raise ValueError(
                f"crops of {stored} x {stored} are stored, got a side of {side}; pack larger ones"
            )
        rows = packed_file.pairs_of(file)
        known = file["frames"][: packed_file.frames_in(rows)]
        black, white = known["black_level"], known["white_level"]
        if levels is not None:
            black, white = (np.broadcast_to(level, black.shape) for level in levels)

        def tensor(values: Any, dtype: torch.dtype = torch.float32) -> Tensor:
            # A field's stride is a row's size, and torch takes multiples of the field's own alone.
            return torch.tensor(np.ascontiguousarray(values), dtype=dtype, device=device)

        return cls(
            stored,
            side,
            cell,
            len(file["tops"]),
            tensor(np.stack([rows["short"], rows["long"]], -1), torch.int64),
            tensor(rows["exposure_ratio"]),
            tensor(black),
            tensor(1 / (white - black)),
            tensor(known["noise"]),
            tensor(known["as_shot_neutral"]),
            tensor(known["picture"], torch.int64),
        )

    def __len__(self) -> int:
        """The number of crops."""
        return len(self.frames) * self.tiles

    def choose(self, count: int, generator: torch.Generator) -> Places:
        """So many places, all alike; the generator is of this device."""
        device, steps = self.frames.device, (self.stored - self.side) // self.cell + 1
        crop = torch.randint(len(self), (count,), generator=generator, device=device)
        corner = torch.randint(steps, (count, 2), generator=generator, device=device) * self.cell
        pair, tile = crop // self.tiles, crop % self.tiles
        frames = self.frames[pair]
        short, long = (frames * self.tiles + tile[:, None]).unbind(-1)
        return Places(pair, short, long, self.pictures[frames[:, 1]] * self.tiles + tile, corner)

    def drawn(self, places: Places, short: Tensor, long: Tensor, picture: Tensor | None = None) -> Drawn:
        """The batch of the DN (B, h, w), and of pictures (B, h, w, 3), at these places; float32 is overwritten."""
        first, second = self.frames[places.pair].unbind(-1)
        return Drawn(
            self._signal(short, first),
            self._signal(long, second),
            self.exposure_ratio[places.pair],
            Lines(*self.noise[first].unbind(-1)),
            self.as_shot_neutral[first],
            places.pair,
            None if picture is None else picture.float().div_(sid_protocol.WHITE).movedim(-1, 1),
        )

    def _signal(self, dn: Tensor, frame: Tensor) -> Tensor:
        count = self.side // self.cell
        # Whole rows of levels: over a cell's own few columns the same takes 3 times as long.
        black, scale = (one[frame].repeat(1, 1, count)[:, None] for one in (self.black_level, self.scale))
        signal = dn.float().reshape(-1, count, self.cell, self.side).sub_(black).mul_(scale)
        return signal.reshape(-1, 1, self.side, self.side)
