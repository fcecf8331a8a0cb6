"""A camera at one ISO, as it is simulated: from a profile of sensors/, from a file of one's own, or from a noise line.

profile at an ISO ─► one Sensor per color ─► expose (photosites.py) ─► DN

Simulated of a profile: gain, read noise and its tails, rows, columns, bias, PRNU, DSNU, a full well below the white
level. Not simulated: what its `darks` say (dark current, hot photosites, random telegraph signal), and nonlinearity.
"""

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepisp.data import noises, photosites
from deepisp.data.photosites import Frame
from deepisp.sensor import cfa as cfa_cell
from deepisp.sensor import profile as sensor_profile
from deepisp.sensor.conversion import Entry
from deepisp.sensor.exposure import Sensor
from deepisp.sensor.noise import Noise
from deepisp.sensor.profile import Profile
from deepisp.sensor.quantization import rounded_variance

# Of a camera whose profile has no levels: 14 bits, the black level of many Sonys (sensors/sony-a7s-ii.toml).
_BLACK, _WHITE = 512.0, 16383.0
# Of the levels: a sensor that saturates above is ended by its converter, within a flat's error.
_CONVERTER = 0.99
_NOTICED = 0.05  # of a variance: standard error of one from 800 photosites
# Gets the least shot noise of the generic line, 1e-4: between an A7S II's and a Pixel's.
_PRIOR_ISO = 100.0
_D65 = 21  # EXIF LightSource


@dataclass(frozen=True)
class Camera:
    """What is simulated: the sources of noise that this module names, and its colors.

    Attributes:
        maker: as the profile spells it.
        model: the same.
        iso: None where there is none, as with a bare noise line.
        sensors: one per letter of the CFA, or one for all of them at None. Levels are the same in all.
        xyz_to_camera: DNG ColorMatrix for D65, (3, 3), or None if it is not known.
        cfa: the cell at the top left, or "" if it is not known.
        warning: what is doubtful about the profile at this ISO, on one line, or "".
    """

    maker: str
    model: str
    iso: float | None
    sensors: Mapping[str | None, Sensor]
    xyz_to_camera: NDArray[np.float64] | None = None
    cfa: str = ""
    warning: str = ""

    @property
    def any_sensor(self) -> Sensor:
        """One of the sensors: for the levels, in which they agree."""
        return next(iter(self.sensors.values()))

    def sensor(self, color: str) -> Sensor:
        """The sensor of one letter of the CFA.

        Raises:
            ValueError: the profile knows colors, but not this one.
        """
        found = self.sensors.get(color) or self.sensors.get(None)
        if found is None:
            known = ", ".join(str(one) for one in self.sensors)
            raise ValueError(
                f"{self.model} has no noise of color {color}; known: {known}; choose another --cfa"
            )
        return found

    def noise(self, colors: str) -> tuple[Noise, ...]:
        """DNG's NoiseProfile, one per letter: noise over time, with rows, columns and quantization.

        Fixed pattern is no part of it. Rounding counts as 1/12 DN squared: at black itself, a camera of less than half
        a DN differs, see `warning`.
        """
        return tuple(self.sensor(color).noise() for color in colors)

    def saturation_level(self, colors: str) -> float:
        """DN from which a photosite may be full: the white level, or 3 deviations at black below a full well."""
        known = [self.sensor(color) for color in colors]
        full = (
            one.black_level + one.full_well_e * one.gain - 3 * math.hypot(_std_dn(one), one.dsnu_e * one.gain)
            for one in known
        )
        return min(self.any_sensor.white_level, *full)

    def plain(self) -> "Camera":
        """The same noise line alone: read noise Gaussian, without rows, columns, bias and fixed pattern."""
        return replace(self, sensors={color: _plain(one) for color, one in self.sensors.items()})

    def frame(
        self,
        height: int,
        width: int,
        cfa: str,
        generator: torch.Generator | None = None,
        device: torch.device | str = "cpu",
    ) -> Frame:
        """Columns and fixed pattern of a frame, for `expose` to work on its bands."""
        return photosites.frame(self._distinct(cfa), height, width, generator, device)

    def expose(
        self,
        signal: Tensor,
        cfa: str,
        generator: torch.Generator | None = None,
        *,
        frame: Frame | None = None,
    ) -> Tensor:
        """DN that the camera gives for expected signals (..., 1, H, W), same shape; whole numbers.

        Args:
            signal: 1 at the white level.
            cfa: the cell at its top left.
            generator: of the signal's device.
            frame: from `frame`; a new one, and with it a new specimen of the camera, if left out.
        """
        distinct, (height, width) = self._distinct(cfa), signal.shape[-2:]
        frame = frame or self.frame(height, width, cfa, generator, signal.device)
        which = np.array([distinct.index(self.sensor(color)) for color in cfa_cell.colors(cfa)])
        index = cfa_cell.tiled(which[cfa_cell.indices(cfa)], height, width)
        return photosites.expose(
            signal, distinct, torch.from_numpy(index).to(signal.device), frame, generator
        )

    def _distinct(self, cfa: str) -> list[Sensor]:
        return list(dict.fromkeys(self.sensor(color) for color in cfa_cell.colors(cfa)))


def named(model: str, iso: float | None) -> Camera:
    """A camera of sensors/ by any of its names, "generic", or one of a profile (.toml) of one's own.

    Raises:
        ValueError: no such camera, or no noise of it at this ISO.
        OSError: the file cannot be read.
    """
    return of_profile(profile(model), iso)


def profile(model: str) -> Profile:
    """What is known of a camera of sensors/, by any of its names, or of one's own, by its file (.toml).

    Raises:
        ValueError: no such camera.
        OSError: the file cannot be read.
    """
    is_file = model.endswith(".toml") or os.sep in model
    return sensor_profile.load(Path(model)) if is_file else noises.known(model)


def of_profile(known: Profile, iso: float | None) -> Camera:
    """A camera at an ISO.

    The generic camera has the least shot noise of its prior at ISO 100; it grows with ISO, and read noise with it,
    along the prior's line.

    Raises:
        ValueError: no ISO where noise goes with it.
    """
    if known.prior is not None and not known.conversion_gains:
        iso = iso or _PRIOR_ISO
        shot = known.prior.shot_min * iso / _PRIOR_ISO
        camera = of_noise(Noise(shot, known.prior.read(shot)))
        return replace(camera, maker=known.maker, model=known.models[0], iso=iso)
    if iso is None:
        if any(gain.iso_min is not None for gain in known.conversion_gains):
            raise ValueError(f"the noise of {known.models[0]} goes with ISO; say which, as in --iso 800")
        iso = 1.0  # known at one ISO, which was not recorded; any finds it
        camera = _at(known, iso)
        return replace(camera, iso=None, warning=_coarse(camera.sensors.values()))
    return _at(known, iso)


def _at(known: Profile, iso: float) -> Camera:
    gain = known.nearest(iso)
    black, white = (known.levels.black_level, known.levels.white_level) if known.levels else (_BLACK, _WHITE)
    matrix = next((np.array(one.xyz_to_camera) for one in known.color if one.illuminant == _D65), None)
    sensors = {color: sensor_of(gain.at(iso, color), black, white) for color in gain.colors()}
    return Camera(
        maker=known.maker,
        model=known.models[0],
        iso=iso,
        sensors=sensors,
        xyz_to_camera=matrix,
        cfa=(known.levels.cfa if known.levels else None) or "",
        warning="; ".join(filter(None, (known.warning(iso), _coarse(sensors.values())))),
    )


def of_noise(
    noise: Noise, *, black_level: float = _BLACK, white_level: float = _WHITE, iso: float | None = None
) -> Camera:
    """A camera of which nothing but the noise line is known.

    Raises:
        ValueError: levels so coarse that rounding alone is more than the read noise.
    """
    sensor = sensor_of(Entry(shot=noise.shot, read=noise.read), black_level, white_level)
    made = sensor.noise()
    if made.read > noise.read * 1.001:
        levels = white_level - black_level
        raise ValueError(
            f"a read variance of {noise.read:g} is less than rounding to whole DN adds over {levels:g} levels, "
            f"{made.read:g}; take more levels, or a larger read variance"
        )
    return Camera("", "noise line", iso, {None: sensor}, warning=_coarse([sensor]))


def sensor_of(entry: Entry, black_level: float, white_level: float) -> Sensor:
    """The sensor behind an entry of a profile; its read noise holds quantization, which the sensor adds itself.

    Args:
        entry: gain with read noise, or shot with read, and what else is known.
        black_level: DN, on the scale of the entry's own figures in DN.
        white_level: the same at saturation.
    """
    levels = white_level - black_level
    if entry.gain is not None and entry.read_std is not None:
        gain, read_std_dn = entry.gain, entry.read_std
    else:
        assert entry.shot is not None and entry.read is not None  # noqa: PT018 (Entry checked both)
        gain, read_std_dn = entry.shot * levels, math.sqrt(entry.read) * levels
    full_well_e = entry.full_well_e or math.inf
    has_tails = entry.tukey_lambda is not None and entry.tukey_lambda > -0.5
    return Sensor(
        gain=gain,
        black_level=black_level,
        white_level=white_level,
        read_std_e=math.sqrt(max(read_std_dn**2 - 1 / 12, 0.0)) / gain,
        tukey_lambda=entry.tukey_lambda if has_tails else None,
        row_std_e=(entry.row_std_dn or 0.0) / gain,
        column_std_e=(entry.column_std_dn or 0.0) / gain,
        full_well_e=full_well_e if full_well_e * gain < _CONVERTER * levels else math.inf,
        prnu=entry.prnu or 0.0,
        dsnu_e=entry.dsnu_e or 0.0,
        bias=((entry.bias_dn or 0.0,),),
    )


def _plain(sensor: Sensor) -> Sensor:
    line = Sensor(sensor.gain, sensor.black_level, sensor.white_level, full_well_e=sensor.full_well_e)
    return replace(line, read_std_e=_std_dn(sensor) / sensor.gain)


def _std_dn(sensor: Sensor) -> float:
    """Noise at black before rounding, DN rms."""
    return math.hypot(sensor.read_std_e, sensor.row_std_e, sensor.column_std_e) * sensor.gain


def _coarse(sensors: Iterable[Sensor]) -> str:
    """A warning where rounding makes the noise at black another than the line says, or ""."""
    for sensor in sensors:
        std = _std_dn(sensor)
        said = std**2 + 1 / 12
        made = rounded_variance(std, sensor.black_level + sensor.bias[0][0]) if std else 0.0
        if abs(made / said - 1) > _NOTICED:
            return (
                f"noise of {std:.2f} DN at black, and rounding to whole DN: its variance there is {made:.3f} DN², the "
                f"noise line says {said:.3f}; some DN above black the line holds"
            )
    return ""
