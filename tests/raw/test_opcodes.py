import contextlib
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deepisp.raw import opcode_bytes
from deepisp.raw import opcodes as dng

SHAPE = (60, 80)
WHOLE = dng.Region(0, 0, *SHAPE)


def listed(*parts: tuple[int, int, bytes]) -> bytes:
    """A list of (id, flags, payload), written by hand."""
    body = b"".join(struct.pack(">4I", n, 0x01030000, flags, len(data)) + data for n, flags, data in parts)
    return struct.pack(">I", len(parts)) + body


def area(*numbers: int) -> bytes:
    return struct.pack(">8I", *numbers)


def one(number: int, payload: bytes, shape: tuple[int, int] = SHAPE) -> Any:
    (opcode,) = opcode_bytes.parse(listed((number, 0, payload)), shape=shape)
    return opcode


def some_of_each() -> tuple[dng.Opcode, ...]:
    rng = np.random.default_rng(1)
    return (
        dng.WarpRectilinear(rng.normal(size=(3, 4)), rng.normal(size=(3, 2)), (0.5, 0.25)),
        dng.FixVignetteRadial((0.1, 0.2, 0.3, 0.4, 0.5), (0.5, 0.5), flags=3),
        dng.FixBadPixelsConstant(17, 2),
        dng.FixBadPixelsList(np.array([[1, 2], [3, 4]]), np.array([[0, 0, 5, 5]]), 1),
        dng.MapPolynomial(dng.Region(0, 0, 60, 80, 1, 1, 1, 1), (0.0, 0.5, 0.5)),
        dng.GainMap(dng.Region(1, 0, 60, 80, 0, 1, 2, 2), np.float32([[[1], [2]], [[3], [4]]]), (1.0, 0.5)),
    )


def test_numbers_are_found_where_the_specification_puts_them() -> None:
    gain = one(
        9,
        area(1, 0, 60, 80, 0, 1, 2, 3) + struct.pack(">2I4dI6f", 2, 3, 0.5, 0.25, 0.1, 0.2, 1, *range(1, 7)),
    )
    assert gain.region == (1, 0, 60, 80, 0, 1, 2, 3)
    assert gain.region.slices == (slice(0, 1), slice(1, 60, 2), slice(0, 80, 3))
    assert gain.gains[:, :, 0].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert (gain.spacing, gain.origin, gain.flags) == ((0.5, 0.25), (0.1, 0.2), 0)
    warp = one(1, struct.pack(">I8d", 1, 1, 2, 3, 4, 5, 6, 0.25, 0.75))
    assert (warp.radial.tolist(), warp.tangential.tolist(), warp.center) == (
        [[1, 2, 3, 4]],
        [[5, 6]],
        (0.25, 0.75),
    )
    fisheye = one(2, struct.pack(">I6d", 1, 1, 2, 3, 4, 0.25, 0.75))
    assert (fisheye.radial.tolist(), fisheye.center) == ([[1, 2, 3, 4]], (0.25, 0.75))
    second = one(14, struct.pack(">I21dI", 1, *range(15), 21, 22, 0.1, 0.9, 0.25, 0.75, 1))
    assert second.radial.tolist() == [list(range(15))]
    assert (second.tangential.tolist(), second.valid.tolist()) == ([[21, 22]], [[0.1, 0.9]])
    assert (second.center, second.is_reciprocal) == ((0.25, 0.75), True)
    vignette = one(3, struct.pack(">7d", 1, 2, 3, 4, 5, 0.5, 0.25))
    assert (vignette.coefficients, vignette.center) == ((1, 2, 3, 4, 5), (0.5, 0.25))
    constant = one(4, struct.pack(">2I", 70000, 3))
    assert (constant.constant, constant.bayer_phase) == (70000, 3)
    bad = one(5, struct.pack(">3I", 1, 2, 1) + struct.pack(">8I", 5, 6, 59, 79, 1, 2, 3, 4))
    assert (bad.points.tolist(), bad.rectangles.tolist(), bad.bayer_phase) == (
        [[5, 6], [59, 79]],
        [[1, 2, 3, 4]],
        1,
    )
    trim = one(6, struct.pack(">4I", 1, 2, 30, 40))
    assert (trim.top, trim.left, trim.bottom, trim.right) == (1, 2, 30, 40)
    table = one(7, area(0, 0, 60, 80, 0, 1, 1, 1) + struct.pack(">I3H", 3, 0, 500, 65535))
    assert table.table.tolist() == [0, 500, 65535]
    polynomial = one(8, area(0, 0, 60, 80, 2, 1, 1, 1) + struct.pack(">I3d", 2, 0.5, 1, 2))
    assert (polynomial.coefficients, polynomial.region.plane) == ((0.5, 1, 2), 2)


@pytest.mark.parametrize(
    ("number", "kind", "lines"),
    [(10, "DeltaPerRow", 3), (11, "DeltaPerColumn", 2), (12, "ScalePerRow", 3), (13, "ScalePerColumn", 2)],
)
def test_lines_have_a_value_each(number: int, kind: str, lines: int) -> None:
    spot = area(1, 2, 6, 5, 0, 1, 2, 2)  # rows 1, 3, 5; columns 2, 4
    opcode = one(number, spot + struct.pack(f">I{lines}f", lines, *range(lines)))
    assert type(opcode).__name__ == kind
    assert opcode.values.tolist() == list(range(lines))
    with pytest.raises(ValueError, match=f"{kind}, count: {lines + 1} values for {lines} lines"):
        one(number, spot + struct.pack(f">I{lines + 1}f", lines + 1, *range(lines + 1)))


def test_an_area_is_clamped_to_the_picture_and_an_empty_one_is_all_of_it() -> None:
    tail = struct.pack(">Id", 0, 1.0)
    assert one(8, area(10, 20, 1000, 2000, 0, 3, 2, 2) + tail).region == (10, 20, 60, 80, 0, 3, 2, 2)
    assert one(8, area(0, 0, 0, 0, 0, 1, 1, 1) + tail).region == WHOLE
    cut = one(10, area(50, 0, 70, 80, 0, 1, 3, 1) + struct.pack(">I7f", 7, *range(7)))
    assert cut.values.tolist() == [0, 1, 2, 3]  # of rows 50, 53, 56, 59 that are there


def test_bad_pixels_outside_the_picture_are_left_out() -> None:
    bad = one(
        5, struct.pack(">3I", 0, 3, 2) + struct.pack(">14I", 60, 0, 0, 80, 7, 7, 50, 70, 99, 99, 70, 0, 80, 9)
    )
    assert bad.points.tolist() == [[7, 7]]
    assert bad.rectangles.tolist() == [[50, 70, 60, 80]]


def test_unknown_optional_opcodes_are_skipped_and_mandatory_ones_refused() -> None:
    known = (4, 0, struct.pack(">2I", 1, 0))
    (kept,) = opcode_bytes.parse(listed((15, 1, b"abc"), known, (99, 3, b"")), shape=SHAPE)
    assert isinstance(kept, dng.FixBadPixelsConstant)
    for flags in (0, 2):
        with pytest.raises(
            opcode_bytes.UnsupportedOpcode, match="opcode 15 is mandatory and unknown; known: 1 to 14"
        ):
            opcode_bytes.parse(listed((15, flags, b"abc"), known), shape=SHAPE)


NAN = float("nan")
GRID = struct.pack(">2I4dI", 2, 2, 1, 1, 0, 0, 1)


@pytest.mark.parametrize(
    ("number", "payload", "message"),
    [
        (1, struct.pack(">I8d", 1, NAN, 0, 0, 0, 0, 0, 0.5, 0.5), "WarpRectilinear, coefficients: .* finite"),
        (1, struct.pack(">I8d", 1, 1e300, 0, 0, 0, 0, 0, 0.5, 0.5), "WarpRectilinear, coefficients: .* finite"),
        (1, struct.pack(">I8d", 0, 1, 0, 0, 0, 0, 0, 0.5, 0.5), "planes: 0 is none"),
        (1, struct.pack(">I8d", 2**31, 1, 0, 0, 0, 0, 0, 0.5, 0.5), "planes: 2147483648 is none"),
        (1, struct.pack(">I8d", 2, 1, 0, 0, 0, 0, 0, 0.5, 0.5), "coefficients: 12 numbers are announced, 64 bytes"),
        (1, struct.pack(">I8d", 1, 1, 0, 0, 0, 0, 0, 1.5, 0.5), "center: 1.5, 0.5 lies outside"),
        (1, struct.pack(">I9d", 1, 1, 0, 0, 0, 0, 0, 0.5, 0.5, 0), "WarpRectilinear takes 68 bytes, got 76"),
        (14, struct.pack(">I21dI", 1, *range(17), 0.9, 0.1, 0.5, 0.5, 1), "valid radius: .* no range"),
        (4, struct.pack(">2I", 0, 4), "Bayer phase: 4"),
        (5, struct.pack(">3I", 0, 2**30, 0), "points: 2147483648 numbers are announced, 0 bytes"),
        (5, struct.pack(">11I", 0, 0, 2, 0, 0, 60, 80, 0, 0, 60, 80), "rectangles: together .* larger"),
        (6, struct.pack(">4I", 0, 0, 61, 80), "bounds: .* no part of the picture"),
        (7, area(0, 0, 60, 80, 0, 1, 1, 1) + struct.pack(">I", 0), "table size: 0"),
        (8, area(0, 0, 60, 80, 0, 1, 1, 1) + struct.pack(">I10d", 9, *range(10)), "degree: 9 is above 8"),
        (8, area(0, 0, 60, 80, 0, 1, 0, 1) + struct.pack(">Id", 0, 1), "area: pitch 0, 1"),
        (8, area(0, 0, 0, 0, 0, 1, 2, 2) + struct.pack(">Id", 0, 1), "area: .* empty, with a pitch"),
        (8, area(60, 0, 70, 80, 0, 1, 1, 1) + struct.pack(">Id", 0, 1), "area: 60, 0 lies outside"),
        (9, area(0, 0, 60, 80, 0, 1, 1, 1) + GRID + struct.pack(">4f", 1, 1, -1, 1), "gains: some are negative"),
        (9, area(0, 0, 60, 80, 0, 1, 1, 1) + GRID + struct.pack(">4f", 1, 1, NAN, 1), "gains: .* finite"),
        (9, area(0, 0, 60, 80, 0, 1, 1, 1) + struct.pack(">2I4dI", 2, 2, 0, 1, 0, 0, 1), "spacing: 0, 1"),
        (9, area(0, 0, 60, 80, 0, 1, 1, 1) + struct.pack(">2I4dI", 2**31, 2**31, 1, 1, 0, 0, 1), "gains: .* announced"),
    ],
)  # fmt: skip
def test_malformed_opcodes_say_what_is_wrong(number: int, payload: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        one(number, payload)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\0\0\0", "count in 4 bytes, got 3"),
        (struct.pack(">I", 1), "opcode 1 of 1 is cut off: 0 of its 16"),
        (struct.pack(">5I", 1, 4, 0, 0, 9), "opcode 1 of 1 has 9 bytes, 0 are left"),
        (struct.pack(">I", 2**32 - 1), "list of 4294967295 is not credible"),
        (struct.pack(">I", 0) + b"abc", "3 bytes follow the last of 0"),
    ],
)
def test_malformed_lists_say_what_is_wrong(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        opcode_bytes.parse(data, shape=SHAPE)


def test_no_list_is_an_empty_one() -> None:
    assert opcode_bytes.parse(b"", shape=SHAPE) == opcode_bytes.parse(struct.pack(">I", 0), shape=SHAPE) == ()


def test_encode_undoes_parse() -> None:
    data = opcode_bytes.encode(some_of_each())
    again = opcode_bytes.parse(data, shape=SHAPE)
    assert [type(opcode) for opcode in again] == [type(opcode) for opcode in some_of_each()]
    assert opcode_bytes.encode(again) == data
    assert again[1].flags == 3
    with pytest.raises(TypeError, match="no encoder for TrimBounds"):
        opcode_bytes.encode((dng.TrimBounds(0, 0, 1, 1),))


def test_what_is_parsed_cannot_be_changed() -> None:
    gain = opcode_bytes.parse(opcode_bytes.encode(some_of_each()), shape=SHAPE)[5]
    assert isinstance(gain, dng.GainMap)
    with pytest.raises(ValueError, match="read-only"):
        gain.gains[0, 0, 0] = 2


def only_refused(data: bytes) -> None:
    started = time.thread_time()
    with contextlib.suppress(ValueError):
        opcode_bytes.parse(data, shape=SHAPE)
    assert time.thread_time() - started < 0.5  # a tenth of a millisecond is usual


VALID = opcode_bytes.encode(some_of_each())


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused_in_order(data: bytes) -> None:
    only_refused(data)


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 14), st.binary(max_size=120))
def test_arbitrary_payloads_are_refused_in_order(number: int, payload: bytes) -> None:
    only_refused(listed((number, 0, payload)))


@settings(max_examples=500, deadline=None)
@given(st.integers(0, len(VALID) - 4), st.binary(min_size=4, max_size=4), st.integers(0, len(VALID)))
@example(0, b"\xff\xff\xff\xff", len(VALID))
def test_mutations_of_a_valid_list_are_refused_in_order(at: int, new: bytes, end: int) -> None:
    only_refused(VALID[:at] + new + VALID[at + 4 :])
    only_refused(VALID[:end])


def raw_tag(path: Path, code: int) -> bytes:
    with tifffile.TiffFile(path) as file:
        first = file.pages.first
        for page in (first, *(first.pages or ())):
            if code in page.tags:
                return bytes(page.tags[code].value)
    raise AssertionError(f"{path.name} has no tag {code}")


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "nodes"),
    [
        ("gopro-hero6-iso100-mural-walkway.derived-from-gpr.dng", (23, 23, 1)),
        ("gopro-hero7-iso267-colorchecker-fisheye.gpr", (23, 22, 1)),
    ],
)
def test_gopro_has_a_gain_map_for_each_position(data: Path, name: str, nodes: tuple[int, int, int]) -> None:
    tag = raw_tag(data / "raw" / name, 51009)
    maps = opcode_bytes.parse(tag, shape=(3000, 4000))
    assert [m.region[:2] for m in maps if isinstance(m, dng.GainMap)] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    for gain in maps:
        assert isinstance(gain, dng.GainMap)
        assert gain.region[2:] == (3000, 4000, 0, 1, 2, 2)
        assert gain.gains.shape == nodes
        assert gain.gains.min() >= 1
        assert gain.gains[0, 0] > 1.6  # corners darken
    again = opcode_bytes.encode(maps)
    differing = {at for at, (old, new) in enumerate(zip(tag, again, strict=True)) if old != new}
    assert differing == {9 + k * (len(tag) - 4) // 4 for k in range(4)}  # the version alone: 1.4 became 1.3


@pytest.mark.data
def test_adobe_lossy_dng_has_a_polynomial_for_each_plane(data: Path) -> None:
    tag = raw_tag(data / "raw" / "canon-eos-6d-iso1000-night-desk-adobe-lossy-linear.dng", 51009)
    for plane, opcode in enumerate(opcode_bytes.parse(tag, shape=(816, 1224))):
        assert isinstance(opcode, dng.MapPolynomial)
        assert opcode.region == (0, 0, 816, 1224, plane, 1, 1, 1)
        assert opcode.coefficients == (0, 1 / 128, 0, 127 / 128)


@pytest.mark.data
def test_micasense_opcodes_of_its_own_are_refused(data: Path) -> None:
    tag = raw_tag(data / "raw" / "micasense-rededge-mono-panel-nir.tif", 51022)
    with pytest.raises(opcode_bytes.UnsupportedOpcode, match="opcode 48739 is mandatory"):
        opcode_bytes.parse(tag, shape=(960, 1280))
