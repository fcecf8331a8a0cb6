"""What was measured, into a sensor file: one group is put in or replaced, everything else in the file stays.

    update(path, lambda known: with_photon_transfer(known, result), maker="Acme", model="One")

A file is written whole or not at all, and only if it loads again. Comments of a file written by hand are lost.
"""

import math
import re
import tomllib
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deepisp.calibrate.frames import Frame
from deepisp.calibrate.photon_transfer import PhotonTransferResult, Plane
from deepisp.picture import atomic
from deepisp.sensor import profile
from deepisp.sensor.estimate import Estimate
from deepisp.sensor.profile import Profile

Table = dict[str, Any]
SCALE = 6  # significant digits: a part in a million, under any standard error
OURS = "deepisp calibrate"  # how the source of a group begins that these verbs wrote
ELSEWHERE = "write to another file with -o"


def update(path: Path, change: Callable[[Table], Table], *, maker: str = "", model: str = "") -> Profile:
    """Change a sensor file, or make it.

    Args:
        path: TOML; what it holds besides is kept.
        change: from the file's tables to the new ones.
        maker: of the camera, where the file does not say it yet.
        model: of the camera, the same.

    Returns:
        The profile as the file now has it.

    Raises:
        ValueError: the file that is there is no sensor file, or the outcome would be none.
        OSError: it cannot be written; then it is as it was.
    """
    known: Table = {"maker": maker or "unknown", "models": [model or "unknown"]}
    if path.exists():
        profile.load(path)
        known = tomllib.loads(path.read_text(encoding="utf-8"))
    return write(change(known), path)


def write(tables: Table, path: Path) -> Profile:
    """Tables to a sensor file, whole or not at all.

    Raises:
        ValueError: they make no sensor profile; names the key.
        OSError: it cannot be written.
    """
    import tomli_w

    text = tomli_w.dumps(_plain(tables))
    made = profile.parse(text, path.name)
    atomic.commit(path, text.encode())
    return made


def check(path: Path, iso: float | None, colors: str, *, is_picture: bool = False) -> None:
    """Whether the noise of an ISO can be put into a file, before frames are measured for it.

    Args:
        path: of the sensor file, which need not be there yet.
        iso: of the frames, None if it is not known.
        colors: their letters.
        is_picture: whether one picture is to say it, and not flats.

    Raises:
        ValueError: as `with_photon_transfer` and `with_picture`, or the file that is there is no sensor file.
    """
    if not path.exists():
        return
    profile.load(path)
    known = tomllib.loads(path.read_text(encoding="utf-8"))
    try:
        if is_picture:
            _check_no_flats(known, iso)
        _place(known.get("conversion_gains", []), iso, colors)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


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
        {"iso": iso, "color": color} | one.noise._asdict() for color, one in zip(colors, found, strict=True)
    ]
    return known | _with_entries(known, iso, entries, source)


def _with_entries(known: Table, iso: float | None, entries: list[Table], source: Table) -> Table:
    """The conversion gains with entries of one ISO, in place of those of the same ISO and colors."""
    groups = [dict(group) for group in known.get("conversion_gains", [])]
    colors = {entry["color"] for entry in entries}
    place = _place(groups, iso, colors)
    if place is None:
        place = {} if iso is None else {"iso_min": iso, "iso_max": iso}
        groups.append(place)
    kept = [
        entry for entry in place.get("entries", [])
        if entry.get("iso") != iso or entry.get("color") not in {None, *colors}
    ]  # fmt: skip
    told = _told(place["source"], source["source"], iso, kept) if kept else source["source"]
    place |= source | {"source": told, "entries": [*kept, *entries]}
    groups.sort(key=lambda group: group.get("iso_min") or 0.0)
    return {"conversion_gains": groups}


def _told(old: str, new: str, iso: float | None, kept: Sequence[Table]) -> str:
    """The source of a group that keeps entries of an older one: each ISO's own, those of one source together.

    >>> _told("deepisp calibrate A", "deepisp calibrate B", 800, [{"iso": 400}, {"iso": 100}])
    'ISO 100, 400: deepisp calibrate A; ISO 800: deepisp calibrate B'
    """
    parts = _by_iso(old)
    known = {entry.get("iso"): parts.get(f"{entry.get('iso') or 0:g}", parts.get("", new)) for entry in kept}
    known[iso] = new
    if len(set(known.values())) == 1:
        return new
    isos: dict[str, list[str]] = {}
    for at, source in sorted(known.items(), key=lambda item: item[0] or 0.0):
        isos.setdefault(source, []).append(f"{at or 0:g}")
    return "; ".join(f"ISO {', '.join(found)}: {source}" for source, found in isos.items())


def _by_iso(source: str) -> dict[str, str]:
    """What `_told` joined: the source of each ISO, as text; of "" that of all others."""
    parts: dict[str, str] = {}
    for part in source.split("; "):
        mark = re.match(r"ISO ([^:]+): (.*)", part)
        parts |= dict.fromkeys(mark[1].split(", "), mark[2]) if mark else {"": part}
    return parts


def _place(groups: Sequence[Table], iso: float | None, colors: Iterable[str]) -> Table | None:
    """The conversion gain that takes entries of an ISO in, None for one of its own, or a ValueError."""
    if any(("iso_min" in group) == (iso is None) for group in groups):
        known, new = ("known", "not") if iso is None else ("not known", "known")
        raise ValueError(
            f"the ISO of the file's noise is {known}, that of these frames is {new}; {ELSEWHERE}"
        )
    place = next((group for group in groups if _holds(group, iso)), None)
    if place is None:
        return None
    where = "the file" if iso is None else f"ISO {iso:g}"
    if "entries" not in place:
        raise ValueError(f"{where} lies in a range that the file describes by a fit; {ELSEWHERE}")
    if not all(source.startswith(OURS) for source in _by_iso(place["source"]).values()):
        raise ValueError(f"{where} has noise from another source ({place['source']}); {ELSEWHERE}")
    others = {entry.get("color") for entry in place["entries"] if entry.get("iso") != iso}
    if None in others and set(colors):
        raise ValueError(f"{where} lies among entries that are not told by color; {ELSEWHERE}")
    return place


def _check_no_flats(known: Table, iso: float | None) -> None:
    entries = [entry for group in known.get("conversion_gains", []) for entry in group.get("entries", [])]
    if any(entry.get("iso") == iso and "gain" in entry for entry in entries):
        at = "" if iso is None else f" of ISO {iso:g}"
        raise ValueError(f"flats told the noise{at}, and more of it than a picture does; {ELSEWHERE}")


def with_darks(known: Table, darks: Table, first: Frame) -> Table:
    """The tables with what darks of one ISO say, in place of what was known of that ISO.

    An entry of photon transfer at the same ISO and color takes the tails (`tukey_lambda`, `tukey_scale_dn`) over.
    """
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


def _plain(value: Any) -> Any:
    """What TOML can hold: nothing that is None, numbers to `SCALE` digits."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items() if one is not None}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return float(f"{value:.{SCALE}g}") if isinstance(value, float) else value
