"""Bayer demosaicing on tensors: by hand, by the paper and by law; test_bayer_kernels.py has others' implementations."""

import numpy as np
import pytest
import torch
from torch import Tensor

from deepisp.develop.demosaic import bayer
from deepisp.sensor import cfa as cfa_cell

METHODS = {"bilinear": bayer.bilinear, "malvar": bayer.malvar, "menon": bayer.menon}
LINEAR = {name: METHODS[name] for name in ("bilinear", "malvar")}

every_cfa = pytest.mark.parametrize("cfa", cfa_cell.BAYER)
every_method = pytest.mark.parametrize("name", METHODS)
every_linear = pytest.mark.parametrize("name", LINEAR)


def sampled(rgb: Tensor, cfa: str) -> Tensor:
    """The mosaic that a sensor with this CFA takes from (..., 3, H, W)."""
    channel = torch.from_numpy(np.tile(cfa_cell.indices(cfa), (rgb.shape[-2], rgb.shape[-1])))
    channel = channel[: rgb.shape[-2], : rgb.shape[-1]].to(rgb.device)
    return rgb.gather(-3, channel.expand(*rgb.shape[:-3], 1, -1, -1))


def steps(*shape: int) -> Tensor:
    """Random multiples of 1/256: their sums are exact in any order, so that menon's ties are ties everywhere."""
    return torch.randint(-64, 256, shape, generator=torch.Generator().manual_seed(0)) / 256


@every_method
@every_cfa
def test_a_flat_color_stays_flat(name: str, cfa: str, device: str) -> None:
    flat = torch.tensor([0.8, 0.2, -0.1], device=device).reshape(3, 1, 1).expand(3, 7, 10)
    torch.testing.assert_close(METHODS[name](sampled(flat, cfa), cfa), flat.contiguous(), rtol=0, atol=1e-6)


@every_method
@every_cfa
def test_what_a_photosite_measured_comes_out_unchanged(name: str, cfa: str) -> None:
    mosaic = torch.randn(2, 1, 9, 12, generator=torch.Generator().manual_seed(1))
    assert torch.equal(sampled(METHODS[name](mosaic, cfa), cfa), mosaic)


def test_bilinear_by_hand() -> None:
    mosaic = torch.tensor([[[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]])
    red, green, blue = bayer.bilinear(mosaic, "RGGB")
    assert red.tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert green.tolist() == [[3, 2, 4], [4, 5, 6], [6, 8, 7]]
    assert blue.tolist() == [[5, 5, 5], [5, 5, 5], [5, 5, 5]]


def test_malvar_has_the_weights_of_the_paper() -> None:
    at_red = torch.zeros(1, 13, 13)
    at_red[0, 6, 6] = 8
    red, green, blue = bayer.malvar(at_red, "RGGB")
    # ICASSP 2004, figure 2, turned around: what one photosite of 8 gives to those around it.
    assert red[4:9, 4:9].tolist() == [[0] * 5, [0, 2, 4, 2, 0], [0, 4, 8, 4, 0], [0, 2, 4, 2, 0], [0] * 5]
    assert green[6, 4:9].tolist() == green[4:9, 6].tolist() == [-1, 0, 4, 0, -1]
    assert blue[6, 4:9].tolist() == blue[4:9, 6].tolist() == [-1.5, 0, 6, 0, -1.5]
    at_green = torch.zeros(1, 13, 13)
    at_green[0, 6, 7] = 8
    red, green, blue = bayer.malvar(at_green, "RGGB")
    assert green[5:8, 6:9].tolist() == [[0, 2, 0], [2, 8, 2], [0, 2, 0]]
    assert red[6, 5:10].tolist() == [-1, 0, 5, 0, -1]
    assert red[4:9, 7].tolist() == [0.5, 0, 5, 0, 0.5]
    assert blue[6, 5:10].tolist() == [0.5, 0, 5, 0, 0.5]
    assert blue[4:9, 7].tolist() == [-1, 0, 5, 0, -1]
    assert red[5, 6].item() == red[7, 8].item() == blue[5, 6].item() == blue[7, 8].item() == -1


@every_cfa
@pytest.mark.parametrize("lines", ["rows", "columns"])
def test_menon_follows_gray_lines_exactly(lines: str, cfa: str) -> None:
    along = steps(1, 15, 1).expand(3, 15, 14) if lines == "rows" else steps(1, 1, 14).expand(3, 15, 14)
    torch.testing.assert_close(bayer.menon(sampled(along, cfa), cfa), along.contiguous(), rtol=0, atol=1e-6)
    assert (
        bayer.malvar(sampled(along, cfa), cfa) - along
    ).abs().max() > 0.1  # which is not a matter of course


@every_method
@every_cfa
@pytest.mark.parametrize(("rows", "columns"), [(1, 0), (0, 1), (1, 1)])
def test_shifting_the_scene_is_swapping_the_cfa(name: str, cfa: str, rows: int, columns: int) -> None:
    mosaic, inner = steps(1, 29, 31), slice(8, -8)
    whole = METHODS[name](mosaic, cfa)[..., rows:, columns:]
    shifted = METHODS[name](mosaic[..., rows:, columns:], cfa_cell.shift(cfa, rows, columns))
    torch.testing.assert_close(shifted[..., inner, inner], whole[..., inner, inner], rtol=0, atol=0)


@every_linear
@every_cfa
def test_the_adjoint_is_the_gradient(name: str, cfa: str) -> None:
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(2, 1, 7, 6, generator=generator, dtype=torch.float64)
    y = torch.randn(2, 3, 7, 6, generator=generator, dtype=torch.float64)
    elsewhere = torch.zeros_like(x, requires_grad=True)
    (adjoint,) = torch.autograd.grad(METHODS[name](elsewhere, cfa), elsewhere, y)
    assert abs((METHODS[name](x, cfa) * y).sum() - (x * adjoint).sum()) < 1e-12


@every_method
@every_cfa
def test_gradients(name: str, cfa: str, device: str) -> None:
    mosaic = torch.randn(1, 5, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64).to(device)
    assert torch.autograd.gradcheck(lambda x: METHODS[name](x, cfa), mosaic.requires_grad_())


@every_method
def test_a_batch_is_its_pictures_one_by_one(name: str) -> None:
    batch = steps(2, 3, 1, 6, 9)
    whole = METHODS[name](batch, "GBRG")
    assert whole.shape == (2, 3, 3, 6, 9)
    assert torch.equal(whole[1, 2], METHODS[name](batch[1, 2], "GBRG"))


@every_method
def test_wrong_input_is_named(name: str) -> None:
    with pytest.raises(ValueError, match="one of RGGB, GRBG, GBRG, BGGR, got 'RGBG'"):
        METHODS[name](torch.zeros(1, 4, 4), "RGBG")
    for wrong in (
        torch.zeros(4, 4),
        torch.zeros(3, 4, 4),
        torch.zeros(1, 1, 4),
        torch.zeros(1, 4, 4).short(),
    ):
        with pytest.raises(ValueError, match=r"floating-point mosaic \(..., 1, H, W\).*normalize it"):
            METHODS[name](wrong, "RGGB")
