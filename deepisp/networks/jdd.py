"""deepisp's own network: joint demosaicing and denoising (JDD) by residual blocks at the scale of CFA cells.

    mosaic ─► 2 x 2 cells ─► 3x3, ReLU ─► N blocks (3x3, ReLU, 3x3, +) ─► 3x3 ─► + ─► RGB
    sigma  ─► 2 x 2 cells ─┘                     learned linear filter of the mosaic ┘

All depth is at the finest packed scale: of networks of equal cost this one kept 1.3 dB more of clean pictures than a
U-Net of three levels (docs/ablation.md). There are no biases in a Bayer network: twice the light with twice the
noise gives twice the picture, to rounding, so exposure and white level do not matter (S. Mohan et al., "Robust and
interpretable blind image denoising via bias-free convolutional neural networks", ICLR 2020). No normalization layers:
what comes out at a photosite depends on those within `halo` alone, so tiles equal the whole.
"""

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from deepisp.networks import planes
from deepisp.networks.zoo import Weights

_SIGMA_SCALE = 10.0  # brings deviations of 0 to 20 / 255 near the range of the signal; not tuned


class JDD(nn.Module):
    """Camera RGB of noisy mosaics.

    Attributes:
        cfa: the cell at mosaic[..., 0, 0].
        is_bayer: whether the cell is of 2 x 2.
        halo: photosites on each side that a pixel depends on.
        masks: (3, n, n), where each color stands in the cell.
    """

    masks: Tensor

    def __init__(
        self, cfa: str = "RGGB", *, width: int = 48, blocks: int = 4, has_bias: bool = False
    ) -> None:
        """An untrained network.

        Args:
            cfa: square cell of R, G and B.
            width: channels of each layer.
            blocks: residual blocks of two layers.
            has_bias: whether layers have biases, which break the law of brightness above.
        """
        super().__init__()
        masks = planes.masks(cfa)
        self.cfa = cfa
        self.is_bayer = masks.shape[-1] == 2
        self.halo = 2 * (2 * blocks + 2)
        self.register_buffer("masks", masks, persistent=False)

        def layer(inner: int, outer: int) -> nn.Conv2d:
            return nn.Conv2d(inner, outer, 3, padding=1, bias=has_bias)

        seen = 4 if self.is_bayer else 12
        self.head = layer(seen + 4 + (0 if self.is_bayer else 12), width)
        self.blocks = nn.ModuleList(_Block(width, layer) for _ in range(blocks))
        self.tail = layer(width, 12)
        self.base = nn.Conv2d(seen, 12, 3, padding=1, bias=False)
        self._begin()

    @classmethod
    def of(cls, weights: Weights) -> Self:
        """The trained network of these weights, ready to run, without gradients."""
        net = cls(weights.cfa, width=weights.width, blocks=weights.blocks, has_bias=weights.has_bias)
        net.load_state_dict({name: torch.from_numpy(one) for name, one in weights.tensors.items()})
        return net.eval().requires_grad_(False)

    def forward(self, mosaic: Tensor, sigma: Tensor) -> Tensor:
        """RGB, (B, 3, H, W), in the units of `mosaic`; not clipped.

        Args:
            mosaic: (B, 1, H, W) balanced signal, H and W even.
            sigma: (B, 1, H, W) deviation of the noise at each photosite, or (B, 1, 1, 1).
        """
        packed = planes.pack(mosaic)
        told = planes.pack((sigma * _SIGMA_SCALE).expand_as(mosaic))
        seen, given = packed, [packed, told]
        if not self.is_bayer:
            tiled = planes.tiled(self.masks, mosaic.shape[-2:])
            seen = planes.pack(mosaic * tiled)
            given = [seen, told, planes.pack(tiled).expand(len(mosaic), -1, -1, -1)]
        x = self.head(torch.cat(given, 1).contiguous(memory_format=torch.channels_last))
        for block in self.blocks:
            x = block(x)
        detail = self.tail(functional.relu(x)).to(self.base.weight.dtype)
        # bf16 would round what was measured to 8 bits.
        with torch.autocast(mosaic.device.type, enabled=False):
            return planes.unpack(detail + self.base(seen.to(detail.dtype)))

    @torch.no_grad()
    def _begin(self) -> None:
        """The linear filter begins as a copy of what the cell measured, or, of larger cells, as a mean around it."""
        self.base.weight.zero_()
        for color, mask in enumerate(self.masks):
            if self.is_bayer:
                at = mask.flatten() > 0
                self.base.weight[4 * color : 4 * color + 4, at, 1, 1] = 1 / at.sum()
            else:
                share = mask.mean()  # of all photosites
                self.base.weight[4 * color : 4 * color + 4, 4 * color : 4 * color + 4] = 1 / (36 * share)
        self.tail.weight.mul_(0.1)  # the first pictures are the base's


class _Block(nn.Module):
    def __init__(self, width: int, layer: Callable[[int, int], nn.Conv2d]) -> None:
        super().__init__()
        self.first, self.second = layer(width, width), layer(width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.second(functional.relu(self.first(x)))
        return out
