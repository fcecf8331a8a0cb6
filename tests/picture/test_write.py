"""Pictures written and read back by others: Pillow, imagecodecs (libpng, libtiff, libjxl), tifffile, exifread."""

import io
import os
import subprocess
import sys

import exifread
import imagecodecs
import numpy as np
import pillow_jxl  # noqa: F401  # teaches Pillow to open JPEG XL
import pytest
import tifffile
from PIL import Image

from deepisp import spaces
from deepisp.picture import encode, formats, origin
from deepisp.picture.errors import MissingExtra
from deepisp.picture.profile import icc_profile
from deepisp.picture.write import write
from deepisp.raw.image import Exif

KINDS = [
    (suffix, bits)
    for suffix, known in formats.FORMATS.items()
    for bits in known.bits
    if suffix not in ("jpeg", "tiff")
]
LOSSLESS = {("png", 8), ("png", 16), ("tif", 8), ("tif", 16), ("tif", 32), ("jxl", 16)}
DECODERS = {
    "png": imagecodecs.png_decode,
    "tif": imagecodecs.tiff_decode,  # libtiff, not tifffile
    "jxl": imagecodecs.jpegxl_decode,
}


def opened(path):
    """By Pillow, from memory: no file stays open."""
    return Image.open(io.BytesIO(path.read_bytes()))


def as_bits(scene, bits):
    return scene if bits == 32 else np.round(scene * (2**bits - 1)).astype(f"uint{bits}")


def pixels_of(path):
    decode = DECODERS.get(path.suffix[1:])
    return decode(path.read_bytes()) if decode else np.asarray(opened(path))


def profile_of(path):
    if path.suffix == ".tif":  # Pillow cannot open three floating-point channels
        with tifffile.TiffFile(path) as file:
            tag = file.pages[0].tags.get(34675)
            return tag and tag.value
    return opened(path).info.get("icc_profile")


def psnr(seen, asked):
    return 10 * np.log10(1 / np.mean((seen / 255 - asked / 255) ** 2))


@pytest.mark.parametrize("gray", [False, True], ids=["color", "gray"])
@pytest.mark.parametrize(("suffix", "bits"), KINDS)
def test_pixels_come_back(tmp_path, scene, suffix, bits, gray):
    pixels, path = as_bits(scene[..., 1] if gray else scene, bits), tmp_path / f"a.{suffix}"
    assert write(pixels, path, space="srgb", quality=95) == []
    seen = pixels_of(path)
    if gray and seen.ndim == 3:  # WebP and AVIF: three channels
        assert np.ptp(seen.astype(int), axis=2).max() <= 1
        seen = seen[..., 1]
    if (suffix, bits) in LOSSLESS:
        assert seen.dtype == pixels.dtype
        assert np.array_equal(seen, pixels)
    else:
        assert seen.shape == pixels.shape
        assert psnr(seen, pixels) > 36  # a shift of the picture by one pixel gives 26


@pytest.mark.parametrize("space", [*spaces.SPACES, "camera"])
@pytest.mark.parametrize(("suffix", "bits"), [kind for kind in KINDS if kind[0] != "jxl"])
def test_every_space_is_embedded_as_its_profile(tmp_path, scene, suffix, bits, space):
    pixels = as_bits(scene[:16, :16], bits)
    write(pixels, tmp_path / f"a.{suffix}", space=space)
    assert profile_of(tmp_path / f"a.{suffix}") == icc_profile(space)
    write(pixels[..., 0], tmp_path / f"g.{suffix}", space=space)
    is_gray = suffix not in ("webp", "avif")  # those two store gray as three channels
    assert profile_of(tmp_path / f"g.{suffix}") == icc_profile(space, gray=is_gray)


@pytest.mark.parametrize(("suffix", "bits"), KINDS)
def test_exif_comes_back(tmp_path, scene, exif, digest, suffix, bits):
    path = tmp_path / f"a.{suffix}"
    assert write(as_bits(scene, bits), path, space="srgb", exif=exif, digest=digest) == []
    tags = exif_of(path)
    assert str(tags["Image Make"]) == "GoPro"
    assert str(tags["Image ImageDescription"]) == "Château, Œuvre"
    assert str(tags.get("Image Orientation", "Horizontal (normal)")) == "Horizontal (normal)"
    assert str(tags["EXIF ExposureTime"]) == "1/480"
    assert str(tags["EXIF ExposureBiasValue"]) == "-1/3"
    assert str(tags["EXIF LensModel"]) == "Lens Ü"
    assert str(tags["GPS GPSLatitude"]) == "[48, 8, 617/50]"
    assert tags["EXIF ExifImageWidth"].values == [93]
    assert tags["EXIF ExifImageLength"].values == [67]
    assert origin.of(path).settings == digest
    write(as_bits(scene, bits), path, space="srgb", exif=exif, strip_gps=True)
    assert not [name for name in exif_of(path) if name.startswith("GPS")]
    assert origin.of(path).settings == ""


def exif_of(path):
    if path.suffix == ".webp":  # exifread 3.5.1 finds no EXIF behind WebP's pixels; Pillow hands it over
        block = opened(path).info["exif"].removeprefix(b"Exif\0\0")
        return exifread.process_file(io.BytesIO(block), details=False)
    with path.open("rb") as file:
        return exifread.process_file(file, details=False)


def test_pillow_sees_the_exif_of_tiff_too(tmp_path, scene, exif):
    write(as_bits(scene, 16), tmp_path / "a.tif", space="p3", exif=exif)
    seen = opened(tmp_path / "a.tif").getexif()
    assert seen[271] == "GoPro"
    assert seen.get_ifd(0x8769)[33434] == 1 / 480
    assert seen.get_ifd(0x8825)[2] == (48.0, 8.0, 12.34)


def test_digest_is_found_in_a_large_file(tmp_path, digest):
    """Larger than the ends that are searched, and incompressible."""
    pixels = np.random.default_rng(3).integers(0, 256, (700, 700, 3), np.uint8)
    for suffix in ("jpg", "png", "tif", "webp", "avif", "jxl"):
        path = tmp_path / f"a.{suffix}"
        write(pixels, path, space="srgb", quality=100, digest=digest)
        assert path.stat().st_size > 2**19 + 1
        assert origin.of(path).settings == digest


@pytest.mark.parametrize(("quality", "expected"), [(92, (1, 1)), (90, (1, 1)), (89, (2, 2))])
def test_jpeg_halves_chroma_below_quality_90(tmp_path, scene, quality, expected):
    write(as_bits(scene, 8), tmp_path / "a.jpg", space="srgb", quality=quality)
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.layer[0][1:3] == expected


def test_quality_is_obeyed(tmp_path, scene):
    for suffix in ("jpg", "webp", "avif", "jxl"):
        sizes = []
        for quality in (30, 60, 95):
            write(as_bits(scene, 8), tmp_path / f"a.{suffix}", space="srgb", quality=quality)
            sizes.append((tmp_path / f"a.{suffix}").stat().st_size)
        assert sizes[0] < sizes[1] < sizes[2], suffix


def test_jpeg_xl_of_quality_100_is_exact(tmp_path, scene):
    write(as_bits(scene, 8), tmp_path / "a.jxl", space="srgb", quality=100)
    assert np.array_equal(np.asarray(opened(tmp_path / "a.jxl")), as_bits(scene, 8))


@pytest.mark.parametrize(("suffix", "bits"), KINDS)
def test_same_picture_gives_same_bytes(tmp_path, scene, exif, suffix, bits):
    for name in "ab":
        write(as_bits(scene, bits), tmp_path / f"{name}.{suffix}", space="srgb", exif=exif)
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


@pytest.mark.parametrize(("suffix", "bits"), KINDS)
def test_pixels_need_not_be_contiguous(tmp_path, scene, suffix, bits):
    turned = np.rot90(as_bits(scene, bits))[::-1]
    assert not turned.flags.c_contiguous
    for name, pixels in (("a", turned), ("b", np.ascontiguousarray(turned))):
        write(pixels, tmp_path / f"{name}.{suffix}", space="srgb")
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


@pytest.mark.parametrize("error", [RuntimeError("codec"), MemoryError(), KeyboardInterrupt()])
def test_a_failing_encoder_leaves_the_old_file_and_nothing_else(tmp_path, scene, monkeypatch, error):
    (tmp_path / "a.png").write_bytes(b"old")

    def fail(_picture):
        raise error

    monkeypatch.setitem(encode.ENCODERS, formats.PNG, fail)
    with pytest.raises(type(error)):
        write(as_bits(scene, 8), tmp_path / "a.png", space="srgb")
    assert os.listdir(tmp_path) == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"old"


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (np.zeros((4, 4, 3), np.float64), "convert them first"),
        (np.zeros((4, 4, 4), np.uint8), r"got \(4, 4, 4\) of uint8"),
        (np.zeros((4,), np.uint8), "convert them first"),
        (np.zeros((0, 4, 3), np.uint8), "pixels a side"),
        (np.zeros((4, 4, 3), np.uint16), "use PNG, TIFF or JPEG XL for 16 bits"),
    ],
)
def test_what_is_no_picture_is_refused_in_words(tmp_path, pixels, words):
    with pytest.raises(ValueError, match=words):
        write(pixels, tmp_path / "a.jpg", space="srgb")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("quality", [0, 101])
def test_quality_has_bounds(tmp_path, scene, quality):
    with pytest.raises(ValueError, match="quality goes from 1 to 100"):
        write(as_bits(scene, 8), tmp_path / "a.jpg", space="srgb", quality=quality)


def test_a_codec_that_is_not_there_is_said_with_a_remedy(tmp_path, scene, monkeypatch):
    monkeypatch.setattr(imagecodecs.JPEGXL, "available", False)
    with pytest.raises(MissingExtra, match=r"writes no JPEG XL \(pip install"):
        write(as_bits(scene, 8), tmp_path / "a.jxl", space="srgb")
    monkeypatch.setattr("PIL.features.check", lambda name: name != "avif")
    with pytest.raises(MissingExtra, match=r"writes no AVIF \(install"):
        write(as_bits(scene, 8), tmp_path / "a.avif", space="srgb")


def test_codecs_are_loaded_only_for_the_format_that_needs_them(tmp_path):
    code = (
        "import sys, pathlib, numpy as np\nfrom deepisp.picture.write import write\n"
        "from deepisp.picture import dng, safety\n"
        "heavy = {'PIL', 'tifffile', 'imagecodecs', 'torch'}\nassert not heavy & set(sys.modules)\n"
        "write(np.zeros((8, 8, 3), np.uint8), pathlib.Path(sys.argv[1]), space='srgb')\n"
        "assert heavy & set(sys.modules) == {'PIL'}\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.jpg")], check=True)


@pytest.mark.parametrize(
    "broken", [{282: ((0, 0),)}, {282: ((72, 0),)}, {283: ((0, 1),)}, {296: (9,)}, {283: None}]
)
@pytest.mark.parametrize(("suffix", "bits"), KINDS)
def test_a_broken_resolution_is_left_out(tmp_path, scene, suffix, bits, broken):
    tags = {282: ((72, 1),), 283: ((72, 1),), 296: (2,)} | broken
    tags = {tag: value for tag, value in tags.items() if value is not None}
    write(as_bits(scene, bits), tmp_path / f"a.{suffix}", space="srgb", exif=Exif(tags={"Image": tags}))
    seen = exif_of(tmp_path / f"a.{suffix}")
    assert str(seen.get("Image XResolution")) == ("300" if suffix == "tif" else "None")  # TIFF demands one


def test_a_tiff_past_its_offsets_is_refused(tmp_path, scene, monkeypatch):
    monkeypatch.setattr(encode, "_LARGEST_TIFF", scene.nbytes - 1)
    with pytest.raises(ValueError, match=r"a TIFF holds 4 GB, .*use --bits 16 or --size"):
        write(scene, tmp_path / "a.tif", space="srgb")
