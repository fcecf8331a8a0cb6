"""Bilinear demosaicing of any CFA, its kernel for the CPU, and the padding that keeps colors in step."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from deepisp.develop.demosaic import bayer, edges, periodic, periodic_kernels
from deepisp.sensor import cfa as cfa_cell

QUAD = "RRGGRRGGGGBBGGBB"
CELLS = [
    "RGGB",
    "GBRG",
    cfa_cell.XTRANS,
    cfa_cell.shift(cfa_cell.XTRANS, 2, 5),
    QUAD,
    "GMCY",
    "RGBBRGGBR",
    "W",
]


def scene(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(5))


def padded(mosaic: np.ndarray, side: int, halo: int) -> np.ndarray:
    rows, columns = (edges.padding_indices(-halo, size + halo, size, side) for size in mosaic.shape)
    return np.ascontiguousarray(mosaic[rows][:, columns])


def kernel(mosaic: np.ndarray, cfa: str) -> np.ndarray:
    pattern = cfa_cell.indices(cfa).astype(np.int64)
    out = np.full((len(cfa_cell.colors(cfa)), *mosaic.shape), np.nan, np.float32)
    periodic_kernels.bilinear(padded(mosaic, len(pattern), periodic_kernels.HALO), pattern, out)
    return out


@pytest.mark.parametrize("size", [2, 3, 8, 13])
def test_padding_for_bayer_is_reflection_without_the_edge(size):
    assert (
        edges.padding_indices(-7, size + 7, size, 2).tolist()
        == np.pad(np.arange(size), 7, mode="reflect").tolist()
    )


@pytest.mark.parametrize("period", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("size", [1, 2, 5, 6, 7, 12, 31])
def test_padding_is_the_nearest_of_the_same_phase(size, period):
    wanted = range(-12, size + 12)
    for want, got in zip(wanted, edges.padding_indices(-12, size + 12, size, period), strict=True):
        assert 0 <= got < size
        same = [i for i in range(size) if (i - want) % period == 0]
        around = max(2 * (size - 1), 1)
        mirror = min(want % around, -want % around) if size > 1 else 0
        if 0 <= want < size:
            assert got == want
        elif same:
            assert abs(got - mirror) == min(abs(i - mirror) for i in same)
            assert (got - want) % period == 0


def test_four_colors_by_hand():
    mosaic = torch.arange(9.0).square().reshape(1, 3, 3)  # G M G / C Y C / G M G
    middle = periodic.bilinear(mosaic, "GMCY")[:, 1, 1]
    assert cfa_cell.colors("GMCY") == "GCMY"
    assert middle.tolist() == [(0 + 4 + 36 + 64) / 4, (9 + 25) / 2, (1 + 49) / 2, 16]


def test_quad_by_hand():
    red, green, blue = periodic.bilinear(torch.arange(16.0).reshape(1, 4, 4), QUAD)[
        :, 1, 1
    ]  # 3 x 3, tent 1 2 1
    assert (red, blue) == (5, 10)
    assert green == pytest.approx((2 * 6 + 2 * 9 + 1 * 2 + 1 * 8) / 6)


@pytest.mark.parametrize("cfa", cfa_cell.BAYER)
def test_bayer_is_plain_bilinear(cfa):
    mosaic = scene(1, 9, 12)
    torch.testing.assert_close(periodic.bilinear(mosaic, cfa), bayer.bilinear(mosaic, cfa))


@pytest.mark.parametrize("cfa", CELLS)
def test_flat_colors_stay_themselves_and_measured_values_are_kept(cfa):
    indices, mosaic = cfa_cell.indices(cfa), scene(2, 1, 14, 17)
    at = np.tile(indices, (14, 17))[:14, :17]
    flat = torch.tensor([0.7, 0.1, 0.4, 0.2])[torch.from_numpy(at)][None]
    for color, plane in enumerate(periodic.bilinear(flat, cfa)):
        torch.testing.assert_close(plane, torch.full((14, 17), [0.7, 0.1, 0.4, 0.2][color]))
    filled = periodic.bilinear(mosaic, cfa)
    assert torch.equal(filled.gather(-3, torch.from_numpy(at).expand(2, 1, 14, 17)), mosaic)


@pytest.mark.parametrize("cfa", CELLS)
def test_shifting_the_scene_is_shifting_the_cell(cfa):
    mosaic = scene(1, 20, 24)
    moved = periodic.bilinear(mosaic[..., 2:, 1:], cfa_cell.shift(cfa, 2, 1))
    torch.testing.assert_close(moved[..., 3:-3, 3:-3], periodic.bilinear(mosaic, cfa)[..., 5:-3, 4:-3])


@pytest.mark.parametrize("cfa", [cfa_cell.XTRANS, "GMCY"])
def test_bilinear_has_the_right_gradient(cfa):
    mosaic = scene(1, 5, 7).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda m: periodic.bilinear(m, cfa), mosaic)


@pytest.mark.parametrize("cfa", CELLS)
@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (30, 41)])
def test_the_kernel_equals_the_tensors(cfa, shape):
    mosaic = scene(1, *shape)
    got = torch.from_numpy(kernel(mosaic[0].numpy(), cfa))
    torch.testing.assert_close(got, periodic.bilinear(mosaic, cfa), rtol=0, atol=1e-6)


@pytest.mark.parametrize("cfa", [cfa_cell.XTRANS, QUAD])
def test_bands_and_threads_change_nothing(cfa):
    mosaic, side, halo = scene(60, 50).numpy(), cfa_cell.side(cfa), periodic_kernels.HALO
    whole, pattern = kernel(mosaic, cfa), cfa_cell.indices(cfa).astype(np.int64)
    around = padded(mosaic, side, halo)
    cut = np.full_like(whole, np.nan)

    def fill(top: int, left: int) -> None:
        height, width = min(24, 60 - top), min(36, 50 - left)
        part = np.ascontiguousarray(around[top : top + height + 2 * halo, left : left + width + 2 * halo])
        out = np.empty((3, height, width), np.float32)
        periodic_kernels.bilinear(part, pattern, out)
        cut[:, top : top + height, left : left + width] = out

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fill, *zip(*[(top, left) for top in (0, 24, 48) for left in (0, 36)], strict=True)))
    assert np.array_equal(cut, whole)


def test_the_kernel_refuses_what_it_would_read_past():
    with pytest.raises(ValueError, match="pad the band by 12"):
        periodic_kernels.bilinear(
            np.zeros((20, 30), np.float32), cfa_cell.indices("RGGB"), np.zeros((3, 8, 8), np.float32)
        )
