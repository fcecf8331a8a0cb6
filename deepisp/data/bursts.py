"""Pairs of noisy frames: raw files of one still scene from a tripod, cut so that a network sees its own CFA's cell.

    folder ─► frames ─► signal * white balance of the first ─► two of them at one place, turned ─► mosaic and target

A mirrored Bayer crop has another cell at its top left. A crop therefore begins at a photosite from which it has the
network's cell after it was turned; of Bayer, quad and X-Trans each of the eight ways to turn has such photosites.
All frames lie in one tensor of 4 bytes a photosite, on the device that trains.

Source: J. Liu et al., "Learning raw image denoising with Bayer pattern unification and Bayer preserving augmentation",
CVPR workshops 2019: the idea, of Bayer cells.
"""

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepisp.data.noises import Lines
from deepisp.develop import levels, noise_source, plan
from deepisp.develop.plan import Plan
from deepisp.develop.settings import Settings
from deepisp.picture.safety import RAW_SUFFIXES
from deepisp.raw.image import RawImage
from deepisp.raw.read import read
from deepisp.sensor import cfa as cfa_cell
from deepisp.sensor.noise import Noise

# Up to white balance and no further. A hot photosite is hot in all frames: a network would learn to keep it.
_SETTINGS = Settings(model="none", tone="none", lens=False, hot_pixels=True)
_BLACK_DRIFT = 0.01  # of the span of levels; cameras that measure black anew in each frame stay far below


class Burst(NamedTuple):
    """Frames of one still scene, of their active area.

    Attributes:
        signal: (N, H, W) float32, balanced: white balance gains of the first frame. Not clipped.
        cfa: the cell at signal[:, 0, 0].
        noise: of each color's balanced signal, in the order of `cfa.colors`.
        saturation: balanced signal at which each color saturates, in the same order.
        name: for errors.
    """

    signal: NDArray[np.float32]
    cfa: str
    noise: tuple[Noise, ...]
    saturation: tuple[float, ...]
    name: str = "burst"


class NoisyPairs(NamedTuple):
    """Two looks at the same light, each with its own noise.

    Attributes:
        mosaic: (B, 1, H, W) balanced signal.
        target: (B, 1, H, W) the same of another frame.
        lines: shot and read noise of both, (B, 3).
        saturation: (B, 3) signal at which each color saturates.
    """

    mosaic: Tensor
    target: Tensor
    lines: Lines
    saturation: Tensor


@dataclass(frozen=True)
class Bursts:
    """Crops of some bursts, all with the same cell.

    Attributes:
        signal: (N,) float32, of all frames, row by row.
        side: of a crop.
        cfa: the cell at the top left of each crop.
        table: (P, 7) int64, of each burst its first photosite, frames, height, width, the side of its cell, and the
            first and the number of its `ways`.
        ways: (K, 5) int64, how a crop may be cut: see `ways_of`.
        lines: of each burst, (P, 3).
        saturation: (P, 3), of each burst.
    """

    signal: Tensor
    side: int
    cfa: str
    table: Tensor
    ways: Tensor
    lines: Lines
    saturation: Tensor

    @classmethod
    def of(cls, bursts: Iterable[Burst], side: int, cfa: str, *, device: torch.device | str = "cpu") -> Self:
        """Crops of `side` photosites with the cell `cfa`.

        Raises:
            ValueError: no burst; one of another kind of CFA, or too small.
        """
        signals: list[Tensor] = []
        rows: list[tuple[int, ...]] = []
        ways: list[Tensor] = []
        numbers: list[list[list[float]]] = []
        start = first_way = 0
        for burst in bursts:
            found = _checked_ways(burst, side, cfa)
            count, height, width = burst.signal.shape
            rows.append((start, count, height, width, cfa_cell.side(burst.cfa), first_way, len(found)))
            signals.append(torch.from_numpy(burst.signal).reshape(-1))
            ways.append(found)
            shot, read_noise = zip(*burst.noise, strict=True)
            numbers.append([[*shot], [*read_noise], [*burst.saturation]])
            start, first_way = start + burst.signal.size, first_way + len(found)
        if not rows:
            raise ValueError("no burst; give folders of raw files of one still scene")
        table, every_way = torch.tensor(rows, device=device), torch.cat(ways).to(device)
        shots, reads, saturation = torch.tensor(numbers, device=device).unbind(1)
        signal = torch.cat(signals).to(device)
        return cls(signal, side, cfa, table, every_way, Lines(shots, reads), saturation)

    def digest(self) -> str:
        """What tells these bursts from others."""
        whole = hashlib.blake2b(digest_size=16)
        for part in (self.signal, self.table):
            whole.update(part.cpu().numpy().data)
        return whole.hexdigest()

    def __len__(self) -> int:
        """The number of bursts."""
        return len(self.table)

    def draw(self, count: int, generator: torch.Generator) -> NoisyPairs:
        """So many pairs, turned and mirrored at random; of a larger frame more.

        Args:
            count: how many.
            generator: of the signal's device.
        """
        device = self.signal.device
        area = (self.table[:, 2] * self.table[:, 3]).double()
        burst = torch.multinomial(area, count, replacement=True, generator=generator)
        start, frames, height, width, period, first_way, ways = self.table[burst].unbind(-1)
        chances = torch.rand(5, count, generator=generator, device=device, dtype=torch.float64)

        def below(most: Tensor, which: int) -> Tensor:
            """Whole numbers from 0 to most - 1."""
            return (chances[which] * most).long().minimum(most - 1)

        way = self.ways[first_way + below(ways, 0)]
        *turns, row, column = way.unbind(-1)
        top = row + period * below((height - self.side - row) // period + 1, 1)
        left = column + period * below((width - self.side - column) // period + 1, 2)
        one = below(frames, 3)
        other = (one + 1 + below(frames - 1, 4)) % frames
        down, across = _turned(self.side, torch.stack(turns))
        corner = start + top * width + left
        at = corner[:, None, None] + down * width[:, None, None] + across
        size = (height * width)[:, None, None]
        mosaic, target = (self.signal[at + which[:, None, None] * size][:, None] for which in (one, other))
        lines = Lines(*(line[burst] for line in self.lines))
        return NoisyPairs(mosaic, target, lines, self.saturation[burst])


def ways_of(own: str, cfa: str, side: int) -> Tensor:
    """How crops of a CFA get the cell `cfa`: (K, 5) int64, none of them if it cannot be.

    Columns: whether rows and columns change places, whether rows and then columns run backward, and the row and column
    of the sensor's cell where the crop begins.

    Args:
        own: the sensor's cell.
        cfa: the crop's, after it was turned.
        side: of the crop: a mirrored one begins at its other end.

    >>> ways_of("GRBG", "RGGB", 16)[0].tolist()  # as it is, one column further right
    [0, 0, 0, 0, 1]
    >>> len(ways_of("RGGB", cfa_cell.XTRANS, 16))
    0
    """
    period, few = cfa_cell.side(own), side % cfa_cell.WHOLE + cfa_cell.WHOLE  # further on all is as here
    sensor, wanted = cfa_cell.cell(own), cfa_cell.tiled(cfa_cell.cell(cfa), few, few)
    found = []
    for turn in torch.cartesian_prod(*(torch.arange(2),) * 3):
        down, across = (one[0].numpy() for one in _turned(few, turn[:, None]))
        for row, column in np.ndindex(period, period):
            if (sensor[(row + down) % period, (column + across) % period] == wanted).all():
                found.append((*turn.tolist(), row, column))
    return torch.tensor(found, dtype=torch.int64).reshape(-1, 5)


def folders(places: Collection[Path]) -> list[Path]:
    """Folders that hold raw files, at these places and below, in the order of their names; each is a burst.

    Raises:
        ValueError: a place has none.
    """
    found = dict[Path, Path]()  # one folder may be given by two names
    for place in places:
        inside = {Path(folder) for folder, _, _ in os.walk(place) if _raw_files(Path(folder))}
        if not inside:
            raise ValueError(f"no raw files in {place}; give a folder of raw files of one still scene")
        found |= {folder.resolve(): folder for folder in inside}
    return sorted(found.values())


def load(folder: Path) -> Burst:
    """The raw files of a folder, whatever is beside them.

    Raises:
        ValueError: fewer than two; one that is another shot than the first, the same shot again, demosaiced already, or
            of unknown noise. The text begins with the folder or the file.
        RawError: a file cannot be read, see raw/errors.py.
    """
    files = _raw_files(folder)
    if len(files) < 2:
        raise ValueError(f"{folder}: {len(files)} raw file; noise is told from light by two shots or more")
    raws = list(_read(files))
    source = noise_source.known(raws[0])
    if source is None:
        raise ValueError(f"{files[0]}: nothing is known of its noise; give files of a camera that is known")
    plans = [plan.solve(raw, _SETTINGS) for raw in raws]
    gains = plans[0].gains
    saturation = np.min([one.mosaic_levels / one.gains * gains for one in plans], axis=0)
    noise = tuple(one.amplified(float(gain)) for one, gain in zip(source.noise, gains, strict=True))
    signal = np.stack([_signal(one, gains) for one in plans])
    return Burst(signal, plans[0].cfa, noise, tuple(saturation.tolist()), str(folder))


def _raw_files(folder: Path) -> list[Path]:
    """Those of a folder, without the "._photo.dng" of macOS."""
    inside = (path for path in folder.iterdir() if path.suffix.lower() in RAW_SUFFIXES)
    return sorted(path for path in inside if path.is_file() and not path.name.startswith("._"))


def _read(files: list[Path]) -> Iterator[RawImage]:
    """Mosaics of one setting, each a shot of its own."""
    known: dict[bytes, Path] = {}
    first = None
    for path in files:
        raw = read(path)
        if raw.mosaic is None:
            raise ValueError(f"{path}: already demosaiced; give mosaics as the sensor gave them")
        first = first or raw
        _check_alike(path, raw, first)
        digest = hashlib.blake2b(np.ascontiguousarray(raw.mosaic).data, digest_size=16).digest()
        if digest in known:
            raise ValueError(f"{path}: value by value the same as {known[digest]}; give shots of their own")
        known[digest] = path
        yield raw


def _signal(solved: Plan, gains: NDArray[np.float64]) -> NDArray[np.float32]:
    """(H, W) balanced signal."""
    gain = cfa_cell.tiled(gains[solved.pattern].astype(np.float32), *solved.values.shape)
    return levels.signal(solved.values, solved.levels) * gain


def _check_alike(path: Path, raw: RawImage, first: RawImage) -> None:
    """A ValueError that names the file, if it is not of one setting with the first."""
    for what, own, theirs in (
        ("size", raw.active.shape, first.active.shape),
        ("CFA", raw.active_cfa, first.active_cfa),
        ("camera", f"{raw.maker} {raw.model}", f"{first.maker} {first.model}"),
        ("ISO", raw.exif.iso, first.exif.iso),
        ("exposure time", raw.exif.exposure_s, first.exif.exposure_s),
        ("white level", raw.white_level.tolist(), first.white_level.tolist()),
    ):
        if own != theirs:
            raise ValueError(
                f"{path}: {what} {own or '?'}, of the first {theirs or '?'}; a burst has one {what}"
            )
    black, other = raw.black_level, first.black_level
    drift = _BLACK_DRIFT * float((first.white_level - other).min())
    if black.shape != other.shape or (abs(black - other) > drift).any():
        words = f"{black.mean():g}, of the first {other.mean():g}"
        raise ValueError(f"{path}: black level {words}; a burst has one black level")


def _checked_ways(burst: Burst, side: int, cfa: str) -> Tensor:
    ways = ways_of(burst.cfa, cfa, side)
    if not len(ways):
        raise ValueError(
            f"{burst.name}: no crop of its CFA {burst.cfa} has the cell {cfa}; train with its own"
        )
    height, width = burst.signal.shape[1:]
    least = side + cfa_cell.side(burst.cfa) - 1
    if min(height, width) < least:
        raise ValueError(
            f"{burst.name}: frames of {width} x {height} hold no crop of {side} a side with any cell; "
            f"it takes {least}, so give smaller crops"
        )
    return ways


def _turned(side: int, turns: Tensor) -> tuple[Tensor, Tensor]:
    """Row and column of a crop at each of its places after turns (3, B), each (B, side, side)."""
    flips = turns.bool()[:, :, None, None]
    along = torch.arange(side, device=turns.device)
    down, across = along[:, None], along[None, :]
    down, across = torch.where(flips[0], across, down), torch.where(flips[0], down, across)
    return torch.where(flips[1], side - 1 - down, down), torch.where(flips[2], side - 1 - across, across)
