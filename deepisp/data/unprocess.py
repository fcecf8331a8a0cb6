"""Pictures back to the light that a sensor saw: sRGB to linear camera RGB, with randomized cameras.

    picture ─► inverse tone curve ─► inverse sRGB transfer ─► color matrix ─► inverse white balance and gain ─► signal

What is random is drawn first, into a `Draw` that can be written down, used again, and undone by `process`.
Pictures are (..., 3, H, W): uint8 or uint16 over their whole range, or floating point, 1 = white.

Source: T. Brooks et al., "Unprocessing images for learned raw denoising", CVPR 2019 (UPI); its numbers from
timothybrooks/unprocessing at 9928956. Here the transfer curve is sRGB's own, not a power of 2.2.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepisp import shipped, spaces
from deepisp.develop import output
from deepisp.sensor import profile

_INFLECTION = 0.9  # gray from which highlights are kept: UPI's code, safe_invert_gains
STEPS = {torch.uint8: 255, torch.uint16: 65535}  # white of a stored picture; 1 of floating point


class Draw(NamedTuple):
    """How each picture of a batch came to be; the leading sizes (...) are the batch's.

    Attributes:
        is_toned: (...), whether the picture has a tone curve (smoothstep) that is to be undone.
        srgb_to_camera: (..., 3, 3), linear sRGB to balanced camera RGB; rows sum to 1, so that white stays white.
        neutral: (..., 3), camera RGB of a gray, green = 1: the inverse of the white balance.
        brightness: (...), the signal that a green photosite gives for display white: the inverse of a digital gain.
    """

    is_toned: Tensor
    srgb_to_camera: Tensor
    neutral: Tensor
    brightness: Tensor

    @property
    def gains(self) -> Tensor:
        """(..., 3), camera RGB of display white."""
        return self.neutral * self.brightness[..., None]

    def part(self, of: "slice | int") -> "Draw":
        """The draw of some pictures of the batch, or of one."""
        return Draw(*(field[of] for field in self))

    def record(self) -> dict[str, Any]:
        """The draw as numbers in lists, which JSON holds; `recorded` is the way back, to the bit."""
        return {name: field.tolist() for name, field in self._asdict().items()}

    @classmethod
    def recorded(cls, record: dict[str, Any]) -> Self:
        """The draw that `record` wrote down."""
        toned, *rest = (record[name] for name in cls._fields)
        return cls(torch.tensor(toned), *(torch.tensor(one, dtype=torch.float32) for one in rest))


@dataclass(frozen=True)
class Unprocessing:
    """The cameras and exposures that pictures are brought back to, as ranges to draw from.

    Attributes:
        red_gain: white balance gain of red, uniform in this range.
        blue_gain: of blue, the same.
        brightness_mean: of the normal distribution of what display white gives, 1 = the white level.
        brightness_std: its deviation.
        toned: share of the pictures whose tone curve is undone.
        xyz_to_camera: DNG ColorMatrix of real cameras for D65, mixed with random weights (convex).

    Source: UPI's code, random_gains; tone curve and mixing of matrices: inverse_smoothstep, random_ccm.
    """

    red_gain: tuple[float, float] = (1.9, 2.4)  # random_gains
    blue_gain: tuple[float, float] = (1.5, 1.9)  # random_gains
    brightness_mean: float = 0.8  # random_gains: rgb_gain = 1 / normal(0.8, 0.1)
    brightness_std: float = 0.1
    toned: float = 1.0  # UPI takes every picture for a toned one
    xyz_to_camera: tuple[tuple[tuple[float, float, float], ...], ...] = ()

    def draw(
        self, *batch: int, generator: torch.Generator | None = None, device: torch.device | str = "cpu"
    ) -> Draw:
        """Random cameras for a batch of these sizes, in float32; `draw()` is one for a picture (3, H, W)."""
        uniform = torch.rand(*batch, 3, generator=generator, device=device)
        low = uniform.new_tensor((self.red_gain[0], self.blue_gain[0], 0.0))
        high = uniform.new_tensor((self.red_gain[1], self.blue_gain[1], 1.0))
        red, blue, chance = torch.lerp(low, high, uniform).unbind(-1)
        normal = torch.randn(batch, generator=generator, device=device)
        matrices = uniform.new_tensor(self.matrices())  # (N, 3, 3); rows sum to the camera's white, not to 1
        # All weights 0 is no camera; UPI's weights end at 1e-16 of the largest, too.
        weights = torch.rand(*batch, len(matrices), generator=generator, device=device) + 1e-6
        mixed = torch.einsum("...n,nij->...ij", weights / weights.sum(-1, keepdim=True), matrices)
        return Draw(
            is_toned=chance < self.toned,
            srgb_to_camera=balanced(mixed),
            neutral=torch.stack((1 / red, torch.ones_like(red), 1 / blue), -1),
            # A tenth: the normal distribution has no end, light has.
            brightness=(self.brightness_mean + self.brightness_std * normal).clamp(min=0.1),
        )

    def matrices(self) -> NDArray[np.float64]:
        """The real cameras, linear sRGB to camera RGB, (N, 3, 3)."""
        return _cameras() if not self.xyz_to_camera else _from_srgb(np.array(self.xyz_to_camera))


def of_camera(
    xyz_to_camera: NDArray[np.float64],
    *,
    brightness: float = Unprocessing.brightness_mean,
    is_toned: bool = True,
) -> Draw:
    """The draw of one picture that is no chance: a camera by its color matrix, (3, 3), in the light D65."""
    matrix = _from_srgb(xyz_to_camera)
    white = matrix.sum(-1)
    return Draw(
        torch.tensor(is_toned),
        balanced(torch.from_numpy(matrix)).float(),
        torch.from_numpy(white / white[1]).float(),
        torch.tensor(brightness),
    )


def balanced(matrix: Tensor) -> Tensor:
    """A matrix (..., 3, 3) whose rows sum to 1: white balance, done before it or after it, is taken out."""
    return matrix / matrix.sum(-1, keepdim=True)


def unprocess(picture: Tensor, draw: Draw, *, keeps_highlights: bool = True) -> Tensor:
    """The signal of a camera with all three colors at each photosite, (..., 3, H, W), 0 to 1, where it saturates.

    Args:
        picture: (..., 3, H, W), sRGB: uint8, uint16, float32 or float64, 1 = white.
        draw: of a batch of the same leading sizes, on the same device.
        keeps_highlights: bring white to the white level in all three colors, as it is in real raw files, where a
            mere division by the gains would leave no photosite saturated. `process` cannot undo it above gray 0.9.
    """
    return to_camera(linearize(picture, draw), draw, keeps_highlights=keeps_highlights).clamp_(max=1)


def process(camera: Tensor, draw: Draw) -> Tensor:
    """The picture of a signal, sRGB, (..., 3, H, W) of the camera's type, 0 to 1: the twin of `unprocess`."""
    return encode(from_camera(camera, draw), draw)


def linearize(picture: Tensor, draw: Draw) -> Tensor:
    """Light of a picture, linear sRGB, 1 = white: (..., 3, H, W), float32, or float64 of float64."""
    toned = draw.is_toned[..., None, None, None]
    steps = STEPS.get(picture.dtype)
    if steps is None:
        stored = picture.clamp(0, 1)
        return _decode(torch.where(toned, 0.5 - torch.sin(torch.asin(1 - 2 * stored) / 3), stored))
    table = _table(steps, str(picture.device))
    index = picture.int().add_(toned.int() * (steps + 1))
    return table.index_select(0, index.flatten()).view(picture.shape)


def encode(linear: Tensor, draw: Draw) -> Tensor:
    """The twin of `linearize`: sRGB, 0 to 1, of light that is clipped to 0 to 1."""
    stored = output.encode(linear.clamp(0, 1), "srgb")
    return torch.where(draw.is_toned[..., None, None, None], stored * stored * (3 - 2 * stored), stored)


def to_camera(linear: Tensor, draw: Draw, *, keeps_highlights: bool = True) -> Tensor:
    """Light, linear sRGB (..., 3, H, W), to the signal of a camera that never saturates: 0 and more.

    Highlights are kept by more light, not by other gains as in UPI, where a dimmed picture shows them pink: from gray
    `_INFLECTION` to 1 light grows until white saturates the least sensitive color, too. The rest clips before.
    """
    gains = draw.gains[..., None]
    rows = [draw.srgb_to_camera * gains]
    if keeps_highlights:
        rows.append(draw.srgb_to_camera.mean(-2, keepdim=True))
    mixed = _apply(torch.cat(rows, -2).to(linear), linear)
    if not keeps_highlights:
        return mixed.clamp_(min=0)
    signal, gray = mixed.narrow(-3, 0, 3), mixed.narrow(-3, 3, 1)
    # UPI's curve: the square of how far gray lies above the inflection.
    share = gray.sub_(_INFLECTION).mul_(1 / (1 - _INFLECTION)).clamp_(0, 1).square_()
    missing = (1 / gains.amin(-2, keepdim=True) - 1).clamp(min=0)[..., None].to(linear)
    return (signal * share.mul_(missing).add_(1)).clamp_(min=0)


def from_camera(camera: Tensor, draw: Draw) -> Tensor:
    """The twin of `to_camera` without kept highlights: linear sRGB, not clipped."""
    matrix = draw.srgb_to_camera.double() * draw.gains.double()[..., None]
    return _apply(torch.linalg.inv(matrix).to(camera), camera)


def xyz_to_camera(draw: Draw) -> NDArray[np.float64]:
    """The DNG ColorMatrix for D65 of one draw, (3, 3): it predicts the draw's neutral for that white."""
    matrix = draw.srgb_to_camera.double().cpu().numpy() @ np.linalg.inv(spaces.rgb_to_xyz("srgb"))
    return np.asarray(draw.neutral.double().cpu().numpy()[:, None] * matrix)


def _apply(matrix: Tensor, planes: Tensor) -> Tensor:
    """(..., rows, 3) times (..., 3, H, W)."""
    mixed = torch.matmul(matrix, planes.flatten(-2))
    return mixed.reshape(*mixed.shape[:-1], *planes.shape[-2:])


def _decode(stored: Tensor) -> Tensor:
    """`spaces.decode` on tensors: light of sRGB, 0 to 1."""
    curve = spaces.CURVES["srgb"]
    power = ((stored + curve.offset) / (1 + curve.offset)) ** curve.gamma
    return torch.where(stored <= curve.toe, stored / curve.slope, power)


@lru_cache(maxsize=8)
def _table(steps: int, device: str) -> Tensor:
    """Light of each stored number, without a tone curve and then with one, (2 * (steps + 1),)."""
    stored = np.linspace(0, 1, steps + 1)
    both = (stored, 0.5 - np.sin(np.arcsin(1 - 2 * stored) / 3))
    return torch.from_numpy(spaces.decode(np.concatenate(both), "srgb")).float().to(device)


@lru_cache(maxsize=1)
def _cameras() -> NDArray[np.float64]:
    known = profile.load(shipped.folder("sensors") / "generic.toml").color
    return _from_srgb(np.array([one.xyz_to_camera for one in known]))


def _from_srgb(xyz_to_camera: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of UPI's mixture are not scaled before it: cameras weigh in as their matrices are."""
    return np.asarray(xyz_to_camera @ spaces.rgb_to_xyz("srgb"))
