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
def test_a_pixel_depends_on_its_halo_and_on_little_less(cfa: str) -> None:
    net = network(cfa)
    reaches = []
    for row in range(36, 36 + net.unit, 2):  # each place sees differently far
        mosaic, sigma = noisy()
        mosaic.requires_grad_()
        net(mosaic, sigma)[0, :, row : row + 2, 36:38].sum().backward()
        rows = mosaic.grad[0, 0].abs().sum(1).nonzero()
        reaches += [row - int(rows.min()), int(rows.max()) - row - 1]
    assert net.halo - 2 * (net.unit // 2 - 1) <= max(reaches) <= net.halo


@pytest.mark.parametrize("cfa", CELLS)
def test_tiles_equal_the_whole(cfa: str) -> None:
    net = network(cfa).float()
    mosaic, sigma = (one.float() for one in noisy())
    whole, begin = net(mosaic, sigma), 12  # whole cells
    part = net(mosaic[..., begin:, begin:], sigma[..., begin:, begin:])
    inside = (..., slice(net.halo, net.halo + 24), slice(net.halo, net.halo + 24))
    assert torch.allclose(part[inside], whole[..., begin:, begin:][inside], atol=1e-5)


@pytest.mark.parametrize("cfa", CELLS)
def test_twice_the_light_is_twice_the_picture(cfa: str) -> None:
    net = network(cfa)
    mosaic, sigma = noisy()
    assert torch.allclose(net(2 * mosaic, 2 * sigma), 2 * net(mosaic, sigma), atol=1e-12)
    biased = network(cfa, has_bias=True)
    assert not torch.allclose(biased(2 * mosaic, 2 * sigma), 2 * biased(mosaic, sigma), atol=1e-6)


@pytest.mark.parametrize("cfa", CELLS)
@torch.no_grad()
def test_it_begins_with_the_linear_guess(cfa: str) -> None:
    net = network(cfa)
    net.tail.weight.zero_()
    color = torch.tensor([0.1, 0.3, 0.8], dtype=torch.float64)[:, None, None]
    there = planes.tiled(planes.masks(cfa).double(), (48, 48))
    inside = net((color * there).sum(0)[None, None], torch.zeros(1, 1, 1, 1))[0, :, 12:36, 12:36]
    assert torch.allclose(inside, color.expand_as(inside), atol=1e-6)  # a flat field is kept
    mosaic, sigma = noisy()
    kept = (net(mosaic, sigma)[0] * planes.tiled(planes.masks(cfa).double(), (72, 84))).sum(0)
    assert (kept - mosaic[0, 0])[12:60, 12:72].abs().max() < 0.02  # and so is what was measured


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


@pytest.mark.parametrize(("cfa", "size"), [("RGGB", (4, 7)), (XTRANS, (12, 16)), (QUAD, (6, 8))])
def test_parts_of_cells_are_refused(cfa: str, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="multiples of"):
        network(cfa)(torch.zeros(1, 1, *size), torch.zeros(1, 1, 1, 1))


def test_unpack_is_the_way_back() -> None:
    mosaic, _ = noisy()
    assert torch.equal(planes.unpack(planes.pack(mosaic)), mosaic)
