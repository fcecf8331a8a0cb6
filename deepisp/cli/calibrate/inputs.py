"""Which raw files a measurement takes: those that are named, and of a folder those in it, each once."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deepisp.cli import say

if TYPE_CHECKING:
    from deepisp.raw.layout import Layout


class NoFrames(ValueError, FileNotFoundError):
    """A folder holds no raw file: nothing matched."""


def frames(words: Sequence[str | Path], layout: "Layout | None") -> list[Path]:
    """The raw files that the words name.

    Raises:
        FileNotFoundError: there is none of that name, or none in the folder.
    """
    found = _found(words, layout)
    if words and not found:
        raise NoFrames(f"{say.one_line(words[0])}: {_why_none(words)}")
    return found


def frame(word: Path, layout: "Layout | None") -> Path:
    """The raw file that a word names, where one is wanted; the errors do not repeat the word.

    Raises:
        FileNotFoundError: as `frames`.
        ValueError: it is a folder with several.
    """
    found = _found([word], layout)
    if not found:
        raise NoFrames(_why_none([word]))
    if len(found) > 1:
        raise ValueError(f"{len(found)} raw files are in it, and one is measured (name that one)")
    return found[0]


def _found(words: Sequence[str | Path], layout: "Layout | None") -> list[Path]:
    from deepisp.batch import files

    found = files.gather(words, is_described=layout is not None)
    for source in found:
        if source.problem is not None:
            raise source.problem
    return [source.path for source in found]


def _why_none(words: Sequence[str | Path]) -> str:
    from deepisp.batch import files

    return files.none_found(words)
