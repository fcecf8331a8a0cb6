"""Whole or absent: names, modes, failures, full disks."""

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from deepisp.picture import atomic
from deepisp.picture.atomic import commit, is_part
from deepisp.picture.errors import NoSpace


@pytest.mark.parametrize(
    "name",
    [
        "a.jpg",
        "-o.jpg",
        "line\nbreak.jpg",
        "Œuvre 日本.jpg",
        "x" * 251 + ".jpg",
        "é" * 125 + ".tiff",
        b"\xff\xfe.png".decode("utf-8", "surrogateescape"),
    ],
)
def test_any_name_that_the_disk_takes_is_written(tmp_path, name):
    commit(tmp_path / name, b"new")
    assert [(one, (tmp_path / one).read_bytes()) for one in os.listdir(tmp_path)] == [(name, b"new")]


def test_mode_is_what_the_umask_leaves(tmp_path):
    old = os.umask(0o027)
    try:
        commit(tmp_path / "a.png", b"new")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a.png").stat().st_mode) == 0o640


def test_a_symlink_is_replaced_and_its_target_untouched(tmp_path):
    (tmp_path / "original").write_bytes(b"old")
    (tmp_path / "a.jpg").symlink_to(tmp_path / "original")
    commit(tmp_path / "a.jpg", b"new")
    assert (tmp_path / "original").read_bytes() == b"old"
    assert not (tmp_path / "a.jpg").is_symlink()


def test_bytes_are_on_disk_before_the_name(tmp_path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, n=name, f=real: (calls.append(n), f(*a))[1])
    commit(tmp_path / "a.jpg", b"new")
    assert calls == ["fsync", "replace", "fsync"]  # the file, the name, the folder


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.EIO, "broken"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step, error):
    (tmp_path / "a.jpg").write_bytes(b"old")

    def fail(*_):
        raise error

    monkeypatch.setattr(atomic.os, step, fail)
    with pytest.raises(type(error)):
        commit(tmp_path / "a.jpg", b"new")
    assert os.listdir(tmp_path) == ["a.jpg"]
    assert (tmp_path / "a.jpg").read_bytes() == b"old"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_says_how_much_is_needed_and_where(tmp_path, monkeypatch, number):
    def fail(_descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(atomic.os, "fsync", fail)
    with pytest.raises(NoSpace) as caught:
        commit(tmp_path / "a.jpg", bytes(3_400_000))
    assert str(caught.value) == f"no space left: needs 3 MB in {tmp_path}"
    assert caught.value.errno == number
    assert os.listdir(tmp_path) == []


def test_a_real_limit_on_file_size_leaves_the_folder_as_it_was(tmp_path):
    """The kernel's own refusal, in a child: 100 kB are allowed, the TIFF of noise takes 600."""
    (tmp_path / "a.tif").write_bytes(b"old")
    code = (
        "import resource, sys, pathlib, numpy as np\n"
        "from deepisp.picture.write import write\n"
        "from deepisp.picture.errors import NoSpace\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "pixels = np.random.default_rng(0).integers(0, 65536, (320, 320, 3), np.uint16)\n"
        "try:\n    write(pixels, pathlib.Path(sys.argv[1]), space='srgb')\n"
        "except NoSpace as error:\n    print(error, end='')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.tif")], check=True, capture_output=True, text=True
    )
    assert done.stdout == f"no space left: needs 1 MB in {tmp_path}"
    assert os.listdir(tmp_path) == ["a.tif"]
    assert (tmp_path / "a.tif").read_bytes() == b"old"
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 100_000  # the child's alone


def test_killed_in_between_leaves_the_old_file_and_a_part(tmp_path):
    """SIGKILL just before the rename: what is left over is recognized as such."""
    target = tmp_path / "a.jpg"
    target.write_bytes(b"old")
    code = (
        "import os, sys, signal, pathlib\nfrom deepisp.picture.atomic import commit\n"
        "os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "commit(pathlib.Path(sys.argv[1]), b'new')\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert target.read_bytes() == b"old"
    (part,) = set(os.listdir(tmp_path)) - {"a.jpg"}
    assert is_part(part)
    assert not is_part("a.jpg")
    assert not is_part("my.part")


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_what_is_there_is_kept_if_it_is_not_to_be_replaced(tmp_path, monkeypatch, links):
    if not links:  # as on FAT
        monkeypatch.setattr(atomic.os, "link", no_links)
    (tmp_path / "a.jpg").write_bytes(b"old")
    (tmp_path / "b.jpg").symlink_to("nowhere")
    for name in ("a.jpg", "b.jpg"):
        with pytest.raises(FileExistsError):
            commit(tmp_path / name, b"new", replace=False)
    commit(tmp_path / "c.jpg", b"new", replace=False)
    assert sorted(os.listdir(tmp_path)) == ["a.jpg", "b.jpg", "c.jpg"]
    assert (tmp_path / "a.jpg").read_bytes() == b"old"
    assert (tmp_path / "b.jpg").is_symlink()
    assert (tmp_path / "c.jpg").read_bytes() == b"new"


def no_links(*_):
    raise PermissionError(errno.EPERM, "Operation not permitted")


# Each process writes its part, waits for the others, and then all want the name.
RACE = """
import os, pathlib, sys, time
from deepisp.picture import atomic
def no_links(*_): raise PermissionError(1, "Operation not permitted")
if sys.argv[2] == "no links":
    os.link = no_links
    rename = os.replace
    os.replace = lambda *names: (time.sleep(0.05), rename(*names))  # longer than the others need to look
fsync, target = os.fsync, pathlib.Path(sys.argv[1])
def meet(descriptor):
    fsync(descriptor)
    while len(list(target.parent.glob(".*.part"))) < 3:
        time.sleep(0.001)
    os.fsync = fsync
    time.sleep(0.2)  # all have seen all
os.fsync = meet
try:
    atomic.commit(target, sys.argv[3].encode() * 1000, replace=False)
except FileExistsError:
    sys.exit(7)
"""


@pytest.mark.parametrize("how", ["links", "no links"])
def test_of_three_processes_one_gets_the_name(tmp_path, how):
    target = tmp_path / "a.jpg"
    runs = [subprocess.Popen([sys.executable, "-c", RACE, str(target), how, letter]) for letter in "abc"]
    codes = [run.wait(timeout=30) for run in runs]
    assert sorted(codes) == [0, 7, 7]
    assert target.read_bytes() == b"abc"[codes.index(0) :][:1] * 1000
    assert os.listdir(tmp_path) == ["a.jpg"]


def test_a_missing_folder_is_said_and_not_made(tmp_path):
    with pytest.raises(FileNotFoundError):
        commit(tmp_path / "no" / "a.jpg", b"new")
    assert not (tmp_path / "no").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_forbidden_folder_is_a_permission_error(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        commit(tmp_path / "a.jpg", b"new")


def test_a_permission_error_stays_one(tmp_path, monkeypatch):
    def fail(*_):
        raise PermissionError(errno.EACCES, "forbidden")

    monkeypatch.setattr(atomic.os, "open", fail)
    with pytest.raises(PermissionError):
        commit(Path(tmp_path) / "a.jpg", b"new")
