"""Sensor files: every shipped one is physical, and the look-up, the interpolation and the errors are right."""

import math
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from deepisp import shipped
from deepisp.sensor import profile
from deepisp.sensor.conversion import ConversionGain, Entry
from deepisp.sensor.profile import Profile

FILES = sorted(shipped.folder("sensors").glob("*.toml"))
UPI = (1e-4, 0.012)  # Brooks et al. 2019: range of shot

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


def points(sensor: Profile) -> Iterator[tuple[ConversionGain, list[float], list[Entry]]]:
    """Each conversion gain and color, with 25 ISOs through its range (or one) and what is known there."""
    for gain in sensor.conversion_gains:
        known = gain.iso_min is not None and gain.iso_max is not None
        isos = [float(i) for i in np.geomspace(gain.iso_min, gain.iso_max, 25)] if known else [100.0]
        for color in gain.colors():
            yield gain, isos, [gain.at(iso, color) for iso in isos]


def test_the_files_that_the_project_ships_are_there() -> None:
    assert {path.stem for path in FILES} >= {
        "canon-5d-mark-iv", "canon-700d", "canon-70d", "generic", "google-pixel", "nikon-d850",
        "oppo-reno-10x", "raspberry-pi-gs-imx296", "sony-a7s-ii",
    }  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shipped_sensor_is_physical(path: Path) -> None:
    sensor = profile.load(path)
    assert sensor.conversion_gains or sensor.prior
    for _, isos, entries in points(sensor):
        for iso, entry in zip(isos, entries, strict=True):
            if entry.gain is not None:
                assert entry.read_std is not None
                assert 0.3 < entry.read_std / entry.gain < 40  # electrons, every camera of the last 20 years
                assert sensor.levels is not None
                scale = sensor.levels.white_level - sensor.levels.black_level
                assert 200 < scale / entry.gain < 400_000  # electrons at white
                for part in (entry.row_std_dn, entry.tukey_scale_dn):
                    assert part is None or part < entry.read_std
            pair = sensor.noise(iso).noise[entry.color]
            assert 1e-6 < pair.shot < 0.05
            assert 1e-9 < pair.read < 1e-3
            assert math.sqrt(pair.read) / pair.shot > 0.3  # electrons again, by the normalized pair
            if entry.gain is not None and entry.shot is not None:
                assert math.isclose(entry.shot, entry.gain / scale, rel_tol=1e-3)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_gain_and_read_noise_rise_with_iso_and_read_noise_in_electrons_falls(path: Path) -> None:
    sensor = profile.load(path)
    for gain, isos, _ in points(sensor):
        pairs = np.array([sensor.noise(iso).noise[gain.colors()[0]] for iso in isos])
        assert (np.diff(pairs[:, 0]) > 0).all()
        # The A7S II's own table rises by 3 % at ISO 80 before it falls at ISO 100.
        assert (np.diff(pairs[:, 1]) > -0.3 * pairs[:-1, 1]).all()
        electrons = np.sqrt(pairs[:, 1]) / pairs[:, 0]
        assert (electrons[1:] < 1.02 * electrons[:-1]).all()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_generic_line_holds_within_a_decade_at_the_highest_iso(path: Path) -> None:
    sensor, generic = profile.load(path), profile.find("generic", "generic")
    assert generic is not None
    assert generic.prior is not None
    top = sensor.conversion_gains[-1].iso_max if sensor.conversion_gains else None
    if top is None:
        pytest.skip("no ISO in this file")
    for shot, read in sensor.noise(top).noise.values():
        assert UPI[0] < shot < 2 * UPI[1]
        assert 0.1 < read / generic.prior.read(shot) < 10


def test_the_generic_line_uses_natural_logarithms() -> None:
    generic = profile.load(shipped.folder("sensors") / "generic.toml")
    assert generic.prior is not None
    # by hand: exp(2.18 * ln 0.01 + 1.20) = exp(-10.0393 + 1.2) = exp(-8.8393)
    assert math.isclose(generic.prior.read(0.01), 1.449e-4, rel_tol=1e-3)


# The reference's own derived figures: read noise in electrons, shot, read.
@pytest.mark.parametrize(
    ("maker", "model", "iso", "electrons"),
    [
        ("Sony", "ILCE-7SM2", 100, 10.5),
        ("Sony", "ILCE-7SM2", 1600, 4.1),
        ("Sony", "ILCE-7SM2", 2000, 1.39),
        ("Sony", "ILCE-7SM2", 25600, 1.06),
        ("OPPO", "Reno 10x", 1600, 1.78),
    ],
)
def test_read_noise_in_electrons_is_the_published_one(
    maker: str, model: str, iso: float, electrons: float
) -> None:
    sensor = profile.find(maker, model)
    assert sensor is not None
    entry = sensor.entry(iso)
    assert entry.gain is not None
    assert entry.read_std is not None
    assert abs(entry.read_std / entry.gain - electrons) < 0.05
    assert sensor.warning(iso) == ""


def test_pmrid_at_its_anchor_gives_the_published_pair() -> None:
    sensor = profile.find("OPPO", "Reno 10x")
    assert sensor is not None
    assert sensor.noise(1600).noise[None] == pytest.approx((1.009e-3, 3.24e-6), rel=1e-3)


def test_two_labs_agree_on_the_d850() -> None:
    # zhangyi-3/noise-synthesis at ee3ae27: gain, read noise in DN; ELD's lines scatter by 0.214
    sensor = profile.find("Nikon", "D850")
    assert sensor is not None
    for iso, gain, read in ((800, 3.356, 4.50), (1600, 6.688, 8.36), (3200, 13.33, 15.68)):
        entry = sensor.entry(iso)
        assert entry.gain == pytest.approx(gain, rel=0.02)
        assert entry.read_std is not None
        assert abs(math.log(entry.read_std / read)) < 3 * 0.214


@pytest.mark.parametrize(
    ("maker", "model", "stem"),
    [
        ("NIKON CORPORATION", "NIKON D850", "nikon-d850"),
        ("Nikon", "d850", "nikon-d850"),
        ("", "Nikon D850", "nikon-d850"),
        ("SONY", "ILCE-7SM2", "sony-a7s-ii"),
        ("sony", "Sony ILCE 7SM2", "sony-a7s-ii"),
        ("Sony", "A7S  II", "sony-a7s-ii"),
        ("Canon", "Canon EOS REBEL T5i", "canon-700d"),
        ("canon", "EOS 5d MARK iv", "canon-5d-mark-iv"),
        ("Google", "Pixel", "google-pixel"),
        ("Raspberry Pi", "IMX296", "raspberry-pi-gs-imx296"),
    ],
)
def test_a_camera_is_found_however_it_is_spelled(maker: str, model: str, stem: str) -> None:
    assert profile.find(maker, model) == profile.load(shipped.folder("sensors") / f"{stem}.toml")


@pytest.mark.parametrize(
    ("maker", "model"),
    [
        ("Canon", "D850"),
        ("Nikon", "D85"),
        ("Google", "Pixel 2"),
        ("Canon", ""),
        ("", ""),
        ("Canon", "EOS 6D"),
    ],
)
def test_another_camera_is_not_found(maker: str, model: str) -> None:
    assert profile.find(maker, model) is None


def test_no_two_files_answer_for_one_camera() -> None:
    names = [(s.maker, m.casefold()) for s in map(profile.load, FILES) for m in s.models]
    assert len(set(names)) == len(names)
    for path in FILES:
        sensor = profile.load(path)
        assert all(profile.find(sensor.maker, model) == sensor for model in sensor.models)


def test_an_installed_wheel_finds_its_sensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "_shipped" / "sensors"
    folder.mkdir(parents=True)
    shutil.copy(shipped.folder("sensors") / "nikon-d850.toml", folder)
    monkeypatch.setattr(shipped, "_PACKAGE", tmp_path)
    assert profile.find("Nikon", "D850") is not None
    assert profile.find("Canon", "EOS 70D") is None


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


def test_measured_figures_are_interpolated_too() -> None:
    low = Entry(
        iso=100,
        gain=0.1,
        read_std_dn=1,
        column_std_dn=1,
        full_well_e=8000,
        prnu=0.01,
        dsnu_e=2,
        linearity_error=0,
    )
    high = Entry(
        iso=400,
        gain=0.4,
        read_std_dn=1,
        column_std_dn=4,
        full_well_e=2000,
        prnu=0.01,
        dsnu_e=0,
        linearity_error=0,
    )
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


def test_colors_have_their_own_noise_and_an_unrecorded_iso_is_said() -> None:
    sensor = profile.find("Raspberry Pi", "imx296")
    assert sensor is not None
    noise, warning = sensor.noise(100)
    assert set(noise) == set("RGB")
    assert noise["R"].shot == pytest.approx(0.0917 / 963)
    assert "not recorded" in warning
    with pytest.raises(ValueError, match=r"no noise of color 'W'; known: R, G, B"):
        sensor.entry(100, "W")


@pytest.mark.data
def test_imx296_flats_lie_on_the_published_line(data: Path) -> None:
    """Slope 0.09 to 0.115 DN/e- and dark variance 0.20 to 0.26 DN^2, by the method that these figures came with."""
    frames = sorted((data / "raw" / "no-licence" / "imx296-flatfield-levels").glob("*.npy"))
    stacks = [np.load(path)[444:644, 628:828].astype(float) for path in frames]
    assert len(stacks) == 6
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        phases = [frame[row::2, column::2] for frame in stacks]
        mean = np.array([phase.mean() - 60 for phase in phases])
        variance = np.array([np.diff(phase).var() / 2 for phase in phases])
        slope, dark = np.polyfit(mean, variance, 1, w=1 / (0.1 * mean + 0.2))
        assert 0.09 < slope < 0.115
        assert 0.195 < dark < 0.26  # one of the greens: 0.197


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


def test_the_generic_profile_has_no_iso() -> None:
    generic = profile.find("generic", "generic")
    assert generic is not None
    with pytest.raises(ValueError, match="use its prior"):
        generic.noise(100)


def test_reading_profiles_loads_no_torch() -> None:
    code = (
        "import sys, deepisp.sensor.profile as p; p.find('Nikon', 'D850'); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
