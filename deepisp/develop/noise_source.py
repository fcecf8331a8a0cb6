"""Which noise a raw file has, by the order of trust.

    a profile of one's own ─► the file's tag ─► the camera's shipped profile ─► the picture itself
                                                   ─► a shipped profile measured at an unknown ISO

The first that says something is taken; `info` shows how far the others are from it. A shipped profile that does not fit
the file says nothing.
"""

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, NamedTuple

from deepisp.develop import levels
from deepisp.raw.image import RawImage
from deepisp.sensor import profile as profiles
from deepisp.sensor.identity import Camera
from deepisp.sensor.noise import Noise
from deepisp.sensor.profile import Profile

if TYPE_CHECKING:
    from deepisp.sensor.estimate import Estimate

Origin = Literal["own profile", "file", "camera profile", "picture"]
MID_GRAY = 0.18  # signal at which two lines are compared: the gray card's reflectance


class Sourced(NamedTuple):
    """What one source says of a file's noise.

    Attributes:
        origin: which source.
        noise: per color, in the order of `RawImage.colors`.
        warning: what is doubtful, on one line, or "".
    """

    origin: Origin
    noise: tuple[Noise, ...]
    warning: str = ""


def known(raw: RawImage, own: Profile | None = None) -> Sourced | None:
    """The noise of a raw file by the best source that there is; None if nothing is known.

    Args:
        raw: any kind of raw image.
        own: a profile that the user trusts more than the file, see sensor/profile.py.

    Raises:
        ValueError: `own` does not say the noise of this file.
    """
    return next(sources(raw, own), None)


def sources(raw: RawImage, own: Profile | None = None, *, estimate: bool = True) -> Iterator[Sourced]:
    """Every source that says something, best first; each is asked only when it is its turn.

    Args:
        raw: any kind of raw image.
        own: a profile that the user trusts more than the file.
        estimate: whether the picture itself is asked.

    Raises:
        ValueError: `own` does not say the noise of this file.
    """
    if own is not None and (own.conversion_gains or not own.darks):  # one of darks alone tells no noise
        found = _of_profile(raw, own, "own profile")
        yield found._replace(warning="; ".join(filter(None, (_other_camera(raw, own), found.warning))))
    if raw.noise is not None:
        yield Sourced("file", raw.noise)
    shipped = profiles.find(raw.maker, raw.model, raw.unique_model)
    of_camera = None
    if shipped is not None and shipped.conversion_gains:
        with suppress(ValueError):  # other colors, or no ISO: the user gave no profile that could be wrong
            of_camera = _of_profile(raw, shipped, "camera profile")
    is_by_iso = shipped is not None and _has_iso(shipped)
    if of_camera is not None and is_by_iso:
        yield of_camera
    if estimate:
        with suppress(ValueError):  # then the picture says nothing
            yield Sourced("picture", tuple(one.noise for one in of_picture(raw)))
    if (
        of_camera is not None and not is_by_iso
    ):  # the gain it was measured at may be any other than the file's
        yield of_camera


def ratio(one: Sourced, other: Sourced, *, signal: float = MID_GRAY) -> float:
    """Deviation of the noise by `one` over that by `other`, at a signal: of the color where they differ most."""
    ratios = [
        math.sqrt(float(a.shot * signal + a.read) / float(b.shot * signal + b.read))
        for a, b in zip(one.noise, other.noise, strict=True)
        if b.shot * signal + b.read > 0
    ]
    return max(ratios, key=lambda value: abs(math.log(value)) if value > 0 else math.inf, default=math.nan)


def _has_iso(profile: Profile) -> bool:
    return any(gain.iso_min is not None for gain in profile.conversion_gains)


def _other_camera(raw: RawImage, own: Profile) -> str:
    """A warning if a profile is of another camera than the file, as far as both say it."""
    camera = Camera(raw.maker, tuple(filter(None, (raw.model, raw.unique_model))))
    if own.is_of(camera.maker, *camera.models):
        return ""
    return f"the profile is of {own.camera}, the file of {camera}"


def _of_profile(raw: RawImage, profile: Profile, origin: Origin) -> Sourced:
    if raw.exif.iso is None and _has_iso(profile):
        raise ValueError(
            f"the profile of {profile.models[0]} knows noise by ISO, and the file names no ISO; "
            "give a profile that was measured at the file's ISO and does not name it"
        )
    black, white = float(raw.black_level.mean()), float(raw.white_level.mean())
    reading = profile.noise(raw.exif.iso or 100.0, black_level=black, white_level=white)
    try:
        noise = tuple(reading.noise.get(color) or reading.noise[None] for color in raw.colors)
    except KeyError as error:
        named = ", ".join(str(color) for color in reading.noise)
        raise ValueError(
            f"the profile of {profile.models[0]} has noise of the colors {named}, the file has "
            f"{raw.colors}; give the profile of the file's camera"
        ) from error
    return Sourced(origin, noise, reading.warning)


def of_picture(raw: RawImage) -> "tuple[Estimate, ...]":
    """The noise of each color that the picture itself shows, in the order of `raw.colors`, with standard errors.

    Raises:
        ValueError: the file is already demosaiced, or tells nothing: too small, clipped throughout, without noise.
    """
    from deepisp.sensor import estimate

    if raw.mosaic is None:
        raise ValueError(
            "the file is already demosaiced, which makes neighbors' noise alike; give the sensor's mosaic"
        )
    area = raw.active
    values = levels.without_deltas(raw)[area.top : area.bottom, area.left : area.right]
    return estimate.estimate_mosaic(
        levels.signal(values, levels.levels(raw)),
        raw.active_cfa,
        # Converters end at DN 0: noise is cut off there, at black itself in files without an offset.
        low=float((-raw.black_level / (raw.white_level - raw.black_level)).max()),
        high=float(levels.saturation(raw).min()),
    )
