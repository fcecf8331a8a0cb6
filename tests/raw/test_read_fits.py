"""FITS files of astronomical cameras; written by astropy, which is also what reads them: only our part is tested."""

import numpy as np
import pytest

import deepisp
from deepisp import DamagedFile, UnsupportedFile
from tests.raw.make import noise

fits = pytest.importorskip("astropy.io.fits")
MOSAIC = noise(33, 44)


def saved(folder, values=MOSAIC, **header):
    fits.PrimaryHDU(values, fits.Header(header)).writeto(folder / "a.fit")
    return folder / "a.fit"


def test_a_tail_of_zeros_is_missing_data(tmp_path):
    values = noise(400, 440)
    file = saved(tmp_path, values)
    data = file.read_bytes()
    file.write_bytes(data[:250_000].ljust(len(data), b"\0"))
    with pytest.raises(
        DamagedFile, match="the last 30% of its pixels are missing"
    ):  # 1 - (250000 - 2880) / 352000
        deepisp.read(file)
    file.unlink()
    assert deepisp.read(saved(tmp_path, values)).warnings == ()


@pytest.mark.parametrize(
    ("offsets", "cfa"),
    [
        ({}, "GRBG"),
        ({"XBAYROFF": 1}, "RGGB"),
        ({"YBAYROFF": 1}, "BGGR"),
        ({"XBAYROFF": 3, "YBAYROFF": 1}, "GBRG"),
    ],
)
def test_bayer(tmp_path, offsets, cfa):
    header = {
        "BAYERPAT": "GRBG",
        "EXPTIME": 10.5,
        "INSTRUME": "Cam",
        "PRODUCER": "Maker",
        "DATE-OBS": "2026-01-02T03:04:05.6",
    }
    raw = deepisp.read(saved(tmp_path, **header, **offsets))
    assert (raw.kind, raw.cfa, raw.maker, raw.model) == ("bayer", cfa, "Maker", "Cam")
    assert (raw.exif.exposure_s, raw.exif.taken) == (10.5, "2026:01:02 03:04:05")
    np.testing.assert_array_equal(raw.mosaic, MOSAIC)
    assert raw.black_level.shape == raw.saturation_level.shape == (2, 2)
    assert (raw.white_level == 65535).all()


@pytest.mark.parametrize("height", [4, 5])
def test_a_file_that_begins_with_the_bottom_row_is_turned(tmp_path, height):
    """BAYERPAT names the cell at the top left of the picture: the file's last row, whatever its number of rows."""
    picture = noise(height, 4)
    upright = deepisp.read(saved(tmp_path, picture, BAYERPAT="RGGB", ROWORDER="TOP-DOWN"))
    (tmp_path / "a.fit").unlink()
    turned = deepisp.read(saved(tmp_path, picture[::-1], BAYERPAT="RGGB", ROWORDER="BOTTOM-UP"))
    for raw in (upright, turned):
        np.testing.assert_array_equal(raw.mosaic, picture)
        assert (raw.cfa, raw.warnings) == ("RGGB", ())


def test_a_row_order_that_is_none_is_said(tmp_path):
    raw = deepisp.read(saved(tmp_path, ROWORDER="SIDEWAYS"))
    np.testing.assert_array_equal(raw.mosaic, MOSAIC)
    assert raw.warnings == (
        "rows in the order 'SIDEWAYS' are not known; the file's first is taken for the top",
    )


def test_monochrome_with_levels(tmp_path):
    raw = deepisp.read(saved(tmp_path, PEDESTAL=-100, DATAMAX=4095))
    assert (raw.kind, raw.black_level.tolist(), raw.white_level.tolist()) == ("mono", [[100]], [[4095]])


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32])
def test_types(tmp_path, dtype):
    values = (MOSAIC % 200).astype(dtype)
    raw = deepisp.read(saved(tmp_path, values))
    assert raw.mosaic.dtype == (np.uint16 if dtype == np.uint8 else np.float32)
    assert raw.white_level.max() == (255 if dtype == np.uint8 else values.max())
    np.testing.assert_array_equal(raw.mosaic, values)


def test_numbers_that_are_none(tmp_path):
    values = MOSAIC.astype(np.float32)
    values[3, 3] = np.nan
    raw = deepisp.read(saved(tmp_path, values))
    assert raw.mosaic[3, 3] == 0
    assert raw.white_level == np.nanmax(values)
    assert raw.warnings


@pytest.mark.parametrize("pattern", ["TRUE", "RGBX", "RG"])
def test_a_pattern_that_is_none(tmp_path, pattern):
    with pytest.raises(UnsupportedFile, match="BAYERPAT"):
        deepisp.read(saved(tmp_path, BAYERPAT=pattern))


def test_a_stack_is_no_raw(tmp_path):
    with pytest.raises(UnsupportedFile, match="an image of 3 axes"):
        deepisp.read(saved(tmp_path, np.stack([MOSAIC] * 3)))


def test_a_cut_file(tmp_path):
    file = saved(tmp_path, noise(200, 200))
    file.write_bytes(file.read_bytes()[: 2880 + 70000])
    with pytest.raises(DamagedFile):
        deepisp.read(file)
