"""`deepisp calibrate from-picture`: one raw file in, its noise out."""

import json
import math
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

import deepisp as deepisp_package
from deepisp.calibrate import from_picture
from deepisp.picture.dng import write_dng
from deepisp.raw.image import Exif, RawImage
from deepisp.sensor.estimate import Estimate
from deepisp.sensor.noise import Noise

BLACK, LEVELS, SHOT, READ = 512, 15871, 1e-3, 2e-5
Call = Callable[..., Result]


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    """A gradient of 256 x 512 photosites at ISO 1600, 14 bits."""
    scene = np.tile(np.linspace(0, 0.8, 512), (256, 1))
    signal = scene + np.random.default_rng(1).normal(size=scene.shape) * np.sqrt(SHOT * scene + READ)
    levels = {
        "black_level": np.full((2, 2), float(BLACK)),
        "white_level": np.full((2, 2), float(BLACK + LEVELS)),
    }
    raw = RawImage(
        mosaic=np.round(signal * LEVELS + BLACK).clip(0, 16383).astype(np.uint16), cfa="RGGB", **levels
    )
    raw = replace(raw, maker="Acme", model="One", exif=Exif(iso=1600.0))
    write_dng(raw, tmp_path / "frame.dng")
    return tmp_path / "frame.dng"


def test_json_names_the_noise_of_each_color(frame: Path, deepisp: Call) -> None:
    result = deepisp("calibrate", "from-picture", frame, "--json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert (told["camera"], told["iso"]) == ({"maker": "Acme", "model": "One"}, 1600)
    planes = told["planes"]
    assert [plane["color"] for plane in planes] == list("RGB")
    for plane in planes:
        assert set(plane) == {"color", "shot", "read", "shot_error", "read_error"}
        std = math.sqrt(plane["shot"] * 0.18 + plane["read"])
        assert std == pytest.approx(math.sqrt(SHOT * 0.18 + READ), rel=0.06)


def test_without_json_there_is_a_table(frame: Path, deepisp: Call) -> None:
    head, *lines, meaning = deepisp("calibrate", "from-picture", frame).stdout.splitlines()
    assert meaning.startswith("variance = shot * signal + read")
    assert head.split()[:3] == ["color", "shot", "read"]
    assert [line.split()[0] for line in lines] == ["R", "G", "B"]


def test_a_profile_is_written_and_added_to(frame: Path, deepisp: Call, tmp_path: Path) -> None:
    profile = tmp_path / "camera.toml"
    for _ in range(2):  # the second time in place of the first
        result = deepisp("calibrate", "from-picture", frame, "-o", profile)
        assert result.exit_code == 0, result.stderr
    (group,) = tomllib.loads(profile.read_text())["conversion_gains"]
    assert [entry["color"] for entry in group["entries"]] == list("RGB")
    for entry in group["entries"]:
        assert 0 < entry["shot_error"] < entry["shot"]
        assert entry["read_error"] > 0


def test_what_flats_told_is_kept(frame: Path, deepisp: Call, tmp_path: Path) -> None:
    profile = tmp_path / "camera.toml"
    text = (
        'maker = "Acme"\nmodels = ["One"]\n[[conversion_gains]]\niso_min = 1600\niso_max = 1600\n'
        'source = "deepisp calibrate photon-transfer: pairs of flats, 16 darks"\n'
        'entries = [{ iso = 1600, color = "R", gain = 1.0, read_std_dn = 2.0 }]\n'
    )
    profile.write_text(text)
    result = deepisp("calibrate", "from-picture", frame, "-o", profile)
    assert result.exit_code == 4
    assert result.stderr.count("\n") == 1
    assert "camera.toml: flats told the noise of ISO 1600" in result.stderr
    assert "write to another file with -o" in result.stderr
    assert profile.read_text() == text


def test_a_frame_without_noise_is_one_line(tmp_path: Path, deepisp: Call) -> None:
    levels = {"black_level": np.full((2, 2), 0.0), "white_level": np.full((2, 2), 1000.0)}
    flat = RawImage(mosaic=np.full((128, 128), 500, np.uint16), cfa="RGGB", **levels)
    write_dng(flat, tmp_path / "flat.dng")
    result = deepisp("calibrate", "from-picture", tmp_path / "flat.dng", "--json")
    assert result.exit_code == 4
    assert not result.stdout
    assert result.stderr.count("\n") == 1
    assert "no noise in the frame" in result.stderr


def test_what_is_unlikely_is_said_on_one_line_each(frame: Path, deepisp: Call, tmp_path: Path) -> None:
    raw = deepisp_package.read(frame)
    assert from_picture.doubts(raw, [estimate(SHOT, READ)] * 3) == ()
    rounding = 1 / 12 / LEVELS**2
    (low,) = from_picture.doubts(raw, [estimate(SHOT, READ)] * 2 + [estimate(SHOT, 0.9 * rounding)])
    assert low.startswith("read of B lies below 3.3e-10")  # by hand: 1 / 12 / 15871^2
    unsure = estimate(SHOT, READ, shot_error=1.1 * SHOT, read_error=2 * READ)
    (wide,) = from_picture.doubts(raw, [estimate(SHOT, READ), unsure, unsure])
    assert wide.startswith("shot of G, B and read of G, B: the standard error is larger than the value")
    said = replace(raw, noise=(Noise(SHOT, READ),) * 3)
    for factor, is_doubted in ((1.4**2, False), (1.6**2, True), (1 / 1.4**2, False), (1 / 1.6**2, True)):
        found = [estimate(SHOT * factor, READ * factor)] * 3
        assert ["NoiseProfile" in line for line in from_picture.doubts(said, found)] == [True] * is_doubted
    # The three colors' estimates lie within 6 % of the truth, so twice a NoiseProfile of a quarter of it.
    write_dng(replace(raw, noise=(Noise(SHOT / 4, READ / 4),) * 3), tmp_path / "quiet.dng")
    result = deepisp("calibrate", "from-picture", tmp_path / "quiet.dng", "--json")
    (line,) = result.stderr.splitlines()
    assert line.startswith(
        f"warning: {tmp_path / 'quiet.dng'}: the deviation at signal 0.18 is 1.9 times that of"
    )
    assert json.loads(result.stdout)["warnings"] == [line.partition("quiet.dng: ")[2]]


def estimate(shot: float, read: float, *, shot_error: float = 1e-12, read_error: float = 1e-12) -> Estimate:
    return Estimate(Noise(shot, read), shot_error, read_error, 0.0, 1)
