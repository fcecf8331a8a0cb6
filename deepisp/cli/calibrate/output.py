"""Where a measurement goes: checked before the frames are read, named as the user named it if it cannot be written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deepisp.batch import ready
from deepisp.batch.ready import Unready

if TYPE_CHECKING:
    from deepisp.calibrate.frames import Frame
    from deepisp.sensor.identity import Camera


def check(output: Path | None) -> None:
    """Nothing, if a file can be written there; its folder need not be there yet.

    Raises:
        ValueError: it is a folder or a device.
        Unready: the folder cannot be made or written.
    """
    from deepisp.calibrate import profile_file

    if output is None:
        return
    end = profile_file.target(output)
    try:
        ready.check_folders({end.parent, output.parent})
    except Unready as error:
        raise Unready(f"{output}: {error}") from error


@contextmanager
def written(output: Path) -> Iterator[None]:
    """What is written here lies at or beside `output`; its folder is made.

    Raises:
        Unready: it cannot be written.
    """
    ready.make_folder(output.parent)
    try:
        yield
    except OSError as error:
        problem = ready.blame(error, output)
        raise (problem if isinstance(problem, Unready) else ready.cannot_write(output, error)) from error


def beside(output: Path, iso: float | None, ending: str) -> Path:
    """The name of a file beside a sensor file that holds one ISO: another ISO does not replace it."""
    at = "" if iso is None else f"-iso{iso:g}"
    return output.with_name(f"{output.stem}{at}-{ending}")


def title(camera: "Camera", iso: float | None) -> str:
    """The camera and its ISO, over a plot or a table."""
    return f"{camera}" if iso is None else f"{camera}, ISO {iso:g}"


def told(first: "Frame", *, maker: str, model: str, iso: float | None) -> "Frame":
    """What frames have in common, with what the command line says of them."""
    from dataclasses import replace

    return replace(
        first,
        maker=maker or first.maker,
        model=model or first.model,
        iso=first.iso if iso is None else iso,
    )
