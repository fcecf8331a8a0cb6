"""What a measurement says on stdout: one JSON object, or a table for people; and first what was written."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from deepisp.cli import say


class Row(NamedTuple):
    """A quantity of each color.

    Attributes:
        name: in words.
        unit: of the figures, or "".
        figures: as text, one a color.
    """

    name: str
    unit: str
    figures: Sequence[str]


def tell(text: str, told: dict[str, Any], *, as_json: bool, wrote: str = "") -> None:
    """Print what was written and what was measured; with `as_json` stdout holds the JSON alone."""
    if wrote:
        (say.note if as_json else say.data)(say.one_line(wrote))
    say.data(json.dumps(told, allow_nan=False) if as_json else text)


def warn(*doubts: tuple[str | Path, Sequence[str]]) -> None:
    """Say what is doubtful: of each file that is named, or of "" for none, some lines."""
    for name, lines in doubts:
        for line in lines:
            say.warning(name, line)


def table(colors: Sequence[str], rows: Sequence[Row]) -> str:
    """Quantities in lines, colors in columns.

    >>> print(table("RG", [Row("gain", "DN/e-", ["1.5", "1.6"]), Row("DSNU", "e-", ["2", "-"])]))
                 R    G
    gain  DN/e-  1.5  1.6
    DSNU  e-     2    -
    """
    cells = [["", "", *colors], *([row.name, row.unit, *row.figures] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def figure(value: float | None, error: float | None = None, *, times: float = 1.0) -> str:
    """A figure with its standard error, or "-" if it is not known.

    >>> figure(0.00512, 0.0004, times=100), figure(61_234.5, 123.4), figure(None)
    ('0.512 ± 0.04', '61234 ± 123', '-')
    """
    if value is None:
        return "-"
    return _digits(value * times, 4) + ("" if error is None else f" ± {_digits(error * times, 2)}")


def _digits(value: float, count: int) -> str:
    """So many significant digits, and those of large numbers all."""
    return f"{value:.0f}" if abs(value) >= 10**count else f"{value:.{count}g}"
