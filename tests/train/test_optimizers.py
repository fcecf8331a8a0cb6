"""Muon: filters step by the nearest orthogonal matrix of their slopes, the rest as by AdamW; nothing stands still."""

import copy

import pytest
import torch
from torch import nn

from deepisp.networks.jdd import JDD
from deepisp.train import optimizers
from deepisp.train.settings import TrainSettings

needs_muon = pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch is older than 2.9")
MUON = TrainSettings(optimizer="muon", rate=0.01, decay=0)


def net(*, bias: bool = True) -> nn.Module:
    torch.manual_seed(3)
    made = nn.Sequential(nn.Conv2d(3, 8, 3, bias=bias), nn.ReLU(), nn.Conv2d(8, 4, 1, bias=bias))
    return made.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]  # torch's stubs


def step(one: nn.Module, optimizer: optimizers.Optimizer) -> None:
    x = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(4))
    optimizer.zero_grad()
    one(x).square().mean().backward()
    optimizer.step()


@needs_muon
def test_a_first_step_of_filters_is_their_slopes_without_their_sizes() -> None:
    one = net()
    before = copy.deepcopy(one)
    step(one, optimizers.of(one, MUON))
    filters = one[0].weight  # type: ignore[index]
    slopes = filters.grad.permute(0, 2, 3, 1).reshape(8, 27).double()
    u, _, vh = torch.linalg.svd(slopes, full_matrices=False)
    # Liu 2025, section 2.2: 0.2 sqrt(longer side). Newton and Schulz' five steps leave singular values of 0.7 to 1.2.
    expected = -0.01 * 0.2 * 27**0.5 * (u @ vh)
    moved = (filters - before[0].weight).detach().permute(0, 2, 3, 1).reshape(8, 27).double()  # type: ignore[index]
    sizes = torch.linalg.svdvals(moved) / torch.linalg.svdvals(expected)
    assert sizes.min() > 0.6
    assert sizes.max() < 1.3
    cosine = (moved * expected).sum() / (moved.norm() * expected.norm())
    assert cosine > 0.95


@needs_muon
def test_biases_step_as_by_adamw() -> None:
    by_muon, by_adamw = net(), net()
    step(by_muon, optimizers.of(by_muon, MUON))
    step(by_adamw, optimizers.of(by_adamw, MUON.model_copy(update={"optimizer": "adamw"})))
    for a, b in zip(by_muon.parameters(), by_adamw.parameters(), strict=True):
        assert torch.equal(a, b) == (a.ndim == 1)


@needs_muon
def test_the_rate_of_all_groups_counts() -> None:
    one = net()
    before = copy.deepcopy(one)
    optimizer = optimizers.of(one, MUON)
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    step(one, optimizer)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), before.parameters(), strict=True))


@needs_muon
def test_a_network_without_biases_is_all_muon() -> None:
    one = net(bias=False)
    before = copy.deepcopy(one)
    step(one, optimizers.of(one, MUON))
    assert not any(torch.equal(a, b) for a, b in zip(one.parameters(), before.parameters(), strict=True))


def test_an_old_torch_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.optim, "Muon", raising=False)
    with pytest.raises(ValueError, match=r"muon needs torch 2\.9 or later"):
        optimizers.of(net(), MUON)


@needs_muon
def test_a_filter_that_begins_as_a_good_one_steps_as_by_adamw() -> None:
    moved = []
    for name in ("muon", "adamw"):
        torch.manual_seed(5)
        one = JDD(width=4, blocks=1).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs
        optimizer = optimizers.of(one, MUON.model_copy(update={"optimizer": name}))
        one(torch.ones(1, 1, 8, 8), torch.ones(1, 1, 1, 1)).square().mean().backward()
        optimizer.step()
        moved.append(one)
    by_muon, by_adamw = moved
    assert torch.equal(by_muon.base.weight, by_adamw.base.weight)
    assert not torch.equal(by_muon.head.weight, by_adamw.head.weight)
