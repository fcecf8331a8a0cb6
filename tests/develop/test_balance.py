"""White balance: what was asked is what comes, and the light of known scenes is found."""

import json
from dataclasses import replace

import numpy as np
import pytest

from deepisp.develop import balance, color, temperature
from deepisp.raw.image import Area, ColorCalibration, RawImage
from deepisp.sensor import cfa as cfa_cell

# ColorMatrix2 (D65) of a Canon EOS 6D as Adobe's DNG converter writes it.
MATRIX = np.array([[0.7034, -0.0804, -0.1014], [-0.4420, 1.2564, 0.2058], [-0.0851, 0.1994, 0.5758]])
KNOWN = (ColorCalibration(MATRIX, 21),)
LIGHT = np.array([0.55, 1.0, 0.4])
CFAS = ["RGGB", "GBRG", cfa_cell.XTRANS, "RRGGRRGGGGBBGGBB", "GMCY"]


def frame(cfa="RGGB", **known):
    return RawImage(
        mosaic=np.full((24, 36), 500, np.uint16), cfa=cfa, white_level=np.full((1, 1), 1023.0), **known
    )


def scene(light, shape=(192, 240), seed=0):
    """Linear light of a wall of colored tiles, (H, W, C): what no edge is between has no say."""
    rng = np.random.default_rng(seed)
    tiles = rng.uniform(0.05, 0.9, (shape[0] // 24, shape[1] // 24, 1)) * rng.uniform(
        0.7, 1, (shape[0] // 24, shape[1] // 24, len(light))
    )
    return tiles.repeat(24, 0).repeat(24, 1) * light


def mosaicked(planes, cfa, black=64.0, white=4095.0):
    channel = np.tile(cfa_cell.indices(cfa), np.array(planes.shape[:2]) // cfa_cell.side(cfa))
    signal = np.take_along_axis(planes, channel[..., None], 2)[..., 0]
    return RawImage(
        mosaic=np.round(black + signal * (white - black)).astype(np.uint16),
        cfa=cfa,
        black_level=np.full((1, 1), black),
        white_level=np.full((1, 1), white),
    )


def degrees(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return np.degrees(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1)))


def test_camera_takes_the_files_neutral():
    found = balance.white_balance("camera", frame(as_shot_neutral=np.array([1.0, 2.0, 1.25])))
    np.testing.assert_allclose(found.neutral, [0.5, 1, 0.625])
    np.testing.assert_allclose(found.gains, [2, 1, 1.6])
    assert (found.source, found.warnings) == ("camera", ())


@pytest.mark.parametrize(
    "neutral", [None, np.array([0.0, 1, 1]), np.array([np.nan, 1, 1]), np.array([1.0, 1])]
)
def test_camera_without_a_neutral_becomes_auto_and_says_so(neutral):
    raw = replace(mosaicked(scene(LIGHT), "RGGB"), as_shot_neutral=neutral)
    found = balance.white_balance("camera", raw)
    assert found.source == "auto"
    np.testing.assert_array_equal(found.gains, balance.white_balance("auto", raw).gains)
    assert len(found.warnings) == 1
    assert "auto white balance in its place" in found.warnings[0]


def test_camera_without_a_neutral_or_anything_to_see_becomes_daylight():
    found = balance.white_balance("camera", frame(calibrations=KNOWN))
    np.testing.assert_array_equal(
        found.neutral, balance.white_balance("daylight", frame(calibrations=KNOWN)).neutral
    )
    assert "daylight (D55) is used" in found.warnings[-1]


def test_camera_with_a_chromaticity_of_the_light_is_that_light():
    xy = temperature.to_xy(4000)
    found = balance.white_balance("camera", frame(calibrations=KNOWN, as_shot_white_xy=xy))
    assert found.source == "camera"
    np.testing.assert_allclose(found.gains, balance.white_balance("4000", frame(calibrations=KNOWN)).gains)


@pytest.mark.parametrize("request_", ["daylight", "5200"])
def test_without_a_matrix_it_becomes_auto_and_says_so(request_):
    raw = mosaicked(scene(LIGHT), "RGGB")
    found = balance.white_balance(request_, raw)
    assert found.source == "auto"
    np.testing.assert_array_equal(found.gains, balance.white_balance("auto", raw).gains)
    assert len(found.warnings) == 1
    assert "no color matrix" in found.warnings[0]


def test_daylight_and_temperatures_are_the_camera_color_of_that_light():
    for request, xy in (
        ("daylight", temperature.LIGHT_SOURCES[20]),
        ("3200", temperature.to_xy(3200)),
        ("5200,-20", temperature.to_xy(5200, -20)),
    ):
        found = balance.white_balance(request, frame(calibrations=KNOWN)).neutral
        np.testing.assert_allclose(color.white_xy(KNOWN, None, found), xy, atol=1e-7)


def test_a_warmer_request_and_a_higher_tint_make_the_picture_warmer_and_more_magenta():
    def gains(request):
        return balance.white_balance(request, frame(calibrations=KNOWN)).gains

    assert gains("7000")[0] / gains("7000")[2] > gains("4000")[0] / gains("4000")[2]
    assert (gains("5000,30")[[0, 2]] > gains("5000")[[0, 2]]).all()


@pytest.mark.parametrize("request_", ["1.9,1,1.6", "3.8, 2 ,3.2"])
def test_gains_are_normalized_to_green(request_):
    np.testing.assert_allclose(balance.white_balance(request_, frame()).gains, [1.9, 1, 1.6])


def test_four_channels_take_four_gains():
    np.testing.assert_allclose(balance.white_balance("2,1,3,4", frame("GMCY")).gains, [1, 0.5, 1.5, 2])
    with pytest.raises(ValueError, match="4 channels, G,C,M,Y, got 3 gains"):
        balance.white_balance("2,1,3", frame("GMCY"))
    with pytest.raises(ValueError, match="give one for each"):
        balance.white_balance("2,1,3,1", frame())


@pytest.mark.parametrize(
    "request_",
    ["", "sunny", "1499", "25001", "5000,151", "5000,x", "nan", "nan,0", "inf", "1,0,1", "1,-1,1", "1,nan,1", "1,inf,1",
     "1,1,1,1,1", "1,,1", "-5000"],
)  # fmt: skip
def test_other_requests_are_errors_that_list_the_forms(request_):
    with pytest.raises(ValueError, match=r"camera, auto, daylight, KELVIN.*R,G,B"):
        balance.parse(request_)


@pytest.mark.parametrize(
    "request_", ["1500", "25000", "1500,-150", "1500,150", "25000,150", "1e-300,1,1e300", "1,1e-9,1"]
)
@pytest.mark.parametrize(
    "calibrations", [KNOWN, (ColorCalibration(-MATRIX),), (ColorCalibration(MATRIX[::-1]),)]
)
def test_gains_stay_within_five_stops(request_, calibrations):
    found = balance.white_balance(request_, frame(calibrations=calibrations))
    assert found.gains.min() >= 1 / 32
    assert found.gains.max() <= 32
    np.testing.assert_allclose(found.gains * found.neutral, 1)


def test_limited_gains_are_told():
    assert "limited" in balance.white_balance("100,1,1", frame()).warnings[0]


@pytest.mark.parametrize("request_", ["camera", "auto", "daylight", "5000", "2,1,1.5"])
def test_one_channel_has_nothing_to_balance(request_):
    assert balance.white_balance(request_, frame("W")).gains.tolist() == [1]


@pytest.mark.parametrize("value", [0, 64, 4095])
@pytest.mark.parametrize("cfa", CFAS)
def test_a_frame_without_content_gives_no_gains_and_says_so(cfa, value):
    raw = mosaicked(np.zeros((24, 36, len(cfa_cell.colors(cfa)))), cfa)
    raw.mosaic[:] = value
    found = balance.white_balance("auto", raw)
    assert (found.gains == 1).all()
    assert "nothing to estimate" in found.warnings[0]


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (5, 7), (13, 300)])
def test_tiny_frames_do_not_fail(size):
    raw = RawImage(mosaic=np.random.default_rng(0).integers(0, 4095, size).astype(np.uint16), cfa="RGGB")
    assert np.isfinite(balance.white_balance("auto", raw).gains).all()


@pytest.mark.parametrize("cfa", CFAS)
def test_auto_finds_the_light_through_any_cfa(cfa):
    light = LIGHT if len(cfa_cell.colors(cfa)) == 3 else np.array([1.0, 0.8, 0.5, 0.9])
    raw = mosaicked(scene(light), cfa)
    found = balance.white_balance("auto", raw)
    assert found.warnings == ()
    assert (
        degrees(found.neutral, light) < 3
    )  # gray-edge on tiles that are gray only on average; 0.6 to 2 here


@pytest.mark.parametrize("cfa", CFAS[:2])
def test_a_mosaic_and_the_same_picture_demosaiced_agree(cfa):
    planes = scene(LIGHT)
    linear = RawImage(
        linear=np.round(planes[::2, ::2] * 4095).astype(np.uint16),
        black_level=np.zeros(3),
        white_level=np.full(3, 4095.0),
    )
    a, b = (balance.estimate_neutral(raw) for raw in (mosaicked(planes, cfa), linear))
    assert degrees(a, b) < 0.05


def test_gray_edge_follows_the_gains_of_the_channels():
    signal, everywhere, gains = scene(np.ones(3)), np.ones((192, 240), bool), np.array([0.3, 1, 2.5])
    np.testing.assert_allclose(
        balance.gray_edge(signal * gains, everywhere),
        balance.gray_edge(signal, everywhere) * gains,
        rtol=1e-6,
    )


def test_saturated_light_has_no_say():
    planes = scene(LIGHT)
    raw = mosaicked(planes, "RGGB")
    before = balance.estimate_neutral(raw)
    raw.mosaic[40:80, 60:120] = 4095
    assert degrees(balance.estimate_neutral(raw), before) < 2
    ignorant = RawImage(**{**vars(raw), "white_level": np.full((1, 1), 8190.0)})
    assert degrees(balance.estimate_neutral(ignorant), before) > 10


def test_only_the_crop_counts():
    raw = mosaicked(scene(LIGHT), "RGGB")
    cut = mosaicked(scene(LIGHT)[48:168, 24:192], "RGGB")
    raw.mosaic[:47] = 4000
    whole = RawImage(**{**vars(raw), "default_crop": Area(47, 23, 168, 192)})
    np.testing.assert_allclose(balance.estimate_neutral(whole), balance.estimate_neutral(cut))


def test_levels_per_position_are_used():
    raw = mosaicked(scene(LIGHT), "RGGB")
    black, span = np.array([[0, 100], [300, 50]]), np.array([[1, 2], [4, 3]])
    cells = np.tile(black, (96, 120)), np.tile(span, (96, 120))
    changed = RawImage(
        mosaic=(cells[0] + cells[1] * (raw.mosaic - 64.0)).astype(np.uint16),
        cfa="RGGB",
        black_level=black.astype(float),
        white_level=black + span * 4031.0,
    )
    np.testing.assert_allclose(balance.estimate_neutral(changed), balance.estimate_neutral(raw), rtol=1e-5)


def test_a_level_cell_that_does_not_divide_the_cfas_counts_by_its_mean():
    raw = mosaicked(scene(LIGHT), cfa_cell.XTRANS)
    four = RawImage(
        **{**vars(raw), "black_level": np.full((4, 4), 64.0), "white_level": np.full((4, 4), 4095.0)}
    )
    np.testing.assert_array_equal(balance.estimate_neutral(four), balance.estimate_neutral(raw))


def test_a_light_that_is_none_is_moved_to_the_nearest_real_one():
    green = color.neutral_for(KNOWN, None, temperature.to_xy(5000, 200))
    raw = mosaicked(scene(green), "RGGB")
    free = balance.estimate_neutral(raw)
    held = balance.estimate_neutral(RawImage(**{**vars(raw), "calibrations": KNOWN}))
    assert temperature.from_xy(color.white_xy(KNOWN, None, free)).tint > 140
    assert temperature.from_xy(color.white_xy(KNOWN, None, held)).tint == pytest.approx(120, abs=0.5)


@pytest.mark.data
def test_auto_on_pictures_with_a_measured_light(data):
    import imagecodecs

    errors = []
    for path in sorted((data / "raw").glob("sony-imx135-*.png")):
        raw = RawImage(
            linear=imagecodecs.imread(path), black_level=np.zeros(3), white_level=np.full(3, 65535.0)
        )
        light = json.loads(path.with_name(path.stem + "_metadata.json").read_text())["illuminant_color_raw"]
        errors.append(degrees(balance.white_balance("auto", raw).neutral, light))
    assert len(errors) == 3
    assert np.mean(errors) < 2.5  # 2.1 measured; gray world 10.1
