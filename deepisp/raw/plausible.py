"""Whether decoded values can be what a sensor gave: missing data, levels that contradict themselves."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepisp.raw.errors import DamagedFile
from deepisp.raw.image import RawImage

_ZEROS = 0.1  # share of exact zeros that a sensor with a black level above zero never gives
_MISSING = 0.01  # share of the photosites, all at the end, that may be zero before the file is refused
_NEAR = 64  # photosites of a row that are looked at on either side of the one where data end
_ABOVE = 6  # rows above it: whole cells of Bayer and X-Trans
_MARGIN = 4  # photosites next to the light-sensitive area that stray light may reach
_FEWEST = 1000  # masked photosites, for a mean to be trusted


def check(raw: RawImage, file: Path) -> RawImage:
    """The raw image, with levels that can be used and a warning for each doubt.

    Raises:
        DamagedFile: more than a tenth of the photosites are exactly zero, far below black; or data end amid a row.
    """
    area = raw.active
    seen = raw.data[area.top : area.bottom, area.left : area.right]
    lowest = float(raw.black_level.min())
    if raw.data.dtype == np.uint16 and lowest >= 16:
        share = 1 - np.count_nonzero(seen) / seen.size
        if share > _ZEROS:
            raise DamagedFile(
                file,
                f"{share:.0%} of its pixels are zero, black is {lowest:g}",
                "copy it from the camera again",
            )
    warnings = zero_rows(seen, file)
    return _check_black(_check_white(replace(raw, warnings=(*raw.warnings, *warnings))))


def zero_rows(values: NDArray[Any], file: Path, *, zero: float = 0) -> list[str]:
    """A warning if the last rows are zero right after lit ones; nothing if the light fades towards them.

    A dark frame and a dark foreground fade: the last photosites that are not zero are few and faint. Black that
    begins with a row may have been put there by a camera. Lost data alone begin amid a row, with one photosite.

    Args:
        values: (rows, columns) or (rows, columns, 3), in the order in which the file holds them.
        file: for messages.
        zero: the value that zero bytes stand for.

    Raises:
        DamagedFile: more than 1 % are missing, from amid a row on.
    """
    rows = values.reshape(len(values), -1)
    lit = np.empty(0) if (rows[-1] != zero).any() else np.flatnonzero((rows != zero).any(axis=1))
    if not lit.size or lit[-1] < _ABOVE:
        return []
    last = int(lit[-1])
    near = np.abs(rows[last - _ABOVE : last + 1] - np.float32(zero))
    above, row = near[:-1], near[-1]
    column = int(np.flatnonzero(row)[-1]) + 1
    before, after = slice(max(column - _NEAR, 0), column), slice(column, column + _NEAR)
    if not np.median(row[before]) >= np.median(above[:, before]) / 2 > 0:
        return []
    share = 1 - (last * row.size + column) / rows.size
    is_amid = min(column, row.size - column) >= _NEAR / 8 and np.median(above[-2:, after]) > 0
    if is_amid and share > _MISSING:
        raise DamagedFile(
            file, f"the last {share:.0%} of its pixels are missing", "copy it from the camera again"
        )
    return [f"the last {len(rows) - 1 - last} rows are zero, those above are not: data may be missing"]


def _check_white(raw: RawImage) -> RawImage:
    if (raw.white_level > raw.black_level).all():
        return raw
    top = max(float(raw.data.max()), float(raw.black_level.max()) + 1)
    white = np.full_like(raw.white_level, top)
    words = (
        f"white level {raw.white_level.min():g} is not above black {raw.black_level.max():g}: "
        f"the brightest value, {top:g}, was taken"
    )
    return replace(raw, white_level=white, saturation_level=white.copy(), warnings=(*raw.warnings, words))


def _check_black(raw: RawImage) -> RawImage:
    """Compare black with what the masked borders read."""
    if raw.mosaic is None or raw.active_area is None:
        return raw
    measured = masked_mean(raw)
    if measured is None:
        return raw
    told, span = float(raw.black_level.mean()), float((raw.white_level - raw.black_level).mean())
    if abs(measured - told) <= max(0.002 * span, 1.0):
        return raw
    words = f"masked borders read {measured:.1f}, the black level is {told:.1f}"
    return replace(raw, warnings=(*raw.warnings, words))


def masked_mean(raw: RawImage) -> float | None:
    """Mean DN of the photosites that see no light; None if there are too few.

    The file's own list of masked areas is taken if there is one; else the borders of the active area.
    """
    if raw.mosaic is None:
        return None
    area = raw.active
    if raw.masked_areas:
        parts = [raw.mosaic[a.top : a.bottom, a.left : a.right] for a in raw.masked_areas]
    else:
        parts = [
            raw.mosaic[_MARGIN : area.top - _MARGIN, :] if area.top > 2 * _MARGIN else raw.mosaic[:0],
            raw.mosaic[:, _MARGIN : area.left - _MARGIN] if area.left > 2 * _MARGIN else raw.mosaic[:, :0],
        ]
    values = np.concatenate([part.ravel() for part in parts]).astype(np.float64)
    if values.size < _FEWEST:
        return None
    low, high = np.percentile(values, (5, 95))  # dead and hot photosites, markers of video frames
    return float(values[(values >= low) & (values <= high)].mean())


def finite(file: Path, values: NDArray[Any], warnings: list[str]) -> NDArray[Any]:
    """The values with NaN and infinity set to 0, and a warning that counts them.

    Raises:
        DamagedFile: more than 1 % are no numbers.
    """
    if values.dtype.kind != "f":
        return values
    bad = ~np.isfinite(values)
    share = float(bad.mean())
    if share > 0.01:
        raise DamagedFile(file, f"{share:.0%} of its pixels are no numbers", "copy it from the camera again")
    if share:
        warnings.append(f"{int(bad.sum())} pixels that are no numbers were set to 0")
    return np.where(bad, np.float32(0), values)
