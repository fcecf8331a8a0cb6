"""The task of real pairs in the dark: of a short exposure what the long one of the same place is.

    packed file ─► squares, turned ─┬─► short x exposure ratio ─► white balance ─► mosaic, sigma
                                    └─► long ─► white balance ─► demosaiced ─► ends at white ─► truth

Linear light in the camera's balanced colors; chen too can be trained so, to be compared. With `truth = "pictures"` it
goes its authors' way, as `evaluate sid` takes its weights to have done:

    packed file ─► squares, turned ─┬─► short x exposure ratio, 0 to 1 ─► mosaic
                                    └─► LibRaw's picture of the long ─► truth

Squares are drawn with a margin, so that no truth has seen the edge of its square, and are turned and mirrored in all
ways that leave the CFA as it is.
"""

import itertools
import json
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from deepisp.data import packed_file
from deepisp.data.noises import Lines
from deepisp.data.packed import Packed, Resident
from deepisp.data.packed_pairs import Drawn
from deepisp.develop.demosaic import methods
from deepisp.sensor import cfa as cfa_cell
from deepisp.train import jdd, sid_settings
from deepisp.train.ahead import Ahead
from deepisp.train.settings import TrainSettings


@dataclass
class Task(jdd.Task):
    """As that of jdd.py, in linear light alone, or in pictures alone.

    Attributes:
        crops: of a packed file with the settings' CFA, with `margin` around the settings' crop.
        place: that samples are made on; where crops are resident, theirs.
    """

    crops: Packed | Resident  # type: ignore[assignment]  # drawn here alone; both have a digest
    place: torch.device = field(default=torch.device("cpu"), kw_only=True)

    @property
    def device(self) -> torch.device:
        """That samples are made on."""
        return self.place

    def batch(self, count: int, generator: torch.Generator) -> jdd.Batch:
        """So many samples, as bright as their truths; on a CPU, or from a file, made while the last ones were used."""
        is_here = self.crops.pairs.frames.device.type == "cpu"
        return self._ahead.take(count, generator) if is_here else self._batch(count, generator)

    @cached_property
    def _ahead(self) -> Ahead[jdd.Batch]:
        return Ahead(self._batch)

    def _batch(self, count: int, generator: torch.Generator) -> jdd.Batch:
        drawn = self.crops.draw(count, _of_device(generator, self.crops.pairs.frames.device))
        ways = torch.tensor(turned_ways(self.crops.cfa), device=self.place)
        chosen = torch.randint(len(ways), (count,), generator=generator, device=self.place)
        take = made if drawn.picture is None else published
        return take(_moved(drawn, self.place), self.crops.cfa, ways[chosen])

    def mine(self, net: nn.Module) -> None:
        """Not for pairs.

        Raises:
            ValueError: always.
        """
        raise ValueError("pairs are drawn all alike; leave mining out")


def made(drawn: Drawn, cfa: str, ways: Tensor) -> jdd.Batch:
    """Samples of squares that were drawn, without their margin.

    Args:
        drawn: (B, 1, h, w) of a file whose noise and white balance are known.
        cfa: the cell at their top left.
        ways: (B, 5) int64, how each is turned, of `turned_ways`.
    """
    halo = methods.cpu(cfa, "auto", half=False).halo
    both = _turned(torch.cat((drawn.short, drawn.long), 1), ways, margin(cfa) - halo)
    gains = 1 / drawn.as_shot_neutral  # (B, 3)
    at = jdd.per_photosite(gains, cfa, both.shape[-2:])
    short = (both[:, :1] * drawn.exposure_ratio[:, None, None, None] * at)[..., halo:-halo, halo:-halo]
    # As `develop` ends highlights: where the first color clips. Ended each at its own level, they would be pink.
    white = gains.amin(1)[:, None, None, None]
    truth = _demosaiced((both[:, 1:] * at).minimum(white), cfa, halo).minimum(white)
    shot, read = drawn.noise.amplified(drawn.exposure_ratio)
    lines = Lines(shot * gains, read * gains.square())
    return jdd.Batch(short, jdd.sigma(short, lines, cfa), truth, len(short), lines)


def published(drawn: Drawn, cfa: str, ways: Tensor) -> jdd.Batch:
    """Samples as the authors of SID take them: not balanced, not told the noise; the truth is display-coded.

    They turn the planes of a mosaic; here the mosaic itself is turned, so that it lies as the picture does.

    Args:
        drawn: (B, 1, h, w), with pictures and by published levels.
        cfa: the cell at their top left.
        ways: (B, 5) int64, how each is turned, of `turned_ways`.
    """
    assert drawn.picture is not None
    both = _turned(torch.cat((drawn.short, drawn.picture), 1), ways, margin(cfa))
    bright = (both[:, :1] * drawn.exposure_ratio[:, None, None, None]).clamp(0, 1)
    lines = Lines(*drawn.noise.amplified(drawn.exposure_ratio))  # NaN where unknown: nobody reads them
    return jdd.Batch(bright, torch.zeros_like(bright), both[:, 1:], 0, lines)


@lru_cache(maxsize=16)
def margin(cfa: str) -> int:
    """Photosites around a sample that its truth may depend on, however it is turned; whole cells.

    >>> margin("RGGB"), margin(cfa_cell.XTRANS)
    (10, 18)
    """
    cell, most = cfa_cell.side(cfa), max(max(way.top, way.left) for way in turned_ways(cfa))
    return -(-(methods.cpu(cfa, "auto", half=False).halo + most) // cell) * cell


class Way(NamedTuple):
    """How a square is turned; of the bits, 1 is yes.

    Attributes:
        is_transposed: rows for columns; mirroring comes after.
        is_down: mirrored, the last row first.
        is_across: mirrored, the last column first.
        top: row that the square to be turned begins at, so that the CFA comes to lie as before.
        left: its column.
    """

    is_transposed: int
    is_down: int
    is_across: int
    top: int
    left: int


@lru_cache(maxsize=16)
def turned_ways(cfa: str) -> tuple[Way, ...]:
    """The ways to turn squares of whole cells that leave the CFA as it is; the first leaves all as it is.

    >>> turned_ways("RGGB")[1]
    Way(is_transposed=0, is_down=0, is_across=1, top=0, left=1)
    """
    cell, found = torch.from_numpy(cfa_cell.indices(cfa))[None, None], list[Way]()
    n, around = cell.shape[-1], cell.repeat(1, 1, 3, 3)
    starts = sorted(itertools.product(range(n), repeat=2), key=max)
    for bits in itertools.product((0, 1), repeat=3):
        for way in (Way(*bits, *start) for start in starts):
            if torch.equal(_turned(around, torch.tensor([way]), n), cell):
                found.append(way)
                break
    return tuple(found)


def fitted(settings: TrainSettings, path: Path) -> TrainSettings:
    """The settings with the CFA of a packed file.

    Raises:
        ValueError: no packed file, or settings that it cannot serve; says which.
        OSError: it cannot be opened.
    """
    sid_settings.check(settings)
    with packed_file.opened(path) as file:
        cfa, stored = str(json.loads(file.attrs["settings"])["CFA"]), int(file["mosaics"].shape[1])
    cell, around = cfa_cell.side(cfa), 2 * margin(cfa)
    packed_file.check_side(settings.crop, cell)
    if settings.crop + around > stored:
        raise ValueError(
            f"{path}: crops of {stored} x {stored} are stored, and one of {settings.crop} takes {around} more for its "
            f"margin; give a crop up to {(stored - around) // cell * cell}, or pack larger ones"
        )
    return settings.model_copy(update={"cfa": cfa})


def opened(settings: TrainSettings, path: Path) -> Packed:
    """A packed file to learn from, with settings that fit it.

    Raises:
        ValueError: noise, white balance or pictures are asked for and not known.
        OSError: it cannot be opened.
    """
    is_published = settings.truth == "pictures"
    packed = Packed(path, settings.crop + 2 * margin(settings.cfa), is_published=is_published)
    if is_published:
        return packed
    known, short = packed.pairs, packed.pairs.frames[:, 0]
    for values, what, remedy in (
        (known.noise, "noise", "measure it (deepisp calibrate photon-transfer), give it as --noise"),
        (known.as_shot_neutral, "white balance", "take the camera's own files"),
    ):
        unknown = int(values[short].flatten(1).isnan().any(1).sum())
        if unknown:
            raise ValueError(
                f"{path}: the {what} of {unknown} of {len(short)} short exposures is not known; {remedy} and pack anew"
            )
    return packed


def _demosaiced(mosaic: Tensor, cfa: str, halo: int) -> Tensor:
    """(B, 3, h, w) of balanced mosaics by the classical method that `develop` takes, without `halo` at each side."""
    return _by_kernel(mosaic, cfa, halo) if mosaic.device.type == "cpu" else _by_tensors(mosaic, cfa, halo)


def _by_tensors(mosaic: Tensor, cfa: str, halo: int) -> Tensor:
    return methods.tensor(cfa, "auto")(mosaic)[..., halo:-halo, halo:-halo]


def _by_kernel(mosaic: Tensor, cfa: str, halo: int) -> Tensor:
    """The same to rounding, in a seventh of the time of `_by_tensors` on a CPU."""
    method, (count, _, height, width) = methods.cpu(cfa, "auto", half=False), mosaic.shape
    out = np.empty((count, 3, height - 2 * halo, width - 2 * halo), np.float32)
    for one, filled in zip(mosaic[:, 0].contiguous().numpy(), out, strict=True):
        method.fill(one, filled)
    return torch.from_numpy(out)


def _turned(squares: Tensor, ways: Tensor, around: int) -> Tensor:
    """Squares (B, C, h, w), without `around` photosites on each side, turned in ways (B, 5)."""
    side = squares.shape[-1] - 2 * around
    along = torch.arange(side, device=squares.device)
    is_transposed, is_down, is_across, top, left = ways[:, :, None].unbind(1)
    rows, columns = (
        torch.where(is_mirrored > 0, side - 1 - along, along) + start + around
        for is_mirrored, start in ((is_down, top), (is_across, left))
    )
    number = torch.arange(len(squares), device=squares.device)[:, None, None]
    picked = squares.movedim(1, -1)[number, rows[:, :, None], columns[:, None, :]].movedim(-1, 1)
    return torch.where(is_transposed[..., None, None] > 0, picked.mT, picked)


def _of_device(generator: torch.Generator, device: torch.device) -> torch.Generator:
    """The generator, or one of another device that it decides on."""
    if generator.device.type == device.type:
        return generator
    seed = torch.randint(1 << 62, (), generator=generator, device=generator.device)
    return torch.Generator(device).manual_seed(int(seed))


def _moved(drawn: Drawn, device: torch.device) -> Drawn:
    plain = {name: one for name, one in drawn._asdict().items() if name != "noise"}
    each: dict[str, Any] = {name: None if one is None else one.to(device) for name, one in plain.items()}
    return Drawn(**each, noise=Lines(*(one.to(device) for one in drawn.noise)))
