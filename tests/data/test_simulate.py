"""Simulated raw files: what they hold, that other programs read the same, and that they develop into the picture."""

import json
import shutil
import subprocess
from pathlib import Path

import colour
import numpy as np
import pytest
import rawpy
import tifffile
import torch

import deepisp
from deepisp.data import camera, optics, simulate
from deepisp.data.simulate import CELLS, Scene
from deepisp.data.unprocess import Draw
from deepisp.sensor import cfa
from deepisp.sensor.exposure import Sensor
from deepisp.sensor.noise import Noise

CELLS_ALL = [*cfa.BAYER, *CELLS.values()]
QUIET = camera.of_noise(Noise(1e-8, 4e-10))  # 1e8 electrons; a third of a DN


def scene(height=240, width=320):
    """A smooth picture of many colors, sRGB; what a demosaicing method can get wrong is not the question here."""
    rows, columns = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    waves = [np.sin(2 * np.pi * (k * rows + (3 - k) * columns) + k) for k in range(3)]
    return np.stack([np.uint8(128 + 90 * wave) for wave in waves], -1)


def delta_e(seen, wanted):
    lab = [colour.XYZ_to_Lab(colour.sRGB_to_XYZ(np.asarray(one) / 255)) for one in (seen, wanted)]
    return colour.difference.delta_E_CIE2000(*lab)


@pytest.mark.parametrize("cell", ["RGGB", "GBRG", "xtrans", "quad"])
@pytest.mark.parametrize("known", ["random", "nikon-d850"])
def test_a_raw_file_develops_into_its_picture(cell, known, tmp_path):
    picture = scene()
    shot_by = QUIET if known == "random" else camera.named(known, 100)
    made = simulate.raw(
        picture, camera=shot_by, cfa=cell, seed=4, scene=Scene(is_toned=False, brightness=0.8)
    )
    deepisp.write_dng(made.raw, tmp_path / "a.dng")
    developed = deepisp.develop(tmp_path / "a.dng", tone="none", ev=float(-np.log2(0.8)))
    difference = delta_e(developed, picture)
    assert difference.mean() < 1.5
    assert np.abs(developed.astype(int) - picture).mean((0, 1)).max() < 3
    deepisp.write_dng(made.truth_image(), tmp_path / "t.dng")
    truth = deepisp.develop(tmp_path / "t.dng", tone="none", ev=float(-np.log2(0.8)))
    assert delta_e(truth, picture).mean() < 0.2


@pytest.mark.parametrize("cell", CELLS_ALL)
def test_the_mosaic_is_the_truth_through_the_cfa(cell):
    made = simulate.raw(scene(150, 131), camera=QUIET, cfa=cell, seed=2)
    letters = made.raw.colors
    side = cfa.side(made.raw.cfa)
    index = np.tile(cfa.indices(made.raw.cfa), (150 // side + 1, 131 // side + 1))[:150, :131]
    assert made.truth.shape == (150, 131, len(letters))
    expected = np.take_along_axis(made.truth, index[..., None], 2)[..., 0] * (16383 - 512) + 512
    # 1 electron at white has shot noise of 1e-4: 1.6 DN; read noise 0.3, rounding 0.3.
    assert np.abs(made.raw.data - expected).max() < 6 * 1.7
    assert made.raw.kind == {"xtrans": "xtrans", "quad": "quad", "mono": "mono"}.get(cell_name(cell), "bayer")


def cell_name(cell):
    return next((name for name, known in CELLS.items() if known == cell), "")


@pytest.mark.parametrize("cell", CELLS_ALL)
@pytest.mark.parametrize("stored", [0, 128, 200])
def test_noise_is_what_the_file_says(cell, stored, tmp_path):
    flat = np.full((240, 240, 3), stored, np.uint8)
    made = simulate.raw(flat, camera="canon-70d", iso=1600, cfa=cell, seed=stored)
    deepisp.write_dng(made.raw, tmp_path / "a.dng")
    raw = deepisp.read(tmp_path / "a.dng")
    assert raw.noise == made.raw.noise
    signal = (raw.data - raw.black_level[0, 0]) / (raw.white_level[0, 0] - raw.black_level[0, 0])
    letters = np.tile(cfa.cell(raw.cfa), (240, 240))[:240, :240]
    for color, line in zip(raw.colors, raw.noise, strict=True):
        seen = signal[letters == color]
        light = made.truth[0, 0, raw.colors.index(color)]
        asked = line.shot * light + line.read
        assert abs(seen.mean() - light) < 5 * np.sqrt(asked / seen.size)
        assert seen.var() == pytest.approx(asked, rel=5 * np.sqrt(2 / seen.size))


def test_colors_with_noise_of_their_own_keep_their_order():
    made = simulate.raw(np.full((480, 480, 3), 128, np.uint8), camera="imx296", cfa="GRBG", seed=8)
    assert [line.shot * 963 for line in made.raw.noise] == pytest.approx([0.0917, 0.0948, 0.0918])
    signal = (made.raw.data - 60.0) / 963
    for color, (row, column) in enumerate(((0, 1), (0, 0), (1, 0))):
        seen, line = signal[row::2, column::2], made.raw.noise[color]
        prnu = (0.0096, 0.0059, 0.0062)[color]  # sensors/raspberry-pi-gs-imx296.toml
        asked = line.shot * made.truth[0, 0, color] + line.read + (prnu * made.truth[0, 0, color]) ** 2
        assert seen.var() == pytest.approx(asked, rel=5 * np.sqrt(2 / seen.size))


def test_a_column_is_one_from_top_to_bottom():
    sensor = Sensor(2.0, 512.0, 16383.0, read_std_e=2.0, column_std_e=20.0)
    shot_by = camera.Camera("", "made up", None, {None: sensor})
    dn = simulate.raw(np.zeros((640, 200, 3), np.uint8), camera=shot_by, seed=5).raw.data  # three bands
    upper, lower = dn[:200].mean(0), dn[-100:].mean(0)
    assert np.corrcoef(upper, lower)[0, 1] > 0.999
    assert upper.std() == pytest.approx(40, rel=5 / np.sqrt(2 * 200))


def test_less_light_is_less_signal_and_the_same_truth():
    picture = scene()
    bright = simulate.raw(picture, camera="sony-a7s-ii", iso=1600, seed=1)
    dark = simulate.raw(picture, camera="sony-a7s-ii", iso=1600, seed=1, exposure_ratio=100)
    assert np.array_equal(bright.truth, dark.truth)
    assert dark.raw.noise == bright.raw.noise
    signal = (dark.raw.data.astype(float) - 512) / (16383 - 512)
    assert signal.mean() * 100 == pytest.approx(((bright.raw.data - 512.0) / 15871).mean(), rel=0.02)
    assert signal.min() < 0


def test_saturated_light_is_white_in_the_raw_and_not_pink_in_the_dark():
    white = np.full((48, 48, 3), 255, np.uint8)
    made = simulate.raw(white, camera=QUIET, cfa="RGGB")
    assert (made.raw.data == 16383).mean() > 0.7  # the least sensitive color is just at the level
    assert made.truth.min() > 0.999
    dark = simulate.raw(white, camera=QUIET, cfa="RGGB", exposure_ratio=10)
    levels = [(dark.raw.data[r::2, c::2] - 512.0).mean() for r, c in ((0, 0), (0, 1), (1, 1))]
    assert np.array(levels) / levels[1] == pytest.approx(dark.raw.as_shot_neutral, rel=1e-3)


def test_the_file_says_what_it_is(tmp_path):
    made = simulate.raw(scene(64, 64), camera="nikon-d850", iso=6400, seed=11)
    deepisp.write_dng(made.raw, tmp_path / "a.dng")
    raw = deepisp.read(tmp_path / "a.dng")
    assert raw.unique_model == "NIKON D850 (simulated by deepisp)"
    assert (raw.maker, raw.model) == ("deepisp", "NIKON D850 (simulated)")
    assert raw.exif.iso == 6400
    assert raw.baseline_exposure_ev == pytest.approx(-np.log2(0.8), abs=1e-6)
    assert raw.calibrations[0].illuminant == 21
    with tifffile.TiffFile(tmp_path / "a.dng") as file:
        words = file.pages.first.tags[270].value
    assert words.startswith("simulated by deepisp, no photograph: ")
    told = json.loads(words.partition(": ")[2])
    assert (told["seed"], told["iso"]) == (11, 6400)
    assert torch.equal(Draw.recorded({n: told[n] for n in Draw._fields}).gains, made.draw.gains)


def test_a_seed_is_a_file():
    picture = scene(64, 64)
    first, again, other = (simulate.raw(picture, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.raw.data, again.raw.data)
    assert not np.array_equal(first.raw.data, other.raw.data)
    assert not np.array_equal(first.raw.as_shot_neutral, other.raw.as_shot_neutral)


def test_blur_and_halving_act_before_the_sensor():
    picture = scene(100, 120)
    picture[50, 60] = 255
    half = simulate.raw(picture, camera=QUIET, scene=Scene(halves=True))
    assert half.raw.data.shape == (50, 60)
    sharp = simulate.raw(picture, camera=QUIET)
    soft = simulate.raw(picture, camera=QUIET, scene=Scene(psf=optics.gaussian(1.5)))
    assert soft.truth[50, 60, 1] < 0.7 * sharp.truth[50, 60, 1]
    assert soft.truth.mean() == pytest.approx(sharp.truth.mean(), rel=0.01)


def test_pictures_of_all_depths_are_the_same_picture():
    picture = scene(60, 40)
    deep, real = picture.astype(np.uint16) * 257, (picture / 255).astype(np.float32)
    made = [simulate.raw(one, camera=QUIET, seed=3).truth for one in (picture, deep, real)]
    assert np.allclose(made[0], made[1], atol=1e-6)
    assert np.allclose(made[0], made[2], atol=1e-5)


def test_what_makes_no_sense_is_said():
    with pytest.raises(ValueError, match="convert it to RGB first"):
        simulate.raw(np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match="100 is a hundredth of the light"):
        simulate.raw(scene(8, 8), exposure_ratio=0.5)
    with pytest.raises(ValueError, match="or one of xtrans, quad, mono"):
        simulate.raw(scene(8, 8), cfa="bayer")
    with pytest.raises(ValueError, match="known: canon"):
        simulate.raw(scene(8, 8), camera="Brownie")
    deep = camera.of_noise(Noise(1e-3, 1e-6), black_level=0, white_level=2.0**20)
    with pytest.raises(ValueError, match="a simulated raw has 16 bits, got a white level of"):
        simulate.raw(scene(8, 8), camera=deep)


@pytest.fixture(scope="module", params=["RGGB of 24 MP", *CELLS_ALL])
def file(request, tmp_path_factory):
    """A simulated file, and what was simulated."""
    is_large = request.param.endswith("MP")
    picture = np.tile(scene(400, 600), (10, 10, 1)) if is_large else scene(300, 422)
    cell = request.param.split()[0]
    made = simulate.raw(picture, camera="sony-a7s-ii", iso=3200, cfa=cell, seed=9).raw
    path = tmp_path_factory.mktemp("simulated") / "a.dng"
    assert deepisp.write_dng(made, path) == []
    return path, made


def test_libraw_and_deepisp_read_the_same_numbers(file):
    path, made = file
    with rawpy.imread(str(path)) as seen:
        assert np.array_equal(seen.raw_image, made.mosaic)
    raw = deepisp.read(path)
    assert np.array_equal(raw.mosaic, made.mosaic)
    assert raw.noise == made.noise
    assert raw.cfa == made.cfa
    assert raw.warnings == ()


def needed(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"no {program} here (Debian: apt-get install libraw-bin libimage-exiftool-perl)")
    return found


def test_unprocessed_raw_writes_the_same_numbers(file):
    path, made = file
    subprocess.run([needed("unprocessed_raw"), "-T", path], check=True, capture_output=True)
    written = Path(f"{path}.tiff")
    assert np.array_equal(tifffile.imread(written), made.mosaic)
    written.unlink()


def test_exiftool_has_no_complaint(file):
    path, made = file
    said = subprocess.run(
        [needed("exiftool"), "-validate", "-warning", "-error", "-a", "-s", "-NoiseProfile", path],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    lines = dict(line.split(":", 1) for line in said.splitlines())
    assert {name.strip() for name in lines} == {"Validate", "NoiseProfile"}, said
    assert lines[next(n for n in lines if n.startswith("Validate"))].strip() == "OK"
    told = [float(number) for number in said.splitlines()[-1].split(":")[1].split()]
    assert told == pytest.approx([number for line in made.noise for number in line], rel=1e-6)
