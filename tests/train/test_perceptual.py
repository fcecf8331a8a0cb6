"""The perceptual loss by hand, and that it teaches the output alone."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from deepisp.train.perceptual import Perceptual

OUTPUT = torch.tensor([[[[1.0, 3.0], [5.0, 7.0]]]], dtype=torch.float64)
TARGET = torch.tensor([[[[1.0, 1.0], [1.0, 1.0]]]], dtype=torch.float64)  # differences 0, 2, 4, 6


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Layers this small wait longer for a second thread than they compute, on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pyramid(pictures: Tensor) -> list[Tensor]:
    return [pictures, functional.avg_pool2d(pictures, 2)]


def test_layers_are_weighted_means_of_squares() -> None:
    by_hand = 0.5 * (0 + 4 + 16 + 36) / 4 + 2.0 * 3**2  # the mean difference is 3
    assert float(Perceptual(pyramid, weights=(0.5, 2.0))(OUTPUT, TARGET)) == pytest.approx(by_hand)


def test_a_tensor_a_list_and_names_are_the_same() -> None:
    for features in (lambda x: x, lambda x: [x], lambda x: {"relu": x}):
        assert float(Perceptual(features)(OUTPUT, TARGET)) == pytest.approx(14)


def test_pictures_are_normalized_as_the_network_was_trained() -> None:
    """Cubes tell where zero lies: (x - 1) / 2 is 0, 1, 2, 3 and the target 0; cubed and squared 0, 1, 64, 729."""
    loss = Perceptual(lambda x: x**3, mean=(1.0,), std=(2.0,))
    assert float(loss(OUTPUT, TARGET)) == pytest.approx((1 + 64 + 729) / 4)
    colors = Perceptual(lambda x: x**2, mean=(0.0, 1.0, 2.0), std=(1.0, 1.0, 2.0))
    gray = torch.full((1, 3, 1, 1), 4.0, dtype=torch.float64)
    assert float(colors(gray, 0 * gray)) == pytest.approx(((16 - 0) ** 2 + (9 - 1) ** 2 + (1 - 1) ** 2) / 3)


def test_slopes() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Softplus(), nn.Conv2d(4, 2, 3)).double()
    output, target = torch.rand(2, 1, 3, 6, 6, dtype=torch.float64)
    loss = Perceptual(net)
    assert torch.autograd.gradcheck(lambda x: loss(x, target), output.requires_grad_())


def test_only_the_output_is_taught() -> None:
    net = nn.Conv2d(1, 2, 1).double()
    net.bias.requires_grad_(False)
    output, target = OUTPUT.clone().requires_grad_(), TARGET.clone().requires_grad_()
    Perceptual(net)(output, target).backward()
    assert output.grad is not None
    assert output.grad.any()
    assert target.grad is None
    assert net.weight.grad is None
    assert net.weight.requires_grad  # as it was
    assert not net.bias.requires_grad


def test_an_exported_program_will_do() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 2, 2), nn.ReLU()).double().eval()
    program = torch.export.export(net, (OUTPUT,)).module()
    assert float(Perceptual(program)(OUTPUT, TARGET)) == pytest.approx(float(Perceptual(net)(OUTPUT, TARGET)))


@pytest.mark.parametrize("layer", [nn.BatchNorm2d(1), nn.Dropout()])
def test_a_network_in_training_mode_is_refused(layer: nn.Module) -> None:
    net = nn.Sequential(nn.Conv2d(1, 1, 1), layer).double()
    with pytest.raises(ValueError, match=r"1 of the feature network is in training mode; call its eval\(\)"):
        Perceptual(net)
    Perceptual(net.eval())(OUTPUT, TARGET)


def test_one_weight_a_layer() -> None:
    with pytest.raises(ValueError, match="gives 2 layers, the weights are 1; give one each"):
        Perceptual(pyramid)(OUTPUT, TARGET)
