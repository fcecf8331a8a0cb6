"""Calibration frames in, one at a time: the same sensor at the same setting, or an error that names the frame.

    frames = Frames(["a.dng", "b.dng"], purpose="photon transfer")
    for frame in frames:                                # read now, forgotten with the loop
        for place in frame.places:                      # each position of the CFA's cell by itself
            values = place.of(frame.mosaic)             # (h, w), a view

A frame is its active area: rows, columns, cell and levels count from there.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepisp.calibrate import alike
from deepisp.calibrate.noise.quantization import step_of
from deepisp.develop.shading_map import Optics, optics_of
from deepisp.raw.image import Exif, RawImage
from deepisp.raw.layout import Layout
from deepisp.raw.limits import Limits
from deepisp.raw.read import read
from deepisp.sensor import cfa as cfa_cell

Source = str | os.PathLike[str] | RawImage | NDArray[Any]


class Place(NamedTuple):
    """One position of the CFA's cell.

    Attributes:
        row: within the cell.
        column: within the cell.
        color: its letter.
        side: of the cell.
    """

    row: int
    column: int
    color: str
    side: int

    def of(self, mosaic: NDArray[Any]) -> NDArray[Any]:
        """The photosites of this position, (h, w), a view of (H, W)."""
        return mosaic[self.row :: self.side, self.column :: self.side]

    def level(self, cell: NDArray[np.float64]) -> float:
        """The level of this position, from a cell of levels that may be smaller or larger."""
        return float(cell[self.row % cell.shape[0], self.column % cell.shape[1]])


@dataclass(frozen=True)
class Frame:
    """What a sensor gave, of its active area alone.

    Attributes:
        name: the path as given, or "frame 3".
        mosaic: (H, W) uint16 or float32, DN.
        cfa: the cell at mosaic[0, 0].
        black_level: DN, a cell from mosaic[0, 0] on.
        white_level: the same.
        saturation_level: the same; the plateau where it is known, else the white level.
        iso: or None.
        exposure_s: or None.
        maker: as the file spells it, or "".
        model: as the file spells it, or "".
        optics: that it was taken through, as far as the file says it.
    """

    name: str
    mosaic: NDArray[np.uint16] | NDArray[np.float32]
    cfa: str
    black_level: NDArray[np.float64]
    white_level: NDArray[np.float64]
    saturation_level: NDArray[np.float64]
    iso: float | None = None
    exposure_s: float | None = None
    maker: str = ""
    model: str = ""
    optics: Optics = field(default_factory=Optics)

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """The positions of the CFA's cell, row by row."""
        cell = cfa_cell.cell(self.cfa)
        return tuple(
            Place(row, column, str(color), len(cell)) for (row, column), color in np.ndenumerate(cell)
        )

    def places_of(self, color: str) -> tuple[Place, ...]:
        """The positions of one color."""
        return tuple(place for place in self.places if place.color == color)

    @property
    def colors(self) -> str:
        """The letters of the channels, in their order."""
        return cfa_cell.colors(self.cfa)


class Frames:
    """Frames of one sensor at one setting, in the order given; each is read when it is asked for.

    Args:
        sources: paths, `RawImage`s, or arrays of (H, W) that `layout` describes.
        purpose: what they are for, as the errors say it.
        layout: what bare sensor values mean.
        first: a frame that these must be like, such as the first flat for the darks; else the first of these.
        fewest: how many there must be.
        kind: what one is called where there are too few: "dark", "flat".
        window: side of the central part that a frame is cut to, of the active area's side; whole cells.
        smallest: cells that each side of it must have.

    Raises:
        ValueError: fewer than `fewest`. Reading a frame: it is already demosaiced, too small, one that was given
            before, or of another size, CFA, ISO, camera or levels than the first. Whatever `read` raises.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        purpose: str,
        layout: Layout | None = None,
        limits: Limits | None = None,
        first: Frame | None = None,
        fewest: int = 1,
        kind: str = "frame",
        window: float = 1.0,
        smallest: int = 1,
    ) -> None:
        self._sources, self._purpose, self._layout = list(sources), purpose, layout
        self._limits, self._first, self._window, self._smallest = limits, first, window, smallest
        self._known: dict[int, bytes] = {}
        self._step: float | None = None
        if len(self._sources) < fewest:
            named = f" ({self.name(0)})" if self._sources else ""
            raise ValueError(
                f"{purpose} needs at least {fewest} {kind}s, got {len(self._sources)}{named}; "
                "calibration/README.md says what to shoot"
            )

    def __len__(self) -> int:
        """How many."""
        return len(self._sources)

    def __iter__(self) -> Iterator[Frame]:
        """Read one after another."""
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Frame:
        """Read one, and check it against the first and against those that were read before."""
        frame = self._read(index)
        if index == 0 and self._step is None:
            self._step = step_of(frame.mosaic)
        if self._first is None:
            first = frame if index == 0 else self[0]
            # Its pixels are not kept: only shape, type and what the header says.
            self._first = _without_pixels(first)
        alike.check(frame, self._first, self._purpose)
        self._check_new(index, frame)
        return frame

    @property
    def first(self) -> Frame:
        """What the frames have in common, from the first; its mosaic is all 0 and takes no memory."""
        if self._first is None:
            self[0]
        assert self._first is not None
        return self._first

    @property
    def step(self) -> float:
        """Between two codes of the first of these, DN; 0 for values that are not whole."""
        if self._step is None:
            self[0]
        assert self._step is not None
        return self._step

    def leveled(self, frame: Frame) -> NDArray[Any]:
        """A frame's mosaic on the first one's black: what cameras that measure black anew say of each is taken off."""
        drift = frame.black_level - self.first.black_level
        if not drift.any():
            return frame.mosaic
        mosaic = frame.mosaic.astype(np.float32)
        rows, columns = drift.shape
        for (row, column), by in np.ndenumerate(drift):
            mosaic[row::rows, column::columns] -= by
        return mosaic

    def name(self, index: int) -> str:
        """What a frame is called: its path as it was given, or its number, from 1."""
        source = self._sources[index]
        if isinstance(source, RawImage):
            source = source.path or ""
        return f"frame {index + 1}" if isinstance(source, np.ndarray) or not source else os.fspath(source)

    def _check_new(self, index: int, frame: Frame) -> None:
        """A ValueError that names both, if a frame is another one again: noise is never the same twice."""
        if index in self._known or alike.is_blank(frame):
            return
        digest = hashlib.blake2b(np.ascontiguousarray(frame.mosaic).data, digest_size=16).digest()
        other = next((at for at, known in self._known.items() if known == digest), None)
        if other is not None:
            is_one = self.name(other) == frame.name
            same = "given twice" if is_one else f"value by value the same as {self.name(other)}"
            raise ValueError(
                f"{frame.name}: {same}; {self._purpose} needs frames that are shots of their own"
            )
        self._known[index] = digest

    def _read(self, index: int) -> Frame:
        source, name = self._sources[index], self.name(index)
        if isinstance(source, np.ndarray):
            source = _described(source, self._layout, name)
        elif not isinstance(source, RawImage):
            source = read(source, layout=self._layout, limits=self._limits)
        return _middle(_frame(name, source), self._window, self._smallest)


def _described(values: NDArray[Any], layout: Layout | None, name: str) -> RawImage:
    """An array as a raw image, by a layout."""
    if layout is None:
        raise ValueError(
            f"{name}: an array needs a layout that says its CFA and levels; give Layout(cfa=...)"
        )
    if values.ndim != 2 or not layout.cfa:
        raise ValueError(
            f"{name}: a mosaic is an array (H, W) with a CFA, got shape {values.shape} and cfa {layout.cfa!r}"
        )
    side = cfa_cell.side(layout.cfa)
    black = np.resize(np.array(layout.black_level, np.float64), (side, side))
    return RawImage(
        mosaic=values,
        cfa=layout.cfa,
        black_level=black,
        white_level=np.full_like(black, layout.white_level),
        exif=Exif(iso=layout.iso),
        maker=layout.maker,
        model=layout.model,
    )


def _frame(name: str, raw: RawImage) -> Frame:
    if raw.mosaic is None:
        raise ValueError(f"{name}: already demosaiced; calibration needs a mosaic as the sensor gave it")
    top, left, bottom, right = raw.active
    plateau = raw.white_level if raw.saturation_level is None else raw.saturation_level
    levels = (raw.black_level, raw.white_level, plateau)
    black, white, saturation = (np.roll(cell, (-top, -left), axis=(0, 1)) for cell in levels)
    return Frame(
        name,
        raw.mosaic[top:bottom, left:right],
        cfa_cell.shift(raw.cfa, top, left),
        black,
        white,
        saturation,
        iso=raw.exif.iso,
        exposure_s=raw.exif.exposure_s,
        maker=raw.maker,
        model=raw.model,
        optics=optics_of(raw),
    )


def _middle(frame: Frame, window: float, smallest: int) -> Frame:
    """The central part, cut at whole cells so that levels and CFA stay what they are."""
    cell = cfa_cell.side(frame.cfa)
    spans = []
    for side in frame.mosaic.shape:
        cells = side // cell if window == 1.0 else round(side * window / cell)
        if cells < smallest:
            height, width = frame.mosaic.shape
            raise ValueError(
                f"{frame.name}: {cells} cells of the CFA a side are measured, of a frame of {width} x {height}; "
                f"it takes {smallest} at least, so give larger frames or a larger window"
            )
        start = max((side - cells * cell) // 2 // cell * cell, 0)
        spans.append(slice(start, start + cells * cell))
    return frame if window == 1.0 else replace(frame, mosaic=frame.mosaic[spans[0], spans[1]])


def _without_pixels(frame: Frame) -> Frame:
    return replace(frame, mosaic=np.broadcast_to(np.zeros((), frame.mosaic.dtype), frame.mosaic.shape))
