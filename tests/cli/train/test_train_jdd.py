"""`deepisp train jdd`: weights come out of pictures, a second call goes on, and what is wrong is one line."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from deepisp.cli.demo import simulate
from deepisp.networks import zoo
from deepisp.picture.dng import write_dng
from tests.conftest import save_dng

Call = Callable[..., Result]
SMALL = [
    "--width",
    "4",
    "--blocks",
    "1",
    "--crop",
    "16",
    "--batch",
    "2",
    "--precision",
    "fp32",
    "--threads",
    "1",
    "--device",
    "cpu",
]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed in range(2):
        pixels = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{seed}.png")
    return folder


def test_weights_come_of_it_and_a_second_call_goes_on(deepisp: Call, pictures: Path, tmp_path: Path) -> None:
    words = ["train", "jdd", "--data", str(pictures), "-o", str(tmp_path / "run"), *SMALL]
    done = deepisp(*words, "--steps", "3", "--save-every", "2", "--log-every", "1")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    weights = zoo.load(Path(told["weights"]), sha256=told["sha256"])
    assert (weights.width, weights.blocks, weights.cfa, told["steps"]) == (4, 1, "RGGB", 3)
    assert weights.noise_most > 0
    log = (tmp_path / "run" / "log.jsonl").read_text()
    again = deepisp(*words, "--steps", "3", "--save-every", "2", "--log-every", "1")
    assert json.loads(again.stdout) == told  # nothing is left to do
    assert (tmp_path / "run" / "log.jsonl").read_text() == log


def test_a_file_of_settings_and_options_on_top(deepisp: Call, pictures: Path, tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    config.write_text(
        'cfa = "GRBG"\nwidth = 8\nblocks = 1\nsteps = 1\ncrop = 16\nbatch = 2\nprecision = "fp32"\n'
    )
    out = tmp_path / "run"
    words = [
        "--data",
        str(pictures),
        "-o",
        str(out),
        "--config",
        str(config),
        "--device",
        "cpu",
        "--threads",
        "1",
    ]
    assert deepisp("train", "jdd", *words, "--width", "6").exit_code == 0
    weights = zoo.load(out / "weights.safetensors")
    assert (weights.cfa, weights.width) == ("GRBG", 6)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--rate", "-1"], 2, "--rate"),
        (["--cfa", "WWWW"], 2, "square cell of R, G and B"),
        (["--crop", "64"], 2, "no picture holds a crop of 64"),
        (["--start", "nothing"], 2, "no network and no file 'nothing'"),
        (["--loss", "l3"], 2, "l1"),
        (["--perceptual", "1"], 2, "features"),
        (["--noisy", "0.5"], 2, "bursts and noisy go together"),
        (["--bursts", "."], 2, "bursts and noisy go together"),
        (["--noisy", "1.5", "--bursts", "."], 2, "--noisy"),
        (["--noisy", "0.5", "--bursts", "nowhere"], 2, "nowhere"),
        (["--perceptual", "1", "--features", "nothing:here"], 2, "MODULE:NAME"),
    ],
)
def test_what_is_wrong_is_one_line(
    deepisp: Call, pictures: Path, tmp_path: Path, words: list[str], code: int, said: str
) -> None:
    done = deepisp(
        "train", "jdd", "--data", str(pictures), "-o", str(tmp_path / "run"), *SMALL, "--steps", "1", *words
    )
    assert done.exit_code == code
    (line,) = done.stderr.strip().splitlines()[-1:]
    assert line.startswith("error: ")
    assert said in line


def test_features_come_from_code_in_the_current_folder(
    deepisp: Call, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_features.py").write_text("def edges(x):\n    return x.diff(dim=-1)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    words = ["train", "jdd", "--data", str(pictures), "-o", "run", *SMALL, "--steps", "1"]
    done = deepisp(*words, "--perceptual", "0.5", "--features", "own_features:edges")
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "run" / "weights.safetensors").exists()


def test_bursts_of_raw_files_are_learned_from(deepisp: Call, pictures: Path, tmp_path: Path) -> None:
    photograph = np.random.default_rng(1).integers(0, 256, (32, 40, 3), np.uint8)
    for scene in ("a", "b"):
        folder = tmp_path / "scenes" / scene
        folder.mkdir(parents=True)
        for seed in range(2):
            write_dng(simulate(photograph, seed=seed), folder / f"{seed}.dng")
    words = ["train", "jdd", "--data", str(pictures), *SMALL, "--steps", "2", "--save-every", "1"]
    noisy = ["--bursts", str(tmp_path / "scenes"), "--noisy", "0.5"]
    done = deepisp(*words, *noisy, "-o", str(tmp_path / "run"))
    assert done.exit_code == 0, done.stderr
    assert "2 bursts" in done.stderr
    clean = deepisp(*words, "-o", str(tmp_path / "clean"))
    assert json.loads(done.stdout)["sha256"] != json.loads(clean.stdout)["sha256"]


def test_a_folder_that_is_no_burst_is_said(deepisp: Call, pictures: Path, tmp_path: Path) -> None:
    words = ["train", "jdd", "--data", str(pictures), *SMALL, "-o", str(tmp_path / "run"), "--noisy", "0.5"]
    done = deepisp(*words, "--bursts", str(pictures))
    assert done.exit_code == 2
    assert "no raw files in" in done.stderr
    save_dng(pictures / "single.dng")
    done = deepisp(*words, "--bursts", str(pictures))
    assert done.exit_code == 2
    assert "1 raw file; noise is told from light by two" in done.stderr


def test_a_folder_without_pictures_is_said(deepisp: Call, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = deepisp("train", "jdd", "--data", str(tmp_path / "empty"), "-o", str(tmp_path / "run"))
    assert done.exit_code == 2
    assert "no pictures in" in done.stderr
