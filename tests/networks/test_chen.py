"""Chen's U-Net: sizes and layouts by hand, and the published layers stated once more, in other words."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from deepisp.networks import chen, family, zoo
from deepisp.networks.chen import Chen
from deepisp.sensor import cfa as cfa_cell
from tests.networks.sid_unet import published, random_state, state_of

CELLS = ["RGGB", chen.XTRANS]
PHASES = [*cfa_cell.BAYER, cfa_cell.XTRANS]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def network(cfa: str, width: int = 4, **settings: bool) -> Chen:
    torch.manual_seed(1)
    net = family.build("chen", cfa, width=width, **settings)
    assert isinstance(net, Chen)
    return net.double().eval()


def dark(height: int, width: int, batch: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.rand(batch, 1, height, width, generator=generator, dtype=torch.float64)


NO_SIGMA = torch.zeros(1, 1, 1, 1)

# Numbers of 3x3 layers with their offsets, of transposed layers, and of the last layer without and with its offsets.
THREES = (
    (32 * 32 * 9 + 32) + (32 * 64 * 9 + 64) + (64 * 64 * 9 + 64) + (64 * 128 * 9 + 128) + (128 * 128 * 9 + 128)
    + (128 * 256 * 9 + 256) + (256 * 256 * 9 + 256) + (256 * 512 * 9 + 512) + (512 * 512 * 9 + 512)
    + (512 * 256 * 9 + 256) + (256 * 256 * 9 + 256) + (256 * 128 * 9 + 128) + (128 * 128 * 9 + 128)
    + (128 * 64 * 9 + 64) + (64 * 64 * 9 + 64) + (64 * 32 * 9 + 32) + (32 * 32 * 9 + 32)
)  # fmt: skip
TRANSPOSED = 4 * (512 * 256 + 256 * 128 + 128 * 64 + 64 * 32)
OFFSETS = 256 + 128 + 64 + 32


def multiplications(planes: int) -> float:
    """Of one block, layers after n halvings once in 4^n; transposed ones once for each of their inputs."""
    levels = (
        9 * (planes * 32 + 32 * 32 + 64 * 32 + 32 * 32) + 32 * 3 * planes,
        9 * (32 * 64 + 64 * 64 + 128 * 64 + 64 * 64) + 4 * 64 * 32,
        9 * (64 * 128 + 128 * 128 + 256 * 128 + 128 * 128) + 4 * 128 * 64,
        9 * (128 * 256 + 256 * 256 + 512 * 256 + 256 * 256) + 4 * 256 * 128,
        9 * (256 * 512 + 512 * 512) + 4 * 512 * 256,
    )
    return sum(level / 4**n for n, level in enumerate(levels))


@pytest.mark.parametrize(("cfa", "planes", "total"), [("RGGB", 4, 7_760_268), (chen.XTRANS, 9, 7_762_203)])
def test_size_and_cost_are_those_by_hand(cfa: str, planes: int, total: int) -> None:
    by_hand = (planes * 32 * 9 + 32) + THREES + TRANSPOSED + (32 * 3 * planes + 3 * planes)
    found = family.cost(family.build("chen", cfa))
    assert found.parameters == by_hand == total
    assert found.kmac == pytest.approx(multiplications(planes) / planes / 1000, abs=1e-9)
    with_offsets = family.build("chen", cfa, has_bias=True)
    assert family.cost(with_offsets).parameters == by_hand + OFFSETS


def test_the_ports_with_offsets_have_the_number_that_is_quoted() -> None:
    assert family.cost(Chen(has_bias=True)).parameters == 7_760_748


def test_bayer_is_packed_red_green_blue_green() -> None:
    r, g, b, other = 1.0, 2.0, 4.0, 3.0  # raster order r g / other b
    mosaic = torch.tensor([[r, g, 10 + r, 10 + g], [other, b, 10 + other, 10 + b]])[None, None]
    assert network("RGGB").pack(mosaic)[0].tolist() == [
        [[r, 10 + r]], [[g, 10 + g]], [[b, 10 + b]], [[other, 10 + other]],
    ]  # fmt: skip


def test_x_trans_is_packed_as_the_authors_do() -> None:
    """Photosites say 10 * row + column; the planes are those that pack_raw of train_Fuji.py fills, line by line."""
    rows = torch.arange(6.0)[:, None]
    cell = 10 * rows + torch.arange(6.0)
    assert network(chen.XTRANS).pack(cell[None, None])[0].tolist() == [
        [[0, 4], [31, 33]],  # red
        [[2, 5], [32, 35]],  # green
        [[1, 3], [30, 34]],  # blue
        [[12, 25], [52, 45]],  # red
        [[22, 15], [42, 55]],  # blue
        [[10, 13], [40, 43]],  # and green
        [[11, 14], [41, 44]],
        [[20, 23], [50, 53]],
        [[21, 24], [51, 54]],
    ]


def test_the_second_cell_comes_beside_the_first() -> None:
    net = network(chen.XTRANS)
    mosaic = dark(12, 18)
    packed = net.pack(mosaic)
    assert packed.shape == (1, 9, 4, 6)
    assert torch.equal(packed[..., 2:4, 4:6], net.pack(mosaic[..., 6:12, 12:18]))


@pytest.mark.parametrize(("cfa", "colors"), [("RGGB", "RGBG"), (chen.XTRANS, "RGBRBGGGG")])
def test_each_plane_is_of_one_color(cfa: str, colors: str) -> None:
    n = cfa_cell.side(cfa)
    mosaic = torch.from_numpy(cfa_cell.indices(cfa)).reshape(1, 1, n, n).double()
    packed = network(cfa).pack(mosaic)[0]
    expected = torch.tensor(["RGB".index(color) for color in colors]).double()
    assert torch.equal(packed, expected[:, None, None].expand_as(packed))


@pytest.mark.parametrize("block", [2, 3])
def test_rgb_is_unpacked_as_tensorflow_does(block: int) -> None:
    """depth_to_space: input channel (row * block + column) * 3 + color, as its documentation has it."""
    x = torch.arange(3 * block**2 * 2.0).reshape(1, 3 * block**2, 1, 2)
    out = chen.unpack(x, block)
    assert out.shape == (1, 3, block, 2 * block)
    for color in range(3):
        for row in range(block):
            for column in range(2 * block):
                channel = (row * block + column % block) * 3 + color
                assert out[0, color, row, column] == x[0, channel, 0, column // block]


@torch.no_grad()
@pytest.mark.parametrize(("cfa", "size"), [("RGGB", (64, 96)), ("RGGB", (34, 54)), (chen.XTRANS, (48, 66))])
@pytest.mark.parametrize("has_bias", [False, True])
def test_layers_are_the_published_ones(cfa: str, size: tuple[int, int], has_bias: bool) -> None:
    """34 rows are 17 blocks, and then 9, 5, 3, 2: TensorFlow's sizes, for frames of any whole number of cells."""
    state = random_state(planes=4 if cfa == "RGGB" else 9, has_bias=has_bias, width=4)
    net = network(cfa, has_bias=has_bias)
    net.load_state_dict(state_of(state))
    mosaic = dark(*size, batch=2)
    expected = published(state, net.pack(mosaic))
    assert expected.std() > 0.1
    found = net(mosaic, NO_SIGMA)
    assert found.shape == (2, 3, *size)
    assert torch.allclose(found, expected, atol=1e-10)
    assert torch.equal(net.developed(net.pack(mosaic)), found)


@torch.no_grad()
@pytest.mark.parametrize(("cfa", "rows"), [("RGGB", 2), (chen.XTRANS, 3)])
def test_another_phase_is_the_same_network_elsewhere(cfa: str, rows: int) -> None:
    """The authors' cell begins some rows and columns later; X-Trans is the same again 3 rows and 3 columns on."""
    n = cfa_cell.side(cfa)
    net = network(cfa)
    mosaic = dark(2 * n, 3 * n)
    whole = net(mosaic, NO_SIGMA)
    for row in range(rows):
        for column in range(n):
            other = network(cfa_cell.shift(cfa, -row, -column))
            other.load_state_dict(net.state_dict())
            later = other(mosaic.roll((row, column), (-2, -1)), NO_SIGMA)
            assert torch.allclose(later.roll((-row, -column), (-2, -1)), whole, atol=1e-12)


@pytest.mark.parametrize("cfa", PHASES)
def test_a_pixel_depends_on_its_halo_and_not_on_less(cfa: str) -> None:
    net = network(cfa)
    unit, halo = net.unit, net.halo
    side = 2 * (halo + unit) + unit
    mosaic = dark(side, side).requires_grad_()
    at = slice(halo + unit, halo + 2 * unit)
    net(mosaic, NO_SIGMA)[0, :, at, at].sum().backward()
    assert mosaic.grad is not None
    for axis in (1, 0):
        seen = mosaic.grad[0, 0].abs().sum(axis).nonzero()
        assert unit <= int(seen.min()) < 2 * unit
        assert int(seen.max()) < side - unit


@torch.no_grad()
@pytest.mark.parametrize("cfa", ["RGGB", "BGGR", cfa_cell.XTRANS])
def test_tiles_equal_the_whole(cfa: str) -> None:
    net = network(cfa)
    halo, unit = net.halo, net.unit
    mosaic = dark(4 * unit + 2 * halo, 2 * unit + 2 * halo)
    whole = net(mosaic, NO_SIGMA)
    part = net(mosaic[..., unit:, unit:], NO_SIGMA)
    inside = (..., slice(halo + unit, -halo), slice(halo + unit, -halo))
    assert torch.allclose(part[..., halo:-halo, halo:-halo], whole[inside], atol=1e-12)


@torch.no_grad()
def test_it_is_told_no_noise_and_samples_do_not_mix() -> None:
    net = network("RGGB")
    mosaic = dark(32, 48, batch=2)
    whole = net(mosaic, NO_SIGMA)
    assert torch.equal(whole, net(mosaic, 0.1 * mosaic))
    assert torch.allclose(whole[1:], net(mosaic[1:], NO_SIGMA), atol=1e-12)


def test_it_learns_two_pictures() -> None:
    """Two pictures at once, of ramps and edges in color; the best that ignores the mosaic is the mean of both."""
    torch.manual_seed(4)
    net = family.build("chen", "RGGB", width=16)
    x, y = torch.meshgrid(torch.linspace(0, 1, 16), torch.linspace(0, 1, 16), indexing="ij")
    first = torch.stack([x, (x + y) / 2, (y > 0.5).float()])
    truth = torch.stack([first, 1 - first])
    at = torch.from_numpy(cfa_cell.tiled(cfa_cell.indices("RGGB"), 16, 16))
    mosaic = truth.gather(1, at.expand(2, 1, 16, 16))
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(150):
        loss = functional.mse_loss(net(mosaic, NO_SIGMA), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    ignorant = functional.mse_loss(truth.mean(0, keepdim=True).expand_as(truth), truth)
    assert float(loss.detach()) < 0.1 * float(ignorant)


def test_it_begins_as_the_authors_do() -> None:
    """TF-Slim's default is uniform within sqrt(6 / (inputs + outputs)); transposed ones normal, cut at two sigma."""
    net = Chen(has_bias=True)
    middle, larger = net.down[4][2], net.larger[0]
    most = (6 / (9 * 512 + 9 * 512)) ** 0.5
    assert 0.999 * most < float(middle.weight.detach().abs().max()) <= most
    assert 0.0395 < float(larger.weight.detach().abs().max()) <= 0.04
    assert float(larger.weight.detach().std()) == pytest.approx(0.02 * 0.8796, rel=0.01)  # of a normal so cut
    assert not any(one.detach().any() for name, one in net.named_parameters() if name.endswith("bias"))


def test_weights_say_whether_there_are_offsets() -> None:
    for has_bias in (False, True):
        tensors = {name: one.numpy() for name, one in Chen(has_bias=has_bias).state_dict().items()}
        weights = zoo.Weights("RGGB", 0, 0, has_bias, 0.0, tensors, "chen")
        assert (family.of(weights).larger[0].bias is not None) is has_bias
        with pytest.raises(ValueError, match=r"weights of no chen network: .*larger\.0\.bias"):
            family.of(weights._replace(has_bias=not has_bias))


@pytest.mark.parametrize("cfa", ["RRGGRRGGGGBBGGBB", "RBGG", "W", "", "R" * 36])
def test_other_cells_are_refused(cfa: str) -> None:
    with pytest.raises(ValueError, match="takes a Bayer or X-Trans CFA, got"):
        family.build("chen", cfa)


@pytest.mark.parametrize(("cfa", "size", "cell"), [("RGGB", (33, 32), 2), (chen.XTRANS, (48, 45), 6)])
def test_broken_cells_are_refused(cfa: str, size: tuple[int, int], cell: int) -> None:
    with pytest.raises(ValueError, match=f"multiples of {cell}, got {size[0]} x {size[1]}; pad or crop"):
        network(cfa)(dark(*size), NO_SIGMA)
