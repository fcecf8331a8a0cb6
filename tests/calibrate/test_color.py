"""A camera's colors from a chart: the matrix that made the raw comes back, and real charts are as accurate as asked."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import deepisp
from deepisp import spaces
from deepisp.calibrate import color, color_report, profile_file, profile_groups
from deepisp.calibrate.charts import chart, color_fit, difference, patches
from tests.calibrate import charted

SHAPE = (300, 420)
G2 = "raw/canon-powershot-g2-iso50-colorchecker-full.crw"
# Centers of the corner patches, found by hand in the visible area, less the offset of the default crop.
G2_CORNERS = np.array([(321.8, 312.7), (1979.4, 307.3), (1986.7, 1288.9), (329.0, 1299.7)]) - (20, 8)


def measured(**changes):
    corners = charted.corners(SHAPE)
    return color.measure(charted.raw(charted.paint(SHAPE, corners, charted.colors())), corners, **changes)


# Sharma, Wu and Dalal 2005, table 1: pairs 1, 7, 9, 17, 24, 25 and 34.
@pytest.mark.parametrize(
    ("one", "other", "delta_e"),
    [
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, 0.0, 0.0), (50.0, -1.0, 2.0), 2.3669),
        ((50.0, 2.4900, -0.0010), (50.0, -2.4900, 0.0009), 7.1792),
        ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
        ((50.0, 2.5, 0.0), (50.0, 3.2592, 0.3350), 1.0),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_ciede2000_is_that_of_the_paper(one, other, delta_e):
    assert difference.ciede2000(np.array(one), np.array(other)) == pytest.approx(delta_e, abs=5e-5)
    parts = difference.components(np.array(other), np.array(one))
    assert float(np.sqrt((parts**2).sum())) == pytest.approx(delta_e, abs=5e-5)


def test_lab_and_ciede2000_agree_with_colour_science():
    colour = pytest.importorskip("colour")
    rng = np.random.default_rng(0)
    xyz, white = rng.uniform(0, 1, (500, 3)), spaces.xyz(spaces.D50)
    assert np.allclose(difference.lab(xyz, white), colour.XYZ_to_Lab(xyz, spaces.D50), atol=1e-9)
    one, other = (rng.uniform((0, -100, -100), (100, 100, 100), (20_000, 3)) for _ in range(2))
    other[:1000] = one[:1000] + rng.normal(0, 2, (1000, 3))
    theirs = colour.delta_E(one, other, method="CIE 2000")
    assert np.allclose(difference.ciede2000(one, other), theirs, atol=1e-9)


@pytest.mark.parametrize("degree", [2, 3])
def test_terms_are_those_of_finlayson(degree):
    colour = pytest.importorskip("colour")
    rgb = np.random.default_rng(1).uniform(0, 1, (5, 3))
    theirs = colour.characterisation.polynomial_expansion_Finlayson2015(
        rgb, degree, root_polynomial_expansion=True
    )
    assert np.allclose(np.sort(color_fit.terms(rgb, degree)), np.sort(theirs))


def test_terms_follow_the_exposure():
    rgb = np.array([0.2, 0.5, 0.9])
    for degree in (1, 2, 3):
        assert np.allclose(color_fit.terms(3 * rgb, degree), 3 * color_fit.terms(rgb, degree))


def test_the_matrix_that_made_the_raw_comes_back():
    found = measured(method="linear")
    # The chart's grays are not quite gray: taken for gray, they would put the neutral off by 1 %.
    assert found.neutral == pytest.approx(charted.NEUTRAL, rel=1e-3)
    assert found.delta_e.max() < 0.1
    assert found.fit.matrix.sum(1) == pytest.approx(spaces.xyz(spaces.D50), abs=1e-12)
    assert found.fit.matrix == pytest.approx(charted.FORWARD, abs=3e-3)
    assert found.fit.exposure == pytest.approx(1 / 0.7, rel=2e-3)


def test_a_fit_of_clean_colors_is_exact():
    xyz = chart.reference("classic").xyz
    balanced = 0.7 * xyz @ np.linalg.inv(charted.FORWARD).T
    found = color_fit.fit(balanced, xyz, degree=1)
    assert found.matrix == pytest.approx(charted.FORWARD, abs=1e-6)
    assert found.exposure == pytest.approx(1 / 0.7, rel=1e-6)


def test_a_root_polynomial_comes_back():
    rng = np.random.default_rng(2)
    balanced = rng.uniform(0.05, 0.9, (24, 3))
    truth = np.hstack([charted.FORWARD, np.zeros((3, 3))])
    truth[0, 3], truth[1, 4], truth[2, 5] = 0.1, 0.05, -0.08
    truth[:, 0] -= truth[:, 3:].sum(1)
    xyz = 1.2 * color_fit.terms(balanced, 2) @ truth.T
    found = color_fit.fit(balanced, xyz, degree=2)
    assert found.matrix == pytest.approx(truth, abs=1e-4)
    assert color_fit.errors(found, balanced, xyz).max() < 1e-3


def test_the_calibration_takes_the_lights_white_to_the_neutral_and_agrees_with_forward():
    found = measured(light=(0.4476, 0.4074))  # standard illuminant A
    one = found.calibration
    assert one.xyz_to_camera @ spaces.xyz((0.4476, 0.4074)) == pytest.approx(found.neutral, rel=1e-9)
    # A camera color by both ways: forward, and inverse with Bradford, are the same map.
    camera = np.array([0.2, 0.3, 0.1])
    by_matrix = spaces.adapt(spaces.xyz((0.4476, 0.4074)), spaces.xyz(spaces.D50)) @ np.linalg.solve(
        one.xyz_to_camera, camera
    )
    assert one.forward @ (camera / found.neutral) == pytest.approx(by_matrix, rel=1e-9)


def test_an_unknown_light_is_said():
    corners = charted.corners(SHAPE)
    bare = charted.raw(charted.paint(SHAPE, corners, charted.colors()), calibrations=())
    found = color.measure(bare, corners)
    assert any("--light" in line for line in found.warnings)
    assert np.isnan(found.before).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_corners_count_in_the_upright_picture(orientation):
    corners = charted.corners(SHAPE)
    seen = charted.colors()
    raw = charted.raw(charted.paint(SHAPE, corners, seen), orientation=orientation)
    samples = patches.sample(raw, chart.target("classic"), corners)
    assert samples.signal == pytest.approx(seen, abs=1e-4)  # rounding to 16 383 steps
    assert samples.deviation.max() < 1e-9


def test_a_point_of_the_picture_is_where_develop_shows_it():
    picture = np.full((40, 60, 3), 0.05)
    picture[12:16, 40:44] = 0.9
    for orientation in (1, 6, 8):
        raw = charted.raw(picture, orientation=orientation, pixel_aspect=1.5)
        shown = deepisp.develop(raw, model="none", warn=lambda line: None)[..., 1].astype(float)
        shown -= np.median(shown)
        y, x = np.indices(shown.shape)
        center = np.array([(shown * x).sum(), (shown * y).sum()]) / shown.sum()
        mosaic = raw.mosaic.astype(float) - np.median(raw.mosaic)
        is_green = np.indices(mosaic.shape).sum(0) % 2 == 1
        row, column = np.indices(mosaic.shape)
        weight = np.where(is_green, np.maximum(mosaic, 0), 0) * (mosaic > 2000)
        truth = np.array([(weight * column).sum(), (weight * row).sum()]) / weight.sum()
        assert patches.project(patches.picture_to_mosaic(raw), center) == pytest.approx(truth, abs=0.35)


def test_pixels_of_an_incredible_shape_are_square_as_in_develop():
    raw = charted.raw(np.full((40, 60, 3), 0.05), pixel_aspect=300.0)
    shown = deepisp.develop(raw, warn=lambda line: None)
    assert patches.picture_size(raw) == (shown.shape[1], shown.shape[0])


def test_clipped_patches_are_left_out_and_said():
    corners = charted.corners(SHAPE)
    found = color.measure(charted.raw(charted.paint(SHAPE, corners, charted.colors(exposure=1.25))), corners)
    assert not found.used[18]  # white
    assert any("white 9.5" in line and "clipped" in line for line in found.warnings)
    assert found.delta_e[found.used].max() < 0.1


@pytest.mark.parametrize(
    ("corners", "said"),
    [
        (charted.corners(SHAPE)[::-1], "clockwise"),
        (charted.corners(SHAPE) + 200, "within the picture"),
        (charted.corners(SHAPE, size=0.02), "fills more"),
    ],
)
def test_corners_that_cannot_be_are_refused(corners, said):
    raw = charted.raw(charted.paint(SHAPE, charted.corners(SHAPE), charted.colors()))
    with pytest.raises(ValueError, match=said):
        patches.sample(raw, chart.target("classic"), corners)


@pytest.mark.parametrize("turn", [1, 2, 3])
@pytest.mark.parametrize("method", ["linear", "root-polynomial"])
def test_a_chart_that_no_fit_explains_is_refused(turn, method):
    corners = charted.corners(SHAPE)
    raw = charted.raw(charted.paint(SHAPE, corners, charted.colors()))
    with pytest.raises(
        ValueError,
        match=r"off by \d\d\.\d CIEDE2000 .* above 12 .* order: clockwise, dark skin, bluish green, ",
    ):
        color.measure(raw, np.roll(corners, turn, axis=0), method=method)


def test_other_colors_than_rgb_are_refused():
    raw = charted.raw(charted.paint(SHAPE, charted.corners(SHAPE), charted.colors()), cfa="GMCY")
    with pytest.raises(ValueError, match="G,C,M,Y"):
        color.measure(raw, charted.corners(SHAPE))


def test_an_unknown_edition_lists_the_known():
    with pytest.raises(ValueError, match="after-2014, before-2014"):
        chart.reference("classic", "1976")


def test_a_patch_is_predicted_by_a_fit_that_did_not_know_it():
    corners, seen = charted.corners(SHAPE), charted.colors()
    seen[14, 0] *= 0.6  # red, spoiled
    found = color.measure(charted.raw(charted.paint(SHAPE, corners, seen)), corners)
    assert found.left_out[14] > found.delta_e[14] + 1
    part = np.arange(24) % 4
    assert [fold.left_out for fold in found.folds] == pytest.approx(
        [found.left_out[part == index].mean() for index in range(4)]
    )


def test_a_root_polynomial_that_predicts_worse_than_a_matrix_is_said():
    corners, seen = charted.corners(SHAPE), charted.colors()
    noisy = seen * np.random.default_rng(5).normal(1, 0.08, seen.shape)
    for patches_seen, is_said in ((noisy, True), (seen, False)):
        found = color.measure(charted.raw(charted.paint(SHAPE, corners, patches_seen)), corners)
        assert any("--method linear" in line for line in found.warnings) == is_said


def test_the_report_is_a_picture(tmp_path):
    from PIL import Image

    color_report.color(tmp_path / "a.png", measured(), title="Acme One")
    with Image.open(tmp_path / "a.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
        # The blue and the yellow patch's reference, by sRGB of X-Rite's table within 12 of 255.
        for wanted in ((36, 62, 148), (239, 199, 15)):
            assert (abs(pixels.astype(int) - wanted).max(1) < 12).sum() > 500


@pytest.mark.data
@pytest.mark.parametrize("corners", [G2_CORNERS, None])
def test_the_powershots_chart_is_fitted_and_predicted(data, corners):
    from deepisp.calibrate.charts import find_chart

    raw = deepisp.read(data / G2)
    found = color.measure(raw, find_chart.find(raw).corners if corners is None else corners)
    fitted, left_out, _ = np.mean(found.folds, axis=0)
    assert fitted <= 2.0  # done-when 4 of the issue: mean of 18 fitted patches
    assert left_out <= 3.0  # and of the 6 left out, over all four splits
    assert max(fold.left_out for fold in found.folds) <= 3.0  # measured 2.91
    assert found.delta_e.mean() < 0.6 * found.before.mean()


def run(*words: object) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-m", "deepisp", "calibrate", "color", *map(str, words)]
    return subprocess.run(call, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def dng(tmp_path_factory) -> Path:
    from deepisp.picture.dng import write_dng

    path = tmp_path_factory.mktemp("chart") / "chart.dng"
    write_dng(charted.raw(charted.paint(SHAPE, charted.corners(SHAPE), charted.colors())), path)
    return path


def test_the_verb_prints_json_and_takes_corners_before_the_file(dng):
    corners = [f"{x:.2f},{y:.2f}" for x, y in charted.corners(SHAPE)]
    done = run("--json", "--corners", *corners, dng)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told["patches"]) == 24
    assert told["delta_e"]["fitted"] < 0.1
    assert np.array(told["corners"]) == pytest.approx(charted.corners(SHAPE), abs=0.01)


def test_the_verb_writes_a_sensor_file_that_loads(dng, tmp_path):
    from deepisp.sensor import profile

    corners = " ".join(f"{x:.2f},{y:.2f}" for x, y in charted.corners(SHAPE))
    done = run(dng, "--corners", corners, "-o", tmp_path / "camera.toml")
    assert done.returncode == 0, done.stderr
    assert "camera.toml" in done.stdout.splitlines()[0]
    assert (tmp_path / "camera-color.png").stat().st_size > 10_000
    (group,) = profile.load(tmp_path / "camera.toml").color
    assert group.illuminant == 23  # D50
    assert np.array(group.xyz_to_camera) == pytest.approx(
        np.diag(charted.NEUTRAL) @ np.linalg.inv(charted.FORWARD), abs=0.01
    )


def test_the_sensor_file_holds_all_that_was_fitted(tmp_path):
    result = measured()
    tables = profile_groups.with_color({"maker": "a", "models": ["b"]}, color.profile_group(result))
    (kept,) = profile_file.write(tables, tmp_path / "camera.toml").color
    assert kept.illuminant_xy == pytest.approx(result.white_xy, rel=1e-5)
    assert np.allclose(kept.xyz_to_camera, result.calibration.xyz_to_camera, rtol=1e-5)
    assert np.allclose(kept.forward, result.linear.matrix, rtol=1e-5, atol=1e-6)
    assert kept.root_polynomial.degree == result.fit.degree == 2
    assert np.allclose(kept.root_polynomial.matrix, result.fit.matrix, rtol=1e-5, atol=1e-6)


def test_the_verb_writes_nothing_for_a_wrong_chart_or_another_camera(dng, tmp_path):
    corners = [f"{x:.2f},{y:.2f}" for x, y in charted.corners(SHAPE)]
    for first, text, said in (
        (1, "", "check the corners' order"),
        (0, 'maker = "Zeta"\nmodels = ["Two"]\n', "Zeta Two"),
    ):
        output = tmp_path / f"{first}.toml"
        if text:
            output.write_text(text)
        done = run(dng, "--corners", *corners[first:], *corners[:first], "-o", output)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (4, "", 1), done.stderr
        assert said in done.stderr
        assert (output.read_text() if output.exists() else "") == text


def test_the_table_says_what_its_columns_mean(dng):
    done = run(dng, "--corners", *[f"{x:.2f},{y:.2f}" for x, y in charted.corners(SHAPE)])
    for column in ("before", "fitted", "left out"):
        assert f"{column}: by " in " ".join(done.stdout.split())


def test_three_corners_are_wrong_usage(dng):
    done = run(dng, "--corners", "1,1 9,1 9,9")
    assert done.returncode == 2
    assert "four points" in done.stderr


def test_a_file_without_a_chart_is_one_line_that_names_it(tmp_path):
    from deepisp.picture.dng import write_dng

    gray = np.random.default_rng(0).uniform(0.2, 0.3, (120, 160, 3))
    write_dng(charted.raw(gray), tmp_path / "wall.dng")
    done = run(tmp_path / "wall.dng")
    assert done.returncode == 4
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "wall.dng: no ColorChecker Classic found" in line
    assert "--corners" in line
