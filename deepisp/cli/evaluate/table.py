"""Tables of figures: a line for each method, set and noise, or a JSON object."""

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from deepisp.cli import say


class Column(NamedTuple):
    """A figure of a score.

    Attributes:
        name: of the score's field.
        head: over the column.
        digits: after the point.
    """

    name: str
    head: str
    digits: int


def teller(
    noise: str, columns: Sequence[Column], as_json: bool
) -> Callable[[str, str, float | str, dict[str, Any]], None]:
    """What prints a line of figures: of a method, a set, and its noise; the heads are printed at once."""
    wide = 5 if noise == "sigma" else 24
    if not as_json:
        heads = " ".join(f"{one.head:>8}" for one in columns)
        say.data(f"{'method':20} {'set':12} {noise:>{wide}} {heads}")

    def tell(method: str, title: str, level: float | str, figures: dict[str, Any]) -> None:
        if as_json:
            say.data(json.dumps({"method": method, "set": title, noise: level} | figures))
            return
        numbers = " ".join(f"{figures[one.name]:8.{one.digits}f}" for one in columns)
        shown = level if isinstance(level, str) else f"{level:g}"
        say.data(f"{say.one_line(method[-20:]):20} {say.one_line(title[:12]):12} {shown:>{wide}} {numbers}")

    return tell
