"""Folders of bare sensor values: taken with a layout, and otherwise the run says what it left out."""

from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from deepisp import batch
from deepisp.batch import files
from deepisp.cli import develop as verb
from deepisp.picture.write import write
from deepisp.raw.layout import UNUSED
from tests.batch.test_files import touch

MOSAIC = np.random.default_rng(1).integers(600, 4000, (32, 48), dtype=np.uint16)
LAYOUT = 'cfa = "RGGB"\nwhite_level = 4095\nblack_level = 600\nwidth = 48\nheight = 32\n'


def names(found: list[files.Source]) -> list[str]:
    return [source.path.name for source in found]


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """One mosaic in each of five containers, and what else lies in such a folder."""
    folder = tmp_path / "scans"
    folder.mkdir()
    np.save(folder / "a.npy", MOSAIC)
    (folder / "b.png").write_bytes(imagecodecs.png_encode(MOSAIC))
    (folder / "c.raw").write_bytes(MOSAIC.tobytes())
    (folder / "d.pgm").write_bytes(b"P5 48 32 65535\n" + MOSAIC.astype(">u2").tobytes())
    (folder / "e.TIF").write_bytes(imagecodecs.tiff_encode(MOSAIC))
    (folder / "notes.txt").write_text("x")
    (folder / "layout.toml").write_text(LAYOUT)
    return folder


def test_a_layout_opens_a_folder_to_bare_values(scans: Path) -> None:
    assert names(files.gather([scans])) == ["c.raw"]
    assert names(files.gather([scans], is_described=True)) == ["a.npy", "b.png", "c.raw", "d.pgm", "e.TIF"]


def test_a_layout_beside_a_file_takes_it_alone(scans: Path) -> None:
    (scans / "b.toml").write_text(LAYOUT)
    (scans / "e.TIF.toml").write_text("cfa = 3")  # wrong: that is to be told
    (scans / "a.toml").write_text('author = "me"')
    assert names(files.gather([scans])) == ["b.png", "c.raw", "e.TIF"]


def test_what_deepisp_developed_is_no_bare_value(scans: Path) -> None:
    write(MOSAIC, scans / "c.png", space="srgb", digest="0123456789ab")
    (scans / "c.toml").write_text(LAYOUT)
    assert "c.png" not in names(files.gather([scans]))
    assert "c.png" not in names(files.gather([scans], is_described=True))


def test_a_folder_of_bare_values_is_developed(scans: Path, tmp_path: Path) -> None:
    summary = batch.run([scans], tmp_path / "out", layout=scans / "layout.toml")
    assert {record.status for record in summary.records} == {"done"}, [one.what for one in summary.records]
    assert len(summary.records) == 5
    assert len(batch.plan([scans], tmp_path / "new", layout=scans / "layout.toml")) == 5


def test_a_layout_that_is_not_needed_is_news_of_one_file_alone(
    shoot: Callable[..., Path], tmp_path: Path
) -> None:
    folder = shoot("a.dng", "b.dng")
    (tmp_path / "l.toml").write_text(LAYOUT)
    many = batch.run([folder], tmp_path / "out", layout=tmp_path / "l.toml").records
    assert not any(UNUSED in record.warnings for record in many)
    (one,) = batch.run(folder / "a.dng", tmp_path / "one.jpg", layout=tmp_path / "l.toml").records
    assert UNUSED in one.warnings


def test_what_was_left_out_is_told_by_suffix(tmp_path: Path) -> None:
    touch(tmp_path, "a.TIF", "b.tif", "c.txt", "d", "._e.tif", "sub/f.npy")
    told = files.none_found([tmp_path])
    assert told == (
        "no raw file in it, 4 files left out by suffix (.tif 2, .txt 1, none 1) "
        "(name them, or give --layout FILE.toml; or give -r for subfolders)"
    )
    assert files.none_found([tmp_path], recursive=True).endswith(
        ".npy 1) (name them, or give --layout FILE.toml)"
    )


def test_subfolders_are_spoken_of_only_where_there_are_any(tmp_path: Path) -> None:
    assert files.none_found([tmp_path]) == "no raw file in it (name another folder)"
    touch(tmp_path, "c.txt")
    assert files.none_found([tmp_path]) == "no raw file in it, 1 file left out by suffix (.txt 1) (name them)"
    touch(tmp_path / "new", "sub/a.dng")
    assert files.none_found([tmp_path / "new"]) == "no raw file in it (give -r for subfolders)"


def test_the_verb_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    touch(tmp_path, "a.tif")
    assert verb.develop.main([str(tmp_path), "-o", str(tmp_path / "out")], standalone_mode=False) == 3
    said = capsys.readouterr().err
    assert said.startswith(f"error: {tmp_path}: no raw file in it, 1 file left out by suffix (.tif 1)")
