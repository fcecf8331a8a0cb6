"""What can go wrong when a picture is written, beside ValueError and plain OSError."""

import errno

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the disk, the quota, the largest file allowed


class NoSpace(OSError):  # as short as what it says
    """The picture does not fit where it should go; `errno` says which of `FULL` it was."""

    def __init__(self, number: int, needed_bytes: int, folder: str) -> None:
        self.words = f"no space left: needs {max(1, round(needed_bytes / 1e6))} MB in {folder}"
        super().__init__(number, self.words)

    def __str__(self) -> str:
        """One line, without the number."""
        return self.words


class MissingExtra(OSError):  # the same
    """This installation lacks the codec that a format needs.

    Attributes:
        what: what is missing.
        remedy: the next step for the user.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what, remedy)
        self.what, self.remedy = what, remedy

    def __str__(self) -> str:
        """One line."""
        return f"{self.what} ({self.remedy})"
