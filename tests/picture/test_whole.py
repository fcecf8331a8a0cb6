"""A picture that was cut off is found without decoding it."""

import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from deepisp.picture import formats
from deepisp.picture.whole import is_whole
from deepisp.picture.write import write
from deepisp.raw.image import Exif


@pytest.fixture(params=["jpg", "png", "tif", "webp", "avif", "jxl"])
def picture(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "jxl":
        pytest.importorskip("pillow_jxl")
    path = tmp_path / f"a.{request.param}"
    pixels = np.random.default_rng(1).integers(0, 256, (96, 128, 3), np.uint8)
    write(pixels, path, space="srgb", digest="0123456789ab")
    return path


def test_what_we_write_is_whole(picture: Path) -> None:
    assert is_whole(picture)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_cut_picture_is_not(picture: Path, share: float) -> None:
    data = picture.read_bytes()
    picture.write_bytes(data[: int(len(data) * share)])
    if formats.of(picture) is formats.JXL and data[:2] == b"\xff\x0a" and share > 0:
        pytest.skip("a bare JPEG XL stream does not say how long it is")
    assert not is_whole(picture)


def test_a_tiff_of_16_bits_is_whole_until_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.tiff"
    write(np.zeros((300, 200, 3), np.uint16), path, space="srgb")
    assert is_whole(path)
    path.write_bytes(path.read_bytes()[:-300])
    assert not is_whole(path)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_a_tiff_cut_anywhere_in_its_exif_is_not_whole(tmp_path: Path, exif: Exif, kind: type) -> None:
    path = tmp_path / "a.tif"
    write(np.zeros((70, 40, 3), kind), path, space="srgb", exif=exif)
    assert is_whole(path)
    data = path.read_bytes()
    tail = len(data) - data.index(
        b"Lens \xc3\x9c"
    )  # a value of the EXIF directory, which comes after the pixels
    assert tail > 100  # the GPS directory follows
    for cut in range(2, tail + 200):  # a last byte may be there to make the number even
        path.write_bytes(data[:-cut])
        assert not is_whole(path), cut
    path.write_bytes(data[:-tail] + bytes(tail))
    assert not is_whole(path)


@pytest.mark.parametrize(
    "how", [{}, {"tile": (64, 64)}, {"byteorder": ">"}, {"rowsperstrip": 7}, {"bigtiff": True}]
)
def test_a_tiff_of_others(tmp_path: Path, how: dict[str, Any]) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.arange(8400, dtype=np.uint16).reshape(70, 120), **how)
    assert is_whole(path) is ("bigtiff" not in how)  # which we do not write
    path.write_bytes(path.read_bytes()[:-100])
    assert not is_whole(path)


def test_a_tiff_that_names_gigabytes_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    entry = struct.pack("<HHII", 273, 4, 2**32 - 1, 0)  # 16 GB of StripOffsets
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4))
    tracemalloc.start()
    assert not is_whole(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e7


def test_something_else_is_no_picture(picture: Path) -> None:
    picture.write_bytes(b"hello, this is no picture at all " * 20)
    assert not is_whole(picture)
    picture.unlink()
    assert not is_whole(picture)
    picture.mkdir()
    assert not is_whole(picture)
