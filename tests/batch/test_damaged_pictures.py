"""What is no whole picture in a picture's place: made anew if it is ours and of this raw file, else left alone."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from deepisp import batch
from deepisp.batch import Options
from tests.batch.conftest import other

Shoot = Callable[..., Path]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize("dry_run", [True, False])
def test_our_own_damaged_picture_is_made_anew(dry_run: bool, shoot: Shoot, tmp_path: Path) -> None:
    source, picture = shoot("a.dng"), tmp_path / "out" / "a.jpg"
    batch.run([source], tmp_path / "out")
    whole = picture.read_bytes()
    cut(picture)
    (record,) = batch.run([source], tmp_path / "out", options=Options(dry_run=dry_run)).records
    assert (record.status, record.output) == ("planned" if dry_run else "done", picture)
    assert record.warnings == (f"{picture} was damaged, and is made anew",)
    assert (picture.read_bytes() == whole) is not dry_run


def test_another_raw_files_damaged_picture_is_left_alone(shoot: Shoot, tmp_path: Path) -> None:
    source, out = shoot("a.dng"), tmp_path / "out"
    batch.run([source], out)
    cut(out / "a.jpg")
    before = (out / "a.jpg").read_bytes()
    other(source / "a.dng")
    (record,) = batch.run([source], out).records
    assert (record.status, record.output) == ("done", out / "a.dng.jpg")
    assert (out / "a.jpg").read_bytes() == before


def half_a_picture(path: Path) -> None:
    Image.effect_noise((64, 64), 90).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    "make", [Path.touch, lambda path: path.symlink_to("nowhere"), Path.mkdir, os.mkfifo, half_a_picture]
)
@pytest.mark.parametrize("dry_run", [True, False])
def test_what_is_no_picture_fails_the_file_and_stays(
    make: Callable[[Path], None], dry_run: bool, shoot: Shoot, tmp_path: Path
) -> None:
    picture = tmp_path / "out" / "a.jpg"
    picture.parent.mkdir()
    make(picture)
    before = picture.lstat()
    (record,) = batch.run([shoot("a.dng")], tmp_path / "out", options=Options(dry_run=dry_run)).records
    assert (record.status, record.error) == ("failed", "FileExistsError")
    assert record.what == (
        f"{picture} is there and is no whole picture (move it away, or choose another --on-exists)"
    )
    assert (picture.lstat().st_ino, picture.lstat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert os.listdir(tmp_path / "out") == ["a.jpg"]
