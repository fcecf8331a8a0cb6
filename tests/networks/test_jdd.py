"""deepisp's network: what it depends on, and the laws it keeps."""

import pytest
import torch

from deepisp.networks import planes
from deepisp.networks.jdd import JDD
from deepisp.sensor.cfa import XTRANS

QUAD = "RRGGRRGGGGBBGGBB"
CELLS = ["RGGB", XTRANS, QUAD]


def network(cfa: str = "RGGB", **settings: int) -> JDD:
    torch.manual_seed(1)
    return JDD(cfa, **({"width": 12, "blocks": 2} | settings)).double().eval()


def noisy(height: int = 72, width: int = 84) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    mosaic, sigma = torch.rand(2, 1, 1, height, width, generator=generator, dtype=torch.float64)
    return mosaic, sigma / 10


@pytest.mark.parametrize("cfa", CELLS)
def test_a_pixel_depends_on_its_halo_and_on_all_of_it(cfa: str) -> None:
    net = network(cfa)
    mosaic, sigma = noisy()
    mosaic.requires_grad_()
    net(mosaic, sigma)[0, :, 36:38, 36:38].sum().backward()
    rows = mosaic.grad[0, 0].abs().sum(1).nonzero()
    assert int(rows.min()) == 36 - net.halo
    assert int(rows.max()) == 37 + net.halo


@pytest.mark.parametrize("cfa", CELLS)
def test_tiles_equal_the_whole(cfa: str) -> None:
    net = network(cfa).float()
    mosaic, sigma = (one.float() for one in noisy())
    whole = net(mosaic, sigma)
    halo, top = net.halo, 24  # a whole number of cells, also without the halo
    begin = top - halo
    assert begin % 12 == 0
    part = net(mosaic[..., begin:, begin:], sigma[..., begin:, begin:])[..., halo:, halo:]
    inside = (..., slice(0, 24), slice(0, 24))
    assert torch.allclose(part[inside], whole[..., top:, top:][inside], atol=1e-5)


def test_twice_the_light_is_twice_the_picture() -> None:
    net = network()
    mosaic, sigma = noisy()
    assert torch.allclose(net(2 * mosaic, 2 * sigma), 2 * net(mosaic, sigma), atol=1e-12)
    biased = network(has_bias=True)
    assert not torch.allclose(biased(2 * mosaic, 2 * sigma), 2 * biased(mosaic, sigma), atol=1e-6)


def test_what_it_begins_with_is_the_cell_itself() -> None:
    net = network()
    net.tail.weight.data.zero_()
    mosaic = torch.tensor([[[[0.1, 0.2], [0.4, 0.8]]]], dtype=torch.float64)
    red, green, blue = net(mosaic, torch.zeros(1, 1, 1, 1, dtype=torch.float64))[0]
    assert torch.allclose(red, torch.full((2, 2), 0.1, dtype=torch.float64))
    assert torch.allclose(green, torch.full((2, 2), 0.3, dtype=torch.float64))  # mean of both
    assert torch.allclose(blue, torch.full((2, 2), 0.8, dtype=torch.float64))


@torch.no_grad()
def test_an_untrained_network_keeps_the_mean_of_a_flat_field() -> None:
    flat = torch.full((1, 1, 48, 48), 0.5, dtype=torch.float64)
    for cfa in CELLS:
        net = network(cfa)
        net.tail.weight.zero_()
        inside = net(flat, torch.zeros_like(flat))[..., 12:36, 12:36]
        assert torch.allclose(
            inside.mean((-2, -1)), torch.full((1, 3), 0.5, dtype=torch.float64), atol=1e-6
        ), cfa


def test_noise_is_read() -> None:
    net = network()
    mosaic, sigma = noisy()
    assert not torch.allclose(net(mosaic, sigma), net(mosaic, 2 * sigma))


def test_one_deviation_may_stand_for_all() -> None:
    net = network()
    mosaic, _ = noisy()
    one = torch.full((1, 1, 1, 1), 0.03, dtype=torch.float64)
    assert torch.equal(net(mosaic, one), net(mosaic, one.expand_as(mosaic)))


@pytest.mark.parametrize("text", ["RGG", "RGBG" * 2, "WWWW", "GMCY"])
def test_other_sensors_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="square cell of R, G and B"):
        JDD(text)


def test_odd_sides_are_refused() -> None:
    with pytest.raises(ValueError, match="even sides, got 3 x 4"):
        planes.pack(torch.zeros(1, 3, 4))


def test_unpack_is_the_way_back() -> None:
    mosaic, _ = noisy()
    assert torch.equal(planes.unpack(planes.pack(mosaic)), mosaic)
