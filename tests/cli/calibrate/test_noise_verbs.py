"""`deepisp calibrate photon-transfer` and `dark`: files in, a sensor file and plots out."""

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from deepisp import shipped
from deepisp.picture.dng import write_dng
from deepisp.raw.image import Exif
from deepisp.sensor import profile
from tests.calibrate.simulated import SENSOR, shoot

Call = Callable[..., Result]
KEYS = {
    "color", "gain", "gain_error", "read_std_e", "read_std_e_error", "row_std_e", "row_std_e_error", "full_well_e",
    "prnu", "prnu_error", "dsnu_e",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five levels of two flats each, eight darks, as DNG files of 64 x 64."""
    place = tmp_path_factory.mktemp("frames")
    flats, darks = shoot(SENSOR, lights=[0.1, 0.2, 0.3, 0.4, 1.2], size=64, darks=8, shading=0.0)
    for kind, frames in (("flat", flats), ("dark", darks)):
        for index, raw in enumerate(frames):
            tags = {"EXIF": {34855: (800,)}}  # ISOSpeedRatings, EXIF 2.32
            write_dng(replace(raw, exif=Exif(tags=tags, iso=800)), place / f"{kind}{index}.dng")
    return place


def files(folder: Path, kind: str) -> list[Path]:
    return sorted(folder.glob(f"{kind}*.dng"))


def test_flats_and_darks_become_a_sensor_file(folder: Path, deepisp: Call, tmp_path: Path) -> None:
    output = tmp_path / "one.toml"
    result = deepisp(
        "calibrate", "photon-transfer", "--flats", *files(folder, "flat"), "--darks", *files(folder, "dark"),
        "-o", output, "--iso", 800,
    )  # fmt: skip
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(
        f"{output}, {tmp_path / 'one-iso800-photon-transfer.png'}\nAcme One, ISO 800: "
    )
    assert (tmp_path / "one-iso800-photon-transfer.png").read_bytes().startswith(b"\x89PNG")
    entry = profile.load(output).entry(800, "G")
    assert entry.gain == pytest.approx(1.5, rel=0.1)
    assert entry.full_well_e == pytest.approx(SENSOR.levels / 1.5, rel=0.1)
    assert profile.load(output).models == ("One",)
    again = deepisp("calibrate", "dark", *files(folder, "dark"), "-o", output, "--iso", 800, "--json")
    assert again.exit_code == 0
    assert (
        again.stderr == f"{output}, {tmp_path / 'one-iso800-dark.npz'}, {tmp_path / 'one-iso800-dark.png'}\n"
    )
    told = json.loads(again.stdout)
    assert told["planes"][1]["read_std_e"] == pytest.approx(4, rel=0.15)  # by the gain that the file holds
    assert profile.load(output).darks[0].maps == "one-iso800-dark.npz"
    with np.load(tmp_path / "one-iso800-dark.npz") as maps:
        assert maps["rows"].shape == (64,)


def test_a_file_of_another_source_is_refused_before_frames_are_measured(
    folder: Path, deepisp: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepisp.calibrate import photon_transfer

    output = tmp_path / "sony.toml"
    shutil.copy(shipped.folder("sensors") / "sony-a7s-ii.toml", output)
    monkeypatch.setattr(photon_transfer, "measure", lambda *_, **__: pytest.fail("measured"))
    for words in ((), ("--iso", 3200)):
        result = deepisp(
            "calibrate", "photon-transfer", "--flats", *files(folder, "flat"), "-o", output, *words,
            "--maker", "SONY", "--model", "ILCE-7SM2",
        )  # fmt: skip
        iso = words[1] if words else 800
        assert result.exit_code == 4
        assert result.stderr.startswith(f"error: sony.toml: ISO {iso} has noise from another source (megvii")
        assert result.stderr.endswith("; write to another file with -o\n")


def test_json_is_all_that_stdout_holds(folder: Path, deepisp: Call) -> None:
    result = deepisp(
        "calibrate", "photon-transfer", "--json", "--darks", *files(folder, "dark"),
        "--flats", *files(folder, "flat"),
    )  # fmt: skip
    told = json.loads(result.stdout)
    assert {name: told[name] for name in ("camera", "iso", "warnings")} == {
        "camera": {"maker": "Acme", "model": "One"},
        "iso": 800,
        "warnings": [],
    }
    assert [plane["color"] for plane in told["planes"]] == list("RGB")
    for plane in told["planes"]:
        assert set(plane) >= KEYS
        assert plane["linearity_error"] is None
        assert math.isfinite(plane["gain"])


def test_options_may_be_repeated_too(folder: Path, deepisp: Call) -> None:
    words = [word for path in files(folder, "flat") for word in ("--flats", path)]
    result = deepisp("calibrate", "photon-transfer", *words, "--json")
    assert result.exit_code == 0
    assert "no darks" in result.stderr


def test_what_is_wrong_is_one_line(folder: Path, deepisp: Call, tmp_path: Path) -> None:
    flats, darks = files(folder, "flat"), files(folder, "dark")
    few = deepisp("calibrate", "dark", darks[0], "--json")
    assert few.exit_code == 4
    assert few.stderr.count("\n") == 1
    assert "dark needs at least 4 darks, got 1 (" in few.stderr
    assert "dark0.dng)" in few.stderr
    write_dng(shoot(SENSOR, lights=[], size=32, darks=1)[1][0], tmp_path / "small.dng")
    mixed = deepisp("calibrate", "dark", *darks, tmp_path / "small.dng", "--json")
    assert mixed.exit_code == 4
    assert "small.dng: frame is 32 x 32, the first 64 x 64" in mixed.stderr
    bright = [shutil.copy(flats[-1], tmp_path / f"bright{index}.dng") for index in range(4)]
    clipped = deepisp("calibrate", "photon-transfer", "--flats", *bright, "--darks", *darks, "--json")
    assert clipped.exit_code == 4
    assert "bright0.dng: flat is clipped" in clipped.stderr
    (tmp_path / "bad.dng").write_bytes(b"II*\0 broken")
    damaged = deepisp("calibrate", "dark", *darks, tmp_path / "bad.dng", "--json")
    assert damaged.exit_code == 4
    assert damaged.stderr.startswith(f"error: {tmp_path / 'bad.dng'}: ")
    missing = deepisp("calibrate", "dark", *darks, tmp_path / "none.dng", "--json")
    assert (missing.exit_code, missing.stderr.count("\n")) == (3, 1)
    assert "none.dng: No such file" in missing.stderr
    stray = deepisp("calibrate", "photon-transfer", "-o", tmp_path / "x.toml", "stray.dng", "--flats", *flats)
    assert stray.exit_code == 2
    assert not (tmp_path / "x.toml").exists()
