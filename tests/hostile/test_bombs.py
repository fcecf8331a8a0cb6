"""Files that ask for far more than they are."""

import contextlib
import time

import numpy as np
import pytest

import deepisp
from deepisp import LimitReached, Limits, RawError
from tests.raw import make
from tests.raw.make import DEFLATE, byte, long, text


def bomb(side, dtype, compression=DEFLATE, strips=60):
    """A picture of `side` squared whose strips are all the same few kilobytes."""
    part = make.picture(np.zeros((side // strips, side), dtype), compression=compression)
    part.tags |= make.pattern("RGGB") | {
        257: long(side), 278: long(side // strips), 50706: byte(1, 4, 0, 0), 50708: text("a"),
    }  # fmt: skip
    (segment,), part.segments = part.segments, []
    part.tags |= {273: long(*[8] * strips), 279: long(*[len(segment)] * strips)}
    tail = make.tiff(part)
    return relocated(tail, segment)


def relocated(tail, segment):
    """The segment behind the directory, whose strips all point at it."""
    data, at = bytearray(tail), len(tail)
    start = int.from_bytes(data[4:8], "little")
    for i in range(int.from_bytes(data[start : start + 2], "little")):
        code, _, count, value = np.frombuffer(data, "<u2,<u2,<u4,<u4", 1, start + 2 + 12 * i)[0].tolist()
        if code == 273:
            data[value : value + 4 * count] = at.to_bytes(4, "little") * count
    return bytes(data) + segment


def test_deflate_bomb_meets_the_memory_limit(tmp_path):
    data = bomb(12000, np.float32)  # 576 MB of zeros
    assert len(data) < 60_000
    start = time.monotonic()
    with pytest.raises(LimitReached, match=r"decoding needs more than 512 MiB .*--max-memory"):
        deepisp.read(make.save(tmp_path, data), limits=Limits(max_memory_mib=512))
    assert time.monotonic() - start < 20


def test_a_bomb_of_too_many_pixels_is_not_lit(tmp_path):
    with pytest.raises(LimitReached, match="16020 x 16020 are 257 megapixels, more than 250"):
        deepisp.read(make.save(tmp_path, bomb(16020, np.uint16)))


def test_a_small_file_is_read_after_a_bomb(tmp_path):
    mosaic = make.noise(64, 96)
    for _ in range(2):
        with pytest.raises(LimitReached):
            deepisp.read(
                make.save(tmp_path, bomb(12000, np.float32), "b.dng"), limits=Limits(max_memory_mib=512)
            )
        np.testing.assert_array_equal(deepisp.read(make.save(tmp_path, make.dng(mosaic))).mosaic, mosaic)


def test_a_file_that_takes_too_long(tmp_path):
    data = bomb(14400, np.float32, strips=14400)
    deepisp.read(
        make.save(tmp_path, make.dng(make.noise(32, 32)))
    )  # the child is up; its start is not counted
    with pytest.raises(LimitReached, match=r"longer than 0.05 s"):
        deepisp.read(make.save(tmp_path, data), limits=Limits(timeout_s=0.05))


def test_a_million_strips(tmp_path):
    data = make.dng(make.noise(64, 96), tags={273: make.Tag(4, (8,) * 64, count=2**28), 278: long(1)})
    start = time.monotonic()
    with pytest.raises(RawError):
        deepisp.read(make.save(tmp_path, data))
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("code", [50712, 50714, 51008, 51041, 50829, 33422, 50721, 50728, 271, 330, 34665])
@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5, 7, 12])
def test_counts_beyond_the_file(tmp_path, code, kind):
    tag = make.Tag(kind, (1,) * 16, count=2**31)
    start = time.monotonic()
    with contextlib.suppress(RawError):
        raw = deepisp.read(make.save(tmp_path, make.dng(make.noise(64, 96), tags={code: tag})))
        assert np.isfinite(raw.black_level).all()
    assert time.monotonic() - start < 10
