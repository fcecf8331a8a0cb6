"""What was measured, as groups of a sensor file: tables in, tables out; profile_file.py brings them into the file.

    with_photon_transfer(known, result)     gain and noise of one ISO
    with_picture(known, colors, found, iso) the same from one ordinary raw
    with_darks(known, darks, first)         what darks of one ISO say
    with_color(known, color)                color matrices of one light

Each puts its group in or replaces it, and leaves the others. `check_noise` and `check_darks` say beforehand whether
that can be done.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from deepisp.calibrate.frames import Frame
from deepisp.calibrate.photon_transfer import PhotonTransferResult, Plane
from deepisp.sensor.estimate import Estimate
from deepisp.sensor.profile import Profile

Table = dict[str, Any]
OURS = "deepisp calibrate"  # stands in every source that these verbs wrote
ELSEWHERE = "write to another file with -o"


def check_noise(known: Table, iso: float | None, colors: Iterable[str], *, is_picture: bool = False) -> None:
    """Whether tables can take in the noise of an ISO.

    Args:
        known: the file's tables.
        iso: of the frames, None if it is not known.
        colors: their letters.
        is_picture: whether one picture is to say it, and not flats.

    Raises:
        ValueError: as `with_photon_transfer` and `with_picture`.
    """
    if is_picture:
        _check_no_flats(known, iso)
    _place(known.get("conversion_gains", []), iso, colors)


def check_darks(known: Table, iso: float | None) -> None:
    """Whether tables can take in the darks of an ISO.

    Raises:
        ValueError: one of two ISOs is not known, or another source told of darks at this one.
    """
    for group in known.get("darks", []):
        if (group.get("iso") is None) != (iso is None):
            raise _mixed("darks", iso)
        if group.get("iso") == iso and not group["source"].startswith(OURS):
            where = "the file" if iso is None else f"ISO {iso:g}"
            raise ValueError(f"{where} has darks from another source ({group['source']}); {ELSEWHERE}")


def with_photon_transfer(known: Table, result: PhotonTransferResult) -> Table:
    """The tables with gain and noise of one ISO; the colors measured replace those of the same ISO.

    An ISO goes into the conversion gain whose range holds it, or else into one of its own: whether a sensor switches
    between two measured ISOs is not known. Whoever knows widens `iso_min` and `iso_max` by hand. Tails that darks of
    the same ISO told go into the entries.

    Raises:
        ValueError: the ISO lies in a range that a fit or another source describes, or entries without colors; or one
            of two ISOs is not known.
    """
    method = "pairs of flats" if result.is_paired else "single flats, differences of neighbors"
    darks = f"{result.floor.frames} darks" if result.floor else "no darks"
    source = {"source": f"deepisp calibrate photon-transfer: {method}, {darks}", "measured": _today()}
    iso = result.first.iso
    tails = next((_by_color(group) for group in known.get("darks", []) if group.get("iso") == iso), {})
    entries = [
        _with_tails(_entry(plane, iso, result.step), tails.get(plane.color)) for plane in result.planes
    ]
    gains = _with_entries(known, iso, entries, source)
    return {"levels": _levels(result.first) | source} | known | gains


def with_picture(known: Table, colors: str, found: Sequence[Estimate], iso: float | None) -> Table:
    """The tables with the noise that one ordinary raw of an ISO shows, in place of what another one showed.

    Raises:
        ValueError: flats say more of this ISO; or as `with_photon_transfer`.
    """
    _check_no_flats(known, iso)
    source = {"source": "deepisp calibrate from-picture: one ordinary raw", "measured": _today()}
    entries = [
        {"iso": iso, "color": color}
        | one.noise._asdict()
        | {"shot_error": one.shot_error or None, "read_error": one.read_error or None}
        for color, one in zip(colors, found, strict=True)
    ]
    return known | _with_entries(known, iso, entries, source)


def _with_entries(known: Table, iso: float | None, entries: list[Table], source: Table) -> Table:
    """The conversion gains with entries of one ISO, in place of those of the same ISO and colors.

    The group's source becomes that of the new entries; one that is kept says its own where it is another.
    """
    groups = [dict(group) for group in known.get("conversion_gains", [])]
    colors = {entry["color"] for entry in entries}
    place = _place(groups, iso, colors)
    if place is None:
        place = {} if iso is None else {"iso_min": iso, "iso_max": iso}
        groups.append(place)
    kept = [
        _with_source(entry, place["source"], source["source"]) for entry in place.get("entries", [])
        if entry.get("iso") != iso or entry.get("color") not in {None, *colors}
    ]  # fmt: skip
    place |= source | {"entries": [*kept, *entries]}
    groups.sort(key=lambda group: group.get("iso_min") or 0.0)
    return {"conversion_gains": groups}


def _with_source(entry: Table, old: str, new: str) -> Table:
    """An entry of a group whose source changes; it says its own only if that is not the group's."""
    own = entry.get("source", old)
    bare = {name: value for name, value in entry.items() if name != "source"}
    return bare if own == new else bare | {"source": own}


def _place(groups: Sequence[Table], iso: float | None, colors: Iterable[str]) -> Table | None:
    """The conversion gain that takes entries of an ISO in, None for one of its own, or a ValueError."""
    if any(("iso_min" in group) == (iso is None) for group in groups):
        raise _mixed("noise", iso)
    place = next((group for group in groups if _holds(group, iso)), None)
    if place is None:
        return None
    where = "the file" if iso is None else f"ISO {iso:g}"
    if "entries" not in place:
        raise ValueError(f"{where} lies in a range that the file describes by a fit; {ELSEWHERE}")
    for source in (entry.get("source", place["source"]) for entry in place["entries"]):
        if OURS not in source:
            raise ValueError(f"{where} has noise from another source ({source}); {ELSEWHERE}")
    others = {entry.get("color") for entry in place["entries"] if entry.get("iso") != iso}
    if None in others and set(colors):
        raise ValueError(f"{where} lies among entries that are not told by color; {ELSEWHERE}")
    return place


def _mixed(what: str, iso: float | None) -> ValueError:
    known, new = ("known", "not") if iso is None else ("not known", "known")
    return ValueError(f"the ISO of the file's {what} is {known}, that of these frames is {new}; {ELSEWHERE}")


def _check_no_flats(known: Table, iso: float | None) -> None:
    entries = [entry for group in known.get("conversion_gains", []) for entry in group.get("entries", [])]
    if any(entry.get("iso") == iso and "gain" in entry for entry in entries):
        at = "" if iso is None else f" of ISO {iso:g}"
        raise ValueError(f"flats told the noise{at}, and more of it than a picture does; {ELSEWHERE}")


def with_darks(known: Table, darks: Table, first: Frame) -> Table:
    """The tables with what darks of one ISO say, in place of what was known of that ISO.

    An entry of photon transfer at the same ISO and color takes the tails (`tukey_lambda`, `tukey_scale_dn`) over.

    Raises:
        ValueError: as `check_darks`.
    """
    check_darks(known, darks.get("iso"))
    measured = {"measured": _today()}
    groups = [group for group in known.get("darks", []) if group.get("iso") != darks.get("iso")]
    tails = _by_color(darks)
    gains = [dict(group) for group in known.get("conversion_gains", [])]
    for group in gains:
        if "entries" in group:
            group["entries"] = [
                _with_tails(entry, tails.get(entry.get("color"))) if entry.get("iso") == darks.get("iso") else entry
                for entry in group["entries"]
            ]  # fmt: skip
    levels = _levels(first) | {"source": darks["source"]} | measured
    groups = sorted([*groups, darks | measured], key=lambda group: group.get("iso") or 0.0)
    return {"levels": levels} | known | {"darks": groups} | ({"conversion_gains": gains} if gains else {})


def with_color(known: Table, color: Table) -> Table:
    """The tables with a `[[color]]` group, in place of one of the same illuminant."""
    illuminant = color.get("illuminant", 21)
    kept = [one for one in known.get("color", []) if one.get("illuminant", 21) != illuminant]
    return known | {"color": [*kept, {"measured": _today()} | color]}


def gains(known: Profile, iso: float | None) -> dict[str, float]:
    """Gain of each color at exactly this ISO, DN per electron, as far as the file says it."""
    return {
        entry.color: entry.gain
        for group in known.conversion_gains
        for entry in group.entries
        if entry.iso == iso and entry.color is not None and entry.gain is not None
    }


def _by_color(darks: Table) -> dict[str, Table]:
    return {entry["color"]: entry for entry in darks["entries"]}


def _entry(plane: Plane, iso: float | None, step: float) -> Table:
    """One color as the file has it: noise in DN, since a profile's noise is of the file's own levels."""
    names = (
        "color", "gain", "gain_error", "read_std_dn", "read_std_dn_error", "full_well_e", "prnu", "prnu_error",
        "dsnu_e", "dsnu_e_error", "linearity_error",
    )  # fmt: skip
    entry: Table = {"iso": iso} | {name: getattr(plane, name) for name in names}
    if plane.read_std_dn is None and plane.read_std_e is not None:  # from the line: without quantization
        white = plane.read_std_e * plane.gain
        entry["read_std_dn"] = math.sqrt(white**2 + step**2 / 12)  # rounding; see noise/quantization.py
        error = (plane.read_std_e_error or 0.0) * plane.gain
        entry["read_std_dn_error"] = error * white / (entry["read_std_dn"] or 1.0)
    if plane.row_std_e:
        entry["row_std_dn"] = plane.row_std_e * plane.gain
        entry["row_std_dn_error"] = (plane.row_std_e_error or 0.0) * plane.gain
    if plane.column_std_e is not None:
        entry["column_std_dn"] = plane.column_std_e * plane.gain
    return entry


def _with_tails(entry: Table, tails: Table | None) -> Table:
    names = ("tukey_lambda", "tukey_scale_dn")
    return entry | {name: tails[name] for name in names if tails.get(name) is not None} if tails else entry


def _holds(group: Table, iso: float | None) -> bool:
    if iso is None:
        return "iso_min" not in group
    return "iso_min" in group and bool(group["iso_min"] <= iso <= group["iso_max"])


def _levels(first: Frame) -> Table:
    """Levels as the raw file says them."""
    white = float(first.white_level.min())
    return {
        "bits": int(white).bit_length(),
        "black_level": float(first.black_level.mean()),
        "white_level": white,
        "cfa": first.cfa,
    }


def _today() -> Any:
    return datetime.now(UTC).date()
