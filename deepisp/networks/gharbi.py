"""Gharbi's network: plain layers at the scale of CFA cells, then one at full resolution that sees the mosaic again.

    mosaic ─► 2 x 2 cells ─┬─► 15 x (3x3, ReLU) ─► filters x masks ─► 1x1 ─► 12 planes ─► RGB ─┬─► 3x3, ReLU, 1x1 ─► RGB
    sigma  ─► mean of cell ┘                                            mosaic's sparse colors ┘

Source: M. Gharbi et al., "Deep joint demosaicking and denoising", ACM Trans. Graphics 35(6), 2016, in the form that
was released, with filters multiplied by masks: github.com/mgharbi/demosaicnet_caffe, bayer_noise/deploy.prototxt
(noise-aware) and PyPI's demosaicnet 0.0.14 (of clean mosaics), both MIT. Nothing is copied.
Changed: layers pad by 0 where the released ones shrink the picture; the noise may differ from cell to cell; the cell
may be any of Bayer's. Packing and unpacking are fixed there too, but are counted among PyPI's 560 886 numbers: 103.

>>> from deepisp.networks import family
>>> family.cost(Gharbi())
Cost(parameters=564303, kmac=143.52)
>>> family.cost(Gharbi(is_told=False))
Cost(parameters=560783, kmac=142.656)
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from deepisp.networks import planes, published


class Gharbi(nn.Module):
    """Camera RGB of noisy Bayer mosaics.

    Attributes:
        cfa: the cell at mosaic[..., 0, 0].
        halo: photosites on each side that a pixel depends on, whole cells.
        unit: photosites; tiles begin at multiples of it.
        masks: (3, 2, 2), where each color stands.
    """

    masks: Tensor
    unit: int = 2

    def __init__(self, cfa: str = "RGGB", *, width: int = 64, depth: int = 15, is_told: bool = True) -> None:
        """An untrained network.

        Args:
            cfa: of Bayer's.
            width: channels of each layer.
            depth: 3x3 layers at the scale of cells, 2 or more.
            is_told: whether it sees the noise; else it is the network of clean mosaics, and reads no sigma.
        """
        super().__init__()
        self.register_buffer("masks", published.masks(cfa), persistent=False)
        self.cfa, self.is_told = cfa, is_told
        self.halo = 2 * depth + 2
        # The noise-aware network multiplies filters and masks in its first layer too.
        self.head = nn.Conv2d(5, 2 * width, 3, padding=1) if is_told else nn.Conv2d(4, width, 3, padding=1)
        self.layers = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(depth - 2))
        self.last = nn.Conv2d(width, 2 * width, 3, padding=1)
        self.residual = nn.Conv2d(width, 12, 1)
        self.full = nn.Conv2d(6, width, 3, padding=1)
        self.output = nn.Conv2d(width, 3, 1)
        published.begin(self)

    def forward(self, mosaic: Tensor, sigma: Tensor) -> Tensor:
        """RGB, (B, 3, H, W), in the units of `mosaic`; not clipped.

        Args:
            mosaic: (B, 1, H, W) balanced signal, H and W even.
            sigma: (B, 1, H, W) deviation of the noise at each photosite, or (B, 1, 1, 1).
        """
        x = planes.pack(mosaic)
        if self.is_told:
            noise = functional.avg_pool2d(sigma.expand_as(mosaic), 2)
            x = _product(self.head(torch.cat([x, noise], 1)))
        else:
            x = functional.relu(self.head(x))
        for layer in self.layers:
            x = functional.relu(layer(x))
        residual = planes.unpack(self.residual(_product(self.last(x))))  # (B, 3, H, W)
        both = torch.cat([published.sparse(mosaic, self.masks), residual], 1)
        out: Tensor = self.output(functional.relu(self.full(both)))
        return out


def _product(x: Tensor) -> Tensor:
    """Filters times masks: the halves of the channels, rectified."""
    filters, masks = functional.relu(x).chunk(2, 1)
    return filters * masks
