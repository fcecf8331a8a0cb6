"""Inputs are sacred: no picture is written over one of them, nor over any raw file."""

import os
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

# What cameras write, and the containers they write it in; lower case, with the dot.
RAW_SUFFIXES = frozenset(
    (
        ".3fr", ".ari", ".arw", ".bay", ".cap", ".cr2", ".cr3", ".crw", ".dcr", ".dcs", ".dng", ".erf", ".fff",
        ".gpr", ".iiq", ".k25", ".kdc", ".mdc", ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".ori", ".pef",
        ".ptx", ".pxn", ".qtk", ".r3d", ".raf", ".raw", ".rw2", ".rwl", ".rwz", ".sr2", ".srf", ".srw", ".x3f",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Inputs:
    """The files that a run reads, ready to be asked about many targets."""

    names: Mapping[str, Path]
    identities: Mapping[tuple[int, int], Path]

    @classmethod
    def of(cls, paths: Iterable[Path]) -> "Inputs":
        """Looks at each file once."""
        names, identities = dict[str, Path](), dict[tuple[int, int], Path]()
        for path in paths:
            names[_name(path)] = path
            if (identity := _identity(path)) is not None:
                identities[identity] = path
        return cls(names, identities)


def refuse_inputs(target: Path, inputs: Iterable[Path] | Inputs, *, allow_dng: bool = False) -> None:
    """Nothing, if writing `target` destroys no input and no raw file.

    Args:
        target: where a picture is to go; need not exist.
        inputs: the files that are read in this run; for many targets make an `Inputs` of them first.
        allow_dng: an existing DNG may be replaced, because the user asked for that; a new one always may be.

    Raises:
        ValueError: `target` is an input, by its path, through a symlink, a hard link or another case of its
            letters; or it ends like a raw file.
    """
    suffix = target.suffix.lower()
    if suffix in RAW_SUFFIXES and not (suffix == ".dng" and (allow_dng or not os.path.lexists(target))):
        raise ValueError(
            f"{target.name}: a picture is not written over a raw file or under its suffix {target.suffix}; "
            "name a picture format such as .jpg"
        )
    known = inputs if isinstance(inputs, Inputs) else Inputs.of(inputs)
    identity = _identity(target)
    twin = known.names.get(_name(target)) or (identity and known.identities.get(identity))
    if twin:
        raise ValueError(f"{target} is the input {twin} itself; choose another folder or name for the output")


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode behind all links; None if there is no such file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _name(path: Path) -> str:
    """The path without links, case and ways to write an accent: where a disk ignores those, one file."""
    return unicodedata.normalize("NFC", os.path.realpath(path)).casefold()
