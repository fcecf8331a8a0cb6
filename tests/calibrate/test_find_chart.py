"""A chart is found wherever it lies, and nothing else is taken for one."""

import numpy as np
import pytest

import deepisp
from deepisp.calibrate.charts import chart, find_chart, patches
from tests.calibrate import charted

SHAPE = (480, 640)


@pytest.mark.parametrize("turn", [0, 20, 45, 90, 135, 180, 270])
def test_a_turned_chart_is_found_and_its_first_patch_too(turn):
    corners = charted.corners(SHAPE, turn, size=0.22)
    raw = charted.raw(charted.paint(SHAPE, corners, charted.colors()), noise=0.004)
    found = find_chart.find(raw)
    assert found.corners == pytest.approx(corners, abs=4)  # a tenth of a patch
    assert found.score > 0.95
    assert (found.turned - turn + 180) % 360 - 180 == pytest.approx(0, abs=4)


@pytest.mark.parametrize("orientation", [3, 6])
def test_corners_are_those_of_the_upright_picture(orientation):
    corners = charted.corners(SHAPE, 10)
    raw = charted.raw(charted.paint(SHAPE, corners, charted.colors()), orientation=orientation)
    assert find_chart.find(raw).corners == pytest.approx(corners, abs=4)


def test_an_sg_is_found():
    corners = charted.corners(SHAPE, 5, size=0.42)
    raw = charted.raw(charted.paint(SHAPE, corners, charted.colors("sg"), "sg"))
    assert find_chart.find(raw, "sg").corners == pytest.approx(corners, abs=3)


def test_patches_of_other_colors_are_no_chart():
    seen = charted.colors()
    np.random.default_rng(3).shuffle(seen)
    raw = charted.raw(charted.paint(SHAPE, charted.corners(SHAPE), seen))
    with pytest.raises(ValueError, match="the likest thing scores"):
        find_chart.find(raw)


def test_noise_is_no_chart():
    picture = np.random.default_rng(0).uniform(0.1, 0.5, (*SHAPE, 3))
    with pytest.raises(ValueError, match="no ColorChecker Classic found"):
        find_chart.find(charted.raw(picture))


def test_twelve_numbers_explain_a_linear_camera_with_flare():
    xyz = chart.reference("classic").xyz
    assert find_chart.explained(charted.colors() + 0.02, xyz) == pytest.approx(1, abs=1e-6)
    assert find_chart.explained(charted.colors()[::-1], xyz) < 0.6


# Centers of the corner patches in the developed picture, found by hand; of the SG on an enlarged picture.
CHARTS = {
    "canon-powershot-g2-iso50-colorchecker-full.crw": [(302, 305), (1959, 299), (1967, 1281), (309, 1292)],
    "canon-eos-kiss-x4-magiclantern-14bit-colorchecker-passport.dng":
        [(713, 626), (1252, 614), (1257, 922), (701, 933)],
    "kodak-dc120-uncompressed-colorchecker-full.kdc": [(100, 196), (794, 185), (791, 614), (100, 614)],
    "kodak-dc120-compressed-colorchecker-full.kdc": [(157, 189), (966, 188), (970, 688), (155, 682)],
    "kodak-dc50-colorchecker-sg.kdc": [(66, 8), (595.5, 7), (600.5, 376), (67, 378)],
}  # fmt: skip


@pytest.mark.data
@pytest.mark.parametrize("name", CHARTS)
def test_real_charts_are_found(data, name):
    raw = deepisp.read(data / "raw" / name)
    kind: chart.Name = "sg" if "sg" in name else "classic"
    found = find_chart.find(raw, kind)
    by_hand = np.array(CHARTS[name], float)
    target = chart.target(kind)
    pitch = np.hypot(*(by_hand[1] - by_hand[0])) / (target.columns - 1)
    assert np.hypot(*(found.corners - by_hand).T).max() < 0.12 * pitch
    assert found.score > 0.9
    assert patches.sample(raw, target, found.corners).signal.shape == (target.rows * target.columns, 3)


@pytest.mark.data
@pytest.mark.parametrize(
    "name",
    [
        "canon-powershot-s40-pantone-strip-metal.crw",
        "canon-powershot-s40-product-box-printed.crw",
        "apple-quicktake150-teddy-bear-lightbox.qtk",
        "gopro-hero6-iso100-mural-walkway.derived-from-gpr.dng",
    ],
)
def test_other_pictures_hold_no_chart(data, name):
    with pytest.raises(ValueError, match="no ColorChecker Classic found"):
        find_chart.find(deepisp.read(data / "raw" / name))
