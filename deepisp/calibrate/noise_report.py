"""Plots of what was measured, as PNG: photon transfer curves with their residuals, and noise in the dark."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import norm, tukeylambda

from deepisp.calibrate import plot
from deepisp.calibrate.dark import DarkResult
from deepisp.calibrate.noise.curve import Curve
from deepisp.calibrate.noise.floor import Floor
from deepisp.calibrate.photon_transfer import PhotonTransferResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INKS = {
    "R": "#c0392b",
    "G": "#27823b",
    "B": "#2962b5",
    "C": "#1b9aaa",
    "M": "#a23b8f",
    "Y": "#b8900b",
    "W": "#444444",
}
SCARCE = 0.5  # counts below this are drawn at the edge: a logarithm has no 0


def photon_transfer(path: Path, result: PhotonTransferResult, *, title: str = "") -> None:
    """Variance over mean with the line, what is left of it, and the dark's rows.

    Raises:
        OSError: it cannot be written.
    """
    has_rows = result.floor is not None
    figure = plot.figure(11.0 if has_rows else 7.8, 7.5)
    grid = figure.add_gridspec(2, 1 + has_rows, height_ratios=(3, 1.3), width_ratios=(2.2, 1)[: 1 + has_rows])
    curve, left = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[1, 0])
    for one in result.curves:
        _curve(curve, left, one)
    curve.set(
        xscale="log", yscale="log", ylabel="variance over time, DN²",
        title="photon transfer, " + ("pairs" if result.is_paired else "single flats"),
    )  # fmt: skip
    curve.legend(frameon=False, loc="upper left")
    about = "cross: not in the line; dotted: darks; dashed: saturation"
    curve.text(0.99, 0.02, about, transform=curve.transAxes, ha="right", fontsize=8, color="#555555")
    left.axhline(0, color="black", lw=0.8)
    left.set(xscale="log", xlabel="mean above black, DN", ylabel="off the line, %", xlim=curve.get_xlim())
    if result.floor is not None:
        _rows(figure.add_subplot(grid[:, 1]), result.floor)
    _finish(path, figure, title)


def dark(path: Path, result: DarkResult, *, title: str = "") -> None:
    """Histogram of each color's noise with its Gaussian and its Tukey lambda, and the rows' means.

    Raises:
        OSError: it cannot be written.
    """
    count = len(result.planes)
    figure = plot.figure(4.2 * (count + 1), 4.6)
    axes = figure.subplots(1, count + 1, squeeze=False)[0]
    for axis, plane in zip(axes, result.planes, strict=False):
        _histogram(axis, result, plane)
    _rows(axes[-1], result.floor)
    _finish(path, figure, title)


def _finish(path: Path, figure: "Figure", title: str) -> None:
    for axis in figure.axes:
        axis.spines[["top", "right"]].set_visible(False)
    plot.save(path, figure, title=title)


def _curve(axis: "Axes", left: "Axes", one: Curve) -> None:
    ink = INKS.get(one.color, "black")
    is_lit = (one.mean > 0) & (one.variance > 0)
    used, unused = is_lit & one.is_used, is_lit & ~one.is_used
    bars: dict[str, Any] = {"color": ink, "fmt": "o", "ms": 4, "lw": 1}
    label = f"{one.color}: {one.line.gain:.4g} ± {one.line.gain_error:.1g} DN/e−"
    axis.errorbar(one.mean[used], one.variance[used], yerr=one.error[used], label=label, **bars)
    axis.plot(one.mean[unused], one.variance[unused], "x", color=ink, ms=5)
    if not is_lit.any():
        return
    mean = np.geomspace(one.mean[is_lit].min() / 1.5, one.mean[is_lit].max(), 200)
    axis.plot(mean, one.line.at(mean), color=ink, lw=1)
    for at_zero in one.variance[(one.mean == 0) & one.is_used]:
        axis.axhline(at_zero, color=ink, lw=0.8, ls=":")
    if one.plateau is not None:
        axis.axvline(one.plateau, color=ink, lw=0.8, ls="--")
    expected = one.line.at(one.mean[used])
    left.errorbar(
        one.mean[used],
        100 * (one.variance[used] / expected - 1),
        yerr=100 * one.error[used] / expected,
        **bars,
    )


def _rows(axis: "Axes", floor: Floor) -> None:
    """What rows of the dark pairs share, against what noise of single photosites would give."""
    for color, one in floor.colors.items():
        means = np.sort(one.rows.means)
        normal = norm.ppf((np.arange(means.size) + 0.5) / means.size)
        ink = INKS.get(color, "black")
        axis.plot(normal, means, ".", color=ink, ms=3, label=f"{color}: rows {one.row.std:.3g} DN")
        white = float(np.sqrt(one.spread.variance * (1 / one.rows.counts).mean()))
        axis.plot([-3, 3], [-3 * white, 3 * white], color=ink, lw=0.8, ls=":")
    axis.set(xlabel="normal quantile", ylabel="row means of dark pairs, DN", title="row noise (dotted: none)")
    axis.legend(frameon=False, loc="upper left", markerscale=3)


def _histogram(axis: "Axes", result: DarkResult, plane: Any) -> None:
    values, ink = result.values[plane.color], INKS.get(plane.color, "black")
    step = max(result.floor.colors[plane.color].step, plane.read_std_dn / 8)
    reach = max(float(np.abs(values).max()), 4 * plane.read_std_dn)
    edges = np.arange(-np.ceil(reach / step) - 0.5, np.ceil(reach / step) + 1) * step
    counts, _ = np.histogram(values, edges)
    middle = (edges[1:] + edges[:-1]) / 2
    axis.step(middle, np.maximum(counts, SCARCE), where="mid", color=ink, lw=1.2, label="darks")
    gauss = values.size * np.diff(norm.cdf(edges, scale=plane.read_std_dn))
    axis.plot(
        middle, np.maximum(gauss, SCARCE), color="black", lw=1, ls="--", label=f"σ {plane.read_std_dn:.3g} DN"
    )
    if plane.tukey_lambda is not None:
        tukey = values.size * np.diff(tukeylambda.cdf(edges, plane.tukey_lambda, scale=plane.tukey_scale_dn))
        axis.plot(
            middle, np.maximum(tukey, SCARCE), color="black", lw=1, label=f"Tukey λ {plane.tukey_lambda:.3f}"
        )
    shown = middle[counts > 0]
    axis.set(
        yscale="log", ylim=(0.8, None), xlim=(shown.min() - step, shown.max() + step),
        title=f"{plane.color} in the dark", xlabel="off the photosite's mean, DN", ylabel="photosites",
    )  # fmt: skip
    axis.legend(frameon=False, loc="lower center")
