"""Means and variances of pairs and of single frames, the line through them, rounding, and odd photosites."""

import math

import numpy as np
import pytest

from deepisp.calibrate.frames import Frame, Frames
from deepisp.calibrate.noise import line, masks, moments, quantization
from deepisp.calibrate.noise.levels import Ceiling, Flat, Seen, fits, grouped
from deepisp.calibrate.noise.moments import Deviation, Spread
from deepisp.calibrate.noise.points import couples
from deepisp.calibrate.noise.quantization import unrounded
from deepisp.calibrate.recipe import Dark, PhotonTransfer, shipped_recipe
from deepisp.raw.image import RawImage
from deepisp.sensor.quantization import rounded_variance

RNG = np.random.default_rng


def frame(mosaic: np.ndarray, cfa: str = "W") -> Frame:
    side = math.isqrt(len(cfa))
    cell = np.zeros((side, side))
    return Frame("a", mosaic.astype(np.float32), cfa, cell, cell + 1e5, cell + 1e5)


def test_a_pair_has_the_noise_and_not_the_pattern() -> None:
    rng, shape = RNG(1), (200, 300)
    pattern = 1000 + 50 * rng.standard_normal(shape) + np.linspace(0, 300, 300)
    a, b = (
        pattern + 3 * rng.standard_normal(shape) + 2 * rng.standard_normal((200, 1)) + rng.standard_normal((1, 300))
        for _ in range(2)
    )  # fmt: skip
    fair = rng.uniform(size=shape) > 0.01
    pair = moments.pair(np.where(fair, a, 1e6), np.where(fair, b, 0), fair, frame(a).places)
    error = 9 * pair.spread.relative_error
    assert error == pytest.approx(9 * math.sqrt(2 / a.size), rel=0.05)
    assert abs(pair.spread.variance - 9) < 4 * error
    row, column = pair.rows.std(pair.spread.variance), pair.columns.std(pair.spread.variance)
    assert abs(row.std - 2) < 4 * row.error
    assert row.error == pytest.approx(2 / math.sqrt(2 * 200), rel=0.3)
    assert abs(column.std - 1) < 4 * column.error
    assert pair.mean == pytest.approx(1150, abs=2)


def test_stripes_are_taken_out_and_holes_are_nothing() -> None:
    stripes = np.array([[0.0], [5], [-2]]) + np.array([[1.0, 3, 0, 7]])
    assert moments.without_stripes(stripes, np.ones((3, 4), np.bool_)) == pytest.approx(np.zeros((3, 4)))
    # by hand: rows of 1 and 3, of 5 and 7; then columns of -1 and -1, of 1 and 1
    holed = np.array([[1.0, 3, np.nan], [5, 7, 1e9]], np.float32)
    ok = np.array([[True, True, False]] * 2)
    assert moments.without_stripes(holed, ok).tolist() == np.zeros((2, 3)).tolist()
    assert moments.without_stripes(np.array([[1.0, 0], [0, 0]]), np.ones((2, 2), np.bool_)).tolist() == [
        [0.25, -0.25], [-0.25, 0.25],
    ]  # fmt: skip


def test_a_lamp_that_drifts_leaves_no_shading_in_a_pair() -> None:
    rng, at = RNG(10), np.linspace(-1, 1, 200)
    light = 10_000 * (1 + 0.3 * at[:, None] * at[None, :])  # no sum of rows and columns takes this out
    a, b = (drift * light + 3 * rng.standard_normal(light.shape) for drift in (1.0, 1.015))
    pair = moments.pair(a, b, np.ones(light.shape, np.bool_), frame(a).places, black=np.zeros((1, 1)))
    assert abs(pair.spread.variance - 9) < 4 * 9 * pair.spread.relative_error


def test_row_noise_is_the_deviation_of_all_rows_and_not_a_mean_of_deviations() -> None:
    # by hand: means -3, 3, -1, 1; two means taken out; sum of squares 20 over 2; white noise 4 over 4 photosites
    stripes = moments.Stripes(np.array([-3.0, 3, -1, 1]), np.full(4, 4.0), 2)
    assert stripes.std(4.0).std == pytest.approx(math.sqrt(20 / 2 - 1))


def test_less_than_nothing_is_none_with_an_error() -> None:
    assert Deviation.of(-0.01, 0.04) == (0.0, 0.2)
    assert Deviation.of(4.0, 0.4) == (2.0, 0.1)


def test_heavy_tails_widen_the_error_of_a_variance() -> None:
    rng = RNG(2)
    laplace = Spread.of(rng.laplace(size=100_000), 0)
    assert laplace.relative_error == pytest.approx(math.sqrt(5 / 100_000), rel=0.1)  # kurtosis 6


def test_two_textures_share_the_pattern_alone() -> None:
    rng, shape = RNG(3), (300, 400)
    pattern = 5 * rng.standard_normal(shape)
    shading = 3e-3 * (np.arange(400) - 100.0) ** 2
    ok = np.ones(shape, np.bool_)

    def one() -> moments.Texture:
        rows, columns = 7 * rng.standard_normal((300, 1)), 7 * rng.standard_normal((1, 400))
        return moments.texture(
            pattern + shading + 10 * rng.standard_normal(shape) + rows + columns, ok, frame(pattern).places
        )

    first, second = one(), one()
    variance, error = moments.shared(first, second)
    assert abs(variance - 25) < 4 * error
    assert error < 1
    assert first.spread.variance == pytest.approx(125, abs=4 * 125 * first.spread.relative_error)


def test_the_line_is_exact_on_exact_points_and_its_error_covers_noise() -> None:
    mean = np.linspace(0, 1000, 12)
    kind = {"relative": np.full(12, 0.01), "extra": np.zeros(12), "count": np.full(12, 1e9)}
    exact = line.fit(mean, 0.5 * mean + 3, **kind)
    assert (exact.gain, exact.intercept) == pytest.approx((0.5, 3.0))
    rng, z = RNG(4), []
    for _ in range(400):
        seen = (0.5 * mean + 3) * (1 + 0.01 * rng.standard_normal(12))
        fitted = line.fit(mean, seen, **kind)
        z.append((fitted.gain - 0.5) / fitted.gain_error)
        assert fitted.answer @ seen == pytest.approx(fitted.gain)
    assert np.mean(np.square(z)) == pytest.approx(0.8, abs=0.25)  # a misfit above 1 widens half of the errors
    with pytest.raises(ValueError, match="a line needs two levels, got 1"):
        line.fit(mean[:1], mean[:1], **{name: values[:1] for name, values in kind.items()})


@pytest.mark.parametrize("std", [0.35, 0.4, 0.5, 0.8, 3.0])
@pytest.mark.parametrize("mean", [0.0, 0.2, 0.37, 0.5])
def test_rounding_is_undone(std: float, mean: float) -> None:
    seen = np.round(100 + mean + std * RNG(5).standard_normal(400_000))
    found = unrounded(float(seen.var()), float(seen.mean()))
    assert found.variance == pytest.approx(std**2, abs=found.error + 5 * std**2 * math.sqrt(2 / 4e5))
    assert found.error < 0.12 * std**2


@pytest.mark.parametrize("std", [0.27, 0.3, 0.4, 0.5, 0.8, 3.0])
@pytest.mark.parametrize("mean", [0.0, 0.2, 0.37, 0.5, 60.8])
def test_rounding_by_harmonics_is_rounding_by_the_chance_of_each_code(std: float, mean: float) -> None:
    # 3 harmonics: the fourth is below 4 s^2 exp(-2 pi^2 16 s^2) < 1e-9 of a step^2 from 0.27 on
    assert quantization._rounded(std**2, mean, 0.0) == pytest.approx(rounded_variance(std, mean), abs=1e-9)


def test_rounding_in_steps_of_sixteen_and_not_at_all() -> None:
    seen = 16 * np.round(100.2 + 0.6 * RNG(6).standard_normal(400_000))
    assert unrounded(float(seen.var()), float(seen.mean()), step=16).variance == pytest.approx(
        9.6**2, rel=0.02
    )
    assert unrounded(0.01, 5.0, step=0) == (0.01, 0.0)


def test_noise_that_rounding_hides_is_unknown() -> None:
    assert math.isnan(unrounded(0.001, 100.0).variance)


def test_hot_photosites_and_telegraphs_are_found_in_shading() -> None:
    rng, shape = RNG(7), (64, 80)
    shading = 100 + np.linspace(0, 40, 80)
    hot, telegraph = [(3, 5), (40, 70)], [(20, 20), (63, 79)]
    mosaics = []
    for turn in range(16):
        dark = shading + 2 * rng.standard_normal(shape)
        for at in hot:
            dark[at] += 60
        for at in telegraph:
            dark[at] += 20 * (-1) ** turn
        mosaics.append(np.round(dark).astype(np.uint16))
    white = np.full((1, 1), 1023.0)
    frames = Frames([RawImage(mosaic=m, cfa="W", white_level=white) for m in mosaics], purpose="dark")
    found = masks.halves(frames, shipped_recipe(Dark))
    assert np.argwhere(found.odd.hot).tolist() == [list(at) for at in hot]
    assert np.argwhere(found.odd.telegraph).tolist() == [list(at) for at in telegraph]
    assert all(not fair[at] for fair in found.fair for at in hot + telegraph)
    stack = np.array(mosaics, float)
    assert np.allclose(found.all.mean, stack.mean(axis=0), atol=1e-4)
    assert np.allclose(found.all.variance, stack.var(axis=0, ddof=1), rtol=1e-4)


def test_a_half_is_measured_by_the_other_half_s_mask() -> None:
    rng = RNG(8)
    mosaics = [np.round(100 + 2 * rng.standard_normal((32, 32))).astype(np.uint16) for _ in range(16)]
    mosaics[2][9, 9] = 115  # one outlier in the first half is noise of that half, and may not be chosen away
    frames = Frames(
        [RawImage(mosaic=m, cfa="W", white_level=np.full((1, 1), 1023.0)) for m in mosaics], purpose="dark"
    )
    found = masks.halves(frames, shipped_recipe(Dark))
    assert found.fair[0][9, 9]
    assert not found.fair[1][9, 9]


def test_a_dark_that_is_cut_off_is_named() -> None:
    dark = np.clip(np.round(1 + 3 * RNG(9).standard_normal((32, 32))), 0, None).astype(np.uint16)
    frames = Frames([RawImage(mosaic=dark, cfa="W")] * 4, purpose="dark")
    with pytest.raises(ValueError, match=r"^frame 1: dark is cut off at DN 0 \(4\d% of W"):
        masks.halves(frames, shipped_recipe(Dark))


def flat(index: int, signal: float, exposure_s: float | None = None) -> Flat:
    return Flat(index, f"{index}.dng", exposure_s, {"W": Seen(signal, Spread(), 0.0, 0.0)})


def test_a_level_that_clips_in_part_is_left_out() -> None:
    recipe, ceiling = shipped_recipe(PhotonTransfer), Ceiling(1000.0, None)
    assert fits(Seen(600, Spread(), 0.0005, 0.0), ceiling, recipe)
    assert not fits(Seen(600, Spread(), 0.01, 0.0), ceiling, recipe)
    assert not fits(Seen(701, Spread(), 0.0, 0.0), ceiling, recipe)
    assert not fits(Seen(600, Spread(), 0.0, 0.0), Ceiling(1000.0, 800.0), recipe)


def test_levels_are_close_means_and_one_exposure_time() -> None:
    def indices(flats: list[Flat]) -> list[list[int]]:
        return [[one.index for one in group] for group in grouped(flats, 0.02)]

    assert indices([flat(0, 100), flat(1, 200), flat(2, 101), flat(3, 199)]) == [[0, 2], [1, 3]]
    assert indices([flat(0, 100, 1), flat(1, 101, 2), flat(2, 100, 1)]) == [[0, 2], [1]]
    assert indices([flat(0, 100, 1), flat(1, 150, 1)]) == [[0], [1]]  # the light was turned, not the time
    assert indices([flat(0, 0.1), flat(1, 0.15)]) == [[0, 1]]
    assert [(a.index, b.index) for a, b in couples([flat(i, 1) for i in range(5)])] == [(0, 1), (2, 3)]
