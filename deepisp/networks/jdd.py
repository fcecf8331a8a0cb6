"""deepisp's own network: joint demosaicing and denoising (JDD) by residual blocks at the scale of CFA cells.

    mosaic ─► packed 2 x 2 ─► 3x3, ReLU ─► N blocks (3x3, ReLU, 3x3, +) ─► 3x3 ─► + ─► RGB
    sigma  ─► packed 2 x 2 ─┘         ┌ ─ ─ only of larger cells               │
    mosaic ─► packed 2 x 2 ─► linear filter of each place in the CFA's cell ───┘

The linear filter has weights of its own for each place of a 2 x 2 in the cell: one set in Bayer's, four in those of
quad-Bayer, nine in X-Trans's. It begins as the best one for plain pictures (kriging.py). Colors of a larger cell change
from one 2 x 2 to the next: there the first layer sees each color alone, with holes, and the linear guess beside them.
All depth is at the finest packed scale: of networks of equal cost this one kept 1.3 dB more of clean pictures than a
U-Net of three levels (docs/ablation.md). There are no biases: twice the light with twice the noise gives twice the
picture, to rounding, so exposure and white level do not matter (S. Mohan et al., "Robust and interpretable blind image
denoising via bias-free convolutional neural networks", ICLR 2020). No normalization layers: what comes out at a
photosite depends on those within `halo` alone, so tiles equal the whole.
"""

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from deepisp.networks import kriging, planes, sizes
from deepisp.networks.zoo import Weights

_SIGMA_SCALE = 10.0  # brings deviations of 0 to 20 / 255 near the range of the signal; not tuned


class JDD(nn.Module):
    """Camera RGB of noisy mosaics.

    Attributes:
        cfa: the cell at mosaic[..., 0, 0].
        halo: photosites on each side that a pixel may depend on.
        unit: photosites; the sides of a mosaic are multiples of it.
        masks: (3, n, n), where each color stands in the cell.
        guessed: weights that begin as a good guess, and not at random.
    """

    guessed: tuple[str, ...] = ("base.weight",)
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
        masks, places, size = planes.masks(cfa), sizes.places(cfa), sizes.jdd(cfa, width, blocks)
        self.cfa, self.halo, self.unit = cfa, size.halo, size.unit
        self.register_buffer("masks", masks, persistent=False)

        def layer(inner: int, outer: int) -> nn.Conv2d:
            return nn.Conv2d(inner, outer, 3, padding=1, bias=has_bias)

        self.head = layer(sizes.seen(cfa), width)
        self.blocks = nn.ModuleList(_Block(width, layer) for _ in range(blocks))
        self.tail = layer(width, 12)
        self.base = _AtPlaces(4, 12, places)
        with torch.no_grad():
            self.base.weight.copy_(torch.from_numpy(kriging.filters(cfa)).reshape(self.base.weight.shape))
            self.tail.weight.mul_(0.1)  # the first pictures are the base's

    @classmethod
    def of(cls, weights: Weights) -> Self:
        """The trained network of these weights, ready to run, without gradients."""
        net = cls(weights.cfa, width=weights.width, blocks=weights.blocks, has_bias=weights.has_bias)
        net.load_state_dict({name: torch.from_numpy(one) for name, one in weights.tensors.items()})
        return net.eval().requires_grad_(False)

    def forward(self, mosaic: Tensor, sigma: Tensor) -> Tensor:
        """RGB, (B, 3, H, W), in the units of `mosaic`; not clipped.

        Args:
            mosaic: (B, 1, H, W) balanced signal, H and W multiples of `unit`.
            sigma: (B, 1, H, W) deviation of the noise at each photosite, or (B, 1, 1, 1).

        Raises:
            ValueError: sides of another length.
        """
        planes.check_sides(mosaic, self.unit)
        packed = planes.pack(mosaic)
        told = planes.pack((sigma * _SIGMA_SCALE).expand_as(mosaic))
        # bf16 would round what was measured to 8 bits.
        with torch.autocast(mosaic.device.type, enabled=False):
            guess = self.base(packed.to(self.base.weight.dtype))
        seen = [packed, told]
        if self.unit > 2:
            seen = [planes.pack(mosaic * planes.tiled(self.masks, mosaic.shape[-2:])), told, guess]
        x = self.head(torch.cat(seen, 1).contiguous(memory_format=torch.channels_last))
        for block in self.blocks:
            x = block(x)
        detail = self.tail(functional.relu(x)).to(guess.dtype)
        return planes.unpack(guess + detail)


class _AtPlaces(nn.Conv2d):
    """A layer with other filters at each of n x n places, which take turns over the picture.

    It steps by n, sees the places of a cell and one around them, and gives the outputs of all of them: 3 x 3 for n = 1.
    """

    def __init__(self, inner: int, outer: int, places: int) -> None:
        super().__init__(inner, outer * places**2, places + 2, stride=places, padding=1, bias=False)
        self.places = places

    def forward(self, x: Tensor) -> Tensor:
        out = super().forward(x)
        return out if self.places == 1 else functional.pixel_shuffle(out, self.places)


class _Block(nn.Module):
    def __init__(self, width: int, layer: Callable[[int, int], nn.Conv2d]) -> None:
        super().__init__()
        self.first, self.second = layer(width, width), layer(width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.second(functional.relu(self.first(x)))
        return out
