"""KPN on one frame: a U-Net says how to weight the samples around each pixel; every output is a sum of samples.

    mosaic ─► 2 x 2 cells ─┬─► U-Net ─► 3 kernels of 5 x 5 at each photosite ─► sum ─► RGB
    sigma  ─► 2 x 2 cells ─┘                     the mosaic's own 25 samples ───┘

Kernels are normalized so that the weights of a color's own samples sum to 1 and those of each other color to 0: a flat
field of any color stays what it is, whatever the U-Net says, and detail may still pass from color to color.
Source: B. Mildenhall et al., "Burst denoising with kernel prediction networks", CVPR 2018, and its released layers,
github.com/google/burst-denoising (Apache-2.0), kpn_arch.py. Nothing is copied.
Changed: one frame, not eight; a mosaic, so that each photosite of a cell has kernels of its own in place of kernels
interpolated from half the size; the scale of cells takes the place of the paper's full one, so everything below is one
octave coarser; the normalization, which the paper has not (is_normalized=False leaves the kernels as they are).
The kernels' three layers are as wide as there are weights to say, 300 (the released: 5 x 5 x 8 frames = 200), and are
70 % of the cost. The released layers leave no figure of their cost to compare with.

>>> from deepisp.networks import family
>>> family.cost(KPN())
Cost(parameters=30167652, kmac=761.19)
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from deepisp.networks import planes, published


class KPN(nn.Module):
    """Camera RGB of noisy Bayer mosaics. Memory: about 1 kB a photosite, so give it tiles.

    Attributes:
        cfa: the cell at mosaic[..., 0, 0].
        halo: photosites on each side that a pixel depends on, whole units.
        unit: photosites; tiles begin at multiples of it, or the strides fall elsewhere.
        centering: takes from each tap the mean of its color.
        means: the kernel that every color begins with: the mean of its own samples.
    """

    centering: Tensor
    means: Tensor

    def __init__(
        self,
        cfa: str = "RGGB",
        *,
        width: int = 64,
        halvings: int = 4,
        side: int = 5,
        is_normalized: bool = True,
    ) -> None:
        """An untrained network.

        Args:
            cfa: of Bayer's.
            width: channels at the scale of cells; twice as many after each halving, 8 times at most.
            halvings: of the U-Net, 1 or more.
            side: of a kernel, odd, 3 or more.
            is_normalized: whether the weights' sums are fixed, as above.
        """
        super().__init__()
        self.cfa, self.side, self.is_normalized = cfa, side, is_normalized
        self.unit = 2 << halvings
        self.halo = -(-2 * _reach(halvings) // self.unit) * self.unit
        seen = _seen(published.masks(cfa), side)
        share = seen / seen.sum(1, keepdim=True)
        within = torch.einsum("stp,sup->ptu", seen, share)  # means of the samples of a tap's color
        self.register_buffer("centering", torch.eye(side**2) - within, persistent=False)
        self.register_buffer("means", share, persistent=False)
        widths = [width * min(1 << n, 8) for n in range(halvings + 1)]
        self.down = nn.ModuleList(_three(a, b) for a, b in zip([8, *widths], widths, strict=False))
        self.up = nn.ModuleList(
            _three(widths[n + 1] + widths[n], widths[n]) for n in range(halvings - 1, 0, -1)
        )
        weights = 4 * 3 * side**2
        self.kernels = _three(widths[1] + widths[0], weights)[:-1]  # no ReLU: weights may be negative
        published.begin(self)

    def forward(self, mosaic: Tensor, sigma: Tensor) -> Tensor:
        """RGB, (B, 3, H, W), in the units of `mosaic`; not clipped.

        Args:
            mosaic: (B, 1, H, W) balanced signal, H and W even, more than half a kernel. Other sides than multiples
                of `unit` are filled up.
            sigma: (B, 1, H, W) deviation of the noise at each photosite, or (B, 1, 1, 1).
        """
        x = published.filled(published.told(mosaic, sigma), self.unit // 2)
        kept: list[Tensor] = []
        for stage in self.down:
            x = stage(functional.avg_pool2d(x, 2) if kept else x)
            kept.append(x)
        x = kept.pop()
        for stage in (*self.up, self.kernels):
            larger = functional.interpolate(x, scale_factor=2, mode="bilinear")
            x = stage(torch.cat([larger, kept.pop()], 1))
        height, width = mosaic.shape[-2:]
        # bf16 would round what was measured to 8 bits.
        with torch.autocast(mosaic.device.type, enabled=False):
            return self._applied(mosaic, x[..., : height // 2, : width // 2].to(mosaic.dtype))

    def _applied(self, mosaic: Tensor, said: Tensor) -> Tensor:
        """Sums of samples; `said` is (B, 3 colors x taps x 4 photosites, H/2, W/2)."""
        taps = self.side**2
        kernels = torch.unflatten(said, 1, (3, taps, 4))
        if self.is_normalized:
            centered = torch.einsum("ptu,bcuphw->bctphw", self.centering, kernels)
            kernels = centered + self.means[None, ..., None, None]
        # Reflected, so that the samples beyond the border have the colors that the pattern has there.
        wide = functional.pad(mosaic, (self.side // 2,) * 4, mode="reflect")
        samples = torch.unflatten(functional.unfold(wide, self.side), 2, mosaic.shape[-2:])  # (B, taps, H, W)
        packed = torch.unflatten(planes.pack(samples), 1, (taps, 4))
        return planes.unpack(torch.einsum("bctphw,btphw->bcphw", kernels, packed).flatten(1, 2))


def _three(inner: int, outer: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (inner, outer, outer):
        layers += [nn.Conv2d(channels, outer, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers)


def _seen(masks: Tensor, side: int) -> Tensor:
    """Which taps of a kernel at each photosite of a cell see each color: (3, side^2, 4) of 0 and 1."""
    half = side // 2
    tiled = planes.tiled(masks, (2 * half + 2, 2 * half + 2)).roll((half, half), (-2, -1))
    return functional.unfold(tiled[:, None], side)


def _reach(halvings: int) -> int:
    """Cells on each side of an aligned unit that it depends on, followed back from the output."""
    reach = 3
    for _ in range(halvings):
        reach = reach // 2 + 1 + 3  # a bilinear neighbor, then three layers
    for _ in range(halvings):
        reach = 2 * reach + 3
    return reach
