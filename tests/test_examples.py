"""The examples run as they stand there, and give what deepisp itself gives."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from deepisp.develop.demosaic import learned
from deepisp.networks import export, zoo
from deepisp.networks.dark import Dark
from deepisp.networks.jdd import JDD
from deepisp.sensor.cfa import XTRANS
from tests.conftest import REPOSITORY

ONNX = REPOSITORY / "examples" / "run_onnx.py"
# Runs the file named first, with the words after it, as a program; then says which of these are loaded.
ALONE = (
    "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__'); "
    "print([one for one in ('torch', 'deepisp', 'onnxruntime') if one in sys.modules])"
)


def network(cfa: str = "RGGB") -> zoo.Weights:
    """A small one of random weights, those of the last layer large enough to be seen."""
    torch.manual_seed(1)
    tensors = {name: one.numpy() for name, one in JDD(cfa, width=8, blocks=1).state_dict().items()}
    return zoo.Weights(cfa, 8, 1, False, 0.1, tensors | {"tail.weight": 10 * tensors["tail.weight"]})


def alone(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", ALONE, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def dark_network() -> zoo.Weights:
    """One whose sides are multiples of 16."""
    torch.manual_seed(1)
    tensors = {name: 2 * one.numpy() for name, one in Dark(width=4, blocks=1).state_dict().items()}
    return zoo.Weights("RGGB", 4, 1, False, 0.1, tensors, "dark")


@pytest.mark.parametrize(("bits", "made"), [(8, network()), (16, network()), (8, dark_network())])
def test_an_onnx_file_runs_without_torch_as_deepisp_runs_it(
    tmp_path: Path, bits: int, made: zoo.Weights
) -> None:
    (tmp_path / "small.onnx").write_bytes(export.onnx(made))
    white = 2**bits - 1
    stored = (
        np.random.default_rng(1).integers(0, white + 1, (37, 50)).astype(f"uint{bits}")
    )  # one side is odd
    Image.fromarray(stored).save(tmp_path / "mosaic.png")
    done = alone(ONNX, tmp_path / "small.onnx", tmp_path / "mosaic.png", tmp_path / "picture.png", "0.05")
    assert (done.returncode, done.stdout) == (0, "['onnxruntime']\n"), done.stderr
    mosaic = (stored / white).astype(np.float32)
    engine = learned.Engine(made, precision="fp32")
    ours = learned.whole(engine, mosaic, np.full_like(mosaic, 0.05), "RGGB").transpose(1, 2, 0)
    with Image.open(tmp_path / "picture.png") as picture:
        theirs = np.asarray(picture).astype(float)
    assert np.abs(theirs - 255 * ours.clip(0, 1)).max() < 0.51  # rounding, and 0.01 for another order of sums


def test_mosaics_of_other_cells_are_refused(tmp_path: Path) -> None:
    (tmp_path / "xtrans.onnx").write_bytes(export.onnx(network(XTRANS)))
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "mosaic.png")
    done = alone(ONNX, tmp_path / "xtrans.onnx", tmp_path / "mosaic.png", tmp_path / "picture.png")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "not RGGB" in done.stderr
