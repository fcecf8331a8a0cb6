"""Methods by name, as an evaluation compares them: networks, classical ones, and these with a denoiser after them.

"fast", "weights.safetensors", "menon", "menon+wavelet", "menon+nlm"
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepisp.develop.demosaic import arrays, methods
from deepisp.networks import zoo
from deepisp.sensor import cfa as cfa_cell
from deepisp.sensor.noise import Noise
from deepisp.train import denoisers

# Balanced mosaic (H, W), and its noise: one deviation, or a line for each of R, G and B; to RGB (H, W, 3).
Contender = Callable[[NDArray[np.float32], float | Sequence[Noise]], NDArray[np.float32]]


def named(name: str, cfa: str = "RGGB", *, threads: int = 1) -> Contender:
    """A method by name.

    Args:
        name: a shipped network, the path of weights, a classical method, or METHOD+DENOISER.
        cfa: of the mosaics that it will get.
        threads: of a network.

    Raises:
        ValueError: there is no such method; lists those that are there.
    """
    method, _, after = name.partition("+")
    classical = methods.METHODS[cfa_cell.kind(cfa)]
    if method in classical and (not after or after in denoisers.DENOISERS):
        return _classical(method, after, cfa)
    try:
        zoo.named(name)
    except ValueError as error:
        known = ", ".join((*classical, *(f"menon+{one}" for one in denoisers.DENOISERS)))
        raise ValueError(f"{error}; classical methods: {known}") from error
    return lambda mosaic, noise: arrays.demosaic(mosaic, cfa=cfa, noise=noise, method=name, threads=threads)


def _classical(method: str, after: str, cfa: str) -> Contender:
    def contender(mosaic: NDArray[np.float32], noise: Any) -> NDArray[np.float32]:
        rgb = arrays.demosaic(mosaic, cfa=cfa, method=method)
        return denoisers.denoised(rgb, noise, after) if after else rgb

    return contender
