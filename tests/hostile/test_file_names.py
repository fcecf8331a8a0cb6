"""Names and things that are no ordinary file."""

import os
import socket
import time

import numpy as np
import pytest

import deepisp
from deepisp import UnsupportedFile
from tests.raw import make

MOSAIC = make.noise(32, 48)
NAMES = [
    "ünïcødé 照片.dng", "with space.dng", "quote'\".dng", "$HOME `id`.dng", "new\nline.dng", "-o.dng",
    "a" * 251 + ".dng", "%s%n%d.dng", "#.dng", "*?.dng", "\\back.dng", ".dng",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("compression", [make.NONE, make.DEFLATE])
def test_any_name_will_do(tmp_path, name, compression):
    file = make.save(tmp_path, make.dng(MOSAIC, compression=compression), name)
    raw = deepisp.read(file)
    np.testing.assert_array_equal(raw.mosaic, MOSAIC)
    assert raw.path == file


def test_names_that_are_no_text(tmp_path):
    for how in (make.NONE, make.DEFLATE):
        name = os.fsencode(tmp_path) + b"/\xff\xfe \x80.dng"
        with open(name, "wb") as stream:
            stream.write(make.dng(MOSAIC, compression=how))
        raw = deepisp.read(os.fsdecode(name), thumbnail=True)
        np.testing.assert_array_equal(raw.mosaic, MOSAIC)
        assert os.fsencode(raw.path) == name


def test_a_name_relative_to_the_folder_of_now(tmp_path, monkeypatch):
    make.save(tmp_path, make.dng(MOSAIC), "-a.dng")
    deepisp.read(make.save(tmp_path, make.dng(MOSAIC), "b.dng"))  # a child with another working folder is up
    monkeypatch.chdir(tmp_path)
    np.testing.assert_array_equal(deepisp.read("-a.dng").mosaic, MOSAIC)


def test_a_link_is_followed(tmp_path):
    (tmp_path / "link.dng").symlink_to(make.save(tmp_path, make.dng(MOSAIC)))
    np.testing.assert_array_equal(deepisp.read(tmp_path / "link.dng").mosaic, MOSAIC)


def test_what_is_not_there(tmp_path):
    (tmp_path / "dangling.dng").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop.dng").symlink_to(tmp_path / "loop.dng")
    for name, number in (("absent.dng", 2), ("dangling.dng", 2), ("loop.dng", 40), ("a" * 300, 36)):
        with pytest.raises(OSError, match=r"\[Errno") as caught:
            deepisp.read(tmp_path / name)
        assert caught.value.errno == number
        assert caught.value.filename == str(tmp_path / name)


def test_what_is_no_file_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "fifo.dng")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "s.dng"))
        start = time.monotonic()
        for path in (tmp_path / "fifo.dng", tmp_path / "s.dng", tmp_path, "/dev/zero", "/dev/null"):
            with pytest.raises(UnsupportedFile, match="it is not a regular file"):
                deepisp.read(path)
        assert time.monotonic() - start < 5


def test_a_name_that_no_system_takes():
    with pytest.raises((deepisp.RawError, OSError)):
        deepisp.read("a\0b.dng")
