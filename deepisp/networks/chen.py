"""Chen's network: a U-Net that turns a dark mosaic, multiplied by the missing exposure, into the developed picture.

    mosaic ─► blocks of n x n ─► 2 x (3x3) ─┬─► /2 ─► … 3 more … ─► /2 ─► 2 x (3x3) ─► x2 ─► … ─► x2 ─► 2 x (3x3) ─► RGB
    sigma    (not read)                     └───────────────── beside what comes up ───────────────────┘

Leaky ReLUs of slope 0.2 follow the 3x3 layers; /2 takes the largest of four, x2 is a transposed 2x2 layer; widths are
32, 64, 128, 256, 512. Blocks are 2 x 2 for Bayer and 3 x 3 for X-Trans, where a plane takes another place in each of
the four blocks of a cell, so that it sees one color: R, G, B, R, B, and four times G.
Source: C. Chen et al., "Learning to see in the dark", CVPR 2018, and its released train_Sony.py and train_Fuji.py,
github.com/cchen156/Learning-to-See-in-the-Dark (MIT). Nothing is copied.
Changed: nothing in the layers. A cell in another phase is rolled into the authors', so that their weights serve it:
then the one to five outermost rows or columns see the other side of the picture.
By hand, without offsets of the transposed layers, as released: 7 760 268; PyTorch's ports have these 480 more.

>>> from deepisp.networks import family
>>> family.cost(Chen())
Cost(parameters=7760268, kmac=46.208)
>>> parameters, kmac = family.cost(Chen(XTRANS))
>>> parameters, round(kmac, 3)
(7762203, 20.75)
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

XTRANS = "RBGBRGGGRGGBGGBGGRBRGRBGGGBGGRGGRGGB"  # in the phase that train_Fuji.py packs
# The plane that each photosite of the cell goes to, of pack_raw in train_Sony.py and train_Fuji.py: R, G, B, G.
_PLANES = {
    "RGGB": "0132",
    XTRANS: "021201563564784783201021564563783784",
}
_HALVINGS = 4


class Chen(nn.Module):
    """Developed RGB of dark mosaics, as rawpy would develop a long exposure: with white balance and gamma.

    Attributes:
        cfa: the cell at mosaic[..., 0, 0].
        halo: photosites on each side that a pixel depends on, whole units.
        unit: photosites; tiles begin at multiples of it, or the halvings fall elsewhere.
        sources: the photosites of a cell that make its planes, one after the other.
    """

    sources: Tensor

    def __init__(self, cfa: str = "RGGB", *, width: int = 32, has_bias: bool = False) -> None:
        """An untrained network.

        Args:
            cfa: of Bayer's, or X-Trans in any phase.
            width: channels at the scale of blocks; twice as many after each halving.
            has_bias: whether the transposed layers have offsets too, as in PyTorch's ports.
        """
        super().__init__()
        self.cfa = cfa
        known, self._start = _known(cfa)
        self._cell = math.isqrt(len(known))
        self._block = n = 2 if known == "RGGB" else 3
        self.register_buffer("sources", _sources(_PLANES[known], n), persistent=False)
        self.unit = n << _HALVINGS
        self.halo = -(-(n * _reach() + max(self._start)) // self.unit) * self.unit
        widths = [width << level for level in range(_HALVINGS + 1)]
        pairs = list(pairwise(widths))
        self.down = nn.ModuleList(_two(a, b) for a, b in [(n * n, width), *pairs])
        self.larger = nn.ModuleList(
            nn.ConvTranspose2d(b, a, 2, stride=2, bias=has_bias) for a, b in reversed(pairs)
        )
        self.up = nn.ModuleList(_two(b, a) for a, b in reversed(pairs))
        self.tail = nn.Conv2d(width, 3 * n * n, 1)
        _begin(self)

    def forward(self, mosaic: Tensor, sigma: Tensor) -> Tensor:
        """Developed RGB, (B, 3, H, W), display-coded, 0 to 1; not clipped.

        Args:
            mosaic: (B, 1, H, W) signal times the exposure that it lacks, clipped to 0 and 1, not balanced; H and W
                whole cells. Between halvings odd sides are filled up, as TensorFlow does.
            sigma: not read: this network is told no noise.

        Raises:
            ValueError: sides that are no whole cells.
        """
        row, column = self._start
        planes = self.pack(mosaic.roll((-row, -column), (-2, -1)))
        return self.developed(planes).roll((row, column), (-2, -1))

    def pack(self, mosaic: Tensor) -> Tensor:
        """The authors' planes, (B, n^2, H/n, W/n) for blocks of n x n, of (B, 1, H, W) in their phase.

        >>> Chen().pack(torch.arange(4.).reshape(1, 1, 2, 2)).flatten().tolist()
        [0.0, 1.0, 3.0, 2.0]
        """
        height, width = mosaic.shape[-2:]
        if height % self._cell or width % self._cell:
            raise ValueError(
                f"this network takes sides that are multiples of {self._cell}, got {height} x {width}; "
                "pad or crop to whole cells first"
            )
        photosites = functional.pixel_unshuffle(mosaic, self._cell)
        return functional.pixel_shuffle(photosites[:, self.sources], self._cell // self._block)

    def developed(self, planes: Tensor) -> Tensor:
        """RGB (B, 3, H, W) of the authors' planes (B, n^2, H/n, W/n), as `pack` gives them."""
        x = planes
        kept: list[Tensor] = []
        for stage in self.down:
            x = stage(functional.max_pool2d(x, 2, ceil_mode=True) if kept else x)
            kept.append(x)
        x = kept.pop()
        for larger, stage in zip(self.larger, self.up, strict=True):
            there = kept.pop()
            height, width = there.shape[-2:]
            x = stage(torch.cat([larger(x)[..., :height, :width], there], 1))
        return unpack(self.tail(x), self._block)


def unpack(x: Tensor, block: int) -> Tensor:
    """RGB (B, 3, H, W) of channels (B, 3 n^2, H/n, W/n): three of each place of a block, in TensorFlow's order.

    >>> unpack(torch.arange(12.).reshape(1, 12, 1, 1), 2)[0, 0].tolist()
    [[0.0, 3.0], [6.0, 9.0]]
    """
    by_color = torch.unflatten(x, 1, (block**2, 3)).transpose(1, 2).flatten(1, 2)  # torch's order
    return functional.pixel_shuffle(by_color, block)


def _known(cfa: str) -> tuple[str, tuple[int, int]]:
    """The authors' cell, and the first row and column at which it begins on mosaics of `cfa`."""
    for known in _PLANES:
        n = math.isqrt(len(known))
        for row in range(n):
            for column in range(n):
                if len(cfa) == len(known) and _seen_from(cfa, row, column) == known:
                    return known, (row, column)
    raise ValueError(
        f"this network takes a Bayer or X-Trans CFA, got {cfa!r}; JDD takes others too, write for example RGGB"
    )


def _seen_from(cfa: str, row: int, column: int) -> str:
    """The cell whose top left is another photosite."""
    n = math.isqrt(len(cfa))
    return "".join(cfa[(row + y) % n * n + (column + x) % n] for y in range(n) for x in range(n))


def _sources(planes: str, block: int) -> Tensor:
    """Photosites of the cell, in raster order, by plane and then by block of the cell."""
    n = math.isqrt(len(planes))
    blocks = n // block

    def key(at: int) -> tuple[str, int]:
        row, column = divmod(at, n)
        return planes[at], row // block * blocks + column // block

    return torch.tensor(sorted(range(n * n), key=key))


def _two(inner: int, outer: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inner, outer, 3, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(outer, outer, 3, padding=1),
        nn.LeakyReLU(0.2),
    )


def _reach() -> int:
    """Blocks on each side of an aligned unit that it depends on, followed back from the output."""
    reach = 2
    for _ in range(_HALVINGS):
        reach = -(-reach // 2) + 2
    for _ in range(_HALVINGS):
        reach = 2 * reach + 2
    return reach


def _begin(net: nn.Module) -> None:
    """The authors' beginning: TF-Slim's, X. Glorot and Y. Bengio's uniform weights; transposed layers of their own."""
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
        elif isinstance(layer, nn.ConvTranspose2d):
            nn.init.trunc_normal_(layer.weight, std=0.02, a=-0.04, b=0.04)
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and layer.bias is not None:
            nn.init.zeros_(layer.bias)
