"""How much light a frame lacks: found, given, refused; and what is made of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import deepisp
from deepisp.develop import bands, device_memory, plan, tensors
from deepisp.develop.demosaic import methods
from deepisp.develop.settings import Settings
from deepisp.networks import zoo
from deepisp.networks.dark import Dark
from deepisp.raw.image import Area, RawImage
from deepisp.sensor.cfa import XTRANS
from deepisp.sensor.noise import Noise
from tests.develop.test_pipeline import linear_frame, sensor_frame

NEUTRAL = np.array([0.5, 1.0, 0.7])
NOISE = (Noise(1e-4, 4e-8),) * 3
LINEAR = {"tone": "none", "color": "linear-srgb", "bits": 32}


def scene(height: int = 480, width: int = 480) -> Any:
    """Well exposed light, (3, H, W): a dim room and a bright window; its brightest hundredth lies at 0.6 of white."""
    rows, columns = np.mgrid[:height, :width] / 90
    light = 0.1 + 0.05 * np.sin(rows) * np.cos(columns) * np.ones((3, 1, 1))
    light[:, 100:180, 200:300] = 0.6
    return light


def dark_frame(ratio: float, cfa: str = "RGGB", light: Any = None) -> RawImage:
    """A frame that saw so many times less than `scene`."""
    rng = np.random.default_rng(5)
    seen = (scene() if light is None else light) * NEUTRAL[:, None, None] / ratio
    seen = seen + rng.standard_normal(seen.shape) * np.sqrt(NOISE[0].variance(seen))
    return sensor_frame(cfa, seen, as_shot_neutral=NEUTRAL, noise=NOISE)


def lift(frame: RawImage, **changes: Any) -> float:
    return plan.solve(frame, Settings(**changes)).lift


@pytest.mark.parametrize("cfa", ["RGGB", "GBRG", XTRANS, "RRGGRRGGGGBBGGBB"])
@pytest.mark.parametrize("ratio", [30, 100, 300])
def test_a_dark_frame_is_lifted_to_where_it_would_have_been_exposed(cfa: str, ratio: float) -> None:
    assert lift(dark_frame(ratio, cfa)) == pytest.approx(ratio, rel=0.15)


def test_it_is_said_in_one_line() -> None:
    lines: list[str] = []
    deepisp.develop(dark_frame(100), warn=lines.append)
    said = [line for line in lines if "far underexposed" in line]
    assert len(said) == 1
    assert "--dark off" in said[0]


@pytest.mark.parametrize(
    ("why", "frame"),
    [
        ("there is light enough", dark_frame(8)),
        ("a veil", dark_frame(100, light=np.full((3, 480, 480), 0.5))),
        ("nothing but noise", dark_frame(1e5)),
        ("demosaiced", linear_frame(scene() / 100, np.ones(3))),
        ("noise that is not known", replace(dark_frame(100, light=scene().round(1)), noise=None)),
    ],
)
def test_no_frame_is_lifted_without_reason(why: str, frame: RawImage, monkeypatch: Any) -> None:
    monkeypatch.setattr("deepisp.develop.noise_source.of_picture", _unknown)
    assert lift(frame) == 1, why


def _unknown(_: RawImage) -> Any:
    raise ValueError("it tells nothing")


def test_who_does_not_want_it_does_not_get_it() -> None:
    frame = dark_frame(100)
    assert lift(frame, dark="off") == 1
    assert lift(frame, tone="none") == 1


def test_a_given_ratio_is_kept_to() -> None:
    """The picture is that of a frame that had so many times the light, whatever else it would tell."""
    frame = dark_frame(100)
    assert lift(frame, dark=37.5) == 37.5
    bright, dark = (
        deepisp.develop(frame, dark=ratio, model="none", **LINEAR).mean((0, 1)) for ratio in (100, 1)
    )
    assert np.allclose(bright, 100 * dark, rtol=1e-3)
    assert np.allclose(bright, scene().mean((1, 2)), rtol=0.05)


def test_a_lifted_picture_is_as_bright_as_its_full_exposure() -> None:
    lit = dark_frame(1)
    shown = [deepisp.develop(frame, dark=ratio) for frame, ratio in ((lit, 1), (dark_frame(100), 100))]
    assert abs(shown[0].mean() - shown[1].mean()) < 3  # of 255


def test_a_ratio_of_one_is_a_given_one() -> None:
    """No exposure is searched for: twice the ratio is twice the light, from 1 on."""
    one, two = (plan.solve(dark_frame(100), Settings(dark=ratio)).matrix for ratio in (1, 2))
    assert np.allclose(two, 2 * one)


def test_camera_colors_are_lifted_too() -> None:
    frame = dark_frame(100)
    whole = deepisp.develop(frame, dark=100, model="none", color="camera", bits=32, tone="none")
    assert np.allclose(whole.mean((0, 1)), scene().mean((1, 2)), rtol=0.05)


@pytest.mark.parametrize("given", ["dim", "0.5", 0, -3, "nan", "inf", True, 1e6, None])
def test_what_is_no_ratio_is_said(given: Any) -> None:
    with pytest.raises(ValueError, match=r"^dark: must be auto, off or a ratio of 1 to 10000, got"):
        Settings(dark=given)


def test_a_ratio_may_be_a_number_or_text() -> None:
    assert Settings(dark=100).digest() == Settings(dark="100.0").digest() != Settings().digest()


def test_loud_noise_gets_the_network_that_knows_it() -> None:
    expected = zoo.for_sensor("bayer", "dark") or "fast"
    noisy = replace(dark_frame(300), noise=(Noise(2e-4, 4e-7),) * 3)
    solved = plan.solve(noisy, Settings(dark=300))
    assert solved.network == expected
    assert plan.solve(noisy, Settings(dark=300, model="fast")).network == "fast"
    assert plan.solve(dark_frame(300), Settings(dark="off")).network == "fast"
    assert solved.noise == plan.solve(noisy, Settings(dark="off")).noise  # of what the sensor gave


def test_the_network_of_the_dark_is_not_for_frames_that_hardly_have_noise() -> None:
    words = "is little for the dark network; fast keeps more detail"
    bright = replace(dark_frame(1), noise=(Noise(1e-4, 1e-7),) * 3)
    assert any(words in line for line in plan.solve(bright, Settings(model="dark")).warnings)
    assert not any(words in line for line in plan.solve(bright, Settings()).warnings)
    noisy = replace(dark_frame(300), noise=(Noise(2e-4, 4e-7),) * 3)
    assert not any(words in line for line in plan.solve(noisy, Settings(model="dark", dark=300)).warnings)


def test_a_network_is_not_shown_lamps_that_no_picture_has() -> None:
    """A hundred times the light makes 30 of what was 0.3 of white; pictures that networks learn from end near 1."""
    light = scene()
    light[:, 300:310, 300:310] = 30.0
    frame = dark_frame(100, light=light)
    solved = plan.solve(frame, Settings(dark=100, highlights="reconstruct"))
    shown = solved.signal_ceiling * solved.lift / solved.ceiling
    assert 1.5 < shown < 2.5
    bright = deepisp.develop(frame, dark=100, model="dark", **LINEAR)
    assert bright[303:307, 303:307].min() > 1  # white it stays
    dim = deepisp.develop(dark_frame(100), dark=100, model="dark", **LINEAR)
    around = np.s_[280:330, 280:330]
    far = np.ones((50, 50), bool)
    far[12:38, 12:38] = False  # a lamp's own edge
    assert np.abs(bright[around] - dim[around])[far].max() < 0.1


def test_a_frame_too_dark_to_tell_says_so() -> None:
    lines: list[str] = []
    deepisp.develop(dark_frame(1e4), warn=lines.append)
    assert "too dark to tell how much light it lacks; --dark RATIO lifts it all the same" in lines


def dark_weights(path: Path) -> str:
    """A random network of dark pictures, in a file."""
    torch.manual_seed(1)
    net = Dark(width=4, blocks=1)
    tensors = {name: one.detach().numpy() for name, one in net.state_dict().items()}
    zoo.save(path, zoo.Weights("RGGB", 4, 1, False, 1.0, tensors, "dark"))
    return str(path)


@pytest.mark.parametrize("cfa", ["RGGB", "GBRG"])
def test_both_paths_and_all_bands_give_one_picture(cfa: str, tmp_path: Path) -> None:
    """Also where the frame does not begin at a whole unit of the network, in height, width and phase."""
    frame = dark_frame(100, cfa, scene(900, 330))
    frame = replace(frame, default_crop=Area(30, 10, 880, 310))
    solved = plan.solve(frame, Settings(model=dark_weights(tmp_path / "d.safetensors"), dark=100, **LINEAR))
    fast, plain = bands.render(solved, threads=2), tensors.render(solved, device="cpu")
    assert fast.shape == (850, 300, 3)
    assert np.abs(fast - plain).max() < 0.03 * np.abs(plain).max()  # bfloat16
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(device_memory, "MOST", methods.STEP)
        assert np.abs(tensors.render(solved, device="cpu") - plain).max() < 1e-5 * np.abs(plain).max()


@pytest.mark.parametrize("render", [bands.render, lambda solved: tensors.render(solved, device="cpu")])
def test_strength_blends_with_what_has_all_its_noise(render: Any, tmp_path: Path) -> None:
    path = dark_weights(tmp_path / "d.safetensors")
    frame = dark_frame(100, light=scene(160, 150))

    def at(strength: float, model: str = path) -> Any:
        return render(plan.solve(frame, Settings(model=model, strength=strength, dark=100, **LINEAR)))

    assert np.allclose(at(0.3), 0.7 * at(0) + 0.3 * at(1), atol=1e-4)
    assert np.allclose(at(0), at(0, "fast"), atol=1e-4)


def test_noise_that_nobody_knows_is_not_left_to_the_network_of_dark_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told of no noise, it would show what it has never learned."""
    monkeypatch.setattr("deepisp.develop.noise_source.of_picture", _unknown)
    settings = Settings(model=dark_weights(tmp_path / "d.safetensors"), dark=100)
    solved = plan.solve(replace(dark_frame(100), noise=None), settings)
    assert solved.network == "fast"
    assert "nothing is known of its noise; not denoised" in solved.warnings


def test_a_demosaiced_file_is_denoised_where_its_lift_makes_noise_visible() -> None:
    frame = replace(linear_frame(scene(64, 64) / 100, np.ones(3)), noise=(Noise(1e-6, 1e-7),) * 3)
    assert plan.solve(frame, Settings()).network == ""
    assert plan.solve(frame, Settings(dark=100)).network == "fast"


def test_hot_photosites_of_dark_frames_are_repaired() -> None:
    frame = dark_frame(100)
    assert frame.mosaic is not None
    mosaic = frame.mosaic.copy()
    mosaic[[301, 322], 301] += 400  # two that a full exposure would not show
    values = plan.solve(replace(frame, mosaic=mosaic), Settings()).values
    assert (values[[301, 322], 301] < 200).all()
    assert (values == mosaic).mean() > 0.999
    assert (plan.solve(replace(frame, mosaic=mosaic), Settings(dark="off")).values == mosaic).all()


def test_a_given_ratio_counts_from_the_exposure_that_the_file_asks_for() -> None:
    frame = dark_frame(100)
    plain, brighter = (
        plan.solve(replace(frame, baseline_exposure_ev=ev), Settings(dark=100)).matrix for ev in (0.0, 1.0)
    )
    assert np.allclose(brighter, 2 * plain)


@pytest.mark.parametrize("model", ["dark", "quality"])
def test_a_sensor_without_the_network_gets_its_ordinary_one(model: str) -> None:
    lines: list[str] = []
    deepisp.develop(dark_frame(100, XTRANS, scene(96, 96)), model=model, dark=100, warn=lines.append)
    assert f"there is no {model} network for xtrans sensors; fast-xtrans in its place" in lines
