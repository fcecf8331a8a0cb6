"""Batches made ahead: the same as without, whatever happens to the generator in between."""

import pytest
import torch

from deepisp.train.ahead import Ahead


def make(count: int, generator: torch.Generator) -> list[int]:
    return torch.randint(1000, (count,), generator=generator).tolist()


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_batches_and_states_are_those_without() -> None:
    ahead, one, other = Ahead(make), seeded(), seeded()
    for count in (4, 4, 4, 2, 4):
        assert ahead.take(count, one) == make(count, other)
        assert torch.equal(one.get_state(), other.get_state())


def test_a_state_that_was_saved_is_gone_on_from() -> None:
    ahead, generator = Ahead(make), seeded()
    ahead.take(4, generator)
    state = generator.get_state()
    wanted = [ahead.take(4, generator) for _ in range(2)]
    generator.set_state(state)
    assert [ahead.take(4, generator) for _ in range(2)] == wanted
    later = seeded(2)
    later.set_state(state)
    assert [Ahead(make).take(4, later), ahead.take(4, later)] == wanted


def test_another_generator_in_between_changes_nothing() -> None:
    ahead, one, plain = Ahead(make), seeded(), seeded()
    for number in range(3):
        assert ahead.take(4, one) == make(4, plain)
        assert ahead.take(4, seeded(9 + number)) == make(4, seeded(9 + number))


def test_the_next_one_is_made_before_it_is_asked_for() -> None:
    made = list[int]()

    def counted(count: int, generator: torch.Generator) -> list[int]:
        made.append(count)
        return make(count, generator)

    ahead, generator = Ahead(counted), seeded()
    for _ in range(3):
        ahead.take(4, generator)
    ahead._thread.shutdown()
    assert made == [4] * 4


def test_what_goes_wrong_is_said_where_it_is_taken() -> None:
    def broken(count: int, generator: torch.Generator) -> None:
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="gone"):
        Ahead(broken).take(1, seeded())
