"""A denoising autoencoder: all of the picture passes through a few planes of an eighth of its size.

    mosaic ─► 2 x 2 cells ─┬─► 3x3 ─► /2 ─► 3x3 ─► /2 ─► 3x3 ─► x2 ─► 3x3 ─► x2 ─► 3x3 ─► 3x3 ─► RGB
    sigma  ─► 2 x 2 cells ─┘    └ ─ ─ ─ ─ ┴ ─ ─ ─ ─ + only if has_skips ─ ─ ─ ┴ ─ ─ ─ ─ ─ ┘

A ReLU follows every layer but the last.
Source: P. Vincent et al., "Extracting and composing robust features with denoising autoencoders", ICML 2008, for the
idea; X.-J. Mao et al., "Image restoration using very deep convolutional encoder-decoder networks with symmetric skip
connections", NIPS 2016, for layers that are convolutions, and for the skips, which are sums.
Changed: neither demosaics; 3x3 layers of stride 2 halve and 2x2 transposed ones double, of our own choice of widths;
it is told the noise. No paper has its cost.

>>> from deepisp.networks import family
>>> family.cost(Autoencoder())
Cost(parameters=369900, kmac=13.984)
"""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from deepisp.networks import planes, published


class Autoencoder(nn.Module):
    """Camera RGB of noisy Bayer mosaics.

    Attributes:
        cfa: the cell at mosaic[..., 0, 0].
        halo: photosites on each side that a pixel depends on, whole units.
        unit: photosites; tiles begin at multiples of it, or the strides fall elsewhere.
    """

    def __init__(
        self, cfa: str = "RGGB", *, width: int = 32, halvings: int = 2, has_skips: bool = False
    ) -> None:
        """An untrained network.

        Args:
            cfa: of Bayer's.
            width: channels at the scale of cells; twice as many after each halving.
            halvings: strides on the way to the middle.
            has_skips: whether the way back sees the way there: then it is no autoencoder any more, but Mao's network.
        """
        super().__init__()
        published.masks(cfa)
        self.cfa, self.has_skips = cfa, has_skips
        self.unit = 2 << halvings
        self.halo = -(-2 * _reach(halvings) // self.unit) * self.unit
        widths = [width << n for n in range(halvings + 1)]
        pairs = list(pairwise(widths))
        self.head = nn.Conv2d(8, width, 3, padding=1)
        self.down = nn.ModuleList(_halving(a, b) for a, b in pairs)
        self.larger = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in reversed(pairs))
        self.up = nn.ModuleList(nn.Conv2d(a, a, 3, padding=1) for a, _ in reversed(pairs))
        self.tail = nn.Conv2d(width, 12, 3, padding=1)
        published.begin(self)

    def forward(self, mosaic: Tensor, sigma: Tensor) -> Tensor:
        """RGB, (B, 3, H, W), in the units of `mosaic`; not clipped.

        Args:
            mosaic: (B, 1, H, W) balanced signal, H and W even. Other sides than multiples of `unit` are filled up.
            sigma: (B, 1, H, W) deviation of the noise at each photosite, or (B, 1, 1, 1).
        """
        x = published.filled(published.told(mosaic, sigma), self.unit // 2)
        kept = [functional.relu(self.head(x))]
        for stage in self.down:
            kept.append(stage(kept[-1]))
        x = kept.pop()
        for larger, layer in zip(self.larger, self.up, strict=True):
            there = kept.pop()
            x = functional.relu(larger(x))
            x = functional.relu(layer(x + there if self.has_skips else x))
        return planes.unpack(self.tail(x))[..., : mosaic.shape[-2], : mosaic.shape[-1]]


def _halving(inner: int, outer: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inner, outer, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(outer, outer, 3, padding=1),
        nn.ReLU(),
    )


def _reach(halvings: int) -> int:
    """Cells above an aligned unit that it depends on, followed back from the output; below it they are fewer."""
    reach = 2  # the two layers at the scale of cells
    for _ in range(halvings):
        reach = -(-reach // 2) + 1
    for _ in range(halvings):
        reach = (2 * reach + 1) + 1  # the stride's layer, and the one before it
    return reach
