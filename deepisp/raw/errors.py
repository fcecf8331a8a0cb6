"""Why a file could not be read: the only exceptions, beside OSError, that leave `deepisp.read`."""

from pathlib import Path


class RawError(Exception):
    """A file that gives no picture; says which, why and what to do.

    Attributes:
        path: the file as it was given.
        what: what is wrong with it.
        remedy: the next step for the user.
    """

    def __init__(self, path: str | Path, what: str, remedy: str) -> None:
        super().__init__(str(path), what, remedy)
        self.path, self.what, self.remedy = Path(path), what, remedy

    def __str__(self) -> str:
        """One line: the file, and `line`."""
        return f"{self.path}: {self.line}"

    @property
    def line(self) -> str:
        """What is wrong and what to do, for those who have named the file already."""
        return f"{self.what} ({self.remedy})"


class DamagedFile(RawError):
    """The file is a raw file by its looks, but its data are missing or contradict themselves."""


class UnsupportedFile(RawError):
    """The file may be sound, but this version cannot decode it."""


class LimitReached(RawError):
    """Reading the file would take more time, memory or pixels than `Limits` allows."""
