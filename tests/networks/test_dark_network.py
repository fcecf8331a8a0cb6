"""The network of dark pictures: its cost by hand, what a pixel depends on, and the laws it keeps."""

import pytest
import torch

from deepisp.networks import family
from deepisp.networks.dark import Dark


def network(**settings: int) -> Dark:
    torch.manual_seed(1)
    return Dark(**({"width": 4, "blocks": 2} | settings)).double().eval()


def noisy(height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    mosaic, sigma = torch.rand(2, 1, 1, height, width, generator=generator, dtype=torch.float64)
    return mosaic, sigma


def test_size_and_cost_are_those_by_hand() -> None:
    steps = 16**2 + 32**2 + 64**2 + 4 * 128**2  # at 2, 4, 8 and 16 photosites a side
    ends = 8 * 16 + 16 * 12
    ways = [(one, 2 * one) for one in (16, 32, 64)]
    found = family.cost(Dark())
    assert found.parameters == 9 * (steps + ends) + sum(4 * a * b + 4 * a * b for a, b in ways)
    each = 9 * ends / 4 + 9 * (16**2 / 4 + 32**2 / 16 + 64**2 / 64 + 4 * 128**2 / 256)
    each += sum(4 * a * b / side**2 * 2 for (a, b), side in zip(ways, (4, 8, 16), strict=True))
    assert found.kmac == pytest.approx(each / 1000)
    assert found.parameters <= 1_000_000
    assert found.kmac <= 6


def test_a_pixel_depends_on_its_halo_at_most() -> None:
    net = network()
    begin = net.halo + net.unit
    reach = 0
    for row in range(begin, begin + net.unit, 2):
        mosaic, sigma = noisy(2 * begin + net.unit, 2 * begin + net.unit)
        mosaic.requires_grad_()
        net(mosaic, sigma)[0, :, row : row + 2, begin : begin + 2].sum().backward()
        rows = mosaic.grad[0, 0].abs().sum(1).nonzero()
        reach = max(reach, row - int(rows.min()), int(rows.max()) - row - 1)
    assert net.halo - 2 * net.unit < reach <= net.halo


def test_tiles_equal_the_whole() -> None:
    net = network()
    halo, unit = net.halo, net.unit
    mosaic, sigma = noisy(4 * unit + 2 * halo, 2 * unit + 2 * halo)
    whole = net(mosaic, sigma)
    part = net(mosaic[..., unit:, unit:], sigma[..., unit:, unit:])
    inside = (..., slice(halo + unit, -halo), slice(halo + unit, -halo))
    assert torch.allclose(part[..., halo:-halo, halo:-halo], whole[inside], atol=1e-12)


def test_twice_the_light_is_twice_the_picture() -> None:
    net, (mosaic, sigma) = network(), noisy(64, 48)
    assert torch.allclose(net(2 * mosaic, 2 * sigma), 2 * net(mosaic, sigma), atol=1e-12)


def test_noise_is_read_and_one_deviation_may_stand_for_all() -> None:
    net, (mosaic, sigma) = network(), noisy(32, 48)
    assert not torch.allclose(net(mosaic, sigma), net(mosaic, 2 * sigma))
    one = torch.full((1, 1, 1, 1), 0.3, dtype=torch.float64)
    assert torch.equal(net(mosaic, one), net(mosaic, one.expand_as(mosaic)))


def test_other_sides_and_other_sensors_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 16, got 40 x 48"):
        network()(*noisy(40, 48))
    with pytest.raises(ValueError, match="Bayer"):
        Dark("RRGGRRGGGGBBGGBB")
