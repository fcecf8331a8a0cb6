"""What goes into SID's networks and what it is compared with."""

from pathlib import Path

import numpy as np
import pytest

from deepisp import read
from deepisp.data import datasets, sid_protocol
from deepisp.data.sid_protocol import Levels
from deepisp.raw.image import RawImage
from deepisp.sensor import cfa
from tests.data import dark_trees
from tests.data.dark_trees import X_T2

# Rows and columns of each channel in the 6 x 6 cell, the four 3 x 3 row by row: pack_raw of test_Fuji.py@0c8b464.
FUJI_ORDER = [
    [(0, 0), (0, 4), (3, 1), (3, 3)], [(0, 2), (0, 5), (3, 2), (3, 5)], [(0, 1), (0, 3), (3, 0), (3, 4)],
    [(1, 2), (2, 5), (5, 2), (4, 5)], [(2, 2), (1, 5), (4, 2), (5, 5)], [(1, 0), (1, 3), (4, 0), (4, 3)],
    [(1, 1), (1, 4), (4, 1), (4, 4)], [(2, 0), (2, 3), (5, 0), (5, 3)], [(2, 1), (2, 4), (5, 1), (5, 4)],
]  # fmt: skip


def test_bayer_planes_are_in_the_authors_order() -> None:
    mosaic = np.arange(24, dtype=np.float32).reshape(4, 6)
    planes = sid_protocol.pack(mosaic, "RGGB")
    assert planes.shape == (4, 2, 3)
    assert planes[:, 0, 0].tolist() == [0, 1, 7, 6]  # row 0 then row 1, right to left
    assert planes[:, 1, 2].tolist() == [16, 17, 23, 22]


@pytest.mark.parametrize("kind", ["GRBG", "GBRG", "BGGR"])
def test_bayer_planes_are_by_color(kind: str) -> None:
    row, column = np.argwhere(cfa.cell(kind) == "R")[0]
    mosaic = np.arange(36, dtype=np.float32).reshape(6, 6)
    planes = sid_protocol.pack(mosaic, kind)
    assert planes[0, 0, 0] == mosaic[row, column]
    assert planes[2, 0, 0] == mosaic[1 - row, 1 - column]
    assert planes[1, 0, 0] == mosaic[row, 1 - column]  # the green of the red row


def test_x_trans_planes_are_in_the_authors_order() -> None:
    mosaic = np.arange(13 * 20, dtype=np.float32).reshape(13, 20)
    planes = sid_protocol.pack(mosaic, X_T2)
    assert planes.shape == (9, 4, 6)  # of 12 x 18: whole cells
    for plane, places in zip(planes, FUJI_ORDER, strict=True):
        for (down, right), (row, column) in zip(np.ndindex(2, 2), places, strict=True):
            assert np.array_equal(plane[down::2, right::2], mosaic[row:12:6, column:18:6])


def test_x_trans_planes_begin_where_an_x_t2_begins() -> None:
    assert cfa.kind(X_T2) == "xtrans"
    mosaic = np.zeros((12, 12), np.float32)
    with pytest.raises(ValueError, match="crop the mosaic to such a corner"):
        sid_protocol.pack(mosaic, cfa.XTRANS)
    with pytest.raises(ValueError, match="planes are of a Bayer or X-Trans mosaic, got 'W'"):
        sid_protocol.pack(mosaic, "W")


@pytest.mark.parametrize(("name", "kind"), [("sid-sony", "RGGB"), ("sid-fuji", X_T2)])
def test_the_input_is_the_protocols(tmp_path: Path, name: str, kind: str) -> None:
    data = datasets.load(name)
    assert isinstance(data, datasets.Sid)
    assert data.camera.cfa == kind
    black, white = data.camera.black_level, data.camera.white_level
    assert (black, white) == ({"RGGB": 512, X_T2: 1024}[kind], 16383)
    path = tmp_path / f"10003_00_0.1s.{data.camera.ending}"
    path.write_bytes(dark_trees.content(dark_trees.frame(kind), tmp_path))
    raw = read(path)
    assert raw.mosaic is not None
    got = sid_protocol.network_input(raw, 3.0, Levels(black, white))
    wanted = np.minimum(np.maximum(raw.mosaic - black, 0) / (white - black) * 3, 1)
    assert got.dtype == np.float32
    assert got == pytest.approx(sid_protocol.pack(wanted.astype(np.float32), kind), abs=1e-6)
    assert got.min() == 0  # below black is cut before the gain
    assert got.max() == 1
    assert np.array_equal(
        sid_protocol.network_input(raw, 3.0, sid_protocol.levels_of(raw)), got
    )  # they agree here


@pytest.mark.parametrize(
    ("name", "planes", "truth"),
    [("sid-sony", (4, 1424, 2128), (2848, 4256)), ("sid-fuji", (9, 1344, 2010), (4032, 6030))],
)
def test_frames_have_the_cameras_sizes(name: str, planes: tuple[int, ...], truth: tuple[int, int]) -> None:
    """9 x 1344 x 2 x 1005: comment of datasets/SIDDataset.py, Cynicarlos/RetinexRawMamba@326d073."""
    data = datasets.load(name)
    assert isinstance(data, datasets.Sid)
    size = data.camera.height, data.camera.width
    packed = sid_protocol.pack(np.zeros(size, np.float32), data.camera.cfa)
    assert packed.shape == planes
    assert sid_protocol.cropped(np.zeros((*size, 3), np.float32), packed).shape == (*truth, 3)


def test_levels_are_of_each_position_and_borders_are_left_out() -> None:
    """Black levels of a cell that begins on the border, as files of some cameras have them."""
    black = np.array([[10.0, 20.0], [30.0, 40.0]])
    mosaic = np.tile(black + np.array([[100, 200], [300, 400]]), (3, 3)).astype(np.uint16)
    raw = RawImage(
        mosaic=mosaic, cfa="BGGR", black_level=black, white_level=1000 + black, active_area=(1, 1, 5, 5)
    )
    got = sid_protocol.network_input(raw, 2.0, sid_protocol.levels_of(raw))
    assert raw.active_cfa == "RGGB"
    assert got.shape == (4, 2, 2)
    assert got[:, 0, 0] == pytest.approx([0.8, 0.6, 0.2, 0.4])


def test_levels_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="white must lie above black, got 512 and 512"):
        sid_protocol.network_input(dark_trees.frame(), 100, Levels(512, 512))
    linear = RawImage(linear=np.zeros((4, 4, 3), np.uint16))
    with pytest.raises(ValueError, match="got a linear file"):
        sid_protocol.network_input(linear, 100, Levels(512, 16383))


def test_the_truth_has_one_gamma_and_no_more(tmp_path: Path) -> None:
    """LibRaw's default is Rec. 709's curve: 4.5 x below 0.018, 1.099 x^0.45 - 0.099 above (ITU-R BT.709-6, 1.2)."""
    light = np.array([0.0, 0.01, 0.05, 0.18, 0.5, 1.0])
    path = tmp_path / "10003_00_10s.ARW"
    path.write_bytes(dark_trees.content(dark_trees.gray(light), tmp_path))
    truth = sid_protocol.ground_truth(path)
    assert truth.shape == (96, 288, 3)
    assert truth.dtype == np.float32
    seen = truth[40:56, 24::48].mean(axis=0)
    coded = np.where(light < 0.018, 4.5 * light, 1.099 * light**0.45 - 0.099)
    assert seen == pytest.approx(np.repeat(coded[:, None], 3, axis=1), abs=1e-3)
    twice = 1.099 * coded[3] ** 0.45 - 0.099
    assert abs(seen[3, 1] - twice) > 0.2  # a tolerance that took the mistake for right would be none
    assert abs(seen[3, 1] - light[3]) > 0.2


def test_the_truth_is_at_the_cameras_white_balance(tmp_path: Path) -> None:
    """A gray that the camera sees as its as-shot neutral says comes out gray."""
    from dataclasses import replace

    neutral = np.array([0.5, 1.0, 0.7])
    raw = dark_trees.gray(np.array([0.4, 0.4, 1.0]))
    assert raw.mosaic is not None
    gains = cfa.tiled(neutral[cfa.indices("RGGB")], *raw.mosaic.shape)
    tinted = np.rint(512 + (raw.mosaic - 512.0) * gains).astype(np.uint16)
    path = tmp_path / "10003_00_10s.ARW"
    path.write_bytes(dark_trees.content(replace(raw, mosaic=tinted, as_shot_neutral=neutral), tmp_path))
    seen = sid_protocol.ground_truth(path)[40:56, 20:28].mean(axis=(0, 1))
    assert seen == pytest.approx(1.099 * 0.4**0.45 - 0.099, abs=2e-3)


def test_the_truth_of_a_dark_scene_stays_dark(tmp_path: Path) -> None:
    """LibRaw's default would brighten it until one pixel in a hundred is white."""
    raw = dark_trees.gray(np.array([0.1] * 6))
    assert raw.mosaic is not None
    raw.mosaic[:4, :4] = 16383  # one in 1728, that LibRaw does not take the gray for white
    path = tmp_path / "10003_00_10s.ARW"
    path.write_bytes(dark_trees.content(raw, tmp_path))
    seen = sid_protocol.ground_truth(path)[40:56, 24::48]
    assert seen == pytest.approx(1.099 * 0.1**0.45 - 0.099, abs=1e-3)


def test_the_truth_says_which_file_it_cannot_develop(tmp_path: Path) -> None:
    path = tmp_path / "10003_00_10s.ARW"
    with pytest.raises(FileNotFoundError, match=r"10003_00_10s\.ARW"):
        sid_protocol.ground_truth(path)
    path.write_bytes(b"no raw file" * 100)
    with pytest.raises(ValueError, match=r"10003_00_10s\.ARW: LibRaw cannot develop it: .*; copy it"):
        sid_protocol.ground_truth(path)


def test_the_truth_is_cropped_to_whole_cells() -> None:
    truth = np.random.default_rng(1).random((20, 26, 3), np.float32)
    planes = sid_protocol.pack(np.zeros((20, 26), np.float32), X_T2)
    assert np.array_equal(sid_protocol.cropped(truth, planes), truth[:18, :24])
    with pytest.raises(ValueError, match="taken upright"):
        sid_protocol.cropped(truth.transpose(1, 0, 2)[:, :10], planes)
