"""What was measured, into a sensor file: one group is put in or replaced, everything else in the file stays.

    update(path, lambda known: profile_groups.with_photon_transfer(known, result), camera=camera_of(result.first))

A file is written whole or not at all, and only if it loads again. Comments stay, but for those in a group that changes.
"""

import os
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepisp.calibrate.frames import Frame
from deepisp.calibrate.profile_groups import ELSEWHERE, Table
from deepisp.picture import atomic
from deepisp.picture.errors import NoSpace
from deepisp.raw.image import RawImage
from deepisp.sensor import profile
from deepisp.sensor.identity import UNKNOWN, Camera
from deepisp.sensor.profile import Profile

if TYPE_CHECKING:
    from tomlkit.toml_document import TOMLDocument

SCALE = 6  # significant digits: a part in a million, under any standard error
LEVEL_DRIFT = 1.0  # DN: cameras that measure black anew in each frame stay within


def camera_of(source: RawImage | Frame, *, maker: str = "", model: str = "") -> Camera:
    """The camera of a raw image or a frame; `maker` and `model` go before what it says."""
    names = (source.model, getattr(source, "unique_model", ""))
    return Camera(maker or source.maker, (model,) if model else tuple(dict.fromkeys(filter(None, names))))


def update(path: Path, change: Callable[[Table], Table], *, camera: Camera | None = None) -> Profile:
    """Change a sensor file, or make it. A symlink is followed.

    Args:
        path: TOML; what it holds besides is kept.
        change: from the file's tables to the new ones.
        camera: that was measured; it is written where the file does not say it yet.

    Returns:
        The profile as the file now has it.

    Raises:
        ValueError: the file is of another camera or no sensor file, or the outcome would be none.
        OSError: it cannot be written; then it is as it was. Its `filename` is `path`.
    """
    import tomlkit

    camera = camera or Camera()
    there = target(path)
    text = there.read_text(encoding="utf-8") if there.exists() else ""
    if there.exists():
        _check_camera(profile.load(there), camera, path.name)
    before = tomllib.loads(text)
    changed = change(
        before | {name: value for name, value in _named(camera).items() if _is_unsaid(before, name)}
    )
    kept = _inside(before)
    new = {
        name: value if value == before.get(name) else _plain(value, kept) for name, value in changed.items()
    }
    return _write(_with_comments(tomlkit.parse(text), before, new), path)


def write(tables: Table, path: Path) -> Profile:
    """Tables to a sensor file, whole or not at all; a symlink is followed.

    Raises:
        ValueError: they make no sensor profile; names the key.
        OSError: it cannot be written. Its `filename` is `path`.
    """
    return _write(_text(_plain(tables)), path)


def target(path: Path) -> Path:
    """Where a path leads: a symlink's end, which need not exist.

    Raises:
        ValueError: no file can be put there: it is a folder or a device.
    """
    end = Path(os.path.realpath(path))
    if end.exists() and not end.is_file():
        what = "a folder" if end.is_dir() else "no ordinary file"
        raise ValueError(f"{path} is {what}; name a file to write, such as camera.toml")
    return end


def check(path: Path, camera: Camera, rule: Callable[[Table], None] | None = None) -> None:
    """Whether figures of a camera can be put into a file, before its frames are measured.

    Args:
        path: of the sensor file, which need not be there yet.
        camera: of the frames.
        rule: raises a ValueError where the file's tables cannot take the figures in, see profile_groups.py.

    Raises:
        ValueError: the file is of another camera, or no sensor file; or as `rule`. Names the file.
    """
    there = target(path)
    if not there.exists():
        return
    _check_camera(profile.load(there), camera, path.name)
    try:
        if rule is not None:
            rule(tomllib.loads(there.read_text(encoding="utf-8")))
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def doubts(path: Path, frame: Frame | RawImage) -> tuple[str, ...]:
    """What is doubtful about figures of a frame in a file, one line each: levels other than those the file has.

    Raises:
        ValueError: the file that is there is no sensor file.
    """
    there = target(path)
    levels = profile.load(there).levels if there.exists() else None
    if levels is None:
        return ()
    black, white = float(frame.black_level.mean()), float(frame.white_level.min())
    if max(abs(black - levels.black_level), abs(white - levels.white_level)) <= LEVEL_DRIFT:
        return ()
    return (
        f"the file has black {levels.black_level:g} and white {levels.white_level:g}, these frames {black:g} and "
        f"{white:g}; its levels are kept, and the figures are of the frames' own: write them to another file if "
        "the scale is another",
    )


def _check_camera(known: Profile, camera: Camera, name: str) -> None:
    if not known.is_of(camera.maker, *camera.models):
        raise ValueError(
            f"{name} is of {known.camera}, these frames are of {camera}; {ELSEWHERE}, or add the "
            "name to the file's models if both are one camera"
        )


def _named(camera: Camera) -> Table:
    return {"maker": camera.maker or UNKNOWN, "models": list(camera.models) or [UNKNOWN]}


def _is_unsaid(known: Table, name: str) -> bool:
    return known.get(name, UNKNOWN) in (UNKNOWN, [UNKNOWN])


def _write(text: str, path: Path) -> Profile:
    made = profile.parse(text, path.name)
    try:
        atomic.commit(target(path), text.encode())
    except NoSpace:
        raise  # it names the disk
    except OSError as error:
        error.filename = str(path)  # not the part of it that was written
        raise
    return made


def _with_comments(document: "TOMLDocument", before: Table, new: Table) -> str:
    """The document with what changed, as text; in an array of tables, those that did not change stay as they are."""
    import tomlkit

    for name in before.keys() - new.keys():
        del document[name]
    for name, value in new.items():
        if value != before.get(name):
            old = document.get(name)
            document[name] = _item(value, list(old) if isinstance(old, tomlkit.items.AoT) else [])
    text = tomlkit.dumps(document)
    # A guard, no case is known: should a layout not survive its change, comments are lost and not figures.
    return text if _is_same(text, new) else _text(new)


def _text(tables: Table) -> str:
    """A new file."""
    import tomlkit

    document = tomlkit.document()
    for name, value in sorted(
        tables.items(), key=lambda item: isinstance(item[1], dict) or _is_tables(item[1])
    ):
        document[name] = _item(value)
    return tomlkit.dumps(document)


def _item(value: Any, old: Sequence[Any] = ()) -> Any:
    """A value as tomlkit has it, matrices row by row; tables that are among `old` stay as they are written there."""
    import tomlkit

    if isinstance(value, dict):
        table = tomlkit.table()
        for name, one in sorted(
            value.items(), key=lambda item: isinstance(item[1], dict) or _is_tables(item[1])
        ):
            table[name] = _item(one)
        return table
    if _is_tables(value):
        tables = tomlkit.aot()
        for one in value:
            tables.append(next((table for table in old if table.unwrap() == one), None) or _item(one))
        return tables
    if isinstance(value, list) and any(isinstance(one, list) for one in value):
        rows = tomlkit.array()
        rows.extend(value)
        return rows.multiline(True)
    return tomlkit.item(value)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _is_same(text: str, tables: Table) -> bool:
    try:
        return tomllib.loads(text) == tables
    except tomllib.TOMLDecodeError:
        return False


def _plain(value: Any, kept: Sequence[Table] = ()) -> Any:
    """What TOML can hold: nothing that is None, numbers to `SCALE` digits; tables among `kept` stay as they are."""
    if isinstance(value, dict):
        if value in kept:
            return value
        return {name: _plain(one, kept) for name, one in value.items() if one is not None}
    if isinstance(value, list | tuple):
        return [_plain(one, kept) for one in value]
    return float(f"{value:.{SCALE}g}") if isinstance(value, float) else value


def _inside(value: Any) -> list[Table]:
    """Every table in a value, itself included."""
    if isinstance(value, dict):
        return [value, *(table for one in value.values() for table in _inside(one))]
    return [table for one in value for table in _inside(one)] if isinstance(value, list) else []
