"""Demosaicing and denoising in the physical domain: pictures as a camera's raw signal, scored as light and as seen.

    sRGB ─► light ─► camera RGB that saturates ─► CFA ─► + the camera's noise at an ISO ─► white balance
         ─► method ─► clip ─┬─► linear PSNR, color shift
                            └─► sRGB ─► PSNR, CIEDE2000

A picture's white balance and its noise's random numbers depend on its number alone, so methods see the same mosaics
and ISOs the same scenes. Pictures are taken for sRGB without a tone curve.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray

from deepisp.data import noises, unprocess
from deepisp.data.pairs import Simulator
from deepisp.data.unprocess import Draw, Unprocessing
from deepisp.sensor import profile
from deepisp.sensor.noise import Noise
from deepisp.train import jdd, metrics

Method = Callable[[NDArray[np.float32], Sequence[Noise]], NDArray[np.float32]]

_D65 = 21  # EXIF LightSource
_WINDOW = 64  # pixels: noise of a photosite's 10 % is 0.3 % of a color's mean over it


class Shooting(NamedTuple):
    """A camera at an ISO, for mosaics of a CFA.

    Attributes:
        name: CAMERA:ISO, as it was asked for.
        simulator: what makes its mosaics; white balance in the range of UPI, display white at 0.8 of the white level.
    """

    name: str
    simulator: Simulator

    @classmethod
    def of(cls, name: str, cfa: str = "RGGB") -> Self:
        """CAMERA:ISO, the camera by a name of sensors/ or a profile (.toml).

        Raises:
            ValueError: another form, no such camera, or a profile without a color matrix for D65 or noise by ISO.
            OSError: the profile cannot be read.
        """
        model, _, number = name.rpartition(":")
        try:
            iso = float(number)
        except ValueError as error:
            raise ValueError(
                f"a camera is written CAMERA:ISO, got {name!r}; as in nikon-d850:3200"
            ) from error
        known = profile.load(Path(model)) if model.endswith(".toml") else noises.known(model)
        matrix = next((one.xyz_to_camera for one in known.color if one.illuminant == _D65), None)
        if matrix is None or len(matrix) != 3:
            raise ValueError(f"{model} has no color matrix of three colors for D65; choose another camera")
        known.noise(iso)
        camera = Unprocessing(
            toned=0.0, brightness_std=0.0, xyz_to_camera=((matrix[0], matrix[1], matrix[2]),)
        )
        return cls(name, Simulator(cfa, noises.OfCamera(known, (iso, iso)), camera))


class Taken(NamedTuple):
    """What a method gets of a picture, and what it should say.

    Attributes:
        mosaic: (H, W) white-balanced signal.
        noise: its line, of R, G and B.
        truth: (H, W, 3) white-balanced; above 1 where only green saturates at 1.
        draw: how the light was made of the picture.
    """

    mosaic: NDArray[np.float32]
    noise: tuple[Noise, ...]
    truth: NDArray[np.float32]
    draw: Draw


class Score(NamedTuple):
    """What a method reached on a set of pictures, means over them.

    Attributes:
        psnr: of balanced camera RGB, dB; all channels together, border left out.
        worst: the least of them.
        srgb_psnr: of the pictures that these make, dB.
        delta_e: CIEDE2000 between them.
        color_shift: percent of white, the worst color's: how far local means are off, by `local_error`.
        cpu_s_per_mp: CPU seconds of this process per million photosites, the method alone.
        pictures: how many.
    """

    psnr: float
    worst: float
    srgb_psnr: float
    delta_e: float
    color_shift: float
    cpu_s_per_mp: float
    pictures: int


def score(
    method: Method, pictures: Iterable[NDArray[Any]], shooting: Shooting, *, border: int = metrics.BORDER
) -> Score:
    """Run a method over pictures.

    Args:
        method: balanced mosaic (H, W) and its noise, of R, G and B, to balanced RGB (H, W, 3).
        pictures: (H, W, 3) uint8 or uint16, sRGB.
        shooting: camera and ISO.
        border: pixels left out on each side.

    Raises:
        ValueError: there is no picture.
    """
    rows, shifts, cpu, photosites = [], [], 0.0, 0
    for number, picture in enumerate(pictures):
        taken = take(picture, shooting, number=number)
        start = time.process_time()
        output = method(taken.mosaic, taken.noise)
        cpu += time.process_time() - start
        photosites += taken.mosaic.size
        shown = [seen(one, taken.draw) for one in (output, taken.truth)]
        rows.append(
            (
                metrics.psnr(output, taken.truth, border=border),
                metrics.psnr(*shown, border=border),
                metrics.delta_e(*shown, border=border),
            )
        )
        shifts.append(local_error(output, taken.truth, border=border))
    if not rows:
        raise ValueError("no pictures to evaluate on; give a folder that holds some")
    linear, srgb, delta_e = np.mean(rows, 0).tolist()
    shift = 100 * float(np.mean(shifts, 0).max())
    return Score(linear, min(row[0] for row in rows), srgb, delta_e, shift, cpu / photosites * 1e6, len(rows))


def take(picture: NDArray[Any], shooting: Shooting, *, number: int) -> Taken:
    """A picture (H, W, 3) as the camera gives it; `number` is the seed of white balance and noise."""
    generator = torch.Generator().manual_seed(number)
    given = torch.from_numpy(np.ascontiguousarray(picture)).movedim(-1, 0)[None]
    simulator = shooting.simulator
    made = jdd.balanced(simulator(given, generator), simulator.cfa)
    assert made.draw is not None  # the simulator of a camera draws one
    lines = tuple(Noise(*one) for one in torch.stack(made.noise, -1)[0].tolist())
    truth = made.truth[0].movedim(0, -1).contiguous().numpy()
    return Taken(made.mosaic[0, 0].numpy(), lines, truth, made.draw.part(0))


def seen(balanced: NDArray[np.float32], draw: Draw) -> NDArray[np.float32]:
    """The sRGB picture (H, W, 3), 0 to 1, of balanced camera RGB, which is clipped: saturated light is white."""
    camera = torch.from_numpy(np.clip(balanced, 0, 1)) * draw.neutral
    return np.asarray(unprocess.process(camera.movedim(-1, 0), draw).movedim(0, -1).numpy())


def local_error(
    output: NDArray[Any], truth: NDArray[Any], *, window: int = _WINDOW, border: int = metrics.BORDER
) -> NDArray[np.float64]:
    """How far the colors' local means are off, (C,): mean over squares of the absolute difference.

    Args:
        output: (H, W, C), clipped to 0 to 1 here, as `truth` is.
        truth: the same shape.
        window: side of the squares, at most the picture's; those that do not fit are left out.
        border: pixels left out on each side.
    """
    error = metrics.cut(output, border).astype(np.float64) - metrics.cut(truth, border)
    side = min(window, *error.shape[:2])
    height, width = (length // side for length in error.shape[:2])
    squares = error[: height * side, : width * side].reshape(height, side, width, side, -1)
    return np.asarray(np.abs(squares.mean((1, 3))).mean((0, 1)))
