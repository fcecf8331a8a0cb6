"""What deepisp's own networks are made of, and how far they see: without torch, for every program that runs them.

`jdd` is that of networks/jdd.py, `dark` that of networks/dark.py. The published ones know their own sizes.
"""

import math
from typing import NamedTuple

Shape = tuple[int, ...]

DARK_LAST = 1  # steps of dark at 2 photosites, after all else
DARK_STEPS = (0, 0)  # on the way down at 4 and at 8; those at 16 are its `blocks`


class Layer(NamedTuple):
    """A convolution.

    Attributes:
        shape: of its weights: outputs, inputs, rows, columns.
        step: photosites from one of its outputs to the next.
    """

    shape: Shape
    step: int


class Size(NamedTuple):
    """Of a network.

    Attributes:
        layers: by the names of their tensors.
        halo: photosites on each side that a pixel may depend on.
        unit: photosites; sides are multiples of it, and tiles begin at such.
    """

    layers: dict[str, Layer]
    halo: int
    unit: int

    @property
    def kmac(self) -> float:
        """Thousands of multiplications a photosite."""
        return sum(math.prod(layer.shape) / layer.step**2 for layer in self.layers.values()) / 1000

    def shapes(self, *, has_bias: bool) -> dict[str, Shape]:
        """Of all tensors; biases are those of the layers that are not linear filters of the mosaic."""
        found = {f"{name}.weight": layer.shape for name, layer in self.layers.items()}
        if has_bias:
            found |= {
                f"{name}.bias": layer.shape[:1] for name, layer in self.layers.items() if name != "base"
            }
        return found


def size(network: str, cfa: str, width: int, blocks: int) -> Size:
    """The size of a network by its name, its CFA and its settings.

    Raises:
        ValueError: it is none of deepisp's own.
    """
    if network not in OWN:
        raise ValueError(f"no network of deepisp's own: {network}; these are {', '.join(OWN)}")
    return OWN[network](cfa, width, blocks)


def jdd(cfa: str, width: int, blocks: int) -> Size:
    """Of residual blocks at the scale of 2 x 2."""
    n = places(cfa)
    ends = {"head": (width, seen(cfa)), "tail": (12, width)}
    middle = {f"blocks.{one}.{part}": (width, width) for one in range(blocks) for part in ("first", "second")}
    layers = {name: Layer((*shape, 3, 3), 2) for name, shape in (ends | middle).items()}
    layers["base"] = Layer((12 * n * n, 4, n + 2, n + 2), 2 * n)
    return Size(layers, 2 * (2 * blocks + 2 + (0 if n == 1 else n)), 2 * n)


def dark(_: str, width: int, blocks: int) -> Size:
    """Of scales of 2, 4, 8 and 16 photosites."""
    layers = {"head": Layer((width, 8, 3, 3), 2), "tail": Layer((12, width, 3, 3), 2)}
    layers |= {f"last.{one}": Layer((width, width, 3, 3), 2) for one in range(DARK_LAST)}
    reach, last = 2 * (2 + DARK_LAST), len(DARK_STEPS)  # of head, steps and tail
    for scale, steps in enumerate((*DARK_STEPS, blocks)):
        above, here, side = width << scale, width << scale + 1, 4 << scale
        layers[f"down.{scale}"] = Layer((here, above, 2, 2), side)
        layers |= {f"steps.{scale}.{one}": Layer((here, here, 3, 3), side) for one in range(steps)}
        if scale < last:
            layers[f"back.{scale}"] = Layer((here, here, 3, 3), side)
        layers[f"up.{scale}"] = Layer((4 * above, here, 1, 1), side)
        reach += (steps + (scale < last) + 1) * side  # and one for where in a pixel it lies
    unit = 4 << last
    return Size(layers, unit * -(-reach // unit), unit)


OWN = {"jdd": jdd, "dark": dark}


def places(cfa: str) -> int:
    """Places of 2 x 2 photosites on a side of the CFA's cell, or of as many cells as have an even side.

    >>> places("RGGB"), places("RRGGRRGGGGBBGGBB"), places("RGBGBRBRG")
    (1, 2, 3)
    """
    return math.lcm(math.isqrt(len(cfa)), 2) // 2


def seen(cfa: str) -> int:
    """Planes that the first layer of `jdd` sees: samples and sigma; of larger cells a guess, too."""
    return 8 if places(cfa) == 1 else 12 + 4 + 12
