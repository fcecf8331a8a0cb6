"""docs/dark.md keeps its word: its commands run as they stand there, in their order, on simulated frames."""

import re
import shlex
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import Result
from numpy.typing import NDArray
from PIL import Image

import deepisp as library
from deepisp import spaces
from deepisp.data import pairs, simulate
from deepisp.data.camera import Camera
from deepisp.picture.dng import write_dng
from deepisp.raw.image import Exif, RawImage
from deepisp.sensor import profile
from tests.calibrate.simulated import SENSOR, shoot
from tests.conftest import REPOSITORY

Call = Callable[..., Result]
STORY = (REPOSITORY / "docs" / "dark.md").read_text()
BLOCKS = re.findall(r"^```([^\n]*)\n(.*?)^```$", STORY, re.DOTALL | re.MULTILINE)
COMMANDS = [line for language, text in BLOCKS if language == "sh" for line in text.splitlines()]
PROSE = re.sub(r"^```.*?^```$", "", STORY, flags=re.DOTALL | re.MULTILINE)

# A quick run in place of a long one. Nothing else of the commands is changed.
SHORTER = {"--steps 2000": "--steps 2"}
# As the text says: ISO 3200, a hundredth of the light, flats at T/16 to T/2 and 4 T, where T is 0.8 of white.
ISO, RATIO, LIGHTS, NIGHT_S = 3200, 100, (0.05, 0.1, 0.2, 0.4, 3.2), 0.02
SIDE = 256
NEUTRAL = (
    0.5,
    1.0,
    0.65,
)  # camera RGB of a gray: the camera's filters are sRGB's, each with its own sensitivity


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The photographer's: darks/, flats/, dark.dng, pictures/, unseen/, and the file that the text tells to write."""
    place = tmp_path_factory.mktemp("story")
    flats, darks = shoot(SENSOR, lights=[*LIGHTS], size=SIDE, darks=10)
    for name, frames in (("flats", flats), ("darks", darks)):
        (place / name).mkdir()
        for index, frame in enumerate(frames):
            time = LIGHTS[index // 2] / 10 if name == "flats" else NIGHT_S
            save(frame, place / name / f"{index}.dng", exposure_s=time)
    save(night(RATIO), place / "dark.dng", exposure_s=NIGHT_S)
    for seed, name in enumerate(("pictures", "unseen")):
        (place / name).mkdir()
        Image.fromarray(scene(seed)[:96, :96]).save(place / name / "0.png")
    for language, text in BLOCKS:
        if language == "toml":
            (place / text.splitlines()[0].removeprefix("# ")).write_text(text)
    return place


def scene(seed: int) -> NDArray[np.uint8]:
    """Soft shapes from black to white, most of them pale, (SIDE, SIDE, 3) sRGB."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (8, 8, 1)) * rng.uniform(0.6, 1, (8, 8, 3))
    picture = Image.fromarray(coarse.astype(np.uint8)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.asarray(picture)


def night(ratio: float) -> RawImage:
    """A scene through the very sensor that took the frames, with so much less light than a good exposure."""
    matrix = np.array(NEUTRAL)[:, None] * np.linalg.inv(spaces.rgb_to_xyz("srgb"))
    camera = Camera("Acme", "One", ISO, {None: SENSOR}, xyz_to_camera=matrix)
    clean = simulate.raw(scene(2), camera=camera, cfa="RGGB", scene=simulate.Scene(brightness=1.0))
    signal = pairs.through(torch.from_numpy(clean.truth).movedim(-1, 0)[None], "RGGB") / ratio
    dn = SENSOR.expose(
        signal * SENSOR.levels / SENSOR.gain, pattern=SENSOR.pattern(SIDE, SIDE, seed=0), exposure_s=NIGHT_S,
        generator=torch.Generator().manual_seed(3),
    )  # fmt: skip
    return replace(
        clean.raw, mosaic=dn[0, 0].numpy().astype(np.uint16), maker="Acme", model="One", unique_model="Acme One",
        noise=None, saturation_level=None,
    )  # fmt: skip


def save(raw: RawImage, path: Path, *, exposure_s: float) -> None:
    tags = {"EXIF": {34855: (ISO,), 33434: (exposure_s,)}}  # ISOSpeedRatings, ExposureTime: EXIF 2.32
    write_dng(replace(raw, exif=Exif(tags=tags, iso=ISO, exposure_s=exposure_s)), path)


def test_each_command_runs_and_does_what_the_text_says(
    folder: Path, deepisp: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    said, pictures = dict[str, Result](), dict[str, NDArray[np.uint8]]()
    for line in COMMANDS:
        changed = line
        for long, short in SHORTER.items():
            changed = re.sub(rf"{re.escape(long)}(?!\S)", short, changed)
        program, *words = shlex.split(changed)
        assert program == "deepisp", line
        said[line] = deepisp(*words)
        assert said[line].exit_code == 0, (line, said[line].stderr)
        if words[0] == "develop":
            with Image.open(words[words.index("-o") + 1]) as picture:
                pictures[line] = np.asarray(picture)
    check_profile(folder)
    check_noise_sources(said)
    check_pictures(pictures)
    check_lines(said)
    check_training(folder, said)


def check_profile(folder: Path) -> None:
    """The camera is found again, and the files that the text names lie there."""
    known = profile.load(folder / "camera.toml")
    for color in "RGB":
        entry = known.entry(ISO, color)
        assert entry.gain == pytest.approx(SENSOR.gain, rel=0.05)
        assert entry.read_std == pytest.approx(SENSOR.read_std_e * SENSOR.gain, rel=0.05)
        assert entry.full_well_e == pytest.approx(SENSOR.levels / SENSOR.gain, rel=0.05)
        assert entry.tukey_lambda is not None
    bias = np.ravel(SENSOR.bias)
    assert known.darks[0].black_level == pytest.approx(SENSOR.black_level + bias, abs=0.2)
    beside = set(re.findall(r"`(camera-[\w.-]+)`", PROSE))
    assert len(beside) == 3
    assert all((folder / name).stat().st_size for name in beside)


def check_noise_sources(said: dict[str, Result]) -> None:
    """First the picture, then the profile, which agrees with it as well as the text says."""
    guessed, owned = (one.stdout for line, one in said.items() if line.startswith("deepisp info"))
    assert re.search(r"noise from +picture$", guessed, re.MULTILINE)
    found = re.search(r"noise from +own profile; at mid-gray picture says (\S+) times", owned)
    assert found is not None
    assert 0.7 < float(found[1]) < 1.5


def check_pictures(pictures: dict[str, NDArray[np.uint8]]) -> None:
    """As bright as a well exposed one, but where the text says otherwise; grain and dots where it says so."""
    right = light(library.develop(night(1)))
    named = dict[str, NDArray[np.uint8]]()
    for line, picture in pictures.items():
        option = next((one for one in ("off", "grain", "ev") if re.search(rf"-{one}\b", line)), "auto")
        named.setdefault(option, picture)
        ev = np.log2(light(picture) / right)
        if option == "off":
            assert ev < -3, line
        elif "runs/mine" not in line:  # hardly trained
            assert abs(ev) < 1, line
    assert set(named) == {"auto", "off", "grain", "ev"}
    assert roughness(named["grain"]) > 1.5 * roughness(named["auto"])
    assert dots(named["auto"]) < 200  # of 65 536; without the repair of hot photosites 1500
    assert light(named["ev"]) > 1.2 * light(named["auto"])


def light(picture: NDArray[np.uint8]) -> float:
    """Mean of a picture in linear light."""
    return float(spaces.decode(picture / 255, "srgb").mean())


def roughness(picture: NDArray[np.uint8]) -> float:
    """Of the median pixel: what differs from its neighbor, which hot photosites do not change."""
    return float(np.median(np.abs(np.diff(picture.astype(float), axis=1)).mean(-1)))


def dots(picture: NDArray[np.uint8]) -> int:
    """Pixels far from the one beside them."""
    return int((np.abs(np.diff(picture.astype(float), axis=1)).max(-1) > 40).sum())


def check_lines(said: dict[str, Result]) -> None:
    """The line on the gain is as the text shows it, and comes where the gain was found and not given."""
    [shown] = re.findall(r"^    (warning: .*)$", PROSE, re.MULTILINE)
    pattern = re.compile(rf"^{re.sub('[0-9]+', '([0-9]+)', re.escape(shown))}$", re.MULTILINE)
    for line, one in said.items():
        if line.startswith("deepisp develop"):
            is_told = not re.search(r"--dark (100|off)", line)
            assert bool(pattern.search(one.stderr)) == is_told, line
            gains = [float(gain) for gain in pattern.findall(one.stderr)]
            assert all(RATIO / 2 < gain < RATIO * 2 for gain in gains)


def check_training(folder: Path, said: dict[str, Result]) -> None:
    """The run's files are those that the text names; the table has a line a network and ratio."""
    for name in re.findall(r"`(runs/\S+)`", PROSE):
        assert (folder / name).exists(), name
    [table] = [one.stdout for line, one in said.items() if line.startswith("deepisp evaluate")]
    ratios = tomllib.loads((folder / "mine.toml").read_text())["test"]["ratios"]
    assert len(table.splitlines()) == 1 + 2 * len(ratios)
    assert re.search(r" raw +raw corr ", table.splitlines()[0])


def test_nothing_stands_in_the_text_that_is_not_run() -> None:
    assert len(COMMANDS) >= 13
    assert {language for language, _ in BLOCKS} == {"sh", "toml"}
    assert not re.search(r"(^ +|`)deepisp ", PROSE, re.MULTILINE)
    named = set(re.findall(r"--[a-z][\w-]*", PROSE))
    assert named <= set(re.findall(r"--[a-z][\w-]*", " ".join(COMMANDS)))
    for long in SHORTER:
        assert any(long in line for line in COMMANDS)
    for name in re.findall(r"`calibration/\S+`", PROSE):
        assert (REPOSITORY / name.strip("`")).exists()
