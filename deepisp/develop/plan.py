"""Every number that is solved before a pixel is touched: what a raw file and a user's settings come to."""

import math
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepisp.develop import (
    balance,
    color,
    dark_shading,
    darkness,
    defects,
    frame,
    levels,
    network_choice,
    opcode_lists,
    samples,
    shading_map,
    tone,
    unheeded,
)
from deepisp.develop.demosaic import methods
from deepisp.develop.levels import Levels
from deepisp.develop.opcode_lists import Scales, Shading
from deepisp.develop.settings import Settings
from deepisp.raw.image import Area, RawImage
from deepisp.raw.opcodes import Opcode
from deepisp.sensor import cfa as cfa_cell
from deepisp.sensor.noise import Noise


class Window(NamedTuple):
    """What the picture shows of the demosaiced light, in its pixels; `size` is the picture's rows and columns."""

    top: int
    left: int
    height: int
    width: int
    size: tuple[int, int]


@dataclass(frozen=True)
class Plan:
    """A development, ready to run. Rows and columns count from the top left of the active area.

    Attributes:
        settings: what was asked for.
        values: (H, W) or (H, W, 3) uint16 or float32, stored values of the active area, defects repaired.
        cfa: the cell at values[0, 0]; "" if linear.
        levels: black and scale of `values`.
        gains: (C,) white balance, green = 1.
        mosaic_levels: (C,) balanced signal at which each color saturates, before any lens gain.
        clip_levels: (C,) the same after list 3.
        ceiling: the lowest of them: 1.0 of the light that `matrix` gives.
        shading: lens gains of list 2, or None.
        after: opcodes of list 3, for demosaiced light.
        delta_scale: the unit of their deltas.
        matrix: (3, C) balanced camera colors to linear Rec. 2020, exposure included.
        white: linear Rec. 2020 light that the tone curve shows as white: where the sensor clips, of a dark frame where
            it would clip at the full exposure.
        lift: gain on the light of a dark frame, in place of an exposure by tone.py; 1 for none.
        crop: what the picture shows.
        pixel_aspect: width of a pixel over its height as displayed.
        network: name or file of the one that demosaics and denoises; "" for a classical method.
        noise: of each color's balanced signal before lens gains, as the network is told it; () without one.
        warnings: one line each.
    """

    settings: Settings
    values: NDArray[Any]
    cfa: str
    levels: Levels
    gains: NDArray[np.float64]
    mosaic_levels: NDArray[np.float64]
    clip_levels: NDArray[np.float64]
    ceiling: float
    shading: Shading | None
    after: tuple[Opcode, ...]
    delta_scale: float
    matrix: NDArray[np.float64]
    white: float
    lift: float
    crop: Area
    pixel_aspect: float
    network: str
    noise: tuple[Noise, ...]
    warnings: tuple[str, ...]

    @property
    def pattern(self) -> NDArray[np.intp]:
        """Color indices of the cell at values[0, 0], (n, n)."""
        return cfa_cell.indices(self.cfa)

    @property
    def highlights(self) -> Literal["clip", "blend", "reconstruct"]:
        """How clipped light is treated: as asked, or `blend` where there is no mosaic to reconstruct."""
        asked = self.settings.highlights
        return "blend" if asked == "reconstruct" and not self.cfa else asked

    @property
    def reconstructs(self) -> bool:
        """Whether clipped photosites are raised by what their neighbors of other colors see."""
        return self.highlights == "reconstruct" and len(self.gains) > 1

    @property
    def is_settled_late(self) -> bool:
        """Whether highlights wait for list 3: it moves the levels at which colors clip, each by another factor."""
        return opcode_lists.changes_colors(self.after)

    @property
    def signal_ceiling(self) -> float:
        """Where the balanced signal is ended before demosaicing: only `clip` ends it at white.

        Networks see far, and are never shown what no sensor can give; nor, in a dark frame, lamps that are far brighter
        than what is shown as white, with noise on top of it: they have learned from pictures, which end there.
        """
        most = math.inf
        if self.highlights == "clip" and not self.is_settled_late:
            most = self.ceiling
        elif self.network:
            most = 2 * float(self.mosaic_levels.max())
        if self.network and self.lift > 1:
            shown = 1.5 * self.ceiling / self.lift
            most = min(most, shown + 3 * max(math.sqrt(one.shot * shown + one.read) for one in self.noise))
        return most

    @property
    def blend_ceiling(self) -> float | None:
        """The level above which demosaiced light is blended before list 3; None for not at all."""
        return self.ceiling if self.highlights == "blend" and not self.is_settled_late else None

    @property
    def gain(self) -> float:
        """What balanced light is multiplied by before any exposure by tone.py."""
        return float(2.0**self.settings.ev) * self.lift / self.ceiling

    @property
    def block(self) -> int:
        """Photosites on a side of one pixel of the demosaiced light."""
        return methods.block(self.cfa) if self.settings.half else 1

    @property
    def window(self) -> Window:
        """Where the picture lies in the demosaiced light."""
        crop = self.crop
        top, left, height, width = (n // self.block for n in (crop.top, crop.left, crop.height, crop.width))
        size = frame.target_size(height, width, aspect=self.pixel_aspect, longest=self.settings.size)
        return Window(top, left, height, width, size)

    @property
    def needs_whole(self) -> bool:
        """Whether the picture cannot be made band by band: list 3 or another size needs all of the light at once."""
        return bool(self.after) or self.window.size != (self.window.height, self.window.width)

    def shown(self, light: NDArray[np.float32], *, threads: int = 1) -> NDArray[np.float32]:
        """What the picture shows, at its size, of the whole of the demosaiced light (C, H, W)."""
        top, left, height, width, size = self.window
        if self.after:
            light = self.with_list_3(light, threads=threads)
        return frame.resize(light[:, top : top + height, left : left + width], *size)

    def shading_rows(self, rows: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Lens gains of some rows, (len(rows), W) or (3, len(rows), W), and the least of any color, (len(rows), W)."""
        assert self.shading is not None
        columns = np.arange(self.values.shape[1])
        return self.shading.at(rows, columns), self.shading.lowest(rows, columns)

    def with_list_3(self, planes: NDArray[np.float32], *, threads: int = 1) -> NDArray[np.float32]:
        """Balanced light (C, H, W), the whole of the active area, after list 3."""
        scales = Scales(self.delta_scale, self.pixel_aspect)
        if not self.is_settled_late:
            return opcode_lists.exact(planes, self.after, scales, threads=threads)
        # Tables, polynomials and deltas speak of the camera's own colors, where 1 is the white level.
        gains = self.gains.astype(np.float32)[:, None, None]
        light = opcode_lists.exact(planes / gains, self.after, scales, threads=threads) * gains
        shape = planes.shape[1], planes.shape[2]
        plateaus = opcode_lists.plateaus(self.mosaic_levels / self.gains, self.after, shape, scales) * gains
        lost = np.maximum(light - plateaus.min(axis=0), 0)
        light -= lost
        return light if self.highlights == "clip" else light + lost.mean(axis=0)


def solve(raw: RawImage, settings: Settings, *, threads: int = 1, device: str = "cpu") -> Plan:
    """The plan for a raw file.

    Args:
        raw: any kind of raw image.
        settings: how to render.
        threads: how many share a warp that stands in list 2.
        device: that will carry the plan out; it decides which network is the default.

    Raises:
        ValueError: a setting does not fit the file.
    """
    raw = levels.bounded(raw.with_levels(black=settings.black, white=settings.white, cfa=settings.cfa))
    if settings.shading_map is not None:
        raw = shading_map.applied(raw, settings.shading_map)
    delta_scale = opcode_lists.full_scale(raw)
    pixel_aspect, odd = frame.plausible_aspect(raw.pixel_aspect)
    raw = opcode_lists.after_list_1(replace(raw, pixel_aspect=pixel_aspect))
    raw = dark_shading.corrected(raw, settings)
    crop = _crop(raw, settings)
    balanced = balance.white_balance(settings.wb, raw)
    transform = color.camera_to_rec2020(
        raw.calibrations, raw.analog_balance, balanced.neutral, colors=raw.colors
    )
    acted = opcode_lists.after_list_2(
        raw, _repaired(raw, settings), lens_too=settings.lens, delta_scale=delta_scale, threads=threads
    )
    cfa = raw.active_cfa
    block = methods.block(cfa) if settings.half else 1
    shape = raw.active.height // block, raw.active.width // block
    after, left_out = opcode_lists.list_3(raw, block=block) if settings.lens else ((), ())
    clip_levels = acted.saturation
    if opcode_lists.changes_colors(after):
        clip_levels = opcode_lists.carried_far(clip_levels, after, shape, Scales(delta_scale, pixel_aspect))
    plan = Plan(
        settings=settings,
        values=acted.values,
        cfa=cfa,
        levels=acted.levels,
        gains=balanced.gains,
        mosaic_levels=acted.saturation * balanced.gains,
        clip_levels=clip_levels * balanced.gains,
        ceiling=float((clip_levels * balanced.gains).min()),
        shading=acted.shading,
        after=after,
        delta_scale=delta_scale,
        matrix=transform.matrix,
        white=1.0,
        lift=1.0,
        crop=crop,
        pixel_aspect=pixel_aspect,
        network="",
        noise=(),
        warnings=(*raw.warnings, *balanced.warnings, *transform.warnings, *odd, *left_out),
    )
    return _exposed(_with_network(plan, raw, device), raw.baseline_exposure_ev)


def _with_network(plan: Plan, raw: RawImage, device: str) -> Plan:
    """The plan with what a dark frame is lifted by, and the network that its noise then asks for."""
    lift, told = darkness.find(plan, raw)
    network = network_choice.choose(raw, plan.settings, plan.gains, lift=lift, device=device)
    is_dark = lift >= darkness.FAR
    missed = unheeded.lines(plan.cfa, plan.settings, network.name, is_dark=is_dark)
    return replace(
        plan,
        # A hot photosite that nobody sees in daylight is a colored dot at a hundred times the light.
        values=_without_hot(plan.values, plan.cfa) if plan.cfa and is_dark else plan.values,
        lift=lift,
        network=network.name,
        noise=network.noise,
        warnings=(*plan.warnings, *told, *network.warnings, *missed),
    )


def _repaired(raw: RawImage, settings: Settings) -> NDArray[Any]:
    """Stored values of the active area after black deltas and hot photosites."""
    area = raw.active
    values: NDArray[Any] = levels.without_deltas(raw)[area.top : area.bottom, area.left : area.right]
    return _without_hot(values, raw.active_cfa) if settings.hot_pixels and raw.mosaic is not None else values


def _without_hot(values: NDArray[Any], cfa: str) -> NDArray[Any]:
    return defects.repair(values, defects.hot_pixels(values, cfa=cfa), cfa=cfa)


def _crop(raw: RawImage, settings: Settings) -> Area:
    """What the picture shows, from the corner of the active area."""
    crop = opcode_lists.trimmed(raw)
    block = methods.block(raw.cfa) if settings.half else 1
    if min(crop.shape) < block:
        raise ValueError(
            f"half size makes a pixel of {block} x {block} photosites, got {crop.height} x {crop.width}; leave half out"
        )
    return crop


def _exposed(plan: Plan, baseline_ev: float) -> Plan:
    """The plan with its exposure: 1 is the light at which the first balanced color clips, or would if lifted."""
    gain = plan.gain
    # Clipping ends all colors at the ceiling; the other ways know more light, up to the mean of what they kept.
    most = plan.ceiling if plan.highlights == "clip" else float(plan.clip_levels.mean())
    is_given = darkness.given(plan.settings) is not None
    if is_given or plan.lift > 1:
        # The lift that was found ends where a picture is shown; one that was given stands for light on the sensor.
        gain *= 2.0**baseline_ev if plan.settings.tone == "default" and is_given else 1.0
        return replace(plan, matrix=plan.matrix * gain, white=most * gain / plan.lift)
    if plan.settings.tone == "default":
        light = np.maximum(samples.light(plan) / plan.ceiling, 0) @ plan.matrix.T
        gain *= tone.exposure(light.astype(np.float32), baseline_ev)
    return replace(plan, matrix=plan.matrix * gain, white=most * gain)
