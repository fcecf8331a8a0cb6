"""The noise of a signal as a straight line: `variance = shot * signal + read`.

`signal` is (DN - black) / (white - black): 1 at saturation, below 0 where read noise took it there, never clipped.
The line is what DNG's NoiseProfile says of a camera at one ISO. Electrons, one by one: sensor/exposure.py.

Sources: A. Foi et al., "Practical Poissonian-Gaussian noise modeling and fitting for single-image raw-data",
IEEE Trans. Image Processing 17(10), 2008; DNG specification 1.7.1, NoiseProfile, tag 51041.
"""

import math
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Values = TypeVar("Values", "Tensor", NDArray[Any])


class Noise(NamedTuple):
    """Shot and read noise of the normalized signal, as DNG's NoiseProfile has them.

    Attributes:
        shot: slope of variance over signal.
        read: variance at black. A variance, not a deviation.
    """

    shot: float
    read: float

    @classmethod
    def from_electrons(cls, gain: float, read_std_e: float, levels: float) -> "Noise":
        """The line of a sensor as data sheets have it; `gain` and `read_std_e` are the way back.

        Args:
            gain: DN per electron.
            read_std_e: electrons rms at black, quantization (sqrt(1/12) / gain) and rows included.
            levels: white_level - black_level, in DN.

        Raises:
            ValueError: a gain or a span of levels that is not above 0, or a negative deviation.

        >>> Noise.from_electrons(gain=2.0, read_std_e=3.0, levels=1000.0)
        Noise(shot=0.002, read=3.6e-05)
        """
        if not (gain > 0 and levels > 0 and read_std_e >= 0):
            raise ValueError(
                "gain and levels lie above 0 and read_std_e is no less than 0, "
                f"got gain={gain}, read_std_e={read_std_e}, levels={levels}; see the sensor's data sheet"
            )
        return cls(gain / levels, (gain * read_std_e / levels) ** 2)

    def gain(self, levels: float) -> float:
        """DN per electron, where `levels` DN lie between black and white."""
        return self.shot * levels

    @property
    def read_std_e(self) -> float:
        """Electrons rms at black, quantization included; it takes a shot noise above 0."""
        return math.sqrt(self.read) / self.shot

    def amplified(self, gain: float) -> "Noise":
        """The line of `gain * signal`: digital gain, or one channel's white balance gain."""
        return Noise(self.shot * gain, self.read * gain**2)

    def averaged(self, frames: int) -> "Noise":
        """The line of the mean of so many frames of one scene."""
        return Noise(self.shot / frames, self.read / frames)

    def variance(self, signal: Values) -> Values:
        """Variance at each expected `signal`, same shape; below black it is that of black."""
        return variance(signal, shot=self.shot, read=self.read)

    def sample(self, signal: "Tensor", generator: "torch.Generator | None" = None) -> "Tensor":
        """A noisy `signal`, same shape. Not clipped: only the caller knows what the sensor clips."""
        return sample(signal, shot=self.shot, read=self.read, generator=generator)


def variance(signal: Values, *, shot: "float | Values", read: "float | Values") -> Values:
    """Variance at each expected signal; `shot` and `read` may differ over a batch.

    Args:
        signal: any shape; below black the variance is that of black.
        shot: a number, or values that broadcast, such as (B, 1, 1, 1).
        read: the same.
    """
    return signal.clip(min=0) * shot + read


def sample(
    signal: "Tensor",
    *,
    shot: "float | Tensor",
    read: "float | Tensor",
    generator: "torch.Generator | None" = None,
) -> "Tensor":
    """A noisy signal, the Gaussian whose variance is the line; `shot` and `read` may differ over a batch.

    Args:
        signal: expected values, (..., H, W), float32 or float64.
        shot: a number, or a tensor that broadcasts, such as (B, 1, 1, 1).
        read: the same.
        generator: of the signal's device; torch's own if None.

    Returns:
        The same shape and type, clipped nowhere.
    """
    import torch

    noise = torch.empty_like(signal).normal_(generator=generator)
    return torch.addcmul(signal, noise, variance(signal, shot=shot, read=read).sqrt())
