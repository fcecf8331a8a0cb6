"""Cameras from profiles: the noise that is simulated is the noise that the profile says, however it says it."""

import math

import numpy as np
import pytest
import torch

from deepisp.data import camera, noises
from deepisp.sensor import cfa, profile
from deepisp.sensor.exposure import Sensor
from deepisp.sensor.noise import Noise
from tests.conftest import REPOSITORY

PROFILED = [
    ("sony-a7s-ii", 1600), ("sony-a7s-ii", 6400), ("nikon-d850", 100), ("nikon-d850", 6400), ("canon-70d", 800),
    ("canon-5d-mark-iv", 3200), ("google-pixel", 800), ("oppo-reno-10x", 1600), ("imx296", 100),
]  # fmt: skip


@pytest.mark.parametrize(("name", "iso"), PROFILED)
def test_the_simulated_line_is_the_profile_s(name, iso):
    said = noises.known(name).noise(iso, black_level=None) if name != "google-pixel" else None
    made = camera.named(name, iso)
    if said is None:
        said = noises.known(name).noise(iso, black_level=512, white_level=16383)
    for color, line in zip("RGB", made.noise("RGB"), strict=True):
        asked = said.noise.get(color) or said.noise[None]
        assert line.shot == pytest.approx(asked.shot, rel=1e-9)
        assert line.read == pytest.approx(asked.read, rel=1e-6)


@pytest.mark.parametrize(("name", "iso"), [("sony-a7s-ii", 1600), ("imx296", None), ("google-pixel", 800)])
@pytest.mark.parametrize("light", [0.0, 0.02, 0.4])
def test_dn_have_the_mean_and_variance_of_the_line(name, iso, light):
    if name == "imx296" and light == 0:
        pytest.skip(
            "0.36 DN around a whole black level: rounding adds no twelfth there, and no line can say so"
        )
    made, side = camera.named(name, iso), 600
    cell = "BGGR"
    dn = made.expose(torch.full((1, side, side), light), cell, torch.Generator().manual_seed(3)).double()
    levels = made.any_sensor.levels
    assert torch.equal(dn, dn.round())
    for color, line in zip("RGB", made.noise("RGB"), strict=True):
        which = torch.from_numpy(np.tile(np.array(list(cell)).reshape(2, 2) == color, (side // 2, side // 2)))
        signal = (dn[0] - made.any_sensor.black_level) / levels
        rows = which.any(1)
        seen = signal[which]
        pattern = (made.sensor(color).prnu * light) ** 2  # no noise over time, so no part of the line
        n, asked = seen.numel(), line.shot * light + line.read + pattern
        row = (
            made.any_sensor.row_std_e * made.any_sensor.gain / levels
        ) ** 2  # shared: as many as there are rows
        assert abs(seen.mean() - light) < 5 * math.sqrt(asked / n + row / int(rows.sum()))
        error = (seen - light).square().std() / math.sqrt(n)
        assert abs((seen - light).square().mean() - asked) < 5 * (
            error + row * math.sqrt(2 / int(rows.sum()))
        )
        assert error < 0.03 * asked


def test_rows_and_tails_are_there_and_plain_leaves_them_out():
    full = camera.named("sony-a7s-ii", 25600)
    frames = {}
    for name, one in (("full", full), ("plain", full.plain())):
        dn = one.expose(torch.zeros(1, 800, 800), "RGGB", torch.Generator().manual_seed(5)).double()[0]
        frames[name] = dn
        assert dn.std().item() == pytest.approx(math.hypot(25.853, 2.276), rel=0.02)
    row_means = {name: dn.mean(1).std().item() for name, dn in frames.items()}
    alone = 25.9 / math.sqrt(800)
    assert row_means["full"] == pytest.approx(math.hypot(alone, 2.276), rel=5 / math.sqrt(2 * 800))
    assert row_means["plain"] == pytest.approx(alone, rel=5 / math.sqrt(2 * 800))
    kurtosis = {n: float(((d - d.mean()) / d.std()).pow(4).mean()) for n, d in frames.items()}
    assert kurtosis["plain"] == pytest.approx(3, abs=5 * math.sqrt(24 / 640_000))
    assert kurtosis["full"] > 3.5  # lambda = -0.09: 5 or so; tails of real read noise
    assert full.plain().noise("G")[0].read == pytest.approx(full.noise("G")[0].read)


def test_colors_of_a_mosaic_come_from_their_own_sensors():
    made = camera.named("imx296", None)
    assert made.iso is None
    assert made.cfa == "BGGR"
    dn = made.expose(torch.full((1, 602, 602), 0.5), cfa.XTRANS, torch.Generator().manual_seed(1))[0].double()
    assert len(dn) == 602
    tiled = np.tile(cfa.cell(cfa.XTRANS), (101, 101))[:602, :602]
    for color, gain in (("R", 0.0917), ("G", 0.0948), ("B", 0.0918)):
        seen = dn[torch.from_numpy(tiled == color)]
        variance = gain * 0.5 * 963 + {"R": 0.445, "G": 0.456, "B": 0.451}[color] ** 2
        variance += ({"R": 0.0096, "G": 0.0059, "B": 0.0062}[color] * 0.5 * 963) ** 2
        assert seen.var().item() == pytest.approx(variance, rel=5 * math.sqrt(2 / seen.numel()))


def colored(**figures):
    """A camera whose colors differ in gain, and have these figures besides."""
    sensors = {
        c: Sensor(gain, 512.0, 16383.0, read_std_e=2.0, **figures)
        for c, gain in zip("RGB", (1, 2, 3), strict=True)
    }
    return camera.Camera("", "made up", None, sensors)


@pytest.mark.parametrize(("figure", "axis"), [("row_std_e", 1), ("column_std_e", 0)])
def test_a_row_and_a_column_are_one_offset_for_all_colors(figure, axis):
    made, side = colored(**{figure: 5.0}), 800
    dn = made.expose(torch.zeros(1, side, side), "RGGB", torch.Generator().manual_seed(2))[0].double() - 512
    lines = [dn[0::2, 0::2].mean(axis), dn[0::2, 1::2].mean(axis), dn[1::2, 0::2].mean(axis)]
    first, second = (lines[0], lines[1 if axis == 1 else 2])
    # 2 e- read noise over 400 photosites: 0.1 e- beside 5 e-, a correlation of 0.9996
    assert torch.corrcoef(torch.stack((first, second)))[0, 1] > 0.999
    for line, gain in ((first, 1), (second, 2)):
        assert line.std().item() == pytest.approx(5 * gain, rel=5 / math.sqrt(2 * 400))


def test_the_fixed_pattern_is_that_of_the_frame():
    made, side = colored(prnu=0.05, dsnu_e=30.0), 400
    generator = torch.Generator().manual_seed(3)
    frame = made.frame(side, side, "RGGB", generator)
    for light, std in ((0.0, 30.0), (0.5, math.hypot(30, 0.05 * 0.5 * 15871 / 2))):
        signal = torch.full((1, side, side), light)
        one, other = (made.expose(signal, "RGGB", generator, frame=frame)[0, 0::2, 1::2] for _ in range(2))
        covariance = torch.cov(torch.stack((one, other)).flatten(1))[0, 1].item()
        assert math.sqrt(covariance) / 2 == pytest.approx(std, rel=5 / math.sqrt(side**2 / 4))
        whole = made.expose(signal, "RGGB", torch.Generator().manual_seed(4), frame=frame)
        assert not torch.equal(whole[0, 0::2, 1::2], one)
    upper, lower = frame.band(0, 48), frame.band(48, side)
    assert torch.equal(torch.cat((upper.offset, lower.offset)), frame.offset)


def test_a_full_well_below_the_white_level_ends_the_signal():
    text = 'maker = "A"\nmodels = ["a"]\n[[conversion_gains]]\nsource = "made up here"\n'
    entry = "entries = [{ gain = 2.0, read_std_dn = 2.0, full_well_e = FULL }]\n"
    for full, asked in ((5000, 512 + 10_000), (7900, 16383)):  # 15800 of 15871 DN: the converter's end
        made = camera.of_profile(profile.parse(text + entry.replace("FULL", str(full)), "a.toml"), None)
        dn = made.expose(torch.full((1, 100, 100), 1.2), "RGGB", torch.Generator().manual_seed(7))
        assert dn.double().mean().item() == pytest.approx(asked, abs=5 * 2 / 100)
        assert (dn >= made.saturation_level("RGB")).double().mean() > 0.99


def test_all_that_an_entry_knows_is_simulated():
    text = (
        'maker = "A"\nmodels = ["a"]\n[[conversion_gains]]\nsource = "made up here"\nentries = [{ gain = 2.0, '
        "read_std_dn = 4.0, row_std_dn = 3.0, column_std_dn = 12.0, prnu = 0.01, dsnu_e = 5.0, bias_dn = 1.5 }]\n"
    )
    known = profile.parse(text, "a.toml")
    made = camera.of_profile(known, None)
    one = made.sensor("G")
    assert (one.row_std_e, one.column_std_e, one.prnu, one.dsnu_e) == (1.5, 6, 0.01, 5)
    said = known.noise(100, black_level=512, white_level=16383).noise[None]
    assert made.noise("G")[0] == pytest.approx(said)
    assert said.read == pytest.approx((13 / 15871) ** 2)  # 4, 3, 12
    plain = made.plain()
    assert plain.noise("G")[0] == pytest.approx(said)
    assert not plain.sensor("G").has_pattern
    assert plain.sensor("G").column_std_e == 0


def test_a_camera_of_less_than_half_a_dn_says_what_rounding_does():
    made = camera.named("imx296", None)
    dn = made.expose(torch.zeros(1, 600, 600), "BGGR", torch.Generator().manual_seed(6))[
        0, 1::2, 1::2
    ].double()
    said = float(made.warning.partition("variance there is ")[2].split()[0])  # of red, to 3 digits
    assert dn.var().item() == pytest.approx(said, rel=5 * math.sqrt(4 / dn.numel()), abs=5e-4)
    assert "noise line says 0.198" in made.warning
    assert camera.named("sony-a7s-ii", 1600).warning == ""


def test_the_generic_camera_goes_along_the_prior():
    slow, fast = camera.named("generic", None), camera.named("generic", 1600)
    assert slow.noise("G")[0].shot == pytest.approx(1e-4)
    assert fast.noise("G")[0].shot == pytest.approx(1.6e-3)
    assert fast.noise("G")[0].read == pytest.approx(math.exp(2.18 * math.log(1.6e-3) + 1.20), rel=1e-6)
    assert slow.xyz_to_camera is None


def test_a_profile_of_ones_own_is_a_camera(tmp_path):
    own = tmp_path / "own.toml"
    own.write_text((REPOSITORY / "sensors" / "nikon-d850.toml").read_text())
    assert camera.named(str(own), 800).noise("R") == camera.named("D850", 800).noise("R")
    assert "extrapolated" in camera.named("D850", 51200).warning


def test_what_makes_no_sense_is_said():
    with pytest.raises(ValueError, match="as in --iso 800"):
        camera.named("nikon-d850", None)
    with pytest.raises(ValueError, match="take more levels"):
        camera.of_noise(Noise(1e-3, 1e-10))
    with pytest.raises(ValueError, match="choose another --cfa"):
        camera.named("imx296", None).expose(torch.zeros(1, 2, 2), "W")
    assert profile.find("", "generic") is not None
