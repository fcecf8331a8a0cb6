"""SRResNet as a demosaicker: a mosaic's cells are a small picture, and the picture is twice as large.

    mosaic ─► 2 x 2 cells ─┬─► 9x9, PReLU ─┬─► 16 blocks ─► 3x3 ─► + ─► 3x3 ─► shuffle x2, PReLU ─► 9x9 ─► RGB
    sigma  ─► 2 x 2 cells ─┘               └───────────────────────┘

    block: x ─┬─► 3x3, PReLU, 3x3 ─► + ─►
              └──────────────────────┘

Source: C. Ledig et al., "Photo-realistic single image super-resolution using a generative adversarial network", CVPR
2017, figure 4. That demosaicking may be taken for a super-resolution of planes: R. Zhou et al., "Deep residual network
for joint demosaicing and super-resolution", 2018, arXiv:1802.06573.
Changed: one doubling, not two; planes of the mosaic and of its noise in place of a picture; no batch normalization (B.
Lim et al., "Enhanced deep residual networks for single image super-resolution", CVPRW 2017, left it out first).

>>> from deepisp.networks import family
>>> family.cost(SRResNet())
Cost(parameters=1423445, kmac=366.912)
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from deepisp.networks import published


class SRResNet(nn.Module):
    """Camera RGB of noisy Bayer mosaics.

    Attributes:
        cfa: the cell at mosaic[..., 0, 0].
        halo: photosites on each side that a pixel depends on, whole cells.
        unit: photosites; tiles begin at multiples of it.
    """

    unit: int = 2

    def __init__(self, cfa: str = "RGGB", *, width: int = 64, blocks: int = 16) -> None:
        """An untrained network.

        Args:
            cfa: of Bayer's.
            width: channels of each layer.
            blocks: residual blocks of two layers.
        """
        super().__init__()
        published.masks(cfa)
        self.cfa = cfa
        cells = 4 + 2 * blocks + 2  # the first 9x9, the blocks, and the two 3x3 after them
        self.halo = 2 * cells + 4  # the last 9x9
        self.head = nn.Sequential(nn.Conv2d(8, width, 9, padding=4), nn.PReLU())
        self.blocks = nn.ModuleList(_Block(width) for _ in range(blocks))
        self.after = nn.Conv2d(width, width, 3, padding=1)
        self.wide = nn.Conv2d(width, 4 * width, 3, padding=1)
        self.slope = nn.PReLU()
        self.tail = nn.Conv2d(width, 3, 9, padding=4)

    def forward(self, mosaic: Tensor, sigma: Tensor) -> Tensor:
        """RGB, (B, 3, H, W), in the units of `mosaic`; not clipped.

        Args:
            mosaic: (B, 1, H, W) balanced signal, H and W even.
            sigma: (B, 1, H, W) deviation of the noise at each photosite, or (B, 1, 1, 1).
        """
        seen = self.head(published.told(mosaic, sigma))
        x = seen
        for block in self.blocks:
            x = block(x)
        x = seen + self.after(x)
        x = self.slope(functional.pixel_shuffle(self.wide(x), 2))  # (B, width, H, W)
        out: Tensor = self.tail(x)
        return out


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.slope = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        return torch.add(x, self.second(self.slope(self.first(x))))
