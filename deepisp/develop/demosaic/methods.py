"""Which method fills in the colors of which sensor: what `--demosaic` chooses from, and how it runs on the CPU."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepisp.sensor import cfa as cfa_cell

if TYPE_CHECKING:
    from torch import Tensor

Plane = NDArray[np.float32]

# Bands begin at multiples of so many rows: whole cells, and whole units of the network of dark pictures, which are 16.
STEP = math.lcm(cfa_cell.WHOLE, 16)

# Per kind of sensor the methods it has, the default first.
METHODS: dict[str, tuple[str, ...]] = {
    "bayer": ("menon", "malvar", "bilinear"),
    "xtrans": ("directional", "bilinear"),
    "quad": ("directional", "bilinear"),
    "four-color": ("bilinear",),
    "other": ("bilinear",),
    "mono": ("none",),
    "linear": ("none",),
}


class Method(NamedTuple):
    """A way from a balanced mosaic to planes of color.

    Attributes:
        name: of METHODS, or "half".
        halo: photosites of context on each side.
        block: photosites of a side that become one pixel.
        fill: fills `out`, (C, h / block, w / block), from `padded`, (h + 2 halo, w + 2 halo); the cell of the mosaic
            lies at padded[0, 0], that of a network at out[0, 0].
        rows: of a band; a halo is to be a small part of it.
        denoise: as `fill`, with the deviation of the noise at each photosite of `padded` after it; None for methods
            that do not denoise.
    """

    name: str
    halo: int
    block: int
    fill: Callable[[Plane, Plane], None]
    rows: int = 4 * STEP  # with halos of 8 to 12 rows on each side a tenth of the work
    denoise: Callable[[Plane, Plane, Plane], None] | None = None


def choose(asked: str, kind: str) -> str:
    """The method that a sensor is developed with: the one asked for, where it has that; else its default.

    >>> choose("auto", "bayer"), choose("malvar", "bayer"), choose("malvar", "xtrans")
    ('menon', 'malvar', 'directional')
    """
    return asked if asked in METHODS[kind] else METHODS[kind][0]


def cpu(cfa: str, asked: str, *, half: bool) -> Method:
    """The method for a mosaic whose cell is `cfa`, or for linear planes if `cfa` is empty."""
    kind = cfa_cell.kind(cfa) if cfa else "linear"
    if half:
        return Method("half", 0, block(cfa), _binning(cfa, block(cfa)))
    name = choose(asked, kind)
    if name == "none":
        return Method(name, 0, 1, _copy)
    if kind == "bayer":
        return _bayer(name, cfa)
    return _periodic(name, cfa)


def network(name: str, cfa: str, *, strength: float = 1.0, threads: int = 1) -> Method:
    """The method of a network, on the CPU.

    Args:
        name: of networks/zoo.py, or a file of weights.
        cfa: any phase of the cell that it was trained on.
        strength: share of the noise that is taken out, see `learned.blend`.
        threads: callers at a time.
    """
    from deepisp.develop.demosaic import learned

    engine = learned.shipped(name, threads)
    plain = learned.shipped(learned.plain(name), threads) if strength < 1 else engine
    room = learned.margin(engine.weights)

    def denoise(padded: Plane, sigma: Plane, out: Plane) -> None:
        if strength:
            learned.fill(engine, cfa, padded, sigma, out)
        if strength < 1:
            noisy = np.empty_like(out) if strength else out
            cut = room - learned.margin(plain.weights)
            seen = padded[cut:-cut, cut:-cut] if cut else padded
            learned.fill(plain, cfa, seen, np.zeros_like(seen), noisy)
            out[:] = learned.blend(out, noisy, strength)

    def fill(padded: Plane, out: Plane) -> None:
        denoise(padded, np.zeros_like(padded), out)

    steps = 8 if room < 2 * STEP else 5  # of dark's: 12 MP in 45 MiB a megapixel, which 8 takes 48 for
    return Method(name, room, 1, fill, steps * STEP, denoise)


def _bayer(name: str, cfa: str) -> Method:
    from deepisp.develop.demosaic import bayer_kernels

    run: Callable[..., Any] = getattr(bayer_kernels, name)
    red_row, red_column = divmod(cfa.index("R"), 2)
    return Method(
        name, bayer_kernels.HALO[name], 1, lambda padded, out: run(padded, red_row, red_column, out)
    )


def _periodic(name: str, cfa: str) -> Method:
    from deepisp.develop.demosaic import directional_kernels, periodic_kernels

    halo = directional_kernels.HALO if name == "directional" else periodic_kernels.HALO
    # The halo is not a whole number of cells for a side of 8.
    pattern = np.roll(cfa_cell.indices(cfa).astype(np.int64), (halo, halo), axis=(0, 1))
    if name == "directional":
        return Method(
            name, halo, 1, lambda padded, out: directional_kernels.directional(padded, pattern, out)
        )
    return Method(name, halo, 1, lambda padded, out: periodic_kernels.bilinear(padded, pattern, out))


def _copy(padded: Plane, out: Plane) -> None:
    out[:] = padded


def block(cfa: str) -> int:
    """The side of the smallest block that holds every color: 3 in X-Trans; 2 where each pixel has all colors.

    >>> block("RGGB"), block(cfa_cell.XTRANS), block("")
    (2, 3, 2)
    """
    kind = cfa_cell.kind(cfa) if cfa else "linear"
    return {"linear": 2, "mono": 2, "xtrans": 3}.get(kind) or cfa_cell.side(cfa)


def tensor(
    cfa: str, asked: str, *, first_row: int = 0, first_column: int = 0
) -> "Callable[[Tensor], Tensor]":
    """The method on tensors: a balanced mosaic (..., 1, H, W) to colors (..., C, H, W).

    Args:
        cfa: the cell at the corner of the picture.
        asked: as in `choose`.
        first_row: row of the picture at which the mosaic begins.
        first_column: likewise.
    """
    name = choose(asked, cfa_cell.kind(cfa))
    cell = cfa_cell.shift(cfa, first_row, first_column)
    if name == "none":
        return lambda mosaic: mosaic
    if cfa_cell.kind(cfa) == "bayer":
        from deepisp.develop.demosaic import bayer

        run: Callable[..., Any] = getattr(bayer, name)
        return lambda mosaic: run(mosaic, cell)
    from deepisp.develop.demosaic import directional, periodic

    method = directional.directional if name == "directional" else periodic.bilinear
    return lambda mosaic: method(mosaic, cell)


def _binning(cfa: str, side: int) -> Callable[[Plane, Plane], None]:
    """Means of the photosites of each color in each block."""

    def fill(padded: Plane, out: Plane) -> None:
        height, width = out.shape[1] * side, out.shape[2] * side
        if not cfa or cfa_cell.kind(cfa) == "mono":
            planes = padded.reshape(-1, *padded.shape[-2:])[:, :height, :width]
            out[: len(planes)] = planes.reshape(len(planes), out.shape[1], side, out.shape[2], side).mean(
                (2, 4)
            )
            return
        n, indices = cfa_cell.side(cfa), cfa_cell.indices(cfa)
        blocks = n // side  # X-Trans: two blocks of 3 to a cell of 6
        for top, left in np.ndindex(blocks, blocks):
            part = out[:, top::blocks, left::blocks]
            for color in range(len(out)):
                at = np.argwhere(
                    indices[top * side : (top + 1) * side, left * side : (left + 1) * side] == color
                )
                sites = [
                    padded[top * side + r : height : n, left * side + c : width : n][
                        : part.shape[1], : part.shape[2]
                    ]
                    for r, c in at
                ]
                part[color] = np.mean(sites, axis=0)

    return fill
