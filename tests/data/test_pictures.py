"""Pictures in: all the depths and layouts that people have, and what is none."""

import io
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from deepisp.cli.demo import simulate
from deepisp.data import pictures
from deepisp.picture.dng import write_dng

EIGHT = np.random.default_rng(1).integers(0, 256, (7, 9, 3), np.uint8)
SIXTEEN = np.random.default_rng(2).integers(0, 65536, (7, 9, 3), np.uint16)


def test_eight_bits_are_read_as_they_are(tmp_path):
    for name in ("a.png", "a.tif", "a.bmp"):
        Image.fromarray(EIGHT).save(tmp_path / name)
        assert np.array_equal(pictures.load(tmp_path / name), EIGHT)


def test_sixteen_bits_are_kept(tmp_path):
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(SIXTEEN))
    tifffile.imwrite(tmp_path / "a.tif", SIXTEEN, photometric="rgb")
    for name in ("a.png", "a.tif"):
        found = pictures.load(tmp_path / name)
        assert found.dtype == np.uint16
        assert np.array_equal(found, SIXTEEN)


def test_gray_is_repeated_and_alpha_left_out(tmp_path):
    Image.fromarray(EIGHT[..., 0]).save(tmp_path / "gray.png")
    assert np.array_equal(pictures.load(tmp_path / "gray.png"), EIGHT[..., :1].repeat(3, 2))
    (tmp_path / "deep.png").write_bytes(imagecodecs.png_encode(SIXTEEN[..., 0].copy()))
    assert np.array_equal(pictures.load(tmp_path / "deep.png"), SIXTEEN[..., :1].repeat(3, 2))
    alpha = np.concatenate([SIXTEEN, np.full((7, 9, 1), 65535, np.uint16)], 2)
    (tmp_path / "alpha.png").write_bytes(imagecodecs.png_encode(alpha))
    assert np.array_equal(pictures.load(tmp_path / "alpha.png"), SIXTEEN)


def test_a_turned_picture_is_upright(tmp_path):
    exif = Image.Exif()
    exif[274] = 6  # the camera was turned: row 0 is the right side
    Image.fromarray(EIGHT).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(pictures.load(tmp_path / "a.png"), np.rot90(EIGHT, -1))


def _png(width, height, bits):
    """A PNG whose pixels are missing."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b""))


def test_what_is_no_picture_is_said(tmp_path):
    whole = io.BytesIO()
    Image.fromarray(EIGHT).save(whole, "PNG")
    damaged = {
        "text.png": b"no picture", "empty.jpg": b"", "cut.png": whole.getvalue()[:60],
        "deep.png": imagecodecs.png_encode(SIXTEEN)[:80], "half.tif": b"II*\0\x08\0\0\0",
    }  # fmt: skip
    tifffile.imwrite(tmp_path / "real.tif", EIGHT.astype(np.float32), photometric="rgb")
    for name, data in damaged.items():
        (tmp_path / name).write_bytes(data)
    for name in [*damaged, "real.tif"]:
        with pytest.raises(ValueError, match="convert it to PNG, JPEG or TIFF"):
            pictures.load(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        pictures.load(tmp_path / "absent.png")


@pytest.mark.parametrize(
    ("width", "bits", "millions"),
    [(17896, 8, 179), (100_001, 16, 1000)],  # Pillow's 2 * MAX_IMAGE_PIXELS = 178 956 970; ours
)
def test_what_is_too_large_says_the_limit(tmp_path, width, bits, millions):
    (tmp_path / "a.png").write_bytes(_png(width, 10_000, bits))
    with pytest.raises(
        ValueError, match=f"^a picture of more than {millions} million pixels; make it smaller"
    ):
        pictures.load(tmp_path / "a.png")


def test_a_large_tiff_of_16_bits_is_not_decoded(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", SIXTEEN, photometric="rgb")
    monkeypatch.setattr(pictures, "_LARGEST_DEEP", 62)  # it has 63
    with pytest.raises(ValueError, match="make it smaller"):
        pictures.load(tmp_path / "a.tif")


def test_a_raw_file_is_no_picture_though_it_is_a_tiff_or_pillow_reads_it(tmp_path):
    raw = simulate(np.full((32, 256, 3), 128, np.uint8), seed=1)
    write_dng(raw, tmp_path / "a.dng")
    (tmp_path / "b.tif").write_bytes((tmp_path / "a.dng").read_bytes())
    card = "{:<80}".format
    header = ("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 4", "NAXIS2  = 4", "END")
    (tmp_path / "c.fits").write_bytes("".join(map(card, header)).ljust(2880).encode() + bytes(2880))
    for name in ("a.dng", "b.tif", "c.fits"):
        with pytest.raises(
            ValueError, match=r"^a raw file, no picture; deepisp develop makes a picture of it$"
        ):
            pictures.load(tmp_path / name)
