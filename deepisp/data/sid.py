"""See-in-the-Dark (SID): which short exposure belongs to which long one, and which pairs are which split.

    ROOT/Sony/short/10003_00_0.04s.ARW      scene 10003, shot 00 of a burst, 1/25 s; first digit: 0 train, 1 test, 2 val
    ROOT/Sony/long/10003_00_10s.ARW         the same scene, 10 s
    ROOT/Sony_test_list.txt                 the authors' list: short, long, ISO, f-number; Fuji likewise, in .RAF

Without the authors' lists the names alone say which pairs there are, but not which are missing. What is done with the
numbers of a pair stands in sid_protocol.py.

Source: C. Chen et al., "Learning to See in the Dark", CVPR 2018; names: README of their repository.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from deepisp.data import datasets
from deepisp.data.datasets import Part, Sid

MOST = 300  # the largest exposure ratio: test_Sony.py of the authors
_DIGITS: dict[str, Part] = {"0": "train", "1": "test", "2": "val"}  # README of the authors, section Dataset
_NAME = re.compile(r"(\d{5})_(\d{2})_(\d+(?:\.\d+)?)s\.(\w+)")


class Name(NamedTuple):
    """What a file name says.

    Attributes:
        scene: five digits; a scene has one long exposure.
        shot: number within the burst.
        exposure_s: as it was set; 0.033 stands for 1/30.
    """

    scene: int
    shot: int
    exposure_s: float

    @property
    def part(self) -> Part:
        """To which of the authors' lists the scene belongs.

        >>> Name(10003, 0, 0.04).part
        'test'
        """
        digit = f"{self.scene:05}"[0]
        if digit not in _DIGITS:
            raise ValueError(
                f"scene {self.scene:05} begins with none of SID's digits, 0 train, 1 test, 2 val"
            )
        return _DIGITS[digit]


@dataclass(frozen=True)
class Pair:
    """A short exposure, and the long one of its scene.

    Attributes:
        short: file.
        long: file.
        scene: five digits.
        shot: number of the short one within its burst.
        short_s: exposure of the short one, in seconds.
        long_s: exposure of the long one.
    """

    short: Path
    long: Path
    scene: int
    shot: int
    short_s: float
    long_s: float

    @property
    def exposure_ratio(self) -> float:
        """How much longer, at most `MOST`: the gain that the protocol gives the short one."""
        return min(self.long_s / self.short_s, MOST)

    @property
    def files(self) -> tuple[Path, Path]:
        """Both."""
        return self.short, self.long


def parse(name: str) -> Name:
    """What a file name says.

    Raises:
        ValueError: it is no name of SID.

    >>> parse("10019_00_0.033s.RAF")
    Name(scene=10019, shot=0, exposure_s=0.033)
    """
    found = _NAME.fullmatch(name)
    if found is None or float(found[3]) <= 0:
        raise ValueError(
            f"a file of SID is named like 10003_00_0.04s.ARW, got {name!r}; keep the authors' names"
        )
    return Name(int(found[1]), int(found[2]), float(found[3]))


def pair(short: Path, long: Path) -> Pair:
    """Two files as a pair, by their names.

    Raises:
        ValueError: a name is none of SID, or they are of two scenes.

    >>> pair(Path("20001_07_0.033s.ARW"), Path("20001_00_10s.ARW")).exposure_ratio
    300
    """
    first, second = parse(short.name), parse(long.name)
    if first.scene != second.scene:
        raise ValueError(f"{short.name} and {long.name} are of two scenes; a pair is of one")
    return Pair(short, long, first.scene, first.shot, first.exposure_s, second.exposure_s)


def read_list(path: Path, part: Part) -> tuple[Pair, ...]:
    """The pairs of one of the authors' lists, in its order; paths in it start where it lies.

    Raises:
        ValueError: a line is none of such a list, or of a scene of another part.
        OSError: it cannot be opened.
    """
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        try:
            if len(words) < 2:
                raise ValueError(f"a line names a short and a long exposure, got {line!r}")
            one = pair(path.parent / words[0], path.parent / words[1])
            if parse(one.short.name).part != part:
                raise ValueError(f"scene {one.scene:05} is no {part} scene; is this another part's list?")
        except ValueError as error:
            raise ValueError(f"{path}: line {number}: {error}") from error
        found.append(one)
    return tuple(found)


def by_names(data: Sid, root: Path, part: Part) -> tuple[Pair, ...]:
    """The pairs of a part that are there, by their names, in their order; other files are passed over.

    Raises:
        ValueError: a scene has two long exposures.
    """
    folder = root / data.camera.folder
    long = dict[int, Path]()
    for path in _named(folder / "long", data, part):
        scene = parse(path.name).scene
        if scene in long:
            raise ValueError(
                f"{folder}: scene {scene:05} has two long exposures, {long[scene].name} and {path.name}"
            )
        long[scene] = path
    short = _named(folder / "short", data, part)
    return tuple(pair(path, long[parse(path.name).scene]) for path in short if parse(path.name).scene in long)


def _named(folder: Path, data: Sid, part: Part) -> list[Path]:
    paths = sorted(folder.glob(f"*.{data.camera.ending}"))
    return [path for path in paths if _NAME.fullmatch(path.name) and _DIGITS.get(path.name[0]) == part]


def of_part(data: Sid, root: Path, part: Part) -> tuple[Pair, ...]:
    """The pairs of a part: those of the authors' list if it lies in the root, there or not; else those that are there.

    Raises:
        ValueError: as `read_list` and `by_names`.
    """
    path = root / data.parts[part].list
    return read_list(path, part) if path.is_file() else by_names(data, root, part)


def expected(data: Sid, root: Path, name: str) -> tuple[Pair, ...]:
    """The pairs of a named split, whether their files are there or not.

    Raises:
        ValueError: as `of_part`, or there is no such split.
    """
    split = data.splits[datasets.split_name(data, name)]
    return tuple(
        one for part in split.of for one in of_part(data, root, part) if split.holds(one.scene, one.shot)
    )


def pairs(data: Sid, root: Path, name: str) -> tuple[Pair, ...]:
    """The pairs of a named split, all of them: what a published figure is of.

    Args:
        data: as `datasets.load("sid-sony")` gives it.
        root: the folder that holds Sony or Fuji, and the authors' lists.
        name: of `data.splits`.

    Raises:
        ValueError: a file is missing, or the pairs are not as many as the split has; or as `expected`.
    """
    found = expected(data, root, name)
    how = "deepisp datasets check says which files are missing"
    absent = [path for one in found for path in one.files if not path.is_file()]
    if absent:
        raise ValueError(
            f"{root}: {len(absent)} files of {name} are missing, the first is {absent[0].name}; {how}"
        )
    wanted = data.splits[name].pairs
    if not found or (wanted is not None and len(found) != wanted):
        raise ValueError(f"{root}: {name} has {wanted or 'some'} pairs, found {len(found)}; {how}")
    return found
