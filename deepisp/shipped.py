"""Where the TOML folders lie: beside the package in a checkout, inside it in a wheel."""

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).parent


def folder(name: Literal["sensors", "calibration", "datasets"]) -> Path:
    """The folder of shipped data files of that name.

    >>> (folder("sensors") / "README.md").is_file()
    True
    """
    installed = _PACKAGE / "_shipped" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name
