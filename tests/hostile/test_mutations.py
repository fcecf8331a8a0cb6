"""Damaged copies of sound files, seeded: only the errors that `read` names may leave it, soon and silently.

As Pillow's fuzz test: what matters is which exceptions come out.
"""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import deepisp
from deepisp.sensor import cfa as cfa_cell
from tests.raw import make

EACH = 200
ALLOWED = (deepisp.RawError, OSError)
SLOWEST_S = 10


def flip_bits(data: bytearray, rng: np.random.Generator) -> None:
    for _ in range(rng.integers(1, 20)):
        data[_header_byte(data, rng)] ^= 1 << rng.integers(8)


def edit_an_entry(data: bytearray, rng: np.random.Generator) -> None:
    """Another tag, type, count or value in a directory."""
    entry = _entry(data, rng)
    at, size = [(0, 2), (2, 2), (4, 4), (8, 4)][rng.integers(4)]
    value = rng.choice([0, 1, 2, 255, 65535, 2**31, 2**32 - 1, int(rng.integers(2**32))])
    data[entry + at : entry + at + size] = int(value % 256**size).to_bytes(size, "little")


def swap_entries(data: bytearray, rng: np.random.Generator) -> None:
    one, two = _entry(data, rng), _entry(data, rng)
    data[one + 2 : one + 12], data[two + 2 : two + 12] = data[two + 2 : two + 12], data[one + 2 : one + 12]


def cut(data: bytearray, rng: np.random.Generator) -> None:
    del data[rng.integers(len(data)) :]


def zero_a_block(data: bytearray, rng: np.random.Generator) -> None:
    at = int(rng.integers(len(data)))
    data[at : at + 4096] = bytes(len(data[at : at + 4096]))


def noise_in_a_block(data: bytearray, rng: np.random.Generator) -> None:
    at = int(rng.integers(len(data)))
    data[at : at + 64] = rng.bytes(len(data[at : at + 64]))


def magic_number(data: bytearray, rng: np.random.Generator) -> None:
    at = _header_byte(data, rng)
    data[at : at + 4] = int(rng.choice([0, 1, 2**16, 2**31 - 1, 2**32 - 1])).to_bytes(4, "little")


MUTATIONS: tuple[Callable[[bytearray, np.random.Generator], None], ...] = (
    flip_bits, edit_an_entry, edit_an_entry, edit_an_entry, swap_entries, cut, zero_a_block, noise_in_a_block,
    magic_number,
)  # fmt: skip


def _directory(data: bytearray) -> tuple[int, int]:
    """Where the first directory lies, and how many entries it has; a mutant's may lie anywhere."""
    at = min(int.from_bytes(data[4:8], "little"), len(data) - 400)
    return at, min(int.from_bytes(data[at : at + 2], "little"), (len(data) - at) // 12 - 1)


def _entry(data: bytearray, rng: np.random.Generator) -> int:
    at, count = _directory(data)
    return at + 2 + 12 * int(rng.integers(max(count, 1)))


def _header_byte(data: bytearray, rng: np.random.Generator) -> int:
    """Somewhere in the directory or in the values before it."""
    at, count = _directory(data)
    return int(rng.integers(max(0, at - 400), min(len(data) - 4, at + 12 * count + 4)))


def survive(base: bytes, folder: Path, seed: int, count: int) -> list[str]:
    """What became of `count` mutants; asserts what must hold of each."""
    fates = []
    file = folder / "mutant.dng"
    for index in range(count):
        rng, data = np.random.default_rng((seed, index)), bytearray(base)
        for _ in range(rng.integers(1, 3)):
            mutate = MUTATIONS[rng.integers(len(MUTATIONS))]
            if len(data) > 1000:  # cuts may leave less
                mutate(data, rng)
        file.write_bytes(data)
        start, said = time.monotonic(), "read"
        try:
            raw = deepisp.read(file)
            assert raw.data.size
            assert np.isfinite(raw.data).all()
            assert np.isfinite(raw.black_level).all()
            assert (raw.white_level > raw.black_level).all()
            assert raw.as_shot_neutral is None or len(raw.as_shot_neutral) == len(raw.colors)
        except ALLOWED as error:
            said = f"{type(error).__name__}: {error}"
            assert "\n" not in said, f"seed {seed}, mutant {index}"
        assert time.monotonic() - start < SLOWEST_S, f"seed {seed}, mutant {index}: {said}"
        fates.append(said)
    return fates


MOSAIC = make.noise(96, 128)
EXIF = {0x8827: make.short(400), 0x829A: make.rational((1, 250)), 0x927C: make.blob(b"maker note" * 9)}
COLOR = {
    50721: make.signed(*np.eye(3).ravel()), 50728: make.rational(0.5, 1, 0.75), 50714: make.short(500),
    50717: make.long(4095), 50829: make.long(2, 3, 94, 126), 50719: make.rational(0, 0), 50720: make.rational(90, 90),
    51041: make.double(1e-4, 1e-6), 50712: make.short(*range(4096)),
}  # fmt: skip
GRAY = {262: make.short(1), 33421: None, 33422: None, 50706: None}
BASES = {
    "plain": lambda: make.dng(MOSAIC, tags=COLOR, exif=EXIF),
    "packed": lambda: make.dng(MOSAIC, tags=COLOR, bits=12, rows=16, exif=EXIF),
    "lossless": lambda: make.dng(
        MOSAIC, tags=COLOR, compression=make.LOSSLESS_JPEG, tile=(32, 48), exif=EXIF
    ),
    "xtrans": lambda: make.dng(MOSAIC, cfa=cfa_cell.XTRANS, compression=make.LOSSLESS_JPEG),
    "deflate float": lambda: make.dng((MOSAIC / 4095).astype(np.float32), compression=make.DEFLATE, rows=16),
    "jpeg xl": lambda: make.dng(
        np.stack([MOSAIC] * 3, -1), compression=make.JPEG_XL, tile=(48, 64), preview=True
    ),
    "lossy": lambda: make.dng(
        np.full((96, 128, 3), 99, np.uint8), compression=make.LOSSY_JPEG, tile=(48, 64)
    ),
    "gray": lambda: make.dng(MOSAIC, compression=make.DEFLATE, rows=10, shared=GRAY),
}


@pytest.mark.parametrize("name", BASES)
def test_mutants_of_synthetic_files(tmp_path, capfd, name):
    base = BASES[name]()
    deepisp.read(make.save(tmp_path, base, "sound.dng"))
    fates = survive(base, tmp_path, seed=list(BASES).index(name), count=EACH // 8)
    assert capfd.readouterr() == ("", "")
    assert any(fate == "read" for fate in fates)  # else the mutations are too rough to reach the decoders
    assert any(fate != "read" for fate in fates)


@pytest.mark.data
def test_mutants_of_a_real_file(data, tmp_path, capfd):
    file = data / "raw" / "canon-eos-kiss-x4-magiclantern-14bit-colorchecker-passport.dng"
    fates = survive(file.read_bytes(), tmp_path, seed=100, count=EACH)
    assert capfd.readouterr() == ("", "")
    assert any(fate == "read" for fate in fates)
    assert any(fate != "read" for fate in fates)


@pytest.mark.data
@pytest.mark.parametrize("pattern", ["*.crw", "*.kdc", "*.qtk"])
def test_mutants_of_makers_formats(data, tmp_path, pattern):
    file = sorted((data / "raw").glob(pattern))[0]
    base, rng = file.read_bytes(), np.random.default_rng(7)
    for index in range(25):
        mutant = bytearray(base)
        for _ in range(3):
            at = int(rng.integers(200 if index % 2 else len(mutant)))
            mutant[at : at + 4] = rng.bytes(4)
        if index % 5 == 0:
            del mutant[rng.integers(len(mutant)) :]
        (tmp_path / file.name).write_bytes(mutant)
        start = time.monotonic()
        with contextlib.suppress(*ALLOWED):
            raw = deepisp.read(tmp_path / file.name)
            assert (raw.white_level > raw.black_level).all()
        assert time.monotonic() - start < SLOWEST_S


@pytest.mark.data
@pytest.mark.parametrize("keep", [0.5, 0.9])
@pytest.mark.parametrize("pattern", ["*g2*.crw", "*.kdc", "*.qtk"])
def test_cut_files_of_makers_formats(data, tmp_path, pattern, keep):
    for file in (data / "raw").glob(pattern):
        whole = file.read_bytes()
        with pytest.raises(deepisp.RawError, match="copy it from the camera again"):
            deepisp.read(make.save(tmp_path, whole[: round(keep * len(whole))], file.name))
