"""What dark frames say of a sensor, one ISO at a time, without any light; calibrate/dark.py measures it."""

from pydantic import Field, FiniteFloat, PositiveFloat

from deepisp.sensor.conversion import Sourced, Table


class DarkEntry(Table, frozen=True, extra="forbid"):
    """What darks say of one color; electrons where a gain was known.

    Attributes:
        color: a letter of the CFA.
        black_level: mean, DN.
        read_std_dn: noise over time of single photosites, rms: quantization included, rows and columns not.
        read_std_dn_error: its standard error.
        tukey_lambda: shape of the Tukey-lambda distribution that fits it.
        tukey_scale_dn: its scale, DN.
        row_std_dn: noise that a row shares, rms.
        column_std_dn: noise that a column shares, rms.
        dsnu_dn: deviation of the photosites' offsets.
        dark_current_dn_s: DN per second.
        dark_current_dn_s_error: its standard error.
        dark_current_e_s: electrons per second.
    """

    color: str
    black_level: FiniteFloat
    read_std_dn: PositiveFloat
    read_std_dn_error: PositiveFloat | None = None
    tukey_lambda: FiniteFloat | None = None
    tukey_scale_dn: PositiveFloat | None = None
    row_std_dn: FiniteFloat | None = Field(None, ge=0)
    column_std_dn: FiniteFloat | None = Field(None, ge=0)
    dsnu_dn: FiniteFloat | None = Field(None, ge=0)
    dark_current_dn_s: FiniteFloat | None = None
    dark_current_dn_s_error: PositiveFloat | None = None
    dark_current_e_s: FiniteFloat | None = None


class Darks(Sourced, frozen=True, extra="forbid"):
    """What dark frames of one ISO say.

    Attributes:
        iso: None if it was not recorded.
        exposure_s: of the frames that the noise is from.
        frames: how many of that time there were; None in profiles from before this was kept.
        black_level: DN per position of the CFA's cell, row by row, from the active area's corner.
        file_black_level: what the frames' own files say of it, likewise; None as `frames`.
        hot: photosites that stand out, a fraction.
        telegraph: photosites with random telegraph signal, a fraction; None with too few frames to tell.
        maps: name of the file beside this one that holds dark shading and the odd photosites, calibrate/dark_maps.py.
        entries: one a color.
    """

    iso: PositiveFloat | None = None
    exposure_s: FiniteFloat | None = Field(None, ge=0)
    frames: int | None = Field(None, ge=1)
    black_level: tuple[FiniteFloat, ...] = Field(min_length=1)
    file_black_level: tuple[FiniteFloat, ...] | None = None
    hot: FiniteFloat = Field(ge=0, le=1)
    telegraph: FiniteFloat | None = Field(None, ge=0, le=1)
    maps: str | None = None
    entries: tuple[DarkEntry, ...] = Field(min_length=1)
