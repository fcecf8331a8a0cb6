"""Demosaicing for everyone's arrays: `deepisp.demosaic`, one call from a mosaic to RGB."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepisp.develop.demosaic import learned, methods
from deepisp.develop.demosaic.edges import padding_indices
from deepisp.sensor import cfa as cfa_cell
from deepisp.sensor.noise import Noise


def demosaic(
    mosaic: ArrayLike,
    *,
    cfa: str = "RGGB",
    noise: Noise | float | None = None,
    method: str = "fast",
    threads: int = 1,
) -> NDArray[np.float32]:
    """RGB of a mosaic, (H, W, 3) float32, in its units, not clipped.

    Args:
        mosaic: (H, W), display-coded or linear and white balanced: a gray is equal in all colors.
        cfa: the cell at mosaic[0, 0], see sensor/cfa.py.
        noise: its line, or one deviation for all photosites; None for none. Classical methods do not denoise.
        method: a network of networks/zoo.py or the path of its weights, or a classical method of methods.py.
        threads: of the network.

    Raises:
        ValueError: another shape, values that are no numbers, no such method, or a method of other sensors.
    """
    values = np.ascontiguousarray(mosaic, np.float32)
    if values.ndim != 2 or min(values.shape) < cfa_cell.side(cfa):
        raise ValueError(f"a mosaic is (H, W) and holds a cell, got {values.shape}; give one plane")
    if not np.isfinite(values).all():
        raise ValueError("the mosaic holds values that are no numbers; repair them first")
    kind = cfa_cell.kind(cfa)
    if method in methods.METHODS[kind]:
        return _classical(values, cfa, method)
    engine = learned.shipped(method, threads)
    deviation = np.zeros_like(values) if noise is None else _deviation(values, noise)
    return learned.whole(engine, values, deviation, cfa).transpose(1, 2, 0)


def _classical(values: NDArray[np.float32], cfa: str, method: str) -> NDArray[np.float32]:
    chosen = methods.cpu(cfa, method, half=False)
    n, halo = cfa_cell.side(cfa), chosen.halo
    rows, columns = (padding_indices(-halo, side + halo, side, n) for side in values.shape)
    out = np.empty((len(cfa_cell.colors(cfa)), *values.shape), np.float32)
    chosen.fill(np.ascontiguousarray(values[np.ix_(rows, columns)]), out)
    return np.ascontiguousarray(out.transpose(1, 2, 0))


def _deviation(values: NDArray[np.float32], noise: Noise | float) -> NDArray[np.float32]:
    if isinstance(noise, Noise):
        return np.asarray(np.sqrt(noise.variance(values)), np.float32)
    return np.full_like(values, noise)
