from pathlib import Path

import pytest

from deepisp.picture import formats
from deepisp.picture.formats import FORMATS


@pytest.mark.parametrize(
    ("name", "expected"), [("a.jpg", "JPEG"), ("a.JPEG", "JPEG"), ("a.b.Tif", "TIFF"), ("a.jxl", "JPEG XL")]
)
def test_suffix_names_the_format(name, expected):
    assert formats.of(Path(name)).name == expected


@pytest.mark.parametrize("name", ["a.bmp", "a", ".jpg", "a.dng"])
def test_an_unknown_suffix_lists_the_choices(name):
    with pytest.raises(ValueError, match="use one of jpg, jpeg, png, tif, tiff, webp, avif, jxl"):
        formats.of(Path(name))


def test_each_depth_that_settings_offer_has_a_format():
    assert formats.names(8) == ("JPEG", "PNG", "TIFF", "WebP", "AVIF", "JPEG XL")
    assert formats.names(16) == ("PNG", "TIFF", "JPEG XL")
    assert formats.names(32) == ("TIFF",)


def test_sixteen_bits_of_jpeg_says_what_to_do():
    with pytest.raises(
        ValueError, match=r"JPEG holds 8 bits per channel, 16 were asked; use PNG, TIFF or JPEG XL .*--bits 8"
    ):
        formats.check(FORMATS["jpg"], bits=16, space="srgb", height=9, width=9)


def test_jpeg_xl_is_srgb_only():
    with pytest.raises(ValueError, match="JPEG XL is written in sRGB only, 'p3' was asked; use TIFF or PNG"):
        formats.check(FORMATS["jxl"], bits=8, space="p3", height=9, width=9)
    formats.check(FORMATS["jxl"], bits=8, space="srgb", height=9, width=9)


@pytest.mark.parametrize(
    ("name", "side"), [("jpg", 65501), ("webp", 16384), ("avif", 65537), ("png", 1_000_001), ("jpg", 0)]
)
def test_a_side_that_the_format_cannot_hold_is_refused(name, side):
    with pytest.raises(ValueError, match=r"pixels a side, got .*--size for a smaller picture"):
        formats.check(FORMATS[name], bits=8, space="srgb", height=8, width=side)
