"""Pairs of a dark raw file and its full exposure, scored where they were measured, as ELD and PMN do.

    short exposure x exposure ratio, balanced ─► method ─► RGB ─► through the CFA, unbalanced ─► clip ─┐
    long exposure ─► clip ─────────────────────────────────────────────────────────────────────────────┴► PSNR, SSIM

On packed planes of half the size, no border; as the output is, and with its brightness corrected (evaluate_dark.py).
ELD's own figures of SID are of the central 512 x 512 photosites alone, PMN's of whole frames: never compare the two.
Source: K. Wei et al., "A physics-based noise formation model for extreme low-light raw denoising" (ELD), CVPR 2020,
Vandermode/ELD at 53d5408; H. Feng et al., "Learnability enhancement for low-light raw denoising" (PMN), ACM MM 2022.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from deepisp.data import pairs as simulated
from deepisp.data import sid_protocol
from deepisp.data.sid import Pair
from deepisp.data.sid_protocol import Levels
from deepisp.develop import noise_source
from deepisp.raw.image import Area, RawImage
from deepisp.raw.read import read
from deepisp.sensor import cfa as cfa_cell
from deepisp.sensor.noise import Noise
from deepisp.train import contenders, evaluate_dark, evaluate_sid, metrics

Planes = NDArray[np.float32]


class Figures(NamedTuple):
    """Means over pairs.

    Attributes:
        psnr: dB.
        ssim: Wang's, the mean over planes.
        corrected_psnr: the same after the output was scaled to the brightness of the truth.
        corrected_ssim: likewise.
        pairs: how many.
    """

    psnr: float
    ssim: float
    corrected_psnr: float
    corrected_ssim: float
    pairs: int


def score(
    model: str, pairs: Iterable[Pair], levels: Levels, *, center: int | None = None, threads: int = 1
) -> dict[int | None, Figures]:
    """Run a network over pairs.

    Args:
        model: a network, a weights file, or a classical method, see contenders.py.
        pairs: of `sid.pairs`, of Bayer sensors.
        levels: of the data set.
        center: side of the square in the middle that is looked at; None for all.
        threads: of a network.

    Returns:
        By exposure ratio, rounded; of all pairs at None.

    Raises:
        ValueError: there is no pair or no such method, a file tells no noise, is linear or of another sensor, or has no
            such square in its middle.
        RawError: a file gives no picture.
    """
    rows: list[tuple[int, list[float]]] = []
    for pair in pairs:
        short, long = (_middle(read(path), center) for path in (pair.short, pair.long))
        output = _restored(model, short, pair.exposure_ratio, levels, threads)
        truth = np.clip(sid_protocol.signal(long, levels), 0, 1)
        rows.append((round(pair.exposure_ratio), _compared(output, truth, short.active_cfa)))
    return evaluate_sid.by_ratio(rows, Figures)


def _middle(raw: RawImage, side: int | None) -> RawImage:
    """The square in the middle of the active area that begins at a whole cell; all of it for None."""
    if side is None:
        return raw
    area, n = raw.active, cfa_cell.side(raw.cfa)
    if min(area.shape) < side:
        raise ValueError(f"a frame of {area.height} x {area.width} has no {side} x {side} in its middle")
    top = area.top + (area.height - side) // 2 // n * n
    left = area.left + (area.width - side) // 2 // n * n
    return replace(raw, active_area=Area(top, left, top + side, left + side), default_crop=None)


def _restored(model: str, raw: RawImage, ratio: float, levels: Levels, threads: int) -> Planes:
    """The raw values (H, W) that a method makes of a short exposure, as bright as the long one."""
    cfa = raw.active_cfa
    neutral = raw.as_shot_neutral if raw.as_shot_neutral is not None else np.ones(len(cfa_cell.colors(cfa)))
    known = noise_source.known(raw)
    if known is None:
        raise ValueError("the file tells no noise, and neither does its camera; measure it with calibrate")
    per_photosite = cfa_cell.tiled(neutral[cfa_cell.indices(cfa)], *raw.active.shape)
    balanced = (sid_protocol.signal(raw, levels) * ratio / per_photosite).astype(np.float32)
    noise: list[Noise] = [
        one.amplified(ratio / gray) for one, gray in zip(known.noise, neutral.tolist(), strict=True)
    ]
    made = contenders.named(model, cfa, threads=threads)(balanced, noise)
    camera = torch.from_numpy(made * neutral.astype(np.float32)).movedim(-1, 0)
    return np.asarray(simulated.through(camera, cfa)[0].clamp(0, 1).numpy())


def _compared(output: Planes, truth: Planes, cfa: str) -> list[float]:
    """PSNR and SSIM as it is, and corrected, of mosaics whose cell is `cfa`."""
    pair = [sid_protocol.pack(one, cfa).transpose(1, 2, 0) for one in (output, truth)]
    lit = [evaluate_dark.corrected(*pair), pair[1]]
    return [measure(*of, border=0) for of in (pair, lit) for measure in (metrics.psnr, metrics.ssim)]
