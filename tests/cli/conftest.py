"""Raw files for the command line, and ways to call it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from deepisp.cli import main
from tests.conftest import save_dng


@pytest.fixture(scope="session")
def twelve(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of twelve small raw files, each another picture."""
    folder = tmp_path_factory.mktemp("twelve")
    for number in range(12):
        save_dng(folder / f"{number:02}.dng", seed=number)
    return folder


@pytest.fixture
def shoot(twelve: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Raw files of these names in a folder, which becomes the current one."""
    folder = tmp_path / "shoot"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def make(*names: str) -> Path:
        for name in names:
            shutil.copy(twelve / "00.dng", folder / name)
        return folder

    return make


@pytest.fixture
def deepisp() -> Callable[..., Result]:
    """`deepisp` with these words: exit_code, stdout, stderr. An exception that comes out is one of the test."""

    def call(*words: Any) -> Result:
        result = CliRunner().invoke(main, [str(word) for word in words])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return call
