"""`deepisp info`: what is in the file is what is told."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from deepisp.cli.demo import simulate
from deepisp.cli.info import describe
from deepisp.picture.dng import write_dng
from deepisp.raw import opcode_bytes, opcodes
from deepisp.raw.image import Area, Exif, RawImage
from deepisp.sensor.profile import Profile

Call = Callable[..., Result]


@pytest.fixture
def raw() -> RawImage:
    photograph = np.random.default_rng(1).integers(0, 256, (64, 256, 3), np.uint8)
    return replace(
        simulate(photograph, seed=1),
        black_level=np.array([[512.0, 513.0], [514.0, 515.0]]),
        orientation=6,
        default_crop=Area(4, 8, 60, 248),
        exif=Exif(
            iso=800, exposure_s=0.004, aperture=2.8, focal_length_mm=35, lens="35mm f/2", taken="2026:05:04 03:02:01"
        ),
        opcode_list_3=opcode_bytes.encode((opcodes.FixVignetteRadial((0.1, 0, 0, 0, 0), (0.5, 0.5)),)),
    )  # fmt: skip


def test_json_tells_what_was_written(raw: RawImage, deepisp: Call, tmp_path: Path) -> None:
    write_dng(raw, tmp_path / "a.dng")
    result = deepisp("info", "--json", tmp_path / "a.dng")
    assert (result.exit_code, result.stderr) == (0, "")
    told = json.loads(result.stdout)
    expected = {
        "path": str(tmp_path / "a.dng"),
        "kind": "bayer",
        "cfa": "RGGB",
        "type": "uint16",
        "width": 256,
        "height": 64,
        "orientation": 6,
        "default_crop": {"top": 4, "left": 8, "bottom": 60, "right": 248},
        "black_level": [[512, 513], [514, 515]],
        "white_level": [[16383, 16383], [16383, 16383]],
        "as_shot_neutral": pytest.approx([0.5, 1, 0.65]),
        "white_balance": pytest.approx([2, 1, 1 / 0.65]),
        "iso": 800,
        "exposure_s": 0.004,
        "aperture": 2.8,
        "focal_length_mm": 35,
        "lens": "35mm f/2",
        "taken": "2026:05:04 03:02:01",
        "opcodes": {"list_1": [], "list_2": [], "list_3": ["FixVignetteRadial"]},
        "warnings": [],
    }
    assert {name: told[name] for name in expected} == expected
    assert told["noise"][1] == pytest.approx({"shot": 1 / 2000, "read": (3 / 2000) ** 2})
    (calibration,) = told["calibrations"]
    assert (calibration["illuminant"], calibration["illuminant_name"]) == (21, "D65")
    assert np.allclose(calibration["xyz_to_camera"], raw.calibrations[0].xyz_to_camera, atol=1e-4)


def test_text_tells_the_same_to_people(raw: RawImage, deepisp: Call, tmp_path: Path) -> None:
    write_dng(raw, tmp_path / "a.dng")
    text = deepisp("info", tmp_path / "a.dng").stdout
    for words in (
        "bayer RGGB", "512 513; 514 515", "16383", "R 2 G 1 B 1.53846", "ISO 800, 1/250 s, f/2.8, 35 mm", "35mm f/2",
        "XYZ to camera, D65", "FixVignetteRadial", "shot 0.0005", "240 x 56 from row 4, column 8",
    ):  # fmt: skip
        assert words in text


def test_the_noise_says_where_it_is_from(raw: RawImage, deepisp: Call, tmp_path: Path) -> None:
    write_dng(raw, tmp_path / "a.dng")
    own = '[[conversion_gains]]\nsource = "measured"\nentries = [{ shot = 0.002, read = 9e-6 }]\n'
    (tmp_path / "own.toml").write_text('maker = "deepisp"\nmodels = ["demo"]\n' + own)
    plain, mine = (
        json.loads(deepisp("info", "--json", "--no-estimate", *more, tmp_path / "a.dng").stdout)
        for more in ([], ["--noise", tmp_path / "own.toml"])
    )
    assert plain["noise_source"] == "file"
    assert mine["noise_source"] == "own profile"
    assert mine["noise"][2] == {"shot": 0.002, "read": 9e-6}
    assert [one["source"] for one in mine["noise_sources"]] == ["own profile", "file"]
    expected = ((0.18 / 2000 + (3 / 2000) ** 2) / (0.18 * 0.002 + 9e-6)) ** 0.5  # at mid-gray
    assert mine["noise_sources"][1]["ratio"] == pytest.approx(expected)
    text = deepisp("info", "--no-estimate", "--noise", tmp_path / "own.toml", tmp_path / "a.dng").stdout
    assert f"own profile; at mid-gray file says {expected:.2g} times as much" in text


@pytest.mark.parametrize(
    ("maker", "models", "is_its"),
    [
        ("Nikon", ["D850", "another"], True),
        ("Nikon", ["NIKON D-850"], True),
        ("unknown", ["unknown"], True),
        ("Nikon", ["D85"], False),
        ("Sony", ["ILCE-7SM2"], False),
    ],
)
def test_a_profile_of_another_camera_is_told(
    raw: RawImage, maker: str, models: list[str], is_its: bool
) -> None:
    gains = ({"source": "measured", "entries": [{"shot": 0.002, "read": 9e-6}]},)
    own = Profile.model_validate({"maker": maker, "models": models, "conversion_gains": gains})
    of_nikon = replace(raw, maker="NIKON CORPORATION", model="NIKON D850", unique_model="Nikon D850")
    wanted = f"the profile is of {maker} {models[0]}, the file of NIKON CORPORATION D850"
    assert any(wanted in line for line in describe(of_nikon, own=own)["warnings"]) is not is_its
    nameless = replace(raw, maker="", model="", unique_model="")
    for told in (describe(nameless, own=own), describe(of_nikon)):
        assert not any("the profile is of" in line for line in told["warnings"])


def test_a_profile_that_is_none_is_one_line(deepisp: Call, twelve: Path, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("shot = 1\n")
    result = deepisp("info", "--noise", tmp_path / "own.toml", twelve / "00.dng")
    assert result.exit_code == 2
    assert "own.toml: maker: Field required; see sensors/README.md" in result.stderr
    assert result.stderr.count("\n") == 1


def test_many_files_are_one_json_line_each(deepisp: Call, twelve: Path) -> None:
    result = deepisp("info", "--json", twelve)
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert [Path(one["path"]).name for one in told] == [f"{i:02}.dng" for i in range(12)]


def test_codes_and_lines_are_those_of_every_verb(deepisp: Call, shoot: Callable[..., Path]) -> None:
    shoot("a.dng")
    Path("bad.dng").write_bytes(b"")
    some = deepisp("info", "a.dng", "bad.dng")
    assert some.exit_code == 1
    assert some.stderr == "error: bad.dng: the file is empty (copy it from the camera again)\n"
    assert deepisp("info", "bad.dng").exit_code == 4
    assert deepisp("info", "none.dng").exit_code == 3
    assert deepisp("info").exit_code == 2
    assert deepisp("info", "a.dng", "--layout", "none.toml").exit_code == 2


def test_a_list_that_cannot_be_read_is_a_warning(raw: RawImage) -> None:
    told = describe(replace(raw, opcode_list_2=b"\0\0\0\1"))
    assert told["opcodes"]["list_2"] == []
    assert "opcode list 2" in told["warnings"][0]


def test_what_json_cannot_say_is_null(raw: RawImage) -> None:
    told = describe(
        replace(raw, saturation_level=np.array([[np.inf, 1.0]]), as_shot_neutral=None, noise=None)
    )
    assert told["saturation_level"] == [[None, 1.0]]
    assert (told["white_balance"], told["noise"]) == (None, None)
    json.dumps(told, allow_nan=False)


@pytest.mark.data
def test_every_real_file_has_something_to_tell(data: Path, deepisp: Call) -> None:
    result = deepisp("info", data / "raw")
    assert result.exit_code in (0, 1)
    as_json = deepisp("info", data / "raw", "--json")
    assert len(as_json.stdout.splitlines()) + len(as_json.stderr.splitlines()) >= 10
    for line in as_json.stdout.splitlines():
        assert json.loads(line)["kind"]
