"""`deepisp train sid`: weights come out of a packed file, `develop` takes them, and what is wrong is one line."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from deepisp.networks import zoo
from deepisp.train.settings import TrainSettings
from tests.conftest import save_dng
from tests.train import sid_files

Call = Callable[..., Result]
SMALL = ["--width", "4", "--blocks", "1", "--crop", "16", "--batch", "2", "--precision", "fp32", "--steps", "3",
         "--threads", "1", "--device", "cpu"]  # fmt: skip


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sid_files.packed(tmp_path_factory.mktemp("sony"))


def test_weights_come_of_it_that_develop_takes(deepisp: Call, packed: Path, tmp_path: Path) -> None:
    words = ["train", "sid", "--packed", str(packed), "-o", str(tmp_path / "run"), *SMALL]
    done = deepisp(*words, "--save-every", "2", "--log-every", "1")
    assert done.exit_code == 0, done.stderr
    assert "4 pairs, 16 crops of RGGB, read as they are drawn, on 1 x cpu" in done.stderr
    told = json.loads(done.stdout)
    weights = zoo.load(Path(told["weights"]), sha256=told["sha256"])
    assert (weights.network, weights.width, weights.blocks, weights.cfa) == ("dark", 4, 1, "RGGB")
    assert weights.noise_most > 0
    assert (tmp_path / "run" / "samples").is_dir()
    raw, picture = save_dng(tmp_path / "a.dng"), tmp_path / "a.png"
    shown = deepisp("develop", str(raw), "--model", told["weights"], "--dark", "100", "-o", str(picture))
    assert shown.exit_code == 0, shown.stderr
    assert np.asarray(Image.open(picture)).std() > 0


def test_a_second_call_goes_on_and_resident_is_the_same(deepisp: Call, packed: Path, tmp_path: Path) -> None:
    words = ["train", "sid", "--packed", str(packed), *SMALL]
    one = deepisp(*words, "-o", str(tmp_path / "one"), "--save-every", "2")
    again = deepisp(*words, "-o", str(tmp_path / "one"), "--save-every", "2")
    assert json.loads(again.stdout) == json.loads(one.stdout)
    other = deepisp(*words, "-o", str(tmp_path / "other"), "--save-every", "2", "--resident")
    assert "in memory" in other.stderr
    assert json.loads(other.stdout)["sha256"] == json.loads(one.stdout)["sha256"]


def test_a_file_of_settings_and_options_on_top(deepisp: Call, packed: Path, tmp_path: Path) -> None:
    config, out = tmp_path / "run.toml", tmp_path / "run"
    config.write_text('steps = 1\ncrop = 16\nbatch = 2\nprecision = "fp32"\nwidth = 8\n')
    words = [
        "train",
        "sid",
        "--packed",
        str(packed),
        "-o",
        str(out),
        "--config",
        str(config),
        "--device",
        "cpu",
    ]
    assert deepisp(*words, "--threads", "1", "--width", "6").exit_code == 0
    weights = zoo.load(out / "weights.safetensors")
    assert (weights.network, weights.width) == ("dark", 6)
    assert weights.blocks == TrainSettings(network="dark").blocks
    config.write_text("physical = 0.5\n")
    refused = deepisp(*words)
    assert refused.exit_code == 2
    assert "physical: no such name; known names: network" in refused.stderr


def test_a_published_network_learns_the_same(deepisp: Call, packed: Path, tmp_path: Path) -> None:
    words = ["train", "sid", "--packed", str(packed), "-o", str(tmp_path / "run"), *SMALL, "--steps", "1"]
    done = deepisp(*words, "--network", "dncnn")
    assert done.exit_code == 0, done.stderr
    assert zoo.load(tmp_path / "run" / "weights.safetensors").network == "dncnn"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--crop", "32"], "give a crop up to 16"),
        (["--crop", "17"], "whole cells of 2 x 2"),
        (["--rate", "-1"], "--rate"),
        (["--perceptual", "1"], "features"),
        (["--noisy", "0.5"], "--noisy"),
        (["--dark", "dark-simulated"], "--dark"),
        (["--cfa", "RGGB"], "--cfa"),
        (["--start", "nothing"], "no network and no file 'nothing'"),
    ],
)
def test_what_is_wrong_is_one_line(
    deepisp: Call, packed: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    done = deepisp("train", "sid", "--packed", str(packed), "-o", str(tmp_path / "run"), *SMALL, *words)
    assert done.exit_code == 2
    (line,) = done.stderr.strip().splitlines()[-1:]
    assert said in line
    assert not (tmp_path / "run").exists()


def test_what_is_no_packed_file_is_said(deepisp: Call, tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(b"nothing")
    done = deepisp("train", "sid", "--packed", str(tmp_path / "a.h5"), "-o", str(tmp_path / "run"), *SMALL)
    assert done.exit_code == 2
    assert "no HDF5 file, or damaged" in done.stderr
