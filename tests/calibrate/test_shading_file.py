"""A map of lens shading to a file and back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepisp.calibrate import shading_file
from deepisp.develop import shading_map
from deepisp.develop.shading_map import Optics, Plane, Shading

GAINS = np.array([[1.0, 1.25], [1.5, 4 / 3]])
MAP = Shading("Acme", "One", Optics("", 50.0, None), "W", (100, 150), (Plane("W", ((0, 0),), GAINS),), 4)


@pytest.mark.parametrize(
    "lens",
    ["", "50mm f/1.8", "Nik\u200bkor \N{CAMERA WITH FLASH} 50", 'a "quoted" \\ name', "Objektivdeckel \t ü"],
)
def test_every_name_of_a_lens_is_read_back(tmp_path: Path, lens: str) -> None:
    path, made = tmp_path / "map.toml", replace(MAP, optics=MAP.optics._replace(lens=lens))
    shading_file.write(made, path)
    assert shading_map.load(path).optics == made.optics


def test_a_map_is_read_back_to_a_millionth(tmp_path: Path) -> None:
    shading_file.write(MAP, tmp_path / "map.toml")
    found = shading_map.load(tmp_path / "map.toml")
    assert replace(found, planes=()) == replace(MAP, planes=())
    assert [(one.color, one.positions) for one in found.planes] == [("W", ((0, 0),))]
    assert np.abs(found.planes[0].gains - GAINS).max() <= 0.5e-6
