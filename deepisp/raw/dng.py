"""What a DNG's tags say (specification 1.7.1, Adobe 2023): levels, geometry, opcodes; colors are in dng_color.py."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepisp.raw import dng_color, dng_tags, opcode_bytes, tags
from deepisp.raw.errors import DamagedFile, UnsupportedFile
from deepisp.raw.image import Area, RawImage
from deepisp.raw.plausible import finite
from deepisp.sensor import cfa as cfa_cell

_AGAIN = "copy it from the camera again"


def is_libraws(page: Any) -> bool:
    """Whether LibRaw decodes this mosaic rightly: 2 x 2 or 6 x 6 cells, uncompressed or lossless JPEG integers.

    Tiles wider than the picture it reads as if they ended with the picture's rows (LibRaw 0.22.2, measured).
    """
    dim = tags.numbers(page, dng_tags.CFA_REPEAT_PATTERN_DIM)
    is_small = dim is not None and tuple(dim) in ((2, 2), (6, 6))
    return bool(
        page.photometric == dng_tags.CFA
        and is_small
        and page.compression in (1, 7)
        and _sample_format(page) == 1
        and (page.tilewidth <= page.imagewidth if page.is_tiled else _is_one_strip(page))
    )


def _is_one_strip(page: Any) -> bool:
    """LibRaw reads from the first strip straight on, whatever the table of strips says."""
    offsets, counts = page.dataoffsets, page.databytecounts
    if page.compression != 1:
        return len(offsets) == 1
    return all(offsets[i] + counts[i] == offsets[i + 1] for i in range(len(offsets) - 1))


def _sample_format(page: Any) -> int:
    value = page.sampleformat
    return int(value if isinstance(value, int) else 1 if not value else value[0])


def assemble(file: Path, first: Any, page: Any, values: NDArray[Any]) -> RawImage:
    """The raw image of decoded values and their tags.

    Args:
        file: for messages.
        first: the first directory, which holds what the whole file shares.
        page: the raw directory.
        values: (H, W) or (H, W, 3), the LinearizationTable applied.

    Raises:
        RawError: tags contradict each other or name what deepisp does not know.
    """
    height, width = values.shape[:2]
    is_linear = values.ndim == 3
    warnings: list[str] = []
    active = active_area(file, page, height, width)
    cfa = "" if is_linear else _cfa(file, page, active)
    order = dng_color.plane_order(page, cfa)
    black, white = _levels(file, page, cfa, active, is_linear=is_linear)
    is_dng = "DNGVersion" in first.tags
    shapes = {
        dng_tags.OPCODE_LIST_1: (height, width),
        dng_tags.OPCODE_LIST_2: active.shape,
        dng_tags.OPCODE_LIST_3: active.shape,
    }  # lists 2 and 3 see no borders
    lists = [_opcodes(file, page, code, shape, warnings, is_dng=is_dng) for code, shape in shapes.items()]
    values = finite(file, values, warnings)
    return RawImage(
        mosaic=None if is_linear else values,
        linear=values if is_linear else None,
        cfa=cfa,
        black_level=black,
        white_level=white,
        black_rows=_deltas(page, dng_tags.BLACK_LEVEL_DELTA_V, active.height),
        black_columns=_deltas(page, dng_tags.BLACK_LEVEL_DELTA_H, active.width),
        as_shot_neutral=dng_color.neutral(first, order, cfa_cell.colors(cfa) if cfa else "RGB"),
        as_shot_white_xy=dng_color.white_xy(first),
        calibrations=dng_color.calibrations(first, order, warnings),
        analog_balance=dng_color.per_color(first, dng_tags.ANALOG_BALANCE, order),
        # Cameras write -2 to 4.
        baseline_exposure_ev=float(np.clip(tags.number(first, dng_tags.BASELINE_EXPOSURE), -10, 10)),
        noise=dng_color.noise(page, first, order),
        opcode_list_1=lists[0],
        opcode_list_2=lists[1],
        opcode_list_3=lists[2],
        active_area=active,
        default_crop=_crop(page, active),
        masked_areas=_masked_areas(page, height, width),
        orientation=_orientation(first),
        pixel_aspect=_aspect(page),
        maker=tags.text(first, dng_tags.MAKE),
        model=tags.text(first, dng_tags.MODEL),
        unique_model=tags.text(first, dng_tags.UNIQUE_CAMERA_MODEL),
        warnings=tuple(warnings),
        path=file,
    )


def linearized(page: Any, values: NDArray[Any]) -> NDArray[Any]:
    """The values through the LinearizationTable, if there is one; its last entry goes on for ever."""
    table = tags.numbers(page, dng_tags.LINEARIZATION_TABLE)
    if table is None or values.dtype != np.uint16 or not len(table):
        return values
    linear: NDArray[Any] = table.clip(0, 65535).astype(np.uint16)[np.minimum(values, len(table) - 1)]
    return linear


def active_area(file: Path, page: Any, height: int, width: int) -> Area:
    """The photosites that see light.

    Raises:
        DamagedFile: they lie outside the picture.
    """
    given = tags.numbers(page, dng_tags.ACTIVE_AREA)
    if given is None or len(given) != 4:
        return Area(0, 0, height, width)
    area = Area(*(int(n) for n in given))
    if not (0 <= area.top < area.bottom <= height and 0 <= area.left < area.right <= width):
        raise DamagedFile(file, f"its ActiveArea {tuple(area)} lies outside {height} x {width}", _AGAIN)
    return area


def _cfa(file: Path, page: Any, active: Area) -> str:
    """The cell at values[0, 0]; the tag's cell lies at the top left of the active area."""
    if page.photometric != dng_tags.CFA:
        return "W"
    dim = tags.numbers(page, dng_tags.CFA_REPEAT_PATTERN_DIM)
    pattern = tags.numbers(page, dng_tags.CFA_PATTERN)
    layout = tags.number(page, dng_tags.CFA_LAYOUT, 1)
    if dim is None or pattern is None or len(dim) != 2 or len(pattern) != dim[0] * dim[1]:
        raise UnsupportedFile(file, "a mosaic without a CFA pattern", "describe it with --layout")
    if layout != 1 or dim[0] != dim[1] or not 1 <= dim[0] <= 16 or pattern.max() >= len(cfa_cell.LETTERS):
        words = f"a CFA of {dim[0]:g} x {dim[1]:g} in layout {layout:g} with colors {pattern.astype(int).tolist()}"
        raise UnsupportedFile(file, words, "only square cells on a rectangular grid are known")
    text = "".join(cfa_cell.LETTERS[int(code)] for code in pattern)
    return cfa_cell.shift(text, -active.top, -active.left)


def _levels(
    file: Path, page: Any, cfa: str, active: Area, *, is_linear: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    black, white = tags.numbers(page, dng_tags.BLACK_LEVEL), tags.numbers(page, dng_tags.WHITE_LEVEL)
    top = 1.0 if _sample_format(page) == 3 else float(2 ** _bits(page) - 1)
    black = np.zeros(1) if black is None else np.where(np.isfinite(black), black, 0)
    # White above what 16 bits can hold says nothing, and a histogram up to it would take gigabytes.
    white = np.full(1, top) if white is None or not _is_within(white, page) else white
    if is_linear:
        repeat = tags.numbers(page, dng_tags.BLACK_LEVEL_REPEAT_DIM)
        black = black if repeat is None or repeat.prod() <= 1 else black.reshape(-1, 3).mean(axis=0)
        return np.resize(black, 3).astype(np.float64), np.resize(white, 3).astype(np.float64)
    dim = tags.numbers(page, dng_tags.BLACK_LEVEL_REPEAT_DIM)
    rows, columns = (1, 1) if dim is None or len(dim) != 2 else (int(dim[0]), int(dim[1]))
    if rows < 1 or columns < 1 or rows * columns > 4096 or len(black) not in (1, rows * columns):
        raise DamagedFile(file, f"{len(black)} black levels for a repeat of {rows} x {columns}", _AGAIN)
    repeat_black = np.resize(black, rows * columns).reshape(rows, columns)
    n = cfa_cell.side(cfa)
    tiled = np.tile(repeat_black, (int(np.lcm(rows, n)) // rows, int(np.lcm(columns, n)) // columns))
    tiled = np.roll(tiled, (active.top, active.left), axis=(0, 1))
    return tiled, np.full_like(tiled, white[0])


def _deltas(page: Any, code: int, count: int) -> NDArray[np.float64] | None:
    deltas = tags.numbers(page, code)
    is_sound = deltas is not None and len(deltas) == count and np.isfinite(deltas).all()
    return deltas if is_sound and deltas is not None and deltas.any() else None


def _is_within(white: NDArray[np.float64], page: Any) -> bool:
    return bool(np.isfinite(white).all() and (_sample_format(page) == 3 or white.max() <= 65535))


def _bits(page: Any) -> int:
    bits = page.bitspersample
    return int(bits if isinstance(bits, int) else bits[0])


def _opcodes(
    file: Path, page: Any, code: int, shape: tuple[int, int], warnings: list[str], *, is_dng: bool
) -> bytes:
    tag = page.tags.get(code)
    data = b"" if tag is None else bytes(tag.value)
    try:
        opcode_bytes.parse(data, shape=shape)
    except opcode_bytes.UnsupportedOpcode as error:
        if not is_dng:  # makers of plain TIFFs borrow the tag for opcodes of their own, as MicaSense does
            warnings.append(f"opcode list {code} was left out: {error}")
            return b""
        raise UnsupportedFile(file, str(error), "convert it with Adobe's DNG Converter") from error
    except ValueError as error:
        raise DamagedFile(file, f"opcode list {code}: {error}", _AGAIN) from error
    return data


def _crop(page: Any, active: Area) -> Area | None:
    """DefaultCropOrigin (column, row) and Size (width, height), within the active area, to whole photosites."""
    origin = tags.numbers(page, dng_tags.DEFAULT_CROP_ORIGIN)
    size = tags.numbers(page, dng_tags.DEFAULT_CROP_SIZE)
    if (
        origin is None
        or size is None
        or len(origin) != 2
        or len(size) != 2
        or not np.isfinite([*origin, *size]).all()
    ):
        return None
    left, top = (round(n) for n in origin.tolist())
    width, height = (round(n) for n in size.tolist())
    if (
        min(left, top) < 0
        or min(width, height) < 1
        or left + width > active.width
        or top + height > active.height
    ):
        return None
    return Area(active.top + top, active.left + left, active.top + top + height, active.left + left + width)


def _masked_areas(page: Any, height: int, width: int) -> tuple[Area, ...]:
    values = tags.numbers(page, dng_tags.MASKED_AREAS)
    if values is None or len(values) % 4 or len(values) > 64:
        return ()
    areas = (Area(*(int(n) for n in four)) for four in values.reshape(-1, 4))
    return tuple(a for a in areas if 0 <= a.top < a.bottom <= height and 0 <= a.left < a.right <= width)


def _orientation(first: Any) -> int:
    value = int(tags.number(first, dng_tags.ORIENTATION, 1))
    return value if 1 <= value <= 8 else 1


def _aspect(page: Any) -> float:
    """DefaultScale: horizontal over vertical."""
    scale = tags.numbers(page, dng_tags.DEFAULT_SCALE)
    if scale is None or len(scale) != 2 or not np.isfinite(scale).all() or (scale <= 0).any():
        return 1.0
    return float(np.clip(scale[0] / scale[1], 0.1, 10.0))
