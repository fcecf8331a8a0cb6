"""The published networks: sizes by hand, what a pixel depends on, and that each can learn what it was told."""

from collections.abc import Iterator

import pytest
import torch
from torch import nn
from torch.nn import functional

from deepisp.networks import family, planes, published
from deepisp.networks.autoencoder import Autoencoder
from deepisp.networks.gharbi import Gharbi
from deepisp.networks.kpn import KPN

SMALL = {
    "gharbi": {"width": 8, "depth": 4},
    "dncnn": {"width": 8, "depth": 5},
    "autoencoder": {"width": 8, "halvings": 2},
    "srresnet": {"width": 8, "blocks": 2},
    "kpn": {"width": 8, "halvings": 2},
}
NAMES = list(SMALL)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Layers this small wait longer for a second thread than they compute, 60 times so on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def network(name: str, cfa: str = "RGGB", **settings: int) -> nn.Module:
    torch.manual_seed(1)
    return family.build(name, cfa, **(SMALL[name] | settings)).double().eval()


def noisy(height: int = 40, width: int = 48, batch: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    mosaic, sigma = torch.rand(2, batch, 1, height, width, generator=generator, dtype=torch.float64)
    return mosaic, sigma / 10


def layer(inner: int, outer: int, side: int = 3) -> int:
    return inner * outer * side**2 + outer


def three(inner: int, outer: int) -> int:
    return layer(inner, outer) + 2 * layer(outer, outer)


# Layers counted from the papers' descriptions; thousands of multiplications of a 2 x 2 cell are divided by 4.
BY_HAND = {
    "gharbi": (
        layer(5, 128) + 13 * layer(64, 64) + layer(64, 128) + layer(64, 12, 1) + layer(6, 64) + layer(64, 3, 1),
        (5 * 128 * 9 + 13 * 64 * 64 * 9 + 64 * 128 * 9 + 64 * 12) / 4 + 6 * 64 * 9 + 64 * 3,
    ),
    "dncnn": (layer(4, 64) + 18 * layer(64, 64) + layer(64, 3), 9 * (4 * 64 + 18 * 64 * 64 + 64 * 3) + 2 * 27),
    "autoencoder": (
        layer(8, 32) + layer(32, 64) + layer(64, 64) + layer(64, 128) + layer(128, 128)
        + layer(128, 64, 2) + layer(64, 64) + layer(64, 32, 2) + layer(32, 32) + layer(32, 12),
        9 * (8 * 32 + 32 * 32 + 32 * 12) / 4
        + (9 * (32 * 64 + 64 * 64 + 64 * 64) + 4 * 64 * 32) / 16
        + (9 * (64 * 128 + 128 * 128) + 4 * 128 * 64) / 64,
    ),
    "srresnet": (
        layer(8, 64, 9) + 1 + 16 * (2 * layer(64, 64) + 1) + layer(64, 64) + layer(64, 256) + 1 + layer(64, 3, 9),
        (81 * 8 * 64 + 9 * 33 * 64 * 64 + 9 * 64 * 256) / 4 + 81 * 64 * 3,
    ),
    "kpn": (
        three(8, 64) + three(64, 128) + three(128, 256) + three(256, 512) + three(512, 512)
        + three(1024, 512) + three(768, 256) + three(384, 128) + three(192, 300),
        9 * (8 * 64 + 2 * 64**2 + 192 * 300 + 2 * 300**2) / 4
        + 9 * (64 * 128 + 2 * 128**2 + 384 * 128 + 2 * 128**2) / 16
        + 9 * (128 * 256 + 2 * 256**2 + 768 * 256 + 2 * 256**2) / 64
        + 9 * (256 * 512 + 2 * 512**2 + 1024 * 512 + 2 * 512**2) / 256
        + 9 * (3 * 512**2) / 1024
        + 3 * 25 * 25 + 3 * 25,  # centering, and the sum itself
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_size_and_cost_are_those_by_hand(name: str) -> None:
    parameters, macs = BY_HAND[name]
    found = family.cost(family.build(name))
    assert found.parameters == parameters
    assert found.kmac == pytest.approx(macs / 1000, abs=1e-9)


def test_gharbis_is_as_large_as_the_one_on_pypi() -> None:
    """demosaicnet 0.0.14, modules.py: 560 886 numbers, among them pack_mosaic and upsampler, which are fixed."""
    fixed = (3 * 4 * 4 + 4) + (12 * 4 + 3)
    assert family.cost(Gharbi(is_told=False)).parameters + fixed == 560_886


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(40, 48), (38, 42)])
def test_every_even_size_comes_back(name: str, size: tuple[int, int]) -> None:
    net = network(name)
    mosaic, sigma = noisy(*size, batch=2)
    whole = net(mosaic, sigma)
    assert whole.shape == (2, 3, *size)
    assert torch.allclose(whole[1:], net(mosaic[1:], sigma[1:]), atol=1e-12)  # samples do not mix
    one = torch.full((1, 1, 1, 1), 0.03, dtype=torch.float64)
    assert torch.equal(net(mosaic, one), net(mosaic, one.expand_as(mosaic)))


@pytest.mark.parametrize("name", NAMES)
def test_a_pixel_depends_on_its_halo_and_not_on_less(name: str) -> None:
    net = network(name)
    unit, halo = net.unit, net.halo
    side = 2 * (halo + unit) + unit
    mosaic, sigma = noisy(side, side)
    mosaic.requires_grad_()
    at = slice(halo + unit, halo + 2 * unit)
    net(mosaic, sigma)[0, :, at, at].sum().backward()
    rows, columns = (mosaic.grad[0, 0].abs().sum(axis).nonzero() for axis in (1, 0))
    for seen in (rows, columns):
        assert unit <= int(seen.min()) < 2 * unit
        assert int(seen.max()) < side - unit
    if name in ("gharbi", "srresnet"):  # the others' is rounded to whole units
        assert int(rows.min()) == unit
        assert int(rows.max()) == side - unit - 1


@pytest.mark.parametrize("name", NAMES)
def test_tiles_equal_the_whole(name: str) -> None:
    net = network(name)
    halo, unit = net.halo, net.unit
    mosaic, sigma = noisy(4 * unit + 2 * halo, 2 * unit + 2 * halo)
    whole = net(mosaic, sigma)
    part = net(mosaic[..., unit:, unit:], sigma[..., unit:, unit:])
    inside = (..., slice(halo + unit, -halo), slice(halo + unit, -halo))
    assert torch.allclose(part[..., halo:-halo, halo:-halo], whole[inside], atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_noise_is_read(name: str) -> None:
    net = network(name)
    mosaic, sigma = noisy()
    assert not torch.allclose(net(mosaic, sigma), net(mosaic, 2 * sigma))


def test_the_network_of_clean_mosaics_reads_no_noise() -> None:
    net = network("gharbi", is_told=False)
    mosaic, sigma = noisy()
    assert torch.equal(net(mosaic, sigma), net(mosaic, 2 * sigma))


@pytest.mark.parametrize("name", NAMES)
def test_it_learns_two_pictures(name: str) -> None:
    """Two pictures at once, of ramps and edges in color; the best that ignores the mosaic is the mean of both."""
    torch.manual_seed(4)
    net = family.build(name, "GBRG", **(SMALL[name] | {"width": 16}))
    x, y = torch.meshgrid(torch.linspace(0, 1, 16), torch.linspace(0, 1, 16), indexing="ij")
    first = torch.stack([x, (x + y) / 2, (y > 0.5).float()])
    truth = torch.stack([first, 1 - first])
    mosaic = (truth * planes.tiled(planes.masks("GBRG"), (16, 16))).sum(1, keepdim=True)
    sigma = torch.zeros(1, 1, 1, 1)
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(150):
        loss = functional.mse_loss(net(mosaic, sigma), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    ignorant = functional.mse_loss(truth.mean(0, keepdim=True).expand_as(truth), truth)
    assert float(loss.detach()) < 0.1 * float(ignorant)


@pytest.mark.parametrize("cfa", ["RGGB", "GRBG", "GBRG", "BGGR"])
def test_kernels_keep_a_flat_field_of_any_color(cfa: str) -> None:
    net = network("kpn", cfa)
    color = torch.tensor([0.7, 0.2, 0.05], dtype=torch.float64)[:, None, None]
    mosaic = (color * planes.tiled(planes.masks(cfa), (38, 42))).sum(0)[None, None]
    _, sigma = noisy(38, 42)
    assert torch.allclose(net(mosaic, sigma), color.expand(1, 3, 38, 42), atol=1e-10)
    free = network("kpn", cfa, is_normalized=False)
    assert not torch.allclose(free(mosaic, sigma), color.expand(1, 3, 38, 42), atol=1e-2)


@torch.no_grad()
def test_kernels_weight_the_samples_that_they_stand_for() -> None:
    """The U-Net says one weight: red, of the sample above and left of the photosite at row 1, column 1 of a cell."""
    net = network("kpn", is_normalized=False, side=3)
    last = net.kernels[-1]
    last.weight.zero_()
    last.bias.zero_()
    last.bias[(0 * 9 + 0) * 4 + 3] = 1.0  # color, tap, photosite
    mosaic, sigma = noisy()
    out = net(mosaic, sigma)
    assert torch.equal(out[0, 0, 1::2, 1::2], mosaic[0, 0, 0::2, 0::2])
    out[0, 0, 1::2, 1::2] = 0
    assert not out.any()


@torch.no_grad()
def test_equal_kernels_are_means_of_each_color() -> None:
    net = network("kpn", side=3)
    net.kernels[-1].weight.zero_()
    net.kernels[-1].bias.fill_(0.3)
    mosaic = torch.arange(16.0, dtype=torch.float64).reshape(1, 1, 4, 4)
    red, green, blue = net(mosaic, torch.zeros(1, 1, 1, 1))[0, :, 1, 1]
    assert red == pytest.approx((0 + 2 + 8 + 10) / 4)
    assert green == pytest.approx((1 + 4 + 6 + 9) / 4)
    assert blue == pytest.approx(5)


def test_bilinear_keeps_ramps_and_what_was_measured() -> None:
    y, x = torch.meshgrid(torch.arange(6.0), torch.arange(8.0), indexing="ij")
    truth = torch.stack([x + y, 2 * x - y, 3 * y - x])[None].double()
    there = planes.tiled(planes.masks("BGGR"), (6, 8)).double()
    mosaic = (truth * there).sum(1, keepdim=True)
    picture = published.bilinear(mosaic, planes.masks("BGGR"))
    assert torch.allclose(picture[..., 1:-1, 1:-1], truth[..., 1:-1, 1:-1])
    assert torch.allclose(picture * there, truth * there)


def test_dncnn_begins_as_the_bilinear_picture() -> None:
    net = network("dncnn", "GRBG")
    nn.init.zeros_(net.tail.weight)
    mosaic, sigma = noisy()
    assert torch.equal(net(mosaic, sigma), published.bilinear(mosaic, planes.masks("GRBG")))


@torch.no_grad()
def test_what_was_measured_is_not_rounded_to_bf16() -> None:
    """With layers in bf16 a bilinear start and flat fields stay exact; 0.7123 is 0.711 in bf16."""
    flat, sigma = torch.full((1, 1, 32, 32), 0.7123), torch.zeros(1, 1, 1, 1)
    for name in ("dncnn", "kpn"):
        net = network(name).float()
        if name == "dncnn":
            nn.init.zeros_(net.tail.weight)
        with torch.autocast("cpu", torch.bfloat16):
            out = net(flat, sigma)
        assert torch.allclose(out, flat.expand(1, 3, 32, 32), atol=1e-5), name


def test_skips_change_what_comes_out_and_cost_nothing() -> None:
    net, with_skips = network("autoencoder"), network("autoencoder", has_skips=True)
    with_skips.load_state_dict(net.state_dict())
    assert not torch.allclose(net(*noisy()), with_skips(*noisy()), atol=1e-3)


@torch.no_grad()
def test_all_of_the_picture_passes_through_the_middle() -> None:
    """A dead middle: without skips every picture comes out the same, with them not."""
    other = 1 - noisy()[0]
    for has_skips in (False, True):
        net = network("autoencoder", has_skips=has_skips)
        assert isinstance(net, Autoencoder)
        nn.init.zeros_(net.larger[0].weight)
        mosaic, sigma = noisy()
        assert torch.equal(net(mosaic, sigma), net(other, sigma)) is not has_skips


@torch.no_grad()
def test_the_full_resolution_layer_sees_the_mosaic_itself() -> None:
    net = network("gharbi")
    for one in (net.residual, net.output):
        nn.init.zeros_(one.weight)
    net.full.weight.zero_()
    for color in range(3):  # the first channels copy the sparse colors
        net.full.weight[color, color, 1, 1] = net.output.weight[color, color] = 1
    mosaic, sigma = noisy()
    assert torch.equal(net(mosaic, sigma), published.sparse(mosaic, planes.masks("RGGB")))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("cfa", ["RRGGRRGGGGBBGGBB", "RBGG", "W"])
def test_other_cells_are_refused(name: str, cfa: str) -> None:
    with pytest.raises(ValueError, match="takes a Bayer CFA"):
        family.build(name, cfa)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "dncnn"])  # which packs nothing
def test_odd_sides_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="even sides"):
        network(name)(*noisy(39, 40))


def test_unknown_names_and_settings_are_refused() -> None:
    with pytest.raises(ValueError, match=r"no network 'unet'; known: jdd, gharbi, dncnn"):
        family.build("unet")
    with pytest.raises(ValueError, match=r"jdd has no setting depth; known: width, blocks, has_bias"):
        family.build("jdd", depth=3)


def test_build_hands_on_cell_and_settings() -> None:
    net = family.build("kpn", "BGGR", side=3)
    assert isinstance(net, KPN)
    assert (net.cfa, net.side) == ("BGGR", 3)


@torch.no_grad()
def test_gharbis_filters_are_multiplied_by_masks_at_both_ends() -> None:
    """Of the smallest network every layer hands on one number: red is (first plane x second plane) squared."""
    net = network("gharbi", width=1, depth=2)
    for one in net.parameters():
        one.zero_()
    net.head.weight[0, 0, 1, 1] = net.head.weight[1, 1, 1, 1] = 1
    net.last.weight[:, 0, 1, 1] = 1
    net.residual.weight[0] = 1
    net.full.weight[0, 3, 1, 1] = net.output.weight[0, 0] = 1
    mosaic, sigma = noisy()
    red = net(mosaic, sigma)[0, 0]
    assert torch.allclose(red[::2, ::2], (mosaic[0, 0, ::2, ::2] * mosaic[0, 0, ::2, 1::2]) ** 2, atol=1e-12)
    assert not red[1::2].any()


@torch.no_grad()
def test_srresnets_skips_hand_on_what_their_layers_do_not() -> None:
    net = network("srresnet")
    mosaic, sigma = noisy()
    nn.init.zeros_(net.after.weight)
    assert not torch.allclose(net(mosaic, sigma), net(1 - mosaic, sigma), atol=1e-3)
    block = net.blocks[0]
    for one in block.second.parameters():
        nn.init.zeros_(one)
    x = torch.rand(1, 8, 4, 4, dtype=torch.float64)
    assert torch.equal(block(x), x)


@torch.no_grad()
def test_the_finest_scale_of_kpn_sees_past_the_coarser_ones() -> None:
    net = network("kpn")
    net.kernels[0].weight[:, :16] = 0  # what comes up from below
    mosaic, sigma = noisy()
    assert not torch.allclose(net(mosaic, sigma), net(mosaic, 2 * sigma), atol=1e-6)
