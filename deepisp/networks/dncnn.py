"""DnCNN: what is wrong with a bilinear picture, guessed by plain layers at full resolution and subtracted.

    mosaic ─► bilinear ─┬─► 3x3, ReLU ─► 18 x (3x3, ReLU) ─► 3x3 ─► − ─► RGB
    sigma  ─────────────┘    bilinear ──────────────────────────────┘

Source: K. Zhang et al., "Beyond a Gaussian denoiser: residual learning of deep CNN for image denoising", IEEE Trans.
Image Processing 26(7), 2017: its blind color network, of 20 layers of 64.
Changed: it starts from a bilinear picture of the mosaic, so that it demosaics too; it is told the noise; no batch
normalization, so that tiles equal the whole, and offsets in every layer instead. Without the plane of noise it has the
668 227 parameters of three channels by hand: 1792 + 18 x 36928 + 1731.

>>> from deepisp.networks import family
>>> family.cost(DnCNN())
Cost(parameters=668803, kmac=667.638)
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from deepisp.networks import published


class DnCNN(nn.Module):
    """Camera RGB of noisy Bayer mosaics.

    Attributes:
        cfa: the cell at mosaic[..., 0, 0].
        halo: photosites on each side that a pixel depends on, whole cells.
        unit: photosites; tiles begin at multiples of it.
        masks: (3, 2, 2), where each color stands.
    """

    masks: Tensor
    unit: int = 2

    def __init__(self, cfa: str = "RGGB", *, width: int = 64, depth: int = 20) -> None:
        """An untrained network.

        Args:
            cfa: of Bayer's.
            width: channels of each layer.
            depth: layers, 2 or more.
        """
        super().__init__()
        self.register_buffer("masks", published.masks(cfa), persistent=False)
        self.cfa = cfa
        reach = depth + 1  # and one for the bilinear start
        self.halo = reach + reach % 2
        self.head = nn.Conv2d(4, width, 3, padding=1)
        self.layers = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(depth - 2))
        self.tail = nn.Conv2d(width, 3, 3, padding=1)
        published.begin(self)

    def forward(self, mosaic: Tensor, sigma: Tensor) -> Tensor:
        """RGB, (B, 3, H, W), in the units of `mosaic`; not clipped.

        Args:
            mosaic: (B, 1, H, W) balanced signal, H and W even.
            sigma: (B, 1, H, W) deviation of the noise at each photosite, or (B, 1, 1, 1).
        """
        start = published.bilinear(mosaic, self.masks)
        x = self.head(torch.cat([start, sigma.expand_as(mosaic)], 1))
        for layer in self.layers:
            x = layer(functional.relu(x))
        wrong: Tensor = self.tail(functional.relu(x))
        return start - wrong
