"""Methods by name, as an evaluation compares them: networks, classical ones, and these with a denoiser after them.

"fast", "weights.safetensors", "menon", "menon+wavelet", "menon+nlm"
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepisp.develop.demosaic import arrays, methods
from deepisp.develop.demosaic.edges import padding_indices
from deepisp.networks import sizes, zoo
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
        weights = zoo.named(name)
    except ValueError as error:
        known = ", ".join((*classical, *(f"menon+{one}" for one in denoisers.DENOISERS)))
        raise ValueError(f"{error}; classical methods: {known}") from error
    if weights.network not in sizes.OWN:
        return _published(weights, cfa, threads)
    return lambda mosaic, noise: arrays.demosaic(mosaic, cfa=cfa, noise=noise, method=name, threads=threads)


def _published(weights: zoo.Weights, cfa: str, threads: int) -> Contender:
    """A network that is there for comparison, in torch, over the whole picture at once."""
    import torch

    from deepisp.networks import family

    if weights.cfa != cfa:
        raise ValueError(
            f"this {weights.network} network is of mosaics {weights.cfa}, not {cfa}; give --cfa {weights.cfa}"
        )
    if weights.truth == "pictures":
        raise ValueError(
            f"this {weights.network} network makes LibRaw's pictures, not light; "
            "measure it by deepisp evaluate sid, without --raw"
        )
    net = family.of(weights).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs
    torch.set_num_threads(threads)
    n, unit = cfa_cell.side(cfa), int(getattr(net, "unit", 2))

    def contender(mosaic: NDArray[np.float32], noise: Any) -> NDArray[np.float32]:
        rows, columns = (padding_indices(0, -(-side // unit) * unit, side, n) for side in mosaic.shape)
        padded = mosaic[np.ix_(rows, columns)]
        told = arrays.deviation(padded, noise, cfa)
        with torch.inference_mode():
            rgb = net(*(torch.from_numpy(one)[None, None] for one in (padded, told)))[0]
        height, width = mosaic.shape
        return np.ascontiguousarray(rgb[:, :height, :width].movedim(0, -1).numpy())

    return contender


def _classical(method: str, after: str, cfa: str) -> Contender:
    def contender(mosaic: NDArray[np.float32], noise: Any) -> NDArray[np.float32]:
        rgb = arrays.demosaic(mosaic, cfa=cfa, method=method)
        return denoisers.denoised(rgb, noise, after) if after else rgb

    return contender
