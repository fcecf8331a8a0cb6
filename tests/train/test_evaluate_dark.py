"""The measure of dark pictures: by hand, by a perfect method, and what the correction forgives."""

import math

import numpy as np
import pytest

from deepisp.data.dark import DarkSimulator
from deepisp.data.unprocess import Unprocessing
from deepisp.train import evaluate_dark

SIMULATOR = DarkSimulator(
    ("nikon-d850",), (1600, 1600), (250, 250), unprocessing=Unprocessing(toned=0, brightness_std=0)
)


def picture(seed=0):
    return np.random.default_rng(seed).integers(20, 120, (32, 48, 3), np.uint8)


def knowing(scale=1.0):
    """A method that knows the truth of the first picture."""
    truth = evaluate_dark.take(picture(), SIMULATOR, number=0).truth
    return lambda mosaic, noise: np.asarray(truth * np.float32(scale))


def test_the_truth_is_perfect():
    made = evaluate_dark.score(knowing(), [picture()], SIMULATOR)
    assert made.raw_psnr == made.psnr == made.srgb_psnr == math.inf


def test_brightness_is_forgiven_by_the_correction_alone():
    made = evaluate_dark.score(knowing(0.9), [picture()], SIMULATOR)
    assert 20 < made.raw_psnr < 50
    assert made.corrected_psnr > 120


def test_raw_values_are_those_of_the_mosaic_without_white_balance():
    taken = evaluate_dark.take(picture(), SIMULATOR, number=0)
    raw = evaluate_dark.mosaic_of(taken.truth, taken, "RGGB")[..., 0]
    red, green, _ = taken.draw.neutral.tolist()
    assert raw[0, 0] == pytest.approx(taken.truth[0, 0, 0] * red)
    assert raw[0, 1] == pytest.approx(taken.truth[0, 1, 1] * green)
    assert raw.max() <= 1


def test_the_mosaic_is_as_bright_as_the_truth_and_its_noise_is_told():
    taken = evaluate_dark.take(np.full((256, 256, 3), 118, np.uint8), SIMULATOR, number=3)
    green = taken.mosaic[0::2, 1::2]
    said = taken.noise[1].shot * taken.truth[0, 1, 1] + taken.noise[1].read
    assert green.mean() == pytest.approx(taken.truth[0, 1, 1], rel=0.05)
    assert green.var() == pytest.approx(said, rel=0.05)
    assert math.sqrt(said) > 0.05


def test_the_same_scene_and_noise_each_time():
    one, other = (evaluate_dark.take(picture(), SIMULATOR, number=2) for _ in range(2))
    assert (one.mosaic == other.mosaic).all()
    assert not (one.mosaic == evaluate_dark.take(picture(), SIMULATOR, number=3).mosaic).all()


def test_nothing_to_measure_is_said():
    with pytest.raises(ValueError, match="no pictures"):
        evaluate_dark.score(knowing(), [], SIMULATOR)
    assert (evaluate_dark.corrected(np.zeros(3), np.ones(3)) == 0).all()
