"""One exposure: from the light that falls on a sensor to the numbers that it gives.

    electrons ─► response ─► + dark current ─► shot ─► full well ─► + offsets, reset, read, banding, RTS
              ─► gain ─► + black level ─► whole DN ─► DN from 0 to white level

What stays from frame to frame is a `FixedPattern`, drawn once per sensor from a seed of its own; the rest is drawn
anew by each exposure's generator. Nothing is clipped below black but at DN 0, where the converter ends.
The sources one by one: sensor/sources.py. Tensors are (..., 1, H, W).
"""

import math
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from deepisp.sensor import cfa as cfa_cell
from deepisp.sensor import sources
from deepisp.sensor.noise import Noise


@dataclass(frozen=True)
class FixedPattern:
    """What is the same in all frames of one sensor, each (H, W).

    Attributes:
        response: gain of each photosite on light, mean 1 (PRNU).
        offset_e: electrons on top of black (DSNU; add dark shading to it where it is known).
        dark_current_e: electrons per second at the sensor's reference temperature, hot pixels included.
        telegraph_e: amplitude of random telegraph signal, 0 for most.
    """

    response: Tensor
    offset_e: Tensor
    dark_current_e: Tensor
    telegraph_e: Tensor

    def to(self, like: Tensor) -> "FixedPattern":
        """The same pattern in the type and place of another tensor, (H, W)."""
        return FixedPattern(*(getattr(self, one.name).to(like) for one in fields(self)))


@dataclass(frozen=True)
class Sensor:
    """What a sensor at one ISO does to light. All sources but shot noise and quantization are off until asked for.

    Attributes:
        gain: DN per electron.
        black_level: DN at no light.
        white_level: largest DN of the converter.
        full_well_e: electrons that a photosite holds.
        read_std_e: read noise without rows, columns, reset and quantization, electrons rms.
        tukey_lambda: shape of the read noise, see sensor/tukey.py; None for Gaussian.
        row_std_e: row banding, electrons rms, new in each frame.
        column_std_e: column banding, the same.
        capacitance_ff: of the sense node in femtofarad, for reset (kTC) noise; 0 for none.
        has_cds: whether correlated double sampling takes the reset noise away.
        dark_current_e: mean electrons per second at `dark_reference_c`.
        dark_reference_c: degrees Celsius.
        dark_doubling_k: kelvin in which dark current doubles: 6 to 8 (EMVA 1288, typical of silicon).
        prnu: deviation of the photosites' response, a fraction.
        dsnu_e: deviation of the photosites' offset, electrons.
        hot_fraction: photosites with an excess of dark current.
        hot_current_e: its mean, electrons per second; exponentially distributed (R. L. Baer, SPIE 6068, 2006).
        telegraph_fraction: photosites with random telegraph signal.
        telegraph_e: its mean amplitude, electrons; exponentially distributed (X. Wang et al., IEDM 2006).
        bias: DN on top of `black_level`, row by row of a cell that repeats from the first photosite, as CFA cells do.
        is_quantized: whether it gives whole DN.
    """

    gain: float
    black_level: float
    white_level: float
    full_well_e: float = math.inf
    read_std_e: float = 0.0
    tukey_lambda: float | None = None
    row_std_e: float = 0.0
    column_std_e: float = 0.0
    capacitance_ff: float = 0.0
    has_cds: bool = True
    dark_current_e: float = 0.0
    dark_reference_c: float = 25.0
    dark_doubling_k: float = 7.0
    prnu: float = 0.0
    dsnu_e: float = 0.0
    hot_fraction: float = 0.0
    hot_current_e: float = 0.0
    telegraph_fraction: float = 0.0
    telegraph_e: float = 0.0
    bias: tuple[tuple[float, ...], ...] = ((0.0,),)
    is_quantized: bool = True

    def __post_init__(self) -> None:
        """Physical bounds, once."""
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name.endswith(("_e", "_ff", "_fraction", "prnu")) and not value >= 0:
                raise ValueError(
                    f"{one.name} is no less than 0, got {value}; leave it out where it is not known"
                )
        if not (self.gain > 0 and self.white_level > self.black_level and self.dark_doubling_k > 0):
            raise ValueError(
                "gain and dark_doubling_k lie above 0 and white_level above black_level, got "
                f"{self.gain}, {self.dark_doubling_k}, {self.white_level}, {self.black_level}; see the data sheet"
            )
        if max(self.hot_fraction, self.telegraph_fraction) > 1:
            raise ValueError("a fraction of photosites is at most 1; write 1 % as 0.01")
        if self.tukey_lambda is not None and not self.tukey_lambda > -0.5:
            raise ValueError(f"tukey_lambda lies above -0.5, got {self.tukey_lambda}; None is Gaussian")

    @property
    def levels(self) -> float:
        """DN from black to white."""
        return self.white_level - self.black_level

    @property
    def has_pattern(self) -> bool:
        """Whether something of it stays from frame to frame, besides the mean dark current and `bias`."""
        hot, telegraph = self.hot_fraction * self.hot_current_e, self.telegraph_fraction * self.telegraph_e
        return max(self.prnu, self.dsnu_e, hot, telegraph) > 0

    def reset_std_e(self, temperature_c: float) -> float:
        """Reset noise that is left, electrons rms: none with CDS."""
        return 0.0 if self.has_cds else sources.reset_std_e(self.capacitance_ff, temperature_c)

    def dark_growth(self, temperature_c: float) -> float:
        """Factor on the dark currents at this temperature."""
        return sources.dark_growth(
            temperature_c, reference_c=self.dark_reference_c, doubling_k=self.dark_doubling_k
        )

    def noise(self, *, exposure_s: float = 0.0, temperature_c: float = 25.0) -> Noise:
        """The variance over time of one photosite that is neither hot nor has a trap: DNG's NoiseProfile."""
        variance_e = sum(
            std**2
            for std in (self.read_std_e, self.row_std_e, self.column_std_e, self.reset_std_e(temperature_c))
        )
        variance_e += self.dark_current_e * exposure_s * self.dark_growth(temperature_c)
        variance_e += self.is_quantized / 12 / self.gain**2
        return Noise.from_electrons(self.gain, math.sqrt(variance_e), self.levels)

    def pattern(
        self, height: int, width: int, *, seed: int, dtype: torch.dtype = torch.float32
    ) -> FixedPattern:
        """The fixed pattern of one specimen, four of (H, W); made on the CPU so that a seed is a sensor anywhere."""
        generator = torch.Generator().manual_seed(seed)
        map_ = torch.empty(height, width, dtype=dtype)

        def some(fraction: float, mean: float) -> Tensor:
            chosen = torch.empty_like(map_).uniform_(generator=generator) < fraction
            return torch.empty_like(map_).exponential_(generator=generator) * chosen * mean

        return FixedPattern(
            response=1 + sources.gaussian_like(map_, self.prnu, generator),
            offset_e=sources.gaussian_like(map_, self.dsnu_e, generator),
            dark_current_e=self.dark_current_e + some(self.hot_fraction, self.hot_current_e),
            telegraph_e=some(self.telegraph_fraction, self.telegraph_e),
        )

    def expose(
        self,
        electrons: Tensor,
        *,
        pattern: FixedPattern | None = None,
        exposure_s: float = 0.0,
        temperature_c: float = 25.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """What the sensor reads where light frees so many electrons on average.

        Args:
            electrons: expected photoelectrons, (..., 1, H, W), float32 or float64; below 0 counts as 0.
            pattern: from `pattern`, made once per specimen; None only for a sensor without one.
            exposure_s: seconds in which dark current gathers.
            temperature_c: of the sensor, degrees Celsius.
            generator: of the tensor's device.

        Returns:
            DN from 0 to `white_level`, same shape and type; whole numbers if `is_quantized`.

        Raises:
            ValueError: the sensor has a fixed pattern and none was given, or one of another size.
        """
        pattern = self._checked(pattern, electrons)
        response = 1.0 if pattern is None else pattern.response
        dark = self.dark_current_e if pattern is None else pattern.dark_current_e
        dark_e = dark * (exposure_s * self.dark_growth(temperature_c))
        # PRNU is a spread of area and quantum efficiency, so it acts on light, before electrons are counted.
        counted = sources.shot(electrons.clamp(min=0) * response + dark_e, generator)
        held = counted.clamp(max=self.full_well_e)
        return self.digitize(self._read_out(held, pattern, temperature_c, generator))

    def digitize(self, electrons: Tensor) -> Tensor:
        """DN of electrons that were read, (..., 1, H, W): gain, black level and bias, whole numbers, the ends."""
        dn = electrons * self.gain + (self.black_level + _tiled(self.bias, electrons))
        return (sources.quantize(dn) if self.is_quantized else dn).clamp(0, self.white_level)

    def _read_out(
        self,
        held: Tensor,
        pattern: FixedPattern | None,
        temperature_c: float,
        generator: torch.Generator | None,
    ) -> Tensor:
        """Electrons with the noise of reading them; sources that are off cost nothing."""
        reset_std_e = self.reset_std_e(temperature_c)
        if self.tukey_lambda is None:  # two white Gaussians are one
            white_std_e = math.hypot(self.read_std_e, reset_std_e)
        else:
            white_std_e = reset_std_e
            held = held + sources.tukey_like(held, self.read_std_e, self.tukey_lambda, generator)
        if white_std_e:
            held = held + sources.gaussian_like(held, white_std_e, generator)
        if self.row_std_e:
            held = held + sources.rows_like(held, self.row_std_e, generator)
        if self.column_std_e:
            held = held + sources.columns_like(held, self.column_std_e, generator)
        if pattern is not None:
            held = held + pattern.offset_e
            if self.telegraph_fraction:
                held = held + sources.telegraph_like(held, pattern.telegraph_e, generator)
        return held

    def _checked(self, pattern: FixedPattern | None, electrons: Tensor) -> FixedPattern | None:
        if pattern is None:
            if self.has_pattern:
                raise ValueError(
                    "this sensor has a fixed pattern, and none was given; make it once: sensor.pattern(H, W, seed=0)"
                )
            return None
        if pattern.response.shape != electrons.shape[-2:]:
            raise ValueError(
                f"the fixed pattern has {tuple(pattern.response.shape)} photosites, the light "
                f"{tuple(electrons.shape[-2:])}; make one of the same size with sensor.pattern"
            )
        return pattern.to(electrons)


def _tiled(cell: tuple[tuple[float, ...], ...], like: Tensor) -> Tensor:
    """A cell repeated over the photosites, (H, W); one number stays one."""
    values = np.array(cell)
    if values.size > 1:
        values = cfa_cell.tiled(values, *like.shape[-2:])
    return torch.from_numpy(values).to(like)
