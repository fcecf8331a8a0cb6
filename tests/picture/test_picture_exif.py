"""EXIF of pictures, read back by Pillow, which is not who wrote it."""

import io
import struct
from pathlib import Path

import exifread
import pytest
from PIL import Image

import deepisp
from deepisp.picture import exif as picture_exif
from deepisp.picture import ifd, origin
from deepisp.picture.exif import block, directories, software
from deepisp.raw.image import Exif

HOW = {"height": 300, "width": 400, "space": "srgb"}


def read_back(found: picture_exif.Directories) -> tuple[dict, dict, dict]:
    seen = Image.Exif()
    seen.load(b"Exif\0\0" + block(found))
    return dict(seen), dict(seen.get_ifd(0x8769)), dict(seen.get_ifd(0x8825))


def test_what_holds_for_the_picture_is_copied_and_what_does_not_is_put_right(exif, digest):
    image, photo, gps = read_back(directories(exif, **HOW, digest=digest))
    assert {tag: image[tag] for tag in image if tag not in (0x8769, 0x8825)} == {
        270: "Château, Œuvre".encode().decode("latin-1"),      # Pillow reads UTF-8 as Latin-1
        271: "GoPro", 272: "HERO6 Black", 274: 1, 282: 72.0, 283: 72.0, 296: 2,
        305: f"deepisp {deepisp.__version__} settings={digest}", 306: "2019:01:02 03:04:05", 33432: "(c) Ann",
    }  # fmt: skip
    assert photo.pop(42034)[:2] == (3.0, 3.0)
    assert photo.pop(42036).encode("latin-1").decode() == "Lens Ü"
    assert photo == {
        33434: 1 / 480, 33437: 2.8, 34855: 100, 36864: b"0230", 36867: "2019:01:02 03:04:05", 37380: -1 / 3, 37386: 3.0,
        37510: b"ASCII\0\0\0hello", 40961: 1, 40962: 400, 40963: 300,
    }  # fmt: skip
    assert gps == {
        0: b"\2\3\0\0", 1: "N", 2: (48.0, 8.0, 12.34), 3: "E", 4: (11.0, 34.0, 0.0), 5: b"\0", 6: 500.0,
    }  # fmt: skip


def test_text_is_utf8_and_an_unknown_lens_stays_zero_by_zero(exif):
    seen = exifread.process_file(
        io.BytesIO(b"\xff\xd8\xff\xe1" + _segment(directories(exif, **HOW))), details=False
    )
    assert seen["Image ImageDescription"].values == "Château, Œuvre"
    assert [(one.num, one.den) for one in seen["EXIF LensSpecification"].values] == [
        (3, 1),
        (3, 1),
        (0, 0),
        (0, 0),
    ]
    assert "EXIF MakerNote" not in seen


def _segment(found):
    data = b"Exif\0\0" + block(found)
    return struct.pack(">H", len(data) + 2) + data + b"\xff\xd9"


def test_signed_rationals_are_signed_even_where_positive(exif):
    found = directories(Exif(tags={"EXIF": {37380: ((1, 3),)}}), **HOW)
    assert found.exif[37380] == ifd.Field(ifd.SRATIONAL, struct.pack("<ii", 1, 3))


def test_gps_is_stripped_on_request(exif):
    image, _, gps = read_back(directories(exif, **HOW, strip_gps=True))
    assert gps == {}
    assert 0x8825 not in image
    assert b"\x22\x14" not in block(
        directories(exif, **HOW, strip_gps=True)
    )  # 48 deg: no trace of 12.34's 1234


@pytest.mark.parametrize(
    ("space", "expected"), [("srgb", 1), ("p3", 0xFFFF), ("linear-srgb", 0xFFFF), ("camera", 0xFFFF)]
)
def test_color_space_is_that_of_the_picture(exif, space, expected):
    assert read_back(directories(exif, height=3, width=4, space=space))[1][40961] == expected


def test_what_the_reader_knows_fills_what_exif_lacks():
    known = Exif(
        iso=3200.0,
        exposure_s=0.004,
        aperture=1.8,
        focal_length_mm=35.0,
        lens="35 mm",
        taken="2020:01:01 00:00:00",
    )
    photo = read_back(directories(known, **HOW))[1]
    assert photo[34855] == 3200
    assert photo[36867] == "2020:01:01 00:00:00"
    assert photo[42036] == "35 mm"
    assert (photo[33434], photo[33437], photo[37386]) == (1 / 250, 1.8, 35.0)
    tagged = Exif(tags={"EXIF": {34855: (100,)}}, iso=3200.0)
    assert read_back(directories(tagged, **HOW))[1][34855] == 100  # the file's own words first


def test_no_exif_at_all_still_says_size_and_software():
    image, photo, gps = read_back(directories(None, **HOW))
    assert image[305] == software() == f"deepisp {deepisp.__version__}"
    assert (photo[40962], photo[40963], photo[36864], gps) == (400, 300, b"0232", {})


HOSTILE = [
    None, object(), {}, [], "text", b"\xff\0", -1, 2**40, float("nan"), float("inf"), ((1, 0),), ((2**33, 1),),
    (1, 2, 3), ((1, 2), 3), ("a", 1), ((1, 2, 3),), "\udc80", "x" * 70_000, b"y" * 70_000, tuple(range(30_000)), True,
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_no_value_fails_a_picture(value):
    tags = dict.fromkeys(
        (270, 282, 283, 296, 306, 33434, 34855, 36864, 37510, 42034, 50000, 70000, -5), value
    )
    found = directories(
        Exif(tags={"Image": tags, "EXIF": tags, "GPS": {**tags, **dict.fromkeys(range(32), value)}}), **HOW
    )
    data = block(found)
    assert len(data) < 65_500
    image, photo, _ = read_back(found)
    assert image[274] == 1
    assert photo[40962] == 400


def test_what_is_dropped_is_named_and_the_rest_stays():
    found = directories(
        Exif(tags={"EXIF": {33437: ((2**40, 1),), 37510: b"z" * 70_000, 34855: (100,)}}), **HOW
    )
    assert sorted(found.dropped) == [
        "EXIF tag 33437 of EXIF not copied: bad value ((1099511627776, 1),)",
        "EXIF tag 37510 of EXIF not copied: 70000 bytes",
    ]
    assert found.exif[34855] == ifd.field(ifd.SHORT, 100)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.5, (1, 2)),
        (1 / 3, (1, 3)),
        (0.1, (1, 10)),
        (3e9, (3_000_000_000, 1)),
        (0.0, (0, 1)),
        ((0, 0), (0, 0)),
        (12345.678, (6172839, 500)),
    ],
)
def test_a_number_becomes_the_plainest_rational(value, expected):
    assert ifd.field(ifd.RATIONAL, value if not isinstance(value, tuple) else (value,)).data == struct.pack(
        "<2I", *expected
    )


def test_digest_is_none_where_there_is_none(tmp_path):
    assert origin.of(tmp_path / "absent.jpg").settings == ""
    (tmp_path / "other.jpg").write_bytes(b"\xff\xd8 Software: other 1.0 \xff\xd9")
    assert origin.of(tmp_path / "other.jpg").settings == ""
    assert origin.of(Path(tmp_path)).settings == ""


def test_a_directory_by_hand():
    fields = {
        272: ifd.field(ifd.ASCII, "Sevenly"),
        271: ifd.field(ifd.ASCII, "Acme"),
        274: ifd.field(ifd.SHORT, 1),
    }
    assert (
        ifd.directory(fields, 8)
        == (
            b"\x03\0"  # three entries, sorted, of 12 bytes each; values begin at 8 + 2 + 36 + 4 = 50, on even offsets
            b"\x0f\x01\x02\0\x05\0\0\0\x32\0\0\0"  # Make: ASCII, 5 bytes at 50
            b"\x10\x01\x02\0\x08\0\0\0\x38\0\0\0"  # Model: ASCII, 8 bytes at 56
            b"\x12\x01\x03\0\x01\0\0\0\x01\0\0\0"  # Orientation: SHORT, 1
            b"\0\0\0\0"  # no next directory
            b"Acme\0\0Sevenly\0"
        )
    )
