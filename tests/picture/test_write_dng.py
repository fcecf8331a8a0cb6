"""DNGs written by us, read by LibRaw, tifffile and exifread."""

import os
import struct
from dataclasses import replace

import exifread
import numpy as np
import pytest
import rawpy
import tifffile

from deepisp.picture.dng import write_dng
from deepisp.raw.image import Area, ColorCalibration, Noise, RawImage
from deepisp.raw.read import read
from deepisp.sensor import cfa

MATRIX_A = np.array([[0.75, -0.25, -0.1], [-0.4, 1.2, 0.2], [-0.1, 0.2, 0.6]])
MATRIX_D65 = np.array([[0.7, -0.2, -0.08], [-0.45, 1.3, 0.15], [-0.08, 0.22, 0.55]])
QUAD = "RRGGRRGGGGBBGGBB"


@pytest.fixture
def raw(exif):
    """A frame whose active area begins at an odd row and column; levels differ at each position."""
    mosaic = np.random.default_rng(5).integers(
        0, 65536, (301, 523), np.uint16
    )  # full range, no multiple of a tile
    return RawImage(
        mosaic=mosaic, cfa="RGGB", black_level=np.array([[100.0, 101.5], [102, 103]]),
        white_level=np.full((2, 2), 60000.0),
        as_shot_neutral=np.array([0.5, 1.0, 0.625]), analog_balance=np.array([1.0, 1.0, 1.0]),
        calibrations=(
            ColorCalibration(MATRIX_A, 17, forward=MATRIX_A / 2, camera_calibration=np.eye(3)),
            ColorCalibration(MATRIX_D65, 21),
        ),
        noise=(Noise(1.1e-4, 2.2e-7), Noise(1.3e-4, 3.3e-7), Noise(1.7e-4, 5.1e-7)), baseline_exposure_ev=-0.35,
        opcode_list_1=b"\0\0\0\0", opcode_list_2=b"\0\0\0\0", opcode_list_3=b"\0\0\0\0",
        black_rows=np.linspace(-1, 1, 290), black_columns=np.zeros(511),
        active_area=Area(5, 7, 295, 518), default_crop=Area(9, 13, 289, 509), orientation=6, pixel_aspect=1.0,
        maker="Acme", model="One", unique_model="Acme One", exif=exif,
    )  # fmt: skip


def variant(raw, cell, **changes):
    side, colors = cfa.side(cell), cfa.colors(cell)
    base = {
        "cfa": cell, "black_level": np.full((side, side), 64.0), "white_level": np.full((side, side), 60000.0),
        "noise": tuple(Noise(1e-4 * (i + 1), 1e-7) for i in range(len(colors))), "as_shot_neutral": None,
        "analog_balance": None, "calibrations": (), "black_rows": None, "black_columns": None,
    }  # fmt: skip
    return replace(raw, **{**base, **changes})


PREVIEW = np.random.default_rng(6).integers(0, 256, (40, 60, 3), np.uint8)


@pytest.mark.parametrize("preview", [None, PREVIEW], ids=["bare", "preview"])
@pytest.mark.parametrize("cell", [*cfa.BAYER, QUAD, cfa.XTRANS, "W", "GMCY"])
def test_libraw_reads_the_same_numbers(tmp_path, raw, cell, preview):
    ours = variant(raw, cell)
    assert write_dng(ours, tmp_path / "a.dng", preview=preview) == []
    with rawpy.imread(str(tmp_path / "a.dng")) as seen:
        assert np.array_equal(seen.raw_image, ours.mosaic)
        assert seen.white_level == 60000
        assert seen.black_level_per_channel[0] == 64


def test_pictures_narrower_than_a_tile_are_read_bit_by_bit(tmp_path):
    """LibRaw 0.22.2 loses its place in a tile wider than the picture; it refuses sides below 22."""
    values = np.random.default_rng(8).integers(0, 65536, (300, 300), np.uint16)
    sizes = [(22 + width % 5, width) for width in range(22, 301)] + [(257, 23), (300, 255), (40, 22)]
    for height, width in sizes:
        write_dng(RawImage(mosaic=values[:height, :width], cfa="RGGB"), tmp_path / "a.dng")
        with rawpy.imread(str(tmp_path / "a.dng")) as seen:
            assert np.array_equal(seen.raw_image, values[:height, :width]), (height, width)


@pytest.mark.parametrize("shape", [(16, 16), (300, 16), (17, 21), (21, 300), (7, 9), (1, 1)])
def test_pictures_too_small_for_libraw_are_read_by_ourselves(tmp_path, shape):
    values = np.random.default_rng(9).integers(1, 65536, shape, np.uint16)
    write_dng(RawImage(mosaic=values, cfa="RGGB"), tmp_path / "a.dng")
    assert np.array_equal(read(tmp_path / "a.dng").mosaic, values)


@pytest.mark.parametrize("width", [40, 100, 270])
def test_narrow_linear_and_mono_pictures_are_read_by_libraw(tmp_path, width):
    linear = np.random.default_rng(10).integers(0, 65536, (40, width, 3), np.uint16)
    levels = {"black_level": np.zeros(3), "white_level": np.full(3, 65535.0)}
    for ours in (RawImage(linear=linear, **levels), RawImage(mosaic=linear[..., 0].copy(), cfa="W")):
        write_dng(ours, tmp_path / "a.dng")
        with rawpy.imread(str(tmp_path / "a.dng")) as seen:
            found = seen.raw_image[..., :3] if ours.kind == "linear" else seen.raw_image
            assert np.array_equal(found, ours.data)


@pytest.mark.parametrize("cell", cfa.BAYER)
def test_libraw_sees_the_colors_of_the_photosites(tmp_path, raw, cell):
    write_dng(variant(raw, cell), tmp_path / "a.dng")
    with rawpy.imread(str(tmp_path / "a.dng")) as seen:
        letters = np.array(list(seen.color_desc.decode()))[seen.raw_colors]
    tiled = np.tile(cfa.cell(cell), (151, 262))[:301, :523]
    inside = (slice(5, 295), slice(7, 518))
    assert np.array_equal(letters[inside], tiled[inside])


def test_libraw_sees_xtrans(tmp_path, raw):
    write_dng(variant(raw, cfa.XTRANS, active_area=None, default_crop=None), tmp_path / "a.dng")
    with rawpy.imread(str(tmp_path / "a.dng")) as seen:
        assert np.array_equal(seen.raw_colors[:6, :6], cfa.indices(cfa.XTRANS))


def test_libraw_sees_levels_balance_and_orientation(tmp_path, raw):
    # Even margins: LibRaw 0.22.2 rounds odd ones up, and forgets to shift the black levels with them.
    write_dng(
        replace(raw, active_area=Area(6, 8, 296, 520), black_rows=None, black_columns=None),
        tmp_path / "a.dng",
    )
    with rawpy.imread(str(tmp_path / "a.dng")) as seen:
        sizes = seen.sizes
        assert (sizes.top_margin, sizes.left_margin, sizes.height, sizes.width) == (6, 8, 290, 512)
        assert sizes.flip == 6
        assert seen.camera_whitebalance[:3] == pytest.approx([2.0, 1.0, 1.6])
        black = np.array(seen.black_level_per_channel)[seen.raw_colors[6:8, 8:10]]
        # The cell at (6, 8) of the whole array is the cell at its origin; LibRaw's blacks are whole numbers.
        assert np.abs(black - raw.black_level).max() <= 1


def directories(path):
    with tifffile.TiffFile(path) as file:
        first = file.pages[0]
        below = first.pages[0] if first.tags.get(330) else first
        return [{tag.code: tag.value for tag in page.tags} for page in (first, below)]


@pytest.mark.parametrize("preview", [None, PREVIEW], ids=["bare", "preview"])
def test_tags_say_what_the_raw_image_says(tmp_path, raw, preview):
    write_dng(raw, tmp_path / "a.dng", preview=preview)
    camera, data = directories(tmp_path / "a.dng")
    assert camera[254] == (0 if preview is None else 1)
    assert data[254] == 0
    assert data[262] == 32803
    assert data[51041] == tuple(number for one in raw.noise for number in one)  # doubles: equal to the bit
    assert data[33421] == (2, 2)
    assert bytes(data[33422]) == bytes([2, 1, 1, 0])  # from the active area, at (5, 7): BGGR
    assert data[50713] == (2, 2)
    assert ratios(data[50714]) == [103, 102, 101.5, 100]
    assert data[50717] == 60000
    assert data[50829] == (5, 7, 295, 518)
    assert data[50719] == (6, 4)
    assert data[50720] == (496, 280)
    assert np.allclose(ratios(data[50716]), raw.black_rows, atol=1e-9)
    assert len(data[50715]) == 2 * 511
    assert [data[tag] for tag in (51008, 51009, 51022)] == [b"\0\0\0\0"] * 3
    assert camera[50708] == "Acme One"
    assert camera[271] == "Acme"
    assert camera[274] == 6
    assert np.allclose(ratios(camera[50721]), MATRIX_A.ravel(), atol=1e-9)
    assert np.allclose(ratios(camera[50722]), MATRIX_D65.ravel(), atol=1e-9)
    assert np.allclose(ratios(camera[50964]), MATRIX_A.ravel() / 2, atol=1e-9)
    assert ratios(camera[50723]) == np.eye(3).ravel().tolist()
    assert (camera[50778], camera[50779]) == (17, 21)
    assert ratios(camera[50728]) == [0.5, 1.0, 0.625]
    assert ratios(camera[50730]) == [-0.35]
    assert tuple(camera[50706]) == (1, 4, 0, 0)


def ratios(values):
    return [top / bottom for top, bottom in zip(values[::2], values[1::2], strict=True)]


def test_exif_and_gps_come_along(tmp_path, raw):
    for preview in (None, PREVIEW):
        write_dng(raw, tmp_path / "a.dng", preview=preview)
        with (tmp_path / "a.dng").open("rb") as file:
            tags = exifread.process_file(file, details=False)
        assert str(tags["EXIF ExposureTime"]) == "1/480"
        assert str(tags["GPS GPSLatitude"]) == "[48, 8, 617/50]"
        assert "EXIF MakerNote" not in tags


def test_preview_is_there_to_be_seen(tmp_path, raw):
    smooth = np.repeat(np.linspace(0, 255, 96).astype(np.uint8)[None, :, None], 64, 0).repeat(3, 2)
    write_dng(raw, tmp_path / "a.dng", preview=smooth)
    with tifffile.TiffFile(tmp_path / "a.dng") as file:
        assert np.abs(file.pages[0].asarray().astype(int) - smooth).max() <= 4


def test_mono_is_linear_raw_of_one_sample(tmp_path, raw):
    for preview in (None, PREVIEW):
        write_dng(variant(raw, "W"), tmp_path / "a.dng", preview=preview)
        _, data = directories(tmp_path / "a.dng")
        assert data[262] == 34892
        assert data[277] == 1
        assert 33422 not in data


def test_linear_data_keep_their_three_channels(tmp_path, raw):
    linear = np.random.default_rng(7).integers(0, 65536, (301, 523, 3), np.uint16)
    ours = variant(
        raw,
        "RGGB",
        mosaic=None,
        linear=linear,
        cfa="",
        black_level=np.zeros(3),
        white_level=np.full(3, 65535.0),
    )
    write_dng(ours, tmp_path / "a.dng")
    with rawpy.imread(str(tmp_path / "a.dng")) as seen:
        assert np.array_equal(seen.raw_image[..., :3], linear)
    _, data = directories(tmp_path / "a.dng")
    assert data[262] == 34892
    assert data[50717] == (65535, 65535, 65535)


def test_three_calibrations_and_an_illuminant_by_chromaticity_are_dng_1_6(tmp_path, raw):
    third = ColorCalibration(MATRIX_D65 * 1.5, 255, illuminant_xy=(0.25, 0.375))
    write_dng(variant(raw, "RGGB", calibrations=(*raw.calibrations, third)), tmp_path / "a.dng")
    camera, _ = directories(tmp_path / "a.dng")
    assert tuple(camera[50706]) == tuple(camera[50707]) == (1, 6, 0, 0)
    assert camera[52529] == 255
    assert np.allclose(ratios(camera[52531]), 1.5 * MATRIX_D65.ravel(), atol=1e-9)
    assert camera[52535] == struct.pack("<H4I", 0, 1, 4, 3, 8)


def test_white_by_chromaticity_and_masked_areas_come_back(tmp_path, raw):
    masked = (Area(0, 0, 4, raw.mosaic.shape[1]),)
    written = replace(raw, as_shot_neutral=None, as_shot_white_xy=(0.3457, 0.3585), masked_areas=masked)
    assert write_dng(written, tmp_path / "a.dng") == []
    found = read(tmp_path / "a.dng")
    assert found.as_shot_neutral is None
    assert found.as_shot_white_xy == pytest.approx((0.3457, 0.3585), abs=1e-8)
    assert found.masked_areas == masked


def test_a_missing_twin_of_a_color_matrix_is_a_warning(tmp_path, raw):
    lonely = replace(raw, calibrations=(replace(raw.calibrations[0], lacks_twin=True),))
    [warning] = write_dng(lonely, tmp_path / "a.dng")
    assert "one color matrix of two is known" in warning


def test_white_levels_that_dng_cannot_hold_are_a_warning(tmp_path, raw):
    ours = variant(raw, "RGGB", white_level=np.array([[60000.0, 61000], [61000, 60000]]))
    assert write_dng(ours, tmp_path / "a.dng") == [
        "white levels 60000 to 61000 within the CFA; DNG holds one: 60000"
    ]


def test_floating_point_is_written_only_where_it_is_whole(tmp_path, raw):
    whole = raw.mosaic.astype(np.float32)
    write_dng(variant(raw, "RGGB", mosaic=whole), tmp_path / "a.dng")
    with rawpy.imread(str(tmp_path / "a.dng")) as seen:
        assert np.array_equal(seen.raw_image, raw.mosaic)
    for bad in (whole + 0.5, whole - 1, np.full_like(whole, np.nan)):
        with pytest.raises(ValueError, match="scale and round the mosaic first"):
            write_dng(variant(raw, "RGGB", mosaic=bad), tmp_path / "b.dng")
    assert os.listdir(tmp_path) == ["a.dng"]


def test_a_failing_codec_leaves_the_old_file_and_nothing_else(tmp_path, raw, monkeypatch):
    (tmp_path / "a.dng").write_bytes(b"old")

    def fail(*_, **__):
        raise RuntimeError("codec")

    monkeypatch.setattr(tifffile.TiffWriter, "write", fail)
    with pytest.raises(RuntimeError):
        write_dng(raw, tmp_path / "a.dng")
    assert os.listdir(tmp_path) == ["a.dng"]
    assert (tmp_path / "a.dng").read_bytes() == b"old"
