"""The README keeps its word: its commands and its Python run as they stand there, on files made here."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import deepisp
from deepisp.cli import develop as verb
from deepisp.cli import outcome
from deepisp.cli.demo import simulate
from deepisp.picture.dng import write_dng
from deepisp.sensor import profile
from tests.calibrate import charted
from tests.calibrate.simulated import SENSOR, shoot
from tests.conftest import REPOSITORY, save_dng

README = (REPOSITORY / "README.md").read_text()
BLOCKS = re.findall(r"^```([\w ]+)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
SHELL = "".join(text for language, text in BLOCKS if language == "sh").splitlines()
MEASURED = "".join(text for language, text in BLOCKS if language == "sh measured").splitlines()
TRAINED = "".join(text for language, text in BLOCKS if language == "sh trained").splitlines()
INDENTED = [line.strip() for line in README.splitlines() if line.startswith("    deepisp ")]
PYTHON = [text for language, text in BLOCKS if language == "python"]
LAYOUT = [text for language, text in BLOCKS if language == "toml"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that the README speaks of: photo.dng, photos/, scan.raw with scan.toml."""
    (tmp_path / "photos" / "more").mkdir(parents=True)
    for seed, name in enumerate(("photo.dng", "photos/a.dng", "photos/more/b.dng")):
        save_dng(tmp_path / name, height=64, width=96, seed=seed)
    (tmp_path / "scan.toml").write_text(LAYOUT[0])
    scan = np.random.default_rng(1).integers(600, 16384, (512, 768), dtype="<u2")
    (tmp_path / "scan.raw").write_bytes(scan.tobytes())
    return tmp_path


def run(command: list[str], folder: Path, *doubts: str) -> str:
    """What a command says on stdout; it must end well, and complain of nothing but the `doubts`."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if not any(doubt in line for doubt in doubts)]
    assert not re.search(r"error|warning|Traceback", "\n".join(lines), re.IGNORECASE), done.stderr
    return done.stdout


@pytest.mark.parametrize("line", list(dict.fromkeys(INDENTED + SHELL)))
def test_each_command_runs(line: str, folder: Path) -> None:
    words = shlex.split(line)
    assert words[0] == "deepisp"
    said = run(
        words, folder, *(["no color matrix", "nothing is known of its noise"] if "scan.raw" in words else [])
    )
    if "--json" in words:
        assert json.loads(said)["cfa"] == "RGGB"
    if "-o" in words:
        output = folder / words[words.index("-o") + 1]
        pictures = sorted(output.rglob("*.jpg")) if output.is_dir() else [output]
        assert len(pictures) == (2 if output.is_dir() else 1)
        for picture in pictures:
            check_picture(picture, words)
    if "--report" in words:
        report = (folder / words[words.index("--report") + 1]).read_text().splitlines()
        assert [json.loads(one)["status"] for one in report] == ["done", "done"]


def test_each_measurement_runs(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """In the README's order: the later lines add to the file that the first one made."""
    flats, darks = shoot(SENSOR, lights=[0.1, 0.2, 0.4, 0.8, 1.1], size=64, darks=8)
    white = shoot(SENSOR, lights=[0.5], size=256, darks=0)[0]
    write_dng(white[0], folder / "photo.dng")  # large enough to show its noise
    for name, frames in (("flats", flats), ("darks", darks), ("white", white)):
        (folder / name).mkdir()
        for index, frame in enumerate(frames):
            write_dng(frame, folder / name / f"{index}.dng")
    corners = charted.corners((300, 420))
    write_dng(charted.raw(charted.paint((300, 420), corners, charted.colors())), folder / "chart.dng")
    Image.fromarray(np.full((64, 96, 3), 90, np.uint8)).save(folder / "picture.png")
    for line in MEASURED:
        words = [
            found for word in shlex.split(line) for found in sorted(map(str, folder.glob(word))) or [word]
        ]
        said = run(words, folder, "warning")
        if "--json" in words:
            assert [plane["color"] for plane in json.loads(said)["planes"]] == ["R", "G", "B"]
    camera = profile.load(folder / "camera.toml")
    assert camera.color
    assert camera.darks
    assert camera.noise(800).noise["G"].shot == pytest.approx(SENSOR.gain / SENSOR.levels, rel=0.05)
    assert len(deepisp.read(folder / "simulated.dng").noise or ()) == 3
    assert (folder / "simulated.truth.dng").exists()


def test_each_training_runs(folder: Path) -> None:
    """In the README's order, two steps each: the later lines use what the first ones made."""
    rng = np.random.default_rng(1)
    for place in ("pictures", "kodak"):
        (folder / place).mkdir()
        Image.fromarray(rng.integers(0, 256, (96, 96, 3), np.uint8)).save(folder / place / "0.png")
    (folder / "scenes" / "still").mkdir(parents=True)
    for shot in range(2):
        write_dng(
            simulate(np.full((96, 96, 3), 90, np.uint8), seed=shot),
            folder / "scenes" / "still" / f"{shot}.dng",
        )
    (folder / "run.toml").write_text("steps = 2\nwidth = 8\nblocks = 1\nbatch = 4\n")
    for line in TRAINED:
        words = shlex.split(line, comments=True)
        if "train" in words:
            words += ["--steps", "2", "--threads", "1", "--device", "cpu"]
        if words[0] == "torchrun":
            words = [*words[:2], "2", *words[3:], "--batch", "4"]  # processes
        run(words, folder, "warning")
    assert (folder / "runs" / "real" / "weights.safetensors").exists()
    check_picture(folder / "photo.jpg", [])


def check_picture(path: Path, words: list[str]) -> None:
    """It opens, and has the size of its raw file and the bits that were asked for."""
    width, height = (768, 512) if "scan.raw" in words else (96, 64)
    if path.suffix == ".tif":
        kinds = {"16": np.uint16, "32": np.float32}
        pixels = tifffile.imread(path)
        assert pixels.dtype == kinds[words[words.index("--bits") + 1]]
    else:
        with Image.open(path) as picture:
            pixels = np.asarray(picture)
    assert pixels.shape == (height, width, 3)


@pytest.mark.parametrize("code", PYTHON)
def test_each_block_of_python_runs(code: str, folder: Path) -> None:
    checks = "\nassert pixels.dtype == 'uint8' and light.dtype == 'float32' and warm.shape == pixels.shape\n"
    assert run([sys.executable, "-W", "error", "-c", code + checks], folder).startswith("bayer RGGB ")


def test_the_blocks_are_found() -> None:
    assert len(SHELL) >= 7
    assert len(MEASURED) >= 8
    assert len(INDENTED) >= 1
    assert (len(PYTHON), len(LAYOUT)) == (1, 1)


def test_each_option_in_the_table_is_one() -> None:
    known = {name: one for one in verb.develop.params for name in [*one.opts, *one.secondary_opts]}
    rows = re.findall(r"^\| `(--[^`]*)` \| (.*) \|$", README, re.MULTILINE)
    assert len(rows) >= 5
    for option, does in rows:
        name, *value = option.split()
        assert name in known, option
        choices = getattr(known[name].type, "choices", None)
        if choices:  # a value, and the words that the row lists, are choices
            named = [*value, *re.findall(r"`([a-z]+)`", does)]
            assert set(named) <= set(choices), (option, named)
            stated = re.search(r"`([a-z]+)` \(default\)", does)
            assert stated is None or f"[default: {stated[1]}]" in (known[name].help or "")


def test_it_names_every_exit_code_and_error() -> None:
    [sentence] = re.findall(r"Exit codes: (.*?)\. Every failure", README, re.DOTALL)
    assert re.findall(r"\b\d+\b", sentence) == re.findall(r"\b\d+\b", outcome.CODES)
    for name in ("read", "develop", "DamagedFile", "UnsupportedFile", "LimitReached"):
        assert name in README
        assert name in deepisp.__all__
