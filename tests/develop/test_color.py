"""Camera RGB to Rec. 2020: against the specification's formulas redone with colour-science 0.4.7, and by laws."""

import colour
import numpy as np
import pytest
import torch

from deepisp.develop import color, output, temperature
from deepisp.raw.image import ColorCalibration

# ColorMatrix1 and 2, ForwardMatrix1 and 2 of a Canon EOS 6D as Adobe's DNG converter writes them (light A and D65).
A = np.array([[0.7546, -0.1435, -0.0929], [-0.3846, 1.1488, 0.2692], [-0.0332, 0.1209, 0.6370]])
D65 = np.array([[0.7034, -0.0804, -0.1014], [-0.4420, 1.2564, 0.2058], [-0.0851, 0.1994, 0.5758]])
FORWARD_A = np.array([[0.7763, 0.0065, 0.1815], [0.2364, 0.8351, -0.0715], [-0.0059, -0.4228, 1.2538]])
FORWARD_D65 = np.array([[0.7464, 0.1044, 0.1135], [0.2648, 0.9173, -0.1820], [0.0113, -0.2154, 1.0292]])
OWN = np.array([[0.98, 0.01, 0.0], [0.0, 1.0, 0.02], [0.0, 0.0, 1.03]])
ANALOG = np.array([2.1, 1.0, 1.4])
PAIR = (
    ColorCalibration(A, 17, camera_calibration=OWN),
    ColorCalibration(D65, 21, camera_calibration=OWN),
)
FOUR = np.array(
    [[0.3, 0.9, 0.1], [0.8, -0.1, 0.6], [-0.2, 0.9, 0.7], [0.7, 0.8, -0.2]]
)  # G, C, M, Y, made up
WHITES = [(0.44758, 0.40745), (0.37, 0.37), (0.345, 0.352), (0.31272, 0.32903), (0.29, 0.31)]


def xyz(xy):
    return colour.xy_to_XYZ(xy)


def kelvin(xy):
    return colour.temperature.uv_to_CCT_Robertson1968(colour.xy_to_UCS_uv(xy))[0]


def interpolated(xy, first, second):
    """The specification's two-illuminant interpolation, linear in 1 / CCT, written out."""
    low, high, own = (1 / kelvin(light) for light in (temperature.LIGHT_SOURCES[17], (0.31272, 0.32903), xy))
    weight = np.clip((own - high) / (low - high), 0, 1)
    return weight * first + (1 - weight) * second


def rec2020(colors, white):
    """XYZ under a white as linear Rec. 2020, by colour-science; its chromatic adaptation is Bradford's."""
    adapted = colour.chromatic_adaptation(colors, xyz(white), xyz((0.3127, 0.3290)), transform="Bradford")
    return adapted @ np.linalg.inv(colour.RGB_COLOURSPACES["ITU-R BT.2020"].matrix_RGB_to_XYZ.T)


@pytest.fixture
def patches():
    return np.random.default_rng(1).uniform(0.05, 0.9, (20, 3))


@pytest.mark.parametrize("white", WHITES)
def test_color_matrices_as_the_specification_has_them(white, patches):
    camera = np.diag(ANALOG) @ OWN @ interpolated(white, A, D65)
    neutral = camera @ xyz(white)
    found = color.camera_to_rec2020(PAIR, ANALOG, 0.4 * neutral)
    assert found.warnings == ()
    np.testing.assert_allclose(found.white_xy, white, atol=1e-7)
    seen = patches @ camera.T / neutral
    np.testing.assert_allclose(
        seen @ found.matrix.T, rec2020(patches, white), atol=2e-4
    )  # BT.2020's rounded matrix


@pytest.mark.parametrize("white", WHITES)
def test_forward_matrices_as_the_specification_has_them(white, patches):
    pair = (
        ColorCalibration(A, 17, forward=FORWARD_A, camera_calibration=OWN),
        ColorCalibration(D65, 21, forward=FORWARD_D65, camera_calibration=OWN),
    )
    individual = np.diag(ANALOG) @ OWN
    neutral = individual @ interpolated(white, A, D65) @ xyz(white)
    inverse_d = np.diag(np.linalg.inv(individual) @ neutral)
    forward = interpolated(white, FORWARD_A, FORWARD_D65)
    to_d50 = forward @ np.linalg.inv(inverse_d) @ np.linalg.inv(individual)
    found = color.camera_to_rec2020(pair, ANALOG, neutral)
    seen = patches / neutral
    # Adobe rounds D50 to 0.9642, 1, 0.8249 in its forward matrices' row sums; ours are scaled to our D50.
    np.testing.assert_allclose(
        seen @ found.matrix.T, rec2020(patches @ to_d50.T, (0.3457, 0.3585)), rtol=2e-3, atol=2e-3
    )


@pytest.mark.parametrize("forward", [None, FORWARD_D65])
@pytest.mark.parametrize("neutral", [(0.5, 1, 0.6), (0.9, 1, 0.3), (1, 1, 1), (0.3, 1, 1.5)])
def test_the_neutral_becomes_gray(neutral, forward):
    found = color.camera_to_rec2020((ColorCalibration(D65, forward=forward),), ANALOG, np.array(neutral))
    np.testing.assert_allclose(found.matrix.sum(axis=1), 1, atol=1e-12)


@pytest.mark.parametrize(("code", "matrix"), [(17, A), (23, 0.5 * (A + D65)), (21, D65)])
def test_at_a_calibrations_own_light_its_matrix_alone_counts(code, matrix):
    three = (
        ColorCalibration(A, 17),
        ColorCalibration(D65, 21),
        ColorCalibration(0.5 * (A + D65), 255, illuminant_xy=temperature.LIGHT_SOURCES[23]),
    )
    neutral = matrix @ xyz(temperature.LIGHT_SOURCES[code])
    alone = color.camera_to_rec2020((ColorCalibration(matrix, code),), None, neutral)
    np.testing.assert_allclose(color.camera_to_rec2020(three, None, neutral).matrix, alone.matrix, atol=1e-6)
    np.testing.assert_allclose(
        color.neutral_for(three, None, temperature.LIGHT_SOURCES[code]), neutral / neutral[1], rtol=1e-9
    )


def test_beyond_both_lights_the_nearer_one_counts():
    for xy, matrix in (((0.29, 0.31), D65), (temperature.to_xy(2200), A)):
        np.testing.assert_allclose(
            color.neutral_for((ColorCalibration(A, 17), ColorCalibration(D65, 21)), None, xy),
            color.neutral_for((ColorCalibration(matrix),), None, xy),
        )


def test_a_calibration_of_no_known_light_counts_only_where_it_is_alone():
    stranger, known = ColorCalibration(A, 0), ColorCalibration(D65, 21)
    neutral = D65 @ xyz(temperature.to_xy(15000))
    both = color.camera_to_rec2020((stranger, known), None, neutral).matrix
    np.testing.assert_array_equal(both, color.camera_to_rec2020((known,), None, neutral).matrix)
    alone = color.camera_to_rec2020((stranger,), None, neutral)
    assert alone.warnings == ()
    assert not np.allclose(alone.matrix, both, atol=1e-3)


def test_a_camera_that_sees_as_the_eye_does_recovers_srgb():
    srgb = colour.cctf_decoding(np.random.default_rng(2).integers(0, 256, (24, 3)) / 255)
    sensitivities = np.array([[0.6, 0.4, 0.1], [-0.2, 1.1, 0.2], [0.0, 0.1, 0.7]])
    camera = colour.RGB_COLOURSPACES["sRGB"].matrix_RGB_to_XYZ.T @ sensitivities.T
    neutral = np.ones(3) @ camera
    found = color.camera_to_rec2020((ColorCalibration(sensitivities, 21),), None, neutral)
    seen = srgb @ camera / neutral @ found.matrix.T @ output.target("srgb").matrix.T
    np.testing.assert_allclose(seen, srgb, atol=3e-4)  # IEC's matrix is rounded to four digits


@pytest.mark.parametrize("white", WHITES)
def test_four_colors(white, patches):
    neutral = FOUR @ xyz(white)
    found = color.camera_to_rec2020((ColorCalibration(FOUR, 21),), None, neutral, colors="GCMY")
    assert found.matrix.shape == (3, 4)
    seen = patches @ FOUR.T / neutral
    np.testing.assert_allclose(seen @ found.matrix.T, rec2020(patches, white), atol=2e-4)
    np.testing.assert_allclose(found.matrix.sum(axis=1), 1)


def test_one_channel_gives_gray():
    np.testing.assert_array_equal(color.camera_to_rec2020((), None, None, colors="W").matrix, np.ones((3, 1)))


SINGULAR = np.array([[1.0, 2, 3], [2, 4, 6], [1, 1, 1]])
GOOD = (ColorCalibration(D65),)
NEUTRAL = np.array([0.5, 1, 0.7])


@pytest.mark.parametrize(
    ("calibrations", "analog", "neutral", "words"),
    [
        ((), None, NEUTRAL, "no color matrix"),
        ((ColorCalibration(SINGULAR),), None, NEUTRAL, "no color matrix"),
        ((ColorCalibration(np.zeros((3, 3))),), None, None, "no color matrix"),
        ((*GOOD, ColorCalibration(np.full((3, 3), np.nan))), None, NEUTRAL, "1 of 2 color matrices"),
        ((*GOOD, ColorCalibration(FOUR)), None, NEUTRAL, "1 of 2 color matrices"),
        (GOOD, None, None, "daylight"),
        (GOOD, None, np.array([0.5, 0, 0.7]), "daylight"),
        (GOOD, None, np.array([0.5, -1, 0.7]), "daylight"),
        (GOOD, None, np.array([np.nan, 1, 1]), "daylight"),
        (GOOD, None, np.ones(4), "daylight"),
        (GOOD, None, np.array([1, 0.001, 1]), "no real light"),
        (GOOD, np.array([0.0, 1, 1]), NEUTRAL, "AnalogBalance"),
        ((ColorCalibration(-D65),), None, NEUTRAL, "no real light"),
    ],
)
def test_what_is_missing_or_broken_is_told_once_and_stays_finite(calibrations, analog, neutral, words):
    found = color.camera_to_rec2020(calibrations, analog, neutral)
    assert sum(words in line for line in found.warnings) == 1
    assert np.isfinite(found.matrix).all()
    assert np.isfinite(found.white_xy).all()
    np.testing.assert_allclose(found.matrix.sum(axis=1), 1)


def test_without_a_matrix_camera_rgb_is_srgb():
    found = color.camera_to_rec2020((), None, NEUTRAL).matrix
    np.testing.assert_allclose(output.target("srgb").matrix @ found, np.eye(3), atol=1e-12)
    four = output.target("srgb").matrix @ color.camera_to_rec2020((), None, None, colors="GCMY").matrix
    red = four @ [0, 0, 0.5, 0.5]  # what passes magenta and yellow, and neither green nor cyan
    assert red[0] > 0.4
    assert max(red[1:]) < 0.1


@pytest.mark.parametrize("white", WHITES)
def test_neutral_for_and_white_xy_are_twins(white):
    neutral = color.neutral_for(PAIR, ANALOG, white)
    assert neutral[1] == 1
    np.testing.assert_allclose(color.white_xy(PAIR, ANALOG, neutral), white, atol=1e-7)


def test_a_forward_matrix_of_another_scale_is_brought_to_d50():
    scaled = FORWARD_D65 * np.array([[1.2], [0.8], [1.5]])
    found = [
        color.camera_to_rec2020((ColorCalibration(D65, forward=one),), None, NEUTRAL).matrix
        for one in (FORWARD_D65, scaled)
    ]
    np.testing.assert_allclose(*found, atol=1e-12)


def test_a_channel_blind_to_a_light_keeps_a_neutral_above_zero():
    blind = np.array([[0.8, 0.1, 0.0], [-0.2, 1.1, 0.1], [-0.2, 0.0, 0.8]])
    assert (blind @ xyz(temperature.to_xy(1500)))[2] < 0
    neutral = color.neutral_for((ColorCalibration(blind),), None, temperature.to_xy(1500))
    assert 0 < neutral[2] < 0.01


def test_neutral_for_needs_a_matrix():
    with pytest.raises(ValueError, match="use auto or the gains"):
        color.neutral_for((), None, (0.3, 0.3))


@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 3, 4, 5), (2, 1, 4, 1, 1)])
def test_apply_mixes_channels_in_place_of_the_third_last_axis(shape, device):
    planes = torch.rand(shape, dtype=torch.float64, device=device)
    matrix = np.random.default_rng(3).normal(size=(3, shape[-3]))
    expected = np.einsum("rc,...chw->...rhw", matrix, planes.cpu().numpy())
    np.testing.assert_allclose(color.apply(matrix, planes).cpu().numpy(), expected, atol=1e-12)


def test_apply_has_a_gradient():
    planes = torch.rand(1, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: color.apply(D65, x), planes)


# Centers of the corner patches of the chart, x, y in the visible area (2312 x 1720) of the G2's picture.
CORNERS = np.array([[[321.8, 312.7], [1979.4, 307.3]], [[329.0, 1299.7], [1986.7, 1288.9]]])


@pytest.mark.data
def test_a_real_chart_is_no_worse_than_by_libraw(data):
    """Mean CIEDE2000 of 24 patches; LibRaw's own colors give 6.07, and 3.81 balanced, by this measure."""
    import rawpy

    with rawpy.imread(str(next((data / "raw").glob("canon-powershot-g2*colorchecker*.crw")))) as file:
        mosaic = (file.raw_image_visible.astype(float) - 32) / (1023 - 32)
        matrix = file.rgb_xyz_matrix[:3].astype(float)
        gains = np.array(file.camera_whitebalance[:3])
    down, right = np.linspace(0, 1, 4)[:, None, None], np.linspace(0, 1, 6)[None, :, None]
    rows = (
        CORNERS[0, 0] * (1 - right) + CORNERS[0, 1] * right,
        CORNERS[1, 0] * (1 - right) + CORNERS[1, 1] * right,
    )
    centers = (rows[0] * (1 - down) + rows[1] * down).reshape(24, 2).astype(int) // 2 * 2
    windows = [mosaic[y - 60 : y + 60, x - 60 : x + 60] for x, y in centers]
    camera = np.array(
        [
            [np.median(w[::2, ::2]), np.median([w[::2, 1::2], w[1::2, ::2]]), np.median(w[1::2, 1::2])]
            for w in windows
        ]
    )
    found = color.camera_to_rec2020((ColorCalibration(matrix, 21),), None, 1 / gains)
    linear = camera * gains @ (output.target("srgb").matrix @ found.matrix).T
    chart = colour.CCS_COLOURCHECKERS["ColorChecker24 - After November 2014"]
    white = xyz((0.3127, 0.3290))
    reference = colour.chromatic_adaptation(
        colour.xyY_to_XYZ(list(chart.data.values())), xyz(chart.illuminant), white, transform="Bradford"
    )
    to_xyz = colour.RGB_COLOURSPACES["sRGB"].matrix_RGB_to_XYZ

    def error(rgb):
        labs = (
            colour.XYZ_to_Lab(colors, (0.3127, 0.3290))
            for colors in (np.clip(rgb, 0, 1) @ to_xyz.T, reference)
        )
        return colour.delta_E(*labs, method="CIE 2000").mean()

    gray, gray_reference = linear[18:], reference[18:]
    luminance = gray @ to_xyz[1]
    assert error(linear * (luminance @ gray_reference[:, 1]) / (luminance @ luminance)) < 6.2
    wanted = gray_reference @ np.linalg.inv(to_xyz).T
    assert error(linear * (gray * wanted).sum(0) / (gray * gray).sum(0)) < 3.72
