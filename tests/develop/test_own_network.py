"""Developing with a file of weights: it is taken, known by what is in it, and refused with one line."""

from pathlib import Path

import numpy as np
import pytest

import deepisp
from deepisp.develop.settings import Settings
from deepisp.networks import zoo
from deepisp.networks.jdd import JDD
from deepisp.sensor.cfa import XTRANS
from tests.develop.test_learned_path import noisy_frame


def save(path: Path, *, brightness: float = 1.0, cfa: str = "RGGB") -> Path:
    """Weights of a network that only scales its mosaic, so far as a linear filter does."""
    net = JDD(cfa, width=4, blocks=1)
    net.tail.weight.data.zero_()
    net.base.weight.data.mul_(brightness)
    tensors = {name: one.numpy() for name, one in net.state_dict().items()}
    zoo.save(path, zoo.Weights(cfa, 4, 1, False, 1.0, tensors))
    return path


def test_the_file_is_what_develops(tmp_path: Path) -> None:
    frame, _ = noisy_frame(height=80, width=80)
    plain = {"tone": "none", "color": "camera", "bits": 32}
    one, half = (
        deepisp.develop(frame, model=save(tmp_path / f"{name}.safetensors", brightness=value), **plain)
        for name, value in (("one", 1.0), ("half", 0.5))
    )
    assert np.allclose(half, one / 2, atol=1e-6)


def test_the_settings_know_the_file_by_its_content(tmp_path: Path) -> None:
    path = save(tmp_path / "own.safetensors")
    before = Settings(model=str(path)).digest()
    assert Settings(model=path).digest() == before != Settings().digest()
    save(path, brightness=0.9)
    assert Settings(model=path).digest() != before


def test_another_sensor_is_developed_without_it(tmp_path: Path) -> None:
    frame, _ = noisy_frame(XTRANS, 80, 80)
    lines: list[str] = []
    pixels = deepisp.develop(frame, model=save(tmp_path / "own.safetensors"), warn=lines.append)
    assert np.array_equal(pixels, deepisp.develop(frame, model="none"))
    assert any("own.safetensors" in line and "without denoising" in line for line in lines)


def test_what_is_no_file_of_weights_is_said(tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"no weights")
    with pytest.raises(
        ValueError,
        match=r"^model: must be auto, fast, quality, dark, none or a file of weights; slow: No such",
    ):
        Settings(model="slow")
    with pytest.raises(ValueError, match=r"^model: .*picture\.png: no weights of deepisp"):
        Settings(model=tmp_path / "picture.png")


def test_a_file_that_was_written_anew_is_read_anew(tmp_path: Path) -> None:
    frame, _ = noisy_frame(height=80, width=80)
    path, plain = tmp_path / "own.safetensors", {"tone": "none", "color": "camera", "bits": 32}
    for how in ({}, {"device": "cpu:0"}):  # both paths
        whole = deepisp.develop(frame, model=save(path), **plain, **how)
        half = deepisp.develop(frame, model=save(path, brightness=0.5), **plain, **how)
        assert np.allclose(half, whole / 2, atol=1e-6)
