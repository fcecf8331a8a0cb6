"""A packed data set holds what the raw files hold, each frame once, and bears to be killed."""

import os
import signal
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from deepisp.data import pack, pack_frames, packed_file
from deepisp.picture.errors import NoSpace
from tests.conftest import REPOSITORY
from tests.data import dark_trees, packed_trees
from tests.data.packed_trees import BORDER, NEUTRAL, NOISE, SIZE, plant, task

BOTH = ("sid-sony", "sid-fuji")
FIRST = "Sony/short/00001_00_0.1s.ARW"


def steps(root: Path, path: Path, **which: Any) -> list[pack.Step]:
    return list(pack.pack(task(root, **which), path))


@pytest.fixture(scope="module")
def sony(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree, and its packed file beside it."""
    root = tmp_path_factory.mktemp("sony")
    plant(root)
    steps(root, root / "whole.h5")
    return root


@pytest.mark.parametrize("name", BOTH)
def test_it_holds_the_numbers_of_the_raw_files(tmp_path: Path, name: str) -> None:
    made, side = plant(tmp_path, name), packed_trees.SIDE[name]
    assert all(step.file is None for step in steps(tmp_path, tmp_path / "a.h5", name=name))
    seen = np.zeros(SIZE, bool)
    cell = len(packed_trees.CFA[name]) ** 0.5
    with h5py.File(tmp_path / "a.h5") as file:
        assert {row["name"].decode() for row in file["frames"]} == set(made)
        corners = list(zip(file["tops"], file["lefts"], strict=True))
        assert file["mosaics"].chunks == (1, side, side)
        assert file["mosaics"].dtype == np.uint16
        assert len(file["mosaics"]) == len(made) * len(corners) == 6 * len(corners)
        for number, row in enumerate(file["frames"]):
            raw = made[row["name"].decode()]
            assert raw.mosaic is not None
            light = raw.mosaic[BORDER[0] :, BORDER[1] :]
            for tile, (top, left) in enumerate(corners):
                assert top % cell == left % cell == 0
                crop = file["mosaics"][number * len(corners) + tile]
                assert np.array_equal(crop, light[top : top + side, left : left + side])
                seen[top : top + side, left : left + side] = True
            assert np.array_equal(
                row["black_level"].ravel(), packed_trees.BLACK[name] + np.arange(cell * cell)
            )
            assert (row["white_level"] == 16383).all()
            assert row["as_shot_neutral"] == pytest.approx(NEUTRAL, rel=1e-5)
            assert row["noise"] == pytest.approx(np.array(NOISE))
            assert row["iso"] == raw.exif.iso
        ends = [int(length // cell * cell) for length in SIZE]
        assert seen[: ends[0], : ends[1]].all()  # the frame is covered but for a part of a cell
        names = file["frames"]["name"]
        assert [(names[row["short"]], names[row["long"]]) for row in file["pairs"]] == [
            tuple(Path(path).as_posix().encode() for path in line.split()[:2])
            for line in dark_trees.lines(
                packed_trees.SCENES,
                **dict(zip(("folder", "ending"), packed_trees.HALF[name], strict=True)),
            )
        ]
        assert file["pairs"]["exposure_ratio"].tolist() == [100, 100, 250, 250]
        assert file["pairs"]["scene"].tolist() == [1, 1, 2, 2]
        assert file["pairs"]["shot"].tolist() == [0, 1, 0, 1]
        assert file["pairs"][0][["short_s", "long_s"]].tolist() == (0.1, 10)
    assert packed_file.tally(tmp_path / "a.h5") == (
        4,
        4 * len(corners),
        6 * len(corners) * side * side * 2 / 1e6,
    )


def test_the_default_side_is_of_whole_cells(tmp_path: Path) -> None:
    assert pack.Task.of("sid-sony", tmp_path, "train").side == 512
    assert pack.Task.of("sid-fuji", tmp_path, "train").side == 510
    with pytest.raises(ValueError, match="whole cells of 6 x 6 photosites, got a side of 512; give 510"):
        task(tmp_path, "sid-fuji", side=512)


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_run_that_was_broken_off_goes_on(
    sony: Path, tmp_path: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken off in the middle of a pair; the frame that was half written is written again."""
    path = tmp_path / "a.h5"
    packed_trees.break_off(pack.pack(task(sony), path), after, monkeypatch)
    assert not path.exists()
    part = pack.part_of(path)
    with packed_file.opened(part) as file:
        assert len(packed_file.pairs_of(file)) == after
    assert len(steps(sony, path)) == 4 - after
    assert not part.exists()
    assert path.read_bytes() == (sony / "whole.h5").read_bytes()
    assert list(tmp_path.iterdir()) == [path]


def test_a_run_that_was_killed_goes_on(sony: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    code = (
        "import os, signal\nfrom pathlib import Path\nfrom deepisp.data import pack\n"
        "write = pack._Part._write\n"
        "def kill(self, frame):\n"
        "    write(self, frame)\n"
        "    self.file.flush()\n"
        "    if self.done == 2: os.kill(os.getpid(), signal.SIGKILL)\n"
        "pack._Part._write = kill\n"
        f"for _ in pack.pack(pack.Task.of('sid-sony', Path({str(sony)!r}), 'train', 16), Path({str(path)!r})): pass\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False, env=os.environ)
    assert done.returncode == -signal.SIGKILL
    assert not path.exists()
    assert len(steps(sony, path)) == 2
    assert path.read_bytes() == (sony / "whole.h5").read_bytes()


def test_what_is_whole_is_not_packed_again(sony: Path) -> None:
    before = (sony / "whole.h5").stat()
    assert steps(sony, sony / "whole.h5") == []
    assert (sony / "whole.h5").stat() == before


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"split": "train-first"}, "split train, not train-first"),
        ({"side": 20}, "crop 16, not 20"),
        ({"has_pictures": True}, "parts mosaics, not mosaics and pictures"),
        ({"name": "sid-fuji", "side": 18}, "data set sid-sony, not sid-fuji; "),
    ],
)
def test_other_settings_are_refused(
    sony: Path, tmp_path: Path, other: dict[str, str | int], said: str
) -> None:
    with pytest.raises(ValueError, match=f"whole.h5 was packed from .*{said}"):
        steps(sony, sony / "whole.h5", **other)
    part = pack.part_of(tmp_path / "a.h5")
    part.write_bytes((sony / "whole.h5").read_bytes())
    with pytest.raises(
        ValueError, match=f"a.h5.part was packed from .*{said}.*; give another name, or delete"
    ):
        steps(sony, tmp_path / "a.h5", **other)
    assert part.read_bytes() == (sony / "whole.h5").read_bytes()


def test_other_files_are_refused(sony: Path, tmp_path: Path) -> None:
    plant(tmp_path, scenes={1: {"0.1": 2}, 2: {"0.04": 3}})
    with pytest.raises(ValueError, match="packed from other files"):
        steps(tmp_path, sony / "whole.h5")


def test_what_is_no_packed_file_is_refused(tmp_path: Path) -> None:
    plant(tmp_path)
    part = tmp_path / "a.h5.part"
    part.write_bytes(b"no such thing")
    with pytest.raises(ValueError, match=r"a\.h5\.part: no HDF5 file, or damaged; delete it"):
        steps(tmp_path, tmp_path / "a.h5")
    part.unlink()
    with h5py.File(part, "w"):
        pass
    with pytest.raises(ValueError, match=r"a\.h5\.part: no packed data set of format 2; delete it"):
        steps(tmp_path, tmp_path / "a.h5")


@pytest.mark.parametrize("damaged", [FIRST, "Sony/long/00001_00_10s.ARW"])
def test_a_damaged_file_is_named_once_and_the_rest_packed(tmp_path: Path, damaged: str) -> None:
    plant(tmp_path)
    (tmp_path / damaged).write_bytes((tmp_path / damaged).read_bytes()[:300])
    found = steps(tmp_path, tmp_path / "a.h5")
    told = [step.file for step in found if step.error is not None]
    assert told == [tmp_path / damaged]
    left = 3 if damaged == FIRST else 2
    assert sum(step.file is None for step in found) == left
    assert packed_file.tally(tmp_path / "a.h5").pairs == left


def test_a_file_that_was_mended_is_packed_by_the_next_run(sony: Path, tmp_path: Path) -> None:
    made = plant(tmp_path)
    whole = (tmp_path / FIRST).read_bytes()
    (tmp_path / FIRST).write_bytes(b"")
    run = pack.pack(task(tmp_path), tmp_path / "a.h5")
    assert [step.file for step in (next(run), next(run), next(run))] == [tmp_path / FIRST, None, None]
    run.close()
    (tmp_path / FIRST).write_bytes(whole)
    steps(tmp_path, tmp_path / "a.h5")
    with packed_file.opened(tmp_path / "a.h5") as file:
        rows, names = packed_file.pairs_of(file), file["frames"]["name"]
        assert sorted(rows["shot"].tolist()) == [0, 0, 1, 1]
        [first] = rows[(rows["scene"] == 1) & (rows["shot"] == 0)]
        assert names[first["short"]].decode() == FIRST
        raw = made[FIRST].mosaic
        assert raw is not None
        light = raw[BORDER[0] :, BORDER[1] :]
        assert np.array_equal(file["mosaics"][first["short"] * len(file["tops"])], light[:16, :16])


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (packed_trees.frame("sid-fuji", 1), "expected RGGB; is it of another camera"),
        (packed_trees.frame("sid-sony", 1, (47, 63)), "47 x 63 photosites, the frames before 45 x 63"),
    ],
)
def test_a_frame_of_another_kind_is_left_out(tmp_path: Path, raw: object, said: str) -> None:
    plant(tmp_path)
    (tmp_path / FIRST).write_bytes(dark_trees.content(raw, tmp_path))  # type: ignore[arg-type]
    [wrong] = [step for step in steps(tmp_path, tmp_path / "a.h5") if step.error]
    assert wrong.file == tmp_path / FIRST
    assert said in str(wrong.error)


def test_frames_smaller_than_a_crop_give_no_file(tmp_path: Path) -> None:
    plant(tmp_path)
    found = steps(tmp_path, tmp_path / "a.h5", side=64)
    assert {str(step.error) for step in found if step.error} == {
        "45 x 63 photosites hold no crop of 64 x 64; give a side up to 44"
    }
    assert {path.name for path in tmp_path.iterdir()} == {"Sony"}


def profiled(folder: Path, shot: float = 2e-3, maker: str = "Sony") -> Path:
    path = folder / f"{shot}.toml"
    path.write_text(
        f'maker = "{maker}"\nmodels = ["mine"]\n[[conversion_gains]]\nsource = "made for a test"\n'
        f"entries = [{{ shot = {shot}, read = 1e-6 }}]\n"
    )
    return path


def test_a_profile_of_ones_own_is_trusted_more_than_the_files(tmp_path: Path) -> None:
    plant(tmp_path)
    noise = profiled(tmp_path)
    assert all(one.file is None for one in steps(tmp_path, tmp_path / "a.h5", noise=noise))
    with packed_file.opened(tmp_path / "a.h5") as file:
        assert file["frames"]["noise"][:] == pytest.approx(np.broadcast_to([2e-3, 1e-6], (6, 3, 2)))
    assert steps(tmp_path, tmp_path / "a.h5", noise=noise) == []
    for other in (profiled(tmp_path, 3e-3), None):
        with pytest.raises(ValueError, match=r"a\.h5 was packed from noise of a profile \w{8}, not "):
            steps(tmp_path, tmp_path / "a.h5", noise=other)


def test_a_profile_of_another_camera_packs_nothing(tmp_path: Path) -> None:
    plant(tmp_path)
    for path in (tmp_path / "Sony").rglob("*.ARW"):
        raw = replace(packed_trees.frame("sid-sony", 1), maker="SONY", model="ILCE-7SM2")
        path.write_bytes(dark_trees.content(raw, tmp_path))
    found = steps(tmp_path, tmp_path / "a.h5", noise=profiled(tmp_path, maker="Canon"))
    told = {str(one.error) for one in found if one.error}
    assert told == {"the profile is of Canon mine, the file of SONY ILCE-7SM2; give its own"}
    assert not (tmp_path / "a.h5").exists()


def test_what_is_no_profile_is_refused_before_anything_is_packed(tmp_path: Path) -> None:
    plant(tmp_path)
    (tmp_path / "a.toml").write_text("no profile")
    with pytest.raises(ValueError, match=r"a\.toml: not a TOML file"):
        steps(tmp_path, tmp_path / "a.h5", noise=tmp_path / "a.toml")
    assert not (tmp_path / "a.h5.part").exists()


def test_a_noise_that_nobody_knows_is_no_number(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    path.write_bytes(dark_trees.content(dark_trees.frame(), tmp_path))
    found = pack_frames.read(path, "RGGB")
    assert np.isnan(found.noise).all()
    assert found.noise.shape == (3, 2)
    assert np.isnan(found.as_shot_neutral).all()
    assert np.isnan(found.iso)


def test_a_full_disk_is_said_before_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path)
    monkeypatch.setattr(packed_file.shutil, "disk_usage", lambda path: type("", (), {"free": 1000}))
    with pytest.raises(NoSpace, match=f"no space left: needs 1 MB in {tmp_path}"):
        steps(tmp_path, tmp_path / "a.h5")
    assert {path.name for path in tmp_path.iterdir()} == {"Sony"}


def test_memory_does_not_grow_with_the_data(tmp_path: Path) -> None:
    """Each frame is decoded once and let go of: 12 frames take no more than 3."""
    size, peaks = (400, 600), []
    for shots in (2, 11):
        root = tmp_path / str(shots)
        folder = root / "Sony"
        (folder / "short").mkdir(parents=True)
        (folder / "long").mkdir()
        for name in dict.fromkeys(dark_trees.named(dark_trees.lines({1: {"0.1": shots}}))):
            (root / name).write_bytes(dark_trees.content(packed_trees.frame("sid-sony", 1, size), root))
        run = pack.pack(task(root, side=200), root / "a.h5")
        next(run)  # modules are loaded
        tracemalloc.start()
        assert len(list(run)) == shots - 1
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 0.5 * 2 * size[0] * size[1]


def test_each_file_is_decoded_once(sony: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, names = pack_frames.read, list[str]()

    def count(path: Path, *more: Any) -> pack_frames.Frame:
        names.append(path.name)
        return read(path, *more)

    monkeypatch.setattr(pack_frames, "read", count)
    steps(sony, tmp_path / "a.h5")
    assert len(names) == len(set(names)) == 6


def test_h5py_may_be_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ValueError, match="need h5py, which is missing here; pip install h5py"):
        packed_file.tally(tmp_path / "a.h5")


def test_eld_has_no_such_pairs(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="eld is no half of See-in-the-Dark; give sid-sony or sid-fuji"):
        pack.Task.of("eld", tmp_path, "x100")
    with pytest.raises(ValueError, match="no split 'all'; known: train"):
        pack.Task.of("sid-sony", tmp_path, "all")
