"""Relativistic losses by hand, and the discriminator's laws."""

import math
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
import torch

from deepisp.train import adversarial
from deepisp.train.adversarial import PatchDiscriminator

TRUTH = torch.tensor([2.0, 0.0], dtype=torch.float64)  # mean 1
OUTPUT = torch.tensor([-1.0, -2.0, 0.0], dtype=torch.float64)  # mean -1


def chance(score: float) -> float:
    return 1 / (1 + math.exp(-score))


def test_losses_by_hand() -> None:
    """Scores less the other kind's mean: truths 3 and 1, outputs -2, -3 and -1."""
    true = -(math.log(chance(3)) + math.log(chance(1))) / 2
    false = -sum(math.log(1 - chance(x)) for x in (-2, -3, -1)) / 3
    assert float(adversarial.discriminator_loss(TRUTH, OUTPUT)) == pytest.approx(true + false)
    true = -(math.log(1 - chance(3)) + math.log(1 - chance(1))) / 2
    false = -sum(math.log(chance(x)) for x in (-2, -3, -1)) / 3
    assert float(adversarial.generator_loss(TRUTH, OUTPUT)) == pytest.approx(true + false)


@pytest.mark.parametrize("loss", [adversarial.discriminator_loss, adversarial.generator_loss])
def test_slopes_reach_both_kinds(loss: Callable[..., torch.Tensor]) -> None:
    both = TRUTH.clone().requires_grad_(), OUTPUT.clone().requires_grad_()
    assert torch.autograd.gradcheck(loss, both)
    loss(*both).backward()
    assert (both[0].grad != 0).all()
    assert (both[1].grad != 0).all()


def test_only_differences_count_and_no_score_overflows() -> None:
    shifted = adversarial.discriminator_loss(TRUTH + 7, OUTPUT + 7)
    assert torch.allclose(shifted, adversarial.discriminator_loss(TRUTH, OUTPUT))
    assert float(adversarial.generator_loss(1e4 * TRUTH, 1e4 * OUTPUT)) == pytest.approx(4e4)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Layers this small wait longer for a second thread than they compute, on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def discriminator() -> PatchDiscriminator:
    torch.manual_seed(1)
    return PatchDiscriminator(8)


def test_a_score_sees_its_patch_and_all_of_it() -> None:
    net = PatchDiscriminator(8).double().eval()
    pictures = torch.rand(1, 3, 160, 160, dtype=torch.float64, requires_grad=True)
    net(pictures)[0, 0, 9, 9].backward()
    rows = pictures.grad[0].abs().sum((0, 2)).nonzero()
    assert int(rows.max() - rows.min()) + 1 == net.patch


def test_shapes_and_the_smallest_picture(discriminator: PatchDiscriminator) -> None:
    assert discriminator(torch.rand(2, 3, 64, 40)).shape == (2, 1, 6, 3)
    assert discriminator(torch.rand(1, 3, 24, 24)).shape == (1, 1, 1, 1)
    with pytest.raises(ValueError, match=r"24 pixels a side or more, got \(23, 24\); take larger crops"):
        discriminator(torch.rand(1, 3, 23, 24))


def test_parameters_by_hand() -> None:
    """4x4 layers of 3, 32, 64, 128, 256 and 1 channels, each with its offsets."""
    by_hand = sum(16 * a * b + b for a, b in pairwise((3, 32, 64, 128, 256, 1)))
    assert sum(one.numel() for one in PatchDiscriminator().parameters()) == by_hand


def test_no_layer_stretches_by_more_than_one() -> None:
    """The largest singular value of each weight as a matrix (outputs, the rest), by SVD; training moves it away."""
    torch.manual_seed(2)
    net = PatchDiscriminator(8)
    with torch.no_grad():
        for layer in net.layers:
            layer.parametrizations.weight.original.mul_(5)
        for _ in range(300):
            net(torch.rand(1, 3, 24, 24))
    for layer in net.layers:
        assert float(torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)) == pytest.approx(
            1, abs=0.02
        )


def test_a_pictures_score_does_not_depend_on_the_others(discriminator: PatchDiscriminator) -> None:
    both = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    net = discriminator.eval()
    assert torch.allclose(net(both)[:1], net(both[:1]), atol=1e-6)


def test_it_learns_to_tell_noise_from_flat() -> None:
    torch.manual_seed(4)
    net = PatchDiscriminator(8)
    optimizer = torch.optim.Adam(net.parameters(), 2e-3)
    truth, output = torch.rand(4, 3, 32, 32), torch.full((4, 3, 32, 32), 0.5)
    for _ in range(30):
        loss = adversarial.discriminator_loss(net(truth), net(output))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.7 * 2 * math.log(2)
    with torch.no_grad():
        assert float(net(truth).mean()) > float(net(output).mean())
