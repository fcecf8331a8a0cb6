"""What was measured comes back from the sensor file as it was, and its other groups stay."""

import math
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from deepisp import shipped
from deepisp.calibrate import dark, photon_transfer, profile_file, profile_groups
from deepisp.calibrate.photon_transfer import PhotonTransferResult
from deepisp.sensor import profile
from deepisp.sensor.estimate import Estimate
from deepisp.sensor.exposure import Sensor
from deepisp.sensor.noise import Noise
from tests.calibrate.simulated import SENSOR, shoot
from tests.calibrate.written import ACME, at, check, put


def test_the_noise_that_was_measured_comes_back(result: PhotonTransferResult, tmp_path: Path) -> None:
    path = tmp_path / "camera.toml"
    assert put(path, result) == profile.load(path)
    sensor = profile.load(path)
    assert (sensor.maker, sensor.models) == ("Acme", ("One",))
    noise = sensor.noise(800).noise
    for plane in result.planes:
        # by hand: shot = gain / levels; read = (quantization, read, row and column noise) / levels squared
        levels = 16383 - 512
        assert plane.read_std_dn is not None
        assert plane.row_std_e is not None
        assert plane.column_std_e is not None
        stripes = plane.row_std_e**2 + plane.column_std_e**2
        read = (plane.read_std_dn**2 + stripes * plane.gain**2) / levels**2
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
        'maker = "Acme"\nmodels = ["By hand", "One"]\n[levels]\nbits = 14\nblack_level = 500\nwhite_level = 16000\n'
        'source = "a data sheet"\n'
    )
    matrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    color = {"xyz_to_camera": matrix, "illuminant": 21, "source": "a chart, for a test"}
    profile_file.update(path, lambda known: profile_groups.with_color(known, color))
    put(path, result)
    twice = color | {"xyz_to_camera": [[2.0, 0, 0], *matrix[1:]]}
    other = color | {"illuminant": 17}
    for one in (twice, other):
        profile_file.update(path, lambda known, one=one: profile_groups.with_color(known, one))  # type: ignore[misc]
    sensor = profile.load(path)
    assert (sensor.maker, sensor.models) == ("Acme", ("By hand", "One"))
    assert sensor.levels is not None
    assert sensor.levels.black_level == 500
    assert [(one.illuminant, one.xyz_to_camera[0][0]) for one in sensor.color] == [(21, 2.0), (17, 1.0)]
    assert len(sensor.conversion_gains) == 1


def test_darks_go_beside_and_tails_into_the_entry(result: PhotonTransferResult, tmp_path: Path) -> None:
    path = tmp_path / "camera.toml"
    put(path, result)
    _, darks = shoot(SENSOR, lights=[], size=64)
    known = profile_groups.gains(profile.load(path), 800)
    assert set(known) == set("RGB")
    assert profile_groups.gains(profile.load(path), 400) == {}
    found = dark.measure(darks, gains=known)
    told = dark.table(found, maps="camera-dark.npz")
    for _ in range(2):
        profile_file.update(path, lambda known: profile_groups.with_darks(known, told, found.first))
    sensor = profile.load(path)
    (group,) = sensor.darks
    assert (group.iso, group.maps, len(group.black_level)) == (800, "camera-dark.npz", 4)
    assert group.hot > 0
    shape = found.planes[1].tukey_lambda
    assert shape is not None
    assert sensor.entry(800, "G").tukey_lambda == pytest.approx(shape, rel=1e-4)
    assert group.entries[1].tukey_lambda == pytest.approx(shape, rel=1e-4)


def test_tails_are_there_in_whichever_order_the_verbs_come(
    result: PhotonTransferResult, tmp_path: Path
) -> None:
    found = dark.measure(shoot(SENSOR, lights=[], size=64)[1])
    path = tmp_path / "camera.toml"
    profile_file.update(path, lambda known: profile_groups.with_darks(known, dark.table(found), found.first))
    sensor = put(path, result)
    for plane in found.planes:
        entry = sensor.entry(800, plane.color)
        assert plane.tukey_lambda is not None
        assert (entry.tukey_lambda, entry.tukey_scale_dn) == pytest.approx(
            (plane.tukey_lambda, plane.tukey_scale_dn), rel=1e-4
        )
    assert put(path, at(result, 1600)).entry(1600, "G").tukey_lambda is None


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
        'maker = "Acme"\nmodels = ["One"]\n[[conversion_gains]]\niso_min = 100\niso_max = 6400\n'
        'source = "made up for a test"\n'
        "lines = { gain_per_iso = 0.01, read = { slope = 1.0, bias = 0.0 } }\n"
    )
    with pytest.raises(ValueError, match=r"ISO 800 lies in a range .* write to another file"):
        put(path, result)


def test_an_unknown_iso_is_said_to_be_unknown(result: PhotonTransferResult, tmp_path: Path) -> None:
    sensor = put(tmp_path / "camera.toml", at(result, None))
    assert "not recorded" in sensor.warning(100)


@pytest.mark.parametrize(("step", "rounding"), [(1, 1 / 12), (16, 16**2 / 12), (0, 0.0)])
def test_read_noise_by_the_line_holds_the_file_s_own_rounding(
    step: int, rounding: float, tmp_path: Path
) -> None:
    gain, read_e = 0.6, 1.2  # 0.72 DN before the file's scale: rounding is a seventh of the variance
    sensor = Sensor(gain=gain, black_level=64, white_level=4095, read_std_e=read_e)
    flats, _ = shoot(sensor, lights=[2.0**-power for power in range(12, 0, -1)], shading=0.0, size=192)
    scale = step or 1
    if step == 0:
        rng = np.random.default_rng(4)
        flats = [replace(raw, mosaic=unrounded(rng, sensor, float(raw.mosaic.mean()))) for raw in flats]
    else:
        flats = [replace(raw, mosaic=raw.mosaic * np.uint16(step)) for raw in flats]
    flats = [
        replace(raw, black_level=raw.black_level * scale, white_level=raw.white_level * scale)
        for raw in flats
    ]
    found = photon_transfer.measure(flats)
    assert found.step == step
    known = put(tmp_path / "camera.toml", found)
    truth = math.sqrt((gain * read_e * scale) ** 2 + rounding)
    for plane in found.planes:
        entry = known.entry(800, plane.color)
        assert entry.read_std_dn_error is not None
        assert entry.read_std_dn == pytest.approx(truth, abs=4 * entry.read_std_dn_error)
        assert entry.read_std_dn_error < 0.018 * truth  # so 4 of it stay below the 7.4 % of a wrong rounding


def unrounded(rng: np.random.Generator, sensor: Sensor, mean: float) -> NDArray[np.float32]:
    """A flat of float values, Gaussian."""
    variance = sensor.gain * max(mean - sensor.black_level, 0) + (sensor.gain * sensor.read_std_e) ** 2
    return rng.normal(mean, math.sqrt(variance), (192, 192)).astype(np.float32)


PAPER = (
    'maker = "Acme"\nmodels = ["One"]\n[[conversion_gains]]\niso_min = 100\niso_max = {}\n'
    'source = "a published paper"\nentries = [{{ iso = 100, gain = 0.2, read_std_dn = 2.0 }}]\n'
)


def test_numbers_of_another_source_keep_it(result: PhotonTransferResult, tmp_path: Path) -> None:
    path = tmp_path / "camera.toml"
    path.write_text(PAPER.format(100))
    paper, ours = put(path, result).conversion_gains
    assert (paper.source, paper.measured, paper.entries[0].gain) == ("a published paper", None, 0.2)
    assert ours.source == "deepisp calibrate photon-transfer: pairs of flats, 4 darks"
    path.write_text(PAPER.format(1600))
    for call in (lambda: put(path, result), lambda: check(path, 800)):
        with pytest.raises(
            ValueError, match=r"another source \(a published paper\); write to another file with -o"
        ):
            call()
    assert path.read_text() == PAPER.format(1600)


def test_isos_of_one_group_keep_their_own_source(result: PhotonTransferResult, tmp_path: Path) -> None:
    path = tmp_path / "camera.toml"
    put(path, result)
    path.write_text(path.read_text().replace("iso_max = 800", "iso_max = 3200"))
    lone = replace(result, is_paired=False)
    pairs, single = (f"deepisp calibrate photon-transfer: {how}, 4 darks" for how in (
        "pairs of flats", "single flats, differences of neighbors",
    ))  # fmt: skip
    put(path, at(lone, 1600))
    (group,) = put(path, at(result, 3200)).conversion_gains
    assert group.source == pairs
    assert [(entry.iso, entry.source) for entry in group.entries[::3]] == [
        (800, None), (1600, single), (3200, None),
    ]  # fmt: skip
    (group,) = put(path, at(lone, 3200)).conversion_gains
    assert group.source == single
    assert {(entry.iso, entry.source) for entry in group.entries} == {
        (800, pairs),
        (1600, None),
        (3200, None),
    }
    (group,) = put(path, at(lone, 800)).conversion_gains
    assert {entry.source for entry in group.entries} == {None}
    assert len(group.entries) == 9


def test_an_entry_of_another_source_is_not_replaced(result: PhotonTransferResult, tmp_path: Path) -> None:
    path = tmp_path / "camera.toml"
    put(path, result)
    text = path.read_text()
    path.write_text(
        text.replace("[[conversion_gains.entries]]", '[[conversion_gains.entries]]\nsource = "some paper"', 1)
    )
    assert "some paper" in path.read_text()
    with pytest.raises(ValueError, match=r"ISO 800 has noise from another source \(some paper\); write to"):
        check(path, 800)


def test_a_picture_says_how_sure_each_figure_is(tmp_path: Path) -> None:
    found = [Estimate(Noise(1e-3, 1e-6), 1e-5 * n, 1e-8 * n, 0.0, 1) for n in (1, 2, 3)]
    made = profile_file.update(
        tmp_path / "camera.toml",
        lambda known: profile_groups.with_picture(known, "RGB", found, 800),
        camera=ACME,
    )
    (group,) = made.conversion_gains
    assert group.source == "deepisp calibrate from-picture: one ordinary raw"
    assert [(entry.shot_error, entry.read_error) for entry in group.entries] == [
        (1e-5, 1e-8), (2e-5, 2e-8), (3e-5, 3e-8),
    ]  # fmt: skip
    further = made.entry(1600, "G")  # by hand: shot goes with ISO, read with its square
    assert (further.shot_error, further.read_error) == pytest.approx((4e-5, 8e-8))


def test_a_shipped_file_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    path = tmp_path / "sony.toml"
    shutil.copy(shipped.folder("sensors") / "sony-a7s-ii.toml", path)
    with pytest.raises(ValueError, match=r"^sony\.toml: ISO 800 has noise .* write to another file with -o"):
        check(path, 800)
    check(tmp_path / "none.toml", 800)
    path.write_text(PAPER.format(1600).replace("a published paper", "deepisp calibrate by hand"))
    with pytest.raises(ValueError, match=r"not told by color; write to another file with -o"):
        check(path, 800)


@pytest.mark.parametrize(("first", "second", "said"), [(None, 800, "not known"), (800, None, "known")])
def test_an_unknown_iso_goes_with_no_other(
    result: PhotonTransferResult, tmp_path: Path, first: float | None, second: float | None, said: str
) -> None:
    path = tmp_path / "camera.toml"
    put(path, at(result, first))
    with pytest.raises(ValueError, match=rf"the ISO of the file's noise is {said}, .* write to another file"):
        check(path, second)
    with pytest.raises(ValueError, match="write to another file with -o"):
        put(path, at(result, second))
    check(path, first)


def test_a_picture_does_not_replace_what_flats_told(result: PhotonTransferResult, tmp_path: Path) -> None:
    path = tmp_path / "camera.toml"
    put(path, result)
    found = [Estimate(Noise(1e-3, 1e-6), 1e-5, 1e-8, 0.0, 1)] * 3
    with pytest.raises(
        ValueError, match=r"flats told the noise of ISO 800, .* write to another file with -o"
    ):
        profile_file.update(path, lambda known: profile_groups.with_picture(known, "RGB", found, 800))
    with pytest.raises(ValueError, match=r"camera\.toml: flats told the noise of ISO 800"):
        check(path, 800, is_picture=True)
    for _ in range(2):
        check(path, 400, is_picture=True)
        profile_file.update(path, lambda known: profile_groups.with_picture(known, "RGB", found, 400))
    assert profile.load(path).entry(400, "R").shot == 1e-3


def test_darks_without_an_iso_go_with_no_other(tmp_path: Path) -> None:
    found = dark.measure(shoot(SENSOR, lights=[], size=64, darks=4)[1])
    path = tmp_path / "camera.toml"
    profile_file.update(path, lambda known: profile_groups.with_darks(known, dark.table(found), found.first))
    profile_groups.check_darks(tomllib.loads(path.read_text()), 400)
    for iso, words in (
        (None, "the file's darks is known, that of these frames is not"),
        (800, "another source"),
    ):
        tables = tomllib.loads(path.read_text())
        if iso is not None:
            tables["darks"][0]["source"] = "a published paper"
        with pytest.raises(ValueError, match=words):
            profile_groups.check_darks(tables, iso)
