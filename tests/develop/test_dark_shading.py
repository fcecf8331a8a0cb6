"""What the dark leaves on a frame goes, by the user's profile: shading, bias, rows; and nothing else changes."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray

import deepisp
from deepisp import cli
from deepisp.calibrate import dark, dark_maps, profile_file, profile_groups
from deepisp.calibrate.dark import DarkResult
from deepisp.calibrate.dark_maps import maps
from deepisp.develop import dark_shading, noise_source, plan, row_noise
from deepisp.develop.settings import Settings
from deepisp.picture.dng import write_dng
from deepisp.raw.image import Area, Exif, RawImage
from deepisp.sensor import cfa as cfa_cell
from deepisp.sensor.exposure import Sensor
from deepisp.sensor.identity import Camera

SIDE, MASKED, BLACK, DARKS = 192, 40, 512, 12
# Shading and bias that show at a gain of 100, banding as strong as a bad sensor's.
SENSOR = Sensor(
    gain=1.5, black_level=BLACK, white_level=16383, read_std_e=3.0, row_std_e=1.5, dsnu_e=0.5,
    bias=((0.0, 1.2), (-0.9, 0.5)),
)  # fmt: skip
ROW_DN, READ_DN = 1.5 * 1.5, math.hypot(1.5 * 3.0, math.sqrt(1 / 12))
EXIF = Exif(iso=800, exposure_s=0.02)
Shoot = Callable[..., RawImage]
Array = NDArray[np.float64]


def smooth() -> Array:
    """Dark shading of the active area, DN: darker at the top, a glow in a corner."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    return 6 * y + 9 * np.exp(-((1 - x) ** 2 + (1 - y) ** 2) / 0.1)


def camera(cfa: str = "RGGB", sensor: Sensor = SENSOR) -> Shoot:
    """Frames of one specimen, masked columns at its left; each call is a new frame."""
    pattern = sensor.pattern(SIDE, MASKED + SIDE, seed=3)
    # Row after row at DC: the columns that see no light share the vertical part.
    glow = np.concatenate([np.repeat(smooth()[:, :1], MASKED, axis=1), smooth()], axis=1)
    pattern = replace(pattern, offset_e=pattern.offset_e + torch.from_numpy(glow).float() / sensor.gain)
    generator = torch.Generator().manual_seed(5)

    def shoot(light_e: float | Array = 0.0, **changes: object) -> RawImage:
        light = torch.zeros(1, 1, SIDE, MASKED + SIDE)
        light[..., MASKED:] = torch.as_tensor(light_e, dtype=torch.float32)
        dn = sensor.expose(light, pattern=pattern, generator=generator)[0, 0].numpy()
        raw = RawImage(
            mosaic=dn.astype(np.uint16), cfa=cfa, black_level=np.full((2, 2), BLACK), maker="Acme", model="One",
            white_level=np.full((2, 2), 16383), active_area=Area(0, MASKED, SIDE, MASKED + SIDE), exif=EXIF,
        )  # fmt: skip
        return replace(raw, **changes)  # type: ignore[arg-type]

    return shoot


@pytest.fixture(scope="module")
def shoot() -> Shoot:
    return camera()


@pytest.fixture(scope="module")
def result(shoot: Shoot) -> DarkResult:
    return dark.measure([shoot() for _ in range(DARKS)])


@pytest.fixture
def own(result: DarkResult, tmp_path: Path) -> Path:
    return written(tmp_path / "one.toml", result)


def written(path: Path, result: DarkResult) -> Path:
    """The profile and its maps, as `deepisp calibrate dark` writes them."""
    told = dark.table(result, maps="maps.npz")
    dark_maps.save(path.parent / "maps.npz", result)
    profile_file.update(
        path,
        lambda known: profile_groups.with_darks(known, told, result.first),
        camera=Camera("Acme", ("One",)),
    )
    return path


def corrected(raw: RawImage, own: Path) -> RawImage:
    return dark_shading.corrected(raw, Settings(noise=str(own)))


def seen(raw: RawImage) -> Array:
    assert raw.mosaic is not None
    area = raw.active
    return raw.mosaic[area.top : area.bottom, area.left : area.right].astype(np.float64)


def blocks(values: Array, size: int = 16) -> Array:
    """Means of squares, each position of the cell by itself, (4, n, n)."""
    planes = np.stack([values[r::2, c::2] for r in (0, 1) for c in (0, 1)])
    n = SIDE // 2 // size
    return planes.reshape(4, n, size, n, size).mean(axis=(2, 4))


def banding(values: Array) -> float:
    """Deviation of the rows' means from what they are on average: `values` without anything that stays."""
    return float(values.mean(axis=1).std())


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


def test_rows_fall_by_what_the_masked_photosites_tell(shoot: Shoot, own: Path) -> None:
    still = np.mean([seen(shoot()) for _ in range(60)], axis=0)
    raw = shoot()
    before = banding(seen(raw) - still)
    without = replace(raw, active_area=None, mosaic=raw.mosaic[:, MASKED:])  # type: ignore[index]
    kept = seen(corrected(without, own))
    after = seen(corrected(raw, own))
    # 36 columns are used; Wiener's share goes with their mean's error, and the line through all rows has 2 numbers.
    error = READ_DN**2 / (MASKED - 4)
    share = ROW_DN**2 / (ROW_DN**2 + error)
    line = share**2 * 2 / SIDE * (ROW_DN**2 + error)
    left = math.sqrt((1 - share) ** 2 * ROW_DN**2 + share**2 * error + line + READ_DN**2 / SIDE)
    flat = seen(corrected(replace(raw, mosaic=still_frame(raw, still)), own))
    assert banding(after - flat) == pytest.approx(left, rel=0.25)
    assert before == pytest.approx(math.hypot(ROW_DN, READ_DN / math.sqrt(SIDE)), rel=0.2)
    assert banding(kept - flat) == pytest.approx(before, rel=0.05)  # no masked photosites: rows stay


def still_frame(raw: RawImage, still: Array) -> NDArray[np.float32]:
    """The mean of many frames, without row noise; its masked columns hold no noise and are no measure."""
    assert raw.mosaic is not None
    mosaic = np.full(raw.mosaic.shape, BLACK, np.float32)
    mosaic[:, MASKED:] = still
    return mosaic


def test_an_edge_in_the_picture_is_no_row_noise(shoot: Shoot, own: Path) -> None:
    light = np.zeros((SIDE, SIDE))
    light[SIDE // 2 :] = 200.0
    after = seen(corrected(shoot(light), own)) - BLACK
    rows = after.mean(axis=1)
    assert rows[SIDE // 2 :].mean() - rows[: SIDE // 2].mean() == pytest.approx(300, abs=1.5)
    assert rows[SIDE // 2] - rows[SIDE // 2 - 1] == pytest.approx(300, abs=12)


def test_nothing_changes_without_a_profile(shoot: Shoot) -> None:
    raw = shoot(500.0)
    assert dark_shading.corrected(raw, Settings()) is raw
    solved = plan.solve(raw, Settings(model="none", dark="off"))
    assert raw.mosaic is not None
    assert solved.values.dtype == np.uint16
    assert np.array_equal(solved.values, raw.mosaic[:, MASKED:])


def test_a_profile_without_darks_and_rows_changes_nothing(shoot: Shoot, tmp_path: Path) -> None:
    path = tmp_path / "one.toml"
    path.write_text(
        'maker = "Acme"\nmodels = ["One"]\n[[conversion_gains]]\niso_min = 800\niso_max = 800\n'
        'source = "made up for a test"\nentries = [{ iso = 800, gain = 1.5, read_std_dn = 4.5 }]\n'
    )
    raw = shoot()
    assert corrected(raw, path) is raw
    path.write_text(path.read_text().replace("4.5 }", f"4.5, row_std_dn = {ROW_DN} }}"))
    rows = corrected(raw, path)
    assert rows.warnings == ()
    off = seen(raw) - seen(rows)
    assert (
        np.array_equal(off, np.repeat(off[:, :1], SIDE, axis=1).astype(np.float32)) or off.std(1).max() < 1e-3
    )
    assert off[:, 0].std() == pytest.approx(ROW_DN, rel=0.25)


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


def without_rows(raw: RawImage) -> RawImage:
    """The frame with masked columns that hold a constant, as some cameras' do: they are no measure of rows."""
    assert raw.mosaic is not None
    mosaic = raw.mosaic.copy()
    mosaic[:, :MASKED] = BLACK
    return replace(raw, mosaic=mosaic)


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


def test_rows_of_another_strength_are_left(shoot: Shoot) -> None:
    found = row_noise.offsets(shoot(), row_noise.RowNoise(row=0.3, read=READ_DN))
    assert found.rows is None
    assert "the profile says" in found.warnings[0]


def test_listed_masked_areas_are_taken_and_lit_columns_are_not(shoot: Shoot) -> None:
    raw = shoot()
    assert raw.mosaic is not None
    noise = row_noise.RowNoise(ROW_DN, READ_DN)
    mosaic = raw.mosaic.copy()
    mosaic[:, 20:MASKED] += (200 * np.random.default_rng(1).random((SIDE, 1))).astype(np.uint16)
    listed = replace(raw, mosaic=mosaic, masked_areas=(Area(0, 0, SIDE, 20),))
    found, plain = (row_noise.offsets(one, noise).rows for one in (listed, replace(listed, masked_areas=())))
    assert found is not None
    assert plain is not None
    assert found == pytest.approx(plain)
    mosaic[:, 20:MASKED] = BLACK  # some cameras fill them in
    assert row_noise.offsets(replace(raw, mosaic=mosaic), noise).rows == pytest.approx(plain)
    few = replace(listed, masked_areas=(Area(0, 0, SIDE, 6),))
    assert row_noise.offsets(few, noise) == (None, ())


def test_few_masked_photosites_count_by_wiener_s_share() -> None:
    rng, height, columns = np.random.default_rng(4), 4000, 12
    rows = rng.normal(0, 1.0, height)
    mosaic = np.full((height, columns + 6), float(BLACK), np.float32)
    mosaic += rng.normal(0, 4.0, mosaic.shape) + rows[:, None]
    raw = RawImage(mosaic=mosaic, cfa="RGGB", active_area=Area(0, columns + 4, height, columns + 6))
    found = row_noise.offsets(raw, row_noise.RowNoise(1.0, 4.0)).rows
    assert found is not None
    share = 1 / (1 + 16 / columns)
    few = 5 / math.sqrt(2 * height)
    assert found.std() == pytest.approx(math.sqrt(share), rel=few)
    assert (rows - found).std() == pytest.approx(
        math.sqrt(1 - share), rel=few
    )  # the least that any share leaves


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


@pytest.fixture
def by_hand(tmp_path: Path) -> Path:
    """A profile of 4 x 6 photosites whose four positions have shading of their own, and lie below the file's black."""
    path = tmp_path / "hand.toml"
    path.write_text(
        'maker = "Acme"\nmodels = ["One"]\n[[darks]]\niso = 800\nframes = 16\nhot = 0.0\nmaps = "hand.npz"\n'
        "black_level = [507, 509, 510, 511]\nfile_black_level = [512, 512, 512, 512]\n"
        'source = "made up for a test"\nentries = [{ color = "G", black_level = 509, read_std_dn = 0.01 }]\n'
    )
    shading = np.arange(4, dtype=np.float32)[:, None, None] * np.array([[[0.0, 1.0]]], np.float32)
    rows = np.array([-2.0, 2.0, 0.0, 0.0])
    np.savez(tmp_path / "hand.npz", shading=shading, rows=rows, columns=np.array([1.0, 0, 0, 0, 0, -1]))
    return path


def test_each_position_has_its_own_by_hand(by_hand: Path) -> None:
    mosaic = np.full((4, 6), 600, np.uint16)
    mosaic[3, 1] = 15998
    frame = {"cfa": "RGGB", "black_level": BLACK, "white_level": 16000, "maker": "Acme", "model": "One"}
    after = corrected(RawImage(mosaic=mosaic, exif=EXIF, **frame), by_hand)  # type: ignore[arg-type]
    # Blocks of 1 and 2 photosites of a position's 3 (columns are rounded to even): middles at 0.5 and 2.
    share = np.array([0.0, 1 / 3, 1.0])
    off = np.zeros((4, 6))
    off[0::2, 0::2], off[0::2, 1::2] = -5, -3 + share
    off[1::2, 0::2], off[1::2, 1::2] = -2 + 2 * share, -1 + 3 * share
    off += np.array([[-2.0], [2], [0], [0]]) + np.array([1.0, 0, 0, 0, 0, -1])
    expected = 600 - off
    expected[3, 1] = 15999  # 15998 and 1 more: below saturation
    assert seen(after) == pytest.approx(expected, abs=1e-3)
    mosaic[0, 0] = 15998
    assert seen(corrected(RawImage(mosaic=mosaic, exif=EXIF, **frame), by_hand))[0, 0] == 16000  # type: ignore[arg-type]


@pytest.mark.parametrize("changed", [{"rows": np.zeros((2, 2))}, {"columns": np.full(6, np.nan)}])
def test_maps_of_other_shapes_are_one_line(changed: dict[str, Array], by_hand: Path) -> None:
    with np.load(by_hand.parent / "hand.npz") as found:
        np.savez(by_hand.parent / "hand.npz", **(dict(found) | changed))  # type: ignore[arg-type]
    mosaic = np.full((4, 6), 600, np.uint16)
    (line,) = corrected(RawImage(mosaic=mosaic, cfa="RGGB", exif=EXIF), by_hand).warnings
    assert "hand.npz: shading, rows and columns must be numbers of (n * n, h, w), (H,) and (W,), got" in line


def test_rows_that_stay_are_taken_off_once(tmp_path: Path) -> None:
    """Masked photosites see them too, and what they see is not row noise that comes on top."""
    shoot, fixed = camera(), np.random.default_rng(2).normal(0, 12, (SIDE, 1)).round().astype(np.int64)

    def frame() -> RawImage:
        raw = shoot()
        assert raw.mosaic is not None
        return replace(raw, mosaic=(raw.mosaic + fixed).astype(np.uint16))

    own = written(tmp_path / "one.toml", dark.measure([frame() for _ in range(DARKS)]))
    frames = [frame() for _ in range(4)]
    after = np.mean([seen(corrected(raw, own)) for raw in frames], axis=0)
    assert corrected(frames[0], own).warnings == ()
    assert banding(np.mean([seen(raw) for raw in frames], axis=0)) > 10
    # 4 frames whose row noise was corrected, and the map's own, of which masked photosites then tell the most
    assert banding(after) < 1.3 * math.hypot(0.85 / 2, 0.3 * ROW_DN / math.sqrt(DARKS))


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
