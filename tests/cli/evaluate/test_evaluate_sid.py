"""`deepisp evaluate sid`: its table, its JSON, and one line for what is wrong."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import Result

from deepisp.networks import family, zoo
from tests.data import dark_trees

Call = Callable[..., Result]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree of one training scene, and weights beside it."""
    content = dark_trees.content(dark_trees.gray(np.array([0.05, 0.2, 0.4])), tmp_path)
    dark_trees.plant(tmp_path, {1: {"0.1": 1, "0.04": 1}}, content)
    torch.manual_seed(1)
    tensors = {name: one.numpy() for name, one in family.build("chen").state_dict().items()}
    zoo.save(
        tmp_path / "chen.safetensors", zoo.Weights("RGGB", 0, 0, False, 0.0, tensors, "chen", "pictures")
    )
    return tmp_path


def test_a_line_for_each_ratio_and_one_for_all(deepisp: Call, root: Path) -> None:
    words = (
        "evaluate",
        "sid",
        "--root",
        root,
        "--split",
        "train-first",
        "--model",
        root / "chen.safetensors",
    )
    result = deepisp(*words)
    assert result.exit_code == 0, result.stderr
    head, *lines = result.stdout.splitlines()
    assert head.split()[:3] == ["train-first", "pairs", "PSNR"]
    assert [line.split()[:2] for line in lines] == [["x100", "1"], ["x250", "1"], ["all", "2"]]
    rows = [json.loads(line) for line in deepisp(*words, "--json").stdout.splitlines()]
    assert [row["ratio"] for row in rows] == [100, 250, None]
    assert f"{rows[-1]['psnr']:.2f}" == lines[-1].split()[2]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"--split": "all-598"}, "all-598 has 598 pairs, found 0"),
        ({"--split": "none"}, "known"),
        ({"--data": "eld"}, "no half of See-in-the-Dark"),
        ({"--data": "sid"}, "sid-sony"),
        ({"--center": "512"}, "--center is of --raw"),
    ],
)
def test_what_is_wrong_is_said_on_one_line(
    deepisp: Call, root: Path, changed: dict[str, str], said: str
) -> None:
    words = {"--root": root, "--split": "train-first", "--model": root / "chen.safetensors"} | changed
    result = deepisp("evaluate", "sid", *(word for pair in words.items() for word in pair))
    assert result.exit_code == 2
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
