"""Photon transfer finds what a simulated sensor has, and its standard errors are honest."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepisp import shipped
from deepisp.calibrate import photon_transfer
from deepisp.calibrate.frames import Frames
from deepisp.calibrate.photon_transfer import PhotonTransferResult
from deepisp.calibrate.recipe import PhotonTransfer, shipped_recipe
from deepisp.raw import saturation
from deepisp.raw.image import RawImage
from deepisp.raw.layout import Layout
from deepisp.sensor import cfa, profile
from deepisp.sensor.exposure import Sensor
from tests.calibrate.simulated import DARK_S, SENSOR, at_iso, shoot

LIGHTS = [step / 16 for step in range(1, 17)]
READ_E = math.sqrt(
    SENSOR.read_std_e**2 + SENSOR.dark_current_e * DARK_S
)  # dark current's shot noise is in it
TRUTH = {
    "gain": SENSOR.gain, "read_std_e": READ_E, "row_std_e": SENSOR.row_std_e, "column_std_e": SENSOR.column_std_e,
    "prnu": SENSOR.prnu, "dsnu_e": SENSOR.dsnu_e,
}  # fmt: skip
# Done-when of the project: relative error, for figures that have one.
GOALS = {"gain": 0.03, "read_std_e": 0.05, "row_std_e": 0.10, "prnu": 0.10}


@pytest.fixture(scope="module")
def frames() -> tuple[list[RawImage], list[RawImage]]:
    return shoot(SENSOR, lights=LIGHTS)


@pytest.fixture(scope="module")
def paired(frames: tuple[list[RawImage], list[RawImage]]) -> PhotonTransferResult:
    return photon_transfer.measure(*frames)


def assert_found(result: PhotonTransferResult, truth: dict[str, float], goals: dict[str, float]) -> None:
    """Within the goals, within 4 standard errors each, and all together as far off as standard errors say."""
    z = []
    for plane in result.planes:
        for name, true in truth.items():
            got, error = getattr(plane, name), getattr(plane, f"{name}_error")
            assert abs(got / true - 1) <= goals.get(name, 0.3), (plane.color, name)
            z.append((got - true) / error)
    assert np.abs(z).max() < 4, z
    # Mean square of n values of z is 1 +- sqrt(2 / n); several share the gain's error, so the bar is wide.
    assert 0.3 < np.mean(np.square(z)) < 1 + 5 * math.sqrt(2 / len(z)), z


def test_pairs_find_the_sensor(paired: PhotonTransferResult) -> None:
    assert paired.is_paired
    assert [plane.color for plane in paired.planes] == list("RGB")
    assert_found(paired, TRUTH, GOALS)


def test_a_level_series_finds_the_sensor_too(frames: tuple[list[RawImage], list[RawImage]]) -> None:
    flats, darks = frames
    result = photon_transfer.measure(flats[::2], darks)
    assert not result.is_paired
    assert any("no pairs" in note for note in result.notes)
    assert_found(result, TRUTH, GOALS | {"gain": 0.05})


def test_full_well_is_where_the_white_level_stops_it(paired: PhotonTransferResult) -> None:
    for plane in paired.planes:
        assert plane.full_well_e == pytest.approx(SENSOR.levels / SENSOR.gain, rel=0.02)
        assert plane.snr_max == pytest.approx(math.sqrt(SENSOR.levels / SENSOR.gain), rel=0.02)


def test_full_well_is_where_the_variance_collapses() -> None:
    sensor = replace(SENSOR, full_well_e=8000.0)
    flats, darks = shoot(sensor, lights=[step / 8 for step in range(1, 10)], size=128, shading=0.0)
    for plane in photon_transfer.measure(flats, darks).planes:
        assert plane.full_well_e == pytest.approx(8000, rel=0.02)
        assert plane.gain == pytest.approx(1.5, rel=0.03)


@pytest.mark.parametrize("plateau", [0.6, 0.95])  # `read` finds the second by itself, and not the first
def test_full_well_is_the_plateau_where_shading_keeps_the_corners_below(plateau: float) -> None:
    well = plateau * SENSOR.levels / SENSOR.gain
    lights = [*(step / 8 for step in range(1, 8)), 1.2]  # the corners of the brightest lie at 0.84
    flats, darks = shoot(replace(SENSOR, full_well_e=well), lights=lights, size=192, shading=0.15, darks=8)
    for plane in photon_transfer.measure([saturation.find(raw) for raw in flats], darks).planes:
        assert plane.full_well_e is not None
        assert plane.full_well_e_error is not None
        assert plane.full_well_e * plane.gain == pytest.approx(well * SENSOR.gain, rel=0.002)
        assert abs(plane.full_well_e - well) < 4 * plane.full_well_e_error


def test_an_even_flat_below_saturation_is_no_plateau() -> None:
    # At low gain the noise of an even flat is so narrow that `read` takes it for a plateau.
    quiet = Sensor(gain=0.2, black_level=512, white_level=16383, read_std_e=4.0, prnu=0.002)
    lights = [*(step / 8 for step in range(1, 8)), 0.93]
    flats, darks = shoot(quiet, lights=lights, size=128, shading=0.0, darks=4)
    flats = [saturation.find(raw) for raw in flats]
    assert flats[-1].saturation_level is not None
    assert flats[-1].saturation_level.max() < 16000
    assert [plane.full_well_e for plane in photon_transfer.measure(flats, darks).planes] == [None] * 3


def test_without_a_saturated_flat_full_well_is_unknown(
    frames: tuple[list[RawImage], list[RawImage]],
) -> None:
    result = photon_transfer.measure(frames[0][:16], frames[1][:4])
    assert [plane.full_well_e for plane in result.planes] == [None] * 3


@pytest.mark.parametrize("pattern", ["W", cfa.XTRANS, "RRGGRRGGGGBBGGBB"])
def test_any_cfa_works(pattern: str) -> None:
    flats, darks = shoot(SENSOR, lights=LIGHTS[:12:2], cfa=pattern, darks=8, size=192)
    result = photon_transfer.measure(flats, darks)
    assert [plane.color for plane in result.planes] == list(cfa.colors(pattern))
    for plane in result.planes:
        assert plane.gain == pytest.approx(1.5, abs=4 * plane.gain_error)
        assert plane.gain_error < 0.03
        assert plane.row_std_e == pytest.approx(0.6, rel=0.15)


def test_quantization_is_taken_out_of_low_noise() -> None:
    quiet = Sensor(gain=0.1, black_level=60.3, white_level=1023, read_std_e=3.8, prnu=0.005, dsnu_e=0.5)
    flats, darks = shoot(quiet, lights=LIGHTS[:12], size=192)  # 0.38 DN of read noise
    for plane in photon_transfer.measure(flats, darks).planes:
        assert plane.read_std_e == pytest.approx(3.8, rel=0.05)
        assert plane.gain == pytest.approx(0.1, rel=0.03)
    silent = replace(quiet, read_std_e=1.0)  # 0.1 DN: one code, whatever the noise
    flats, darks = shoot(silent, lights=LIGHTS[:12], size=128)
    for plane in photon_transfer.measure(flats, darks).planes:
        assert plane.read_std_e is None
        assert plane.gain == pytest.approx(0.1, rel=0.03)


def test_levels_are_told_by_exposure_time_and_linearity_by_it_too() -> None:
    flats, darks = shoot(SENSOR, lights=LIGHTS[:12], size=64, shading=0.0, darks=4)
    timed = [at_iso(raw, 800, 0.01 * (index // 2 + 1)) for index, raw in enumerate(flats)]
    result = photon_transfer.measure(timed, darks)
    for plane in result.planes:
        assert plane.linearity_error is not None
        assert plane.linearity_error < 0.005
    bent = [at_iso(raw, 800, 0.01 * (index // 2 + 1) ** 1.1) for index, raw in enumerate(flats)]
    for plane in photon_transfer.measure(bent, darks).planes:
        assert plane.linearity_error is not None
        assert plane.linearity_error > 0.005
    assert photon_transfer.measure(flats, darks).planes[0].linearity_error is None


def drifting(frames: list[RawImage], seed: int) -> list[RawImage]:
    """The frames with 20 to 120 DN more of black, which each says of itself."""
    by = np.random.default_rng(seed).integers(20, 121, len(frames))
    return [
        replace(raw, mosaic=raw.mosaic + np.uint16(dn), black_level=raw.black_level + dn)
        for raw, dn in zip(frames, by, strict=True)
        if raw.mosaic is not None
    ]


@pytest.mark.parametrize("copies", [1, 2])
@pytest.mark.parametrize("darks", [0, 8])
def test_black_that_moves_between_frames_changes_nothing(copies: int, darks: int) -> None:
    steady = shoot(SENSOR, lights=LIGHTS[:11], size=128, copies=copies, darks=darks)
    flats, dark = drifting(steady[0], 1), drifting(steady[1], 2)
    moved = photon_transfer.measure([steady[0][0], *flats[1:]], dark)
    for plane, truth in zip(moved.planes, photon_transfer.measure(*steady).planes, strict=True):
        for name in ("gain", "gain_error", "read_std_e", "row_std_e", "prnu", "dsnu_e", "black_level"):
            got, expected = (getattr(one, name) or 0.0 for one in (plane, truth))
            assert got == pytest.approx(expected, rel=1e-3), name


def test_an_odd_frame_is_left_out_and_named(frames: tuple[list[RawImage], list[RawImage]]) -> None:
    flats, darks = frames
    named = [replace(raw, path=Path(f"flat{index}.dng")) for index, raw in enumerate(flats[:14])]
    result = photon_transfer.measure(named[:13], darks[:4])
    assert result.is_paired
    assert any("flat12.dng" in note for note in result.notes)


def test_without_darks_the_line_gives_the_read_noise() -> None:
    sensor = replace(SENSOR, bias=((0.0,),), hot_fraction=0.0, telegraph_fraction=0.0)
    lights = [2.0**-step for step in range(12, 0, -1)]
    flats, _ = shoot(sensor, lights=lights, shading=0.0, size=160, darks=0)
    result = photon_transfer.measure(flats)
    assert any("no darks" in note for note in result.notes)
    for plane in result.planes:
        assert plane.row_std_e is None
        assert plane.read_std_e is not None
        assert plane.read_std_e_error is not None
        assert plane.read_std_e == pytest.approx(READ_E, rel=0.1)


def shots(light: float) -> tuple[list[RawImage], list[RawImage]]:
    """Four flats of one level, and four darks."""
    flats, darks = shoot(SENSOR, lights=[light], size=64, copies=4, darks=4)
    return [replace(raw, path=Path(f"flats/{index}.dng")) for index, raw in enumerate(flats)], darks


def test_without_darks_the_dimmest_flat_says_which_photosites_are_fair() -> None:
    flats, _ = shoot(replace(SENSOR, hot_fraction=0.0), lights=[0.4, 0.1, 0.105], size=64, copies=1, darks=0)
    mosaics = [np.array(raw.mosaic) for raw in flats]
    mosaics[0][9, 9] += 5000
    mosaics[1][21, 20] += 5000
    mosaics[1] += np.uint16(
        150
    )  # by its numbers brighter than the third, by 75 DN; its black says what it is
    moved = [
        replace(raw, mosaic=mosaic, black_level=raw.black_level + 150 * (index == 1))
        for index, (raw, mosaic) in enumerate(zip(flats, mosaics, strict=True))
    ]
    fair = photon_transfer._fair(Frames(moved, purpose="x"), shipped_recipe(PhotonTransfer))
    assert fair[9, 9]
    assert not fair[21, 20]


def test_a_first_flat_that_was_looked_at_is_not_read_again_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    flats, darks = shoot(SENSOR, lights=[0.1, 0.2, 0.4], size=64, darks=4)
    reads: list[str] = []
    read = Frames._read
    monkeypatch.setattr(
        Frames, "_read", lambda frames, index: reads.append(frames.name(index)) or read(frames, index)
    )
    named = [replace(raw, path=Path(f"flats/{index}.dng")) for index, raw in enumerate(flats)]
    lit = photon_transfer.opened(named)
    assert (lit.first.iso, lit.first.colors, lit.step) == (800, "RGB", 1)
    assert reads == ["flats/0.dng"]
    result = photon_transfer.measure(lit, darks)
    # once for what it says of itself, once by itself, once in its pair; the others without the first of these
    assert [reads.count(f"flats/{index}.dng") for index in range(6)] == [3, *5 * [2]]
    assert result.planes == photon_transfer.measure(named, darks).planes


def test_a_clipped_flat_is_named() -> None:
    with pytest.raises(
        ValueError, match=r"^flats/0\.dng: flat is clipped \(\d+% of R at .* shoot more, with less"
    ):
        photon_transfer.measure(*shots(1.0))


def test_too_few_levels_name_the_last_flat() -> None:
    with pytest.raises(ValueError, match=r"^flats/3\.dng: flat has a mean of .* needs 3 levels below 70%"):
        photon_transfer.measure(*shots(0.1))


def test_darks_with_light_and_flats_without_are_named() -> None:
    flats, darks = shoot(SENSOR, lights=[0.005, 0.1, 0.2, 0.4], size=64, darks=5)
    named = [replace(raw, path=Path(f"darks/{index}.dng")) for index, raw in enumerate(darks)]
    lit = [replace(raw, path=Path(f"flats/{index}.dng")) for index, raw in enumerate(flats)]
    assert photon_transfer.measure(lit, named).is_paired
    with pytest.raises(
        ValueError, match=r"^flats/2\.dng: dark lies \d+ DN above darks/0\.dng, which is light"
    ):
        photon_transfer.measure(lit, [*named[:2], lit[2]])
    for given in (named[:4], []):
        with pytest.raises(
            ValueError, match=r"^darks/4\.dng: flat lies -?[01]\.\d DN above .* give it as a dark"
        ):
            photon_transfer.measure([*lit, named[4]], given)
    with pytest.raises(ValueError, match=r"^flats/0\.dng: flat lies -\d+\.\d DN above the darks"):
        photon_transfer.measure(lit[:2] + lit[4:6] + lit[6:], lit[2:4])


def test_a_pair_is_two_shots() -> None:
    flats, darks = shoot(SENSOR, lights=[0.1, 0.2, 0.4], size=32, darks=2)
    copied = [
        replace(raw, path=Path(f"roll/{index}.dng"))
        for index, raw in enumerate(flats[i // 2 * 2] for i in range(6))
    ]
    with pytest.raises(
        ValueError, match=r"^roll/1\.dng: value by value the same as roll/0\.dng; photon transfer"
    ):
        photon_transfer.measure(copied, darks)
    with pytest.raises(ValueError, match=r"^frame 2: value by value the same as frame 1"):
        photon_transfer.measure(flats, [darks[0], darks[0]])


def test_an_unknown_iso_is_noted_once() -> None:
    flats, darks = shoot(SENSOR, lights=[0.1, 0.2, 0.4], size=64, darks=2)
    assert photon_transfer.measure(flats, darks).notes == ()
    unknown = [at_iso(raw, None) for raw in flats], [at_iso(raw, None) for raw in darks]
    (note,) = photon_transfer.measure(*unknown).notes
    assert note.startswith("no ISO in the files")
    with pytest.raises(
        ValueError, match=r"^frame 1: frame was taken at an unknown ISO, the first at ISO 800"
    ):
        photon_transfer.measure(flats, unknown[1])


def test_a_window_without_photosites_is_refused() -> None:
    recipe = shipped_recipe(PhotonTransfer).model_copy(update={"window": 0.001})
    flats, darks = shoot(SENSOR, lights=[0.1, 0.2, 0.4], size=64, darks=2)
    with pytest.raises(ValueError, match=r"^frame 1: 0 cells .* it takes 8 at least, .* larger window"):
        photon_transfer.measure(flats, darks, recipe=recipe)


def test_mixed_iso_names_the_frame(frames: tuple[list[RawImage], list[RawImage]]) -> None:
    flats, darks = frames
    wrong = replace(at_iso(darks[0], 400), path=Path("dark1.dng"))
    with pytest.raises(
        ValueError, match=r"^dark1\.dng: frame was taken at ISO 400, the first at ISO 800; photon"
    ):
        photon_transfer.measure(flats[:8], [darks[0], wrong])


@pytest.mark.parametrize(("flats", "darks", "said"), [(2, 2, "3 flats, got 2"), (8, 1, "2 darks, got 1")])
def test_too_few_frames_are_told(
    frames: tuple[list[RawImage], list[RawImage]], flats: int, darks: int, said: str
) -> None:
    with pytest.raises(ValueError, match=f"photon transfer needs at least {said} .*what to shoot"):
        photon_transfer.measure(frames[0][:flats], frames[1][:darks])


@pytest.mark.data
def test_imx296_is_what_its_readme_says(data: Path) -> None:
    # ../shared/data/README.md: central 200 x 200, slope 0.09 to 0.115 DN, dark variance 0.20 to 0.26 DN^2
    files = sorted((data / "raw" / "no-licence" / "imx296-flatfield-levels").glob("*.npy"))
    assert len(files) == 6
    recipe = shipped_recipe(PhotonTransfer).model_copy(update={"window": 0.18})
    layout = Layout(cfa="BGGR", black_level=60, white_level=1023)
    result = photon_transfer.measure(files, layout=layout, recipe=recipe)
    for plane, curve in zip(result.planes, result.curves, strict=True):
        assert 0.09 < plane.gain < 0.115
        assert 0.20 < curve.line.intercept + 1 / 12 < 0.26
    gains = np.array([plane.gain for plane in result.planes])
    errors = np.array([plane.gain_error for plane in result.planes])
    # One amplifier: with the fixed pattern taken off, the colors agree. Without, green is 15 % above red.
    assert np.abs(gains - gains.mean()).max() < 2.5 * errors.max()


@pytest.mark.data
def test_the_shipped_imx296_is_what_its_flats_say(data: Path) -> None:
    files = sorted((data / "raw" / "no-licence" / "imx296-flatfield-levels").glob("*.npy"))
    result = photon_transfer.measure(files, layout=Layout(cfa="BGGR", black_level=60, white_level=1023))
    sensor = profile.load(shipped.folder("sensors") / "raspberry-pi-gs-imx296.toml")
    for plane, curve in zip(result.planes, result.curves, strict=True):
        entry = sensor.entry(100, plane.color)
        assert (entry.gain, entry.prnu) == pytest.approx((plane.gain, plane.prnu), rel=0.01)
        assert entry.read_std_dn == pytest.approx(math.sqrt(curve.line.intercept + 1 / 12), abs=0.001)
