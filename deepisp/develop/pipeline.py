"""From a raw file to a picture. The order of light, at a glance:

    values ─ dark shading, row noise ─ defects ─ levels ─ balance ─ highlights ─ lens gains ─ demosaic
           ─ lens geometry ─ size ─ color (Rec. 2020) ─ exposure, tone ─ gamut, output space ─ quantize ─ orientation

`plan.solve` finds every number first; `bands` carries the plan out on the CPU, `tensors` on a GPU. A network demosaics
and denoises at once; files that come demosaiced are denoised first, see denoise.py.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepisp.develop import frame, plan
from deepisp.develop.settings import Settings
from deepisp.raw.image import RawImage
from deepisp.raw.layout import Layout
from deepisp.raw.limits import Limits
from deepisp.raw.read import check_types, read


def develop(
    source: RawImage | str | os.PathLike[str],
    settings: Settings | None = None,
    *,
    device: str = "auto",
    threads: int | None = None,
    limits: Limits | None = None,
    layout: Layout | str | os.PathLike[str] | None = None,
    warn: Callable[[str], None] | None = None,
    **changes: Any,
) -> NDArray[Any]:
    """The picture in a raw file, upright, (H, W, 3) uint8, uint16 or float32 as `bits` says.

    Args:
        source: a file, or what `read` made of one.
        settings: how to render; default rendering if None.
        device: "cpu", "cuda" or "cuda:1"; "auto" is the CPU, until a stage gains from a GPU.
        threads: of what is done on the CPU; all cores if None. The result does not depend on it.
        limits: what reading the file may cost.
        layout: what bare sensor values mean.
        warn: called with a line for each doubt about the file; by default they go to the logger "deepisp".
        **changes: single settings by name, as `develop(path, ev=0.5, color="p3")`; see `Settings`. The white balance
            may be text as at the command line, a temperature `wb=5200`, or gains `wb=(2.1, 1, 1.6)`.

    Raises:
        RawError: the file gives no picture.
        ValueError: a setting is wrong, or does not fit the file.
        TypeError: an argument is of another type.
        OSError: the file cannot be opened.
    """
    if settings is not None and not isinstance(settings, Settings):
        got = type(settings).__name__
        raise TypeError(
            f"settings must be deepisp.Settings, got {got}; or give single ones by name, as wb=6500"
        )
    check_types("" if isinstance(source, RawImage) else source, limits=limits, layout=layout)
    if settings is None or changes:
        settings = Settings(**{**(settings.model_dump() if settings else {}), **changes})
    raw = source if isinstance(source, RawImage) else read(source, limits=limits, layout=layout)
    return developed(raw, settings, device=device, threads=threads, warn=warn).pixels


class Developed(NamedTuple):
    """A picture, and what was chosen for it where the settings left that open.

    Attributes:
        pixels: upright, (H, W, 3) uint8, uint16 or float32.
        network: that was chosen, of networks/zoo.py or a file of weights; "" for none.
        lift: gain on the light of a dark frame, see darkness.py; 1 for none.
    """

    pixels: NDArray[Any]
    network: str
    lift: float


def developed(
    raw: RawImage,
    settings: Settings,
    *,
    device: str = "auto",
    threads: int | None = None,
    warn: Callable[[str], None] | None = None,
) -> Developed:
    """As `develop`, of what was read."""
    threads = threads or os.cpu_count() or 1
    is_cpu = device in ("auto", "cpu")
    solved = plan.solve(raw, settings, threads=threads, device="cpu" if is_cpu else device)
    warn = warn or logging.getLogger("deepisp").warning
    for line in solved.warnings:
        warn(line)
    if solved.network and not solved.cfa:
        from deepisp.develop import denoise

        solved = replace(solved, values=denoise.denoised(solved, threads=threads))
    if is_cpu:
        from deepisp.develop import bands

        pixels = bands.render(solved, threads=threads, warn=warn)
    else:
        from deepisp.develop import tensors

        pixels = tensors.render(solved, device=device, threads=threads, warn=warn)
    upright = np.ascontiguousarray(frame.orient(pixels, raw.orientation))
    return Developed(upright, solved.network, solved.lift)
