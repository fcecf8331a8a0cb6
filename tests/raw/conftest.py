"""Reading what a test made."""

from collections.abc import Callable
from pathlib import Path

import pytest

import deepisp
from deepisp.raw.image import RawImage
from tests.raw import make


@pytest.fixture
def read_dng(tmp_path: Path) -> Callable[..., RawImage]:
    """Read the DNG that `make.dng` makes of its arguments."""
    return lambda values, **how: deepisp.read(make.save(tmp_path, make.dng(values, **how)))
