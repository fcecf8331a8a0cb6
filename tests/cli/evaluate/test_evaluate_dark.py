"""`deepisp evaluate dark`: a line for each method, camera and ratio, as the library says it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from deepisp.data import dark
from deepisp.data.dark import DarkSimulator
from deepisp.train import contenders, evaluate_dark

Call = Callable[..., Result]


def protocol(path: Path, camera: str) -> Path:
    """A file that measures on one camera, ISO 800, at a ratio of 50."""
    path.write_text(
        'name = "mine"\nexposure_ratio = [50, 60]\n[train]\ncameras = ["canon-70d"]\niso = [800, 800]\n'
        f'[test]\nratios = [50]\n[test.cameras]\n"{camera}" = 800\n'
    )
    return path


def test_json_is_what_the_library_says(deepisp: Call, pictures: Path) -> None:
    result = deepisp("evaluate", "dark", "--data", pictures, "--model", "menon", "--json")
    assert result.exit_code == 0, result.stderr
    found = [json.loads(line) for line in result.stdout.splitlines()]
    known = dark.protocol("dark-simulated").test
    taken = [
        f"{camera}:{iso:g} x{ratio:g}" for camera, iso in known.cameras.items() for ratio in known.ratios
    ]
    assert [line["taken by"] for line in found] == taken
    truths = [np.array(Image.open(path)) for path in sorted(pictures.iterdir())]
    simulator = DarkSimulator(("canon-70d",), (1600, 1600), (250, 250))
    wanted = evaluate_dark.score(contenders.named("menon"), truths, simulator)._asdict()
    line = found[taken.index("canon-70d:1600 x250")]
    assert all(line[name] == pytest.approx(wanted[name]) for name in wanted if name != "cpu_s_per_mp")


def test_a_protocol_of_ones_own(deepisp: Call, pictures: Path, tmp_path: Path) -> None:
    own = protocol(tmp_path / "mine.toml", "canon-70d")
    result = deepisp("evaluate", "dark", "--data", pictures, "--model", "menon", "--protocol", own)
    assert result.exit_code == 0, result.stderr
    head, line = result.stdout.splitlines()
    assert head.split()[:4] == ["method", "set", "taken", "by"]
    assert "canon-70d:800 x50" in line


def test_what_is_no_protocol_is_said(deepisp: Call, pictures: Path) -> None:
    result = deepisp("evaluate", "dark", "--data", pictures, "--model", "menon", "--protocol", "night")
    assert result.exit_code == 2
    assert "no protocol 'night'; known: dark-simulated" in result.stderr


def test_a_profile_that_is_missing_is_named(deepisp: Call, pictures: Path, tmp_path: Path) -> None:
    own = protocol(tmp_path / "mine.toml", "gone/camera.toml")
    result = deepisp("evaluate", "dark", "--data", pictures, "--model", "menon", "--protocol", own)
    assert result.exit_code == 1
    assert "gone/camera.toml: No such file or directory" in result.stderr
