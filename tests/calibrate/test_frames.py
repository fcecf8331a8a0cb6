"""Calibration frames: what does not belong together is named."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepisp.calibrate.frames import Frames, Source
from deepisp.raw.image import Area, Exif, RawImage
from deepisp.raw.layout import Layout


def raw(by: int = 0, **changes: object) -> RawImage:
    """A frame, or one that is another by some DN."""
    frame = RawImage(
        mosaic=(np.arange(48) + by).astype(np.uint16).reshape(6, 8),
        cfa="RGGB",
        black_level=np.array([[10.0, 11.0], [12.0, 13.0]]),
        white_level=np.full((2, 2), 1023.0),
        exif=Exif(iso=400),
        maker="Acme",
        model="One",
        path=Path("first.dng"),
    )
    return replace(frame, **changes)  # type: ignore[arg-type]


LINEAR = {
    "mosaic": None, "linear": np.zeros((6, 8, 3), np.uint16), "cfa": "", "black_level": np.zeros(3),
    "white_level": np.full(3, 1023.0),
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"exif": Exif(iso=800)}, "frame was taken at ISO 800, the first at ISO 400; dark needs one ISO per run"),
        ({"exif": Exif()}, "frame was taken at an unknown ISO, the first at ISO 400; dark needs one ISO per run"),
        ({"mosaic": np.zeros((6, 10), np.uint16)}, "frame is 10 x 6, the first 8 x 6; dark needs one size per run"),
        ({"cfa": "BGGR"}, "frame has the CFA BGGR, the first RGGB; dark needs one CFA per run"),
        ({"model": "Two"}, "frame is from a Acme Two, the first from a Acme One; dark needs one camera per run"),
        ({"white_level": np.full((2, 2), 1000.0)}, "white level 1000, the first 1023; dark needs one white level"),
        ({"black_level": np.full((2, 2), 40.0)}, "black level 40, the first 13; dark needs one black level"),
        (LINEAR, "already demosaiced"),
    ],
)  # fmt: skip
def test_a_frame_that_does_not_belong_is_named(changes: dict[str, object], said: str) -> None:
    frames = Frames([raw(), raw(1, path=Path("roll/other.dng"), **changes)], purpose="dark")
    with pytest.raises(ValueError, match=rf"^roll/other\.dng: .*{said}"):
        list(frames)


def test_black_that_cameras_measure_anew_may_drift() -> None:
    frames = Frames([raw(), raw(1, black_level=np.full((2, 2), 15.0))], purpose="dark")
    assert len(list(frames)) == 2


def test_a_frame_is_leveled_to_the_black_of_the_first() -> None:
    second = raw(1, black_level=np.array([[15.0, 11.5], [12.0, 10.0]]))
    frames = Frames([raw(), second], purpose="dark")
    # by hand: the black of the second's cell is 5, 0.5, 0 and -3 above the first's
    drift = np.tile([[5, 0.5], [0, -3]], (3, 4))
    assert (frames.leveled(frames[1]) == np.arange(1, 49).reshape(6, 8) - drift).all()
    assert frames.leveled(frames[0]).dtype == np.uint16


def test_frames_without_any_iso_are_alike() -> None:
    nothing = Exif()
    assert len(list(Frames([raw(exif=nothing), raw(1, exif=nothing)], purpose="dark"))) == 2


def test_a_frame_is_given_once() -> None:
    copies = [raw(path=Path(f"roll/{name}.dng")) for name in "ab"]
    own = raw(1)
    with pytest.raises(
        ValueError,
        match=r"^roll/b\.dng: value by value the same as roll/a\.dng; dark needs frames that are shots",
    ):
        list(Frames([copies[0], own, copies[1]], purpose="dark"))
    with pytest.raises(ValueError, match=r"^roll/a\.dng: given twice; dark needs"):
        list(Frames([copies[0], copies[0]], purpose="dark"))
    frames = Frames([copies[0], own], purpose="dark")
    assert len(list(frames) + list(frames)) == 4  # reading one again is no copy


@pytest.mark.parametrize("values", [np.full((6, 8), 900), np.where(np.arange(48) % 5, 1023, 3).reshape(6, 8)])
def test_saturated_frames_may_be_equal(values: np.ndarray) -> None:
    same = [raw(mosaic=values.astype(np.uint16)) for _ in range(2)]
    assert len(list(Frames(same, purpose="dark"))) == 2


def test_darks_are_held_against_the_first_flat() -> None:
    flats = Frames([raw()], purpose="dark")
    darks = Frames([raw(exif=Exif(iso=100), path=Path("d.dng"))], purpose="dark", first=flats.first)
    with pytest.raises(ValueError, match=r"^d\.dng: frame was taken at ISO 100, the first at ISO 400"):
        list(darks)


def test_a_frame_is_its_active_area() -> None:
    (frame,) = Frames([raw(active_area=Area(1, 2, 5, 7))], purpose="dark")
    assert frame.mosaic.shape == (4, 5)
    assert frame.mosaic[0, 0] == 8 + 2
    assert frame.cfa == "GBRG"
    assert frame.black_level.tolist() == [[12, 13], [10, 11]]
    assert [(place.row, place.column, place.color) for place in frame.places] == [
        (0, 0, "G"), (0, 1, "B"), (1, 0, "R"), (1, 1, "G"),
    ]  # fmt: skip
    assert frame.places[2].of(frame.mosaic).tolist() == [[18, 20, 22], [34, 36, 38]]
    assert frame.places[2].level(frame.black_level) == 10


def test_a_window_is_the_middle_in_whole_cells() -> None:
    (frame,) = Frames(
        [raw(mosaic=np.arange(600, dtype=np.uint16).reshape(20, 30))], purpose="dark", window=0.5
    )
    # By hand: 5 of 10 cells down; 7.5 of 15 across, and 8 is the even of the two. 5 and 7 photosites are left over at
    # the top and at the left, of which whole cells make 4 and 6.
    assert frame.mosaic.shape == (10, 16)
    assert divmod(int(frame.mosaic[0, 0]), 30) == (4, 6)
    assert frame.cfa == "RGGB"


@pytest.mark.parametrize("window", [1.0, 0.5, 0.001])
def test_a_window_has_some_cells(window: float) -> None:
    frames = Frames([raw()], purpose="dark", window=window, smallest=4)
    said = {1.0: 3, 0.5: 2, 0.001: 0}[window]
    with pytest.raises(ValueError, match=rf"^first\.dng: {said} cells .* 8 x 6; it takes 4 .* larger window"):
        list(frames)
    with pytest.raises(ValueError, match=r"^first\.dng: 0 cells"):
        list(Frames([raw()], purpose="dark", window=0.001))


def test_arrays_need_a_layout() -> None:
    values: list[Source] = [np.zeros((4, 4), np.uint16)]
    layout = Layout(cfa="RGGB", black_level=5, white_level=255, iso=200)
    (frame,) = Frames(values, purpose="dark", layout=layout)
    assert (frame.name, frame.iso, frame.black_level.tolist()) == ("frame 1", 200, [[5, 5], [5, 5]])
    with pytest.raises(ValueError, match=r"^frame 1: an array needs a layout"):
        list(Frames(values, purpose="dark"))
    with pytest.raises(ValueError, match=r"^frame 1: a mosaic is an array \(H, W\)"):
        list(Frames([np.zeros((4, 4, 3), np.uint16)], purpose="dark", layout=layout))


def test_the_first_frame_is_not_kept_in_memory() -> None:
    frames = Frames([raw()], purpose="dark")
    assert frames.first.mosaic.base is not None
    assert frames.first.mosaic.strides == (0, 0)


def test_too_few_are_told_with_the_name_of_what_there_is() -> None:
    with pytest.raises(
        ValueError, match=r"dark needs at least 4 darks, got 1 \(first\.dng\); calibration/README"
    ):
        Frames([raw()], purpose="dark", fewest=4, kind="dark")
