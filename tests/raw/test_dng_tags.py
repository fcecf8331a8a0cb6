"""The numbers of tags, against tifffile's own registry."""

import pytest
import tifffile

from deepisp.raw import dng_tags

TAGS = {
    name.replace("_", ""): number
    for name, number in vars(dng_tags).items()
    if isinstance(number, int) and name not in ("CFA", "LINEAR_RAW")
}
# tifffile 2026.3.3 does not know the last tag.
TAGS |= {
    f"{name}{number}".replace("_", "").upper(): tag
    for number, tags in enumerate(dng_tags.CALIBRATIONS, 1)
    for name, tag in tags._asdict().items()
    if (name, number) != ("illuminant_data", 3)
}


@pytest.mark.parametrize("name", TAGS)
def test_a_tag_has_the_number_of_its_name(name: str) -> None:
    assert tifffile.TIFF.TAGS[TAGS[name]].upper() == name


def test_photometric_values_have_their_names() -> None:
    assert tifffile.PHOTOMETRIC(dng_tags.CFA).name == "CFA"
    assert tifffile.PHOTOMETRIC(dng_tags.LINEAR_RAW).name == "LINEAR_RAW"
