"""A picture that was cut off is found without decoding it."""

from pathlib import Path

import numpy as np
import pytest

from deepisp.picture import formats
from deepisp.picture.whole import is_whole
from deepisp.picture.write import write


@pytest.fixture(params=["jpg", "png", "tif", "webp", "avif", "jxl"])
def picture(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "jxl":
        pytest.importorskip("pillow_jxl")
    path = tmp_path / f"a.{request.param}"
    pixels = np.random.default_rng(1).integers(0, 256, (96, 128, 3), np.uint8)
    write(path, pixels, space="srgb", digest="0123456789ab")
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
    write(path, np.zeros((300, 200, 3), np.uint16), space="srgb")
    assert is_whole(path)
    path.write_bytes(path.read_bytes()[:-300])
    assert not is_whole(path)


def test_something_else_is_no_picture(picture: Path) -> None:
    picture.write_bytes(b"hello, this is no picture at all " * 20)
    assert not is_whole(picture)
    picture.unlink()
    assert not is_whole(picture)
    picture.mkdir()
    assert not is_whole(picture)
