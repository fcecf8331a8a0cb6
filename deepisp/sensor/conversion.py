"""How a sensor's noise goes with ISO, one conversion gain at a time.

A sensor may switch its conversion gain at some ISO, where its read noise jumps (a Sony A7S II falls from
4.1 to 1.4 electrons between ISO 1600 and 2000), so noise is never interpolated across two of them.
Deviations are in DN of the profile's own `levels`, or in electrons where `_e` says so; `Profile.noise` brings them to a
raw file of another bit depth. Without `levels` they are taken for DN of the raw file.
"""

import math
from collections.abc import Mapping
from datetime import date
from typing import Any, Self

from pydantic import BaseModel, Field, FiniteFloat, PositiveFloat, model_validator

_SCALES = {
    "gain": 1,
    "read_std_dn": 1,
    "row_std_dn": 1,
    "column_std_dn": 1,
    "tukey_scale_dn": 1,
    "gain_error": 1,
    "read_std_dn_error": 1,
    "row_std_dn_error": 1,
    "full_well_e": -1,  # the converter's end, the same DN at every gain
    "shot": 1,
    "read": 2,
    "shot_error": 1,
    "read_error": 2,
}  # power of ISO
_SIGNED = ("tukey_lambda", "bias_dn")
_PATTERN = (
    "prnu",
    "prnu_error",
    "dsnu_e",
    "dsnu_e_error",
    "linearity_error",
)  # of photosites: not scaled by gain


class Table(BaseModel, frozen=True, extra="forbid"):
    """What every table of a sensor file has in common."""


class Sourced(Table, frozen=True, extra="forbid"):
    """A group of numbers that says where they are from."""

    source: str = Field(min_length=8, description="a paper, a file of a repository, or how it was measured")
    measured: date | None = Field(None, description="the day, where we measured")


class Entry(Table, frozen=True, extra="forbid"):
    """The noise at one ISO, either physical (`gain`, `read_std_dn`) or normalized (`shot`, `read`), or both.

    Attributes:
        iso: None if it was not recorded.
        color: a letter of the CFA, or None if the figures hold for every color.
        gain: DN per electron.
        read_std_dn: read noise, rms: quantization (1/12 DN squared) included, row noise not.
        read_std_e: the same in electrons; needs `gain`.
        tukey_lambda: shape of the Tukey-lambda read noise that may stand in place of the Gaussian one.
        tukey_scale_dn: its scale, DN.
        row_std_dn: noise that a row shares, rms.
        bias_dn: offset from the black level, DN.
        shot: slope of variance over the normalized signal.
        read: variance of the normalized signal at black.
        shot_error: standard error of `shot`.
        read_error: standard error of `read`.
        gain_error: standard error of `gain`.
        read_std_dn_error: standard error of `read_std_dn`.
        row_std_dn_error: standard error of `row_std_dn`.
        column_std_dn: noise that a column shares, rms.
        full_well_e: electrons at saturation.
        prnu: deviation of the photosites' response, a fraction.
        prnu_error: standard error of `prnu`.
        dsnu_e: deviation of the photosites' offset, electrons.
        dsnu_e_error: standard error of `dsnu_e`.
        linearity_error: mean deviation of the signal from a line over exposure time, a fraction (EMVA 1288).
        source: of this entry, where it is another than the group's.
    """

    iso: PositiveFloat | None = None
    color: str | None = None
    gain: PositiveFloat | None = None
    gain_error: PositiveFloat | None = None
    read_std_dn: PositiveFloat | None = None
    read_std_dn_error: PositiveFloat | None = None
    read_std_e: PositiveFloat | None = None
    tukey_lambda: FiniteFloat | None = None
    tukey_scale_dn: PositiveFloat | None = None
    row_std_dn: PositiveFloat | None = None
    row_std_dn_error: PositiveFloat | None = None
    column_std_dn: FiniteFloat | None = Field(None, ge=0)
    bias_dn: FiniteFloat | None = None
    full_well_e: PositiveFloat | None = None
    prnu: FiniteFloat | None = Field(None, ge=0)
    prnu_error: PositiveFloat | None = None
    dsnu_e: FiniteFloat | None = Field(None, ge=0)
    dsnu_e_error: PositiveFloat | None = None
    linearity_error: FiniteFloat | None = Field(None, ge=0)
    shot: PositiveFloat | None = None
    shot_error: PositiveFloat | None = None
    read: PositiveFloat | None = None
    read_error: PositiveFloat | None = None
    source: str | None = Field(None, min_length=8)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        physical = self.gain is not None and (self.read_std_dn is not None or self.read_std_e is not None)
        if not physical and (self.shot is None or self.read is None):
            raise ValueError("an entry needs gain with read_std_dn or read_std_e, or else shot with read")
        return self

    @property
    def read_std(self) -> float | None:
        """Read noise in DN, from whichever unit the file gives."""
        if self.read_std_dn is None and self.gain is not None and self.read_std_e is not None:
            return self.gain * self.read_std_e
        return self.read_std_dn


class LogLine(Table, frozen=True, extra="forbid"):
    """`log y = slope * log x + bias`, natural logarithms, scattered by `std`."""

    slope: FiniteFloat
    bias: FiniteFloat
    std: FiniteFloat | None = Field(None, ge=0)

    def at(self, x: float) -> float:
        """The line's y, without scatter.

        >>> round(LogLine(slope=2.0, bias=0.0).at(3.0), 9)
        9.0
        """
        return math.exp(self.slope * math.log(x) + self.bias)


class Lines(Table, frozen=True, extra="forbid"):
    """Log-log lines over the gain K, of deviations in DN, with `K = gain_per_iso * ISO`.

    Source: K. Wei et al., "A physics-based noise formation model for extreme low-light raw denoising", CVPR 2020.
    """

    gain_per_iso: PositiveFloat
    read: LogLine
    tukey_scale: LogLine | None = None
    row: LogLine | None = None

    def at(self, iso: float) -> Entry:
        """The entry at an ISO."""
        gain = self.gain_per_iso * iso
        return Entry(
            iso=iso,
            gain=gain,
            read_std_dn=self.read.at(gain),
            tukey_scale_dn=self.tukey_scale and self.tukey_scale.at(gain),
            row_std_dn=self.row and self.row.at(gain),
        )


class Polynomials(Table, frozen=True, extra="forbid"):
    """Gain in DN/e- and read variance in DN squared as polynomials of ISO, constant first.

    Source: Y. Wang et al., "Practical deep raw image denoising on mobile devices", ECCV 2020 (PMRID).
    """

    gain: tuple[FiniteFloat, ...] = Field(min_length=1)
    read_variance: tuple[FiniteFloat, ...] = Field(min_length=1)

    def at(self, iso: float) -> Entry:
        """The entry at an ISO."""
        gain, variance = (
            sum(c * iso**power for power, c in enumerate(terms)) for terms in (self.gain, self.read_variance)
        )
        return Entry(iso=iso, gain=gain, read_std_dn=math.sqrt(variance))


class ConversionGain(Sourced, frozen=True, extra="forbid"):
    """The ISOs that share one conversion gain: exactly one of `entries`, `lines` and `polynomials`."""

    iso_min: PositiveFloat | None = None
    iso_max: PositiveFloat | None = None
    entries: tuple[Entry, ...] = ()
    lines: Lines | None = None
    polynomials: Polynomials | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if sum(map(bool, (self.entries, self.lines, self.polynomials))) != 1:
            raise ValueError("a conversion gain needs exactly one of entries, lines and polynomials")
        isos = [entry.iso for entry in self.entries]
        if None in isos and set(isos) != {None}:
            raise ValueError("either every entry has an iso or none has")
        if (self.iso_min is None or self.iso_max is None) and None not in isos:
            raise ValueError("iso_min and iso_max are needed where ISO is known")
        if self.iso_min and self.iso_max and self.iso_min > self.iso_max:
            raise ValueError(f"iso_min {self.iso_min:g} lies above iso_max {self.iso_max:g}")
        if any(iso and not (self.iso_min or 0) <= iso <= (self.iso_max or 0) for iso in isos):
            raise ValueError("an entry's iso lies outside iso_min to iso_max")
        if len({entry.color is None for entry in self.entries}) > 1:
            raise ValueError("either every entry has a color or none has")
        if len({(entry.iso, entry.color) for entry in self.entries}) < len(self.entries):
            raise ValueError("two entries have the same iso and color")
        return self

    def holds(self, iso: float) -> bool:
        """Whether the ISO lies in the range."""
        return self.iso_min is not None and self.iso_max is not None and self.iso_min <= iso <= self.iso_max

    def distance(self, iso: float) -> float:
        """How far the ISO lies outside the range, in powers of e."""
        if self.iso_min is None or self.iso_max is None:
            return math.inf
        return max(math.log(self.iso_min / iso), math.log(iso / self.iso_max), 0.0)

    def colors(self) -> tuple[str | None, ...]:
        """The colors that have entries of their own, or (None,)."""
        return tuple(dict.fromkeys(entry.color for entry in self.entries)) or (None,)

    def at(self, iso: float, color: str | None = None) -> Entry:
        """The entry at an ISO, interpolated or extrapolated without a word."""
        fit = self.lines or self.polynomials
        if fit is not None:
            return fit.at(iso)
        points = [entry for entry in self.entries if entry.color in (None, color)]
        if not points:
            raise ValueError(f"no noise of color {color!r}; known: {', '.join(map(str, self.colors()))}")
        if points[0].iso is None:
            return points[0]
        return _interpolated(sorted(points, key=lambda entry: entry.iso or 0.0), iso)


def _interpolated(points: list[Entry], iso: float) -> Entry:
    """The entry at an ISO, from the two points around it or the two at the nearer end.

    Positive figures go by log-log lines, which are exact for gain; shapes and offsets, and deviations that are 0 at one
    of the two, by lines over log ISO. A figure that one of the two lacks is left out. Of one point alone, figures in DN
    grow with gain, the full well shrinks with it, and the photosites' fixed pattern stays.
    """
    isos = [math.log(point.iso or 1.0) for point in points]
    x = math.log(iso)
    if len(points) == 1:
        factor = iso / (points[0].iso or iso)
        return _with(points[0], iso, {n: factor**p for n, p in _SCALES.items()})
    right = min(max(sum(at < x for at in isos), 1), len(points) - 1)
    low, high = points[right - 1], points[right]
    weight = (x - isos[right - 1]) / (isos[right] - isos[right - 1])
    if weight in (0.0, 1.0):
        return high if weight else low
    values: dict[str, Any] = {"iso": iso, "color": low.color}
    for name in (*_SCALES, "read_std_e", *_SIGNED, *_PATTERN):
        a, b = getattr(low, name), getattr(high, name)
        if a is None or b is None:
            continue
        if name not in _SIGNED and min(a, b) > 0:
            values[name] = a ** (1 - weight) * b**weight
        else:
            line = a + weight * (b - a)
            values[name] = line if name in _SIGNED else max(line, 0.0)
    return Entry(**values)


def _with(entry: Entry, iso: float, factors: Mapping[str, float]) -> Entry:
    """A copy with some figures multiplied, at another ISO."""
    known = {
        name: getattr(entry, name) * f for name, f in factors.items() if getattr(entry, name) is not None
    }
    return entry.model_copy(update={"iso": iso, **known})
