"""The physical domain's protocol, on paper and with methods whose errors are known."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from deepisp.data import noises, unprocess
from deepisp.develop.demosaic import arrays
from deepisp.networks import zoo
from deepisp.networks.jdd import JDD
from deepisp.sensor.noise import Noise
from deepisp.train import contenders, denoisers, evaluate_linear, metrics
from deepisp.train.evaluate_linear import Shooting

CANON = "canon-70d:3200"


def picture(seed: int = 1, height: int = 84, width: int = 148) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def gray(level: int = 128) -> np.ndarray:
    return np.full((84, 148, 3), level, np.uint8)


def test_a_gray_is_gray_and_white_gives_four_fifths() -> None:
    """sRGB 128 is light 0.2159, and display white lies at 0.8 of the white level."""
    taken = evaluate_linear.take(gray(), Shooting.of("canon-70d:100"), number=3)
    assert taken.truth == pytest.approx(
        np.full((84, 148, 3), 0.8 * ((128 / 255 + 0.055) / 1.055) ** 2.4), rel=1e-4
    )
    assert float(taken.mosaic.mean()) == pytest.approx(float(taken.truth.mean()), rel=1e-3)
    assert not taken.draw.is_toned


def test_the_matrix_is_the_cameras() -> None:
    shooting = Shooting.of(CANON)
    known = noises.known("canon-70d").color[0].xyz_to_camera
    wanted = unprocess.of_camera(np.array(known)).srgb_to_camera
    draws = [evaluate_linear.take(gray(), shooting, number=number).draw for number in (0, 1)]
    for draw in draws:
        assert draw.srgb_to_camera == pytest.approx(wanted, abs=1e-6)
    assert not torch.equal(draws[0].neutral, draws[1].neutral)  # each picture has its own light


def test_the_noise_is_the_cameras_after_white_balance() -> None:
    """The lines against the profile's numbers, and the mosaic against the lines, to 5 standard errors."""
    flat = np.full((400, 400, 3), 128, np.uint8)
    taken = evaluate_linear.take(flat, Shooting.of(CANON), number=0)
    line = noises.known("canon-70d").noise(3200).noise[None]
    level = float(taken.truth[0, 0, 0])
    for noise, neutral, at in zip(
        taken.noise, taken.draw.neutral.tolist(), ((0, 0), (0, 1), (1, 1)), strict=True
    ):
        assert noise == pytest.approx((line.shot / neutral, line.read / neutral**2), rel=1e-5)
        seen = taken.mosaic[at[0] :: 2, at[1] :: 2].astype(np.float64)
        variance = noise.shot * level + noise.read
        assert abs(seen.var() - variance) < 5 * variance * math.sqrt(2 / seen.size)


def test_methods_see_the_same_and_isos_the_same_scene() -> None:
    first, again = (evaluate_linear.take(picture(), Shooting.of(CANON), number=2) for _ in range(2))
    assert (first.mosaic == again.mosaic).all()
    other = evaluate_linear.take(picture(), Shooting.of("canon-70d:100"), number=2)
    assert (first.truth == other.truth).all()
    assert (first.mosaic != other.mosaic).any()
    assert (evaluate_linear.take(picture(), Shooting.of(CANON), number=1).mosaic != first.mosaic).any()


def scored(change, pictures, name=CANON):
    """The score of a method that knows the truth and changes it."""
    shooting = Shooting.of(name)
    takes = iter([evaluate_linear.take(one, shooting, number=number) for number, one in enumerate(pictures)])
    return evaluate_linear.score(lambda *_: change(next(takes)), pictures, shooting)


def test_the_truth_has_no_error() -> None:
    found = scored(lambda taken: taken.truth, [picture(), picture(2)])
    assert (found.psnr, found.worst, found.srgb_psnr) == (math.inf,) * 3
    assert found.delta_e == pytest.approx(0, abs=1e-6)
    assert found.color_shift == 0
    assert found.pictures == 2


def test_a_known_offset_is_a_known_shift() -> None:
    """0.01 too much of blue: 1 % of white; its square, a third of the mean square of all colors."""
    found = scored(lambda taken: taken.truth + np.float32((0, 0, 0.01)), [gray(), gray()])
    assert found.color_shift == pytest.approx(1, rel=1e-4)
    assert found.psnr == pytest.approx(40 + 10 * math.log10(3), abs=1e-3)


def test_offsets_do_not_cancel() -> None:
    """+0.01 in the left square of 64, -0.01 in the right one: no error of the mean, but one of each square."""
    truth = np.full((84, 148, 3), 0.5)  # 64 x 128 without the border
    output = truth + np.where(np.arange(148) < 74, 0.01, -0.01)[:, None]
    assert evaluate_linear.local_error(output, truth) == pytest.approx(np.full(3, 0.01))
    checks = truth + np.where(np.arange(148) % 2, 0.01, -0.01)[:, None]
    assert evaluate_linear.local_error(checks, truth) == pytest.approx(np.zeros(3), abs=1e-12)


def test_the_mean_is_over_pictures() -> None:
    errors = iter((0.1, 0.01))
    found = scored(lambda taken: taken.truth + np.float32(next(errors)), [gray(), gray()])
    assert (found.psnr, found.worst) == pytest.approx((30, 20), abs=1e-3)
    assert found.color_shift == pytest.approx(5.5, rel=1e-4)


def test_srgb_is_what_a_display_shows() -> None:
    """A gray of 128 shown as one of 118."""
    light = ((np.array([118, 128]) / 255 + 0.055) / 1.055) ** 2.4
    found = scored(lambda taken: taken.truth * np.float32(light[0] / light[1]), [gray()])
    assert found.srgb_psnr == pytest.approx(-20 * math.log10(10 / 255), abs=1e-2)
    shown = [np.full((40, 40, 3), one / 255) for one in (118, 128)]
    assert found.delta_e == pytest.approx(metrics.delta_e(*shown), rel=1e-3)


def test_saturated_light_is_white() -> None:
    taken = evaluate_linear.take(gray(255), Shooting.of("canon-70d:100"), number=0)
    assert taken.truth.max() > 1.5  # red and blue after their gains
    seen = evaluate_linear.seen(taken.truth, taken.draw)
    assert seen == pytest.approx(np.ones_like(seen), abs=1e-5)


def test_no_pictures_are_said() -> None:
    with pytest.raises(ValueError, match="no pictures"):
        evaluate_linear.score(lambda mosaic, _: mosaic, [], Shooting.of(CANON))


@pytest.mark.parametrize("name", ["menon+wavelet", "menon+nlm"])
def test_denoisers_are_told_the_noise(name: str) -> None:
    """A camera's ramp: half the mean square error or less, and the means stay; without noise, Menon itself."""
    ramp = np.broadcast_to(np.linspace(20, 200, 96).astype(np.uint8)[:, None], (64, 96, 3))
    taken = evaluate_linear.take(ramp, Shooting.of("canon-70d:6400"), number=0)
    plain, better = (contenders.named(one)(taken.mosaic, taken.noise) for one in ("menon", name))
    assert metrics.psnr(better, taken.truth) > metrics.psnr(plain, taken.truth) + 3
    assert better.mean((0, 1)) == pytest.approx(plain.mean((0, 1)), rel=0.01)
    contender = contenders.named(name)
    assert (contender(taken.mosaic, 0.0) == plain).all()
    told_less = contender(taken.mosaic, [Noise(one.shot / 100, one.read / 100) for one in taken.noise])
    assert np.abs(told_less - plain).mean() < 0.3 * np.abs(better - plain).mean()


def test_white_noise_is_a_deviation() -> None:
    rng = np.random.default_rng(1)
    flat = (0.5 + 0.1 * rng.standard_normal((64, 64, 3))).astype(np.float32)
    for name in denoisers.DENOISERS:
        assert denoisers.denoised(flat, 0.1, name).std() < 0.05
        assert denoisers.denoised(flat, 0.001, name).std() > 0.09


def test_a_dark_mean_stays() -> None:
    """Three electrons: undoing the transform of their mean, rather than unbiased, would lose a quarter of one, 8 %."""
    line = Noise(0.01, 1e-6)
    rng = np.random.default_rng(2)
    dark = (rng.poisson(3, (64, 64, 3)) * 0.01 + 1e-3 * rng.standard_normal((64, 64, 3))).astype(np.float32)
    for name in denoisers.DENOISERS:
        assert denoisers.denoised(dark, (line,) * 3, name).mean() == pytest.approx(0.03, rel=0.04)


def test_a_network_is_told_the_noise(tmp_path: Path) -> None:
    net = JDD(width=8, blocks=1)
    tensors = {name: one.numpy() for name, one in net.state_dict().items()}
    zoo.save(tmp_path / "w.safetensors", zoo.Weights("RGGB", 8, 1, False, 0.1, tensors))
    taken = evaluate_linear.take(picture(), Shooting.of(CANON), number=0)
    file = str(tmp_path / "w.safetensors")
    wanted = arrays.demosaic(taken.mosaic, noise=taken.noise, method=file)
    assert (contenders.named(file)(taken.mosaic, taken.noise) == wanted).all()
    assert np.abs(wanted - arrays.demosaic(taken.mosaic, method=file)).max() > 1e-4
