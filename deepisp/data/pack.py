"""A cache of See-in-the-Dark for training: mosaics cut into crops, in one HDF5 file; packed.py draws from it.

    short and long exposure ─► active area ─► crops of side x side, whole cells of the CFA, the frame covered ─► file

A pair at a time: decoded, written, on the disk, counted. What is killed goes on at the pair that was not counted yet;
how the file bears that stands in packed_file.py.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from deepisp.data import datasets, pack_frames, packed_file, sid
from deepisp.data.datasets import Sid
from deepisp.data.pack_frames import Frame
from deepisp.data.packed_file import FORMAT, Layout
from deepisp.raw.errors import RawError
from deepisp.sensor import cfa as cfa_cell
from deepisp.sensor import profile
from deepisp.sensor.profile import Profile

SIDE = 512  # photosites of a crop, or the next smaller side of whole cells; issue 5


class Step(NamedTuple):
    """What came of one pair.

    Attributes:
        pair: that was tried.
        file: that could not be packed; None if both are.
        error: why; None if that was said of the same file before.
    """

    pair: sid.Pair
    file: Path | None = None
    error: Exception | None = None


@dataclass(frozen=True)
class Task:
    """What is to be packed.

    Attributes:
        name: of the data set.
        split: of it.
        side: of a crop, photosites.
        cfa: the cell at the top left of each frame's active area, and of each crop.
        root: the folder that holds Sony or Fuji.
        pairs: of the split, those that names or lists say.
        wanted: how many the split has; None if nobody counted.
        has_pictures: whether LibRaw's pictures of the long exposures are packed too.
        profile: of the camera's noise, trusted more than the frames.
    """

    name: str
    split: str
    side: int
    cfa: str
    root: Path
    pairs: tuple[sid.Pair, ...]
    wanted: int | None
    has_pictures: bool = False
    profile: Profile | None = None

    @classmethod
    def of(
        cls,
        name: str,
        root: Path,
        split: str,
        side: int | None = None,
        *,
        has_pictures: bool = False,
        noise: Path | None = None,
    ) -> Self:
        """The task for a split of See-in-the-Dark.

        Args:
            name: sid-sony or sid-fuji.
            root: the folder that holds Sony or Fuji, and the authors' lists.
            split: of the data set.
            side: of a crop; the largest of whole cells up to `SIDE` if None.
            has_pictures: pack LibRaw's pictures, which the authors' network learns, too.
            noise: file of a profile, see sensor/profile.py.

        Raises:
            ValueError: no such data set or split, a wrong list, a side that is not of whole cells, or no profile.
            OSError: the profile cannot be read.
        """
        data = datasets.load(name)
        if not isinstance(data, Sid):
            raise ValueError(f"{name} is no half of See-in-the-Dark; give sid-sony or sid-fuji")
        pairs, cell = sid.expected(data, root, split), cfa_cell.side(data.camera.cfa)
        side = SIDE // cell * cell if side is None else side
        packed_file.check_side(side, cell)
        wanted = data.splits[split].pairs
        own = None if noise is None else profile.load(noise)
        return cls(name, split, side, data.camera.cfa, root, pairs, wanted, has_pictures, own)

    @property
    def settings(self) -> dict[str, str | int]:
        """What a file must have been begun with to be gone on with."""
        names = "\n".join(self.name_of(path) for one in self.pairs for path in one.files)
        return {
            "format": FORMAT, "data set": self.name, "split": self.split, "crop": self.side, "CFA": self.cfa,
            "parts": "mosaics and pictures" if self.has_pictures else "mosaics",
            "noise": "known" if self.profile is None else _digest(self.profile),
            "files": hashlib.sha256(names.encode()).hexdigest(),
        }  # fmt: skip

    def name_of(self, path: Path) -> str:
        """A file's name in the cache: the same wherever the data set lies."""
        return Path(os.path.relpath(path, self.root)).as_posix()


def pack(task: Task, path: Path) -> Iterator[Step]:
    """Pack what is not packed yet, a pair at a time; the file is there when the last step was taken.

    Until then the work lies beside it, `part_of(path)`, and is gone on with if it is there. A frame that cannot be
    read leaves its pairs out; if none can, there is no file. No more than two frames and a picture are in memory.

    Raises:
        ValueError: a file that is there was made with other settings, or cannot be gone on with.
        NoSpace: the disk has no room for all of it.
        OSError: it cannot be written.
    """
    if path.exists():
        with packed_file.opened(path) as file:
            _check_same(file, task, path)
        return
    work = _Part(part_of(path), task)
    try:
        for pair in work.left:
            yield work.add(pair)
        work.finish(path)
    finally:
        work.close()


def part_of(path: Path) -> Path:
    """Where the work for a file lies until it is whole."""
    return path.with_name(path.name + ".part")


class _Part:
    """A file in the making, open for as long as it is worked on."""

    def __init__(self, path: Path, task: Task) -> None:
        self.path, self.task = path, task
        self.file: Any = None
        self.done = self.frames = self.pictures = 0
        self.places = dict[str, int]()  # of frames, by name
        self.broken = set[Path]()
        packed = set[str]()
        if path.exists():
            self.file = packed_file.handle(path, "r+")
            try:
                _check_same(self.file, task, path)
            except ValueError:
                self.close()
                raise
            rows = packed_file.pairs_of(self.file)
            self.done, self.frames = len(rows), packed_file.frames_in(rows)
            self.pictures = packed_file.pictures_in(self.file, rows)
            names = self.file["frames"]["name"][: self.frames]
            self.places = {name.decode(): place for place, name in enumerate(names)}
            packed = {names[row["short"]].decode() for row in rows}
        self.left = [one for one in task.pairs if task.name_of(one.short) not in packed]

    def add(self, pair: sid.Pair) -> Step:
        """Pack a pair, its files on the disk when this returns."""
        new = list[Frame]()
        for path in (pair.long, pair.short):
            name = self.task.name_of(path)
            if path in self.broken:
                return Step(pair, path)
            if name in self.places:
                continue
            try:
                frame = replace(pack_frames.read(path, self.task.cfa, self.task.profile), name=name)
                is_pictured = self.task.has_pictures and path == pair.long
                new.append(pack_frames.pictured(frame, path) if is_pictured else frame)
                self._check_shape(new[-1].mosaic.shape, new[0].mosaic.shape)
            except (RawError, ValueError, OSError) as error:
                self.broken.add(path)
                return Step(pair, path, error)
        if self.file is None:
            self._create(new[0].mosaic.shape)
        for frame in new:
            self._write(frame)
        short, long = (self.places[self.task.name_of(path)] for path in pair.files)
        self.file["pairs"][self.done] = np.array(
            (short, long, pair.scene, pair.shot, pair.short_s, pair.long_s, pair.exposure_ratio),
            packed_file.PAIR,
        )
        self._sync()
        self.done += 1
        self.file["done"][()] = self.done  # only now that what it counts is on the disk
        self.file.flush()
        return Step(pair)

    def _create(self, shape: tuple[int, ...]) -> None:
        task = self.task
        files = {path for one in task.pairs for path in one.files}
        pictures = len({one.long for one in task.pairs}) if task.has_pictures else 0
        layout = Layout(task.settings, task.cfa, task.side, shape, len(files), len(task.pairs), pictures)
        packed_file.create(self.path, layout)
        self.file = packed_file.handle(self.path, "r+")

    def _check_shape(self, shape: tuple[int, ...], first: tuple[int, ...]) -> None:
        if self.file is not None:
            first = tuple(self.file.attrs["shape"].tolist())
        if shape != first:
            raise ValueError(f"{shape[0]} x {shape[1]} photosites, the frames before {first[0]} x {first[1]}")
        packed_file.tiles(shape, self.task.side, self.task.cfa)

    def _write(self, frame: Frame) -> None:
        whole = hashlib.blake2b(digest_size=16)
        self._cut(frame.mosaic, "mosaics", self.frames, whole)
        picture = -1
        if frame.picture is not None:
            self._cut(frame.picture, "pictures", self.pictures, whole)
            picture = self.pictures
            self.pictures += 1
        self.file["frames"][self.frames] = frame.row(self.task.cfa, whole.digest(), picture)
        self.places[frame.name] = self.frames
        self.frames += 1

    def _cut(self, whole: NDArray[np.uint16], name: str, number: int, digest: "hashlib.blake2b") -> None:
        """The crops of a frame or a picture (H, W, …), at their places among those of its kind."""
        side, tops = self.task.side, self.file["tops"][:]
        for place, (top, left) in enumerate(
            zip(tops, self.file["lefts"][:], strict=True), number * len(tops)
        ):
            crop = np.ascontiguousarray(whole[top : top + side, left : left + side])
            digest.update(crop.data)
            self.file[name][place] = crop

    def _sync(self) -> None:
        self.file.flush()
        os.fsync(self.file.id.get_vfd_handle())

    def finish(self, path: Path) -> None:
        """Give the file its name, if a pair is in it."""
        if self.done:
            self._sync()
            self.close()
            os.replace(self.path, path)

    def close(self) -> None:
        """Nothing, if it is closed."""
        if self.file is not None:
            self.file.close()
            self.file = None


def _digest(profile: Profile) -> str:
    """What tells a profile from others, in a line that says what it is."""
    return f"of a profile {hashlib.sha256(profile.model_dump_json().encode()).hexdigest()[:8]}"


def _check_same(file: Any, task: Task, path: Path) -> None:
    known, asked = json.loads(file.attrs["settings"]), task.settings
    other = [
        f"{name} {known.get(name)}, not {asked[name]}" for name in asked if known.get(name) != asked[name]
    ]
    if other:
        if len(other) == 1 and other[0].startswith("files"):
            other = ["other files, by its list or by what lay there"]
        raise ValueError(f"{path} was packed from {'; '.join(other)}; give another name, or delete it")
