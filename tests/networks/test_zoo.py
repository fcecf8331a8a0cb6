"""Weights files: what is not as shipped is refused before it is used."""

import json
import re
import tomllib

import numpy as np
import pytest

from deepisp.networks import family, zoo
from deepisp.networks.jdd import JDD
from deepisp.sensor.cfa import XTRANS


def made(cfa="RGGB", has_bias=False, **changed):
    tensors = {
        name: one.numpy() for name, one in JDD(cfa, width=4, blocks=1, has_bias=has_bias).state_dict().items()
    }
    return zoo.Weights(cfa, 4, 1, has_bias, 0.1, tensors)._replace(**changed)


@pytest.mark.parametrize(("cfa", "has_bias"), [("RGGB", False), ("RGGB", True), (XTRANS, False)])
def test_the_way_through_a_file(tmp_path, cfa, has_bias):
    weights = made(cfa, has_bias)
    digest = zoo.save(tmp_path / "w", weights)
    back = zoo.load(tmp_path / "w", sha256=digest)
    assert back._replace(tensors={}) == weights._replace(tensors={})
    assert all((back.tensors[name] == one).all() for name, one in weights.tensors.items())
    assert back.size.halo == JDD(cfa, width=4, blocks=1).halo


def test_a_file_that_cannot_be_replaced_stays_what_it_was(tmp_path, monkeypatch):
    zoo.save(tmp_path / "w", made())
    before = (tmp_path / "w").read_bytes()
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "no space")))
    with pytest.raises(OSError, match="no space"):
        zoo.save(tmp_path / "w", made(has_bias=True))
    assert (tmp_path / "w").read_bytes() == before


def test_another_file_than_the_shipped_one_is_not_parsed(tmp_path):
    (tmp_path / "w").write_bytes(b"not even safetensors")
    with pytest.raises(ValueError, match="SHA-256"):
        zoo.load(tmp_path / "w", sha256="0" * 64)


def wrong_shape(weights):
    return weights.tensors | {"head.weight": np.zeros((4, 8, 1, 1), np.float32)}


def one_nan(weights):
    return weights.tensors | {"tail.weight": np.full((12, 4, 3, 3), np.nan, np.float32)}


@pytest.mark.parametrize(
    ("change", "said"),
    [(wrong_shape, "wrong tensors: head.weight"), (one_nan, "no numbers"), (lambda _: {}, "wrong tensors")],
)
def test_weights_of_another_network_are_refused(tmp_path, change, said):
    weights = made()
    zoo.save(tmp_path / "w", weights._replace(tensors=change(weights)))
    with pytest.raises(ValueError, match=said):
        zoo.load(tmp_path / "w")


@pytest.mark.parametrize("data", [b"", b"x" * 100, json.dumps({}).encode(), b"\x02\0\0\0\0\0\0\0{}"])
def test_what_is_no_weights_file_is_said(tmp_path, data):
    (tmp_path / "w").write_bytes(data)
    with pytest.raises(ValueError, match="no weights of deepisp"):
        zoo.load(tmp_path / "w")


def test_unknown_names_list_the_known():
    with pytest.raises(ValueError, match="known: "):
        zoo.shipped("huge")


@pytest.mark.parametrize("name", zoo.entries())
def test_every_shipped_network_is_what_it_says(name):
    weights = zoo.shipped(name)
    assert (weights.noise_most == 0) == name.endswith("-clean")  # which know none
    settings = {"width": weights.width, "blocks": weights.blocks}
    net = family.build(weights.network, weights.cfa, **settings)
    assert {key: tuple(one.shape) for key, one in net.state_dict().items()} == {
        key: one.shape for key, one in weights.tensors.items()
    }


@pytest.mark.parametrize(
    "change",
    [
        {"cfa": 7},
        {"cfa": "RG"},
        {"cfa": "WWWW"},
        {"noise_most": "much"},
        {"noise_most": -1.0},
        {"blocks": 10**9},
        {"network": "dark", "cfa": XTRANS},
        {"truth": "nonsense"},
    ],
)
def test_numbers_that_no_network_has_are_refused(tmp_path, change):
    zoo.save(tmp_path / "w", made()._replace(**change))
    with pytest.raises(ValueError, match="no weights of deepisp"):
        zoo.load(tmp_path / "w")


@pytest.mark.parametrize("name", zoo.entries())
def test_a_card_prints_the_recipe(name: str) -> None:
    """What `tools/train_shipped.py` would do now is what the weights were made by."""
    [said] = re.findall(r"^  `(\{.*\})`", (zoo.FOLDER / f"{name}.md").read_text(encoding="utf-8"), re.M)
    assert json.loads(said) == tomllib.loads((zoo.FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
