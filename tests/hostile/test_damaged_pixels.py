"""Missing and overwritten pixel data: an error, and never the picture before."""

import numpy as np
import pytest

import deepisp
from deepisp import DamagedFile, LimitReached
from deepisp.raw import decoder
from tests.raw import make
from tests.raw.make import DEFLATE, JPEG_XL, LOSSLESS_JPEG, NONE, byte, long, noise, short, text

A = noise(128, 192, seed=1)
B = noise(128, 192, seed=2)
TILES = {"tile": (32, 48), "compression": LOSSLESS_JPEG}


def parts(values=B, **how):
    """The directory of a DNG, to be changed before it is written."""
    part = make.picture(values, **how)
    part.tags |= make.pattern("RGGB") | {50706: byte(1, 4, 0, 0), 50708: text("a")}
    return part


def bounds(data):
    """Offset and size of each segment, read back from the file by hand."""
    at = int.from_bytes(data[4:8], "little")
    found = {}
    for i in range(int.from_bytes(data[at : at + 2], "little")):
        entry = at + 2 + 12 * i
        code, _, count, value = np.frombuffer(data[entry : entry + 12], "<u2,<u2,<u4,<u4")[0].tolist()
        if code in (273, 279, 324, 325):
            found[code] = [value] if count == 1 else np.frombuffer(data, "<u4", count, value).tolist()
    return list(zip(found.get(324) or found[273], found.get(325) or found[279], strict=True))


def stub(data):
    """Only the header: the pixels are gone, and the table says that there never were any."""
    part = parts(tile=(128, 192), compression=LOSSLESS_JPEG)
    part.segments = [b"\xff\xd8\xff\xd9"]
    return make.tiff(part)


def two_bytes(data):
    offset, _ = bounds(data)[5]
    return data[:offset] + b"\0\0" + data[offset + 2 :]


def a_sector(data):
    offset, _ = bounds(data)[5]
    return data[:offset] + b"\0" * 4096 + data[offset + 4096 :]


def zero_filled_half(data):
    whole = directory_first(B, TILES)
    return whole[: bounds(whole)[8][0]].ljust(len(whole), b"\0")


def cut_at_a_tile(data):
    """Directory first, as cameras write; the file ends exactly where the ninth tile would begin."""
    whole = directory_first(B, TILES)
    return whole[: bounds(whole)[8][0]]


def not_listed(data):
    part = parts(**TILES)
    part.segments = part.segments[:8]
    return make.tiff(part)


DAMAGES = [stub, two_bytes, a_sector, zero_filled_half, cut_at_a_tile, not_listed]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_never_the_previous_image(tmp_path, damage):
    first = make.save(tmp_path, make.dng(A, **TILES), "a.dng")
    sound = make.tiff(parts(**TILES))
    bad = make.save(tmp_path, damage(sound), "b.dng")
    for _ in range(3):  # the child is the same each time
        np.testing.assert_array_equal(deepisp.read(first).mosaic, A)
        with pytest.raises(DamagedFile):
            deepisp.read(bad)


@pytest.mark.parametrize("how", [{"compression": NONE}, {"compression": LOSSLESS_JPEG}, {"compression": DEFLATE},
                                 {"compression": JPEG_XL}, TILES], ids=str)  # fmt: skip
@pytest.mark.parametrize("values", [B, np.stack([B] * 3, -1)], ids=["mosaic", "linear"])
def test_truncated(tmp_path, how, values):
    whole = directory_first(values, how)
    np.testing.assert_array_equal(deepisp.read(make.save(tmp_path, whole)).data, values)
    for keep in (0.1, 0.5, 0.9, 0.999):
        with pytest.raises(DamagedFile):
            deepisp.read(make.save(tmp_path, whole[: round(keep * len(whole))]))


def directory_first(values, how):
    part = make.picture(values, **how)
    part.tags |= (make.pattern("RGGB") if values.ndim == 2 else {}) | {
        50706: byte(1, 4, 0, 0),
        50708: text("a"),
    }
    segments, part.segments = part.segments, []
    names, head = ((324, 325) if "tile" in how else (273, 279)), b""
    for _ in range(2):
        offsets = np.cumsum([len(head)] + [len(s) for s in segments])[:-1].tolist()
        part.tags |= {names[0]: long(*offsets), names[1]: long(*map(len, segments))}
        head = make.tiff(part)
    return head + b"".join(segments)


def test_a_picture_full_of_the_fill_byte_is_still_a_picture(tmp_path):
    values = np.full((64, 96), 0xA5A5, np.uint16)
    for how in ({}, TILES):
        np.testing.assert_array_equal(
            deepisp.read(make.save(tmp_path, make.dng(values, **how))).mosaic, values
        )


def test_tiles_are_looked_at_before_they_are_decoded(tmp_path):
    with pytest.raises(DamagedFile, match="a tile does not begin as lossless JPEG does"):
        deepisp.read(make.save(tmp_path, two_bytes(make.tiff(parts(**TILES)))))


def test_unwritten_memory_is_seen_where_the_decoder_reports_success(tmp_path):
    # A tile that begins as lossless JPEG does and then ends: LibRaw stops there and says that all is well.
    part = parts(**TILES)
    part.segments[5] = b"\xff\xd8\xff\xd9".ljust(len(part.segments[5]), b"\0")
    deepisp.read(make.save(tmp_path, make.dng(A, **TILES), "a.dng"))
    with pytest.raises(DamagedFile, match=r"\d+% of its pixels are missing"):
        deepisp.read(make.save(tmp_path, make.tiff(part)))
    assert decoder.UNWRITTEN == (decoder.PERTURB ^ 0xFF) * 0x101


def test_uncompressed_strips_too_short_for_their_rows(tmp_path):
    part = parts(rows=16)
    part.segments[3] = part.segments[3][:100]
    part.segments[4] += b"\1" * len(part.segments[0])  # the sum is enough
    with pytest.raises(DamagedFile):
        deepisp.read(make.save(tmp_path, make.tiff(part)))


@pytest.mark.parametrize("how", [{}, {"rows": 16}, {"tile": (64, 48)}, {"tile": (64, 256)}], ids=str)
@pytest.mark.parametrize("values", [B, np.stack([B, A, B], -1)], ids=["mosaic", "linear"])
def test_a_tail_of_zeros_though_black_is_zero(tmp_path, how, values):
    whole = directory_first(values, how)
    assert deepisp.read(make.save(tmp_path, whole)).warnings == ()
    begin = bounds(whole)[0][0]
    for share in (0.3, 0.61, 0.9):
        there = begin + round(share * (len(whole) - begin))
        with pytest.raises(DamagedFile, match=r"the last \d+% of its pixels are missing"):
            deepisp.read(make.save(tmp_path, whole[:there].ljust(len(whole), b"\0")))


NOTHING = [
    b"", b"\0" * 5000, b"hello, this is no raw file\n" * 9, bytes(range(256)) * 20,
    np.random.default_rng(1).bytes(5000), b"II*\0", b"MM\0*\0\0\0\x08", b"II*\0\xff\xff\xff\xff",
]  # fmt: skip
HEADS = [
    b"II*\0\x08\0\0\0", b"IIRO", b"IIU\0", b"II\x1a\0\0\0HEAPCCDR", b"FUJIFILMCCD-RAW ", b"\0MRM", b"FOVb",
    b"\0\0\0\x18ftypcrx ", b"qktk", b"qktn", b"PWAD", b"ARRI", b"NOKIARAW", b"SIMPLE  =",
]  # fmt: skip


@pytest.mark.parametrize("data", NOTHING)
@pytest.mark.parametrize("suffix", ["dng", "nef", "cr2", "crw", "fit", "raf", "txt"])
def test_nothing_and_noise(tmp_path, data, suffix):
    with pytest.raises(deepisp.RawError):
        deepisp.read(make.save(tmp_path, data, f"a.{suffix}"))


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("tail", [b"", b"\0" * 3000, NOTHING[4]], ids=["cut", "zeros", "noise"])
def test_heads_without_a_body(tmp_path, head, tail):
    with pytest.raises(deepisp.RawError):
        deepisp.read(make.save(tmp_path, head + tail, "a.raw"))


@pytest.mark.parametrize("name", ["a.jpg", "a.txt", "a", "a.NEF", "a.fit"])
def test_a_wrong_name_changes_nothing(tmp_path, name):
    np.testing.assert_array_equal(deepisp.read(make.save(tmp_path, make.dng(A), name)).mosaic, A)


@pytest.mark.parametrize(
    ("height", "width"), [(20000, 40000), (1, 2**31), (2**32 - 1, 2**32 - 1), (100000, 100000)]
)
@pytest.mark.parametrize("compression", [NONE, LOSSLESS_JPEG, DEFLATE])
def test_giant_dimensions_are_refused_before_anything_is_allocated(tmp_path, height, width, compression):
    file = make.save(
        tmp_path, make.dng(B, compression=compression, tags={256: long(width), 257: long(height)})
    )
    with pytest.raises(LimitReached, match=r"megapixels, more than 250 .*--max-megapixels"):
        deepisp.read(file)


@pytest.mark.parametrize(("height", "width"), [(0, 96), (64, 0), (10000, 20000), (129, 192)])
@pytest.mark.parametrize("compression", [NONE, LOSSLESS_JPEG, DEFLATE])
def test_dimensions_beyond_the_data(tmp_path, height, width, compression):
    tags = {256: long(width), 257: long(height), 278: long(16)}
    with pytest.raises(DamagedFile):
        deepisp.read(make.save(tmp_path, make.dng(B, compression=compression, rows=16, tags=tags)))


@pytest.mark.parametrize("bits", [0, 1, 7, 33, 65535])
def test_bits_that_no_sensor_has(tmp_path, bits):
    with pytest.raises(deepisp.RawError):
        deepisp.read(make.save(tmp_path, make.dng(B, tags={258: short(bits)})))


def test_the_same_values_whatever_memory_held(tmp_path):
    from deepisp.raw.decoder import Decoder
    from deepisp.raw.limits import Limits

    file = make.save(tmp_path, make.dng(A, **TILES))
    request = {"path": str(file), "limits": Limits().model_dump(), "layout": None, "thumbnail": False}
    for fill in (0, 90, 165):
        child = Decoder(perturb=fill)
        try:
            np.testing.assert_array_equal(child.decode(file, request, Limits()).mosaic, A)
        finally:
            child.close()
