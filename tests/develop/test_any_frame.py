"""Whatever a sensor or a file could give, with whatever settings: a picture of the right shape and type, and finite."""

from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import deepisp
from deepisp.develop import bands, frame, plan, tensors
from deepisp.develop.settings import Settings, Space
from deepisp.raw.image import Area, ColorCalibration, RawImage
from deepisp.sensor import cfa as cfa_cell
from deepisp.sensor.cfa import BAYER, LETTERS, XTRANS

QUAD = "RRGGRRGGGGBBGGBB"
NONSENSE = (0.0, -1.0, np.nan, np.inf, 1e-30, 1e30)  # what damaged files give for a neutral or a matrix


def any_cfa() -> st.SearchStrategy[str]:
    known = st.sampled_from([*BAYER, QUAD, XTRANS, "W", "GMCY", "RGBW", "RYYB", "RCCB", "RGGW"])
    turned = st.builds(cfa_cell.shift, known, st.integers(0, 5), st.integers(0, 5))
    made = st.sampled_from((1, 2, 3, 4, 6, 8)).flatmap(
        lambda side: st.text(LETTERS, min_size=side * side, max_size=side * side)
    )
    return st.one_of(known, turned, made)


def values(shape: tuple[int, ...], style: str, is_float: bool, seed: int) -> np.ndarray:
    """Stored values: noise over the whole range, one value, only the ends, or (floats) things that are no numbers."""
    rng = np.random.default_rng(seed)
    if style == "noise":
        found = rng.integers(0, 65536, shape).astype(np.float64)
    elif style == "flat":
        found = np.full(shape, float(rng.integers(0, 65536)))
    else:
        found = rng.choice([0.0, 65535.0, 600.0], shape)
    if not is_float:
        return found.astype(np.uint16)
    found = found / rng.choice([1, 65535])
    if style == "broken":
        odd = rng.random(shape) < rng.choice([0.01, 0.3, 1.0])
        found[odd] = rng.choice([np.nan, np.inf, -np.inf, -1e30, 1e38, 1e-40], odd.sum())
    return found.astype(np.float32)


@st.composite
def numbers(draw: st.DrawFn, *shape: int) -> np.ndarray:
    """A neutral or a matrix: of a camera, or in part nonsense."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    found = rng.uniform(0.2, 2, shape) if len(shape) == 1 else np.eye(*shape) + rng.uniform(-0.3, 0.3, shape)
    if draw(st.integers(0, 3)) == 0:
        found[rng.random(shape) < 0.4] = draw(st.sampled_from(NONSENSE))
    return found


def some_area(draw: st.DrawFn, inside: Area) -> Area:
    top = draw(st.integers(inside.top, inside.bottom - 1))
    left = draw(st.integers(inside.left, inside.right - 1))
    bottom = draw(st.integers(top + 1, inside.bottom))
    return Area(top, left, bottom, draw(st.integers(left + 1, inside.right)))


@st.composite
def frames(draw: st.DrawFn) -> RawImage:
    """What the reader can hand on: black below white at each position; the rest as a file may have it."""
    height, width = draw(st.integers(1, 67)), draw(st.integers(1, 67))
    is_linear = draw(st.integers(0, 5)) == 0
    cfa = "" if is_linear else draw(any_cfa())
    shape = (height, width, 3) if is_linear else (height, width)
    style = draw(st.sampled_from(["noise", "flat", "ends", "broken"]))
    data = values(shape, style, draw(st.booleans()), draw(st.integers(0, 2**32)))
    colors = 3 if is_linear else len(cfa_cell.colors(cfa))
    cell = (3,) if is_linear else draw(st.sampled_from([(1, 1), (2, 2), (cfa_cell.side(cfa),) * 2, (1, 2)]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    top = draw(st.sampled_from([1.0, 255.0, 4095.0, 65535.0]))
    black = rng.uniform(0, 0.9, cell) * top * draw(st.sampled_from([0.0, 0.1, 1.0]))
    white = black + (top - black) * rng.uniform(0.01, 1, cell)
    raw = RawImage(
        **({"linear": data} if is_linear else {"mosaic": data, "cfa": cfa}),
        black_level=black,
        white_level=white,
        saturation_level=draw(st.sampled_from([None, white, black + 0.7 * (white - black)])),
        as_shot_neutral=draw(st.none() | numbers(colors)),
        as_shot_white_xy=draw(st.sampled_from([None, (0.3127, 0.329), (0.45, 0.41), (0.01, 0.9)])),
        calibrations=draw(
            st.lists(
                st.builds(ColorCalibration, numbers(colors, 3), st.sampled_from([17, 21, 0])), max_size=2
            ).map(tuple)
        ),
        analog_balance=draw(st.none() | numbers(colors)),
        baseline_exposure_ev=draw(st.floats(-5, 5)),
        orientation=draw(st.integers(1, 8)),
        pixel_aspect=draw(st.sampled_from([1.0, 1.0, 0.5, 1.5346, 2.0])),
    )
    if draw(st.booleans()):
        raw = replace(raw, active_area=some_area(draw, raw.active))
        raw = replace(raw, default_crop=some_area(draw, raw.active))
    if draw(st.integers(0, 4)) == 0:
        rows, columns = (rng.normal(0, 20, side) for side in raw.active.shape)
        raw = replace(raw, black_rows=rows, black_columns=columns)
    return raw


@st.composite
def asked(draw: st.DrawFn, raw: RawImage) -> Settings:
    """Settings that fit the frame."""
    gains = ",".join(f"{draw(st.floats(0.01, 40)):.3f}" for _ in raw.colors)
    ways = ["camera", "auto", "daylight", "2000", "5200,10", "25000,-150"]
    if len(raw.colors) in (3, 4):
        ways.append(gains)
    changes: dict[str, Any] = {"wb": draw(st.sampled_from(ways))}
    for name in ("highlights", "demosaic", "tone", "bits"):
        changes[name] = draw(st.sampled_from(get_args(Settings.model_fields[name].annotation)))
    for name in ("half", "hot_pixels", "lens"):
        changes[name] = draw(st.booleans())
    changes["color"] = draw(st.sampled_from(get_args(Space)))
    changes["ev"] = draw(st.sampled_from([0.0, -10.0, 10.0, 0.3]))
    changes["size"] = draw(st.sampled_from([None, None, 16, 40]))
    if draw(st.integers(0, 5)) == 0:
        changes |= {"black": draw(st.floats(0, 60000)), "white": 65535.0}
    return Settings(**changes)


def expected_shape(raw: RawImage, how: Settings) -> tuple[int, int]:
    """Rows and columns: of the crop, in blocks if halved, with square pixels, not above the size, upright."""
    side = 1
    if how.half:
        side = 2 if raw.kind in ("linear", "mono") else 3 if raw.kind == "xtrans" else cfa_cell.side(raw.cfa)
    height, width = raw.crop.height // side, raw.crop.width // side
    if raw.pixel_aspect < 1:
        height = round(height / raw.pixel_aspect)
    else:
        width = round(width * raw.pixel_aspect)
    if how.size is not None and max(height, width) > how.size:
        scale = how.size / max(height, width)
        height, width = max(1, round(height * scale)), max(1, round(width * scale))
    return (width, height) if raw.orientation > 4 else (height, width)


class FreshMemory:
    """numpy, but what `empty` gives holds a known value, as memory that another picture has used may."""

    def __init__(self, value: float) -> None:
        self._value = value

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def empty(self, shape: Any, dtype: Any = float) -> np.ndarray:
        return np.full(shape, self._value, dtype)


def developed(raw: RawImage, how: Settings, *, memory: float, threads: int) -> np.ndarray:
    with pytest.MonkeyPatch.context() as patch:
        for module in (bands, frame, plan):
            patch.setattr(module, "np", FreshMemory(memory))
        return deepisp.develop(raw, how, threads=threads, warn=lambda line: None)


@settings(
    max_examples=1000, deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck]
)
@given(st.data())
def test_any_frame_is_developed(data: st.DataObject) -> None:
    raw = data.draw(frames())
    how = data.draw(asked(raw))
    before = raw.data.tobytes()
    if 0 in expected_shape(raw, how.model_copy(update={"size": None})):
        with pytest.raises(ValueError, match="leave half out"):
            deepisp.develop(raw, how)
        return
    pixels = developed(raw, how, memory=0.3, threads=1)
    assert np.array_equal(pixels, developed(raw, how, memory=77.0, threads=2))
    assert pixels.shape == (*expected_shape(raw, how), 3)
    assert pixels.dtype == {8: np.uint8, 16: np.uint16, 32: np.float32}[how.bits]
    assert np.isfinite(pixels).all()
    assert raw.data.tobytes() == before  # the caller's array is not touched


def gray_frame(mosaic: np.ndarray, cfa: str = "RGGB", **changes: Any) -> RawImage:
    """Black 600, white 4600, balanced already."""
    colors = len(cfa_cell.colors(cfa))
    levels = {"black_level": np.full((1, 1), 600.0), "white_level": np.full((1, 1), 4600.0)}
    return RawImage(**({"mosaic": mosaic, "cfa": cfa, "as_shot_neutral": np.ones(colors)} | levels | changes))


def test_noise_around_black_has_a_mean_of_zero() -> None:
    """Nothing wraps around below black, and nothing is cut off there."""
    deviation, side = 20, 256
    noise = np.random.default_rng(1).normal(600, deviation, (side, side))
    raw = gray_frame(np.round(noise).astype(np.uint16))
    light = deepisp.develop(raw, tone="none", color="linear-rec2020", bits=32, demosaic="bilinear")
    standard_error = deviation / 4000 / (side / 2)  # of the mean of a quarter of the photosites: red, or blue
    assert np.abs(light.mean((0, 1))).max() < 5 * standard_error
    assert (light < 0).mean() > 0.4


def test_what_is_no_number_is_black_and_is_counted() -> None:
    mosaic = np.full((64, 64), 2600, np.float32)
    whole = deepisp.develop(gray_frame(mosaic), tone="none", bits=16)
    mosaic[10, 20:23] = np.nan
    told: list[str] = []
    pixels = deepisp.develop(gray_frame(mosaic), tone="none", bits=16, warn=told.append)
    assert [line for line in told if "3 values are no numbers" in line]
    assert pixels[10, 21].max() < whole[10, 21].min() / 2
    assert np.array_equal(pixels[32:], whole[32:])


@pytest.mark.parametrize(("value", "expected"), [(np.inf, 255), (3e38, 255), (-np.inf, 0), (-3e38, 0)])
@pytest.mark.parametrize("highlights", ["clip", "blend", "reconstruct"])
def test_huge_values_are_white_or_black(value: float, expected: int, highlights: str) -> None:
    mosaic = np.full((48, 48), 2600, np.float32)
    mosaic[:24] = value
    pixels = deepisp.develop(gray_frame(mosaic), tone="none", highlights=highlights)
    assert (pixels[:8] == expected).all()
    assert np.ptp(pixels[40:].astype(int)) <= 1
    assert 150 < pixels[40:].min() < 200  # half of white is 188 in sRGB


@pytest.mark.parametrize("cfa", ["W", "RGGR", "RGGB", "GMCY"])
def test_camera_colors_fill_three_channels_on_both_paths(cfa: str) -> None:
    """Flat light of 0.2, 0.3, ... per color: one color is gray, of two the third is 0, a fourth is left out."""
    letters = cfa_cell.indices(cfa)
    mosaic = np.tile(600 + 4000 * (0.2 + 0.1 * letters), (24 // len(letters),) * 2).round().astype(np.uint16)
    expected = [(0.2, 0.2, 0.2), (0.2, 0.3, 0.0), (0.2, 0.3, 0.4), (0.2, 0.3, 0.4)][letters.max()]
    raw, how = gray_frame(mosaic, cfa), Settings(color="camera", bits=32, tone="none", model="none")
    on_torch = tensors.render(plan.solve(raw, how), device="cpu")
    for pixels in (developed(raw, how, memory=77.0, threads=1), on_torch):
        assert pixels.shape == (24, 24, 3)
        np.testing.assert_allclose(pixels, np.broadcast_to(expected, pixels.shape), atol=1e-4)


def test_white_below_black_at_one_position_is_refused() -> None:
    black = np.array([[600.0, 5000.0], [600.0, 600.0]])
    white = np.full((2, 2), 4600.0)
    raw = gray_frame(np.full((8, 8), 900, np.uint16), black_level=black, white_level=white)
    with pytest.raises(ValueError, match="white must lie above black"):
        deepisp.develop(raw)


@pytest.mark.parametrize("cfa", ["RGGB", XTRANS, "W"])
@pytest.mark.parametrize("shape", [(4000, 1), (1, 4000)])
def test_a_line_is_developed(cfa: str, shape: tuple[int, int]) -> None:
    mosaic = np.random.default_rng(1).integers(600, 4600, shape, np.uint16)
    assert deepisp.develop(gray_frame(mosaic, cfa)).shape == (*shape, 3)
