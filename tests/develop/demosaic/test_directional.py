"""Directional demosaicing of X-Trans and quad-Bayer, on tensors and on the CPU."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from deepisp.develop.demosaic import directional, directional_kernels, edges, kriging, periodic_kernels
from deepisp.sensor import cfa as cfa_cell

QUAD = "RRGGRRGGGGBBGGBB"
XTRANS = cfa_cell.XTRANS
ACROSS = cfa_cell.text(cfa_cell.cell(XTRANS).T)
CELLS = [
    XTRANS,
    cfa_cell.shift(XTRANS, 1, 4),
    ACROSS,
    QUAD,
    cfa_cell.shift(QUAD, 1, 0),
    cfa_cell.shift(QUAD, 2, 3),
]
HALO = directional_kernels.HALO
BARS = [(XTRANS, 34.3, 7.4), (ACROSS, 34.3, 7.4), (QUAD, 30.7, 6.9)]  # dB


def scene(*shape: int) -> torch.Tensor:
    """Soft structure in every direction, between 0 and 1."""
    noise = torch.rand(shape, generator=torch.Generator().manual_seed(5))
    return torch.nn.functional.avg_pool2d(noise, 3, 1, 1, count_include_pad=False)


def padded(mosaic: np.ndarray, side: int) -> np.ndarray:
    rows, columns = (edges.padding_indices(-HALO, size + HALO, size, side) for size in mosaic.shape)
    return np.ascontiguousarray(mosaic[rows][:, columns])


def kernel(mosaic: np.ndarray, cfa: str, run=directional_kernels.directional) -> np.ndarray:
    pattern = cfa_cell.indices(cfa).astype(np.int64)
    out = np.full((3, *mosaic.shape), np.nan, np.float32)
    run(padded(mosaic, len(pattern)), pattern, out)
    return out


def colors_at(cfa: str, height: int, width: int) -> np.ndarray:
    return np.tile(cfa_cell.indices(cfa), (height, width))[:height, :width]


@pytest.mark.parametrize("cfa", CELLS)
@pytest.mark.parametrize(
    "rgb", [(0.5, 0.5, 0.5), (0.8, 0.0, 0.0), (0.0, 0.8, 0.1), (0.1, 0.0, 1.0), (0.0, 0.0, 0.0)]
)
def test_flat_colors_stay_themselves(cfa, rgb):
    flat = np.array(rgb, np.float32)[colors_at(cfa, 19, 22)]
    for color, plane in enumerate(kernel(flat, cfa)):
        np.testing.assert_allclose(plane, rgb[color], rtol=0, atol=2e-6)


@pytest.mark.parametrize("cfa", CELLS)
def test_measured_values_are_kept(cfa):
    mosaic = scene(1, 26, 31)[0].numpy()
    at = colors_at(cfa, 26, 31)
    assert np.array_equal(np.take_along_axis(kernel(mosaic, cfa), at[None], 0)[0], mosaic)


@pytest.mark.parametrize("cfa", CELLS)
def test_shifting_the_scene_is_shifting_the_cell(cfa):
    mosaic, edge = scene(1, 40, 42)[0].numpy(), directional.REACH
    moved, still = kernel(mosaic[1:, 1:].copy(), cfa_cell.shift(cfa, 1, 1)), kernel(mosaic, cfa)
    np.testing.assert_allclose(
        moved[:, edge:-edge, edge:-edge], still[:, edge + 1 : -edge, edge + 1 : -edge], rtol=0, atol=2e-6
    )


@pytest.mark.parametrize("cfa", [XTRANS, QUAD])
def test_transposing_the_scene_is_transposing_the_cell(cfa):
    mosaic, edge = scene(1, 40, 42)[0].numpy(), directional.REACH
    turned = kernel(mosaic.T.copy(), cfa_cell.text(cfa_cell.cell(cfa).T)).swapaxes(1, 2)
    inside = np.s_[:, edge:-edge, edge:-edge]
    np.testing.assert_allclose(turned[inside], kernel(mosaic, cfa)[inside], rtol=0, atol=2e-6)


@pytest.mark.parametrize("cfa", [XTRANS, QUAD])
def test_scaling_the_light_scales_the_picture(cfa):
    mosaic = scene(1, 30, 30)[0].numpy()
    np.testing.assert_allclose(kernel(mosaic / 64, cfa) * 64, kernel(mosaic, cfa), rtol=0, atol=1e-3)


@pytest.mark.parametrize("cfa", CELLS)
@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (5, 3), (37, 50)])
def test_the_kernel_equals_the_tensors(cfa, shape):
    mosaic = scene(2, 1, *shape)
    expected = directional.directional(mosaic, cfa)
    assert expected.shape == (2, 3, *shape)
    for k in range(2):
        torch.testing.assert_close(
            torch.from_numpy(kernel(mosaic[k, 0].numpy(), cfa)), expected[k], rtol=0, atol=1e-5
        )


@pytest.mark.parametrize("cfa", [XTRANS, QUAD])
def test_bands_and_threads_change_nothing(cfa):
    mosaic, pattern = scene(1, 60, 85)[0].numpy(), cfa_cell.indices(cfa).astype(np.int64)
    whole, around = kernel(mosaic, cfa), padded(mosaic, len(pattern))
    cut = np.full_like(whole, np.nan)

    def fill(top: int, left: int) -> None:
        height, width = min(24, 60 - top), min(36, 85 - left)
        part = np.ascontiguousarray(around[top : top + height + 2 * HALO, left : left + width + 2 * HALO])
        out = np.empty((3, height, width), np.float32)
        directional_kernels.directional(part, pattern, out)
        cut[:, top : top + height, left : left + width] = out

    corners = [(top, left) for top in (0, 24, 48) for left in (0, 36, 72)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fill, *zip(*corners, strict=True)))
    assert np.array_equal(cut, whole)


@pytest.mark.parametrize("cfa", [XTRANS, QUAD])
def test_directional_has_a_finite_gradient_even_where_it_is_flat(cfa):
    mosaic = scene(1, 13, 13)
    mosaic[..., 6:] = 0.5
    mosaic.requires_grad_()
    directional.directional(mosaic, cfa).square().sum().backward()
    assert mosaic.grad.isfinite().all()
    assert (mosaic.grad != 0).any()


def test_directional_has_the_right_gradient():
    mosaic = scene(1, 3, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda m: directional.directional(m, QUAD), mosaic)


@pytest.mark.parametrize("cfa", [XTRANS, QUAD])
@pytest.mark.parametrize("model", [kriging.MODELS[0], kriging.MODELS[5]])
def test_the_miss_is_what_is_left_of_a_photosite_that_was_left_out(cfa, model):
    """Against the kriging system solved anew without the photosite, in float64."""
    pattern = cfa_cell.indices(cfa)
    offsets, estimate, residual = kriging.filters(pattern, model)
    others = offsets[(offsets != 0).any(axis=1)]
    n, center = len(pattern), (offsets == 0).all(axis=1)
    for row, column in [(0, 0), (1, 2), (3, 1)]:
        color = pattern[(row + others[:, 0]) % n, (column + others[:, 1]) % n]
        own = pattern[row, column]
        luma, chroma = kriging._covariances(others[:, None] - others[None], model)
        member = (color[:, None] == np.arange(3)).astype(float)
        covariance = luma + chroma * (color[:, None] == color) + kriging.NUGGET * np.eye(len(others))
        system = np.block([[covariance, member], [member.T, np.zeros((3, 3))]])
        luma, chroma = kriging._covariances(others, model)
        wanted = np.concatenate([luma + chroma * (color == own), np.eye(3)[own]])
        expected = -np.linalg.solve(system, wanted)[: len(others)]
        np.testing.assert_allclose(residual[row, column, 0, ~center], expected, rtol=0, atol=1e-9)
        assert residual[row, column, 0, center] == pytest.approx(1)
        # The weights of a color's own photosites sum to one, those of every other color to zero.
        color = pattern[(row + offsets[:, 0]) % n, (column + offsets[:, 1]) % n]
        sums = [[estimate[row, column, k, color == other].sum() for other in range(3)] for k in range(3)]
        np.testing.assert_allclose(sums, np.eye(3), rtol=0, atol=1e-9)


def test_other_colors_are_refused():
    with pytest.raises(ValueError, match=r"periodic\.bilinear"):
        directional.directional(scene(1, 8, 8), "GMCY")
    far = np.zeros((20, 20), np.int64)
    far[0, 0], far[10, 10] = 1, 2
    with pytest.raises(ValueError, match="within 6 photosites"):
        kriging.filters(far, kriging.MODELS[0])
    with pytest.raises(ValueError, match="pad the band by 12"):
        directional_kernels.directional(
            np.zeros((32, 32), np.float32), cfa_cell.indices(QUAD), np.zeros((3, 9, 8), np.float32)
        )


def cpsnr(got: np.ndarray, truth: np.ndarray) -> float:
    error = (np.clip(got, 0, 1) - truth)[:, 10:-10, 10:-10]
    return float(-10 * np.log10(np.square(error, dtype=np.float64).mean()))


@pytest.mark.data
@pytest.mark.parametrize(("cfa", "bar", "gain"), BARS)
def test_directional_beats_bilinear_on_photographs(data, cfa, bar, gain):
    """8-bit sRGB / 255, no noise, 10 photosites cut; the bars lie 0.2 dB under what was measured."""
    new, old = [], []
    for name in ("kodak/kodim01", "kodak/kodim08", "kodak/kodim19", "mcmaster/mcm01", "mcmaster/mcm17"):
        with Image.open(data / "pictures" / "bench" / f"{name}.webp") as picture:
            truth = np.asarray(picture.convert("RGB"), np.float32).transpose(2, 0, 1) / 255
        mosaic = np.take_along_axis(truth, colors_at(cfa, *truth.shape[1:])[None], 0)[0]
        new.append(cpsnr(kernel(mosaic, cfa), truth))
        old.append(cpsnr(kernel(mosaic, cfa, periodic_kernels.bilinear), truth))
    assert np.mean(new) > bar, (np.mean(new), np.mean(old))
    assert np.mean(new) - np.mean(old) > gain
