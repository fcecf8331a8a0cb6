"""Color spaces against colour-science 0.4.7, which types them in from the same standards by itself."""

import colour
import numpy as np
import pytest

from deepisp import spaces

PEERS = {
    "srgb": "sRGB",
    "p3": "Display P3",
    "adobergb": "Adobe RGB (1998)",
    "prophoto": "ROMM RGB",
    "rec2020": "ITU-R BT.2020",
}


@pytest.mark.parametrize("name", spaces.SPACES)
def test_primaries_and_white_are_those_of_the_standard(name):
    ours, peer = spaces.SPACES[name], colour.RGB_COLOURSPACES[PEERS[name.removeprefix("linear-")]]
    assert np.array_equal(ours.primaries, peer.primaries)
    assert np.array_equal(ours.white, peer.whitepoint)


@pytest.mark.parametrize("name", spaces.SPACES)
def test_matrix_is_that_of_the_primaries(name):
    peer = colour.RGB_COLOURSPACES[PEERS[name.removeprefix("linear-")]]
    expected = colour.normalised_primary_matrix(peer.primaries, peer.whitepoint)
    np.testing.assert_allclose(spaces.rgb_to_xyz(name), expected, atol=1e-12)


def test_adaptation_is_bradford():
    source, target = spaces.xyz(spaces.D65), spaces.xyz(spaces.D50)
    expected = colour.adaptation.matrix_chromatic_adaptation_VonKries(source, target, transform="Bradford")
    np.testing.assert_allclose(spaces.adapt(source, target), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("transfer", "peer", "tolerance"),
    [
        ("srgb", colour.models.eotf_inverse_sRGB, 3e-8),  # theirs joins the pieces at 0.0031308, 1e-8 off
        ("adobe", colour.RGB_COLOURSPACES["Adobe RGB (1998)"].cctf_encoding, 1e-12),
        ("romm", lambda x: colour.models.cctf_encoding_ROMMRGB(x, out_int=False), 1e-12),
        ("bt2020", lambda x: colour.models.oetf_BT2020(x, is_12_bits_system=True), 1e-4),  # 1.0993, 0.0181
        ("linear", lambda x: x, 0),
    ],
)
def test_curve_is_that_of_the_standard(transfer, peer, tolerance):
    light = np.linspace(0, 1, 4097)
    np.testing.assert_allclose(spaces.encode(light, transfer), peer(light), atol=tolerance, rtol=0)


def test_constants_of_bt2020_solve_its_two_equations():
    curve = spaces.CURVES["bt2020"]
    alpha, beta = 1 + curve.offset, curve.toe / curve.slope
    assert 4.5 * beta == pytest.approx(
        alpha * beta**0.45 - alpha + 1, abs=1e-13
    )  # BT.2020-2, table 4: one value,
    assert pytest.approx(0.45 * alpha * beta**-0.55, abs=1e-11) == 4.5  # and one slope


@pytest.mark.parametrize("transfer", spaces.CURVES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_decode_undoes_encode_also_outside_0_to_1(transfer, dtype):
    light = np.linspace(-0.5, 4, 1801).astype(dtype)
    stored = spaces.encode(light, transfer)
    back = spaces.decode(stored, transfer)
    assert stored.dtype == back.dtype == dtype
    np.testing.assert_allclose(
        back, light, rtol=2e-6 if dtype == np.float32 else 1e-12, atol=1e-6 if dtype == np.float32 else 1e-7
    )
    assert (np.diff(stored) > 0).all()
