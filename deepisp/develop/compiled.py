"""How the kernels are compiled: once for good where the machine code can be kept, else once in each process.

numba keeps it in NUMBA_CACHE_DIR, beside the package, or in the user's cache folder. By itself it refuses to work
where it may write to none of these, and lets a full disk or a damaged file of the cache end the program. And it asks
for the age of a kernel's own file alone, though what that file imports (constants, inlined parts) is compiled in.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from numba import njit
from numba.core.caching import FunctionCache

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


class _Cache(FunctionCache):
    """numba's cache of one function, without which everything works too."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        # In the stamp and not in the key of an entry: what is out of date is overwritten, not kept beside.
        file = self._cache_file
        file._source_stamp = file._source_stamp, _sources()

    def load_overload(self, signature: Any, target: Any) -> Any:
        """The machine code, or None if there is none that can be used."""
        try:
            return super().load_overload(signature, target)
        except Exception:  # a pickle that was cut short raises anything
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, signature: Any, data: Any) -> None:
        """Keep machine code, if there is room for it."""
        with suppress(OSError):
            super().save_overload(signature, data)


@cache
def _sources() -> str:
    """A digest of all that kernels are made of. By content: the files of a wheel all have one date."""
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def kernel(**options: Any) -> Callable[[Kernel], Kernel]:
    """Decorator: compiled by numba with these options, without the interpreter's lock, and kept if possible."""

    def decorate(function: Kernel) -> Kernel:
        compiled = njit(nogil=True, **options)(function)
        with suppress(RuntimeError):  # no folder that can be written
            compiled._cache = _Cache(function)  # what njit(cache=True) does with numba's own
        return compiled  # type: ignore[no-any-return]  # numba has no types

    return decorate
