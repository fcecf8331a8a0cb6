"""A figure to draw into, and its way into a PNG: without a screen, whole or not at all."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from deepisp.picture import atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 110


def figure(width: float, height: float) -> "Figure":
    """An empty figure, sides in inches; what is put into it makes room for itself."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    empty = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(empty)
    return empty


def save(path: Path, drawn: "Figure", *, title: str = "") -> None:
    """Write a figure as PNG, with a title over all of it if there is one.

    Raises:
        OSError: it cannot be written.
    """
    if title:
        drawn.suptitle(title)
    stream = io.BytesIO()
    drawn.savefig(stream, format="png", dpi=_DPI)
    atomic.commit(path, stream.getbuffer())
