"""How a packed data set lies in its HDF5 file: pack.py fills it, packed.py draws from it.

    /mosaics  (F * T, side, side) uint16: DN as the camera stored them, a chunk a crop; those of frame f begin at f * T
    /pictures (P * T, side, side, 3) uint16, if asked for: LibRaw's pictures of the long exposures, in the same crops
    /frames   a row a frame: name, levels, noise (pack_frames.py); each frame once, however many pairs share it
    /pairs    a row a pair: its frames, exposures and scene
    /done     how many pairs are whole; what lies beyond them is not there
    /tops, /lefts   (T,): where the crops lie in the active area
    attributes      settings, JSON: of which data set and split, how cut; shape: of a frame

All of it is laid out when the file is made, sparse, and from then on only numbers within it change. HDF5 keeps no
journal: a file that grows may not open any more after a kill. This one opens, and `done` says where to go on.
"""

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENOSPC
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepisp.data import pack_frames
from deepisp.picture.errors import NoSpace
from deepisp.sensor import cfa as cfa_cell

FORMAT = 2  # of the file; another one is refused
PAIR = np.dtype(
    [("short", "<i4"), ("long", "<i4"), ("scene", "<i4"), ("shot", "<i4"),
     ("short_s", "<f8"), ("long_s", "<f8"), ("exposure_ratio", "<f8")]
)  # fmt: skip


class Layout(NamedTuple):
    """What a file needs room for.

    Attributes:
        settings: that it is begun with.
        cfa: of its frames.
        side: of a crop.
        shape: of a frame, (H, W).
        frames: how many at most.
        pairs: how many at most.
        pictures: likewise.
    """

    settings: dict[str, str | int]
    cfa: str
    side: int
    shape: tuple[int, ...]
    frames: int
    pairs: int
    pictures: int


def create(path: Path, layout: Layout) -> None:
    """Make a file with room for everything; it has its name only when all of that stands.

    Raises:
        ValueError: a frame is smaller than a crop.
        NoSpace: the disk cannot hold it.
        OSError: it cannot be written.
    """
    corners = tiles(layout.shape, layout.side, layout.cfa)
    needed = (layout.frames + 3 * layout.pictures) * len(corners) * layout.side**2 * 2
    if shutil.disk_usage(path.parent).free < needed:
        raise NoSpace(ENOSPC, needed, str(path.parent))
    hidden = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        # The earliest layout: the latest marks a file as open, which one that was killed would stay for ever.
        with hdf5().File(hidden, "w", libver="earliest") as file:
            _lay_out(file, layout, corners)
        hidden.replace(path)
    finally:
        hidden.unlink(missing_ok=True)


def _lay_out(file: Any, layout: Layout, corners: list[tuple[int, int]]) -> None:
    side = layout.side
    _lay_out_crops(file, b"mosaics", layout.frames * len(corners), (side, side))
    if layout.pictures:
        _lay_out_crops(file, b"pictures", layout.pictures * len(corners), (side, side, 3))
    for name, rows in (
        ("frames", np.zeros(layout.frames, pack_frames.row_type(layout.cfa))),
        ("pairs", np.zeros(layout.pairs, PAIR)),
        ("done", np.int64(0)),
        ("tops", np.array([top for top, _ in corners])),
        ("lefts", np.array([left for _, left in corners])),
    ):
        file.create_dataset(name, data=rows, track_times=False)
    file.attrs["settings"] = json.dumps(layout.settings)
    file.attrs["shape"] = np.array(layout.shape)


def _lay_out_crops(file: Any, name: bytes, count: int, shape: tuple[int, ...]) -> None:
    h5py = hdf5()
    chunks = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    chunks.set_chunk((1, *shape))
    chunks.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    chunks.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    chunks.set_obj_track_times(False)
    h5py.h5d.create(file.id, name, h5py.h5t.STD_U16LE, h5py.h5s.create_simple((count, *shape)), chunks)


class Tally(NamedTuple):
    """What a file holds.

    Attributes:
        pairs: that can be drawn from.
        crops: of them, each of a short and a long exposure.
        megabytes: of mosaics and pictures, 10^6 bytes, each frame once.
    """

    pairs: int
    crops: int
    megabytes: float


def check_side(side: int, cell: int) -> None:
    """Nothing, if crops of a side are of whole cells.

    Raises:
        ValueError: they are not; says which would be.
    """
    if side < cell or side % cell:
        near = max(side // cell, 1) * cell
        raise ValueError(
            f"a crop is of whole cells of {cell} x {cell} photosites, got a side of {side}; give {near}"
        )


def tiles(shape: tuple[int, ...], side: int, cfa: str) -> list[tuple[int, int]]:
    """Top and left of the crops that cover a frame (H, W) but for what is less than a cell at its ends.

    Raises:
        ValueError: it is smaller than a crop.

    >>> tiles((13, 22), 10, "RGGB")
    [(0, 0), (0, 6), (0, 12), (2, 0), (2, 6), (2, 12)]
    """
    cell = cfa_cell.side(cfa)
    if min(shape) < side:
        most = min(shape) // cell * cell
        raise ValueError(
            f"{shape[0]} x {shape[1]} photosites hold no crop of {side} x {side}; give a side up to {most}"
        )
    rows, columns = (_starts(length // cell * cell, side, cell) for length in shape)
    return [(top, left) for top in rows for left in columns]


def _starts(length: int, side: int, cell: int) -> list[int]:
    """Where crops begin along a side, evenly, neighbors overlapping as they must, each at a whole cell."""
    count = -(-length // side)
    return [one * (length - side) // max(count - 1, 1) // cell * cell for one in range(count)]


def tally(path: Path) -> Tally:
    """What a file holds.

    Raises:
        ValueError: it is no packed data set.
        OSError: it cannot be opened.
    """
    with opened(path) as file:
        rows = pairs_of(file)
        tiles, (_, side, _) = len(file["tops"]), file["mosaics"].shape
        planes = frames_in(rows) + 3 * pictures_in(file, rows)
        return Tally(len(rows), len(rows) * tiles, planes * tiles * side * side * 2 / 1e6)


def pairs_of(file: Any) -> NDArray[np.void]:
    """The rows of `pairs` that are whole, (N,) of `PAIR`."""
    rows: NDArray[np.void] = file["pairs"][: int(file["done"][()])]
    return rows


def frames_in(rows: NDArray[np.void]) -> int:
    """How many frames these rows of `pairs` refer to, from the first on."""
    return int(max(rows["short"].max(), rows["long"].max())) + 1 if len(rows) else 0


def pictures_in(file: Any, rows: NDArray[np.void]) -> int:
    """How many pictures belong to these rows of `pairs`, from the first on."""
    numbers = file["frames"]["picture"][: frames_in(rows)]
    return int(numbers.max(initial=-1)) + 1


@contextmanager
def opened(path: Path, mode: str = "r") -> Iterator[Any]:
    """A packed file, open.

    Raises:
        ValueError: it is none, or none of this version; or h5py is missing.
        OSError: it cannot be opened.
    """
    with handle(path, mode) as file:
        yield file


def handle(path: Path, mode: str = "r") -> Any:
    """A packed file, open, to be closed by the caller; as `opened`.

    Raises:
        ValueError: as `opened`.
        OSError: the same.
    """
    remedy = "delete it, and let deepisp datasets pack make it anew"
    try:
        file = hdf5().File(path, mode)
    except BlockingIOError as error:
        raise ValueError(f"{path}: another run is writing it; wait for that, or end it") from error
    except OSError as error:
        if error.errno:  # HDF5's own words fill lines
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        raise ValueError(f"{path}: no HDF5 file, or damaged; {remedy}") from error
    try:
        known = json.loads(file.attrs["settings"])
    except (KeyError, ValueError):
        known = {}
    if known.get("format") != FORMAT:
        file.close()
        raise ValueError(f"{path}: no packed data set of format {FORMAT}; {remedy}")
    return file


def hdf5() -> Any:
    """The module h5py, loaded when it is needed.

    Raises:
        ValueError: this installation lacks it.
    """
    try:
        import h5py  # type: ignore[import-untyped]  # it has no types
    except ImportError as error:
        raise ValueError("packed data sets need h5py, which is missing here; pip install h5py") from error
    return h5py
