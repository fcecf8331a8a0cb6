"""Demosaicing for everyone's arrays: `deepisp.demosaic`, one call from a mosaic to RGB."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepisp.develop.demosaic import learned, methods
from deepisp.develop.demosaic.edges import padding_indices
from deepisp.networks import zoo
from deepisp.sensor import cfa as cfa_cell
from deepisp.sensor.noise import Noise, variance


def demosaic(
    mosaic: ArrayLike,
    *,
    cfa: str = "RGGB",
    noise: Noise | Sequence[Noise] | float | None = None,
    method: str = "auto",
    threads: int = 1,
) -> NDArray[np.float32]:
    """RGB of a mosaic, (H, W, 3) float32, in its units, not clipped; of other letters a plane for each of them.

    Args:
        mosaic: (H, W), display-coded or linear and white balanced: a gray is equal in all colors.
        cfa: the letters of the cell at mosaic[0, 0], row by row; sensor/cfa.py has XTRANS and others.
        noise: its line, a line for each of R, G and B (they differ after white balance, see Noise.amplified), or one
            deviation for all photosites; None for none, which dark does not take. Classical methods do not denoise.
        method: fast, quality or dark, the path of a network's weights, or a classical method of methods.py; auto is
            fast where there is such a network for the sensor, else the best classical method.
        threads: of the network.

    Raises:
        ValueError: another shape, values that are no numbers, no such method, a method of other sensors, no noise for
            dark, noise below 0, or lines that are not one for each color.
    """
    values = np.ascontiguousarray(mosaic, np.float32)
    if values.ndim != 2 or min(values.shape) < cfa_cell.side(cfa):
        raise ValueError(f"a mosaic is (H, W) and holds a cell, got {values.shape}; give one plane")
    if not np.isfinite(values).all():
        raise ValueError("the mosaic holds values that are no numbers; repair them first")
    kind = cfa_cell.kind(cfa)
    network = zoo.for_sensor(kind, "fast" if method == "auto" else method)
    if network is None and (method == "auto" or method in methods.METHODS[kind]):
        return _classical(values, cfa, method)
    if network is None:
        _check_method(method, kind)
    engine = learned.shipped(network or method, threads)
    if noise is None and engine.weights.network == "dark":
        raise ValueError(
            f"{method} takes out the noise that it is told, and was told none; say noise, or take fast"
        )
    sigma = np.zeros_like(values) if noise is None else deviation(values, noise, cfa)
    return learned.whole(engine, values, sigma, cfa).transpose(1, 2, 0)


def _check_method(method: str, kind: str) -> None:
    """Nothing, if it is no name that is known for other sensors."""
    entry = zoo.entries().get(method)
    if any(method in known for known in methods.METHODS.values()) or (entry and entry.kind != kind):
        others = [*(["fast"] if zoo.for_sensor(kind, "fast") else []), *methods.METHODS[kind]]
        raise ValueError(f"{method} is not for {kind} sensors; take {', '.join(others)}")


def _classical(values: NDArray[np.float32], cfa: str, method: str) -> NDArray[np.float32]:
    chosen = methods.cpu(cfa, method, half=False)
    n, halo = cfa_cell.side(cfa), chosen.halo
    rows, columns = (padding_indices(-halo, side + halo, side, n) for side in values.shape)
    out = np.empty((len(cfa_cell.colors(cfa)), *values.shape), np.float32)
    chosen.fill(np.ascontiguousarray(values[np.ix_(rows, columns)]), out)
    return np.ascontiguousarray(out.transpose(1, 2, 0))


def deviation(
    values: NDArray[np.float32], noise: Noise | Sequence[Noise] | float, cfa: str
) -> NDArray[np.float32]:
    """Of the noise at each photosite of a mosaic (H, W), by its own signal: what a network is told.

    Raises:
        ValueError: no line and no deviation, not one for each color, or below 0.
    """
    if np.ndim(noise) == 0 and isinstance(noise, int | float | np.number | np.ndarray):
        _check_noise(noise, noise)
        return np.full_like(values, noise)
    if isinstance(noise, Noise):
        _check_noise(noise, *noise)
        return np.asarray(np.sqrt(noise.variance(values)), np.float32)
    shot, read = (one[cfa_cell.tiled(cfa_cell.indices(cfa), *values.shape)] for one in _by_color(noise, cfa))
    return np.asarray(np.sqrt(variance(values, shot=shot, read=read)), np.float32)


def _by_color(noise: Any, cfa: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Shot and read noise of each color, (C,)."""
    colors = cfa_cell.colors(cfa)
    is_sequence = isinstance(noise, Sequence) and not isinstance(noise, str)
    if not is_sequence or len(noise) != len(colors) or not all(isinstance(one, Noise) for one in noise):
        raise ValueError(
            f"noise is a Noise, one for each of {', '.join(colors)}, or a deviation, got {noise!r}; "
            "write Noise(shot, read)"
        )
    _check_noise(noise, *np.ravel(noise))
    shot, read = np.array(noise, np.float32).T
    return shot, read


def _check_noise(noise: Any, *numbers: float) -> None:
    if not all(0 <= one < np.inf for one in numbers):
        raise ValueError(f"noise is 0 or more, got {noise}")
