"""What the tests of `deepisp evaluate` share."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder, named a set, of two pictures."""
    folder = tmp_path / "little"
    folder.mkdir()
    rng = np.random.default_rng(1)
    for name in ("one.png", "two.png"):
        Image.fromarray(rng.integers(0, 256, (48, 64, 3), np.uint8)).save(folder / name)
    return folder
