"""`deepisp export`: a whole file or none, in the format that its name says."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import onnxruntime
import pytest
import torch
from click.testing import Result

from deepisp.networks import zoo
from deepisp.networks.jdd import JDD
from tests.cli.test_start import loaded

CLI = Callable[..., Result]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """The file of a small network."""
    torch.manual_seed(1)
    tensors = {name: one.numpy() for name, one in JDD(width=4, blocks=1).state_dict().items()}
    path = tmp_path / "small.safetensors"
    zoo.save(path, zoo.Weights("RGGB", 4, 1, False, 0.1, tensors))
    return path


def test_a_weights_file_becomes_onnx_without_a_word_of_the_exporter(weights: Path) -> None:
    output = weights.with_name("new") / "small.ONNX"
    command = [sys.executable, "-m", "deepisp", "export", str(weights), "-o", str(output)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout == f"{output}: {weights} for RGGB, halo 8, {round(output.stat().st_size / 1000)} kB\n"
    session = onnxruntime.InferenceSession(output, providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map["cfa"] == "RGGB"
    assert [one.name for one in output.parent.iterdir()] == ["small.ONNX"]


def test_a_shipped_network_becomes_pt2_in_place_of_what_was_there(deepisp: CLI, tmp_path: Path) -> None:
    output = tmp_path / "fast.pt2"
    output.write_bytes(b"of yesterday")
    assert deepisp("export", "fast", "-o", output).exit_code == 0
    told = {"deepisp.json": ""}
    torch.export.load(output, extra_files=told)
    assert json.loads(told["deepisp.json"])["halo"] == str(zoo.shipped("fast").size.halo)


def test_on_a_full_disk_what_was_there_stays(
    deepisp: CLI, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = weights.with_name("a.pt2")
    output.write_bytes(b"of yesterday")
    before = sorted(output.parent.iterdir())

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    done = deepisp("export", weights, "-o", output)
    assert done.exit_code == 5
    assert done.stderr.count("\n") == 1
    assert output.read_bytes() == b"of yesterday"
    assert sorted(output.parent.iterdir()) == before


@pytest.mark.parametrize("name", ["a.pt", "a.safetensors", "onnx"])
def test_other_formats_are_refused(deepisp: CLI, tmp_path: Path, name: str) -> None:
    done = deepisp("export", "fast", "-o", tmp_path / name)
    assert done.exit_code == 2
    assert done.stderr == (
        f"error: a network is exported to .onnx or .pt2, got {tmp_path / name}; name the output so\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_missing_model_is_said_with_those_that_are_known(deepisp: CLI, tmp_path: Path) -> None:
    done = deepisp("export", "huge", "-o", tmp_path / "a.onnx")
    assert done.exit_code == 2
    assert done.stderr.startswith("error: no network and no file 'huge'; known networks: fast")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_weights_is_refused(deepisp: CLI, tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(b"no weights")
    done = deepisp("export", tmp_path / "w", "-o", tmp_path / "a.onnx")
    assert done.exit_code == 2
    assert "no weights of deepisp" in done.stderr
    assert not (tmp_path / "a.onnx").exists()


def test_the_input_is_never_written_over(deepisp: CLI, weights: Path) -> None:
    named = weights.rename(weights.with_suffix(".onnx"))
    linked = weights.with_suffix(".pt2")
    linked.symlink_to(named)
    before = named.read_bytes()
    for output in (named, linked):
        done = deepisp("export", named, "-o", output)
        assert done.exit_code == 2
        assert "is the input" in done.stderr
    assert named.read_bytes() == before
    assert linked.is_symlink()


def test_a_link_to_a_shipped_network_is_its_input_too(deepisp: CLI, tmp_path: Path) -> None:
    linked = tmp_path / "a.pt2"
    linked.symlink_to(zoo.FOLDER / zoo.entries()["fast"].file)
    done = deepisp("export", "fast", "-o", linked)
    assert (done.exit_code, linked.is_symlink()) == (2, True)


def test_without_the_extra_it_says_what_to_install(
    deepisp: CLI, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    output = weights.with_name("a.onnx")
    done = deepisp("export", weights, "-o", output)
    assert done.exit_code == 5
    assert done.stderr == ("error: ONNX files need onnx and onnxscript (pip install 'deepisp[export]')\n")
    assert not output.exists()
    assert deepisp("export", weights, "-o", weights.with_suffix(".pt2")).exit_code == 0


def test_help_loads_nothing_heavy() -> None:
    assert loaded("export", "--help") == (0, set())
