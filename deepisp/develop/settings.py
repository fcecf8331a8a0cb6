"""What a user may ask of `develop`: one frozen model for the command line, the library and the settings hash."""

import hashlib
import json
import os
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, PrivateAttr, field_validator

from deepisp.checked import Checked, Fault, Wrong

if TYPE_CHECKING:
    from deepisp.develop.shading_map import Shading
    from deepisp.sensor.profile import Profile

Space = Literal[
    "srgb", "p3", "adobergb", "prophoto", "rec2020",
    "linear-srgb", "linear-p3", "linear-adobergb", "linear-prophoto", "linear-rec2020", "camera",
]  # fmt: skip


# Settings that name a file: what is in it, and what makes it.
_FILES = {
    "shading": ("shading_map", "deepisp calibrate flat"),
    "noise": ("noise_profile", "deepisp calibrate"),
}
_DARKEST = 10_000.0  # a ratio beyond all sensors
MODELS = ("auto", "fast", "quality", "dark", "none")  # else a file of weights


class Settings(Checked, frozen=True, extra="forbid"):
    """How a raw file is to be rendered. A wrong value raises a ValueError of one line.

    >>> Settings(wb=5200).wb, Settings(wb=(2.1, 1, 1.6)).wb
    ('5200', '2.1,1,1.6')
    >>> Settings(ev=1).digest() == Settings(ev=1.0).digest() != Settings().digest()
    True
    """

    wb: str = Field("camera", description="camera, auto, daylight, KELVIN[,TINT] or the gains R,G,B")
    highlights: Literal["clip", "blend", "reconstruct"] = Field(
        "clip", description="what to do with clipped light"
    )
    demosaic: Literal["auto", "menon", "malvar", "bilinear"] = Field(
        "auto", description="how colors are filled in; other than auto, without a network and its denoising"
    )
    model: str = Field(
        "auto",
        description="network for demosaicing and denoising: auto, fast, quality, dark, or a file of weights; none: "
        "classical demosaicing, no denoising",
    )
    strength: float = Field(1.0, ge=0, le=1, description="share of the noise that is taken out")
    noise: str | None = Field(None, description="profile of the camera's noise, made by `deepisp calibrate`")
    dark: str = Field(
        "auto",
        description="frames in the dark: the RATIO of light to what the file has; auto: found for those that are far "
        "underexposed; off",
    )
    tone: Literal["default", "none"] = Field(
        "default", description="none: scene-linear light, no auto exposure"
    )
    ev: float = Field(0.0, ge=-10, le=10, allow_inf_nan=False, description="exposure compensation in stops")
    color: Space = Field("srgb", description="output color space")
    bits: Literal[8, 16, 32] = Field(8, description="bits per channel; 32 is floating point")
    size: int | None = Field(None, ge=16, le=65535, description="longest side of the picture, in pixels")
    half: bool = Field(False, description="half size: one pixel for each cell of the CFA, no demosaicing")
    hot_pixels: bool = Field(
        False,
        description="repair photosites that stand far above all their neighbors; dark frames are always repaired",
    )
    lens: bool = Field(True, description="apply the file's own lens corrections")
    shading: str | None = Field(None, description="map of lens shading, made by `deepisp calibrate flat`")
    black: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="DN at no light, overrides the file"
    )
    white: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="DN at saturation, overrides the file"
    )
    cfa: str | None = Field(None, description="cell at the top left of the active area, overrides the file")

    @field_validator("wb", mode="before")
    @classmethod
    def _numbers_too(cls, value: Any) -> Any:
        """In Python a temperature may be a number, and a temperature with tint or gains a sequence of numbers."""
        value = value.tolist() if hasattr(value, "tolist") else value  # NumPy's and torch's
        numbers = value if isinstance(value, tuple | list) else (value,)
        if numbers and all(isinstance(one, Real) and not isinstance(one, bool) for one in numbers):
            return ",".join(f"{float(one):.12g}" for one in numbers)
        return value

    @field_validator("dark", mode="before")
    @classmethod
    def _ratio_too(cls, value: Any) -> Any:
        """A number as text; of text, whether it is one."""
        if value in ("auto", "off"):
            return value
        try:
            ratio = float(value)
        except (TypeError, ValueError):
            ratio = 0.0
        if isinstance(value, bool) or not 1 <= ratio <= _DARKEST:
            raise ValueError(f"must be auto, off or a ratio of 1 to {_DARKEST:g}, got {value!r}")
        return f"{ratio:.12g}"

    @field_validator("shading", "noise", "model", mode="before")
    @classmethod
    def _text_too(cls, value: Any) -> Any:
        return str(value) if isinstance(value, Path) else value

    _files: dict[str, bytes] = PrivateAttr(default_factory=dict)

    def __init__(self, /, **values: Any) -> None:
        """A wrong file is a wrong setting, before any raw is read; a run keeps to the files that it began with."""
        super().__init__(**values)
        for name, (content, maker) in _FILES.items():
            path = getattr(self, name)
            if path is None:
                continue
            try:
                self._files[name] = Path(path).read_bytes()
                getattr(self, content)
            except OSError as error:
                words = f"{path}: {error.strerror}; give the file that {maker} wrote"
                raise Wrong((Fault(name, words),)) from error
            except ValueError as error:
                raise Wrong((Fault(name, str(error)),)) from error
        if self.noise is not None and self.noise_profile is not None:
            maps = (Path(self.noise).parent / one.maps for one in self.noise_profile.darks if one.maps)
            self._files["maps"] = " ".join(_digest(path) for path in maps if _is_readable(path)).encode()
        if self.model not in MODELS:
            self._files["model"] = _digest_of_weights(self.model)

    @property
    def shading_map(self) -> "Shading | None":
        """The map in the file that `shading` names, as it was when these settings were made."""
        from deepisp.develop import shading_map  # NumPy; --help needs none

        data = self._files.get("shading")
        return None if data is None else shading_map.parse(data, Path(str(self.shading)).name)

    @property
    def noise_profile(self) -> "Profile | None":
        """The profile in the file that `noise` names, likewise."""
        from deepisp.sensor import profile

        data = self._files.get("noise")
        return None if data is None else profile.parse(data.decode(), Path(str(self.noise)).name)

    def digest(self) -> str:
        """Twelve hexadecimal digits that differ where a setting differs."""
        known = {
            name: value
            for name, value in self.model_dump().items()
            if name not in _FILES or value is not None
        }
        known |= {name: data.decode() for name, data in self._files.items()}
        return hashlib.sha256(json.dumps(known).encode()).hexdigest()[:12]


def _is_readable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.R_OK)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _digest_of_weights(path: str) -> bytes:
    """What tells a file of weights from others."""
    from deepisp.networks import zoo

    try:
        digest = _digest(Path(path))
        zoo.own(zoo.load(Path(path), sha256=digest), path)
        return digest.encode()
    except OSError as error:
        words = f"must be {', '.join(MODELS)} or a file of weights; {path}: {error.strerror}"
        raise Wrong((Fault("model", words),)) from error
    except ValueError as error:
        raise Wrong((Fault("model", str(error)),)) from error
