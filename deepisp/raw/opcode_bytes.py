"""Between DNG's opcode lists as bytes and the opcodes that they hold.

A list is big-endian whatever the file is: a count, then for each opcode its id, the DNG version that it
needs, flags, the size of its parameters, and these. Every number is checked here, once; who acts trusts it.

Source: Adobe, DNG specification 1.7.1, chapter 7 "Opcode List Processing".
"""

import struct
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from deepisp.raw.opcodes import (
    OPTIONAL,
    DeltaPerColumn,
    DeltaPerRow,
    FixBadPixelsConstant,
    FixBadPixelsList,
    FixVignetteRadial,
    GainMap,
    MapPolynomial,
    MapTable,
    Opcode,
    PerLine,
    Region,
    ScalePerColumn,
    ScalePerRow,
    TrimBounds,
    WarpFisheye,
    WarpRectilinear,
    WarpRectilinear2,
)

_MAX_PLANES = 4  # color planes of one picture, as in Adobe's DNG SDK (kMaxColorPlanes)
_MAX_OPCODES = 256  # real lists hold 1 to 20; each may cost a pass over the picture
_LARGEST = 1e6  # no coefficient of a camera comes near; keeps every float32 result finite


class UnsupportedOpcode(ValueError):  # named as the errors of raw/errors.py are
    """A list asks for an opcode that the file calls mandatory and that this version does not know."""


class _Payload:
    """The bytes of one opcode, read from front to back; takes no memory that they do not fill."""

    def __init__(self, data: bytes, shape: tuple[int, int], flags: int) -> None:
        self.data, self.shape, self.flags, self.at = data, shape, flags, 0

    def array(self, code: str, count: int, what: str) -> NDArray[np.generic]:
        """`count` big-endian numbers of NumPy's type `code`, in the machine's order and read-only."""
        kind = np.dtype(code)
        if count * kind.itemsize > len(self.data) - self.at:
            raise ValueError(
                f"{what}: {count} numbers are announced, {len(self.data) - self.at} bytes are left"
            )
        values = np.frombuffer(self.data, kind.newbyteorder(">"), count, self.at).astype(kind)
        self.at += count * kind.itemsize
        if kind.kind == "f" and not (np.abs(values) <= _LARGEST).all():
            first = values[~(np.abs(values) <= _LARGEST)][0]
            raise ValueError(f"{what}: {first:g} is not a finite number below {_LARGEST:g}")
        values.setflags(write=False)
        return values

    def whole(self, what: str) -> int:
        return int(self.array("u4", 1, what)[0])

    def reals(self, count: int, what: str) -> tuple[float, ...]:
        return tuple(float(value) for value in self.array("f8", count, what))

    def center(self) -> tuple[float, float]:
        x, y = self.reals(2, "center")
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise ValueError(f"center: {x:g}, {y:g} lies outside the picture")
        return x, y

    def planes(self) -> int:
        planes = self.whole("planes")
        if not 1 <= planes <= _MAX_PLANES:
            raise ValueError(f"planes: {planes} is none of 1 to {_MAX_PLANES}")
        return planes

    def region(self) -> tuple[Region, tuple[int, int]]:
        """The area, clamped to the picture, and the rows and columns that it announces before that."""
        top, left, bottom, right, plane, planes, row_pitch, column_pitch = (
            self.whole("area") for _ in range(8)
        )
        if row_pitch < 1 or column_pitch < 1 or planes < 1:
            raise ValueError(f"area: pitch {row_pitch}, {column_pitch} and planes {planes} must be 1 or more")
        if bottom <= top or right <= left:  # An empty area means the whole picture, as in Adobe's DNG SDK.
            if (row_pitch, column_pitch) != (1, 1):
                raise ValueError(f"area: {(top, left, bottom, right)} is empty, with a pitch")
            top, left, bottom, right = 0, 0, *self.shape
        if top >= self.shape[0] or left >= self.shape[1]:
            raise ValueError(
                f"area: {top}, {left} lies outside the picture of {self.shape[0]} x {self.shape[1]}"
            )
        announced = -(-(bottom - top) // row_pitch), -(-(right - left) // column_pitch)
        bottom, right = min(bottom, self.shape[0]), min(right, self.shape[1])
        return Region(top, left, bottom, right, plane, planes, row_pitch, column_pitch), announced


def _warp_rectilinear(payload: _Payload) -> WarpRectilinear:
    planes = payload.planes()
    sets = payload.array("f8", 6 * planes, "coefficients").reshape(planes, 6).astype(np.float64, copy=False)
    return WarpRectilinear(sets[:, :4], sets[:, 4:], payload.center(), payload.flags)


def _warp_fisheye(payload: _Payload) -> WarpFisheye:
    planes = payload.planes()
    radial = payload.array("f8", 4 * planes, "coefficients").reshape(planes, 4).astype(np.float64, copy=False)
    return WarpFisheye(radial, payload.center(), payload.flags)


def _warp_rectilinear_2(payload: _Payload) -> WarpRectilinear2:
    planes = payload.planes()
    sets = payload.array("f8", 19 * planes, "coefficients").reshape(planes, 19).astype(np.float64, copy=False)
    valid = sets[:, 17:]
    if not ((valid[:, 0] >= 0) & (valid[:, 0] < valid[:, 1]) & (valid[:, 1] <= 1)).all():
        raise ValueError(f"valid radius: {valid.tolist()} is no range within 0 to 1")
    center, reciprocal = payload.center(), payload.whole("reciprocal")
    return WarpRectilinear2(sets[:, :15], sets[:, 15:17], valid, center, reciprocal != 0, payload.flags)


def _fix_vignette_radial(payload: _Payload) -> FixVignetteRadial:
    return FixVignetteRadial(payload.reals(5, "coefficients"), payload.center(), payload.flags)


def _bayer_phase(payload: _Payload) -> int:
    phase = payload.whole("Bayer phase")
    if phase > 3:
        raise ValueError(f"Bayer phase: {phase} is none of 0 to 3")
    return phase


def _fix_bad_pixels_constant(payload: _Payload) -> FixBadPixelsConstant:
    return FixBadPixelsConstant(payload.whole("constant"), _bayer_phase(payload), payload.flags)


def _fix_bad_pixels_list(payload: _Payload) -> FixBadPixelsList:
    phase, count, rectangles = _bayer_phase(payload), payload.whole("points"), payload.whole("rectangles")
    points = payload.array("u4", 2 * count, "points").reshape(-1, 2).astype(np.int64)
    areas = payload.array("u4", 4 * rectangles, "rectangles").reshape(-1, 4).astype(np.int64)
    points = points[(points < payload.shape).all(1)]  # Past the picture: skipped, as in Adobe's DNG SDK.
    areas = np.minimum(areas, [*payload.shape, *payload.shape])
    areas = areas[(areas[:, :2] < areas[:, 2:]).all(1)]
    if (areas[:, 2:] - areas[:, :2]).prod(1).sum() > payload.shape[0] * payload.shape[1]:
        raise ValueError("rectangles: together they are larger than the picture")
    return FixBadPixelsList(points, areas, phase, payload.flags)


def _trim_bounds(payload: _Payload) -> TrimBounds:
    top, left, bottom, right = (payload.whole("bounds") for _ in range(4))
    if not (top < bottom <= payload.shape[0] and left < right <= payload.shape[1]):
        raise ValueError(f"bounds: {(top, left, bottom, right)} is no part of the picture of {payload.shape}")
    return TrimBounds(top, left, bottom, right, payload.flags)


def _map_table(payload: _Payload) -> MapTable:
    region, _ = payload.region()
    count = payload.whole("table size")
    if not 1 <= count <= 65536:
        raise ValueError(f"table size: {count} is none of 1 to 65536")
    return MapTable(region, payload.array("u2", count, "table").astype(np.uint16, copy=False), payload.flags)


def _map_polynomial(payload: _Payload) -> MapPolynomial:
    region, _ = payload.region()
    degree = payload.whole("degree")
    if degree > 8:  # the highest that the specification allows
        raise ValueError(f"degree: {degree} is above 8")
    return MapPolynomial(region, payload.reals(degree + 1, "coefficients"), payload.flags)


def _gain_map(payload: _Payload) -> GainMap:
    region, _ = payload.region()
    rows, columns = payload.whole("nodes"), payload.whole("nodes")
    spacing_v, spacing_h, origin_v, origin_h = payload.reals(4, "spacing and origin")
    planes = payload.whole("map planes")
    if min(rows, columns, planes) < 1:
        raise ValueError(f"nodes: a grid of {rows} x {columns} x {planes} is empty")
    if rows == 1:  # One node says the same everywhere; writers leave 0 for its spacing.
        spacing_v, origin_v = 1.0, 0.0
    if columns == 1:
        spacing_h, origin_h = 1.0, 0.0
    if min(spacing_v, spacing_h) < 1 / _LARGEST:
        raise ValueError(f"spacing: {spacing_v:g}, {spacing_h:g} must be positive")
    gains = payload.array("f4", rows * columns * planes, "gains").reshape(rows, columns, planes)
    if (gains < 0).any():  # type: ignore[operator]      # an array of float32, which `array` does not say
        raise ValueError("gains: some are negative")
    return GainMap(
        region,
        gains.astype(np.float32, copy=False),
        (spacing_v, spacing_h),
        (origin_v, origin_h),
        payload.flags,
    )


def _per_line(kind: type[PerLine], axis: int) -> Callable[[_Payload], PerLine]:
    def read(payload: _Payload) -> PerLine:
        region, announced = payload.region()
        count = payload.whole("count")
        if count != announced[axis]:
            raise ValueError(f"count: {count} values for {announced[axis]} lines")
        values = payload.array("f4", count, "values").astype(np.float32, copy=False)
        lines = (region.bottom - region.top, region.right - region.left)[axis]
        pitch = (region.row_pitch, region.column_pitch)[axis]
        return kind(region, values[: -(-lines // pitch)], payload.flags)

    return read


_READERS: dict[int, tuple[str, Callable[[_Payload], Opcode]]] = {
    1: ("WarpRectilinear", _warp_rectilinear),
    2: ("WarpFisheye", _warp_fisheye),
    3: ("FixVignetteRadial", _fix_vignette_radial),
    4: ("FixBadPixelsConstant", _fix_bad_pixels_constant),
    5: ("FixBadPixelsList", _fix_bad_pixels_list),
    6: ("TrimBounds", _trim_bounds),
    7: ("MapTable", _map_table),
    8: ("MapPolynomial", _map_polynomial),
    9: ("GainMap", _gain_map),
    10: ("DeltaPerRow", _per_line(DeltaPerRow, 0)),
    11: ("DeltaPerColumn", _per_line(DeltaPerColumn, 1)),
    12: ("ScalePerRow", _per_line(ScalePerRow, 0)),
    13: ("ScalePerColumn", _per_line(ScalePerColumn, 1)),
    14: ("WarpRectilinear2", _warp_rectilinear_2),
}


def parse(data: bytes, *, shape: tuple[int, int]) -> tuple[Opcode, ...]:
    """The opcodes of a list, in the order in which they are to be applied. b"" is an empty list.

    Args:
        data: the value of OpcodeList1, 2 or 3.
        shape: rows and columns that the opcodes speak of: the whole array for list 1, the active area for
            lists 2 and 3. Areas are clamped to it. Unknown opcodes that the file calls optional are skipped.

    Raises:
        UnsupportedOpcode: an unknown opcode is mandatory.
        ValueError: the list is malformed; says which opcode and which of its parameters.
    """
    if not data:
        return ()
    if len(data) < 4:
        raise ValueError(f"an opcode list starts with its count in 4 bytes, got {len(data)} bytes")
    (count,), at, found = struct.unpack_from(">I", data), 4, []
    if count > _MAX_OPCODES:
        raise ValueError(
            f"an opcode list of {count} is not credible; the most that is read is {_MAX_OPCODES}"
        )
    for index in range(count):
        if len(data) - at < 16:
            raise ValueError(
                f"opcode {index + 1} of {count} is cut off: {len(data) - at} of its 16 bytes are there"
            )
        number, _, flags, size = struct.unpack_from(">4I", data, at)
        at += 16
        if size > len(data) - at:
            raise ValueError(f"opcode {index + 1} of {count} has {size} bytes, {len(data) - at} are left")
        name, read = _READERS.get(number, (f"opcode {number}", None))
        if read is not None:
            found.append(_read(name, read, _Payload(data[at : at + size], shape, flags)))
        elif not flags & OPTIONAL:
            raise UnsupportedOpcode(f"opcode {number} is mandatory and unknown; known: 1 to {max(_READERS)}")
        at += size
    if at != len(data):
        raise ValueError(f"{len(data) - at} bytes follow the last of {count} opcodes")
    return tuple(found)


def _read(name: str, read: Callable[[_Payload], Opcode], payload: _Payload) -> Opcode:
    try:
        opcode = read(payload)
    except ValueError as error:
        raise ValueError(f"{name}, {error}") from error
    if payload.at != len(payload.data):
        raise ValueError(f"{name} takes {payload.at} bytes, got {len(payload.data)}")
    return opcode


def encode(opcodes: tuple[Opcode, ...]) -> bytes:
    """The bytes of a list: the twin of `parse`.

    Raises:
        TypeError: no encoder for an opcode; there is one for GainMap, WarpRectilinear, FixVignetteRadial,
            MapPolynomial, FixBadPixelsConstant and FixBadPixelsList.
    """
    parts = [struct.pack(">I", len(opcodes))]
    for opcode in opcodes:
        number, payload = _encoded(opcode)
        # 1.3.0.0 brought opcodes; all that are encoded here date from then.
        parts += [struct.pack(">4I", number, 0x01030000, opcode.flags, len(payload)), payload]
    return b"".join(parts)


def _encoded(opcode: Opcode) -> tuple[int, bytes]:
    match opcode:
        case WarpRectilinear():
            sets = np.hstack([opcode.radial, opcode.tangential])
            return 1, struct.pack(">I", len(sets)) + _bytes(">f8", sets, opcode.center)
        case FixVignetteRadial():
            return 3, _bytes(">f8", opcode.coefficients, opcode.center)
        case FixBadPixelsConstant():
            return 4, _bytes(">u4", [opcode.constant, opcode.bayer_phase])
        case FixBadPixelsList():
            counts = [opcode.bayer_phase, len(opcode.points), len(opcode.rectangles)]
            return 5, _bytes(">u4", counts, opcode.points, opcode.rectangles)
        case MapPolynomial():
            head = _bytes(">u4", opcode.region, [len(opcode.coefficients) - 1])
            return 8, head + _bytes(">f8", opcode.coefficients)
        case GainMap():
            head = _bytes(">u4", opcode.region, opcode.gains.shape[:2])
            place = _bytes(">f8", opcode.spacing, opcode.origin)
            return 9, head + place + _bytes(">u4", opcode.gains.shape[2:]) + _bytes(">f4", opcode.gains)
        case _:
            raise TypeError(
                f"no encoder for {type(opcode).__name__}; see the docstring of encode for those there are"
            )


def _bytes(code: str, *values: object) -> bytes:
    return b"".join(np.asarray(value, code).tobytes() for value in values)
