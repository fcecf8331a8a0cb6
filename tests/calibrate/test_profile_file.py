"""What was measured comes back from the sensor file as it was, and the rest of the file stays."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from deepisp.calibrate import dark, noise_report, photon_transfer, profile_file
from deepisp.calibrate.photon_transfer import PhotonTransferResult
from deepisp.sensor import profile
from tests.calibrate.simulated import SENSOR, shoot


@pytest.fixture(scope="module")
def result() -> PhotonTransferResult:
    return photon_transfer.measure(*shoot(SENSOR, lights=[0.1, 0.2, 0.3, 0.4], size=64, darks=4))


def at(result: PhotonTransferResult, iso: float | None) -> PhotonTransferResult:
    return replace(result, first=replace(result.first, iso=iso))


def put(path: Path, result: PhotonTransferResult) -> profile.Profile:
    return profile_file.update(
        path, lambda known: profile_file.with_photon_transfer(known, result), maker="Acme", model="One"
    )


def test_the_noise_that_was_measured_comes_back(result: PhotonTransferResult, tmp_path: Path) -> None:
    path = tmp_path / "camera.toml"
    assert put(path, result) == profile.load(path)
    sensor = profile.load(path)
    assert (sensor.maker, sensor.models) == ("Acme", ("One",))
    noise = sensor.noise(800).noise
    for plane in result.planes:
        # by hand: shot = gain / levels; read = (quantization, read and row noise) / levels squared
        levels = 16383 - 512
        assert plane.read_std_dn is not None
        assert plane.row_std_e is not None
        read = (plane.read_std_dn**2 + (plane.row_std_e * plane.gain) ** 2) / levels**2
        assert noise[plane.color] == pytest.approx((plane.gain / levels, read), rel=1e-4)
        entry = sensor.entry(800, plane.color)
        assert (entry.prnu, entry.dsnu_e, entry.gain_error) == pytest.approx(
            (plane.prnu, plane.dsnu_e, plane.gain_error), rel=1e-4
        )
    assert sensor.warning(800) == ""
    assert sensor.levels is not None
    assert sensor.levels.bits == 14
    assert sensor.conversion_gains[0].measured is not None


def test_an_iso_is_replaced_and_others_stay(result: PhotonTransferResult, tmp_path: Path) -> None:
    path = tmp_path / "camera.toml"
    for iso in (1600, 800, 400):
        put(path, at(result, iso))
    changed = replace(result, planes=tuple(replace(plane, gain=9.0) for plane in result.planes))
    put(path, changed)
    sensor = profile.load(path)
    assert [(one.iso_min, one.iso_max) for one in sensor.conversion_gains] == [
        (400, 400),
        (800, 800),
        (1600, 1600),
    ]
    assert [one.entries[0].gain == 9.0 for one in sensor.conversion_gains] == [False, True, False]
    assert [len(one.entries) for one in sensor.conversion_gains] == [3, 3, 3]


def test_a_range_that_was_widened_by_hand_takes_the_iso_in(
    result: PhotonTransferResult, tmp_path: Path
) -> None:
    path = tmp_path / "camera.toml"
    put(path, at(result, 800))
    path.write_text(path.read_text().replace("iso_max = 800", "iso_max = 3200"))
    sensor = put(path, at(result, 3200))
    (gain,) = sensor.conversion_gains
    assert [entry.iso for entry in gain.entries] == [800] * 3 + [3200] * 3


def test_other_groups_are_kept(result: PhotonTransferResult, tmp_path: Path) -> None:
    path = tmp_path / "camera.toml"
    path.write_text(
        'maker = "Made"\nmodels = ["By hand", "Twice"]\n[levels]\nbits = 14\nblack_level = 500\nwhite_level = 16000\n'
        'source = "a data sheet"\n'
    )
    matrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    color = {"xyz_to_camera": matrix, "illuminant": 21, "source": "a chart, for a test"}
    profile_file.update(path, lambda known: profile_file.with_color(known, color))
    put(path, result)
    twice = color | {"xyz_to_camera": [[2.0, 0, 0], *matrix[1:]]}
    other = color | {"illuminant": 17}
    for one in (twice, other):
        profile_file.update(path, lambda known, one=one: profile_file.with_color(known, one))  # type: ignore[misc]
    sensor = profile.load(path)
    assert (sensor.maker, sensor.models) == ("Made", ("By hand", "Twice"))
    assert sensor.levels is not None
    assert sensor.levels.black_level == 500
    assert [(one.illuminant, one.xyz_to_camera[0][0]) for one in sensor.color] == [(21, 2.0), (17, 1.0)]
    assert len(sensor.conversion_gains) == 1


def test_darks_go_beside_and_tails_into_the_entry(result: PhotonTransferResult, tmp_path: Path) -> None:
    path = tmp_path / "camera.toml"
    put(path, result)
    _, darks = shoot(SENSOR, lights=[], size=64)
    known = profile_file.gains(profile.load(path), 800)
    assert set(known) == set("RGB")
    assert profile_file.gains(profile.load(path), 400) == {}
    found = dark.measure(darks, gains=known)
    told = dark.table(found, maps="camera-dark.npz")
    for _ in range(2):
        profile_file.update(path, lambda known: profile_file.with_darks(known, told, found.first))
    sensor = profile.load(path)
    (group,) = sensor.darks
    assert (group.iso, group.maps, len(group.black_level)) == (800, "camera-dark.npz", 4)
    assert group.hot > 0
    shape = found.planes[1].tukey_lambda
    assert shape is not None
    assert sensor.entry(800, "G").tukey_lambda == pytest.approx(shape, rel=1e-4)
    assert group.entries[1].tukey_lambda == pytest.approx(shape, rel=1e-4)


def test_a_file_that_would_not_load_is_not_written(result: PhotonTransferResult, tmp_path: Path) -> None:
    path = tmp_path / "camera.toml"
    put(path, result)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"camera\.toml: maker: "):
        profile_file.update(path, lambda known: known | {"maker": ""})
    bad = replace(result, planes=tuple(replace(plane, gain=-1.0) for plane in result.planes))
    with pytest.raises(ValueError, match=r"camera\.toml: conversion_gains\.0\.entries\.0\.gain: "):
        put(path, bad)
    assert path.read_bytes() == before
    path.write_text("maker = ")
    with pytest.raises(ValueError, match=r"camera\.toml: not a TOML file"):
        put(path, result)
    assert path.read_text() == "maker = "


def test_a_range_described_by_a_fit_is_left_alone(result: PhotonTransferResult, tmp_path: Path) -> None:
    path = tmp_path / "camera.toml"
    path.write_text(
        'maker = "A"\nmodels = ["B"]\n[[conversion_gains]]\niso_min = 100\niso_max = 6400\n'
        'source = "made up for a test"\n'
        "lines = { gain_per_iso = 0.01, read = { slope = 1.0, bias = 0.0 } }\n"
    )
    with pytest.raises(ValueError, match=r"ISO 800 lies in a range .* write to another file"):
        put(path, result)


def test_an_unknown_iso_is_said_to_be_unknown(result: PhotonTransferResult, tmp_path: Path) -> None:
    sensor = put(tmp_path / "camera.toml", at(result, None))
    assert "not recorded" in sensor.warning(100)


def test_unknown_read_noise_is_no_error(result: PhotonTransferResult, tmp_path: Path) -> None:
    lone = photon_transfer.measure(shoot(SENSOR, lights=[0.01, 0.2, 0.3, 0.4], size=64)[0])
    sensor = put(tmp_path / "camera.toml", lone)
    assert math.isfinite(sensor.noise(800).noise["R"].read)
    for (
        plane
    ) in lone.planes:  # the line's intercept is without quantization, a sensor file's read noise with it
        assert plane.read_std_e is not None
        expected = ((plane.read_std_e * plane.gain) ** 2 + 1 / 12) / (16383 - 512) ** 2
        assert sensor.noise(800).noise[plane.color].read == pytest.approx(expected, rel=1e-4)


def test_the_plot_is_a_png(result: PhotonTransferResult, tmp_path: Path) -> None:
    noise_report.photon_transfer(tmp_path / "a.png", result, title="Acme One")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    noise_report.photon_transfer(tmp_path / "b.png", replace(result, floor=None))
    assert (tmp_path / "b.png").stat().st_size < (tmp_path / "a.png").stat().st_size
