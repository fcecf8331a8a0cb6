"""A sensor file that is written to: comments, links and other cameras' figures are safe."""

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from deepisp.calibrate import profile_file, profile_groups
from deepisp.calibrate.photon_transfer import PhotonTransferResult
from deepisp.sensor import profile
from deepisp.sensor.identity import Camera
from tests.calibrate.written import at, check, put

BY_HAND = """# what we know of it
maker = "Acme"  # of Ohio
models = ["One"]

[levels]  # of the data sheet
bits = 14
black_level = 500  # masked borders
white_level = 16000
source = "a data sheet"

# the low gain
[[conversion_gains]]  # switch at 400
iso_min = 100
iso_max = 400
source = "deepisp calibrate by hand"
entries = [
    {iso = 100, color = "G", gain = 0.123456789, read_std_dn = 2.0},  # one evening
]
"""


def test_comments_and_digits_of_a_file_written_by_hand_stay(
    result: PhotonTransferResult, tmp_path: Path
) -> None:
    path = tmp_path / "camera.toml"
    path.write_text(BY_HAND)
    put(path, result)
    assert path.read_text().startswith(BY_HAND)
    assert len(profile.load(path).conversion_gains) == 2
    put(path, at(result, 200))  # into the low gain, whose comments go
    text = path.read_text()
    assert [word in text for word in ("# what we know", "# of Ohio", "# masked borders")] == [True] * 3
    assert len(profile.load(path).conversion_gains[0].entries) == 4


def test_a_file_of_inline_tables_takes_figures_in(result: PhotonTransferResult, tmp_path: Path) -> None:
    path = tmp_path / "camera.toml"
    path.write_text(
        'conversion_gains = [{iso_min = 100, iso_max = 100, source = "a published paper", '
        "entries = [{iso = 100, gain = 0.2, read_std_dn = 2.0}]}]\n"
        'maker = "Acme"\nmodels = ["One"]\n'
    )
    assert [one.iso_min for one in put(path, result).conversion_gains] == [100, 800]
    assert profile.load(path).maker == "Acme"


def test_a_symlink_is_written_through(result: PhotonTransferResult, tmp_path: Path) -> None:
    link, end = tmp_path / "link.toml", tmp_path / "kept" / "camera.toml"
    end.parent.mkdir()
    link.symlink_to(end)
    put(link, result)  # to nothing yet
    put(link, at(result, 400))
    assert link.is_symlink()
    assert len(profile.load(end).conversion_gains) == 2


def test_only_files_are_written(result: PhotonTransferResult, tmp_path: Path) -> None:
    for path, what in ((Path("/dev/full"), "no ordinary file"), (tmp_path, "a folder")):
        for call in (lambda path=path: put(path, result), lambda path=path: check(path, 800)):  # type: ignore[misc]
            with pytest.raises(ValueError, match=rf"{path} is {what}; name a file"):
                call()


def test_a_failure_to_write_names_the_file_and_no_part_of_it(
    result: PhotonTransferResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: object, *_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PermissionError) as caught:
        put(tmp_path / "camera.toml", result)
    assert caught.value.filename == str(tmp_path / "camera.toml")


@pytest.mark.parametrize(
    ("maker", "models", "is_taken"),
    [
        ("SONY", ("ILCE-7SM2",), True),
        ("Sony Corporation", ("Sony A7S II",), True),
        ("", ("ilce 7sm2",), True),
        ("Sony", ("Sony ILCE-7SM2-Sony", "ILCE-7SM2"), True),  # EXIF or UniqueCameraModel
        ("", (), True),
        ("unknown", ("unknown",), True),
        ("Sony", (), True),
        ("Sony", ("ILCE-7M3",), False),
        ("Sony", ("ILCE-7S",), False),
        ("Canon", ("ILCE-7SM2",), False),
        ("Canon", (), False),
    ],
)
def test_figures_go_into_a_file_of_their_own_camera_alone(
    result: PhotonTransferResult, tmp_path: Path, maker: str, models: tuple[str, ...], is_taken: bool
) -> None:
    path = tmp_path / "camera.toml"
    path.write_text('maker = "Sony"\nmodels = ["ILCE-7SM2", "Sony A7S II"]\n')
    camera = Camera(maker, models)
    for call in (
        lambda: profile_file.check(path, camera),
        lambda: profile_file.update(
            path, lambda known: profile_groups.with_photon_transfer(known, result), camera=camera
        ),
    ):
        if is_taken:
            call()
        else:
            with pytest.raises(
                ValueError, match=r"^camera\.toml is of Sony ILCE-7SM2, .* another file with -o"
            ):
                call()
    assert profile.load(path).models == ("ILCE-7SM2", "Sony A7S II")


def test_a_file_that_does_not_say_its_camera_is_told_it(result: PhotonTransferResult, tmp_path: Path) -> None:
    path = tmp_path / "camera.toml"
    profile_file.update(path, lambda known: profile_groups.with_photon_transfer(known, result))
    assert profile.load(path).models == ("unknown",)
    assert (put(path, result).maker, profile.load(path).models) == ("Acme", ("One",))


def test_levels_that_disagree_are_said(result: PhotonTransferResult, tmp_path: Path) -> None:
    path, frame = tmp_path / "camera.toml", result.first
    assert profile_file.doubts(path, frame) == ()
    put(path, result)
    assert profile_file.doubts(path, frame) == ()
    drifted = replace(frame, black_level=frame.black_level + 0.9)
    assert profile_file.doubts(path, drifted) == ()
    for other in (
        replace(frame, black_level=frame.black_level + 2),
        replace(frame, white_level=frame.white_level / 4),
    ):
        (line,) = profile_file.doubts(path, other)
        assert line.startswith("the file has black 512 and white 16383, these frames ")
