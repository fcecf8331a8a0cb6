"""Color temperature against colour-science 0.4.7 and against the lights that EXIF names."""

import colour
import numpy as np
import pytest

from deepisp.develop import temperature

LIGHTS = [
    (1700, 0),
    (2000, -0.01),
    (2856, 0),
    (3333.3, 0.02),
    (5003, 0.003),
    (6504, 0.0032),
    (9999, -0.03),
    (24000, 0),
]


@pytest.mark.parametrize(("kelvin", "duv"), LIGHTS)
def test_to_xy_agrees_with_colour_science(kelvin, duv):
    expected = colour.UCS_uv_to_xy(colour.temperature.CCT_to_uv_Robertson1968([kelvin, duv]))
    np.testing.assert_allclose(temperature.to_xy(kelvin, 3000 * duv), expected, atol=1e-12)


@pytest.mark.parametrize(
    "xy", [(0.44758, 0.40745), (0.3127, 0.329), (0.36, 0.42), (0.3, 0.25), (0.25, 0.25), (0.5, 0.4)]
)
def test_from_xy_agrees_with_colour_science(xy):
    kelvin, duv = colour.temperature.uv_to_CCT_Robertson1968(colour.xy_to_UCS_uv(xy))
    found = temperature.from_xy(xy)
    assert found.kelvin == pytest.approx(kelvin, rel=1e-9)
    assert found.tint == pytest.approx(3000 * duv, abs=1e-6)


@pytest.mark.parametrize("kelvin", [1500, 1600, 1667, 2000, 4000, 6500, 12000, 25000, 50000])
@pytest.mark.parametrize("tint", [-150, -20, 0, 20, 150])
def test_there_and_back(kelvin, tint):
    found = temperature.from_xy(temperature.to_xy(kelvin, tint))
    # Robertson interpolates the distances from two lines that are not parallel: far from the locus this costs 0.5 %.
    assert found.kelvin == pytest.approx(kelvin, rel=5e-3 if abs(tint) > 20 or kelvin < 1667 else 1e-3)
    assert found.tint == pytest.approx(tint, abs=0.1)


def test_a_green_light_has_a_positive_tint():
    x, y = temperature.to_xy(5000)
    assert temperature.from_xy((x, y + 0.02)).tint > 10
    assert temperature.from_xy((x, y - 0.02)).tint < -10


@pytest.mark.parametrize(
    ("code", "name"), [(17, "A"), (18, "B"), (19, "C"), (20, "D55"), (21, "D65"), (22, "D75"), (23, "D50")]
)
def test_standard_illuminants_are_those_of_colour_science(code, name):
    expected = colour.CCS_ILLUMINANTS["CIE 1931 2 Degree Standard Observer"][name]
    np.testing.assert_allclose(
        temperature.LIGHT_SOURCES[code], expected, atol=1e-4
    )  # tables differ in rounding


@pytest.mark.parametrize(
    ("code", "kelvin"), [(1, 5503), (10, 6504), (11, 7504), (12, 6400), (14, 4150), (24, 3200)]
)
def test_lamps_have_the_temperature_of_their_name(code, kelvin):
    assert temperature.from_xy(temperature.LIGHT_SOURCES[code]).kelvin == pytest.approx(kelvin, rel=3e-3)


@pytest.mark.parametrize("xy", [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.7, 0.28), (0.17, 0.005), (1e6, -1e6)])
def test_any_chromaticity_gives_a_finite_temperature(xy):
    assert np.isfinite(temperature.from_xy(xy)).all()
    assert 999 < temperature.from_xy(xy).kelvin < 100_001
