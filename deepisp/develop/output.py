"""From linear Rec. 2020 to the numbers of a picture: matrix, gamut, transfer curve, quantization.

Gamut mapping moves a color that the output space does not have along the straight line, in linear light, to the gray
of its own luminance. So hue (the direction from that gray) and luminance stay, and only saturation gives way:

    gray = weights . rgb                      luminance, the weights are the Y row of the space's RGB-to-XYZ matrix
    chroma = rgb - gray
    reach = max(max(chroma) / (1 - gray), max(-chroma) / gray)        1 on the surface of the gamut, 0 for a gray
    soft = reach                                    reach <= KNEE
           KNEE + room * over / (room + over)       else; over = reach - KNEE, room = 1 - KNEE; below 1 for all
    out = gray + chroma * soft / reach        black where gray <= 0, white where gray >= 1

With rising exposure every channel rises, and all reach white together. `output_kernels` has the same formulas for one
pixel; a test holds the two together.

32-bit pictures are light to be worked on: not mapped and not clipped, negative (out of gamut) and above 1 alike.
"""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from deepisp import spaces
from deepisp.develop import color

if TYPE_CHECKING:
    from torch import Tensor

KNEE = 0.97  # the yellow of a ColorChecker lies at 0.976 in sRGB: a lower knee would move chart colors
BRIGHTEST = 65504.0  # what an infinity becomes: the largest 16-bit float
NEAREST = 1e-6  # to black and to white, below which a gray has no room for chroma
TABLE_STEPS = 16384  # over the square root of light: the curves' table is then right to 0.3 / 65535


@dataclass(frozen=True)
class Target:
    """One output space, as seen from linear Rec. 2020.

    Attributes:
        matrix: (3, 3), linear Rec. 2020 to the space's linear RGB, Bradford-adapted to its white.
        weights: (3,), luminance of the space's red, green and blue; their sum is 1.
        transfer: the space's curve, a key of `spaces.CURVES`.
    """

    matrix: NDArray[np.float64]
    weights: NDArray[np.float64]
    transfer: spaces.Transfer


@cache
def target(space: str) -> Target:
    """The way into a space of `spaces.SPACES`; "camera" has none."""
    to_xyz = spaces.rgb_to_xyz(space)
    adapted = spaces.adapt(spaces.xyz(spaces.D65), spaces.xyz(spaces.SPACES[space].white))
    matrix = np.asarray(np.linalg.solve(to_xyz, adapted @ spaces.rgb_to_xyz("rec2020")), np.float64)
    return Target(matrix, to_xyz[1], spaces.SPACES[space].transfer)


def to_output(rgb: "Tensor", space: str, bits: Literal[8, 16, 32]) -> "Tensor":
    """Linear Rec. 2020, (..., 3, H, W), as a picture's numbers: uint8, uint16 or float32, same shape.

    With the space "camera", `rgb` is camera RGB and is only quantized.
    """
    if space == "camera":
        return quantize(rgb, bits)
    into = target(space)
    if bits == 32:
        return quantize(encode(color.apply(into.matrix, rgb), into.transfer), bits)
    linear = gamut_map(color.apply(into.matrix, _finite(rgb)), into.weights)
    return quantize(encode(linear, into.transfer), bits)


def camera_picture(light: "Tensor") -> "Tensor":
    """Camera colors (C, H, W) as a picture's three, (3, H, W): one is gray, of four or more the first three are kept.

    Of two, the third is black.
    """
    if len(light) == 1:
        return light.expand(3, -1, -1)
    padded = light.new_zeros(3, *light.shape[1:])
    padded[: len(light)] = light[:3]
    return padded


def gamut_map(rgb: "Tensor", weights: NDArray[np.float64]) -> "Tensor":
    """`rgb`, (..., 3, H, W), with every color moved inside 0 to 1, see above; finite whatever comes in.

    Args:
        rgb: linear light of the output space; NaN counts as black.
        weights: (3,), luminance of each channel.
    """
    rgb = _finite(rgb)
    gray = (rgb * rgb.new_tensor(weights.tolist())[:, None, None]).sum(-3, keepdim=True)
    chroma = rgb - gray
    above = chroma.amax(-3, keepdim=True) / (1 - gray).clamp(min=NEAREST)
    below = -chroma.amin(-3, keepdim=True) / gray.clamp(min=NEAREST)
    reach = above.maximum(below)
    over, room = (reach - KNEE).clamp(min=0), 1 - KNEE
    soft = KNEE + room * over / (room + over)
    # Beyond black and white nothing is left of chroma; of huge light rounding errors would be.
    scale = soft / reach.clamp(min=KNEE) * ((gray > 0) & (gray < 1))
    return (gray.clamp(0, 1) + chroma * scale).clamp(0, 1)


def encode(linear: "Tensor", transfer: spaces.Transfer) -> "Tensor":
    """The stored numbers of `linear` light: the same as `spaces.encode`, for tensors and their gradients."""
    curve = spaces.CURVES[transfer]
    if transfer == "linear":
        return linear
    light, end = linear.abs(), curve.toe / curve.slope
    # The clamp keeps the power's gradient finite in the part that `where` throws away.
    upper: Tensor = (1 + curve.offset) * light.clamp(min=max(end, 1e-12)) ** (1 / curve.gamma) - curve.offset
    stored: Tensor = upper.where(light > end, light * curve.slope).copysign(linear)
    return stored


def quantize(encoded: "Tensor", bits: Literal[8, 16, 32]) -> "Tensor":
    """Numbers from 0 to 1 as uint8 or uint16, rounded to the nearest; for 32 bits float32, finite, not clipped."""
    import torch

    if bits == 32:
        return encoded.to(torch.float32).nan_to_num(0.0, BRIGHTEST, -BRIGHTEST)
    top = 2**bits - 1
    rounded = (encoded.nan_to_num(0.0, 1.0, 0.0).clamp(0, 1) * top + 0.5).floor()
    stored: Tensor = rounded.to(torch.uint8 if bits == 8 else torch.uint16)
    return stored


def _finite(rgb: "Tensor") -> "Tensor":
    return rgb.nan_to_num(0.0, BRIGHTEST, -BRIGHTEST).clamp(-BRIGHTEST, BRIGHTEST)


@cache
def table(transfer: spaces.Transfer) -> NDArray[np.float32]:
    """The curve at `(i / TABLE_STEPS) ** 2`, (TABLE_STEPS + 2,) float32, for `output_kernels.encode`.

    The square root spreads the shadows, where a pure power is infinitely steep; the last entry, beyond white,
    repeats the one at white.
    """
    root = np.minimum(np.arange(TABLE_STEPS + 2) / TABLE_STEPS, 1.0)
    stored = spaces.encode(root * root, transfer).astype(np.float32)
    stored.setflags(write=False)
    return stored
