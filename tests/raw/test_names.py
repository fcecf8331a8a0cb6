"""Maker and model of files made by hand after the formats' descriptions, and of hostile ones."""

import struct

import pytest

from deepisp.raw import names
from tests.raw import make


def heap(*records):
    """A CIFF heap: the data, the directory, the directory's offset (CIFF 1.0, chapter 3)."""
    data = b"".join(payload for _, payload in records)
    entries, at = b"", 0
    for kind, payload in records:
        entries += struct.pack("<HII", kind, len(payload), at)
        at += len(payload)
    return data + struct.pack("<H", len(records)) + entries + struct.pack("<I", len(data))


def crw(start=26):
    inner = heap((0x080A, b"Canon\0Canon PowerShot G2\0"))
    whole = heap((0x2005, b"pixels"), (0x300A, heap((0x1810, b"x" * 28), (0x2807, inner))))
    return struct.pack("<2sI8s12s", b"II", 26, b"HEAPCCDR", b"").ljust(start, b"\0") + whole


def test_canon(tmp_path):
    assert names.find(make.save(tmp_path, crw())) == ("Canon", "Canon PowerShot G2")


def test_every_cut_and_every_flipped_byte_of_a_canon_is_survived(tmp_path):
    sound = crw()
    for at in range(14, len(sound)):
        flipped = bytearray(sound)
        flipped[at] ^= 0xFF
        for data in (sound[:at], bytes(flipped)):
            found = names.find(make.save(tmp_path, data))
            assert all(isinstance(name, str) and len(name) <= 256 for name in found)


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"qktk", ("Apple", "QuickTake 100")),
        (b"qktn", ("Apple", "QuickTake 150")),
        (b"FUJIFILMCCD-RAW 0201FF383501X-T1".ljust(60, b"\0"), ("FUJIFILM", "X-T1")),
        (b"something else", ("", "")),
        (b"", ("", "")),
    ],
)
def test_other_heads(tmp_path, head, found):
    assert names.find(make.save(tmp_path, head)) == found
