"""Which source of the noise is taken, and in whose units it speaks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepisp import shipped
from deepisp.develop import noise_source
from deepisp.raw.image import Exif, Noise, RawImage
from deepisp.sensor import profile

BLACK, WHITE = 512.0, 16383.0
TRUE = Noise(4e-4, 1e-5)
TAG = (Noise(1e-4, 1e-6), Noise(2e-4, 2e-6), Noise(3e-4, 3e-6))


@pytest.fixture(scope="module")
def raw() -> RawImage:
    """A Sony A7S II at ISO 1600 whose tag says `TAG`; its picture, a ramp, has noise `TRUE`."""
    random = np.random.default_rng(1)
    signal = np.linspace(0.02, 0.7, 512)[None, :] * np.ones((512, 1))
    noisy = signal + random.normal(size=signal.shape) * np.sqrt(TRUE.variance(signal))
    return RawImage(
        mosaic=np.rint(BLACK + noisy * (WHITE - BLACK)).astype(np.uint16),
        cfa="RGGB",
        black_level=np.full((2, 2), BLACK),
        white_level=np.full((2, 2), WHITE),
        noise=TAG,
        maker="SONY",
        model="ILCE-7SM2",
        exif=Exif(iso=1600),
    )


def own(folder: Path, text: str) -> profile.Profile:
    path = folder / "own.toml"
    path.write_text('maker = "SONY"\nmodels = ["mine"]\n[[conversion_gains]]\nsource = "measured"\n' + text)
    return profile.load(path)


BY_ISO = "iso_min = 100\niso_max = 3200\nentries = [{ iso = 1600, gain = 2.0, read_std_dn = 4.0 }]\n"
NO_ISO = "entries = [{ shot = 5e-4, read = 6e-6 }]\n"
OTHER_COLORS = 'entries = [{ color = "W", shot = 5e-4, read = 6e-6 }]\n'


def test_all_sources_in_the_order_of_trust(raw: RawImage, tmp_path: Path) -> None:
    found = list(noise_source.sources(raw, own(tmp_path, BY_ISO)))
    assert [one.origin for one in found] == ["own profile", "file", "camera profile", "picture"]
    assert found[0].noise == (Noise(2 / (WHITE - BLACK), (4 / (WHITE - BLACK)) ** 2),) * 3
    assert found[1].noise == TAG
    # sensors/sony-a7s-ii.toml at ISO 1600: 1.530 DN/e- (PMN), here of the file's own levels
    assert found[2].noise[1].shot == pytest.approx(1.530 / (WHITE - BLACK), rel=1e-3)
    for line in found[3].noise:
        assert line.variance(np.array(0.18)) == pytest.approx(TRUE.variance(np.array(0.18)), rel=0.1)


def test_a_profile_of_another_camera_says_so_beside_its_own_doubts(raw: RawImage, tmp_path: Path) -> None:
    mine = own(tmp_path, BY_ISO)
    said = "the profile is of SONY mine, the file of SONY ILCE-7SM2"
    for iso, doubts in ((1600, []), (6400, [mine.warning(6400)])):
        found = noise_source.known(replace(raw, exif=Exif(iso=iso)), mine)
        assert found is not None
        assert found.warning == "; ".join([said, *doubts])
    of_this = mine.model_copy(update={"models": ("mine", "ILCE-7SM2")})
    found = noise_source.known(raw, of_this)
    assert found is not None
    assert found.warning == ""


def test_a_camera_is_known_by_its_dng_name_alone(raw: RawImage) -> None:
    found = list(noise_source.sources(replace(raw, model="?", unique_model="Sony ILCE-7SM2"), estimate=False))
    assert [one.origin for one in found] == ["file", "camera profile"]


def test_the_shipped_files_are_read_once_however_many_raws_ask(
    raw: RawImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, load = [], profile.load
    monkeypatch.setattr(profile, "load", lambda path: asked.append(path) or load(path))
    profile._all.cache_clear()
    for model in ("ILCE-7SM2", "?", "another"):
        list(noise_source.sources(replace(raw, model=model), estimate=False))
    assert sorted(asked) == sorted(shipped.folder("sensors").glob("*.toml"))


def test_the_first_is_taken(raw: RawImage, tmp_path: Path) -> None:
    mine = own(tmp_path, NO_ISO)
    chosen = [noise_source.known(raw, mine), noise_source.known(raw)]
    chosen += [
        noise_source.known(replace(raw, noise=None)),
        noise_source.known(replace(raw, noise=None, model="?")),
    ]
    assert [one and one.origin for one in chosen] == ["own profile", "file", "camera profile", "picture"]


def test_a_file_of_one_value_says_nothing(raw: RawImage) -> None:
    silent = replace(raw, mosaic=np.full((64, 64), 900, np.uint16), noise=None, model="?")
    assert noise_source.known(silent) is None


def test_the_camera_is_not_asked_without_an_iso(raw: RawImage) -> None:
    found = noise_source.sources(replace(raw, exif=Exif()))
    assert [one.origin for one in found] == ["file", "picture"]


def test_the_picture_is_asked_only_where_it_may_be(raw: RawImage) -> None:
    linear = RawImage(
        linear=np.zeros((64, 64, 3), np.uint16), black_level=np.zeros(3), white_level=np.ones(3)
    )
    assert list(noise_source.sources(linear)) == []
    assert len(list(noise_source.sources(raw, estimate=False))) == 2


def test_an_extrapolated_profile_says_so(raw: RawImage) -> None:
    found = list(noise_source.sources(replace(raw, exif=Exif(iso=10_000_000)), estimate=False))
    assert "extrapolated" in found[1].warning


def test_a_profile_by_iso_needs_an_iso(raw: RawImage, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the file names no ISO"):
        noise_source.known(replace(raw, exif=Exif()), own(tmp_path, BY_ISO))


def test_a_profile_of_other_colors_is_refused(raw: RawImage, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="noise of the colors W, the file has RGB; give the profile of"):
        noise_source.known(raw, own(tmp_path, OTHER_COLORS))


def test_a_shipped_profile_of_other_colors_is_skipped(raw: RawImage) -> None:
    one = np.ones((1, 1))
    mono = replace(
        raw, cfa="W", black_level=one * BLACK, white_level=one * WHITE, noise=None, maker="", model="imx296"
    )
    assert [one.origin for one in noise_source.sources(mono)] == ["picture"]


def test_a_shipped_profile_of_an_unknown_iso_comes_last(raw: RawImage) -> None:
    found = noise_source.sources(replace(raw, noise=None, maker="", model="imx296"))
    assert [one.origin for one in found] == ["picture", "camera profile"]


def test_ratio_is_that_of_the_color_that_differs_most() -> None:
    one = noise_source.Sourced("file", (Noise(1e-3, 0), Noise(1e-3, 0)))
    other = noise_source.Sourced("picture", (Noise(1.1e-3, 0), Noise(16e-3, 0)))
    assert noise_source.ratio(other, one) == pytest.approx(4)
    assert noise_source.ratio(one, other) == pytest.approx(0.25)
