"""Classical denoisers that are told the noise: what a network for demosaicing has to beat. They need scikit-image.

    demosaiced RGB ─► Anscombe: deviation 1 ─► wavelets or non-local means ─► unbiased inverse

Demosaicing spreads noise over neighbors, so each denoiser is told more of it than there is; by how much was chosen on
the training pictures, for the sake of these methods, see `TOLD`.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from deepisp.sensor.noise import Noise

RGB = NDArray[np.float32]

# Deviation that a denoiser is told, over that of the mosaic: of 1 to 2.5, and of 0.7 to 1.5, what gave the best linear
# PSNR after Menon on six crops of training pictures, two cameras and five ISOs; wavelets and `h` likewise.
TOLD = {"wavelet": 2.0, "nlm": 1.0}


def denoised(rgb: RGB, noise: float | Sequence[Noise], name: str) -> RGB:
    """RGB without noise.

    Args:
        rgb: (H, W, 3) that a classical method made of a mosaic.
        noise: of that mosaic: a line for each of R, G and B, or one deviation.
        name: of `DENOISERS`.

    Raises:
        ValueError: scikit-image is not there.
    """
    if isinstance(noise, float | int):
        if not noise:
            return rgb
        return DENOISERS[name](rgb, np.full(3, noise * TOLD[name]))
    return _stabilized(rgb, noise, lambda values, std: DENOISERS[name](values, std * TOLD[name]))


def _stabilized(rgb: RGB, noise: Sequence[Noise], denoise: Callable[[RGB, NDArray[np.float64]], RGB]) -> RGB:
    """Under the Anscombe transform; each color divided by what it makes of 1, so that a gray stays about gray."""
    import torch

    from deepisp.sensor import stabilize

    whites = [float(stabilize.anscombe(torch.ones(()), one)) for one in noise]
    values = np.empty_like(rgb)
    for channel, (line, white) in enumerate(zip(noise, whites, strict=True)):
        plane = torch.from_numpy(np.ascontiguousarray(rgb[..., channel]))
        values[..., channel] = stabilize.anscombe(plane, line).numpy() / white
    clean = denoise(values, 1 / np.array(whites))
    for channel, (line, white) in enumerate(zip(noise, whites, strict=True)):
        plane = torch.from_numpy(np.ascontiguousarray(clean[..., channel])).double() * white
        values[..., channel] = stabilize.unbiased_inverse_anscombe(plane, line).numpy()
    return values


def _wavelet(rgb: RGB, std: NDArray[np.float64]) -> RGB:
    """BayesShrink in YCbCr, the mean over four shifts.

    Sources: S. Chang et al., "Adaptive wavelet thresholding for image denoising and compression", IEEE Trans. Image
    Processing 9(9), 2000; R. Coifman and D. Donoho, "Translation-invariant de-noising", 1995.
    """
    restoration, total = _skimage(), np.zeros(rgb.shape)
    for shift in np.ndindex(2, 2):
        moved = np.roll(rgb.clip(0, 1), shift, (0, 1))
        clean = restoration.denoise_wavelet(
            moved, sigma=list(std), wavelet="db2", method="BayesShrink", convert2ycbcr=True, channel_axis=-1
        )
        total += np.roll(clean, (-shift[0], -shift[1]), (0, 1))
    return np.asarray(total / 4, np.float32)


def _nlm(rgb: RGB, std: NDArray[np.float64]) -> RGB:
    """A. Buades et al., "A non-local algorithm for image denoising", CVPR 2005: patches of 5 in a window of 13."""
    scaled = rgb / std.astype(np.float32)  # deviation 1 in each color
    clean = _skimage().denoise_nl_means(
        scaled, patch_size=5, patch_distance=6, h=0.8, sigma=1.0, fast_mode=True, channel_axis=-1
    )
    return np.asarray(clean * std, np.float32)


DENOISERS: dict[str, Callable[[RGB, NDArray[np.float64]], RGB]] = {"wavelet": _wavelet, "nlm": _nlm}


def _skimage() -> Any:
    try:
        import pywt  # noqa: F401 (its wavelets need it, and say so only when they are called)
        from skimage import restoration
    except ImportError as error:
        raise ValueError(
            f"classical denoisers are scikit-image's: {error}; pip install scikit-image PyWavelets"
        ) from error
    return cast(Any, restoration)
