"""Output spaces: known colors by colour-science 0.4.7, the laws of gamut mapping, and the compiled twins."""

import colour
import numpy as np
import pytest
import torch
from numba import njit

from deepisp import spaces
from deepisp.develop import output, output_kernels

COLOUR = {
    "srgb": "sRGB",
    "p3": "Display P3",
    "adobergb": "Adobe RGB (1998)",
    "prophoto": "ROMM RGB",
    "rec2020": "ITU-R BT.2020",
}
WIDE = np.random.default_rng(5).uniform(-0.6, 1.6, (3, 60, 70))
WEIGHTS = output.target("srgb").weights


def mapped(rgb, weights=WEIGHTS):
    return output.gamut_map(torch.as_tensor(rgb), weights).numpy()


def luminance(rgb):
    return np.tensordot(WEIGHTS, rgb, 1)


@njit
def one_by_one(rgb, matrix, weights, table, top, linear, stored):
    """A picture through the kernels, pixel after pixel: linear (3, H, W) and the integers."""
    for y in range(rgb.shape[1]):
        for x in range(rgb.shape[2]):
            r, g = output_kernels.finite(rgb[0, y, x]), output_kernels.finite(rgb[1, y, x])
            b = output_kernels.finite(rgb[2, y, x])
            linear[0, y, x], linear[1, y, x], linear[2, y, x] = output_kernels.gamut_map(
                matrix[0, 0] * r + matrix[0, 1] * g + matrix[0, 2] * b,
                matrix[1, 0] * r + matrix[1, 1] * g + matrix[1, 2] * b,
                matrix[2, 0] * r + matrix[2, 1] * g + matrix[2, 2] * b,
                weights,
            )
            for c in range(3):
                stored[c, y, x] = output_kernels.quantize(output_kernels.encode(linear[c, y, x], table), top)


@pytest.mark.parametrize("space", COLOUR)
def test_colors_come_out_as_by_colour_science(space):
    """In-gamut colors, to 16 bits; colour-science: Bradford, with the matrices derived, not the rounded ones."""
    wide, into = (
        colour.RGB_COLOURSPACES["ITU-R BT.2020"].copy(),
        colour.RGB_COLOURSPACES[COLOUR[space]].copy(),
    )
    for one in (wide, into):
        one.use_derived_transformation_matrices(True)
    inside = np.random.default_rng(6).uniform(0.2, 0.6, (500, 3))
    linear = colour.RGB_to_RGB(inside, into, wide, chromatic_adaptation_transform="Bradford")
    shaped = torch.from_numpy(linear.T.reshape(3, 20, 25).copy())
    if space == "rec2020":
        encoded = colour.models.oetf_BT2020(inside, is_12_bits_system=True)  # the unrounded curve
    else:
        encoded = into.cctf_encoding(inside)
    found = output.to_output(shaped, space, 16).numpy().reshape(3, -1).T
    np.testing.assert_allclose(found / 65535, encoded, atol=3e-5)
    found = output.to_output(shaped, "linear-" + space, 16).numpy().reshape(3, -1).T
    np.testing.assert_allclose(found / 65535, inside, atol=2e-5)


@pytest.mark.parametrize("space", spaces.SPACES)
def test_gray_stays_gray_and_white_is_white(space):
    gray = torch.linspace(0, 1, 300, dtype=torch.float64).expand(3, 1, 300)
    found = output.to_output(gray, space, 16).numpy().astype(int)
    assert (np.ptp(found, axis=0) <= 1).all()
    assert (found[:, 0, 0] == 0).all()
    assert (found[:, 0, -1] == 65535).all()


def test_hue_and_luminance_stay():
    light = luminance(WIDE)
    inner = (light > 1e-3) & (light < 1 - 1e-3)
    found = mapped(WIDE)
    np.testing.assert_allclose(luminance(found)[inner], light[inner], atol=1e-9)
    before, after = (WIDE - light)[:, inner], (found - luminance(found))[:, inner]
    lengths = np.linalg.norm(before, axis=0), np.linalg.norm(after, axis=0)
    np.testing.assert_allclose((before * after).sum(0), lengths[0] * lengths[1], rtol=1e-9)  # parallel
    assert (lengths[1] <= lengths[0] + 1e-12).all()


def test_everything_ends_inside_and_luminance_beyond_it_at_white_or_black():
    found, light = mapped(WIDE), luminance(WIDE)
    assert found.min() >= 0
    assert found.max() <= 1
    assert found[:, light >= 1].min() == 1
    assert found[:, light <= 0].max() == 0


def test_colors_well_inside_stay():
    inside = WIDE.clip(0.03, 0.97)
    light = luminance(inside)
    chroma = inside - light
    reach = np.maximum(chroma.max(0) / (1 - light), -chroma.min(0) / light)
    keep = reach < output.KNEE
    assert keep.mean() > 0.4
    np.testing.assert_allclose(mapped(inside.astype(np.float32))[:, keep], inside[:, keep], atol=1e-6)


@pytest.mark.parametrize("patch", [(231, 199, 31), (175, 54, 60), (56, 61, 150)])
def test_the_strongest_colors_of_a_chart_stay(patch):
    """ColorChecker's yellow, red and blue in sRGB; its cyan is outside."""
    linear = spaces.decode(np.array(patch) / 255, "srgb").reshape(3, 1, 1)
    assert np.abs(spaces.encode(mapped(linear), "srgb").ravel() * 255 - patch).max() < 1.5


def test_outside_no_two_saturations_of_a_hue_become_one():
    """Along a line from gray outwards each channel moves on, strictly, far beyond the gamut."""
    saturation = np.linspace(0, 4, 400)
    line = 0.4 + np.array([0.5, -0.02, -0.4])[:, None, None] * saturation
    line -= luminance(line)[None] - 0.4
    steps = np.diff(mapped(line)[:, 0], axis=1)
    assert (steps[0] > 0).all()
    assert (steps[2] < 0).all()
    # No corner: the slope of the slope is bounded by that of the knee, 2 / room, for the hue's full swing.
    second = np.diff(steps[0]) / (saturation[1] * 0.6) ** 2
    assert np.abs(second).max() < 2 / (1 - output.KNEE) / 0.6


@pytest.mark.parametrize("seed", range(5))
def test_no_channel_falls_when_exposure_rises(seed):
    colors = np.random.default_rng(seed).uniform(0, 1, (3, 200, 1))
    ramp = colors * np.geomspace(0.01, 50, 800)
    assert np.diff(mapped(ramp), axis=2).min() > -1e-9


def test_not_finite_numbers_become_finite():
    rgb = torch.full((3, 1, 8), 0.5)
    rgb[:, 0, 0], rgb[0, 0, 1], rgb[:, 0, 2], rgb[2, 0, 3] = torch.nan, torch.nan, torch.inf, torch.inf
    rgb[:, 0, 4], rgb[1, 0, 5], rgb[0, 0, 6], rgb[1, 0, 6] = -torch.inf, -torch.inf, torch.inf, -torch.inf
    found = output.gamut_map(rgb, WEIGHTS)
    assert torch.isfinite(found).all()
    assert (found[:, 0, 0] == 0).all()
    assert (found[:, 0, 2] == 1).all()
    assert (found[:, 0, 4] == 0).all()
    for bits in (8, 16, 32):
        assert np.isfinite(output.to_output(rgb, "srgb", bits).numpy().astype(float)).all()


@pytest.mark.parametrize("transfer", spaces.CURVES)
def test_encode_is_that_of_spaces(transfer):
    light = np.concatenate([WIDE.ravel(), np.linspace(0, 0.05, 1000), [0.0]])
    np.testing.assert_allclose(
        output.encode(torch.from_numpy(light), transfer).numpy(), spaces.encode(light, transfer), atol=1e-12
    )


@pytest.mark.parametrize(
    ("bits", "values"), [(8, [0, 0, 0, 1, 128, 255, 255]), (16, [0, 0, 128, 129, 32768, 65535, 65535])]
)
def test_quantize_rounds_to_the_nearest(bits, values):
    numbers = torch.tensor([-1, 0, 0.499 / 255, 0.501 / 255, 0.5, 1, torch.inf], dtype=torch.float64)
    found = output.quantize(numbers, bits).numpy()
    assert found.dtype == {8: np.uint8, 16: np.uint16}[bits]
    assert found.tolist() == values


def test_32_bits_keep_light_outside_0_to_1():
    rgb = torch.tensor([4.0, 0.2, -0.1]).reshape(3, 1, 1)
    found = output.to_output(rgb, "linear-rec2020", 32)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), rgb.numpy(), atol=1e-6)
    again = spaces.decode(output.to_output(rgb.double(), "srgb", 32).double().numpy().ravel(), "srgb")
    np.testing.assert_allclose(output.target("srgb").matrix @ rgb.double().numpy().ravel(), again, rtol=1e-5)


def test_camera_colors_are_only_quantized():
    rgb = torch.tensor([0.5, 1.5, -0.5]).reshape(3, 1, 1)
    assert output.to_output(rgb, "camera", 8).flatten().tolist() == [128, 255, 0]


@pytest.mark.parametrize("space", spaces.SPACES)
def test_the_kernels_are_twins(space):
    rgb = WIDE.astype(np.float32)
    rgb[:, 0, :9] = [np.nan, np.inf, -np.inf, 0, 1, 1e-8, 1 - 1e-7, -1e-8, 3]
    into = output.target(space)
    table = output.table(into.transfer)
    matrix, weights = into.matrix.astype(np.float32), into.weights.astype(np.float32)
    linear, stored = np.empty(rgb.shape, np.float32), np.empty(rgb.shape, np.uint16)
    one_by_one(rgb, matrix, weights, table, np.float32(65535), linear, stored)
    tensor = output.gamut_map(
        torch.from_numpy(np.tensordot(into.matrix, np.nan_to_num(rgb, posinf=65504, neginf=-65504), 1)),
        into.weights,
    )
    np.testing.assert_allclose(linear, tensor.numpy(), atol=4e-6)
    exact = spaces.encode(linear.astype(np.float64), into.transfer) * 65535
    assert np.abs(stored - exact).max() < 1  # half a step of rounding, and half for the table
    eight = np.empty(rgb.shape, np.uint8)
    one_by_one(rgb, matrix, weights, table, np.float32(255), linear, eight)
    assert np.abs(eight.astype(int) - output.to_output(torch.from_numpy(rgb), space, 8).numpy()).max() <= 1
    assert (eight == output.to_output(torch.from_numpy(rgb), space, 8).numpy()).mean() > 0.999


@njit
def encoded(light, table):
    out = np.empty_like(light)
    for i in range(len(light)):
        out[i] = output_kernels.encode(light[i], table)
    return out


@pytest.mark.parametrize("transfer", spaces.CURVES)
def test_the_table_is_within_half_a_16_bit_step(transfer):
    light = np.concatenate([np.linspace(0, 1, 200_001), np.geomspace(1e-12, 1, 100_000)]).astype(np.float32)
    exact = spaces.encode(light.astype(np.float64), transfer)
    assert np.abs(encoded(light, output.table(transfer)) - exact).max() < 0.5 / 65535
    assert encoded(np.float32([0, 1]), output.table(transfer)).tolist() == [0, 1]
    encoded(np.float32([np.nan, 2, np.inf, -1]), output.table(transfer))  # any number, but no crash


def test_gradients_of_mapping_and_curve():
    smooth = torch.tensor([[0.9, 0.2, 0.05], [0.3, -0.1, 0.5], [0.2, 1.3, 0.4]], dtype=torch.float64)
    rgb = smooth.T.reshape(3, 1, 3).clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: output.gamut_map(x, WEIGHTS), rgb)
    light = torch.tensor([-0.3, 0.001, 0.2, 1.7], dtype=torch.float64, requires_grad=True)
    for transfer in spaces.CURVES:
        assert torch.autograd.gradcheck(lambda x, transfer=transfer: output.encode(x, transfer), light)
    zero = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    output.encode(zero, "adobe").backward()
    assert torch.isfinite(zero.grad).all()
