"""A disk that is full: exit 5, one line, nothing left behind, what was there is still there."""

import hashlib
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import save_dng

NOTHING_FITS = 4096  # bytes of a file: less than any picture here has
TMPFS = 1 << 20


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw file whose 16-bit TIFF takes 2.4 MB: more than the small disk holds."""
    return save_dng(tmp_path_factory.mktemp("noisy") / "noisy.dng", height=500, width=800)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB, where this user may mount one."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS}", "tmpfs", str(place)]
    try:
        is_mounted = (
            os.geteuid() == 0 and not subprocess.run(command, capture_output=True, check=False).returncode
        )
    except OSError:
        is_mounted = False
    if not is_mounted:
        pytest.skip("no right to mount a file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def develop(*words: object, before: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deepisp", "develop", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=before)


def limit() -> None:
    """What `ulimit -f` does: writing past it gives SIGXFSZ, or EFBIG where that is ignored."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (NOTHING_FITS, NOTHING_FITS))


def is_refused(done: subprocess.CompletedProcess[str], folder: Path) -> bool:
    """Exit 5, and one line that names the folder and says what to do."""
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert (done.returncode, done.stdout) == (5, ""), done
    assert len(lines) == 1, done.stderr
    assert "no space left: needs " in lines[0]
    assert f" MB in {folder} (" in lines[0]
    return True


@pytest.mark.parametrize("suffix", ["tif", "jpg", "png"])
def test_past_the_largest_file_allowed_nothing_is_left(noisy: Path, tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / "out"
    assert is_refused(develop(noisy, "-o", folder / f"a.{suffix}", before=limit), folder)
    assert list(folder.iterdir()) == []


def test_on_a_full_disk_nothing_is_left(noisy: Path, small_disk: Path) -> None:
    folder = small_disk / "out"
    assert is_refused(develop(noisy, "-o", folder / "a.tif", "--bits", 16), folder)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("kind", ["limit", "disk"])
def test_on_a_full_disk_the_old_picture_stays(noisy: Path, request: pytest.FixtureRequest, kind: str) -> None:
    folder = request.getfixturevalue("small_disk" if kind == "disk" else "tmp_path")
    picture = folder / "a.tif"
    picture.write_bytes(np.random.default_rng(1).bytes(3000))
    known = hashlib.sha256(picture.read_bytes()).digest()
    words = (noisy, "-o", picture, "--bits", 16, "--on-exists", "overwrite")
    assert is_refused(develop(*words, before=limit if kind == "limit" else None), folder)
    assert hashlib.sha256(picture.read_bytes()).digest() == known
    assert list(folder.iterdir()) == [picture]


def test_a_full_disk_ends_a_run_of_many(noisy: Path, small_disk: Path, tmp_path: Path) -> None:
    """Files that fit are done; the first that does not fit ends the run, and the rest is not begun."""
    save_dng(tmp_path / "a.dng", height=200, width=200, seed=2)
    for name in "bcd":
        (tmp_path / f"{name}.dng").write_bytes(noisy.read_bytes())
    words = (tmp_path, "-o", small_disk, "--format", "tif", "--bits", 16, "--jobs", 1)
    done = develop(*words)
    assert done.returncode == 5
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "no space left" in errors[0]
    assert [path.name for path in small_disk.iterdir()] == ["a.tif"]
    assert done.stderr.splitlines()[-1] == "1 done, 1 failed, 2 not begun"


def test_a_report_on_a_full_disk_is_5(noisy: Path, tmp_path: Path) -> None:
    """/dev/full takes nothing: writing to it gives ENOSPC."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    done = develop(noisy, "-o", tmp_path / "a.jpg", "--report", "/dev/full")
    assert done.returncode == 5
    assert "No space left" in done.stderr or "no space left" in done.stderr
    assert "Traceback" not in done.stderr
