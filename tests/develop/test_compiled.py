"""Kernels run where machine code can be kept, and where it cannot. Each in a process of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOY = """
import resource, sys
from numba.core import caching
from deepisp.develop import compiled

if "nowhere" in sys.argv:
    caching.CacheImpl._locator_classes = []
if "full" in sys.argv:
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))

@compiled.kernel()
def double(x):
    return 2 * x

assert double(21) == 42
print(sum(double.stats.cache_hits.values()), "from the cache")
"""


@pytest.fixture
def toy(tmp_path: Path):
    """Runs a program with a kernel; says how often it was found in the cache."""
    (tmp_path / "toy.py").write_text(TOY)

    def run(*words: str) -> int:
        done = subprocess.run(
            [sys.executable, tmp_path / "toy.py", *words],
            env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return int(done.stdout.split()[0])

    return run


def test_machine_code_is_kept(toy) -> None:
    assert [toy(), toy()] == [0, 1]


def test_without_a_folder_to_write_kernels_run(toy) -> None:
    assert toy("nowhere") == 0


def test_with_a_full_disk_kernels_run(toy, tmp_path: Path) -> None:
    assert toy("full") == 0
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_a_damaged_cache_is_made_anew(toy, tmp_path: Path) -> None:
    toy()
    for pattern in ("*.nbi", "*.nbc"):
        for path in (tmp_path / "cache").rglob(pattern):
            path.write_bytes(path.read_bytes()[:40])
        assert [toy(), toy()] == [0, 1]


EDITED = """
import numpy as np
from deepisp.develop import kernels

# Light below the level is clipped or not as `highlights.NEAR` says, which another file holds.
mosaic, out = np.full((3, 3), 0.5, np.float32), np.empty((3, 3), np.float32)
levels, pattern = np.ones(2, np.float32), np.array([[0, 1], [1, 0]])
kernels.reconstruct_rows(mosaic, pattern, levels, np.zeros(2, np.float32), out)
print(sum(kernels.reconstruct_rows.stats.cache_hits.values()), float(out[1, 1]))
"""


def test_machine_code_is_made_anew_where_a_file_that_it_came_from_was_edited(tmp_path: Path) -> None:
    import deepisp

    package = Path(deepisp.__file__).parent
    shutil.copytree(
        package, tmp_path / "deepisp", ignore=shutil.ignore_patterns("__pycache__", "*.safetensors")
    )
    edited = tmp_path / "deepisp/develop/highlights.py"
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(tmp_path)}

    def run() -> list[str]:
        command = [sys.executable, "-c", EDITED]
        return subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.split()

    assert [run(), run()] == [["0", "0.5"], ["1", "0.5"]]
    edited.write_text(edited.read_text().replace("NEAR = 0.99", "NEAR = 0.25"))
    assert run() == ["0", "1.0"]  # clipped now, as all around: white
