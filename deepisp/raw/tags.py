"""The values of a TIFF directory's tags, as tifffile found them, in plain types."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_RATIONALS = (5, 10)  # TIFF types RATIONAL and SRATIONAL


def numbers(page: Any, code: int) -> NDArray[np.float64] | None:
    """The numbers of a tag, rationals divided out (0/0 is NaN); None if it is absent or no number."""
    tag = page.tags.get(code)
    if tag is None:
        return None
    value = tag.value
    if isinstance(value, bytes):
        value = tuple(value)
    if isinstance(value, str):
        return None
    flat = np.atleast_1d(np.array(value, np.float64)).ravel()
    if int(tag.dtype) in _RATIONALS:
        pairs = flat.reshape(-1, 2)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.divide(pairs[:, 0], pairs[:, 1])
    return flat


def number(page: Any, code: int, default: float = 0.0) -> float:
    """The first number of a tag; `default` if it is absent or no finite number."""
    values = numbers(page, code)
    return float(values[0]) if values is not None and len(values) and np.isfinite(values[0]) else default


def text(page: Any, code: int) -> str:
    """A tag's text without the blanks and zeros around it; "" if it is absent."""
    tag = page.tags.get(code)
    value = "" if tag is None else tag.value
    words = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return words.strip("\0 ")
