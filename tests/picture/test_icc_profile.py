"""ICC profiles as littlecms, the color engine of nearly everyone, understands them."""

import hashlib
import io

import colour
import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms

from deepisp import spaces
from deepisp.picture import profile
from deepisp.picture.profile import icc_profile

PEERS = {
    "srgb": "sRGB",
    "p3": "Display P3",
    "adobergb": "Adobe RGB (1998)",
    "prophoto": "ROMM RGB",
    "rec2020": "ITU-R BT.2020",
}
D50 = np.array([0.9642, 1.0, 0.8249])  # ICC.1:2022, 7.2.16
COLORS = np.array(
    [
        [1, 1, 1],
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
        [0.5, 0.5, 0.5],
        [0.02, 0.02, 0.02],
        [0.2, 0.6, 0.9],
        [0.9, 0.3, 0.01],
    ]
)


def lcms_xyz(data: bytes, stored: np.ndarray) -> np.ndarray:
    """XYZ relative to D50, as littlecms computes it in floating point."""
    space = "rgb" if stored.shape[-1] == 3 else "gray"
    out = imagecodecs.cms_transform(
        stored[None].astype(np.float64), data, imagecodecs.cms_profile("xyz"),
        colorspace=space, outcolorspace="xyz", outdtype="float64", intent=1,
    )  # fmt: skip
    return np.asarray(out)[0].reshape(-1, 3)


@pytest.mark.parametrize("name", spaces.SPACES)
def test_littlecms_sees_the_colors_that_colour_science_computes(name):
    peer = colour.RGB_COLOURSPACES[PEERS[name.removeprefix("linear-")]]
    light = COLORS if name.startswith("linear") else spaces.decode(COLORS, spaces.SPACES[name].transfer)
    matrix = colour.normalised_primary_matrix(peer.primaries, peer.whitepoint)
    white = colour.xy_to_XYZ(peer.whitepoint)
    to_d50 = colour.adaptation.matrix_chromatic_adaptation_VonKries(white, D50, transform="Bradford")
    expected = light @ (to_d50 @ matrix).T
    # 4e-5: XYZ tags have steps of 1.5e-5, the curve's numbers too. The sRGB matrix rounded to 4 digits is 3e-4 off.
    np.testing.assert_allclose(lcms_xyz(icc_profile(name), COLORS), expected, atol=4e-5)


@pytest.mark.parametrize("name", spaces.SPACES)
def test_white_is_neutral_to_the_last_bit(name):
    data = icc_profile(name)
    columns = [_tag(data, tag)[8:20] for tag in (b"rXYZ", b"gXYZ", b"bXYZ")]
    total = sum(np.frombuffer(column, ">i4").astype(int) for column in columns)
    assert total.tolist() == [0xF6D6, 0x10000, 0xD32D]


def test_our_srgb_is_littlecms_own_srgb():
    colors = np.random.default_rng(2).integers(0, 256, (64, 64, 3), np.uint8)
    ours = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile("srgb")))
    image = Image.fromarray(colors)
    same = ImageCms.profileToProfile(image, ours, ImageCms.createProfile("sRGB"), renderingIntent=1)
    assert np.abs(np.asarray(same).astype(int) - colors).max() <= 1


@pytest.mark.parametrize("name", [n for n in spaces.SPACES if n not in ("srgb", "linear-srgb")])
def test_a_wide_space_is_not_taken_for_srgb(name):
    image = Image.new("RGB", (1, 1), (60, 160, 60))
    wide = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile(name)))
    (red, green, _blue) = ImageCms.profileToProfile(image, wide, ImageCms.createProfile("sRGB")).getpixel(
        (0, 0)
    )
    assert red < 60 or name.startswith("linear")
    assert green - red > 101


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("name", spaces.SPACES)
def test_profile_says_what_it_is(name, gray):
    data = icc_profile(name, gray=gray)
    seen = ImageCms.ImageCmsProfile(io.BytesIO(data)).profile
    assert (
        ImageCms.getProfileDescription(io.BytesIO(data)).strip() == spaces.SPACES[name].name + ", gray" * gray
    )
    assert seen.xcolor_space.strip() == ("GRAY" if gray else "RGB")
    assert seen.connection_space.strip() == "XYZ"
    assert seen.version == pytest.approx(4.3)
    assert seen.device_class == "mntr"
    assert len(data) == int.from_bytes(data[:4], "big") < 600


@pytest.mark.parametrize("name", spaces.SPACES)
def test_gray_has_the_curve_of_the_space(name):
    stored = np.linspace(0, 1, 9)[:, None]
    expected = spaces.decode(stored, spaces.SPACES[name].transfer) * D50
    np.testing.assert_allclose(lcms_xyz(icc_profile(name, gray=True), stored), expected, atol=4e-5)


def test_bytes_never_change_and_carry_their_own_checksum():
    first = icc_profile("p3")
    profile.icc_profile.cache_clear()
    assert icc_profile("p3") == first
    blank = first[:44] + bytes(4) + first[48:64] + bytes(4) + first[68:84] + bytes(16) + first[100:]  # 7.2.18
    assert first[84:100] == hashlib.md5(blank).digest()


def test_camera_has_no_profile_and_an_unknown_space_lists_the_known():
    assert icc_profile("camera") is None
    with pytest.raises(ValueError, match=r"no color space 'rgb'; known: srgb, p3, .*camera"):
        icc_profile("rgb")


def _tag(data: bytes, name: bytes) -> bytes:
    for at in range(132, 132 + 12 * int.from_bytes(data[128:132], "big"), 12):
        if data[at : at + 4] == name:
            start, size = (int.from_bytes(data[at + i : at + i + 4], "big") for i in (4, 8))
            return data[start : start + size]
    raise KeyError(name)
