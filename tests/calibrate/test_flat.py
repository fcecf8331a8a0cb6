"""A flat developed with the map that flats gave is flat; frames that are no flats are refused by name."""

import json
import subprocess
import sys
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import deepisp
from deepisp.calibrate import flat, shading_file
from deepisp.calibrate import frames as frames_module
from deepisp.calibrate.smooth import smooth_gains
from deepisp.cli.calibrate.flat import flat as flat_verb
from deepisp.develop import shading_map
from deepisp.picture.dng import write_dng
from deepisp.raw import opcode_bytes
from deepisp.raw import read as read_module
from deepisp.raw.image import Exif, RawImage
from deepisp.raw.layout import Layout
from deepisp.raw.opcodes import FixVignetteRadial, GainMap

SHAPE = (480, 640)
CENTERS = {"R": (0.5, 0.5), "G": (0.52, 0.49), "B": (0.48, 0.53)}
LEVELS = {"R": 5000.0, "G": 9000.0, "B": 6000.0}


def falloff(color: str) -> np.ndarray:
    """Light over that at its brightest: a gain of about 2 in the corners, each color off center in its own way."""
    y, x = ((np.arange(n) + 0.5) / n for n in SHAPE)
    cx, cy = CENTERS[color]
    square = (
        4
        * ((x - cx) ** 2 * SHAPE[1] ** 2 + (y[:, None] - cy) ** 2 * SHAPE[0] ** 2)
        / (SHAPE[0] ** 2 + SHAPE[1] ** 2)
    )
    return 1 / ((1 + 0.25 * square) ** 2 * (1 + 0.2 * square**3))


def sensor(seed: int | None = None, cfa: str = "RGGB", scale: float = 1.0, dust: bool = False) -> RawImage:
    side = int(len(cfa) ** 0.5)
    electrons = np.zeros(SHAPE)
    for index, color in enumerate(cfa):
        at = np.s_[index // side :: side, index % side :: side]
        electrons[at] = scale * LEVELS[color] * falloff(color)[at]
    if dust:
        electrons[200:212, 300:312] *= 0.7
    if seed is not None:
        rng = np.random.default_rng(seed)
        electrons = rng.normal(electrons, np.sqrt(0.3 * electrons + 4))
        electrons.flat[rng.integers(0, electrons.size, 300)] = 12_000  # hot photosites
    return RawImage(
        mosaic=np.clip(np.rint(electrons + 512), 0, 16383).astype(np.uint16),
        cfa=cfa,
        black_level=np.full((1, 1), 512.0) if side > 2 else np.full((2, 2), 512.0),
        white_level=np.full((1, 1), 16383.0) if side > 2 else np.full((2, 2), 16383.0),
        exif=Exif(lens="50 mm", focal_length_mm=50.0, aperture=2.8),
        maker="Acme",
        model="One",
        path=Path(f"flat{seed}.dng"),
    )


@pytest.fixture(scope="module")
def shading() -> shading_map.Shading:
    return flat.measure([sensor(seed, dust=True) for seed in range(6)])


def evenness(raw: RawImage) -> np.ndarray:
    """Largest departure of each color from its mean, of the picture as `develop` makes it."""
    light = deepisp.develop(
        raw,
        color="camera",
        tone="none",
        bits=32,
        wb="1,1,1",
        half=True,
        highlights="blend",
        warn=lambda line: None,
    )
    return np.abs(light / light.mean((0, 1)) - 1).max((0, 1))


def test_a_developed_flat_is_flat(shading):
    assert (evenness(sensor()) > 0.25).all()
    assert (evenness(shading_map.applied(sensor(), shading)) < 0.005).all()


def test_the_gains_are_one_over_the_falloff(shading):
    for plane in shading.planes:
        assert plane.gains.min() == 1
        corner = 1 / falloff(plane.color)[0, 0]
        assert plane.gains[0, 0] == pytest.approx(corner, rel=0.01)


def test_a_larger_cell_has_a_map_for_each_color():
    from deepisp.sensor.cfa import XTRANS

    found = flat.measure([sensor(seed, cfa=XTRANS) for seed in range(2)])
    assert [plane.color for plane in found.planes] == ["R", "G", "B"]
    assert len(shading_map.gain_maps(found)) == 36
    from deepisp.develop.shading import gain_grid

    grid = gain_grid(shading_map.gain_maps(found), shape=SHAPE, side=6)
    assert grid is not None
    gains = grid.at(np.arange(SHAPE[0]), np.arange(SHAPE[1]))
    for index, color in enumerate(XTRANS):
        at = np.s_[index // 6 :: 6, index % 6 :: 6]
        product = (gains * falloff(color))[at]
        assert np.abs(product / product.mean() - 1).max() < 0.015


def test_dust_and_black_do_not_count():
    light = np.ones((40, 60))
    middles = ((np.arange(40) + 0.5) / 40, (np.arange(60) + 0.5) / 60)
    light[20, 30] = 0.5
    gains = smooth_gains(light, middles, (12, 16), 3e-5, 4.0)
    assert gains == pytest.approx(np.ones((12, 16)), abs=1e-6)


def test_a_file_says_the_same_as_the_map(shading, tmp_path):
    shading_file.write(shading, tmp_path / "shading.toml")
    back = shading_map.load(tmp_path / "shading.toml")
    assert replace(back, planes=()) == replace(shading, planes=())
    assert back.optics == ("50 mm", 50.0, 2.8)
    for one, other in zip(back.planes, shading.planes, strict=True):
        assert one[:2] == other[:2]
        assert one.gains == pytest.approx(other.gains, abs=1e-6)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('color = "R"', 'colour = "R"', "planes.0.color"),
        ("[0, 0]", "[0, 1]", "cover"),
        ("rows = 480", "rows = ", "Invalid value"),
        ('cfa = "RGGB"', 'cfa = "RGQB"', "CFA"),
    ],
)
def test_a_wrong_file_is_refused(shading, tmp_path, old, new, said):
    text = shading_file.text(shading)
    assert old in text
    (tmp_path / "shading.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(ValueError, match=rf"shading.toml: .*{said}"):
        shading_map.load(tmp_path / "shading.toml")


def test_a_dng_carries_the_map(shading, tmp_path):
    raw = shading_map.applied(sensor(), shading)
    write_dng(raw, tmp_path / "a.dng")
    back = deepisp.read(tmp_path / "a.dng")
    maps = opcode_bytes.parse(back.opcode_list_2, shape=SHAPE)
    assert len(maps) == 4
    for one, plane in zip(maps, shading.planes, strict=True):
        assert isinstance(one, GainMap)
        assert (one.region.top, one.region.left) == plane.positions[0]
        assert np.array_equal(one.gains[..., 0], plane.gains.astype(np.float32))
    assert (evenness(back) < 0.005).all()


def test_what_was_in_the_list_stays_and_acts_first(shading):
    own = opcode_bytes.encode((FixVignetteRadial((0.1, 0, 0, 0, 0), (0.5, 0.5)),))
    raw = shading_map.applied(replace(sensor(), opcode_list_2=own), shading)
    kinds = [type(one).__name__ for one in opcode_bytes.parse(raw.opcode_list_2, shape=SHAPE)]
    assert kinds == ["FixVignetteRadial", *4 * ["GainMap"]]


def test_other_optics_are_said(shading):
    raw = replace(sensor(), exif=Exif(lens="50 mm", focal_length_mm=35.0, aperture=2.8))
    assert any(
        "focal length 50.0, the file has 35.0" in line for line in shading_map.applied(raw, shading).warnings
    )
    assert shading_map.applied(sensor(), shading).warnings == ()


def test_a_map_is_not_laid_where_it_does_not_belong(shading):
    with pytest.raises(ValueError, match="gain maps of its own"):
        shading_map.applied(shading_map.applied(sensor(), shading), shading)
    with pytest.raises(ValueError, match="from a Acme Two"):
        shading_map.applied(replace(sensor(), model="Two"), shading)
    with pytest.raises(ValueError, match="478 x 640 RGGB; measure flats in the same mode"):
        shading_map.applied(replace(sensor(), mosaic=sensor().mosaic[:478]), shading)
    with pytest.raises(ValueError, match="GRBG"):
        shading_map.applied(replace(sensor(), cfa="GRBG"), shading)


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (sensor(1, scale=2.0), "flat1.dng: .* of G is clipped"),
        (sensor(1, scale=0.02), "flat1.dng: R is too dark"),
        (
            replace(sensor(1), exif=Exif(aperture=4.0)),
            "flat1.dng: the aperture is 4.0, that of the first 2.8",
        ),
        (replace(sensor(1), mosaic=sensor(1).mosaic[:240]), "flat1.dng: .*640 x 240"),
        (
            RawImage(
                linear=np.zeros((8, 8, 3), np.uint16),
                black_level=np.zeros(3),
                white_level=np.full(3, 1000.0),
                path=Path("flat1.dng"),
            ),
            "flat1.dng: already demosaiced",
        ),
    ],
)
def test_a_frame_that_is_no_flat_is_named(second, said):
    with pytest.raises(ValueError, match=said):
        flat.measure([sensor(0), second])


def test_a_name_of_two_words_is_a_name():
    dim = replace(sensor(1, scale=0.02), path=Path("my flat.dng"))
    with pytest.raises(ValueError, match=r"^my flat\.dng: R is too dark"):
        flat.measure([sensor(0), dim])
    with pytest.raises(ValueError, match=r"^frame 2: R is too dark"):
        flat.measure([sensor(0), replace(dim, path=None)])


def test_bare_values_are_read_one_at_a_time(tmp_path, monkeypatch):
    mosaics, most = [], []

    def watched(*given, **named):
        raw = read(*given, **named)
        mosaics.append(weakref.ref(raw.mosaic))
        most.append(sum(mosaic() is not None for mosaic in mosaics))
        return raw

    read = read_module.read
    for module in (read_module, frames_module):
        monkeypatch.setattr(module, "read", watched)
    for seed in range(4):
        np.save(tmp_path / f"{seed}.npy", sensor(seed).mosaic)
    (tmp_path / "layout.toml").write_text('cfa = "RGGB"\nblack_level = 512\nwhite_level = 16383\n')
    words = [str(tmp_path / f"{seed}.npy") for seed in range(4)]
    words += ["--layout", str(tmp_path / "layout.toml"), "-o", str(tmp_path / "shading.toml")]
    assert flat_verb.main(words, standalone_mode=False) == 0
    assert len(most) >= 4
    assert max(most) <= 2  # the last one goes when the next has come
    found = shading_map.load(tmp_path / "shading.toml")
    assert found.frames == 4
    assert found.planes[0].gains[0, 0] == pytest.approx(1 / falloff("R")[0, 0], rel=0.01)


def test_arrays_are_flats_with_a_layout():
    layout = Layout(cfa="RGGB", black_level=512, white_level=16383)
    found = flat.measure([sensor(0).mosaic, sensor(1).mosaic], layout=layout)
    assert found.planes[0].gains[0, 0] == pytest.approx(1 / falloff("R")[0, 0], rel=0.01)


def test_no_flats_at_all_say_what_to_shoot():
    with pytest.raises(ValueError, match=r"flat\.toml"):
        flat.measure([])


def test_a_picture_of_things_is_no_flat():
    scene = sensor()
    scene.mosaic[:, :320] = 512 + 200
    with pytest.raises(
        ValueError, match=r"^the mean of these flats needs gains up to .* an even light and nothing else"
    ):
        flat.measure([scene])


def test_the_verb_writes_a_map_and_names_a_clipped_frame(tmp_path):
    for index, scale in enumerate((1.0, 2.0)):
        write_dng(sensor(index, scale=scale), tmp_path / f"flat{index}.dng")
    call = [sys.executable, "-m", "deepisp", "calibrate", "flat"]
    words = [tmp_path / "flat0.dng", "-o", tmp_path / "shading.toml", "--json"]
    done = subprocess.run([*call, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [plane["color"] for plane in json.loads(done.stdout)["planes"]] == ["R", "G", "G", "B"]
    assert shading_map.load(tmp_path / "shading.toml").frames == 1
    words = [tmp_path / "flat0.dng", tmp_path / "flat1.dng", "--json"]
    done = subprocess.run([*call, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 4
    (line,) = done.stderr.splitlines()
    assert "flat1.dng" in line
    assert "clipped" in line


def test_develop_takes_the_map(shading, tmp_path):
    shading_file.write(shading, tmp_path / "shading.toml")
    plain, evened = (
        deepisp.develop(sensor(), tone="none", color="camera", bits=32, half=True, shading=path)
        for path in (None, tmp_path / "shading.toml")
    )
    evened_too = shading_map.applied(sensor(), shading)
    expected = deepisp.develop(evened_too, tone="none", color="camera", bits=32, half=True)
    assert np.abs(evened - expected).max() < 1e-5  # gains in the file have six digits
    assert np.ptp(evened[..., 1]) < 0.2 * np.ptp(plain[..., 1])


def test_the_settings_digest_knows_the_map_itself(shading, tmp_path):
    path = tmp_path / "shading.toml"
    shading_file.write(shading, path)
    first = deepisp.Settings(shading=str(path)).digest()
    path.write_text(path.read_text().replace("frames = ", "frames = 1"))
    assert len({first, deepisp.Settings(shading=str(path)).digest(), deepisp.Settings().digest()}) == 3


def test_a_map_that_is_none_is_a_wrong_setting(tmp_path):
    (tmp_path / "bad.toml").write_text("rows = 3\n")
    with pytest.raises(ValueError, match=r"shading: bad\.toml: .*; make it with deepisp calibrate flat"):
        deepisp.Settings(shading=str(tmp_path / "bad.toml"))
    with pytest.raises(
        ValueError, match="No such file or directory; give the file that deepisp calibrate flat"
    ):
        deepisp.Settings(shading=str(tmp_path / "none.toml"))


def test_a_sensor_file_is_not_replaced_by_a_map(shading, tmp_path):
    (tmp_path / "camera.toml").write_text('maker = "Acme"\nmodels = ["One"]\n')
    with pytest.raises(
        ValueError, match=r"camera\.toml is no map of lens shading; write the map to another file"
    ):
        shading_file.write(shading, tmp_path / "camera.toml")
    assert (tmp_path / "camera.toml").read_text().startswith("maker")
