"""Bands by the memory of a device: none too large, none that shows, no file lost."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from deepisp.develop import bands, device_memory, plan, tensors
from deepisp.develop.device_memory import LEAST, MOST, rows_that_fit
from deepisp.develop.settings import Settings
from deepisp.raw.image import Area
from deepisp.sensor.cfa import XTRANS, colors
from deepisp.sensor.noise import Noise
from tests.develop.test_pipeline import QUAD, gain_maps, linear_frame, random_light, sensor_frame

NEUTRAL = np.array([0.6, 1.0, 0.7])
FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def solved_for(cfa, height=145, width=82, changes=None, **settings):
    light = np.minimum(random_light(height, width) * 1.4 * NEUTRAL[:, None, None], 1)
    if not cfa:
        return plan.solve(linear_frame(light, NEUTRAL), Settings(**settings))
    if colors(cfa) == "W":
        light = light[:1]
    told = {"as_shot_neutral": NEUTRAL, "noise": (Noise(1e-3, 1e-5),) * 3} if len(light) == 3 else {}
    frame = sensor_frame(cfa, light, **told)
    return plan.solve(replace(frame, **(changes or {})), Settings(**settings))


@pytest.fixture
def lack(monkeypatch):
    """Makes bands of more than so many rows raise an error; the list of the bands that were tried."""
    tried, planes = [], tensors._Light.planes

    def given(most, error=FULL):
        def limited(self, start, stop):
            tried.append((start, stop))
            if stop - start > most:
                raise error
            return planes(self, start, stop)

        monkeypatch.setattr(tensors._Light, "planes", limited)
        return tried

    return given


@pytest.mark.parametrize(
    ("cfa", "settings", "changes"),
    [
        ("GRBG", {}, {}),
        ("GRBG", {"highlights": "reconstruct"}, {}),
        ("RGGB", {"highlights": "blend"}, {"opcode_list_2": gain_maps((145, 82))}),
        ("RGGB", {"size": 60}, {"default_crop": Area(31, 5, 110, 70)}),
        ("RGGB", {"tone": "none"}, {"default_crop": Area(31, 5, 110, 70)}),
        ("RGGB", {"half": True}, {}),
        ("RGGB", {"half": True, "size": 30}, {}),
        ("RGGB", {"model": "none", "highlights": "reconstruct"}, {"opcode_list_2": gain_maps((145, 82))}),
        (XTRANS, {"highlights": "reconstruct"}, {}),
        (XTRANS, {"half": True}, {}),
        (QUAD, {"highlights": "reconstruct"}, {}),
        ("W", {}, {}),
        ("", {"half": True}, {}),
    ],
)
def test_bands_do_not_show(cfa, settings, changes, monkeypatch, device):
    solved = solved_for(cfa, changes=changes, **settings, bits=32)
    assert (solved.network == "fast") == (len(cfa) == 4 and not {"half", "model"} & set(settings))
    whole = tensors.render(solved, device=device)
    monkeypatch.setattr(device_memory, "MOST", 48)
    small = tensors.render(solved, device=device)
    assert small.shape == whole.shape
    # bfloat16 on a GPU: another shape, another order of sums, another last bit.
    assert np.abs(small - whole).max() < (1e-2 if solved.network and device == "cuda" else 1e-5)


def test_a_lack_of_memory_halves_the_bands_that_follow(lack, monkeypatch):
    solved = solved_for("RGGB", bits=32)
    expected = tensors.render(solved, device="cpu")
    emptied = []
    # While the error is handled its traceback keeps the tensors, and emptying would free nothing.
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(sys.exc_info()[0]))
    tried, lines = lack(50), []
    pixels = tensors.render(solved, device="cpu", warn=lines.append)
    assert tried == [(0, 145), (0, 48), (48, 96), (96, 144), (144, 145)]
    assert emptied == [None]
    assert np.abs(pixels - expected).max() < 1e-5
    assert lines == []


def test_a_lack_of_memory_for_color_and_tone_is_one_too(monkeypatch):
    solved = solved_for("RGGB", bits=32, size=140)
    assert solved.needs_whole
    expected, finish, tried = tensors.render(solved, device="cpu"), tensors.finish, []

    def limited(light, solved):
        tried.append(light.shape[1])
        if light.shape[1] > 100:
            raise FULL
        return finish(light, solved)

    monkeypatch.setattr(tensors, "finish", limited)
    assert np.abs(tensors.render(solved, device="cpu") - expected).max() < 1e-5
    assert tried == [140, 48, 48, 44]


@pytest.mark.parametrize(
    "error",
    [FULL, *(RuntimeError(f"{one} when calling it") for one in device_memory._LACKS)],
    ids=lambda error: str(error)[:24],
)
@pytest.mark.parametrize("settings", [{}, {"size": 40}])
def test_the_last_resort_is_the_cpu_path(settings, error, lack):
    solved = solved_for("RGGB", **settings)
    tried, lines = lack(0, error), []
    pixels = tensors.render(solved, device="cpu", warn=lines.append)
    assert np.array_equal(pixels, bands.render(solved))
    assert lines == ["not enough memory on cpu; developed on the CPU"]
    assert tried[-1] == (0, LEAST)


def test_a_device_that_is_full_before_it_begins_loses_no_file(monkeypatch):
    def full(*_, **__):
        raise RuntimeError("CUDA error: out of memory")

    solved, lines = solved_for("RGGB"), []
    monkeypatch.setattr(torch, "empty", full)
    pixels = tensors.render(solved, device="cuda", warn=lines.append)
    monkeypatch.undo()
    assert np.array_equal(pixels, bands.render(solved))
    assert lines == ["not enough memory on cuda; developed on the CPU"]


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, getattr(torch, "AcceleratorError", RuntimeError)])
def test_no_other_error_is_swallowed(kind, lack):
    tried = lack(0, kind("CUDA error: an illegal memory access was encountered"))
    with pytest.raises(kind, match="illegal memory access"):
        tensors.render(solved_for("RGGB"), device="cpu")
    assert tried == [(0, 145)]


@pytest.mark.parametrize(
    ("free", "kept", "rows"),
    [
        (2**30, 0, 144),  # 2^29 / (6000 * 512) = 174: three steps of 48
        (2**29, 2**29, 144),
        (0, 0, LEAST),
        (2**40, 0, MOST),
    ],
)
def test_bands_take_half_of_what_is_free(free, kept, rows, monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free, 2**41))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: kept + 2**20)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 2**20)
    assert rows_that_fit(torch.device("cuda"), 6000) == rows
    assert rows_that_fit(torch.device("cpu"), 6000) == MOST


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("mebibytes", [1, 300])
def test_a_real_lack_of_memory_loses_no_file(mebibytes):
    solved = solved_for("RGGB", 1536, 3000)
    expected, lines = tensors.render(solved, device="cuda"), []
    torch.cuda.empty_cache()
    allowed = torch.cuda.memory_reserved() + mebibytes * 2**20
    torch.cuda.set_per_process_memory_fraction(allowed / torch.cuda.get_device_properties(0).total_memory)
    try:
        pixels = tensors.render(solved, device="cuda", warn=lines.append)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert np.abs(pixels.astype(int) - expected).max() <= 3  # bfloat16
    assert bool(lines) == (mebibytes == 1)
