"""What the dark leaves on a frame goes, by the user's profile: shading, bias, rows; and nothing else changes."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import deepisp
from deepisp import cli
from deepisp.calibrate import dark, profile_file, profile_groups
from deepisp.calibrate.dark import DarkResult
from deepisp.calibrate.dark_maps import maps
from deepisp.develop import dark_shading, noise_source, plan
from deepisp.develop.settings import Settings
from deepisp.picture.dng import write_dng
from deepisp.raw.image import Area, Exif, RawImage
from deepisp.sensor import cfa as cfa_cell
from deepisp.sensor.identity import Camera
from tests.develop.dark_frames import (
    BLACK,
    DARKS,
    EXIF,
    MASKED,
    READ_DN,
    ROW_DN,
    SENSOR,
    SIDE,
    Array,
    Shoot,
    blocks,
    camera,
    corrected,
    seen,
    without_rows,
    written,
)  # fmt: skip


@pytest.fixture(scope="module")
def shoot() -> Shoot:
    return camera()


@pytest.fixture(scope="module")
def result(shoot: Shoot) -> DarkResult:
    return dark.measure([shoot() for _ in range(DARKS)])


@pytest.fixture
def own(result: DarkResult, tmp_path: Path) -> Path:
    return written(tmp_path / "one.toml", result)


def test_shading_and_bias_fall_to_the_noise_of_the_map(shoot: Shoot, own: Path) -> None:
    count = 12
    frames = [shoot() for _ in range(count)]
    before = blocks(np.mean([seen(raw) for raw in frames], axis=0)) - BLACK
    after = blocks(np.mean([seen(corrected(raw, own)) for raw in frames], axis=0)) - BLACK
    # A block of 8 x 8 of the map is a median (variance pi / 2 of a mean's) of darks and of what stays (DSNU); a block
    # here is a mean over 4 of those. Rows of the darks are in the map, each block 16 of them; those here are corrected.
    own_noise = (READ_DN**2 / DARKS + 0.75**2) / 64 * (math.pi / 2) / 4
    here = READ_DN**2 / count / 256
    rows = ROW_DN**2 / DARKS / 16
    error = math.sqrt(own_noise + here + rows)
    assert before.std() > 2.5
    assert after.std() < 1.3 * error
    assert abs(after.mean()) < 5 * error / math.sqrt(12)  # bands of rows in two phases
    # A phase's rows have a mean of their own in the map and in each frame: of that one, a median is taken for 0.
    phase = ROW_DN / math.sqrt(SIDE // 2) * math.sqrt(1 / DARKS + math.pi / 2 / count)
    assert np.abs(after.mean(axis=(1, 2))).max() < 4 * phase
    assert np.ptp(before.mean(axis=(1, 2))) > 18 * phase


def test_nothing_changes_without_a_profile(shoot: Shoot) -> None:
    raw = shoot(500.0)
    assert dark_shading.corrected(raw, Settings()) is raw
    solved = plan.solve(raw, Settings(model="none", dark="off"))
    assert raw.mosaic is not None
    assert solved.values.dtype == np.uint16
    assert np.array_equal(solved.values, raw.mosaic[:, MASKED:])


def test_levels_stay_and_masked_photosites_too(shoot: Shoot, own: Path) -> None:
    raw = shoot()
    after = corrected(raw, own)
    assert raw.mosaic is not None
    assert after.mosaic is not None
    assert after.mosaic.dtype == np.float32
    assert np.array_equal(after.mosaic[:, :MASKED], raw.mosaic[:, :MASKED])
    assert np.array_equal(after.black_level, raw.black_level)


def test_saturated_photosites_stay_saturated(shoot: Shoot, own: Path) -> None:
    light = np.full((SIDE, SIDE), 3000.0)
    light[:40] = 1e6
    raw = shoot(light, saturation_level=np.full((2, 2), 16000.0))
    after = seen(corrected(raw, own))
    assert np.array_equal(after[:40], seen(raw)[:40])
    assert (after[40:] < 16000).all()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "Two"}, r"the profile is of Acme One, the file of Acme Two; measure darks of this camera"),
        ({"cfa": "GRBG"}, r"the darks are of RGGB, the file is GRBG; measure darks in its mode"),
        (
            {"active_area": Area(0, MASKED, SIDE, MASKED + SIDE - 2)},
            r"the darks are of 192 x 192 photosites, the file has 190 x 192; measure darks in its mode",
        ),
        (
            {"white_level": np.full((2, 2), 4095.0)},
            r"the profile is of 14 bits, the file has 3583 levels; measure darks in its mode",
        ),
        ({"black_rows": np.zeros(SIDE)}, r"the file has black levels of its own for each row or column"),
    ],
)
def test_a_profile_that_does_not_fit_is_one_line(
    changes: dict[str, object], words: str, shoot: Shoot, own: Path
) -> None:
    raw = shoot(**changes)
    after = corrected(raw, own)
    assert after.mosaic is raw.mosaic
    assert after.warnings == (f"dark shading is not corrected: {words}",)
    assert words in " ".join(plan.solve(raw, Settings(noise=str(own), model="none", dark="off")).warnings)


def test_another_iso_warns_and_never_takes_off_more_than_is_sure(shoot: Shoot, own: Path) -> None:
    raw = shoot()
    same = seen(raw) - seen(corrected(without_rows(raw), own))
    for iso, share in ((400.0, 0.5), (6400.0, 1.0)):
        after = corrected(without_rows(replace(raw, exif=replace(EXIF, iso=iso))), own)
        (line,) = after.warnings
        assert line == (
            f"dark shading was measured at ISO 800, the file has ISO {iso:g}: {share:g} of it is taken off; "
            "measure darks of this ISO too"
        )
        assert seen(raw) - seen(after) == pytest.approx(share * same, abs=1e-3)
    unknown = corrected(without_rows(replace(raw, exif=Exif())), own)
    assert "the ISO of the file is not known" in unknown.warnings[0]


def test_the_nearest_iso_is_taken(shoot: Shoot, result: DarkResult, own: Path) -> None:
    low = replace(result, first=replace(result.first, iso=100.0))
    told = dark.table(low) | {"black_level": [BLACK + 4.0] * 4}
    profile_file.update(
        own, lambda known: profile_groups.with_darks(known, told, low.first), camera=Camera("Acme", ("One",))
    )
    raw = without_rows(shoot(exif=replace(EXIF, iso=100.0)))
    after = corrected(raw, own)
    assert after.warnings == ()
    assert seen(raw) - seen(after) == pytest.approx(np.full((SIDE, SIDE), 4.0))


def test_dark_current_goes_with_the_exposure(shoot: Shoot, result: DarkResult, own: Path) -> None:
    def offset(current: dict[str, float], exposure_s: float) -> Array:
        entries = [entry | current for entry in dark.table(result)["entries"]]
        told = dark.table(result, maps="maps.npz") | {"exposure_s": 0.02, "entries": entries}
        profile_file.update(
            own,
            lambda known: profile_groups.with_darks(known, told, result.first),
            camera=Camera("Acme", ("One",)),
        )
        raw = without_rows(shoot(exif=replace(EXIF, exposure_s=exposure_s)))
        return seen(raw) - seen(corrected(raw, own))

    known = {"dark_current_dn_s": 2.0, "dark_current_dn_s_error": 0.1}
    at_once = offset(known, 0.02)
    assert offset(known, 4.02) - at_once == pytest.approx(np.full((SIDE, SIDE), 8.0), abs=1e-3)
    unsure = known | {"dark_current_dn_s_error": 1.0}
    assert offset(unsure, 4.02) == pytest.approx(at_once, abs=1e-3)


def test_without_its_maps_a_profile_still_tells_bias(shoot: Shoot, own: Path) -> None:
    raw = without_rows(shoot())
    (own.parent / "maps.npz").write_bytes(b"no zip")
    (line,) = corrected(raw, own).warnings
    assert line.startswith("dark shading is not corrected: maps.npz: no maps of dark frames (")
    assert line.endswith("); make it with deepisp calibrate dark")
    (own.parent / "maps.npz").unlink()
    after = corrected(raw, own)
    assert after.warnings == (
        "maps.npz: No such file or directory; without this map beside the profile, only bias is corrected",
    )
    off = (seen(raw) - seen(after))[:2, :2]
    assert off - off.mean() == pytest.approx(np.array(SENSOR.bias) - np.mean(SENSOR.bias), abs=0.3)
    text = own.read_text()
    own.write_text(text.replace("maps.npz", "../maps.npz"))
    assert "maps lie beside the profile" in corrected(raw, own).warnings[0]


def test_an_x_trans_mosaic_too(tmp_path: Path) -> None:
    flat = replace(SENSOR, bias=((0.0,),))
    shoot = camera("RGGB", flat)
    cell = cfa_cell.XTRANS

    def frame() -> RawImage:
        return replace(
            shoot(), cfa=cell, black_level=np.full((6, 6), BLACK), white_level=np.full((6, 6), 16383)
        )

    own = written(tmp_path / "one.toml", dark.measure([frame() for _ in range(6)]))
    frames = [frame() for _ in range(6)]
    before, after = (
        np.mean([seen(one) for one in some], axis=0) - BLACK
        for some in (frames, [corrected(one, own) for one in frames])
    )
    assert blocks(before).std() > 2.5
    assert blocks(after).std() < 0.8


def test_from_calibrate_to_develop(shoot: Shoot, tmp_path: Path) -> None:
    """Darks as files, the verb as users call it, a dark frame developed: flat within its error, and black."""
    tags = {"EXIF": {34855: (800,), 33434: (1, 50)}}  # ISOSpeedRatings, ExposureTime: EXIF 2.32
    paths = [tmp_path / f"{index}.dng" for index in range(DARKS + 1)]
    for path in paths:
        write_dng(shoot(exif=replace(EXIF, tags=tags)), path)
    words = ["calibrate", "dark", *map(str, paths[:-1]), "-o", str(tmp_path / "one.toml")]
    assert CliRunner().invoke(cli.main, words).exit_code == 0
    raw = deepisp.read(paths[-1])
    assert (raw.exif.iso, raw.exif.exposure_s, raw.active) == (
        800,
        0.02,
        Area(0, MASKED, SIDE, MASKED + SIDE),
    )
    solved = plan.solve(raw, Settings(noise=str(tmp_path / "one.toml"), model="none", dark="off"))
    assert not [line for line in solved.warnings if "dark" in line]
    before, after = blocks(seen(raw) - BLACK), blocks(solved.values - float(BLACK))
    noise = READ_DN / 16  # of a block in one frame; rows and map are less
    assert before.std() > 3
    assert after.std() < 2.5 * noise
    assert abs(float(after.mean())) < 0.4
    given = {
        "model": "none",
        "dark": "off",
        "tone": "none",
        "bits": 32,
        "color": "linear-srgb",
        "wb": "1,1,1",
    }
    plain, clean = (
        deepisp.develop(raw, noise=noise, **given).mean(axis=(1, 2))  # type: ignore[arg-type]
        for noise in (None, str(tmp_path / "one.toml"))
    )
    assert np.ptp(clean[16:-16]) < 0.5 * np.ptp(plain[16:-16])


def test_the_maps_add_up_to_the_mean_of_the_darks(result: DarkResult, shoot: Shoot, own: Path) -> None:
    """The shading that is taken off is that of calibrate/dark_maps.py, position by position."""
    written_maps = maps(result)
    raw = without_rows(shoot())
    off = blocks(seen(raw) - seen(corrected(raw, own)))
    mean = blocks(result.floor.running.mean.astype(np.float64)) - BLACK
    assert written_maps["shading"].shape == (4, 12, 12)
    assert off == pytest.approx(mean, abs=5 * ROW_DN / math.sqrt(DARKS * 16))


def test_a_profile_of_darks_alone_leaves_the_noise_to_others(shoot: Shoot, own: Path) -> None:
    raw = shoot(300.0)
    sources = [noise_source.known(raw, one) for one in (None, Settings(noise=str(own)).noise_profile)]
    assert sources[0] == sources[1] is not None
    assert deepisp.develop(raw, noise=str(own)).shape == (SIDE, SIDE, 3)


def test_settings_know_the_maps_by_their_content(own: Path) -> None:
    before = Settings(noise=str(own)).digest()
    assert Settings(noise=str(own)).digest() == before
    (own.parent / "maps.npz").write_bytes(b"others")
    assert Settings(noise=str(own)).digest() != before
