"""The network of dark pictures: where noise is louder than the signal, far neighbors count more than near ones.

    mosaic ─► packed 2 x 2 ─┬► 3x3 ─┬───────────────────────────────── + ─► 3x3 ─► RGB
    sigma  ─► packed 2 x 2 ─┘       └► halved ─► steps ─┬───────── + ─► step ─► doubled ┘
                                                        └► halved ─► … ─► doubled ┘

A step is a ReLU and a 3x3 layer whose result is added to what it saw. Each scale has twice the channels of the one
above it, so a step costs the same at all of them, and most stand at the last, where a pixel stands for 256 photosites.
No linear filter of the mosaic is added at the end, as jdd.py has it: that would add the noise, to be taken away again
with the 8 bits of bfloat16. No biases and no normalization: twice the light with twice the noise is twice the picture,
so no exposure has to be known, and tiles equal the whole.

Source: O. Ronneberger et al., "U-Net", MICCAI 2015, for the shape; sums instead of concatenations as in Y. Wang et al.,
"Practical deep raw image denoising on mobile devices" (PMRID), ECCV 2020.

>>> from deepisp.networks import family
>>> family.cost(Dark())
Cost(parameters=761664, kmac=5.52)
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from deepisp.networks import planes, published


class Dark(nn.Module):
    """Camera RGB of very noisy Bayer mosaics.

    Attributes:
        cfa: the cell at mosaic[..., 0, 0].
        halo: photosites on each side that a pixel may depend on, whole units.
        unit: photosites; the sides of a mosaic are multiples of it, and tiles begin at such.
    """

    def __init__(self, cfa: str = "RGGB", *, width: int = 16, middle: int = 1, deepest: int = 4) -> None:
        """An untrained network.

        Args:
            cfa: of Bayer's.
            width: channels at the scale of cells; 2, 4 and 8 times as many below.
            middle: steps on the way down at the scale of 8 photosites.
            deepest: steps at that of 16.
        """
        super().__init__()
        published.masks(cfa)
        steps = (0, middle, deepest)
        self.cfa, self.unit = cfa, 2 << len(steps)
        self.halo = self.unit * -(-_reach(steps) // self.unit)
        self.head = _layer(8, width)
        self.below = _Below(width, steps)
        self.tail = _layer(width, 12)

    def forward(self, mosaic: Tensor, sigma: Tensor) -> Tensor:
        """RGB, (B, 3, H, W), in the units of `mosaic`; not clipped.

        Args:
            mosaic: (B, 1, H, W) balanced signal, H and W multiples of `unit`.
            sigma: (B, 1, H, W) deviation of the noise at each photosite, or (B, 1, 1, 1).

        Raises:
            ValueError: sides of another length.
        """
        planes.check_sides(mosaic, self.unit)
        seen = torch.cat([planes.pack(mosaic), planes.pack(sigma.expand_as(mosaic))], 1)
        x = self.head(seen.contiguous(memory_format=torch.channels_last))
        x = x + self.below(x)
        return planes.unpack(self.tail(functional.relu(x))).to(mosaic.dtype)


class _Below(nn.Module):
    """What a scale is told by those below it."""

    def __init__(self, width: int, steps: tuple[int, ...]) -> None:
        super().__init__()
        here, *deeper = steps
        self.down = nn.Conv2d(width, 2 * width, 2, stride=2, bias=False)
        self.steps = nn.ModuleList(_Step(2 * width) for _ in range(here))
        self.below = _Below(2 * width, tuple(deeper)) if deeper else None
        self.back = _Step(2 * width) if deeper else None
        self.up = nn.Conv2d(2 * width, 4 * width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x)
        for step in self.steps:
            x = step(x)
        if self.below is not None and self.back is not None:
            x = self.back(x + self.below(x))
        return functional.pixel_shuffle(self.up(x), 2)


class _Step(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = _layer(width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.layer(functional.relu(x))
        return out


def _layer(inner: int, outer: int) -> nn.Conv2d:
    return nn.Conv2d(inner, outer, 3, padding=1, bias=False)


def _reach(steps: tuple[int, ...]) -> int:
    """Photosites that a pixel sees to each side at most: of every scale its steps, and one pixel for where it lies."""
    ways = [2 * 2]  # head and tail, at the scale of cells
    for depth, count in enumerate(steps, 1):
        layers = count + (depth < len(steps))
        ways.append((layers + 1) * (2 << depth))
    return sum(ways)
