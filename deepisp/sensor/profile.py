"""What is known of a sensor, from its TOML file: levels, CFA, and how its noise goes with ISO."""

import math
import tomllib
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, get_args

from pydantic import (
    BaseModel,
    Field,
    FiniteFloat,
    PositiveFloat,
    ValidationError,
    field_validator,
    model_validator,
)

from deepisp import shipped
from deepisp.sensor import cfa as cfa_cell
from deepisp.sensor.conversion import ConversionGain, Entry, LogLine, Sourced, Table
from deepisp.sensor.darks import Darks
from deepisp.sensor.identity import Camera
from deepisp.sensor.noise import Noise


class Levels(Sourced, frozen=True, extra="forbid"):
    """The scale of the numbers, DN. A raw file's own levels come before these."""

    bits: int = Field(ge=1, le=32)
    black_level: FiniteFloat = Field(ge=0)
    white_level: PositiveFloat
    cfa: str | None = Field(None, description="cell at the top left of the active area")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.black_level < self.white_level < 2**self.bits:
            raise ValueError(
                f"black_level {self.black_level:g} < white_level {self.white_level:g} < 2^{self.bits} does not "
                "hold; give levels in DN of the raw file"
            )
        if self.cfa is not None:
            cfa_cell.side(self.cfa)
        return self


Row = tuple[FiniteFloat, FiniteFloat, FiniteFloat]


class RootPolynomial(Table, frozen=True, extra="forbid"):
    """White-balanced camera colors to XYZ of D50, by a matrix over R, G, B and the roots of their products.

    Source: G. Finlayson, M. Mackiewicz, A. Hurlbert, "Color correction using root-polynomial regression", IEEE Trans.
    Image Processing 24(5), 2015. The terms in their order: `terms` of calibrate/charts/color_fit.py.
    """

    degree: Literal[2, 3]
    matrix: tuple[tuple[FiniteFloat, ...], tuple[FiniteFloat, ...], tuple[FiniteFloat, ...]]

    @field_validator("matrix")
    @classmethod
    def _complete(cls, rows: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], ...]:
        if {len(row) for row in rows} not in ({6}, {13}):
            raise ValueError("a row has 6 numbers for degree 2, or 13 for degree 3")
        return rows


class Color(Sourced, frozen=True, extra="forbid"):
    """A color matrix, as DNG's ColorMatrix: (C, 3), acts on columns."""

    xyz_to_camera: tuple[Row, ...]
    illuminant: int = Field(21, description="EXIF LightSource code; 21 is D65")
    illuminant_xy: tuple[PositiveFloat, PositiveFloat] | None = Field(
        None, description="CIE 1931 chromaticity, where it was measured"
    )
    forward: tuple[Row, Row, Row] | None = Field(None, description="as DNG's ForwardMatrix")
    root_polynomial: RootPolynomial | None = None


class Prior(Sourced, frozen=True, extra="forbid"):
    """The line `log read = slope * log shot + bias` of many cameras, where none is known in particular."""

    shot_min: PositiveFloat
    shot_max: PositiveFloat
    line: LogLine

    def read(self, shot: float) -> float:
        """The read variance that goes with a shot slope, both of the normalized signal."""
        return self.line.at(shot)


class Reading(NamedTuple):
    """What a profile says of one ISO.

    Attributes:
        noise: per color; None stands for every color. A read variance holds row and column noise and quantization.
        warning: what is doubtful, on one line, or "".
    """

    noise: dict[str | None, Noise]
    warning: str


class Profile(Table, frozen=True, extra="forbid"):
    """One sensor file. Groups that no source gives are absent.

    Attributes:
        maker: as files spell it.
        models: every spelling of EXIF Model and DNG UniqueCameraModel, and the names that people use.
        levels: the scale of the numbers.
        color: color matrices.
        conversion_gains: noise, by rising ISO.
        darks: what dark frames say, one ISO each.
        prior: for the generic file alone.
    """

    maker: str = Field(min_length=1)
    models: tuple[str, ...] = Field(min_length=1)
    levels: Levels | None = None
    color: tuple[Color, ...] = ()
    conversion_gains: tuple[ConversionGain, ...] = ()
    darks: tuple[Darks, ...] = ()
    prior: Prior | None = None

    @property
    def camera(self) -> Camera:
        """Whose profile this is."""
        return Camera(self.maker, self.models)

    def is_of(self, maker: str, *models: str) -> bool:
        """Whether this profile is of that camera, as far as both say it; spelling as in sensor/identity.py.

        >>> sony = Profile(maker="Sony", models=("ILCE-7SM2", "Sony A7S II"))
        >>> sony.is_of("SONY", "ilce-7sm2"), sony.is_of("SONY", "ILCE-7M3"), sony.is_of("")
        (True, False, True)
        """
        return self.camera.may_be(Camera(maker, models))

    @field_validator("conversion_gains")
    @classmethod
    def _apart(cls, gains: tuple[ConversionGain, ...]) -> tuple[ConversionGain, ...]:
        for low, high in pairwise(gains):
            if (low.iso_max or math.inf) >= (high.iso_min or 0):
                raise ValueError("conversion_gains are listed by rising ISO and do not overlap")
        return gains

    def nearest(self, iso: float) -> ConversionGain:
        """The conversion gain whose range holds the ISO, or else the nearest in log ISO."""
        if not 0 < iso < math.inf:
            raise ValueError(f"ISO must be a positive number, got {iso!r}")
        if not self.conversion_gains:
            raise ValueError(f"{self.models[0]} has no noise by ISO; use its prior, or calibrate the camera")
        return min(self.conversion_gains, key=lambda gain: gain.distance(iso))

    def entry(self, iso: float, color: str | None = None) -> Entry:
        """Every figure known at an ISO: interpolated in log ISO within one conversion gain."""
        return self.nearest(iso).at(iso, color)

    def warning(self, iso: float) -> str:
        """What is doubtful about this profile at this ISO, on one line; "" if nothing is."""
        gain = self.nearest(iso)
        if gain.iso_min is None or gain.iso_max is None:
            return (
                f"{self.models[0]}: noise was measured at one ISO that is not recorded, taken for ISO {iso:g}"
            )
        if gain.holds(iso):
            return ""
        known = ", ".join(f"{g.iso_min:g} to {g.iso_max:g}" for g in self.conversion_gains)
        return (
            f"{self.models[0]}: noise is known for ISO {known}; at ISO {iso:g} it is "
            f"extrapolated from {gain.iso_min:g} to {gain.iso_max:g}"
        )

    def noise(
        self, iso: float, *, black_level: float | None = None, white_level: float | None = None
    ) -> Reading:
        """Shot and read noise per color at an ISO.

        Args:
            iso: ISO speed, above 0.
            black_level: DN of the raw file at hand; the profile's own if left out.
            white_level: the same at saturation. A normalized (shot, read) of the profile is not rescaled; figures in DN
                are, by a power of 2, where the raw file has another bit depth than the profile's `levels`; a coarser
                step adds its own rounding.

        Raises:
            ValueError: the ISO is not positive, the profile has no noise by ISO, or no levels are known.
        """
        gain = self.nearest(iso)
        noise = {}
        for color in gain.colors():
            entry = gain.at(iso, color)
            noise[color] = self._normalized(entry, black_level, white_level)
        return Reading(noise, self.warning(iso))

    def _depth(self, span: float) -> float:
        """DN of a file with so many levels, per DN of this profile: a power of 2, 1 without levels of its own."""
        if self.levels is None:
            return 1.0
        # Black and white levels of one bit depth differ by some percent, depths by 2 or more.
        return 2.0 ** round(math.log2(span / (self.levels.white_level - self.levels.black_level)))

    def _normalized(self, entry: Entry, black: float | None, white: float | None) -> Noise:
        if entry.shot is not None and entry.read is not None:
            return Noise(entry.shot, entry.read)
        black = self.levels.black_level if black is None and self.levels else black
        white = self.levels.white_level if white is None and self.levels else white
        if black is None or white is None or white <= black:
            raise ValueError(
                f"{self.models[0]}: noise in DN needs levels, got black {black} and white {white}; "
                "give black_level and white_level of the raw file"
            )
        assert entry.gain is not None and entry.read_std is not None  # noqa: PT018 (Entry checked both)
        span, scale = white - black, self._depth(white - black)
        variance = entry.read_std**2 + (entry.row_std_dn or 0.0) ** 2 + (entry.column_std_dn or 0.0) ** 2
        # A coarser step is a step of its own: of the 1/12 in `read_std`, scale^2 is left, and a whole one is wanted.
        coarser = max(1 - scale**2, 0.0) / 12
        return Noise(entry.gain * scale / span, (variance * scale**2 + coarser) / span**2)


def load(path: Path) -> Profile:
    """The profile in a file.

    Raises:
        ValueError: no TOML, an unknown or missing key, or a value out of bounds; names the file and the key.
        OSError: the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name}: not a TOML file: {error}; see sensors/README.md") from error
    return parse(text, path.name)


def parse(text: str, name: str) -> Profile:
    """The profile in a text that is, or is to be, the file of that name.

    Raises:
        ValueError: as `load`.
    """
    try:
        return Profile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{name}: not a TOML file: {error}; see sensors/README.md") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the file"
        said = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            said = f"unknown; known: {', '.join(sorted(_keys(first['loc'][:-1])))}"
        raise ValueError(f"{name}: {key}: {said}; see sensors/README.md") from error


def find(maker: str, *models: str) -> Profile | None:
    """The shipped profile of a camera by any of its names, or None. Spelling as in sensor/identity.py.

    >>> find("NIKON CORPORATION", "NIKON D850").models[0]
    'NIKON D850'
    """
    camera = Camera(maker, models)
    return next((one for one in _all(shipped.folder("sensors")) if one.camera.is_sure(camera)), None)


@lru_cache(maxsize=2)  # 7 ms a file to parse and check, and every raw file asks
def _all(folder: Path) -> tuple[Profile, ...]:
    return tuple(load(path) for path in sorted(folder.glob("*.toml")))


def _keys(location: tuple[int | str, ...]) -> set[str]:
    """The names that the table at a place in the file may hold."""
    model: Any = Profile
    for step in location:
        if isinstance(step, str):
            model = _model_in(model.model_fields[step].annotation)
    return set(model.model_fields)


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
