"""Dark mosaics: their light, their noise, and that a seed is a batch."""

import pytest
import torch

from deepisp.data import dark
from deepisp.data.dark import DarkSimulator
from deepisp.data.pairs import through
from deepisp.data.unprocess import Unprocessing
from deepisp.sensor.cfa import XTRANS

STILL = Unprocessing(toned=0, brightness_std=0)


def simulator(**changed):
    settings = {
        "cameras": ("sony-a7s-ii",),
        "iso": (3200, 3200),
        "exposure_ratio": (100, 100),
        "unprocessing": STILL,
    }
    return DarkSimulator(**(settings | changed))


def gray(count=8, side=96, level=118):
    return torch.full((count, 3, side, side), level, dtype=torch.uint8)


def seeded(number=1):
    return torch.Generator().manual_seed(number)


@pytest.mark.parametrize("cfa", ["RGGB", XTRANS])
def test_the_mosaic_is_the_truth_dimmed(cfa):
    made = simulator(cfa=cfa)(gray(), seeded())
    assert made.mosaic.shape == (8, 1, 96, 96)
    assert made.truth.shape == (8, 3, 96, 96)
    assert made.exposure_ratio.tolist() == pytest.approx([100] * 8)
    bright = made.amplified().mosaic
    # 9216 photosites of sigma near 0.3 and rows of 0.05: a mean of 0.006
    assert (bright - through(made.truth, cfa)).mean((1, 2, 3)).abs().max() < 0.03


def test_white_is_neutral_however_bright():
    """A full exposure's colors would clip one after the other; of a dim one no color does."""
    made = simulator()(gray(level=255), seeded())
    balanced = made.truth / made.draw.neutral[:, :, None, None]
    assert torch.allclose(balanced, balanced[:, 1:2].expand_as(balanced), rtol=1e-3)
    assert made.truth.max() > 1


def test_its_noise_is_what_it_says():
    made = simulator()(gray(32, 64), seeded())
    expected = through(made.truth, "RGGB") / 100
    shot, read = (one[:, [0, 1, 1, 2]] for one in made.noise)
    planes = torch.nn.functional.pixel_unshuffle(expected, 2)
    said = shot[:, :, None, None] * planes + read[:, :, None, None]
    error = torch.nn.functional.pixel_unshuffle(made.mosaic - expected, 2)
    assert (error.square() / said).mean() == pytest.approx(1, abs=0.03)


def test_it_has_what_a_line_of_noise_has_not():
    made = simulator()(gray(16, 96, level=0), seeded())
    levels = dark.camera("sony-a7s-ii", 3200).any_sensor
    dn = made.mosaic * (levels.white_level - levels.black_level)
    assert torch.allclose(dn, dn.round(), atol=1e-3)
    rows = dn.mean(-1).var()
    alone = dn.var() / 96
    assert rows > 1.5 * alone  # a row shares noise
    normal = dn / dn.std()
    assert normal.pow(4).mean() > 3.1  # read noise has tails


def test_a_seed_is_a_batch():
    one, other, third = (simulator()(gray(), seeded(number)) for number in (5, 5, 6))
    assert torch.equal(one.mosaic, other.mosaic)
    assert not torch.equal(one.mosaic, third.mosaic)


def test_samples_are_of_several_cameras_and_isos():
    known = dark.protocol("dark-simulated")
    made = DarkSimulator.of(known)(gray(64, 32), seeded())
    assert len({round(float(one), 9) for one in made.noise.shot[:, 0]}) > 8
    assert 3 <= float(made.exposure_ratio.min()) < 10
    assert 270 < float(made.exposure_ratio.max()) <= 300


def test_the_share_of_brighter_samples_is_as_asked():
    made = simulator(exposure_ratio=(100, 300), brighter=0.25)(gray(400, 4), seeded())
    one_sigma = (0.25 * 0.75 / 400) ** 0.5
    assert float((made.exposure_ratio < 100).float().mean()) == pytest.approx(0.25, abs=4 * one_sigma)
    without = simulator(exposure_ratio=(100, 300))(gray(400, 4), seeded())
    assert float(without.exposure_ratio.min()) >= 100


def test_no_lamp_clips_in_the_brightest_samples():
    made = simulator(exposure_ratio=(4, 4), nights=1.0, brighter=1.0)(gray(64, 32), seeded())
    assert float(made.exposure_ratio.min()) < 3.2
    assert float(made.amplified().truth.max()) > 2
    assert float(made.mosaic.max()) < 0.99


def test_one_camera_of_the_test_is_never_trained_on():
    known = dark.protocol("dark-simulated")
    assert len(known.test.cameras) == 3
    assert len(set(known.test.cameras) - set(known.train.cameras)) == 1


def test_isos_end_where_the_profile_does():
    assert dark.isos("nikon-d850", (50, 25600))[0] == 100
    assert dark.isos("nikon-d850", (50, 25600))[-1] == pytest.approx(6400)
    assert len(dark.isos("nikon-d850", (100, 200))) == 4
    with pytest.raises(ValueError, match="no noise of nikon-d850 is known from ISO 12800 to 25600"):
        dark.isos("nikon-d850", (12800, 25600))


@pytest.mark.parametrize("ratio", [(0.5, 100), (300, 100)])
def test_more_light_is_not_dark(ratio):
    with pytest.raises(ValueError, match="exposure ratios go from 1 up"):
        simulator(exposure_ratio=ratio)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"brighter": 25}, "share of 0 to 1, got 25"),
        ({"brighter": 0.5, "exposure_ratio": (2, 50)}, "from 3 to the least, which is 2; leave brighter out"),
    ],
)
def test_brighter_samples_that_cannot_be_are_refused(changed, said):
    with pytest.raises(ValueError, match=said):
        simulator(**changed)


@pytest.mark.parametrize("text", ["name = 3", "[[", 'name = "x"\nexposure_ratio = [1, 2]\nodd = 1'])
def test_a_wrong_protocol_is_said_with_its_file(tmp_path, text):
    (tmp_path / "own.toml").write_text(text)
    with pytest.raises(ValueError, match=r"own\.toml: "):
        dark.protocol(str(tmp_path / "own.toml"))


def test_a_name_that_is_no_protocol_is_said():
    with pytest.raises(ValueError, match="known: dark-simulated"):
        dark.protocol("dark")
