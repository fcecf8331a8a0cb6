"""Raw sensor data to pictures: a camera pipeline that knows how sensors measure."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deepisp import batch as batch
    from deepisp.develop.demosaic.arrays import demosaic as demosaic
    from deepisp.develop.pipeline import develop as develop
    from deepisp.develop.settings import Settings as Settings
    from deepisp.picture.dng import write_dng as write_dng
    from deepisp.picture.write import write as write
    from deepisp.raw.errors import DamagedFile as DamagedFile
    from deepisp.raw.errors import LimitReached as LimitReached
    from deepisp.raw.errors import RawError as RawError
    from deepisp.raw.errors import UnsupportedFile as UnsupportedFile
    from deepisp.raw.image import RawImage as RawImage
    from deepisp.raw.layout import Layout as Layout
    from deepisp.raw.limits import Limits as Limits
    from deepisp.raw.read import read as read

__version__ = "0.1.0"

_HOME = {
    "read": "raw.read",
    "batch": "batch",
    "develop": "develop",  # the package itself, which can be called
    "demosaic": "develop.demosaic.arrays",
    "write_dng": "picture.dng",
    "write": "picture.write",
    "Settings": "develop.settings",
    "RawImage": "raw.image",
    "Layout": "raw.layout",
    "Limits": "raw.limits",
    "RawError": "raw.errors",
    "DamagedFile": "raw.errors",
    "UnsupportedFile": "raw.errors",
    "LimitReached": "raw.errors",
}
__all__ = [*_HOME]  # noqa: PLE0604  a dict's keys are its names


def __getattr__(name: str) -> object:
    """Hand a public name on from its home, loaded only now: `import deepisp` costs nothing."""
    if name in _HOME:
        home = import_module(f"deepisp.{_HOME[name]}")
        return home if name == _HOME[name] else getattr(home, name)
    raise AttributeError(f"module 'deepisp' has no attribute {name!r}")


def __dir__() -> list[str]:
    """All public names, those that wait to be loaded too: for the completion of names."""
    return sorted({*globals(), *__all__})
