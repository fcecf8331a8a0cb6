"""A picture to a raw file that a real sensor might have made, with the clean light beside it.

    picture ─► light (unprocess) ─► halved, blurred if asked ─► camera RGB = truth ─► dimmed ─► through the CFA
            ─► every noise source of a camera at an ISO ─► whole DN ─► RawImage, with its NoiseProfile

For training, many at once and without files: pairs.py.
"""

import json
import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepisp.data import camera as cameras
from deepisp.data import optics, pairs, unprocess
from deepisp.data.camera import Camera
from deepisp.data.unprocess import Draw, Unprocessing
from deepisp.raw.image import ColorCalibration, Exif, RawImage
from deepisp.sensor import cfa as cfa_cell

# Cells by name: quad is that of Sony's Quad Bayer, Samsung's Tetracell.
CELLS = {"xtrans": cfa_cell.XTRANS, "quad": "RRGGRRGGGGBBGGBB", "mono": "W"}
_BAND = 256  # rows in work at a time: 24 MP need 0.5 GB so, and 2 GB in one piece
_LARGEST = 65535  # DN of uint16
_D65 = 21  # EXIF LightSource
_DESCRIPTION = 270  # TIFF ImageDescription


@dataclass(frozen=True)
class Scene:
    """How light is made of a picture, and what happens to it before it meets the sensor.

    Attributes:
        is_toned: whether the picture has a tone curve that is to be undone, as most have.
        keeps_highlights: see `unprocess.unprocess`.
        halves: average 2 x 2 pixels, which makes a raw of half the size with a cleaner truth.
        psf: of the lens, (k, k) or (3, k, k), see optics.py; None for none.
        brightness: the signal of display white, 1 = the white level; None for what a random camera draws, or 0.8.
    """

    is_toned: bool = True
    keeps_highlights: bool = True
    halves: bool = False
    psf: Tensor | None = None
    brightness: float | None = None


class Simulated(NamedTuple):
    """A raw image, and what it would be without noise.

    Attributes:
        raw: its NoiseProfile is that of the noise over time that was simulated: without fixed pattern, and within a few
            DN of black only where noise is above half a DN (`Camera.warning` says where not).
        truth: (H, W, 3), or (H, W, 1) without color filters, float32: signal of all colors at each photosite, at
            `exposure_ratio` times the light.
        exposure_ratio: by how much less light the raw got.
        draw: how the light was made from the picture.
    """

    raw: RawImage
    truth: NDArray[np.float32]
    exposure_ratio: float
    draw: Draw

    def truth_image(self) -> RawImage:
        """The truth as a raw image of 16 bits, already demosaiced: `write_dng` keeps it, `develop` shows it."""
        raw, channels = self.raw, self.truth.shape[-1]
        values = np.rint(np.clip(self.truth, 0, 1) * np.float32(_LARGEST)).astype(np.uint16)
        is_mono = channels == 1
        return RawImage(
            mosaic=values[..., 0] if is_mono else None,
            linear=None if is_mono else values,
            cfa="W" if is_mono else "",
            black_level=np.zeros((1, 1) if is_mono else 3),
            white_level=np.full((1, 1) if is_mono else 3, float(_LARGEST)),
            as_shot_neutral=raw.as_shot_neutral,
            calibrations=raw.calibrations,
            baseline_exposure_ev=raw.baseline_exposure_ev,
            maker=raw.maker,
            model=raw.model,
            unique_model=raw.unique_model,
            exif=raw.exif,
        )


def raw(
    picture: NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32],
    *,
    camera: Camera | str = "generic",
    iso: float | None = None,
    cfa: str | None = None,
    exposure_ratio: float = 1.0,
    seed: int = 0,
    full: bool = True,
    scene: Scene | None = None,
    device: str = "cpu",
    digest: str = "",
) -> Simulated:
    """The raw file of a camera that saw the scene of a picture.

    Args:
        picture: (H, W, 3), sRGB, over the whole range of its type; float32 from 0 to 1.
        camera: a name of sensors/*.toml, the path of a profile, or what `data.camera` made.
        iso: of a camera given by name. The generic one is at ISO 100 without it.
        cfa: the cell at the top left, or a name of `CELLS`; the camera's own, or else RGGB, if left out.
        exposure_ratio: 1 or more: the sensor gets so much less light than a well exposed raw, as in SID.
        seed: of the noise, and of the colors of a camera that has no color matrix.
        full: what the profile knows but for its darks, see camera.py; False for the noise line alone: Gaussian read
            noise, no rows or columns, no fixed pattern.
        scene: what light is made of the picture.
        device: where to compute. The noise that a seed gives differs between CPU and GPU.
        digest: of what the raw is made from and how, for its ImageDescription, by which a later run may know it.

    Raises:
        ValueError: no such camera, CFA or ISO; a picture of another shape, an exposure ratio below 1, or a camera of
            more than 16 bits.
    """
    scene = scene or Scene()
    if picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(f"a picture is (H, W, 3), got {picture.shape}; convert it to RGB first")
    if not 1 <= exposure_ratio < math.inf:
        raise ValueError(
            f"an exposure ratio is 1 or more, got {exposure_ratio:g}; 100 is a hundredth of the light"
        )
    shot_by = cameras.named(camera, iso) if isinstance(camera, str) else camera
    shot_by = shot_by if full else shot_by.plain()
    if shot_by.any_sensor.white_level > _LARGEST:
        raise ValueError(
            f"a simulated raw has 16 bits, got a white level of {shot_by.any_sensor.white_level:g}; "
            f"give a profile whose [levels] end at {_LARGEST} or below"
        )
    cell = cell_of(cfa or shot_by.cfa or "RGGB")
    generator = torch.Generator(device).manual_seed(seed)
    draw = _draw(shot_by, scene, generator, device)
    light = _light(torch.from_numpy(np.require(picture, requirements=["C", "W"])), draw, cell, scene, device)
    mosaic = _exposed(light, shot_by, cell, exposure_ratio, generator)
    image = _image(mosaic, shot_by, cell, draw)
    text = {"iso": shot_by.iso, "seed": seed, "exposure_ratio": exposure_ratio, "full": full, **draw.record()}
    text |= {"digest": digest} if digest else {}
    words = f"simulated by deepisp, no photograph: {json.dumps(text)}"
    image = replace(image, exif=Exif(tags={"Image": {_DESCRIPTION: words}}, iso=shot_by.iso))
    truth = light.clamp_(max=1).permute(1, 2, 0).cpu().numpy()
    return Simulated(image, truth, exposure_ratio, draw)


def cell_of(name: str) -> str:
    """The CFA of a name of `CELLS`, in any case, or of letters.

    Raises:
        ValueError: neither of them, or letters that are not simulated.

    >>> cell_of("quad"), cell_of("bggr")
    ('RRGGRRGGGGBBGGBB', 'BGGR')
    """
    cell = CELLS.get(name.lower(), name.upper())
    try:
        pairs.check_letters(cell)
    except ValueError as error:
        raise ValueError(f"{error}; or one of {', '.join(CELLS)}") from error
    return cell


def _draw(camera: Camera, scene: Scene, generator: torch.Generator, device: str) -> Draw:
    """A known camera's colors, or random ones."""
    if camera.xyz_to_camera is not None:
        brightness = Unprocessing.brightness_mean if scene.brightness is None else scene.brightness
        known = unprocess.of_camera(camera.xyz_to_camera, brightness=brightness, is_toned=scene.is_toned)
        return Draw(*(field.to(device) for field in known))
    drawn = Unprocessing(toned=float(scene.is_toned)).draw(generator=generator, device=device)
    if scene.brightness is None:
        return drawn
    return drawn._replace(brightness=torch.full_like(drawn.brightness, scene.brightness))


def _light(picture: Tensor, draw: Draw, cell: str, scene: Scene, device: str) -> Tensor:
    """(C, H, W) signal without noise or end, band by band; a lens sees all of it at once."""
    step = 2 if scene.halves else 1
    height, width = (side // step for side in picture.shape[:2])
    light = torch.empty(3, height, width, device=device)
    for top in range(0, height, _BAND):
        band = picture[top * step : (top + _BAND) * step].to(device).permute(2, 0, 1).contiguous()
        linear = unprocess.linearize(band, draw)
        light[:, top : top + _BAND] = optics.halve(linear) if scene.halves else linear
    if scene.psf is not None:
        light = optics.blur(light, scene.psf)
    for top in range(0, height, _BAND):
        band = light[:, top : top + _BAND]
        band.copy_(unprocess.to_camera(band, draw, keeps_highlights=scene.keeps_highlights))
    return pairs.unfiltered(light, draw.neutral) if cfa_cell.kind(cell) == "mono" else light


def _exposed(
    light: Tensor, camera: Camera, cell: str, ratio: float, generator: torch.Generator
) -> NDArray[np.uint16]:
    """(H, W) DN, band by band; bands are whole cells high, so that each begins as the first does."""
    height, width = light.shape[1:]
    mosaic = np.empty((height, width), np.uint16)
    frame = camera.frame(height, width, cell, generator, light.device)
    band = _BAND // cfa_cell.WHOLE * cfa_cell.WHOLE
    for top in range(0, height, band):
        signal = pairs.through(light[:, top : top + band], cell) / ratio
        part = frame.band(top, top + band)
        mosaic[top : top + band] = camera.expose(signal, cell, generator, frame=part)[0].cpu().numpy()
    return mosaic


def _image(mosaic: NDArray[np.uint16], camera: Camera, cell: str, draw: Draw) -> RawImage:
    """The raw image with all that is true of it. No maker's name: programs would take it for that camera's file."""
    side, sensor = cfa_cell.side(cell), camera.any_sensor
    is_mono = cfa_cell.kind(cell) == "mono"
    has_maker = camera.model.casefold().startswith(camera.maker.casefold())
    name = camera.model if has_maker else f"{camera.maker} {camera.model}"
    return RawImage(
        mosaic=mosaic,
        cfa=cell,
        black_level=np.full((side, side), sensor.black_level),
        white_level=np.full((side, side), sensor.white_level),
        saturation_level=np.full((side, side), camera.saturation_level(cfa_cell.colors(cell))),
        as_shot_neutral=None if is_mono else draw.neutral.double().cpu().numpy(),
        calibrations=() if is_mono else (ColorCalibration(unprocess.xyz_to_camera(draw), illuminant=_D65),),
        baseline_exposure_ev=-math.log2(float(draw.brightness)),
        noise=camera.noise(cfa_cell.colors(cell)),
        maker="deepisp",
        model=f"{name} (simulated)",
        unique_model=f"{name} (simulated by deepisp)",
    )
