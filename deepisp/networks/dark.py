"""The network of dark pictures: where noise is louder than the signal, far neighbors count more than near ones.

    mosaic ─► packed 2 x 2 ─┬► 3x3 ─┬───────────────────────────────────────── + ─► step ─► 3x3 ─► RGB
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
Cost(parameters=727104, kmac=5.52)
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from deepisp.networks import planes, published, sizes


class Dark(nn.Module):
    """Camera RGB of very noisy Bayer mosaics.

    Attributes:
        cfa: the cell at mosaic[..., 0, 0].
        halo: photosites on each side that a pixel may depend on, whole units.
        unit: photosites; the sides of a mosaic are multiples of it, and tiles begin at such.
    """

    def __init__(self, cfa: str = "RGGB", *, width: int = 16, blocks: int = 4) -> None:
        """An untrained network.

        Args:
            cfa: of Bayer's.
            width: channels at the scale of cells; 2, 4 and 8 times as many below.
            blocks: steps at the last scale.
        """
        super().__init__()
        published.masks(cfa)
        size = sizes.dark(cfa, width, blocks)
        self.cfa, self.halo, self.unit = cfa, size.halo, size.unit
        widths = [width << scale for scale in range(len(sizes.DARK_STEPS) + 2)]
        ends = list(pairwise(widths))
        self.head = _layer(8, width)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2, bias=False) for a, b in ends)
        counts = (*sizes.DARK_STEPS, blocks)
        self.steps = nn.ModuleList(
            nn.Sequential(*(_Step(below) for _ in range(count)))
            for below, count in zip(widths[1:], counts, strict=True)
        )
        self.back = nn.ModuleList(_Step(here) for here in widths[1:-1])
        self.up = nn.ModuleList(nn.Conv2d(b, 4 * a, 1, bias=False) for a, b in ends)
        self.last = nn.Sequential(*(_Step(width) for _ in range(sizes.DARK_LAST)))
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
        kept: list[Tensor] = []
        for down, steps in zip(self.down, self.steps, strict=True):
            kept.append(x)
            x = steps(down(x))
        for scale in reversed(range(len(kept))):
            x = kept[scale] + functional.pixel_shuffle(self.up[scale](x), 2)
            if scale:
                x = self.back[scale - 1](x)
        return planes.unpack(self.tail(functional.relu(self.last(x)))).to(mosaic.dtype)


class _Step(nn.Conv2d):
    """A layer whose result is added to what it saw."""

    def __init__(self, width: int) -> None:
        super().__init__(width, width, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(functional.relu(x))


def _layer(inner: int, outer: int) -> nn.Conv2d:
    return nn.Conv2d(inner, outer, 3, padding=1, bias=False)
