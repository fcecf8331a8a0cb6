"""The noise line of one raw: scenes whose noise we make ourselves, so that the truth is known.

Bars of 5 % of a deviation: noise without any texture is read 2 to 3 % too low, since every picture is expected to have
some (sensor/line_fit.py); stated errors are as large.
"""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from threadpoolctl import ThreadpoolController, threadpool_limits

from deepisp.sensor import cfa as cfa_cell
from deepisp.sensor import estimate, level_sets
from deepisp.sensor.estimate import Estimate, estimate_mosaic
from deepisp.sensor.noise import Noise

SHOT, READ = 1e-3, 2e-5
QUAD = "RRGGRRGGGGBBGGBB"
Array = NDArray[np.float64]


def noisy(scene: Array, seed: int, shot: float = SHOT, read: float = READ) -> Array:
    noise = np.random.default_rng(seed).normal(size=scene.shape)
    return scene + noise * np.sqrt(shot * scene + read)


def gradient(low: float, high: float, side: int = 512) -> Array:
    return np.tile(np.linspace(low, high, side), (side, 1))


def steps() -> Array:
    return np.kron(np.linspace(0.02, 0.8, 64).reshape(8, 8), np.ones((64, 64)))


def error_at(one: Estimate, signal: float, shot: float = SHOT, read: float = READ) -> float:
    """Relative error of the predicted deviation."""
    return one.std(signal) / math.sqrt(shot * signal + read) - 1


@pytest.mark.parametrize("seed", range(4))
def test_a_gradient_is_recovered_within_its_standard_errors(seed: int) -> None:
    for one in estimate_mosaic(noisy(gradient(0, 0.8), seed), "RGGB"):
        assert abs(one.noise.shot - SHOT) < 3 * one.shot_error < 0.15 * SHOT
        assert abs(one.noise.read - READ) < 3 * one.read_error < READ
        assert (
            abs(error_at(one, 0.18)) < 0.05
        )  # some of it passes for texture, which every picture is expected to have
        assert 0.002 < one.std_error(0.18) / one.std(0.18) < 0.03


def test_choice_of_patches_and_directions_does_not_bias() -> None:
    """Noise alone: variances of the level sets against the truth; the bar knows that patches overlap."""
    lines = np.full(3, SHOT), np.full(3, READ)
    shares, freedom = [], 0.0
    for seed in range(6):
        patches = level_sets.patches(noisy(np.full((512, 512), 0.3), seed), "RGGB", low=-math.inf, high=1.0)
        chosen, _ = level_sets.quietest(patches)
        for _ in range(3):
            sets, chosen = level_sets.measure(patches, chosen, *lines, low=-math.inf, high=1.0)
        ratio = sets.share / (sets.signals @ lines[0] + sets.ones @ lines[1])
        shares.append(np.average(ratio, weights=sets.freedom))
        freedom += sets.freedom.sum()
    spread = np.std(shares, ddof=1) / math.sqrt(len(shares))
    assert spread < math.sqrt(2 / freedom)  # quiet patches overlap less than all do
    assert abs(np.mean(shares) - 1) < 5 * spread < 0.012


@pytest.mark.parametrize("cfa", ["W", cfa_cell.XTRANS, QUAD, "GMYC"])
def test_every_kind_of_cell_is_taken(cfa: str) -> None:
    found = estimate_mosaic(noisy(gradient(0, 0.8, 768), 1).astype(np.float32), cfa)
    assert len(found) == len(cfa_cell.colors(cfa))
    for one in found:
        assert abs(error_at(one, 0.18)) < 0.05
        assert abs(error_at(one, 0.5)) < 0.05


@pytest.mark.parametrize("high", [1.0, 0.7])
def test_clipped_pixels_do_not_lower_the_line(high: float) -> None:
    """A twentieth of the gradient lies above the plateau, as much again within the noise below it."""
    scene = gradient(0, high / 0.95)
    for one in estimate_mosaic(np.minimum(noisy(scene, 1), high), "RGGB", high=high):
        assert abs(error_at(one, 0.18)) < 0.05
        assert abs(error_at(one, high)) < 0.05


def test_noise_cut_off_at_black_is_allowed_for() -> None:
    """Files without a black offset: half of the noise at black is gone, the line is not."""
    cut = np.maximum(noisy(gradient(0, 0.05), 2), 0)
    told = estimate_mosaic(cut, "RGGB", low=0.0)
    assert max(abs(one.std(0) / math.sqrt(READ) - 1) for one in told) < 0.2
    assert max(abs(error_at(one, 0.05)) for one in told) < 0.05


def test_flat_steps_are_told_apart_from_their_edges() -> None:
    for one in estimate_mosaic(noisy(steps(), 4), "RGGB"):
        assert abs(error_at(one, 0.18)) < 0.05
        assert abs(error_at(one, 0.5)) < 0.05


def test_texture_does_not_pass_for_noise() -> None:
    """Three quarters of the frame are texture of three times the noise, in all directions."""
    scene = gradient(0.02, 0.7)
    texture = np.random.default_rng(5).normal(size=scene.shape) * 3 * np.sqrt(SHOT * scene + READ)
    texture[:128] = 0
    for one in estimate_mosaic(noisy(scene, 6) + texture, "RGGB"):
        assert abs(error_at(one, 0.18)) < 0.05
        assert abs(error_at(one, 0.5)) < 0.05


def test_texture_that_lies_in_few_directions_is_seen_through() -> None:
    """Stripes over the whole frame, with ten times the deviation of the noise: principal components leave them out."""
    scene = gradient(0.1, 0.7)
    stripes = 0.2 * np.sin(np.arange(512) * 2 * math.pi / 5.3)[:, None] * scene
    for one in estimate_mosaic(noisy(scene + stripes, 7), "RGGB"):
        assert abs(error_at(one, 0.18)) < 0.05


def test_grain_that_grows_with_light_is_told_from_shot_noise_in_the_dark() -> None:
    """White texture of 2 % contrast everywhere: at 0.18 two thirds of the noise, in the dark none."""
    scene = np.tile(np.geomspace(0.002, 0.7, 1024), (768, 1))
    grainy = scene * (1 + 0.02 * np.random.default_rng(8).normal(size=scene.shape))
    for one in estimate_mosaic(noisy(grainy, 9, 1e-4, 1e-6), "RGGB"):
        assert abs(error_at(one, 0.18, 1e-4, 1e-6)) < 0.06  # without a term for it 0.10; taken for noise 0.29


@pytest.mark.parametrize("power", [2.4, 3.0])
def test_texture_that_grows_fast_with_light_does_not_bend_the_line(power: float) -> None:
    """As in kodim23 with its tone curve undone; held to powers near 1.7 the fit was 10 and 25 % too low."""
    shot, read = 2.1e-4, 8e-8  # D850 at ISO 800 (sensors/nikon-d850.toml)
    scene = np.tile(np.geomspace(0.02, 0.5, 768), (512, 1))
    texture = 0.03 * 0.18 * (scene / 0.18) ** (power / 2)
    rough = scene + texture * np.random.default_rng(1).normal(size=scene.shape)
    for one in estimate_mosaic(noisy(np.maximum(rough, 0), 2, shot, read), "RGGB"):
        assert abs(error_at(one, 0.18, shot, read)) < 0.05


def test_texture_like_noise_at_every_level_errs_upward() -> None:
    """What no estimator can know from one frame."""
    both = noisy(noisy(gradient(0.02, 0.7), 5, 3 * SHOT, 3 * READ), 6)
    for one in estimate_mosaic(both, "RGGB"):
        assert 0.85 < error_at(one, 0.18) < 1.1  # sqrt(1 + 3) - 1


def test_coarse_quantization_counts_as_read_noise() -> None:
    step = math.sqrt(READ)
    found = estimate_mosaic(np.round(noisy(gradient(0, 0.5), 7) / step) * step, "RGGB")
    for one in found:
        assert abs(error_at(one, 0.18, read=READ + step**2 / 12)) < 0.05


def test_a_color_that_the_camera_scaled_keeps_its_own_line() -> None:
    """Gains of 1.3 and 0.8 before the file was written."""
    scene, lines = gradient(0, 0.6, 768), {}
    for i, (color, gain) in enumerate(zip("GBRG", (1.0, 0.8, 1.3, 1.0), strict=True)):
        lines[color] = Noise(SHOT, READ).amplified(gain)
        at = np.s_[i // 2 :: 2, i % 2 :: 2]
        scene[at] = noisy(scene[at], 10 + i, *lines[color])
    for color, one in zip("RGB", estimate_mosaic(scene, "GBRG"), strict=True):
        assert abs(error_at(one, 0.3, *lines[color])) < 0.05, color


def test_large_frames_are_sampled_all_over() -> None:
    """The top third is nothing but texture; patches from all over find the rest."""
    signal = noisy(np.tile(np.linspace(0, 0.8, 1200), (2400, 1)), 11)
    signal[:800] += np.random.default_rng(12).normal(0, 0.2, (800, 1200))
    for one in estimate_mosaic(signal, "RGGB"):
        assert one.patches < 30_000
        assert abs(error_at(one, 0.18)) < 0.05


def test_one_level_gives_its_noise_and_wide_errors() -> None:
    for one in estimate_mosaic(noisy(np.full((256, 256), 0.3), 13), "RGGB"):
        assert abs(error_at(one, 0.3)) < 0.08  # up to a twelfth of it passes for texture
        assert one.shot_error > 0.07 * SHOT
        assert one.read_error > 0.3 * READ


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        (np.full((96, 96), 0.5), "no noise in the frame"),
        (np.full((96, 96), 1.0), "not clipped throughout"),
        (np.full((96, 96), 1.3), "not clipped throughout"),
        (np.zeros((16, 400)), "64 x 64 photosites or more, got 16 x 400; give a larger piece"),
        (np.zeros((96, 96, 3)), "one frame at a time"),
        (np.where(np.eye(96) > 0, np.nan, 0.5), "96 of 9216 values are NaN or infinite; repair or crop"),
        (np.where(np.eye(96) > 0, np.inf, 0.5), "96 of 9216 values are NaN or infinite"),
    ],
)
def test_what_tells_nothing_is_refused(signal: Array, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        estimate_mosaic(signal, "RGGB")


def mosaic_of(path: Path) -> Array:
    """Linear light of an sRGB picture (IEC 61966-2-1), through RGGB."""
    code = np.asarray(Image.open(path).convert("RGB")) / 255
    light = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    height, width = (side // 2 * 2 for side in light.shape[:2])
    mosaic = np.empty((height, width))
    for row, column in product((0, 1), (0, 1)):
        mosaic[row::2, column::2] = light[row:height:2, column:width:2, row + column]
    return mosaic


def photon_noise(scene: Array, gain: float, read_std: float, seed: int) -> tuple[Array, float, float]:
    """A 14-bit raw, black 512, of a scene with white at 1: the signal and its true shot and read."""
    rng, levels = np.random.default_rng(seed), 16383 - 512
    dn = rng.poisson(scene * levels / gain) * gain + rng.normal(0, read_std, scene.shape) + 512
    signal = (np.clip(np.round(dn), 0, 16383) - 512) / levels
    return signal, gain / levels, (read_std**2 + 1 / 12) / levels**2


NAMES = (  # the first line of tools/bench_noise_estimate.py, which says how they were drawn
    "kodak/kodim01", "kodak/kodim02", "kodak/kodim03", "kodak/kodim07", "kodak/kodim10", "kodak/kodim11",
    "kodak/kodim17", "kodak/kodim21", "mcmaster/mcm03", "mcmaster/mcm09", "mcmaster/mcm15", "mcmaster/mcm17",
)  # fmt: skip
SENSORS = [(1.5301, 6.376), (6.1203, 7.153), (24.481, 25.953)]  # A7S II: DN/e-, DN rms with rows (sensors/)


def errors(data: Path, clipped: float) -> Iterator[float]:
    for number, name in enumerate(NAMES):
        gain, std = SENSORS[number % 3]
        scene = mosaic_of(data / "pictures" / "bench" / f"{name}.webp")
        scene = scene / np.quantile(scene, 1 - clipped) if clipped else scene
        signal, shot, read = photon_noise(scene, gain, std, number)
        yield from (error_at(one, 0.18, shot, read) for one in estimate_mosaic(signal, "RGGB"))


@pytest.mark.data
@pytest.mark.parametrize(("clipped", "most"), [(0.0, 0.10), (0.05, 0.20)])
def test_noise_of_pictures_at_mid_gray(data: Path, clipped: float, most: float) -> None:
    """Twelve pictures, each at ISO 1600, 6400 or 25600 (at all three: tools/bench_noise_estimate.py).

    With 5 % clipped the aim is 10 % too, and is not reached: the scenes are brighter, and with them the grain of these
    pictures, which is no noise of the sensor. Halved pictures reach it.
    """
    assert np.median(np.abs(list(errors(data, clipped)))) < most


def shares(scene: Array, seed: int) -> tuple[Array, Array]:
    """Level, and variance over the truth, of each level set of a noisy scene that is cut off at 1."""
    lines = np.full(3, SHOT), np.full(3, READ)
    patches = level_sets.patches(np.minimum(noisy(scene, seed), 1), "RGGB", low=-math.inf, high=1.0)
    chosen, _ = level_sets.quietest(patches)
    for _ in range(3):
        sets, chosen = level_sets.measure(patches, chosen, *lines, low=-math.inf, high=1.0)
    return sets.level, sets.share / (sets.signals @ lines[0] + sets.ones @ lines[1])


def test_a_slope_is_no_noise_in_the_dark() -> None:
    """From patch to patch the light grows by more than the noise at black; without slopes taken out it is 2, not 1."""
    level, share = shares(gradient(0, 0.8), 14)
    assert abs(share[level < 0.03].mean() - 1) < 0.15
    assert abs(share.mean() - 1) < 0.04


def test_levels_within_reach_of_the_plateau_are_left_out() -> None:
    """Half of the frame lies two deviations below it: its patches that are not cut off have low noise by chance."""
    scene = np.full((512, 512), 0.3)
    scene[256:] = 1 - 2 * math.sqrt(SHOT + READ)
    level, _ = shares(scene, 15)
    assert level.max() < 1 - 3.5 * math.sqrt(SHOT + READ)


def test_blas_keeps_its_threads_where_estimates_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their number is the process's: the first leaves while the second is inside or waits, then the second leaves."""
    entered, leave = [Event(), Event()], [Event(), Event()]
    seen: list[set[int]] = []

    def waiting(signal: Array, *_: object) -> tuple[Estimate, ...]:
        which = int(signal[0, 0])
        entered[which].set()
        assert leave[which].wait(20)
        seen.append(blas_threads())
        if which:
            raise ValueError("a failure leaves as well")
        return ()

    monkeypatch.setattr(estimate, "_estimated", waiting)
    before = max(blas_threads())
    set_blas_threads(2)
    try:
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(estimate_mosaic, np.zeros((64, 64)), "RGGB")
            assert entered[0].wait(20)
            second = pool.submit(estimate_mosaic, np.ones((64, 64)), "RGGB")
            entered[1].wait(0.5)  # it may have to wait for the first; if it need not, it is in by now
            leave[0].set()
            assert first.result(20) == ()
            leave[1].set()
            with pytest.raises(ValueError, match="leaves as well"):
                second.result(20)
        assert seen == [{1}, {1}]
        assert blas_threads() == {2}
    finally:
        set_blas_threads(before)


def blas_threads() -> set[int]:
    return {one.num_threads for one in ThreadpoolController().select(user_api="blas").lib_controllers}


def set_blas_threads(number: int) -> None:
    """From a thread that ends: threadpoolctl 3.8 lets no other thread set the number while one lives that has."""
    setter = Thread(target=threadpool_limits, kwargs={"limits": number, "user_api": "blas"})
    setter.start()
    setter.join()
