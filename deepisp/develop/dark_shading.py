"""What a sensor gives without light, taken off a frame: bias of each color, dark shading, rows and columns, row noise.

All of it is known from the user's own profile alone (`deepisp calibrate dark`), whose black level, per position of the
CFA's cell, and maps are of the stored values; the file's black level stays what it is, and comes to be true.

    offset = bias + shading + rows + columns + dark current * (exposure - exposure of the darks)  [+ row noise]

Dark shading taken off at the ISO and mode it was measured at: H. Feng et al., "Learnability enhancement for low-light
raw denoising: where paired real data meets noise modeling", ACM Multimedia 2022. The rule for another ISO is ours: what
arises before the amplifier goes with the ISO, what arises after it does not, so of the two the smaller is taken.
"""

import math
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepisp.develop import row_noise
from deepisp.develop.settings import Settings
from deepisp.raw.image import RawImage
from deepisp.sensor import cfa as cfa_cell
from deepisp.sensor import dark_maps
from deepisp.sensor.dark_maps import DarkMaps
from deepisp.sensor.darks import Darks
from deepisp.sensor.profile import Profile

Array = NDArray[np.float64]

_SURE = 3.0  # standard errors from which a dark current is believed


class _Offset(NamedTuple):
    """What stays from frame to frame, DN above the file's black level, from the active area's corner.

    Attributes:
        cell: (n, n) of each position.
        shading: (n * n, h, w) blocks, see sensor/dark_maps.py; of one block without a map.
        rows: (H,).
        columns: (W,).
    """

    cell: Array
    shading: NDArray[np.float32]
    rows: Array
    columns: Array


def corrected(raw: RawImage, settings: Settings) -> RawImage:
    """The raw image without what its sensor gives in the dark, its mosaic then float32; itself if nothing is known.

    Photosites that are saturated stay so. Where the profile does not fit the file, nothing is done, and a warning of
    the image that comes back says why; as it does for another ISO than that of the darks.

    Args:
        raw: any kind of raw image; a demosaiced one comes back as it is, for a profile is of photosites.
        settings: whose profile of noise it is.
    """
    own = settings.noise_profile
    if own is None or settings.noise is None or raw.mosaic is None:
        return raw
    darks = _nearest(own.darks, raw.exif.iso)
    offset: _Offset | None = None
    lines: list[str] = []
    try:
        _check(raw, own)
        if darks is not None:
            offset, lines = _offset(raw, own, darks, Path(settings.noise).parent)
    except ValueError as error:
        # Of another camera's noise, noise_source.py warns.
        return raw if darks is None else _warned(raw, (f"dark shading is not corrected: {error}",))
    noise = row_noise.known(own, darks, raw)
    rows = row_noise.Offsets()
    if noise is not None:
        rows = row_noise.offsets(raw, noise, kept=None if offset is None else _along_rows(offset))
    raw = _warned(raw, (*lines, *rows.warnings))
    if offset is None:
        if rows.rows is None:
            return raw
        offset = _nothing(raw)
    if rows.rows is not None:
        offset = offset._replace(rows=offset.rows + rows.rows)
    return replace(raw, mosaic=_without(raw, offset))


def _warned(raw: RawImage, lines: tuple[str, ...]) -> RawImage:
    return replace(raw, warnings=(*raw.warnings, *lines)) if lines else raw


def _nearest(groups: tuple[Darks, ...], iso: float | None) -> Darks | None:
    """Darks of the nearest ISO, in stops."""

    def distance(one: Darks) -> float:
        if one.iso is None or iso is None:
            return 0.0 if one.iso is iso else math.inf
        return abs(math.log(one.iso / iso))

    return min(groups, key=distance, default=None)


def _check(raw: RawImage, own: Profile) -> None:
    """Nothing, if the values of a file are such as the profile speaks of.

    Raises:
        ValueError: they are not; says what to measure.
    """
    if not own.is_of(raw.maker, *filter(None, (raw.model, raw.unique_model))):
        found = f"{raw.maker} {raw.model}".strip()
        raise ValueError(f"the profile is of {own.camera}, the file of {found}; measure darks of this camera")
    if raw.black_rows is not None or raw.black_columns is not None:
        raise ValueError("the file has black levels of its own for each row or column")
    if own.levels is not None:
        span, known = float((raw.white_level - raw.black_level).mean()), own.levels
        if round(math.log2(span / (known.white_level - known.black_level))):
            raise ValueError(
                f"the profile is of {known.bits} bits, the file has {span:.0f} levels; measure darks in its mode"
            )


def _offset(raw: RawImage, own: Profile, darks: Darks, folder: Path) -> tuple[_Offset, list[str]]:
    """What darks say of a file, and what is doubtful about it.

    Raises:
        ValueError: they are of another CFA or size.
    """
    side, cfa = cfa_cell.side(raw.cfa), raw.active_cfa
    known = own.levels.cfa if own.levels is not None else None
    if len(darks.black_level) != side * side or known not in (None, cfa):
        raise ValueError(
            f"the darks are of {known or f'{len(darks.black_level)} positions'}, the file is {cfa}; measure darks in "
            "its mode"
        )
    share, lines = _share(darks.iso, raw.exif.iso)
    cell = _bias(darks, own, side) + _dark_current(raw, darks, side)
    maps = None
    try:
        maps = _maps(darks, folder)
    except OSError as error:
        lines.append(
            f"{darks.maps}: {error.strerror}; without this map beside the profile, only bias is corrected"
        )
    found = _nothing(raw)
    if maps is not None:
        if maps.shape != raw.active.shape or len(maps.shading) != side * side:
            height, width = maps.shape
            raise ValueError(
                f"the darks are of {width} x {height} photosites, the file has {raw.active.width} x "
                f"{raw.active.height}; measure darks in its mode"
            )
        rows, columns = _kept(maps, darks)
        found = _Offset(cell, maps.shading, rows, columns)
    scaled = _Offset(
        cell * share, found.shading * np.float32(share), found.rows * share, found.columns * share
    )
    return scaled, lines


def _nothing(raw: RawImage) -> _Offset:
    side, (height, width) = cfa_cell.side(raw.cfa), raw.active.shape
    blocks = np.zeros((side * side, 1, 1), np.float32)
    return _Offset(np.zeros((side, side)), blocks, np.zeros(height), np.zeros(width))


def _share(measured: float | None, iso: float | None) -> tuple[float, list[str]]:
    """How much of an offset measured at one ISO is certain at another, and a line that says it."""
    if measured == iso:
        return 1.0, []
    if measured is None or iso is None:
        which, other = ("darks", "file") if measured is None else ("file", "darks")
        words = f"the ISO of the {which} is not known; dark shading is taken as for that of the {other}"
        return 1.0, [words]
    share = min(iso / measured, 1.0)
    return share, [
        f"dark shading was measured at ISO {measured:g}, the file has ISO {iso:g}: {share:.2g} of it is taken off; "
        "measure darks of this ISO too"
    ]


def _bias(darks: Darks, own: Profile, side: int) -> Array:
    """(n, n) DN by which the darks lie above what their own files call black."""
    measured = np.array(darks.black_level)
    if darks.file_black_level is not None and len(darks.file_black_level) == len(measured):
        told = np.array(darks.file_black_level)
    else:  # the profile is older: only the mean was kept
        told = np.full_like(measured, measured.mean() if own.levels is None else own.levels.black_level)
    return np.asarray(measured - told, np.float64).reshape(side, side)


def _dark_current(raw: RawImage, darks: Darks, side: int) -> Array:
    """(n, n) DN that gathered in a longer exposure than that of the darks; less in a shorter one."""
    longer = np.zeros((side, side))
    if raw.exif.exposure_s is None or darks.exposure_s is None:
        return longer
    cell = cfa_cell.cell(raw.active_cfa)
    for one in darks.entries:
        current, error = one.dark_current_dn_s or 0.0, one.dark_current_dn_s_error or 0.0
        if abs(current) > _SURE * error:
            longer[cell == one.color] = current * (raw.exif.exposure_s - darks.exposure_s)
    return longer


def _maps(darks: Darks, folder: Path) -> DarkMaps | None:
    """The maps beside a profile.

    Raises:
        ValueError: the file is none of maps, or not beside the profile.
        OSError: it cannot be read.
    """
    if darks.maps is None:
        return None
    if Path(darks.maps).name != darks.maps:
        raise ValueError(f"maps lie beside the profile, got {darks.maps}; give the name alone")
    return dark_maps.load(folder / darks.maps)


def _kept(maps: DarkMaps, darks: Darks) -> tuple[Array, Array]:
    """What rows and columns keep, shrunk by what of it is noise that the mean of the darks has left."""
    if darks.frames is None:
        return np.zeros_like(maps.rows), np.zeros_like(maps.columns)
    stds = np.array(
        [
            [one.row_std_dn or 0, one.column_std_dn or 0, one.read_std_dn, one.dsnu_dn or 0]
            for one in darks.entries
        ]
    )
    row, column, read, pattern = np.square(stds).mean(axis=0)
    kept = []
    # Both maps hold the mean of what shading leaves, which counts once.
    for line, shared, across in (
        (maps.rows - maps.rows.mean(), row, len(maps.columns)),
        (maps.columns - maps.columns.mean(), column, len(maps.rows)),
    ):
        noise = (shared + read / across) / darks.frames + pattern / across
        variance = float(line.var())
        kept.append(line * (max(1 - noise / variance, 0.0) if variance else 0.0))
    return kept[0] + maps.rows.mean(), kept[1]


def _along_rows(offset: _Offset) -> Array:
    """(H,) DN that stay in most of a row's columns, masked ones too: a glow in a corner does not count."""
    rows, side = offset.rows.copy(), len(offset.cell)
    for phase in range(side):
        own = rows[phase::side]
        middle = np.median(offset.shading[phase * side : (phase + 1) * side], axis=2).mean(axis=0)
        own += dark_maps.spread_out(middle[:, None], (len(own), 1))[:, 0]
    return rows


def _without(raw: RawImage, offset: _Offset) -> NDArray[np.float32]:
    """The whole mosaic less the offset on its active area."""
    assert raw.mosaic is not None
    mosaic, area = raw.mosaic.astype(np.float32), raw.active
    seen = mosaic[area.top : area.bottom, area.left : area.right]
    side, plateau = len(offset.cell), np.float32(raw.plateau.min())
    for index, (row, column) in enumerate(np.ndindex(side, side)):
        plane = seen[row::side, column::side]
        off = dark_maps.spread_out(offset.shading[index] + offset.cell[row, column], plane.shape)
        off += offset.rows[row::side, None].astype(np.float32)
        off += offset.columns[None, column::side].astype(np.float32)
        # A saturated photosite shows where the converter ends, whatever lies below.
        is_below = plane < plateau
        np.subtract(plane, off, out=plane, where=is_below)
        np.minimum(plane, plateau, out=plane, where=is_below)
    return mosaic
