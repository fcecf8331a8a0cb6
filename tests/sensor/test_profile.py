"""A sensor file: its levels, what lies between and beyond the ISOs that it knows, and what makes it a wrong one."""

import math
from pathlib import Path

import pytest

from deepisp.sensor import profile
from deepisp.sensor.conversion import ConversionGain, Entry
from deepisp.sensor.profile import Profile

LEVELS = """
[levels]
bits = 10
black_level = 64
white_level = 1023
source = "made up for a test"
"""
CAMERA = 'maker = "Acme"\nmodels = ["One"]\n'
TWO_GAINS = """
[[conversion_gains]]
iso_min = 100
iso_max = 400
source = "made up for a test"
entries = [
    { iso = 100, gain = 0.1, read_std_dn = 1.0, tukey_lambda = 0.2, bias_dn = -1.0 },
    { iso = 400, gain = 0.4, read_std_dn = 2.0, tukey_lambda = -0.2, bias_dn = 1.0 },
]

[[conversion_gains]]
iso_min = 800
iso_max = 3200
source = "made up for a test"
entries = [{ iso = 800, gain = 0.8, read_std_e = 1.0 }, { iso = 3200, gain = 3.2, read_std_e = 1.0 }]
"""


@pytest.fixture
def camera(tmp_path: Path) -> Profile:
    return profile.load(written(tmp_path, CAMERA + LEVELS + TWO_GAINS))


def written(folder: Path, text: str) -> Path:
    path = folder / "acme-one.toml"
    path.write_text(text)
    return path


def test_it_is_interpolated_in_log_iso(camera: Profile) -> None:
    # ISO 200 lies halfway between 100 and 400: geometric means, and 0 between -1 and 1
    entry = camera.entry(200)
    assert entry.gain == pytest.approx(0.2)
    assert entry.read_std_dn == pytest.approx(math.sqrt(2))
    assert entry.tukey_lambda == pytest.approx(0.0, abs=1e-12)
    assert entry.bias_dn == pytest.approx(0.0, abs=1e-12)
    noise, warning = camera.noise(200)
    assert noise[None] == pytest.approx((0.2 / 959, 2 / 959**2))
    assert warning == ""


def test_at_a_known_iso_the_entry_is_the_file_s_own(camera: Profile) -> None:
    assert camera.entry(400) == camera.conversion_gains[0].entries[1]
    assert camera.entry(800) == camera.conversion_gains[1].entries[0]


def test_read_noise_in_electrons_is_turned_into_dn(camera: Profile) -> None:
    assert camera.noise(1600).noise[None] == pytest.approx((1.6 / 959, (1.6 / 959) ** 2))


def test_row_noise_is_part_of_a_photosite_s_variance(tmp_path: Path) -> None:
    text = TWO_GAINS.replace("read_std_dn = 1.0,", "read_std_dn = 3.0, row_std_dn = 4.0,")
    sensor = profile.load(written(tmp_path, CAMERA + LEVELS + text))
    assert sensor.noise(100).noise[None].read == pytest.approx((5 / 959) ** 2)  # 3, 4, 5


def test_the_levels_of_the_raw_file_come_first(camera: Profile) -> None:
    assert camera.noise(100, black_level=100, white_level=800).noise[None] == pytest.approx(
        (0.1 / 700, 1 / 700**2)
    )


def test_a_file_of_another_bit_depth_has_the_same_electrons() -> None:
    sensor = profile.find("Nikon", "D850")
    assert sensor is not None
    # by hand: gain 0.00415 * 800; the lines' DN are of 14 bits, 4 of them in one of 12 bits
    gain = 0.00415 * 800
    read, row = (math.exp(s * math.log(gain) + b) for s, b in ((0.563, 0.799), (0.448, -1.798)))
    fine = read**2 - 1 / 12 + row**2
    small = sensor.noise(800, black_level=100, white_level=3880).noise[None]
    assert small == pytest.approx((gain / 4 / 3780, (fine / 16 + 1 / 12) / 3780**2))
    assert small.shot == pytest.approx(2.2e-4, rel=0.01)
    large = sensor.noise(800, black_level=3200, white_level=65532).noise[None]
    assert large == pytest.approx((gain * 4 / 62332, (read**2 + row**2) * 16 / 62332**2))
    # A black level that is rounded otherwise is no other depth.
    near = sensor.noise(800, black_level=400, white_level=15520).noise[None]
    assert near == pytest.approx((gain / 15120, (read**2 + row**2) / 15120**2))


def test_without_levels_figures_are_of_the_file_s_own_depth(tmp_path: Path) -> None:
    sensor = profile.load(written(tmp_path, CAMERA + TWO_GAINS))
    assert sensor.noise(100, black_level=0, white_level=60000).noise[None].shot == pytest.approx(0.1 / 60000)


def test_column_noise_is_part_of_a_photosite_s_variance(tmp_path: Path) -> None:
    text = TWO_GAINS.replace(
        "read_std_dn = 1.0,", "read_std_dn = 3.0, row_std_dn = 4.0, column_std_dn = 12.0,"
    )
    sensor = profile.load(written(tmp_path, CAMERA + LEVELS + text))
    assert sensor.noise(100).noise[None].read == pytest.approx((13 / 959) ** 2)  # 3, 4, 12


def measured(iso: float, *, full_well_e: float, dsnu_e: float) -> Entry:
    """What a bench measures at an ISO: gain and column noise go with it."""
    return Entry(
        iso=iso, gain=iso / 1000, read_std_dn=1, column_std_dn=iso / 100, full_well_e=full_well_e,
        prnu=0.01, dsnu_e=dsnu_e, linearity_error=0,
    )  # fmt: skip


def test_measured_figures_are_interpolated_too() -> None:
    low, high = measured(100, full_well_e=8000, dsnu_e=2), measured(400, full_well_e=2000, dsnu_e=0)
    known = ConversionGain(source="made up for a test", iso_min=100, iso_max=400, entries=(low, high))
    entry = known.at(200)
    assert (entry.column_std_dn, entry.full_well_e) == pytest.approx((2, 4000))
    assert (entry.prnu, entry.dsnu_e, entry.linearity_error) == pytest.approx((0.01, 1, 0))
    assert known.at(1600).dsnu_e == 0  # not below
    alone = ConversionGain(source="made up for a test", iso_min=100, iso_max=400, entries=(low,)).at(200)
    assert (alone.column_std_dn, alone.full_well_e) == pytest.approx((2, 4000))
    assert (alone.prnu, alone.dsnu_e) == (0.01, 2)


@pytest.mark.parametrize(
    ("iso", "gain", "read_std", "source"),
    [
        (50, 0.05, 1 / math.sqrt(2), "100 to 400"),
        (500, 0.5, 2 * 1.25**0.5, "100 to 400"),   # nearer to 400 than to 800
        (600, 0.6, 0.6, "800 to 3200"),            # nearer to 800 in log ISO
        (6400, 6.4, 6.4, "800 to 3200"),
    ],
)  # fmt: skip
def test_extrapolation_stays_on_one_side_and_says_so(
    camera: Profile, iso: float, gain: float, read_std: float, source: str
) -> None:
    entry = camera.entry(iso)
    assert entry.gain == pytest.approx(gain)
    assert entry.read_std == pytest.approx(read_std)
    assert camera.noise(iso).warning == (
        f"One: noise is known for ISO 100 to 400, 800 to 3200; at ISO {iso} it is extrapolated from {source}"
    )


def test_one_iso_alone_scales_with_gain(tmp_path: Path) -> None:
    text = TWO_GAINS.split("\n\n", maxsplit=1)[0].replace(
        "    { iso = 400, gain = 0.4, read_std_dn = 2.0, tukey_lambda = -0.2, bias_dn = 1.0 },\n", ""
    )
    entry = profile.load(written(tmp_path, CAMERA + LEVELS + text)).entry(300)
    assert (entry.iso, entry.gain, entry.read_std) == pytest.approx((300, 0.3, 3.0))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("bits = 10", "bits = 10\nblck = 3", r"levels\.blck: unknown; known: bits, black_level, cfa, measured"),
        ('maker = "Acme"', 'maker = "Acme"\nmodle = "x"', r"modle: unknown; known: color, conversion_gains, dar"),
        ("tukey_lambda = 0.2", "tukey = 0.2", r"conversion_gains\.0\.entries\.0\.tukey: unknown; known: .*tukey_l"),
        ("gain = 0.1,", "gain = -0.1,", r"conversion_gains\.0\.entries\.0\.gain: .*greater than 0"),
        ("gain = 0.1,", "", r"entries\.0: an entry needs gain with read_std_dn"),
        ("black_level = 64", "black_level = 2000", r"levels: black_level 2000 < white_level 1023 < 2\^10"),
        ('source = "made up for a test"\n', "", r"levels\.source: Field required"),
        ("iso_min = 800", "iso_min = 300", r"do not overlap"),
        ("iso_max = 400", "iso_max = 300", r"outside iso_min to iso_max"),
        ("{ iso = 400, ", "{ iso = 100, ", r"same iso and color"),
        ("{ iso = 400, ", "{ ", r"either every entry has an iso or none"),
        ("{ iso = 400, ", '{ color = "R", iso = 400, ', r"either every entry has a color or none"),
        ('maker = "Acme"', "maker = Acme", r"not a TOML file"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_named_with_its_key(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = CAMERA + LEVELS + TWO_GAINS
    assert old in text
    path = written(tmp_path, text.replace(old, new, 1))
    with pytest.raises(ValueError, match=rf"^acme-one\.toml: .*{said}"):
        profile.load(path)


@pytest.mark.parametrize("iso", [0, -100, math.nan, math.inf])
def test_an_iso_is_a_positive_number(camera: Profile, iso: float) -> None:
    with pytest.raises(ValueError, match="ISO must be a positive number"):
        camera.noise(iso)


def test_without_levels_one_is_told_to_give_them(tmp_path: Path) -> None:
    sensor = profile.load(written(tmp_path, CAMERA + TWO_GAINS))
    with pytest.raises(ValueError, match="give black_level and white_level of the raw file"):
        sensor.noise(100)
    assert sensor.noise(100, black_level=0, white_level=1000).noise[None].shot == pytest.approx(1e-4)
