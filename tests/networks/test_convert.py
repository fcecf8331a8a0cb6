"""Weights of others: what comes out computes what the port computes, and what is no such network is refused."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from deepisp.networks import chen, convert, family, zoo
from tests.networks.sid_unet import State, published, random_state, state_of

CELLS = {"RGGB": 4, chen.XTRANS: 9}
FIRST = {"up": "up", "last": "conv10"}  # the port of the authors' weights
SECOND = {"up": "upv", "last": "conv10_1"}  # the one that was trained anew


def port(cfa: str = "RGGB", **changed: str) -> State:
    names = FIRST | changed
    made = random_state(planes=CELLS[cfa], has_bias=names["up"] == "upv", up=names["up"], last=names["last"])
    return {name: one.float() for name, one in made.items()}


def same(state: State, weights: zoo.Weights, *, is_torch: bool) -> bool:
    """Whether the network of these weights is that of the port."""
    net = family.of(weights).double()
    assert isinstance(net, chen.Chen)
    mosaic = torch.rand(1, 1, 66, 54, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    expected = published(
        {name: one.double() for name, one in state.items()}, net.pack(mosaic), is_torch=is_torch
    )
    return torch.allclose(net(mosaic, torch.zeros(1, 1, 1, 1)), expected, atol=1e-10)


@torch.no_grad()
@pytest.mark.parametrize("cfa", CELLS)
@pytest.mark.parametrize(("names", "is_torch"), [(FIRST, False), (SECOND, True)])
def test_it_computes_what_the_port_does(
    tmp_path: Path, cfa: str, names: dict[str, str], is_torch: bool
) -> None:
    state = port(cfa, **names)
    torch.save(state, tmp_path / "port.pth")
    weights = convert.chen(convert.read(tmp_path / "port.pth"), cfa)
    assert (weights.cfa, weights.network, weights.has_bias) == (cfa, "chen", is_torch)
    assert weights.truth == "pictures"
    zoo.save(tmp_path / "ours", weights)
    back = zoo.load(tmp_path / "ours")
    assert same(state, back, is_torch=is_torch)
    assert not same(state, back, is_torch=not is_torch)  # or the order would not matter here


def test_tensor_for_tensor() -> None:
    state = port()
    expected = state_of(state)
    found = convert.chen(state).tensors
    assert found.keys() == expected.keys() == chen.Chen().state_dict().keys()
    assert all((found[name] == one.numpy()).all() for name, one in expected.items())


def test_the_order_can_be_told() -> None:
    state = port()
    assert (
        convert.chen(state, order="tensorflow").tensors["tail.bias"] == state["conv10.bias"].numpy()
    ).all()
    places = state["conv10.bias"].reshape(3, 4).T.flatten()
    assert (convert.chen(state, order="torch").tensors["tail.bias"] == places.numpy()).all()


@pytest.mark.parametrize("before", ["module.", "model.module."])
def test_what_all_names_begin_with_does_not_count(before: str) -> None:
    for names in (FIRST, SECOND):
        state = port(**names)
        plain = convert.chen(state).tensors
        found = convert.chen({before + name: one for name, one in state.items()}).tensors
        assert found.keys() == plain.keys()
        assert all((found[name] == one).all() for name, one in plain.items())


@pytest.mark.parametrize("key", ["model_state_dict", "state_dict", "model"])
def test_a_checkpoint_is_opened(tmp_path: Path, key: str) -> None:
    torch.save({"epoch": 4000, key: port()}, tmp_path / "w")
    assert convert.read(tmp_path / "w").keys() == port().keys()


def test_halves_become_float32() -> None:
    found = convert.chen({name: one.half() for name, one in port().items()})
    assert {one.dtype for one in found.tensors.values()} == {np.dtype(np.float32)}


def without(state: State, *names: str) -> State:
    return {name: one for name, one in state.items() if name not in names}


def test_the_first_tensor_that_does_not_fit_is_named() -> None:
    state = port()
    wrong = {
        r"^conv1_1\.weight: 32 x 4 x 3 x 3, where Chen's U-Net for R\w+ has 32 x 9 x 3 x 3$": (state, chen.XTRANS),
        r"^no conv3_2\.bias among its tensors; this is no port": (without(state, "conv3_2.bias", "up7.weight"), "RGGB"),
        r"^no up8\.bias among": (without(port(**SECOND), "upv8.bias"), "RGGB"),
        r"^no conv10\.weight among": (without(state, "conv10.weight", "conv10.bias"), "RGGB"),
        r"^bn1\.weight: no tensor of Chen's U-Net$": (state | {"bn1.weight": torch.ones(32)}, "RGGB"),
        r"^conv1_1\.weight_mask: no tensor": (state | {"conv1_1.weight_mask": torch.ones(32)}, "RGGB"),
        r"^upv6\.weight: the place of up6\.weight": (state | {"upv6.weight": state["up6.weight"]}, "RGGB"),
        r"^conv10\.weight: 4 x 32 x 1 x 1, where .* has 12 x 32 x 1 x 1$": (  # of denoisers, raw to raw
            state | {"conv10.weight": torch.zeros(4, 32, 1, 1)}, "RGGB"
        ),
        r"^conv2_1\.bias: one number, where": (state | {"conv2_1.bias": torch.tensor(0.5)}, "RGGB"),
        r"^conv2_1\.bias: list, where a tensor belongs$": (state | {"conv2_1.bias": [0.0] * 64}, "RGGB"),
        r"^conv9_2\.bias: weights that are no numbers$": (
            state | {"conv9_2.bias": torch.full((32,), torch.nan)}, "RGGB"
        ),
        r"takes a Bayer or X-Trans CFA": (state, "RBGG"),
    }  # fmt: skip
    for said, (given, cfa) in wrong.items():
        with pytest.raises(ValueError, match=said):
            convert.chen(given, cfa)


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "exploded"
    torch.save(port() | {"conv1_1.weight": Bomb(mark)}, tmp_path / "zip")
    torch.save({"a": Bomb(mark)}, tmp_path / "old", _use_new_zipfile_serialization=False)
    (tmp_path / "bare").write_bytes(pickle.dumps(Bomb(mark)))
    for name in ("zip", "old", "bare"):
        with pytest.raises(
            ValueError, match=rf"{name}: no file of torch\.save, or it holds more than numbers"
        ):
            convert.read(tmp_path / name)
    assert not mark.exists()
    pickle.loads((tmp_path / "bare").read_bytes())
    assert mark.exists()  # it would have


@pytest.mark.parametrize("data", [b"", b"no weights", b"PK\x03\x04" + 100 * b"\0"])
def test_what_is_no_such_file_is_said(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "w").write_bytes(data)
    with pytest.raises(ValueError, match=r"w: no file of torch\.save"):
        convert.read(tmp_path / "w")


@pytest.mark.parametrize("content", [torch.ones(3), {}, [torch.ones(3)], {1: torch.ones(3)}])
def test_what_is_no_dictionary_of_tensors_is_said(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "w")
    with pytest.raises(ValueError, match=r"w: no tensors by name; save model\.state_dict"):
        convert.read(tmp_path / "w")


def test_a_part_of_a_file_is_refused(tmp_path: Path) -> None:
    torch.save(port(), tmp_path / "w")
    (tmp_path / "w").write_bytes((tmp_path / "w").read_bytes()[:-5000])
    with pytest.raises(ValueError, match=r"w: no file of torch\.save"):
        convert.read(tmp_path / "w")


def test_what_is_too_large_is_not_opened(tmp_path: Path) -> None:
    with (tmp_path / "w").open("wb") as file:
        file.truncate((1 << 28) + 1)
    with pytest.raises(ValueError, match="268435457 bytes are no network"):
        convert.read(tmp_path / "w")
