"""Flat places against the line: white noise leaves it as it is; noise that it cannot be of raises it."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter1d

from deepisp.sensor import cfa as cfa_cell
from deepisp.sensor import flat_places, level_sets
from deepisp.sensor.estimate import estimate_mosaic
from deepisp.sensor.flat_places import NoiseLines, Place

SHOT, READ = 1e-3, 2e-5
Array = NDArray[np.float64]


def scene(side: int = 512) -> Array:
    """Smooth light from 0.03 to 0.7, and a quarter of the frame that is all texture."""
    light = np.tile(np.linspace(0.03, 0.7, side), (side, 1))
    texture = gaussian_filter(np.random.default_rng(0).normal(size=(side, side)), 1.0)
    texture[side // 4 :] = 0
    return np.maximum(light * (1 + texture), 0.01)


def white(seed: int, side: int = 512) -> Array:
    return np.random.default_rng(seed).normal(size=(side, side))


def interpolated(seed: int, side: int = 512) -> Array:
    """Noise of unit variance whose every other column of a color is the mean of its neighbors', as compression did."""
    noise = white(seed, side)
    for phase in (0, 1):
        plane = noise[:, phase::2]
        plane[:, 1::2] = (plane[:, :-1:2] + np.roll(plane[:, :-1:2], -1, axis=1)) / 2
        plane[:] = uniform_filter1d(plane, 3, axis=1, mode="wrap")
    return noise / noise.std()


def places(signal: Array, lines: NoiseLines, cfa: str = "RGGB") -> tuple[Place, ...]:
    patches = level_sets.patches(signal, cfa, low=-math.inf, high=1.0)
    return flat_places.places(patches, signal.shape, cfa, lines, low=-math.inf, high=1.0)


def lines(factor: float = 1.0, colors: int = 3) -> NoiseLines:
    return NoiseLines(np.full(colors, SHOT * factor), np.full(colors, READ * factor))


@pytest.mark.parametrize("cfa", ["RGGB", "W", cfa_cell.XTRANS])
def test_white_noise_has_the_power_of_its_line(cfa: str) -> None:
    light = scene()
    expected = lines(colors=len(cfa_cell.colors(cfa)))
    found = places(light + white(1) * np.sqrt(SHOT * light + READ), expected, cfa)
    assert len(found) == flat_places.LEVELS
    for one in found:
        # A median of 100 patches or more, of chi-square with 37 degrees of freedom or more: 3 % of standard error.
        assert abs(one.ratio - 1) < 0.12
        assert one.variance == pytest.approx(SHOT * one.level + READ, rel=0.15)
        assert one.spread < flat_places.EVEN
        assert abs(one.alike) < 0.5 * flat_places.ALIKE
    assert flat_places.raised(expected, found) is expected


def test_the_choice_of_places_does_not_bias() -> None:
    light = np.full((512, 512), 0.3)
    ratios = [
        one.ratio
        for seed in range(8)
        for one in places(light + white(seed) * math.sqrt(SHOT * 0.3 + READ), lines())
    ]
    error = float(np.std(ratios, ddof=1)) / math.sqrt(len(ratios))
    middle = 1 - 2 / (9 * 55)  # median over mean of chi-square, Wilson and Hilferty
    assert abs(np.mean(ratios) - middle) < 5 * error < 0.03


def test_a_line_that_is_far_too_low_is_raised_to_what_evenly_fills_flat_places() -> None:
    light = scene()
    low = lines(1 / 50)
    shown = flat_places.raised(low, places(light + white(2) * np.sqrt(SHOT * light + READ), low))
    for signal in (0.1, 0.5):
        assert shown.shots * signal + shown.reads == pytest.approx(np.full(3, SHOT * signal + READ), rel=0.1)


@pytest.mark.parametrize(("factor", "is_raised"), [(1.0, False), (0.95, False), (0.8, True)])
def test_a_frame_of_noise_alone_needs_no_more_than_a_line_that_is_somewhat_low(
    factor: float, is_raised: bool
) -> None:
    """A sky: one level, so the line keeps its shape."""
    light = np.full((512, 512), 0.05) + np.linspace(0, 0.01, 512)
    low = lines(factor)
    shown = flat_places.raised(low, places(light + white(6) * np.sqrt(SHOT * light + READ), low))
    assert (shown is not low) == is_raised
    assert shown.shots == pytest.approx(np.full(3, SHOT), rel=0.06)
    assert shown.shots / low.shots == pytest.approx(shown.reads / low.reads)


def test_noise_of_one_deviation_at_all_levels_counts_as_read_noise() -> None:
    """As in Kodak's DC120: the likeliest line of a sensor that has far more read noise than any is much too low."""
    light = scene()
    for one in estimate_mosaic(light + 0.01 * white(3), "RGGB"):
        assert one.std(0.05) == pytest.approx(0.01, rel=0.1)
        assert one.std(0.5) == pytest.approx(0.01, rel=0.25)
        assert math.isfinite(one.std_error(0.0))


def test_neighbors_that_are_alike_count_with_their_whole_power() -> None:
    """The quietest directions hold almost nothing of it; the line alone is that of an impossible sensor."""
    light = scene()
    shot, read = 2e-5, 4e-8
    signal = light + interpolated(4) * np.sqrt(shot * light + read)
    low = NoiseLines(np.full(3, shot / 10), np.full(3, read / 10))
    found = places(signal, low)
    assert min(one.alike for one in found) > flat_places.ALIKE
    shown = flat_places.raised(low, found)
    assert shown.shots == pytest.approx(np.full(3, shot), rel=0.35)
    assert (shown.shots <= flat_places.HIGHEST_SHOT).all()


def test_evenly_filled_places_are_needed() -> None:
    """Texture as strong as that of a wall of bricks is uneven: its line stays."""
    low = lines(1 / 50)
    of_texture = tuple(Place(0.1 * i, 1e-3, 50.0, 2.5, 0.05) for i in range(1, 7))
    assert flat_places.raised(low, of_texture) is low
    # Grain, evenly spread, that fades in the dark:
    of_grain = tuple(Place(0.1 * i, 1e-3, 2.0 + i, 1.0, 0.0) for i in range(1, 7))
    assert flat_places.raised(low, of_grain) is low
    of_noise = tuple(one._replace(ratio=5.0) for one in of_grain)
    assert flat_places.raised(low, of_noise) is not low


def test_alike_neighbors_of_a_possible_line_change_nothing() -> None:
    of_cloth = tuple(Place(0.1 * i, 1e-3, 15.0, 3.0, 0.15) for i in range(1, 7))
    assert flat_places.raised(lines(), of_cloth).shots.tolist() == lines().shots.tolist()
    tiny = lines(5e-3)  # 200,000 electrons at white
    assert flat_places.raised(tiny, of_cloth).shots == pytest.approx(10 * tiny.shots)  # held back, of 15
    assert flat_places.raised(tiny, tuple(one._replace(alike=0.0) for one in of_cloth)) is tiny


def test_a_level_without_any_noise_is_no_level_of_noise() -> None:
    """Posterized shadows: a line through them would lie at 0."""
    light = scene()
    dark = light < 0.12
    seen = np.where(dark, 0.08, light + white(2) * np.sqrt(SHOT * light + READ))
    low = lines(1 / 50)
    found = places(seen, low)
    assert math.isinf(found[0].spread)
    shown = flat_places.raised(low, found)
    assert shown is low or (shown.shots > 0.5 * SHOT).all()
