"""What a fit to a chart does, to look at: patches before, after and as they are, and how far off each is."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from deepisp import spaces
from deepisp.calibrate import plot
from deepisp.calibrate.charts import chart
from deepisp.calibrate.charts.color_fit import WHITE
from deepisp.calibrate.color import Measured

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK = {"fit": "#2962b5", "left out": "#9ec3ee", "before": "#c9c9c9"}
_WELL = 2.0  # CIEDE2000 that a careful eye sees between patches side by side


def color(path: Path, measured: Measured, *, title: str = "") -> None:
    """The report as PNG, whole or not at all.

    Each patch shows the reference in its middle, on the right what the fit makes of the camera's colors, and on the
    left what is balanced on the grays alone, camera RGB taken for sRGB.

    Raises:
        OSError: it cannot be written.
    """
    target = chart.target(measured.chart)
    count = len(measured.delta_e)
    figure = plot.figure(11.0, 9.5)
    grid = figure.add_gridspec(2, 1, height_ratios=(3.2, 2))
    _patches(figure.add_subplot(grid[0]), measured, target)
    _bars(figure.add_subplot(grid[1]), measured, names=count <= 40)
    plot.save(path, figure, title=title)


def _patches(axis: "Axes", measured: Measured, target: chart.Target) -> None:
    from matplotlib.patches import Rectangle

    balanced = measured.samples.signal / measured.neutral
    scale = measured.fit.exposure
    columns = (
        (_encoded(scale * balanced), 0.0, 0.5),
        (_shown(measured.fit.xyz(balanced)), 0.5, 0.5),
        (_shown(measured.reference.xyz), 0.25, 0.5),
    )
    side = 0.92
    for index, (x, y) in enumerate(target.centers):
        corner = np.array([x, y]) - side / 2
        for colors, left, width in columns:
            inner = side * (0.5 if left == 0.25 else 1.0)
            down = (side - inner) / 2
            axis.add_patch(
                Rectangle(
                    (corner[0] + left * side, corner[1] + down), width * side, inner, color=colors[index]
                )
            )
        said = f"{measured.delta_e[index]:.1f}" if measured.used[index] else "left out"
        is_dark = measured.reference.xyz[index, 1] < 0.18
        axis.text(
            x, y, said, ha="center", va="center", fontsize=9 if target.columns <= 8 else 6,
            color="white" if is_dark else "black",
        )  # fmt: skip
    axis.set(xlim=(-0.55, target.columns - 0.45), ylim=(target.rows - 0.45, -0.55), aspect="equal")
    axis.set_facecolor("#222222")
    axis.set_xticks([])
    axis.set_yticks([])
    axis.set_title(
        "left: balanced camera RGB   middle: reference   right: fitted   (number: CIEDE2000)", fontsize=10
    )


def _bars(axis: "Axes", measured: Measured, *, names: bool) -> None:
    at = np.arange(len(measured.delta_e))
    series: list[tuple[str, str, NDArray[Any]]] = [
        ("before", "file's own matrices", measured.before),
        ("fit", _name(measured), np.where(measured.used, measured.delta_e, np.nan)),
        ("left out", "predicted, when left out", measured.left_out),
    ]
    series = [one for one in series if np.isfinite(one[2]).any()]
    width = 0.8 / len(series)
    for place, (ink, label, values) in enumerate(series):
        offset = (place - (len(series) - 1) / 2) * width
        axis.bar(at + offset, values, width, color=_INK[ink], label=f"{label}: mean {np.nanmean(values):.2f}")
    axis.axhline(_WELL, color="black", lw=0.6, ls=":")
    top = 1.3 * max(float(np.nanmax(values)) for _, _, values in series)  # room for the legend
    axis.set(ylabel="CIEDE2000", ylim=(0, max(top, 1.0)), xlim=(-0.7, len(at) - 0.3))
    if names:
        axis.set_xticks(
            at, [name.split(" (")[0] for name in measured.reference.names], rotation=60, ha="right"
        )
    else:
        step = chart.target(measured.chart).columns
        axis.set_xticks(at[::step], list(measured.reference.names[::step]))
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, loc="upper right")


def _name(measured: Measured) -> str:
    return "linear" if measured.fit.degree == 1 else f"root polynomial of degree {measured.fit.degree}"


def _shown(xyz: NDArray[Any]) -> NDArray[np.float64]:
    """XYZ under D50 as sRGB to paint with, ended at its gamut."""
    to_srgb = np.linalg.inv(spaces.rgb_to_xyz("srgb")) @ spaces.adapt(WHITE, spaces.xyz(spaces.D65))
    return _encoded(xyz @ to_srgb.T)


def _encoded(light: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(np.clip(spaces.encode(np.clip(light, 0, 1), "srgb"), 0, 1), np.float64)
