"""Scene light to display light: how bright the picture is, and how contrast and highlights roll off.

The curve is a log-logistic sigmoid, `y = h x^c / (x^c + k)`: a straight line in log exposure around middle gray and
a long shoulder. `h` and `k` keep middle gray where it is, and bring the light at which the sensor clips to display
white. It is applied as the DNG SDK's reference does: to the largest and the smallest of the three channels, and the
middle one keeps its relative place between them, so that hue stays and no channel clips alone.

Before that the smallest channel of bright and nearly pure light is raised a little (`pale`), so that such light grows
paler as it grows brighter, as on film. Else it tears: where the largest channel is far above white, a smallest of
-0.02 ends at 0 and one of 0.05 near a half, and noise and texture make neighbors of these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

GRAY = 0.18  # reflectance of middle gray, on which meters are calibrated (ISO 2720 and every gray card)
CONTRAST = 1.55  # slope around middle gray in log-log; cameras' default curves have 1.3 to 1.6
LUMINANCE = np.array([0.262700, 0.677998, 0.059302])  # of linear Rec. 2020, ITU-R BT.2087-0 table
PALE = 0.06  # chosen by eye on a blue lamp: the least at which its wall does not tear; 0.1 washes it out
_NODES = 4096


class Sigmoid(NamedTuple):
    """`y = height * x^CONTRAST / (x^CONTRAST + offset)`, ended at 1."""

    height: float
    offset: float


def sigmoid(white: float) -> Sigmoid:
    """The curve with y(GRAY) = GRAY and y(white) = 1.

    Args:
        white: light that becomes display white; below 1 it is taken for 1, so that dark pictures stay dark.

    >>> h, k = sigmoid(2.0)
    >>> round(h * 2**CONTRAST / (2**CONTRAST + k), 6)
    1.0
    """
    gray, top = GRAY**CONTRAST, max(white, 1.0) ** CONTRAST
    offset = top * gray * (1 - GRAY) / (GRAY * top - gray)
    return Sigmoid(1 + offset / top, offset)


def curve(x: NDArray[np.float64], white: float) -> NDArray[np.float64]:
    """Display light of scene light, both linear, 1 = diffuse white; 0 to `white` goes to 0 to 1.

    >>> curve(np.array([0.0, 0.18, 1.5, np.inf]), 1.5).round(6).tolist()
    [0.0, 0.18, 1.0, 1.0]
    """
    return np.minimum(_open(x, white), 1.0)


def table(white: float) -> NDArray[np.float32]:
    """`curve` at nodes that are even in `t = x / (x + GRAY)`, from t = 0 to t = 1; linear between them.

    Not ended at 1: the bend there would be lost between two nodes.
    """
    t = np.linspace(0, 1, _NODES + 1)
    with np.errstate(divide="ignore"):
        return _open(GRAY * t / (1 - t), white).astype(np.float32)


def _open(x: NDArray[np.float64], white: float) -> NDArray[np.float64]:
    """The curve without its end at 1."""
    height, offset = sigmoid(white)
    with np.errstate(divide="ignore"):
        return np.asarray(height / (1 + offset / np.maximum(x, 0) ** CONTRAST))


def apply(rgb: Tensor, *, white: float) -> Tensor:
    """Display light of linear Rec. 2020, (..., 3, H, W), 0 to 1; negative light ends at 0, `white` and more at 1.

    Differentiable where the three channels differ.
    """
    import torch

    light = rgb.clamp(min=0)
    high, low = light.amax(-3, keepdim=True), light.amin(-3, keepdim=True)
    top, bottom = _on_curve(high, white), _on_curve(pale(low, high), white)
    place = (light - low) / torch.where(high > low, high - low, torch.ones_like(high))
    return bottom + (top - bottom) * place


def pale(low: Tensor, high: Tensor) -> Tensor:
    """The smallest channel raised toward the largest: `low + PALE * high / (1 + high) * purity^8 * (high - low)`.

    Purity is (high - low) / high: a gray stays what it is, and the order of lights too (the slope over `low` is above
    1 - 9 PALE). What is far darker than white is hardly changed.
    """
    span = high - low
    purity = span / high.clamp(min=1e-30)
    raised: Tensor = low + PALE * (high / (1 + high)) * purity**8 * span
    return raised


def _on_curve(x: Tensor, white: float) -> Tensor:
    height, offset = sigmoid(white)
    power = x.clamp(min=1e-12) ** CONTRAST  # the slope of x^c at 0 is 0, but autograd needs a number
    display: Tensor = (height * power / (power + offset)).clamp(max=1)
    return display


def exposure(light: NDArray[np.float32], baseline_ev: float) -> float:
    """The gain that a default rendering gives a scene, from a sample of its light.

    The average of log light is moved most of the way to middle gray: all of it would turn night into day and snow
    into slush. Where nothing comes near the sensor's limit, the brightest light is moved half of the way there.
    Highlights limit how far a picture is brightened.

    Args:
        light: (N, 3) linear Rec. 2020, 1 = sensor saturation of the balanced channels.
        baseline_ev: DNG BaselineExposure in stops.
    """
    luminance = light @ LUMINANCE.astype(np.float32)
    baseline = 2.0**baseline_ev
    luminance = luminance[np.isfinite(luminance)] * baseline
    if not luminance.size or luminance.max() <= 0:
        return float(baseline)
    # A floor at 1/1000 of the brightest keeps black borders and noise around zero from ruling the average.
    floor = max(float(np.percentile(luminance, 99.5)), 1e-6) / 1000
    key = float(np.exp(np.log(np.maximum(luminance, floor)).mean()))
    stops = float(np.clip(_TOWARD_GRAY * np.log2(GRAY / key), _DARKEN_EV, _BRIGHTEN_EV))
    brightest = float(np.percentile(luminance, _HIGHLIGHT_PERCENT))
    stops = max(stops, min(_TOWARD_WHITE * float(np.log2(1 / max(brightest, 1e-6))), _BRIGHTEN_EV))
    stops = min(stops, max(0.0, float(np.log2(_HIGHLIGHT_LIGHT / max(brightest, 1e-6)))))
    return float(baseline * 2.0**stops)


_TOWARD_GRAY = 0.6  # chosen by eye on indoor, outdoor, night and studio raws
# A scene that uses a quarter of the range, however gray its average, was exposed for its white.
_TOWARD_WHITE = 0.5
_DARKEN_EV, _BRIGHTEN_EV = -0.5, 3.0
_HIGHLIGHT_PERCENT, _HIGHLIGHT_LIGHT = 98.0, 1.5  # the sigmoid shows light 1.5 at 0.85, still with detail
