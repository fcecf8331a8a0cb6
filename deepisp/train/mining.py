"""Hard crops: the squares of the training pictures that a network still gets wrong are drawn more often.

Source: M. Gharbi et al., "Deep joint demosaicking and denoising", SIGGRAPH Asia 2016, section 3: most pictures are
easy, and moire and zipper are rare. Instead of choosing a set once, the weights follow the network: a square's weight
is its largest local error without noise, to a power, relative to the mean.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from deepisp.data.crops import Crops
from deepisp.data.pairs import through

_WINDOW = 8  # pixels of a side over which an error is averaged: about a zipper's or a fringe's length
_LEAST = 0.25  # of the mean weight, so that easy places stay in sight
_MOST = 8.0  # so that one damaged picture does not fill the batches


@torch.inference_mode()
def weights(net: nn.Module, crops: Crops, cfa: str, *, power: float, batch: int = 64) -> Tensor:
    """(M,) the weight of each square of `crops`, mean about 1."""
    device = crops.pixels.device
    errors = []
    for start in range(0, len(crops), batch):
        numbers = torch.arange(start, min(start + batch, len(crops)), device=device)
        truth = crops.at(numbers).float() / 255
        mosaic = through(truth, cfa)
        output = net(mosaic, mosaic.new_zeros(len(mosaic), 1, 1, 1))
        error = (output.clamp(0, 1) - truth).square().mean(1, keepdim=True)
        errors.append(functional.avg_pool2d(error, _WINDOW).amax((1, 2, 3)).sqrt())
    relative = torch.cat(errors) ** power
    relative = relative / relative.mean().clamp(min=1e-12)
    return relative.clamp(_LEAST, _MOST)
