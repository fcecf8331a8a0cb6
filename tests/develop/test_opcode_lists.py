"""Opcode lists inside a development: where they act, and what becomes of saturated light."""

import struct
from dataclasses import replace

import numpy as np
import pytest

import deepisp
from deepisp.develop import bands, lens, opcode_lists, plan, tensors
from deepisp.develop.settings import Settings
from deepisp.develop.shading import GainGrid
from deepisp.raw import opcode_bytes, opcodes
from deepisp.raw.image import Area, RawImage
from deepisp.raw.opcodes import Region

MODES = ("clip", "blend", "reconstruct")
NEUTRAL = np.array([0.5, 1.0, 0.66])
SIGNAL = {
    "tone": "none",
    "color": "camera",
    "bits": 32,
    "model": "none",
}  # camera colors, balanced; 1 is the lowest clip level
LETTERS = np.array([[0, 1], [1, 2]])


def mosaic(light, shape=(48, 64), **changes):
    """A Bayer frame of flat camera light (3,) or of light (3, H, W); black 0, white 65535."""
    light = np.broadcast_to(np.reshape(light, (3, *np.shape(light)[1:]) if np.ndim(light) > 1 else (3, 1, 1)),
                            (3, *(np.shape(light)[1:] or shape)))  # fmt: skip
    color = np.tile(LETTERS, (-(-light.shape[1] // 2), -(-light.shape[2] // 2)))[
        : light.shape[1], : light.shape[2]
    ]
    values = np.take_along_axis(light, color[None], 0)[0] * 65535
    return RawImage(
        **(
            {"mosaic": np.round(values).astype(np.uint16), "cfa": "RGGB", "as_shot_neutral": NEUTRAL}
            | changes
        )
    )


def linear(light, shape=(48, 64), **changes):
    """The same frame, demosaiced already."""
    values = np.broadcast_to(np.round(np.array(light) * 65535).astype(np.uint16), (*shape, 3))
    levels = {"black_level": np.zeros(3), "white_level": np.full(3, 65535.0)}
    return RawImage(**({"linear": values, "as_shot_neutral": NEUTRAL} | levels | changes))


def region(shape, **changes):
    return Region(0, 0, *shape)._replace(**changes)


def polynomial(*coefficients, shape=(48, 64), **changes):
    one = opcodes.MapPolynomial(region(shape, planes=3, **changes), coefficients)
    return opcode_bytes.encode((one,))


def raw_list(*items):
    """A list of (id, payload), for the opcodes that have no encoder."""
    parts = [struct.pack(">4I", number, 0x01030000, 1, len(data)) + data for number, data in items]
    return struct.pack(">I", len(parts)) + b"".join(parts)


def per_row(values, area, number=10):
    data = struct.pack(">8I", *area) + struct.pack(f">I{len(values)}f", len(values), *values)
    return raw_list((number, data))


@pytest.mark.parametrize("highlights", MODES)
@pytest.mark.parametrize("name", ["opcode_list_1", "opcode_list_2", "opcode_list_3"])
@pytest.mark.parametrize("make", [mosaic, linear])
def test_saturated_light_stays_white_where_a_polynomial_moves_its_plateau(make, name, highlights):
    if make is linear and name == "opcode_list_1":
        pytest.skip("list 1 acts on mosaics")
    plateau = np.full(3 if make is linear else (2, 2), 0.9 * 65535)
    frame = make((0.9,) * 3, saturation_level=plateau, **{name: polynomial(0.0, 0.0, 1.0)})
    for tone in ("none", "default"):
        pixels = deepisp.develop(frame, highlights=highlights, tone=tone, warn=lambda line: None).astype(int)
        assert np.ptp(pixels, axis=2).max() <= 2
    assert plan.solve(frame, Settings()).clip_levels == pytest.approx(0.81 / NEUTRAL, rel=1e-5)


def test_a_plateau_is_carried_position_by_position_to_its_lowest_place():
    scales = opcode_lists.Scales(1.0, 1.0)
    cell = np.array([[0.5, 0.8], [1.0, 0.4]])
    square_even_rows = opcodes.MapPolynomial(region((6, 8), row_pitch=2), (0, 0, 1))
    assert opcode_lists.carried(cell, [square_even_rows], (6, 8), scales) == pytest.approx(
        np.array([[0.25, 0.64], [1.0, 0.4]])
    )
    rows = opcodes.ScalePerRow(region((6, 8)), np.float32([1, 1, 0.5, 2, 3, 0.25]))
    assert opcode_lists.carried(cell, [rows], (6, 8), scales) == pytest.approx(cell * [[0.5], [0.25]])
    away = opcodes.DeltaPerRow(region((6, 8)), np.full(6, -2, np.float32))
    assert opcode_lists.carried(cell, [away], (6, 8), scales).tolist() == cell.tolist()


SHAPE = (410, 96)  # more rows than one band


def gains(*, forced):
    """Slowly changing gains around 1.5, one map a position; `forced` to be said photosite by photosite."""
    smooth = 0.02 * np.random.default_rng(5).random((3, 4, 1))
    maps = [
        opcodes.GainMap(Region(row, column, *SHAPE, 0, 1, 2, 2),
                        np.float32(1.5 + 0.05 * row + smooth), (1 / 2, 1 / 3), (0.0, 0.0))
        for row, column in np.ndindex(2, 2)
    ]  # fmt: skip
    nothing = opcodes.GainMap(Region(5, 0, *SHAPE), np.ones((1, 1, 1), np.float32), (1.0, 1.0), (0.0, 0.0))
    return opcode_bytes.encode((*maps, nothing) if forced else tuple(maps))


@pytest.mark.parametrize("highlights", MODES)
def test_gains_that_no_grid_can_say_act_where_those_of_a_grid_do(highlights):
    ramp = np.linspace(0.1, 1.4, SHAPE[0])[:, None] * NEUTRAL[:, None, None] * np.ones((1, *SHAPE))
    frame = mosaic(np.minimum(ramp, 1.0))  # green clips at 1, the others never do
    on_grid, exact = (
        plan.solve(
            replace(frame, opcode_list_2=gains(forced=forced)),
            Settings(highlights=highlights, demosaic="bilinear", **SIGNAL),
        )
        for forced in (False, True)
    )
    assert isinstance(on_grid.shading, GainGrid)
    assert not isinstance(exact.shading, GainGrid)
    pictures = [bands.render(on_grid), bands.render(exact), tensors.render(exact, device="cpu")]
    assert pictures[0].max() > 1.45  # the gains reach clipped light
    for other in pictures[1:]:
        assert np.abs(other - pictures[0]).max() < 2e-3  # a cell's lowest gain, against that of the place
    exposed = [
        plan.solve(replace(frame, opcode_list_2=gains(forced=forced)), Settings()).matrix
        for forced in (False, True)
    ]
    assert exposed[0] == pytest.approx(exposed[1], rel=1e-3)


def test_auto_exposure_sees_the_light_that_lens_gains_bring():
    # Dark and gray: the brightest light is moved half of the way to white, and twice of it by half a stop less.
    double = (
        opcodes.FixVignetteRadial((0.0,) * 5, (0.5, 0.5)),
        opcodes.GainMap(
            region((48, 64), planes=3), np.full((1, 1, 1), 2, np.float32), (1.0, 1.0), (0.0, 0.0)
        ),
    )
    for make in (mosaic, linear):
        frame = make(NEUTRAL * 0.2)
        before = plan.solve(frame, Settings()).matrix
        after = plan.solve(replace(frame, opcode_list_2=opcode_bytes.encode(double)), Settings()).matrix
        assert (after / before)[0, 0] == pytest.approx(0.5**0.5, rel=1e-4)


@pytest.mark.parametrize("light", [0.3, 1.0])
@pytest.mark.parametrize("highlights", ["clip", "blend"])
def test_a_demosaiced_file_gets_the_gains_that_a_mosaic_gets(light, highlights):
    vignette = opcode_bytes.encode((opcodes.FixVignetteRadial((0.5, 0.2, 0, 0, 0), (0.5, 0.5)),))
    pictures = [
        deepisp.develop(
            make(np.minimum(NEUTRAL * light * 1.2, 1), opcode_list_2=vignette),
            highlights=highlights,
            **SIGNAL,
        )
        for make in (mosaic, linear)
    ]
    middle = np.s_[8:-8, 8:-8]
    assert (
        np.abs(pictures[0][middle] - pictures[1][middle]).max() < 5e-3
    )  # demosaicing bends a curve a little
    assert pictures[1].max() > 1.1 * pictures[1].min()


def test_list_3_speaks_of_the_cameras_own_colors():
    # A gray of 0.5 is (0.25, 0.5, 0.33); squared (0.0625, 0.25, 0.1089), and balanced (0.125, 0.25, 0.165).
    for make in (mosaic, linear):
        frame = make(NEUTRAL / 2, opcode_list_3=polynomial(0.0, 0.0, 1.0))
        for render in (bands.render, lambda solved: tensors.render(solved, device="cpu")):
            pixels = render(plan.solve(frame, Settings(**SIGNAL)))
            assert np.abs(pixels - [0.125, 0.25, 0.165]).max() < 1e-4


@pytest.mark.parametrize("is_float", [False, True])
def test_deltas_of_list_3_are_in_the_units_of_the_file(is_float):
    frame = mosaic(NEUTRAL / 2)
    unit = 65535.0
    if is_float:
        frame, unit = (
            replace(frame, mosaic=np.float32(frame.mosaic / 65535), white_level=np.ones((1, 1))),
            1.0,
        )
    area = (0, 0, 48, 64, 1, 1, 1, 1)  # green alone
    frame = replace(frame, opcode_list_3=per_row([0.125 * unit] * 48, area))
    pixels = deepisp.develop(frame, **SIGNAL)
    # Green clips at 1.125 now, still the lowest: that is 1 of the picture.
    assert np.abs(pixels * 1.125 - [0.5, 0.625, 0.5]).max() < 1e-4


def test_half_size_scales_the_parts_that_list_3_speaks_of():
    halved = polynomial(0.0, 0.5, top=16, bottom=32, left=8)
    for make in (mosaic, linear):
        light = deepisp.develop(make(NEUTRAL / 2, opcode_list_3=halved), half=True, **SIGNAL)
        expected = np.full((24, 32, 3), 0.5)
        expected[8:16, 4:] = 0.25
        assert np.abs(light - expected).max() < 1e-4
    rows = per_row(np.repeat([1.0, 0.5], 24), (0, 0, 48, 64, 0, 3, 1, 1), number=12)
    light = deepisp.develop(mosaic(NEUTRAL / 2, opcode_list_3=rows), half=True, **SIGNAL)
    assert np.abs(light[:12] - 0.5).max() < 1e-4
    assert np.abs(light[12:] - 0.25).max() < 1e-4


def test_half_size_leaves_out_and_names_what_treats_the_rows_of_a_pixel_differently():
    told = []
    frame = mosaic(NEUTRAL / 2, opcode_list_3=polynomial(0.0, 0.5, row_pitch=2))
    light = deepisp.develop(frame, half=True, warn=told.append, **SIGNAL)
    assert np.abs(light - 0.5).max() < 1e-4
    assert [line for line in told if "half size leaves out MapPolynomial" in line]


def test_every_list_may_trim_the_picture():
    # List 1 counts from the whole array's corner, the others from the active area's.
    trim = {number: raw_list((6, struct.pack(">4I", *bounds))) for number, bounds in
            {1: (10, 6, 48, 60), 2: (0, 4, 40, 60), 3: (0, 0, 30, 60)}.items()}  # fmt: skip
    y, x = np.mgrid[:48, :64]
    light = np.stack([0.2 + 0.01 * y + 0.002 * x] * 3) * NEUTRAL[:, None, None]
    frame = mosaic(light, active_area=Area(2, 4, 48, 64))
    whole = deepisp.develop(frame, tone="none", demosaic="bilinear", bits=16)
    for chosen, (top, left, bottom, right) in {
        (1,): (8, 2, 46, 56),
        (1, 2): (8, 4, 40, 56),
        (1, 2, 3): (8, 4, 30, 56),
    }.items():
        lists = {f"opcode_list_{number}": trim[number] for number in chosen}
        pixels = deepisp.develop(replace(frame, **lists), tone="none", demosaic="bilinear", bits=16)
        assert np.array_equal(pixels, whole[top:bottom, left:right])


def test_warps_take_the_threads_that_were_given(monkeypatch):
    seen, warp = [], lens.warp
    monkeypatch.setattr(
        lens,
        "warp",
        lambda *given, threads, **more: seen.append(threads) or warp(*given, threads=threads, **more),
    )
    bend = opcodes.WarpRectilinear(np.array([[1, 0.1, 0, 0]]), np.zeros((1, 2)), (0.5, 0.5))
    data = opcode_bytes.encode((bend,))
    deepisp.develop(mosaic(NEUTRAL / 2, opcode_list_3=data), threads=3)
    plan.solve(mosaic(NEUTRAL / 2, opcode_list_2=data), Settings(), threads=2)
    deepisp.develop(mosaic(NEUTRAL / 2, opcode_list_3=data), device="cpu:0", threads=4)
    assert seen == [3, 2, 4]
