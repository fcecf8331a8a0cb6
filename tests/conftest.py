"""Fixtures that every test may use."""

import os
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).parent.parent


def save_dng(path: Path, *, height: int = 32, width: int = 256, seed: int = 1) -> Path:
    """A small raw file: a simulated camera sees random colors; another seed is another picture."""
    from deepisp.cli.demo import simulate
    from deepisp.picture.dng import write_dng

    photograph = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    write_dng(simulate(photograph, seed=seed), path)
    return path


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real files; without it a test is skipped, in CI it fails."""
    folder = Path(os.environ.get("DEEPISP_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        message = f"no real data at {folder}; set DEEPISP_DATA"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return folder


@pytest.fixture(scope="session", params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest) -> str:
    """Each device that this machine has."""
    import torch

    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    return str(request.param)
