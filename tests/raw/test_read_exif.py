"""EXIF comes along; whatever is wrong with it costs a warning, never the picture."""

import contextlib
import io
import math
import struct
import time
import tracemalloc

import exifread
import numpy as np
import pytest

import deepisp
from deepisp.raw import exif
from deepisp.raw.image import Exif, RawImage
from tests.raw import make
from tests.raw.make import Directory, blob, byte, double, long, noise, rational, short, signed, text

MOSAIC = noise(32, 48)
EXIF = {
    0x8827: short(400), 0x829A: rational((1, 250)), 0x829D: rational(2.8), 0x920A: rational(35),
    0xA434: text("Some lens 35 mm"), 0x9003: text("2026:01:02 03:04:05"), 0x9000: blob(b"0232"),
}  # fmt: skip
GPS = {1: text("N"), 2: rational(52, 30, 12.5), 3: text("E"), 4: rational(13, 24, 36)}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("preview", [False, True])
def test_exif_and_gps(read_dng, order, preview):
    raw = read_dng(MOSAIC, exif=EXIF, gps=GPS, order=order, preview=preview)
    found = raw.exif
    assert (found.iso, found.exposure_s, found.aperture, found.focal_length_mm) == (400, 1 / 250, 2.8, 35)
    assert (found.lens, found.taken) == ("Some lens 35 mm", "2026:01:02 03:04:05")
    assert found.tags["EXIF"][0x9000] == b"0232"
    assert found.tags["EXIF"][0x829A] == ((1, 250),)
    assert found.tags["GPS"][2] == ((52, 1), (30, 1), (25, 2))
    assert found.tags["GPS"][1] == "N"
    assert found.tags["Image"][271] == "Maker"
    assert not any(number >= 0xC000 for number in found.tags["Image"])  # DNG's own tags are no EXIF
    assert (raw.maker, raw.model, raw.unique_model, raw.warnings) == ("Maker", "Model 1", "Maker Model 1", ())


def test_an_iso_of_more_than_16_bits(read_dng):
    assert read_dng(MOSAIC, exif={0x8827: short(65535), 0x8832: long(102400)}).exif.iso == 102400


@pytest.mark.parametrize(
    "value",
    [
        rational((0, 0)),
        rational((1, 0)),
        rational((0, 1)),
        text("soon"),
        byte(),
        signed(-1),
        double(math.inf),
    ],
)
def test_an_exposure_that_is_none_is_unknown(read_dng, value):
    raw = read_dng(MOSAIC, exif={0x829A: value, 0x8827: short(100)})
    assert raw.exif.exposure_s is None
    np.testing.assert_array_equal(raw.mosaic, MOSAIC)


def test_no_exif_at_all(read_dng):
    raw = read_dng(MOSAIC)
    assert raw.exif.iso is None
    assert raw.warnings == ()


def test_what_libraw_knows_fills_in(tmp_path, monkeypatch):
    monkeypatch.setattr(exif, "_tags", lambda stream: {"EXIF": {0x829D: ((4, 1),)}})
    known = RawImage(mosaic=MOSAIC, cfa="RGGB", exif=Exif(iso=50.0, exposure_s=0.5, aperture=9.0, lens="L"))
    found = exif.attach(known, make.save(tmp_path, b"x")).exif
    assert (found.iso, found.exposure_s, found.aperture, found.lens) == (50, 0.5, 4, "L")


# Each of these has been seen to leave exifread 3.5 on damaged files.
ERRORS = [
    IndexError(), UnicodeDecodeError("utf-8", b"", 0, 1, ""), EOFError(), NotImplementedError(), struct.error(),
    TypeError(), RecursionError(), TimeoutError(), MemoryError(),
]  # fmt: skip


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_what_exifread_raises_is_a_warning(tmp_path, monkeypatch, error):
    def fail(*_args, **_options):
        raise error

    monkeypatch.setattr(exifread, "process_file", fail)
    raw = exif.attach(RawImage(mosaic=MOSAIC, cfa="RGGB", maker="M"), make.save(tmp_path, b"x"))
    assert raw.warnings == (f"EXIF not copied: {type(error).__name__}",)
    assert raw.maker == "M"
    assert raw.exif.tags == {"Image": {271: "M"}}


def test_an_endless_parse_is_stopped(tmp_path, monkeypatch):
    def forever(*_args, **_options):
        while True:
            time.sleep(0.01)

    monkeypatch.setattr(exifread, "process_file", forever)
    monkeypatch.setattr(exif, "_TIMEOUT_S", 0.1)
    raw = exif.attach(RawImage(mosaic=MOSAIC, cfa="RGGB"), make.save(tmp_path, b"x"))
    assert raw.warnings == ("EXIF not copied: TimeoutError",)


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5, 7, 10, 12])
@pytest.mark.parametrize("count", [2**20, 2**24, 2**30])
@pytest.mark.parametrize("number", [0x927C, 0x9286, 0x829A])  # maker note, user comment, exposure time
def test_a_huge_count_costs_no_time(tmp_path, kind, count, number):
    huge = make.Tag(kind, tuple([1] * 24), count=count)
    file = make.save(tmp_path, make.dng(MOSAIC, exif=EXIF | {number: huge}))
    start = time.monotonic()
    raw = deepisp.read(file)
    np.testing.assert_array_equal(raw.mosaic, MOSAIC)
    assert "EXIF not copied: TimeoutError" not in raw.warnings
    assert time.monotonic() - start < 6  # exifread's own limit is 5 s here; most take milliseconds


def test_a_huge_count_costs_no_memory(tmp_path):
    file = make.save(tmp_path, b"few bytes")
    tracemalloc.start()
    with exif._Bounded(io.FileIO(file)) as stream:
        assert stream.read(2**28) == b"few bytes"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**25


def test_directories_in_a_loop(tmp_path):
    data = bytearray(make.dng(MOSAIC, exif=EXIF))
    first = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[first : first + 2], "little")
    at = first + 2 + 12 * count
    data[at : at + 4] = first.to_bytes(4, "little")  # the next directory is this one
    np.testing.assert_array_equal(deepisp.read(make.save(tmp_path, bytes(data))).mosaic, MOSAIC)


def test_an_exif_directory_that_points_at_the_first(tmp_path):
    data = bytearray(make.dng(MOSAIC, exif=EXIF))
    first = int.from_bytes(data[4:8], "little")
    at = data.index(struct.pack("<HHI", 34665, 4, 1)) + 8
    data[at : at + 4] = first.to_bytes(4, "little")
    np.testing.assert_array_equal(deepisp.read(make.save(tmp_path, bytes(data))).mosaic, MOSAIC)


def test_65535_entries(tmp_path):
    whole = {number: short(1) for number in range(65535) if number not in (330, 34665, 34853)}
    raw = make.picture(MOSAIC)
    raw.tags = whole | raw.tags | make.pattern("RGGB") | {50706: byte(1, 4, 0, 0)}
    for number in (
        50712,
        50713,
        50714,
        50829,
        51008,
        51009,
        51022,
        322,
        323,
        324,
        325,
        339,
        317,
        266,
        50711,
        50710,
    ):
        raw.tags.pop(number, None)
    start = time.monotonic()
    with contextlib.suppress(deepisp.RawError):
        deepisp.read(make.save(tmp_path, make.tiff(Directory(raw.tags, raw.segments))))
    assert time.monotonic() - start < 10


def test_a_camera_that_another_header_names_gets_into_the_exif(tmp_path):
    """CRW, RAF and layouts name the camera outside EXIF; pictures carry EXIF alone."""
    file = make.save(tmp_path, b"x")
    named = exif.attach(RawImage(mosaic=MOSAIC, cfa="RGGB", maker="Canon", model="G2"), file)
    assert named.exif.tags == {"Image": {271: "Canon", 272: "G2"}}
    assert exif.attach(RawImage(mosaic=MOSAIC, cfa="RGGB"), file).exif.tags == {}
    own = make.save(tmp_path, make.dng(MOSAIC))
    kept = exif.attach(RawImage(mosaic=MOSAIC, cfa="RGGB", maker="Other", model="Else"), own)
    assert (kept.exif.tags["Image"][271], kept.exif.tags["Image"][272]) == ("Maker", "Model 1")


@pytest.mark.data
def test_a_crws_camera_is_in_its_exif(data):
    file = data / "raw" / "canon-powershot-g2-iso50-colorchecker-full.crw"
    tags = deepisp.read(file).exif.tags["Image"]
    assert (tags[271], tags[272]) == ("Canon", "Canon PowerShot G2")
