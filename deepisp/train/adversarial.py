"""Adversarial losses: a discriminator learns to tell outputs from truths, the network not to be told. Off unless asked.

What a relativistic average discriminator says is how much likelier a picture is to be true than those of the other kind
are on average; D are its scores, σ the logistic function, and the means run over all scores of the batch:

    discriminator   −E log σ(D(truth) − E D(output)) − E log(1 − σ(D(output) − E D(truth)))
    generator       −E log σ(D(output) − E D(truth)) − E log(1 − σ(D(truth) − E D(output)))

A step of training, after the step of the network:

    the discriminator's:   discriminator_loss(D(truth), D(output.detach()))
    the network's:         another loss + weight * generator_loss(D(truth).detach(), D(output))

The latter leaves slopes in the discriminator too: clear them before its next step.
Such a loss paints texture that was not measured; it is for display pictures, not data.
Sources: A. Jolicoeur-Martineau, "The relativistic discriminator: a key element missing from standard GAN", ICLR 2019
(arXiv:1807.00734), RaSGAN; T. Miyato et al., "Spectral normalization for generative adversarial networks", ICLR 2018;
P. Isola et al., "Image-to-image translation with conditional adversarial networks", CVPR 2017 (patches).
"""

from typing import cast

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

_SLOPE = 0.2  # of LeakyReLU: Isola 2017, appendix, discriminator architectures


def discriminator_loss(truth: Tensor, output: Tensor) -> Tensor:
    """What the discriminator makes small; `truth` and `output` are its scores, of any shape.

    >>> import torch
    >>> round(float(discriminator_loss(torch.zeros(2), torch.zeros(3))), 4)  # 2 log 2: it knows nothing
    1.3863
    """
    # −log σ(x) = softplus(−x), −log(1 − σ(x)) = softplus(x)
    true = functional.softplus(output.mean() - truth).mean()
    return true + functional.softplus(output - truth.mean()).mean()


def generator_loss(truth: Tensor, output: Tensor) -> Tensor:
    """What the network makes small: the discriminator's loss with the kinds exchanged."""
    return discriminator_loss(output, truth)


class PatchDiscriminator(nn.Module):
    """Scores of overlapping patches: (B, 3, H, W) to (B, 1, H/8 − 2, W/8 − 2), higher for truth.

    Isola's layers of 4x4, three of stride 2 and two of 1, so that a score sees 70 x 70 pixels; spectral normalization
    in place of batch normalization, so that no picture's score depends on the others'. Half as wide as Isola's.

    Attributes:
        patch: side of the square that a score sees, in pixels.
    """

    patch: int = 70  # Isola 2017, as above; by the layers: 4, 7, then 2 x 7 + 2 = 16, 34, 70

    def __init__(self, width: int = 32) -> None:
        """An untrained discriminator.

        Args:
            width: channels of the first layer; twice as many after each of the next three.
        """
        super().__init__()
        widths = (3, width, 2 * width, 4 * width, 8 * width, 1)
        strides = (2, 2, 2, 1, 1)
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv2d(a, b, 4, stride=stride, padding=1))
            for a, b, stride in zip(widths, widths[1:], strides, strict=False)
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """Scores.

        Raises:
            ValueError: pictures too small for one score.
        """
        if min(pictures.shape[-2:]) < 24:  # three halvings leave 3, and the last two layers take 1 each
            raise ValueError(
                f"the discriminator takes 24 pixels a side or more, got {tuple(pictures.shape[-2:])}; take larger crops"
            )
        x = self.layers[0](pictures)
        for layer in self.layers[1:]:
            x = layer(functional.leaky_relu(x, _SLOPE))
        return cast(Tensor, x)
