"""What a DNG's tags say of color and noise (specification 1.7.1, Adobe 2023), in the order of our channels.

A file may name its planes in another order than `RawImage.colors` does (CFAPlaneColor): `plane_order` is worked
out once, and every per-color value and matrix goes through it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepisp.raw import dng_tags, tags
from deepisp.raw.image import ColorCalibration, Noise
from deepisp.sensor import cfa as cfa_cell


def plane_order(page: Any, cfa: str) -> list[int]:
    """Positions of our colors among the file's planes (CFAPlaneColor), for matrices and per-color values."""
    colors = cfa_cell.colors(cfa) if cfa else "RGB"
    planes = tags.numbers(page, dng_tags.CFA_PLANE_COLOR)
    if planes is None:
        return list(range(len(colors)))
    letters = "".join(cfa_cell.LETTERS[int(p)] for p in planes if p < len(cfa_cell.LETTERS))
    return [letters.index(c) if c in letters else i for i, c in enumerate(colors)]


def per_color(page: Any, code: int, order: list[int]) -> NDArray[np.float64] | None:
    """A tag's positive number for each channel, or None."""
    values = tags.numbers(page, code)
    if values is None or len(values) < len(order) or not np.isfinite(values).all() or (values <= 0).any():
        return None
    return values[order]


def neutral(first: Any, order: list[int], colors: str) -> NDArray[np.float64] | None:
    """AsShotNeutral, green = 1; `colors` are the channels' letters."""
    values = per_color(first, dng_tags.AS_SHOT_NEUTRAL, order)
    return None if values is None else values / values[max(colors.find("G"), 0)]


def white_xy(first: Any) -> tuple[float, float] | None:
    """AsShotWhiteXY."""
    xy = tags.numbers(first, dng_tags.AS_SHOT_WHITE_XY)
    return (float(xy[0]), float(xy[1])) if xy is not None and len(xy) == 2 and np.isfinite(xy).all() else None


def calibrations(first: Any, order: list[int], warnings: list[str]) -> tuple[ColorCalibration, ...]:
    """ColorMatrix1 to 3 with what belongs to each; one of another size, a singular one or one with 0/0 is left out."""
    signatures = (dng_tags.CAMERA_CALIBRATION_SIGNATURE, dng_tags.PROFILE_CALIBRATION_SIGNATURE)
    camera_signature, profile_signature = (tags.text(first, code) for code in signatures)
    found = []
    for codes in dng_tags.CALIBRATIONS:
        matrix = _matrix(first, codes.color_matrix, (len(order), 3))
        if matrix is None:
            if first.tags.get(codes.color_matrix) is not None:
                warnings.append(f"color matrix {codes.color_matrix} is unusable and was left out")
            continue
        forward = _matrix(first, codes.forward_matrix, (3, len(order)))
        own = _matrix(first, codes.camera_calibration, (len(order), len(order)))
        if camera_signature != profile_signature:  # DNG 1.7.1: a calibration for another profile
            own = None
        found.append(
            ColorCalibration(
                xyz_to_camera=matrix[order],
                illuminant=int(tags.number(first, codes.calibration_illuminant, 0)),
                illuminant_xy=_illuminant_xy(first, codes.illuminant_data),
                forward=None if forward is None else forward[:, order],
                camera_calibration=None if own is None else own[np.ix_(order, order)],
            )
        )
    return tuple(found)


def _illuminant_xy(first: Any, code: int) -> tuple[float, float] | None:
    """IlluminantData of type 0: two rationals x, y after a SHORT (DNG 1.6); spectra are not read."""
    tag = first.tags.get(code)
    if tag is None or not isinstance(tag.value, bytes) or len(tag.value) < 18:
        return None
    order = tag.parent.byteorder
    if int(np.frombuffer(tag.value[:2], order + "u2")[0]) != 0:
        return None
    x, dx, y, dy = (int(n) for n in np.frombuffer(tag.value[2:18], order + "u4"))
    return (x / dx, y / dy) if dx and dy else None


def _matrix(first: Any, code: int, shape: tuple[int, int]) -> NDArray[np.float64] | None:
    values = tags.numbers(first, code)
    if (
        values is None
        or len(values) != shape[0] * shape[1]
        or not np.isfinite(values).all()
        or np.linalg.matrix_rank(values.reshape(shape)) < min(shape)
    ):
        return None
    return values.reshape(shape)


def noise(page: Any, first: Any, order: list[int]) -> tuple[Noise, ...] | None:
    """NoiseProfile of the raw directory, or else of the first; one pair in the file holds for every channel."""
    values = tags.numbers(page, dng_tags.NOISE_PROFILE)
    values = tags.numbers(first, dng_tags.NOISE_PROFILE) if values is None else values
    if (
        values is None
        or len(values) not in (2, 2 * len(order))
        or not np.isfinite(values).all()
        or (values < 0).any()
    ):
        return None
    pairs = np.resize(values, (len(order), 2))[order]
    return tuple(Noise(float(shot), float(read)) for shot, read in pairs)
