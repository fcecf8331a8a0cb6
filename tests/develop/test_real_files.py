"""Real raw files: colors against a chart, opcodes against LibRaw, the same bytes each time."""

import warnings

import numpy as np
import pytest
import rawpy

import deepisp
from deepisp.develop import plan
from deepisp.develop.settings import Settings

pytestmark = pytest.mark.data

CHART = "raw/canon-powershot-g2-iso50-colorchecker-full.crw"
# Centers of the corner patches, x, y in LibRaw's visible area of 2312 x 1720, read off the picture.
CORNERS = np.array([[[321.8, 312.7], [1979.4, 307.3]], [[329.0, 1299.7], [1986.7, 1288.9]]])
HALF = 60  # of the window around a patch's center; a patch is about 288 wide
GRAYS = slice(18, 24)


@pytest.fixture(scope="module")
def chart():
    """XYZ under D65 and Lab of the chart's patches, row by row, from colour-science."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of what else could be installed
        import colour

        known = colour.CCS_COLOURCHECKERS["ColorChecker24 - After November 2014"]
        d65 = colour.CCS_ILLUMINANTS["CIE 1931 2 Degree Standard Observer"]["D65"]
        xyz = colour.xyY_to_XYZ(np.array(list(known.data.values())))
        whites = colour.xy_to_XYZ(known.illuminant), colour.xy_to_XYZ(d65)
        # CAT02 is colour-science's own default.
        xyz = colour.adaptation.chromatic_adaptation_VonKries(xyz, *whites, transform="CAT02")
        return colour, xyz, d65


def patches(pixels, origin):
    """Median of each of 4 x 6 patches of a picture whose corner is `origin` (x, y) of the visible area."""
    found = []
    for down in np.linspace(0, 1, 4):
        for right in np.linspace(0, 1, 6):
            top, bottom = CORNERS[:, 0] * (1 - right) + CORNERS[:, 1] * right
            x, y = (top * (1 - down) + bottom * down - origin).round().astype(int)
            window = pixels[y - HALF : y + HALF, x - HALF : x + HALF]
            found.append(np.median(window.reshape(-1, 3), axis=0))
    return np.array(found)


def errors(linear, chart):
    """Mean CIEDE2000 of linear sRGB patches: one exposure for all channels, then one for each."""
    colour, xyz, d65 = chart
    to_xyz = colour.RGB_COLOURSPACES["sRGB"].matrix_RGB_to_XYZ
    expected = xyz @ np.linalg.inv(to_xyz).T
    luminance = linear[GRAYS] @ to_xyz[1]
    once = (luminance @ xyz[GRAYS, 1]) / (luminance @ luminance)
    each = (linear[GRAYS] * expected[GRAYS]).sum(0) / (linear[GRAYS] ** 2).sum(0)
    lab = colour.XYZ_to_Lab(xyz, d65)
    scores = []
    for gain in (once, each):
        seen = colour.XYZ_to_Lab(np.clip(linear * gain, 0, 1) @ to_xyz.T, d65)
        scores.append(float(colour.delta_E(lab, seen, method="CIE 2000").mean()))
    return scores


def decoded(pixels):
    """Linear light of 8-bit sRGB, IEC 61966-2-1."""
    stored = pixels / 255
    return np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)


def test_chart_colors_are_as_true_as_librawpys(data, chart):
    ours = deepisp.develop(data / CHART, tone="none")
    camera, balanced = errors(decoded(patches(ours, (20, 8))), chart)
    with rawpy.imread(str(data / CHART)) as raw:
        theirs = raw.postprocess(use_camera_wb=True, no_auto_bright=True, gamma=(2.4, 12.92))
    peer_camera, peer_balanced = errors(decoded(patches(theirs, (0, 0))), chart)
    assert camera <= 6.0
    assert balanced <= 3.7
    assert camera <= peer_camera
    assert balanced <= peer_balanced


def test_the_polynomial_of_a_lossy_file_is_applied_once(data):
    """LibRaw applies it while it decodes; we apply it to the stored 8 bits. Both must come to the same light."""
    file = data / "raw/canon-eos-6d-iso1000-night-desk-adobe-lossy-linear.dng"
    solved = plan.solve(deepisp.read(file), Settings(highlights="blend"))
    signal = (solved.values - solved.levels.black[0]) * solved.levels.scale[0]
    with rawpy.imread(str(file)) as raw:
        theirs = raw.raw_image[..., :3].astype(np.float64) / 65535
    assert np.abs(signal - theirs).max() < 2 / 65535


@pytest.mark.parametrize("name", ["raw/canon-powershot-s40-product-box-printed.crw", CHART])
def test_the_same_file_gives_the_same_bytes(data, name):
    first = deepisp.develop(data / name, threads=1)
    assert all(np.array_equal(first, deepisp.develop(data / name, threads=threads)) for threads in (1, 2))


def test_mirrored_orientation_and_crop_are_librawpys(data):
    file = data / "raw/gopro-hero6-iso100-mural-walkway.derived-from-gpr.dng"
    ours = deepisp.develop(file, half=True, lens=False)
    with rawpy.imread(str(file)) as raw:
        theirs = raw.postprocess(use_camera_wb=True, half_size=True)
    assert ours.shape == theirs.shape
    for channel in range(3):
        a, b = (np.argsort(np.argsort(p[::20, ::20, channel].ravel())) for p in (ours, theirs))
        assert np.corrcoef(a, b)[0, 1] > 0.95  # ranks: the tone curves differ


def test_magic_lanterns_masked_borders_are_cut_off(data):
    file = data / "raw/canon-eos-kiss-x4-magiclantern-14bit-colorchecker-passport.dng"
    pixels = deepisp.develop(file)
    assert pixels.shape == (1156, 1734, 3)
    assert pixels[:, :8].mean() > 20  # no black border
    assert pixels[:8].mean() > 20
