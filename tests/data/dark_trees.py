"""Folders that look like SID and ELD: names and lists as the authors have them, in them small raw files of ours.

`SONY_TEST` is what the authors' test list says in few words (dataset/Sony_test_list.txt of cchen156/
Learning-to-See-in-the-Dark@af10e66, MIT): for each scene the number of shots of each exposure, counted from 00.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepisp.picture.dng import write_dng
from deepisp.raw.image import RawImage
from deepisp.sensor.cfa import WHOLE

X_T2 = "RBGBRGGGRGGBGGBGGRBRGRBGGGBGGRGGRGGB"
Shots = dict[str, int]

_TWO = [
    10003,
    10006,
    10011,
    10016,
    10022,
    10030,
    10032,
    10034,
    10035,
    10040,
    10045,
    10054,
    10055,
    10068,
    10069,
]
_ONE = [10074, 10077, 10082, 10087, 10093, 10101, 10103, 10105, 10106, 10111, 10116, 10125, 10126, 10139, 10140,
        10162, 10163, 10167, 10170, 10172, 10176]  # fmt: skip
_THREE = [10178, 10185, 10187, 10191, 10192, 10193, 10198, 10199, 10203, 10213, 10217, 10226, 10227, 10228]
_VAL = [20005, 20188, 20201, 20208, 20210, 20211]  # of 20; the last five are indoors

SONY_TEST: dict[int, Shots] = {
    **{scene: {"0.04": 2, "0.1": 10} for scene in _TWO},
    **{scene: {"0.1": 10} for scene in _ONE},
    **{scene: {"0.033": 2, "0.04": 10, "0.1": 2} for scene in _THREE},
    10003: {"0.04": 4, "0.1": 10}, 10035: {"0.04": 2, "0.1": 11}, 10045: {"0.04": 2, "0.1": 12},
    10103: {"0.1": 9}, 10176: {"0.1": 9},
    10185: {"0.033": 2, "0.04": 15, "0.1": 2}, 10192: {"0.033": 2, "0.04": 11, "0.1": 2},
    10199: {"0.033": 2, "0.04": 12, "0.1": 2}, 10213: {"0.033": 2, "0.04": 10, "0.1": 3},
}  # fmt: skip
SONY_VAL: dict[int, Shots] = {scene: {"0.033": 1, "0.04": 1, "0.1": 1} for scene in _VAL}
FUJI: dict[int, Shots] = {10019: {"0.033": 2, "0.1": 1}, 20018: {"0.1": 2}, 1: {"0.1": 2}}
LONG = {scene: "30" for scene in _ONE}  # the others' are 10 s


def lines(scenes: dict[int, Shots], *, folder: str = "Sony", ending: str = "ARW") -> list[str]:
    """Lines of a list, sorted as the authors' are."""
    found = []
    for scene, shots in scenes.items():
        long = f"./{folder}/long/{scene:05}_00_{LONG.get(scene, '10')}s.{ending}"
        names = sorted(f"{scene:05}_{n:02}_{s}s.{ending}" for s, count in shots.items() for n in range(count))
        found += [f"./{folder}/short/{name} {long} ISO200 F8" for name in names]
    return found


def named(listed: Iterable[str]) -> Iterator[str]:
    """The files of lines."""
    for line in listed:
        yield from line.split()[:2]


def plant(root: Path, scenes: dict[int, Shots], content: bytes, **camera: str) -> list[str]:
    """The files of scenes, all with the same content; their lines."""
    listed = lines(scenes, **camera)
    for name in named(listed):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return listed


def frame(cfa: str = "RGGB", *, size: tuple[int, int] = (WHOLE, WHOLE), seed: int = 1) -> RawImage:
    """A random mosaic of that camera's levels, dark and in some places below black."""
    black = 512 if cfa == "RGGB" else 1024
    mosaic = np.random.default_rng(seed).integers(black - 400, 9000, size, np.uint16)
    return RawImage(mosaic=mosaic, cfa=cfa, black_level=black, white_level=16383)


def content(raw: RawImage, folder: Path) -> bytes:
    """The bytes of a raw file of it: a DNG, which readers know by its content and not by its name."""
    path = folder / "frame.dng"
    write_dng(raw, path)
    data = path.read_bytes()
    path.unlink()
    return data


def gray(levels: NDArray[np.float64]) -> RawImage:
    """Gray columns of that linear light, 0 to 1, each 48 photosites wide, without a color matrix."""
    mosaic = np.repeat(512 + np.asarray(levels) * (16383 - 512), 48)[None].repeat(96, axis=0)
    return RawImage(
        mosaic=np.rint(mosaic).astype(np.uint16), cfa="RGGB", black_level=512, white_level=16383,
        as_shot_neutral=np.ones(3),
    )  # fmt: skip
