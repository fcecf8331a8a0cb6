"""A raw file in memory: the numbers that the sensor gave, and what is known of them.

Rows and columns count from mosaic[0, 0], masked borders included. Per-position values (`black_level`,
`white_level`) are arrays of a cell that repeats from mosaic[0, 0]; per-color values follow `colors`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepisp.sensor import cfa as cfa_cell
from deepisp.sensor.noise import Noise as Noise  # noqa: PLC0414  # handed on: whoever fills a RawImage needs it

Kind = Literal["bayer", "xtrans", "quad", "four-color", "mono", "other", "linear"]


class Area(NamedTuple):
    """A rectangle of photosites; `bottom` and `right` are just outside."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.height, self.width


@dataclass(frozen=True, eq=False)  # arrays have no single answer to ==
class ColorCalibration:
    """How the camera's channels answer to light of one illuminant.

    Attributes:
        xyz_to_camera: (C, 3), acts on columns (DNG ColorMatrix1, 2 or 3).
        illuminant: EXIF LightSource code: 17 standard light A, 21 D65, 0 unknown, 255 `illuminant_xy`.
        illuminant_xy: CIE 1931 chromaticity, where the file gives it instead of a code.
        forward: (3, C), white-balanced camera to XYZ of D50 (DNG ForwardMatrix), or None.
        camera_calibration: (C, C), this very camera against its model (DNG CameraCalibration), or None.

        lacks_twin: whether the converter that it was made for has a second one, for another light, that is
            not known here.

    Source: DNG specification 1.7.1, chapter 6.
    """

    xyz_to_camera: NDArray[np.float64]
    illuminant: int = 21
    illuminant_xy: tuple[float, float] | None = None
    forward: NDArray[np.float64] | None = None
    camera_calibration: NDArray[np.float64] | None = None
    lacks_twin: bool = False


@dataclass(frozen=True)
class Exif:
    """EXIF as found: what the picture's own file carries on.

    Attributes:
        tags: per directory ("Image", "EXIF", "GPS"), tag number to value: text, bytes, or a tuple of numbers;
            a rational is a pair (numerator, denominator). Make and Model may be from another header of the file.
        iso: ISO speed, from EXIF or else from LibRaw; None if neither knows.
        exposure_s: exposure time in seconds, or None.
        aperture: f-number, or None.
        focal_length_mm: focal length, or None.
        lens: the lens's name, or "".
        taken: "YYYY:MM:DD HH:MM:SS", or "".
    """

    tags: Mapping[str, Mapping[int, Any]] = field(default_factory=dict)
    iso: float | None = None
    exposure_s: float | None = None
    aperture: float | None = None
    focal_length_mm: float | None = None
    lens: str = ""
    taken: str = ""


@dataclass(frozen=True, eq=False)  # arrays have no single answer to ==: a raw image equals itself alone
class RawImage:
    """What a raw file holds. Exactly one of `mosaic` and `linear` is there; `kind` says which it is.

    Made by hand, levels may be single numbers or lists, areas tuples.

    Attributes:
        mosaic: (H, W) uint16 or float32, one value per photosite in DN, masked borders included;
            a LinearizationTable has been applied, no other opcode or gain.
        linear: (H, W, 3) uint16 or float32, an already demosaiced file, in DN.
        cfa: colors of the cell at mosaic[0, 0], see sensor/cfa.py; "" if `linear`.
        black_level: DN at no light. (h, w) of a repeating cell for a mosaic, (3,) for `linear`.
        white_level: DN at which the file says that the sensor saturates, same shape as `black_level`.
        saturation_level: DN of the plateau that bright photosites really reach, same shape.
        black_rows: (H of the active area,) DN to add to `black_level` per row, or None (DNG BlackLevelDeltaV).
        black_columns: (W of the active area,) the same per column (DNG BlackLevelDeltaH).
        as_shot_neutral: (C,) camera color of a gray under the scene's light, green = 1; None if unknown.
        as_shot_white_xy: CIE 1931 chromaticity of the scene's white, in files that give it instead.
        calibrations: zero to three, one per illuminant.
        analog_balance: (C,) gains that the camera applied before digitizing, 1 if unknown.
        baseline_exposure_ev: stops by which a default rendering is brightened.
        noise: per color, in the order of `colors`, or None.
        opcode_list_1: DNG's list of corrections on stored values, as its bytes; "" if absent.
        opcode_list_2: the same, after levels.
        opcode_list_3: the same, after demosaicing.
        active_area: photosites that see light.
        default_crop: what the picture shows, in photosites of the whole array.
        masked_areas: photosites that see no light, as the file lists them.
        orientation: EXIF orientation 1 to 8.
        pixel_aspect: width of a pixel over its height as displayed; 1 for square photosites.
        maker: as the file spells it.
        model: as the file spells it.
        unique_model: DNG UniqueCameraModel, or "".
        exif: what goes on into pictures.
        thumbnail: the embedded JPEG, if it was asked for.
        warnings: one line each; what was doubtful in the file and what was done about it.
        path: where it was read from.

    Raises:
        TypeError: the values are no NumPy array.
        ValueError: their shape or type, `cfa`, a level's shape or `orientation` is none of the above.
    """

    mosaic: NDArray[np.uint16] | NDArray[np.float32] | None = None
    linear: NDArray[np.uint16] | NDArray[np.float32] | None = None
    cfa: str = ""
    black_level: NDArray[np.float64] = field(default_factory=lambda: np.zeros((1, 1)))
    white_level: NDArray[np.float64] = field(default_factory=lambda: np.full((1, 1), 65535.0))
    saturation_level: NDArray[np.float64] | None = None
    black_rows: NDArray[np.float64] | None = None
    black_columns: NDArray[np.float64] | None = None
    as_shot_neutral: NDArray[np.float64] | None = None
    as_shot_white_xy: tuple[float, float] | None = None
    calibrations: tuple[ColorCalibration, ...] = ()
    analog_balance: NDArray[np.float64] | None = None
    baseline_exposure_ev: float = 0.0
    noise: tuple[Noise, ...] | None = None
    opcode_list_1: bytes = b""
    opcode_list_2: bytes = b""
    opcode_list_3: bytes = b""
    active_area: Area | None = None
    default_crop: Area | None = None
    masked_areas: tuple[Area, ...] = ()
    orientation: int = 1
    pixel_aspect: float = 1.0
    maker: str = ""
    model: str = ""
    unique_model: str = ""
    exif: Exif = field(default_factory=Exif)
    thumbnail: bytes | None = None
    warnings: tuple[str, ...] = ()
    path: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what no stage could use, and bring numbers, lists and tuples into the types promised above."""
        self._check_values()
        if self.orientation not in range(1, 9):
            raise ValueError(f"orientation must be EXIF's 1 to 8, got {self.orientation!r}; 1 is upright")
        for name in ("black_level", "white_level", "saturation_level"):
            self._set(name, self._level(name, getattr(self, name)))
        for name in ("black_rows", "black_columns", "as_shot_neutral", "analog_balance"):
            value = getattr(self, name)
            self._set(name, None if value is None else np.asarray(value, np.float64))
        for name in ("active_area", "default_crop"):
            self._set(name, _as_area(name, getattr(self, name)))

    def _check_values(self) -> None:
        if (self.mosaic is None) == (self.linear is None):
            raise ValueError("a raw image must have either a mosaic or linear values; give one of the two")
        name, ndim = ("mosaic", 2) if self.mosaic is not None else ("linear", 3)
        values = self.data
        if not isinstance(values, np.ndarray):
            raise TypeError(f"{name} must be a NumPy array, got {type(values).__name__}; convert it first")
        if values.ndim != ndim or values.shape[2:] not in ((), (3,)):
            wanted, other = ("(H, W)", "linear") if ndim == 2 else ("(H, W, 3)", "mosaic")
            raise ValueError(f"{name} must be {wanted}, got {values.shape}; else give it as {other}")
        if values.dtype not in (np.uint16, np.float32):
            raise ValueError(f"{name} must be uint16 or float32, got {values.dtype}; use .astype(np.float32)")
        if self.mosaic is not None:
            cfa_cell.side(self.cfa)
        elif self.cfa:
            raise ValueError(f'cfa must be "" for linear values, got {self.cfa!r}; leave it out')

    def _level(self, name: str, value: Any) -> NDArray[np.float64] | None:
        """A number for every position, or one for each position of the CFA row by row, as a cell."""
        if value is None:
            return None
        level = np.asarray(value, np.float64)
        if self.linear is not None:
            if level.size not in (1, 3):
                raise ValueError(f"{name} must be one number or three, got {level.shape}; give one per color")
            return level if level.shape == (3,) else np.resize(level, 3)
        if level.ndim < 2:
            n = cfa_cell.side(self.cfa) if level.size > 1 else 1
            if level.size != n * n:
                raise ValueError(
                    f"{name} must be one number, or one for each of {self.cfa!r}, got {level.tolist()}; "
                    "or a cell (h, w)"
                )
            return level.reshape(n, n)
        return level

    def _set(self, name: str, value: Any) -> None:
        if value is not getattr(self, name):
            object.__setattr__(self, name, value)  # frozen for all others

    @property
    def kind(self) -> Kind:
        """Which family of sensor data this is."""
        return "linear" if self.linear is not None else cfa_cell.kind(self.cfa)

    @property
    def data(self) -> NDArray[np.uint16] | NDArray[np.float32]:
        """`mosaic` or `linear`, whichever is there."""
        array = self.mosaic if self.mosaic is not None else self.linear
        assert array is not None
        return array

    @property
    def colors(self) -> str:
        """The channels' letters, in the order of every per-color value.

        >>> RawImage(mosaic=np.zeros((2, 2), np.uint16), cfa="GBRG").colors
        'RGB'
        """
        return "RGB" if self.linear is not None else cfa_cell.colors(self.cfa)

    @property
    def active(self) -> Area:
        """`active_area`, or the whole array if the file names none."""
        return self.active_area or Area(0, 0, *self.data.shape[:2])

    @property
    def crop(self) -> Area:
        """`default_crop`, or the active area if the file names none."""
        return self.default_crop or self.active

    @property
    def plateau(self) -> NDArray[np.float64]:
        """`saturation_level`, or `white_level` if that was not looked for."""
        return self.white_level if self.saturation_level is None else self.saturation_level

    @property
    def active_cfa(self) -> str:
        """`cfa` of the cell at the top left of the active area; "" if `linear`.

        >>> RawImage(mosaic=np.zeros((4, 4), np.uint16), cfa="RGGB", active_area=Area(0, 1, 4, 4)).active_cfa
        'GRBG'
        """
        return cfa_cell.shift(self.cfa, self.active.top, self.active.left) if self.cfa else ""

    def active_cell(self, cell: NDArray[np.float64]) -> NDArray[np.float64]:
        """A repeating cell (h, w) of a mosaic, such as `black_level`, from the top left of the active area on."""
        return np.roll(cell, (-self.active.top, -self.active.left), axis=(0, 1))

    def with_levels(
        self, *, black: float | None = None, white: float | None = None, cfa: str | None = None
    ) -> "RawImage":
        """The same frame with its black level, white level or CFA overridden, and its noise in the new scale.

        Args:
            black: DN at no light, for every position.
            white: DN at saturation, for every position; also the new saturation level.
            cfa: the cell at the top left of the *active area*, as a camera's documentation names it.

        Raises:
            ValueError: `cfa` is no CFA, or white or the plateau of bright photosites does not lie above black.
        """
        changed = self if cfa is None else self._with_cfa(cfa)
        if black is not None:
            level = np.full_like(changed.black_level, black)
            changed = replace(changed, black_level=level, black_rows=None, black_columns=None)
        if white is not None:
            level = np.full_like(changed.white_level, white)
            changed = replace(changed, white_level=level, saturation_level=level)
        if (changed.white_level <= changed.black_level).any():
            raise ValueError(
                f"white must lie above black, got black {changed.black_level.max():g} and white "
                f"{changed.white_level.min():g}; give --black and --white that fit the file"
            )
        plateau = changed.saturation_level
        if plateau is not None and (plateau <= changed.black_level).any():
            raise ValueError(
                f"black must lie below {plateau.min():g}, where the file's photosites saturate, got "
                f"{changed.black_level.max():g}; give a lower --black, or --white with it"
            )
        return replace(changed, noise=changed._noise_from(self))

    def _noise_from(self, before: "RawImage") -> tuple[Noise, ...] | None:
        """The noise of the same values when their levels were others: one line through DN, in two scales of signal."""
        if self.noise is None:
            return None
        old, new = ((float(raw.black_level.mean()), float(raw.white_level.mean())) for raw in (before, self))
        scale = (old[1] - old[0]) / (new[1] - new[0])
        at_black = (new[0] - old[0]) / (old[1] - old[0])
        return tuple(
            Noise(line.shot, max(line.shot * at_black + line.read, 0.0)).amplified(scale)
            for line in self.noise
        )

    def _with_cfa(self, cfa: str) -> "RawImage":
        """Levels grow to whole cells of the new CFA; what was known of other colors is forgotten."""
        if self.linear is not None:
            raise ValueError(
                f"a CFA of {cfa!r} was asked for a file that is already demosaiced; leave it out"
            )
        n = cfa_cell.side(cfa)
        changes: dict[str, Any] = {"cfa": cfa_cell.shift(cfa, -self.active.top, -self.active.left)}
        for name in ("black_level", "white_level", "saturation_level"):
            level = getattr(self, name)
            if level is not None:
                rows, columns = (int(np.lcm(side, n)) // side for side in level.shape)
                changes[name] = np.tile(level, (rows, columns))
        if cfa_cell.colors(cfa) != self.colors:
            changes |= {"as_shot_neutral": None, "calibrations": (), "analog_balance": None, "noise": None}
        return replace(self, **changes)


def _as_area(name: str, value: Any) -> Area | None:
    if value is None or isinstance(value, Area):
        return value
    if not isinstance(value, tuple | list) or len(value) != len(Area._fields):
        raise ValueError(f"{name} must be (top, left, bottom, right), got {value!r}; or an Area")
    return Area(*value)
