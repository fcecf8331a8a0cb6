"""`deepisp models`: what is shipped is listed, and has a card."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result

from deepisp.networks import zoo

CLI = Callable[..., Result]


def test_every_network_is_listed(deepisp: CLI) -> None:
    table = deepisp("models").stdout.splitlines()
    assert [line.split()[0] for line in table] == ["name", *zoo.entries()]
    listed = [json.loads(line) for line in deepisp("models", "--json").stdout.splitlines()]
    for one in listed:
        weights = zoo.shipped(one["name"])
        assert one["sensors"] == zoo.entries()[one["name"]].kind
        assert one["parameters"] == sum(tensor.size for tensor in weights.tensors.values())
        assert one["noise_most"] == pytest.approx(weights.noise_most, abs=1e-3)
        assert 0 <= one["noise_most"] < 2  # of dark: louder than the signal


@pytest.mark.parametrize("name", zoo.entries())
def test_every_network_has_a_card_with_its_training(deepisp: CLI, name: str) -> None:
    card = deepisp("models", name).stdout
    assert card.startswith(f"# {name}\n")
    for word in ("Trained on", "SHA-256", "licences", "Noise range", "Limits", "| kodak |"):
        assert word in card


def test_an_unknown_name_is_said(deepisp: CLI) -> None:
    done = deepisp("models", "slow")
    assert done.exit_code == 2
    assert done.stderr.startswith("error: no network 'slow'; known: fast")
