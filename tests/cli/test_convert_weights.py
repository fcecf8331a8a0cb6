"""`deepisp convert-weights`: a whole file or none, and one line for what is no such network."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import Result

from deepisp.networks import chen, family, zoo
from tests.cli.test_start import loaded
from tests.networks.sid_unet import random_state

CLI = Callable[..., Result]


def saved(path: Path, planes: int = 4) -> Path:
    state = {name: one.float() for name, one in random_state(planes=planes, has_bias=False).items()}
    torch.save({f"module.{name}": one for name, one in state.items()}, path)
    return path


@pytest.mark.parametrize(
    ("words", "planes", "cfa", "count"),
    [([], 4, "RGGB", 7_760_268), (["--cfa", "xtrans"], 9, chen.XTRANS, 7_762_203)],
)
def test_a_ports_file_becomes_ours(
    deepisp: CLI, tmp_path: Path, words: list[str], planes: int, cfa: str, count: int
) -> None:
    source, output = saved(tmp_path / "port.pth", planes), tmp_path / "new" / "sid.safetensors"
    done = deepisp("convert-weights", source, "-o", output, *words)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == f"{output}: chen for {cfa}, {count} parameters\n"
    weights = zoo.load(output)
    assert (weights.network, weights.cfa, weights.parameters) == ("chen", cfa, count)
    assert isinstance(family.of(weights), chen.Chen)
    assert [one.name for one in output.parent.iterdir()] == ["sid.safetensors"]


def test_the_order_is_handed_on(deepisp: CLI, tmp_path: Path) -> None:
    source = saved(tmp_path / "port.pth")
    tails = []
    for order in ("tensorflow", "torch"):
        output = tmp_path / f"{order}.safetensors"
        assert deepisp("convert-weights", source, "-o", output, "--order", order).exit_code == 0
        tails.append(zoo.load(output).tensors["tail.bias"])
    assert (tails[0].reshape(3, 4).T.ravel() == tails[1]).all()
    assert not (tails[0] == tails[1]).all()


def refused(deepisp: CLI, *words: object) -> str:
    """What is said in one line about wrong usage."""
    done = deepisp("convert-weights", *words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_the_wrong_cell_is_said_with_the_first_tensor(deepisp: CLI, tmp_path: Path) -> None:
    source, output = saved(tmp_path / "port.pth"), tmp_path / "new" / "a.safetensors"
    assert refused(deepisp, source, "-o", output, "--cfa", "xtrans") == (
        f"error: {source}: module.conv1_1.weight: 32 x 4 x 3 x 3, where Chen's U-Net for {chen.XTRANS} has "
        "32 x 9 x 3 x 3\n"
    )
    assert not output.parent.exists()


def test_code_is_not_run(deepisp: CLI, tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(pickle.dumps(print))
    said = refused(deepisp, tmp_path / "w.pth", "-o", tmp_path / "a.safetensors")
    assert "holds more than numbers, which might run code; save model.state_dict() alone" in said
    assert [one.name for one in tmp_path.iterdir()] == ["w.pth"]


def test_what_is_not_there_is_said(deepisp: CLI, tmp_path: Path) -> None:
    assert "does not exist" in refused(deepisp, tmp_path / "w.pth", "-o", tmp_path / "a.safetensors")
    assert "is a directory" in refused(deepisp, tmp_path, "-o", tmp_path / "a.safetensors")


def test_other_formats_and_the_input_are_refused(deepisp: CLI, tmp_path: Path) -> None:
    source = saved(tmp_path / "w.safetensors")
    before = source.read_bytes()
    assert "weights are written to .safetensors, got" in refused(deepisp, source, "-o", tmp_path / "a.pth")
    assert "is the input" in refused(deepisp, source, "-o", source)
    assert source.read_bytes() == before


def test_help_loads_nothing_heavy() -> None:
    assert loaded("convert-weights", "--help") == (0, set())
