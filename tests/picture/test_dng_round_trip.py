"""Real raw files, written as DNG and read again by our own reader, which knows nothing of our writer."""

import dataclasses

import numpy as np
import pytest

from deepisp.picture.dng import write_dng
from deepisp.raw.read import read

SAME = [
    "kind", "cfa", "black_level", "white_level", "black_rows", "black_columns", "as_shot_neutral", "analog_balance",
    "baseline_exposure_ev", "noise", "opcode_list_1", "opcode_list_2", "opcode_list_3", "active", "crop", "orientation",
    "maker", "model", "saturation_level",
]  # fmt: skip


@pytest.mark.data
@pytest.mark.parametrize(
    "name", ["gopro-hero6*.dng", "canon-eos-kiss-x4*.dng", "canon-eos-6d*.dng", "kodak-dc120-compressed*.kdc"]
)
def test_a_real_file_says_the_same_as_our_dng_of_it(data, tmp_path, name):
    (path,) = (data / "raw").glob(name)
    first = read(path)
    warnings = write_dng(first, tmp_path / "a.dng")
    assert len(warnings) == any(one.lacks_twin for one in first.calibrations)
    second = read(tmp_path / "a.dng")
    assert np.array_equal(second.data, first.data)
    for field in SAME:
        one, other = getattr(first, field), getattr(second, field)
        if isinstance(one, np.ndarray):
            np.testing.assert_allclose(other, one, rtol=1e-8, err_msg=field)  # rationals of 32 bits
        else:
            assert other == one, field
    assert len(second.calibrations) == len(first.calibrations)
    for one, other in zip(first.calibrations, second.calibrations, strict=True):
        for field in dataclasses.fields(one):
            asked, seen = getattr(one, field.name), getattr(other, field.name)
            if field.name != "lacks_twin":  # of LibRaw's table alone; a DNG says all it knows
                assert asked is seen is None or np.allclose(seen, asked, atol=1e-8), field.name
    assert second.exif.tags.get("GPS") == first.exif.tags.get("GPS")
    for tag, value in first.exif.tags.get("EXIF", {}).items():
        assert second.exif.tags["EXIF"][tag] == value, tag
