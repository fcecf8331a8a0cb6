"""Whether two calibration frames can be measured together."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from deepisp.calibrate.frames import Frame

BLACK_DRIFT = 0.01  # of the span of levels: cameras that measure black anew in each frame stay far below


def check(frame: "Frame", first: "Frame", purpose: str) -> None:
    """Two frames of one sensor at one setting, or a ValueError that names the second."""
    for what, says in _differences(frame, first):
        raise ValueError(f"{frame.name}: frame {says}; {purpose} needs one {what} per run")


def _differences(frame: "Frame", first: "Frame") -> Iterator[tuple[str, str]]:
    """What is not the same, and what the two say of it."""
    sizes = [f"{width} x {height}" for height, width in (frame.mosaic.shape, first.mosaic.shape)]
    if sizes[0] != sizes[1]:
        yield "size", f"is {sizes[0]}, the first {sizes[1]}"
    if frame.cfa != first.cfa:
        yield "CFA", f"has the CFA {frame.cfa}, the first {first.cfa}"
    isos = ["an unknown ISO" if iso is None else f"ISO {iso:g}" for iso in (frame.iso, first.iso)]
    if isos[0] != isos[1]:
        yield "ISO", f"was taken at {isos[0]}, the first at {isos[1]}"
    if (frame.maker, frame.model) != (first.maker, first.model):
        yield "camera", f"is from a {frame.maker} {frame.model}, the first from a {first.maker} {first.model}"
    span = float((first.white_level - first.black_level).min())
    for what, level, other, drift in (
        ("white level", frame.white_level, first.white_level, 0.0),
        ("black level", frame.black_level, first.black_level, BLACK_DRIFT * span),
    ):
        if level.shape != other.shape or (abs(level - other) > drift).any():
            yield what, f"has the {what} {level.max():g}, the first {other.max():g}"


def notes(first: "Frame") -> tuple[str, ...]:
    """What could not be checked of frames that are like this one, one line each."""
    return (
        () if first.iso is not None else ("no ISO in the files: that all are of one ISO cannot be checked",)
    )


def is_blank(frame: "Frame") -> bool:
    """Whether no noise is seen, so that two shots may be equal: mostly saturated, or one value everywhere."""
    if np.mean(frame.mosaic >= frame.white_level.min()) > 0.5:
        return True
    return all(np.ptp(place.of(frame.mosaic)) == 0 for place in frame.places if place.of(frame.mosaic).size)
