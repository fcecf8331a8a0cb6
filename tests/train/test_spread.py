"""A run that torchrun spreads over two processes: one network comes of it, and it can be stopped like any other."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepisp.networks import zoo
from deepisp.train import checkpoint

SMALL = ["--width", "4", "--blocks", "1", "--crop", "24", "--batch", "4", "--precision", "fp32", "--threads", "1",
         "--device", "cpu", "--save-every", "2", "--log-every", "2", "--adversarial", "0.01"]  # fmt: skip


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    pixels = np.random.default_rng(1).integers(0, 256, (48, 48, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "0.png")
    return folder


def spread(pictures: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    words = ["-m", "deepisp", "train", "jdd", "--data", pictures, "-o", out, *SMALL, *more]
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        *map(str, words),
    ]
    return subprocess.run(
        launch, capture_output=True, text=True, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )


def test_two_processes_make_one_network_and_go_on_to_the_bit(pictures: Path, tmp_path: Path) -> None:
    whole = spread(pictures, tmp_path / "whole", "--steps", "6")
    assert whole.returncode == 0, whole.stderr
    last = checkpoint.found(tmp_path / "whole")[-1]
    state = checkpoint.latest(tmp_path / "whole")
    assert state is not None
    assert len(state["generators"]) == 2
    assert (state["generators"][0] != state["generators"][1]).any()  # each made its own samples

    parts = tmp_path / "parts"
    parts.mkdir()
    before = checkpoint.found(tmp_path / "whole")[0]
    assert (before.name, last.name) == ("checkpoint-00000004.pt", "checkpoint-00000006.pt")
    (parts / before.name).write_bytes(before.read_bytes())
    assert spread(pictures, parts, "--steps", "6").returncode == 0
    first, second = (zoo.load(tmp_path / name / "weights.safetensors") for name in ("whole", "parts"))
    assert all((first.tensors[name] == second.tensors[name]).all() for name in first.tensors)
