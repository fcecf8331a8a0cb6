"""The whole way: both paths agree, cuts do not show, flat colors stay what they are."""

import numpy as np
import pytest
import torch

import deepisp
from deepisp.develop import bands, plan, tensors
from deepisp.develop.settings import Settings
from deepisp.develop.shading import GainGrid
from deepisp.raw import opcode_bytes, opcodes
from deepisp.raw.image import Area, ColorCalibration, RawImage
from deepisp.sensor.cfa import BAYER, XTRANS, colors, indices, side

QUAD = "RRGGRRGGGGBBGGBB"
# XYZ to camera of a made-up sensor whose channels are linear sRGB: the inverse of IEC 61966-2-1's matrix.
SRGB = np.linalg.inv(np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]))


def sensor_frame(cfa, light, **changes):
    """A raw frame of camera light (C, H, W), 0 to 1, black 100, white 4100."""
    height, width = light.shape[-2:]
    n = side(cfa)
    color = np.tile(indices(cfa), (-(-height // n), -(-width // n)))[:height, :width]
    signal = np.take_along_axis(light, color[None], 0)[0]
    given = {
        "mosaic": np.round(100 + 4000 * signal).astype(np.uint16),
        "cfa": cfa,
        "black_level": np.full((n, n), 100.0),
        "white_level": np.full((n, n), 4100.0),
        "saturation_level": np.full((n, n), 4100.0),
        "as_shot_neutral": np.ones(len(colors(cfa))),
        "calibrations": (ColorCalibration(SRGB),) if colors(cfa) == "RGB" else (),
    }
    return RawImage(**(given | changes))


def random_light(height, width, channels=3, seed=0):
    rng = np.random.default_rng(seed)
    coarse = rng.random((channels, -(-height // 4), -(-width // 4)))
    fine = np.repeat(np.repeat(coarse, 4, 1), 4, 2)[:, :height, :width]
    return 0.05 + 0.8 * fine + rng.normal(0, 0.01, (channels, height, width))


@pytest.mark.parametrize("cfa", [*BAYER, XTRANS, QUAD, "W"])
@pytest.mark.parametrize("patch", [(0.5, 0.05, 0.05), (0.05, 0.5, 0.05), (0.05, 0.05, 0.5), (0.3, 0.3, 0.3)])
def test_a_flat_patch_keeps_its_color(cfa, patch):
    light = np.array(patch[: len(colors(cfa))]).reshape(-1, 1, 1) * np.ones((1, 36, 48))
    pixels = deepisp.develop(sensor_frame(cfa, light), tone="none", color="linear-srgb", bits=32)
    expected = patch if len(colors(cfa)) == 3 else patch[:1] * 3
    assert np.abs(pixels - np.array(expected)).max() < 0.01


@pytest.mark.parametrize("cfa", [*BAYER, XTRANS, QUAD, "GMCY", "W"])
@pytest.mark.parametrize("highlights", ["clip", "blend", "reconstruct"])
def test_numba_and_torch_give_the_same_picture(cfa, highlights):
    light = random_light(70, 82, len(colors(cfa))) * 1.3
    frame = sensor_frame(cfa, np.minimum(light, 1))
    solved = plan.solve(frame, Settings(highlights=highlights, bits=16, wb="camera", model="none"))
    fast, plain = bands.render(solved), tensors.render(solved, device="cpu")
    difference = np.abs(fast.astype(int) - plain.astype(int))
    assert difference.max() <= 24  # of 65535: a tenth of a step of 8 bits
    assert difference.mean() < 1


# A cell whose side does not divide the halo.
EIGHT = "".join(np.random.default_rng(8).choice(list("RGGB"), 64))


def linear_frame(light, neutral):
    """A file that is demosaiced already, of camera light (3, H, W), black 100, white 4100."""
    return RawImage(
        linear=np.round(100 + 4000 * light.transpose(1, 2, 0)).astype(np.uint16),
        black_level=np.full(3, 100.0),
        white_level=np.full(3, 4100.0),
        as_shot_neutral=neutral,
        calibrations=(ColorCalibration(SRGB),),
    )


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("highlights", ["clip", "blend", "reconstruct"])
@pytest.mark.parametrize("cfa", ["GRBG", XTRANS, EIGHT, "GMCY", ""])
def test_numba_and_torch_agree_on_every_kind_with_clipped_light_across_bands(cfa, highlights, half):
    count = len(colors(cfa)) if cfa else 3
    neutral = np.array([0.6, 1.0, 0.7, 0.8])[:count]
    light = np.minimum(random_light(410, 50, count) * 1.5 * neutral[:, None, None], 1)
    frame = sensor_frame(cfa, light, as_shot_neutral=neutral) if cfa else linear_frame(light, neutral)
    solved = plan.solve(
        frame, Settings(highlights=highlights, half=half, bits=32, tone="none", color="camera", model="none")
    )
    fast, plain = bands.render(solved), tensors.render(solved, device="cpu")
    assert (light == 1).mean() > 0.05
    assert highlights == "clip" or fast.max() > 1.01
    assert np.abs(fast - plain).max() < 1e-3


@pytest.mark.parametrize(
    "changes", [{"half": True}, {"size": 40}, {"tone": "none"}, {"color": "camera"}, {"bits": 32}]
)
@pytest.mark.parametrize("cfa", ["GRBG", EIGHT])
def test_numba_and_torch_agree_on_every_way_out(changes, cfa):
    frame = sensor_frame(cfa, random_light(70, 82), as_shot_neutral=np.array([0.6, 1.0, 0.7]))
    solved = plan.solve(frame, Settings(model="none", **changes))
    fast, plain = bands.render(solved), tensors.render(solved, device="cpu")
    assert fast.shape == plain.shape
    assert np.abs(fast.astype(np.float64) - plain).max() <= (1e-4 if fast.dtype == np.float32 else 1)


def told(frame, **changes):
    """A picture and the lines of warning that come with it."""
    lines = []
    return deepisp.develop(frame, warn=lines.append, **changes), lines


def test_a_linear_file_has_no_mosaic_to_reconstruct_and_is_blended():
    neutral = np.array([0.5, 1.0, 0.66])
    pixels, lines = told(linear_frame(np.ones((3, 24, 24)), neutral), highlights="reconstruct", tone="none")
    assert pixels.min() >= 254
    assert [line for line in lines if "blended in its place" in line]
    frame = linear_frame(np.minimum(random_light(24, 24) * 1.5, 1), neutral)
    blended = deepisp.develop(frame, highlights="blend")
    assert np.array_equal(deepisp.develop(frame, highlights="reconstruct", warn=lines.append), blended)


def test_a_method_that_the_sensor_does_not_have_is_named():
    light = random_light(24, 24)
    assert [
        one
        for one in told(sensor_frame(XTRANS, light), demosaic="malvar")[1]
        if "directional in its place" in one
    ]
    for frame, how in ((sensor_frame("RGGB", light), {}), (sensor_frame(XTRANS, light), {"half": True})):
        assert not [line for line in told(frame, demosaic="malvar", **how)[1] if "in its place" in line]


@pytest.mark.parametrize("aspect", [300.0, 1e-5, np.nan, np.inf, 2.01])
def test_pixels_of_an_incredible_shape_are_taken_for_square(aspect):
    pixels, lines = told(sensor_frame("RGGB", random_light(24, 30), pixel_aspect=aspect))
    assert pixels.shape == (24, 30, 3)
    assert [line for line in lines if "not credible; taken for square" in line]
    assert told(sensor_frame("RGGB", random_light(24, 30), pixel_aspect=2.0))[0].shape == (24, 60, 3)


def gain_maps(shape):
    """List 2 as phones write it: one coarse map for each Bayer position."""
    maps = []
    for row, column in np.ndindex(2, 2):
        region = opcodes.Region(row, column, shape[0], shape[1], 0, 1, 2, 2)
        gains = 1 + 0.2 * np.random.default_rng(row * 2 + column).random((3, 4, 1), np.float32)
        maps.append(opcodes.GainMap(region=region, spacing=(1 / 2, 1 / 3), origin=(0.0, 0.0), gains=gains))
    return opcode_bytes.encode(maps)


@pytest.mark.parametrize(("model", "most"), [("none", 24), ("fast", 400)])  # bfloat16 has 8 bits
def test_lens_gains_reach_every_row_whatever_the_bands(model, most):
    light = np.full((3, 500, 64), 0.25)
    frame = sensor_frame("RGGB", light, opcode_list_2=gain_maps((500, 64)))
    solved = plan.solve(frame, Settings(tone="none", bits=16, model=model))
    assert isinstance(solved.shading, GainGrid)
    fast, plain = bands.render(solved), tensors.render(solved, device="cpu")
    assert np.abs(fast.astype(int) - plain.astype(int)).max() <= most
    assert np.ptp(fast[..., 1]) > 1000  # the gains are there at all


def test_threads_do_not_show():
    frame = sensor_frame("RGGB", random_light(700, 90))
    assert np.array_equal(deepisp.develop(frame, threads=1), deepisp.develop(frame, threads=3))


def test_cropping_is_the_same_as_developing_the_whole_and_cutting():
    frame = sensor_frame("GBRG", random_light(420, 96))
    crop = Area(7, 5, 407, 88)
    from dataclasses import replace

    whole = deepisp.develop(frame, tone="none")
    assert np.array_equal(deepisp.develop(replace(frame, default_crop=crop), tone="none"), whole[7:407, 5:88])


@pytest.mark.parametrize("wb", [(2.0, 1.0, 1.5), (1.0, 1.0, 1.0)])
def test_clipped_light_is_white_where_the_sensor_saturates_below_the_white_level(wb):
    neutral = 1 / np.array(wb)
    light = np.ones((3, 24, 24)) * 0.9  # every color stands on a plateau at 0.9
    frame = sensor_frame("RGGB", light, as_shot_neutral=neutral, saturation_level=np.full((2, 2), 3700.0))
    for mode in ("clip", "blend", "reconstruct"):
        for tone in ("none", "default"):
            pixels = deepisp.develop(frame, highlights=mode, tone=tone).astype(int)
            assert np.ptp(pixels, axis=2).max() <= 2, (mode, tone)
    assert deepisp.develop(frame, tone="none").min() >= 254


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 2), (3, 5), (17, 4), (67, 66), (1, 400)])
@pytest.mark.parametrize("cfa", ["RGGB", XTRANS, QUAD])
def test_any_size_is_developed(size, cfa):
    frame = sensor_frame(cfa, random_light(*size))
    for method in ("auto", "bilinear"):
        pixels = deepisp.develop(frame, demosaic=method)
        assert pixels.shape == (*size, 3)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_all_black_and_all_saturated_frames_are_finite(level):
    frame = sensor_frame("RGGB", np.full((3, 32, 32), level))
    for wb in ("camera", "auto"):
        pixels = deepisp.develop(frame, wb=wb, bits=32)
        assert np.isfinite(pixels).all()
        assert (pixels.mean() > 0.5) == (level == 1)


def test_a_device_that_is_not_there_is_named():
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(tensors.NoDevice, match="--device cpu"):
        deepisp.develop(sensor_frame("RGGB", random_light(8, 8)), device="cuda")


def test_default_development_loads_no_torch():
    import subprocess
    import sys

    code = (
        "import sys, numpy as np, deepisp; r = deepisp.RawImage(mosaic=np.full((24, 24), 9, np.uint16), cfa='RGGB');"
        "deepisp.develop(r); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
