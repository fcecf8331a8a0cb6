"""What is known of the public data sets of raw files: one TOML each in datasets/, read and checked here.

Splits are rules over file names and the authors' own lists, which lie beside the files; a split says how many pairs
the rule must give, so that a tree with a file missing is noticed.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from deepisp import shipped
from deepisp.checked import Checked, Wrong

Part = Literal["train", "val", "test"]
Scene = Annotated[int, Field(ge=0, le=99_999)]
Image = Annotated[int, Field(ge=1, le=9_999)]


class Sourced(Checked, frozen=True, extra="forbid"):
    """Facts, and where they are from."""

    source: str = Field(min_length=1)


class Download(Sourced, frozen=True, extra="forbid"):
    """Where a file can be had; nothing here fetches it.

    Attributes:
        file: its name, or those of several small ones.
        url: of the file or of the page that gives it.
        size_gb: as its authors say it, in 10^9 bytes; None if they do not.
        sha256: None if its authors publish none.
    """

    file: str
    url: str = Field(pattern=r"^https://")
    size_gb: float | None = Field(None, gt=0)
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")


class Split(Sourced, frozen=True, extra="forbid"):
    """Pairs that a published figure is of.

    Attributes:
        pairs: how many the rule gives on a whole tree; None if nobody counted.
        ratios: the same for each exposure ratio, where counted.
    """

    pairs: int | None = Field(None, ge=1)
    ratios: dict[int, int] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.ratios and sum(self.ratios.values()) != self.pairs:
            raise ValueError(f"ratios must add up to pairs, {self.pairs}, got {sum(self.ratios.values())}")
        return self


class SidSplit(Split, frozen=True, extra="forbid"):
    """Lines of the authors' lists.

    Attributes:
        of: the lists.
        scenes: these alone; all if empty.
        without: all but these.
        shots: numbers within the burst, these alone; all if empty.
    """

    of: tuple[Part, ...] = Field(min_length=1)
    scenes: tuple[Scene, ...] = ()
    without: tuple[Scene, ...] = ()
    shots: tuple[int, ...] = ()

    def holds(self, scene: int, shot: int) -> bool:
        """Whether this exposure belongs to it, if its list does.

        >>> SidSplit(source="notice", of=("test",), without=(10034,)).holds(10034, 0)
        False
        """
        is_in = not self.scenes or scene in self.scenes
        return is_in and scene not in self.without and (not self.shots or shot in self.shots)


class ListFile(Sourced, frozen=True, extra="forbid"):
    """The authors' list of one part.

    Attributes:
        list: file name, beside the camera's folder.
        bytes: its size, with line ends of one byte.
        pairs: lines.
        scenes: how many scenes they are of.
    """

    list: str
    bytes: int = Field(ge=1)
    pairs: int = Field(ge=1)
    scenes: int = Field(ge=1)


class SidCamera(Sourced, frozen=True, extra="forbid"):
    """One camera's half of SID.

    Attributes:
        folder: under the root.
        ending: of file names.
        model: for people.
        cfa: the cell at the top left of what the sensor shows, see sensor/cfa.py.
        height: rows of photosites that see light, as LibRaw crops them.
        width: columns of the same.
        black_level: DN, as the authors' code has it; not necessarily the file's.
        white_level: DN, the same.
    """

    folder: str
    ending: str
    model: str
    cfa: str
    height: int = Field(ge=2)
    width: int = Field(ge=2)
    black_level: float = Field(ge=0)
    white_level: float = Field(gt=0)


class Known(Checked, frozen=True, extra="forbid"):
    """What every data set's file says.

    Attributes:
        title: what it is, on one line.
        licence: of the pictures.
        licence_source: where that stands.
        page: of its authors.
        paper: to cite.
        downloads: where it can be had.
    """

    title: str
    licence: str
    licence_source: str
    page: str = Field(pattern=r"^https://")
    paper: str
    downloads: tuple[Download, ...] = Field(min_length=1)


class Sid(Known, frozen=True, extra="forbid"):
    """A data set of SID's layout, see sid.py.

    Attributes:
        camera: that took it, all of it.
        parts: the authors' lists.
        splits: by name.
    """

    layout: Literal["sid"]
    camera: SidCamera
    parts: dict[Part, ListFile]
    splits: dict[str, SidSplit]


class EldSplit(Split, frozen=True, extra="forbid"):
    """Images of each scene of ELD.

    Attributes:
        images: numbers of the dark ones.
        cameras: these alone; all if empty.
    """

    images: tuple[Image, ...] = Field(min_length=1)
    cameras: tuple[str, ...] = ()


class Eld(Known, frozen=True, extra="forbid"):
    """A data set of ELD's layout, see eld.py.

    Attributes:
        scenes: how many; numbered from 1.
        references: numbers of the bright images of each scene.
        white_level: DN, as the authors' code has it for every camera.
        protocol_source: where the protocol stands.
        cameras: folder to ending.
        splits: by name.
    """

    layout: Literal["eld"]
    scenes: int = Field(ge=1)
    references: tuple[Image, ...] = Field(min_length=1)
    white_level: float = Field(gt=0)
    protocol_source: str
    cameras: dict[str, str]
    splits: dict[str, EldSplit]

    @model_validator(mode="after")
    def _known_cameras(self) -> Self:
        asked = {camera for split in self.splits.values() for camera in split.cameras}
        if asked - set(self.cameras):
            raise ValueError(
                f"splits must name known cameras, got {', '.join(sorted(asked - set(self.cameras)))}"
            )
        return self


DataSet = Sid | Eld
_LAYOUTS: dict[str, type[Sid] | type[Eld]] = {"sid": Sid, "eld": Eld}


def names() -> tuple[str, ...]:
    """The data sets that have a file; protocols of simulated data, which name no layout of files, are not among them.

    >>> names()
    ('eld', 'sid-fuji', 'sid-sony')
    """
    files = sorted(shipped.folder("datasets").glob("*.toml"))
    return tuple(path.stem for path in files if "layout" in _tables(path))


def load(name: str) -> DataSet:
    """What is known of a data set.

    Raises:
        ValueError: there is none of that name; lists those that are.

    >>> load("sid-sony").splits["all-598"].pairs
    598
    """
    if name not in names():
        raise ValueError(f"no data set {name!r}; known: {', '.join(names())}")
    return load_file(shipped.folder("datasets") / f"{name}.toml")


def load_file(path: Path) -> DataSet:
    """What a file of datasets/ says.

    Raises:
        ValueError: no TOML, or a wrong key or value; the text begins with the file.
    """
    tables = _tables(path)
    layout = tables.get("layout")
    if layout not in _LAYOUTS:
        raise ValueError(
            f"{path}: layout must be one of {', '.join(_LAYOUTS)}, got {layout!r}; see datasets/README.md"
        )
    try:
        return _LAYOUTS[layout](**tables)
    except Wrong as error:
        raise ValueError(f"{path}: {error}; see datasets/README.md") from error


def _tables(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: no TOML: {error}; see datasets/README.md") from error


def split_name(data: DataSet, name: str) -> str:
    """The name of a split, if there is one of that name.

    Raises:
        ValueError: there is none; lists those that are.
    """
    if name not in data.splits:
        raise ValueError(f"no split {name!r}; known: {', '.join(data.splits)}")
    return name
