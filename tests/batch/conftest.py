"""Small raw files for a batch, and looks at what came of them."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from deepisp import batch
from tests.conftest import save_dng


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small raw file."""
    return save_dng(tmp_path_factory.mktemp("raw") / "a.dng")


@pytest.fixture
def shoot(template: Path, tmp_path: Path) -> Callable[..., Path]:
    """A folder with raw files of these names."""

    def make(*names: str) -> Path:
        for name in names:
            (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(template, tmp_path / "in" / name)
        return tmp_path / "in"

    return make


def other(path: Path, number: int = 1) -> Path:
    """The raw file `path`, made another: it reads the same, but `number` bytes behind its end are no part of it."""
    path.write_bytes(path.read_bytes() + number * b"x")
    return path


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def statuses(summary: batch.Summary) -> dict[str, str]:
    return {record.input.name: record.status for record in summary.records}
