"""deepisp's own networks as OpenVINO's graphs: the layers that networks/jdd.py and networks/dark.py have in torch."""

from typing import Any

import numpy as np

from deepisp.networks import sizes
from deepisp.networks.zoo import Weights

_SIGMA_SCALE = 10.0  # as networks/jdd.py has it


def trunk(weights: Weights) -> Any:
    """Everything in networks/jdd.py that is learned but the linear filter: mosaic, sigma to RGB.

    Of larger cells it takes the masks of the colors and the linear guess too.
    """
    import openvino
    from openvino import opset13 as op

    inputs = mosaic, sigma = [_planes(1), _planes(1)]
    told = _pack(op.multiply(sigma, np.float32(_SIGMA_SCALE)))
    seen = [_pack(mosaic), told]
    if sizes.places(weights.cfa) > 1:
        masks, guess = _planes(3), _planes(12)
        inputs, seen = [*inputs, masks, guess], [_pack(op.multiply(mosaic, masks)), told, guess]
    x = _layer(weights, "head", op.concat(seen, 1))
    for block in range(weights.blocks):
        inner = _layer(weights, f"blocks.{block}.first", x)
        x = op.add(x, _layer(weights, f"blocks.{block}.second", op.relu(inner)))
    return openvino.Model([_unpack(_layer(weights, "tail", op.relu(x)))], inputs)


def base(weights: Weights) -> Any:
    """The linear filter in networks/jdd.py: mosaic to RGB, packed and not."""
    import openvino

    mosaic = _planes(1)
    guess = _layer(weights, "base", _pack(mosaic))
    return openvino.Model([guess, _unpack(guess)], [mosaic])


def dark(weights: Weights) -> Any:
    """The whole of networks/dark.py: mosaic, sigma to RGB."""
    import openvino
    from openvino import opset13 as op

    inputs = mosaic, sigma = [_planes(1), _planes(1)]
    layers = weights.size.layers
    x = _layer(weights, "head", op.concat([_pack(mosaic), _pack(sigma)], 1))
    kept: list[Any] = []
    while f"down.{len(kept)}" in layers:
        scale = len(kept)
        kept.append(x)
        x = _strided(weights, f"down.{scale}", x)
        for name in (one for one in layers if one.startswith(f"steps.{scale}.")):
            x = _step(weights, name, x)
    for scale in reversed(range(len(kept))):
        x = op.add(kept[scale], _unpack(_strided(weights, f"up.{scale}", x)))
        if scale:
            x = _step(weights, f"back.{scale - 1}", x)
    for name in (one for one in layers if one.startswith("last.")):
        x = _step(weights, name, x)
    return openvino.Model([_unpack(_layer(weights, "tail", op.relu(x)))], inputs)


def _planes(count: int) -> Any:
    """A parameter of so many planes of any size."""
    from openvino import opset13 as op

    return op.parameter([1, count, -1, -1], np.float32)


def _layer(weights: Weights, name: str, x: Any) -> Any:
    """A convolution, with its bias if it has one; of n + 2 taps on a side: for n x n places, as networks/jdd.py's."""
    from openvino import opset13 as op

    taps = weights.tensors[f"{name}.weight"]
    n = taps.shape[-1] - 2
    out = op.convolution(x, op.constant(taps), [n, n], [1, 1], [1, 1], [1, 1])
    bias = weights.tensors.get(f"{name}.bias")
    if bias is not None:
        out = op.add(out, op.constant(bias[None, :, None, None]))
    return out if n == 1 else op.depth_to_space(out, "depth_first", n)


def _strided(weights: Weights, name: str, x: Any) -> Any:
    """A convolution of n x n taps that steps by n."""
    from openvino import opset13 as op

    taps = weights.tensors[f"{name}.weight"]
    n = taps.shape[-1]
    return op.convolution(x, op.constant(taps), [n, n], [0, 0], [0, 0], [1, 1])


def _step(weights: Weights, name: str, x: Any) -> Any:
    """A ReLU and a layer, added to what they saw."""
    from openvino import opset13 as op

    return op.add(x, _layer(weights, name, op.relu(x)))


def _pack(x: Any) -> Any:
    from openvino import opset13 as op

    return op.space_to_depth(x, "depth_first", 2)


def _unpack(x: Any) -> Any:
    from openvino import opset13 as op

    return op.depth_to_space(x, "depth_first", 2)
