"""`deepisp simulate raw`: pictures to raw files that a real sensor might have made."""

import errno
import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from deepisp.batch import files, places, ready, record
from deepisp.batch.files import Job
from deepisp.cli import outcome, say
from deepisp.picture.safety import Inputs, refuse_inputs

if TYPE_CHECKING:
    from deepisp.data.camera import Camera
    from deepisp.data.simulate import Scene, Simulated

_NO_PICTURE = "no picture in it (name the files themselves)"
_DIGEST = re.compile(rb'"digest": "([0-9a-f]{12})"')  # in the ImageDescription that `simulate.raw` makes
_SEARCHED = 1 << 18  # bytes: `write_dng` puts the texts before the pixels


class _Asked(NamedTuple):
    """What each picture becomes a raw file by."""

    camera: "Camera"
    cfa: str | None
    exposure_ratio: float
    seed: int
    full: bool
    scene: "Scene"
    device: str


@click.command(epilog=outcome.CODES, context_settings={"max_content_width": 110})
@click.argument("picture", nargs=-1, required=True, type=click.Path())
@click.option("-o", "--output", required=True, type=click.Path(), help="the DNG, or a folder for many")
@click.option("--camera", default="generic", show_default=True, help="of sensors/, or a profile (.toml)")
@click.option("--iso", type=click.FloatRange(min=1, max=1e7), help="of the camera's noise")
@click.option("--cfa", help="RGGB, GRBG, GBRG, BGGR, xtrans, quad, mono, or a cell row by row")
@click.option("--exposure-ratio", type=click.FloatRange(min=1, max=1e6), default=1.0, show_default=True,
              help="the sensor gets so much less light")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True,
              help="of the noise and of random colors; one more for each further picture")  # fmt: skip
@click.option("--simple", is_flag=True, help="the noise line alone: no tails, no rows")
@click.option("--tone", type=click.Choice(["smoothstep", "none"]), default="smoothstep", show_default=True,
              help="the tone curve of the picture, which is undone")  # fmt: skip
@click.option("--blur", type=click.FloatRange(min=0, max=20, min_open=True),
              help="of the lens: deviation of a Gaussian, in photosites")  # fmt: skip
@click.option("--halve", is_flag=True, help="average 2 x 2 pixels first: a cleaner scene of half the size")
@click.option("--truth", is_flag=True, help="keep the clean light beside it: NAME.truth.dng, linear, 16 bits")
@click.option("--on-exists", type=click.Choice(["skip", "overwrite", "error"]), default="skip",
              show_default=True, help="what to do if the DNG exists already")  # fmt: skip
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True,
              help="where to compute")  # fmt: skip
@click.option("--quiet", is_flag=True, help="no line per file")
@click.option("--debug", is_flag=True, help="show where a failure came from")
def raw(
    *,
    picture: tuple[str, ...],
    output: str,
    camera: str,
    iso: float | None,
    cfa: str | None,
    exposure_ratio: float,
    seed: int,
    simple: bool,
    tone: str,
    blur: float | None,
    halve: bool,
    truth: bool,
    on_exists: str,
    device: str,
    quiet: bool,
    debug: bool,
) -> int:
    """Pictures, and folders of them, to the raw files of a camera.

    \b
    deepisp simulate raw photo.png -o photo.dng --camera nikon-d850 --iso 6400
    deepisp simulate raw photos/ -o raws/ --cfa xtrans --truth
    """
    jobs = _planned(picture, output, truth)
    ready.check_device(device)
    from deepisp.data import camera as cameras
    from deepisp.data import optics, simulate

    known = cameras.named(camera, iso)
    if cfa is not None:
        simulate.cell_of(cfa)
    if known.warning:
        say.warning("", known.warning)
    scene = simulate.Scene(
        is_toned=tone != "none", halves=halve, psf=None if blur is None else optics.gaussian(blur)
    )
    asked = _Asked(known, cfa, exposure_ratio, seed, not simple, scene, device)
    ready.prepare_folders({job.target.parent for job in jobs if job.problem is None})
    failed = 0
    for number, job in enumerate(jobs):
        task = _task(job, asked._replace(seed=seed + number), truth)
        try:
            written = _written(task, on_exists)
        except Exception as error:
            failed += 1
            say.error(job.source, record.what(error))
            if debug:
                click.echo(record.failure(error)["trace"], err=True)
            if isinstance(error, ready.Unready):
                return outcome.UNREADY
            continue
        _tell(task, written, quiet=quiet)
    if not jobs:
        say.error(picture[0], _NO_PICTURE)
    matched = sum(not isinstance(job.problem, FileNotFoundError) for job in jobs)
    return outcome.code(failed=failed, total=len(jobs), matched=matched)


def _tell(task: "_Task", written: list[Path], *, quiet: bool) -> None:
    """A line on stdout for what was written, on stderr for what is kept."""
    source = task.job.source
    for path in task.targets:
        if path not in written and (doubt := task.doubt(path)):
            say.warning(source, f"{path} is kept, but it {doubt} (use --on-exists overwrite)")
        elif not quiet and path in written:
            say.data(f"{say.one_line(source)} -> {say.one_line(path)}")
        elif not quiet:
            say.note(f"{path} is kept (use --on-exists overwrite)")


def _planned(given: Sequence[str], output: str, truth: bool) -> list[Job]:
    """Where each picture's DNG goes.

    Raises:
        ValueError: a name that is none of a DNG, or an output that is an input.
    """
    from deepisp.data.pictures import SUFFIXES

    in_folder, is_dng = files.is_folder(output, given), Path(output).suffix.lower() == ".dng"
    if not in_folder and not is_dng:
        raise ValueError(f"{output!r} is no DNG; name it .dng, or end it with / for a folder")
    if in_folder and is_dng and not (output.endswith(("/", os.sep)) or os.path.isdir(output)):
        raise ValueError(f"{output!r} is the name of one DNG; end it with / for a folder")
    files.check_output(output, given)
    jobs = files.assign(files.gather(given, suffixes=SUFFIXES), output, in_folder=in_folder, suffix="dng")
    inputs = Inputs.of(job.source for job in jobs)
    for job in jobs:
        refuse_inputs(job.target, inputs, allow_dng=True)
        if truth:
            refuse_inputs(_truth_of(job.target), inputs, allow_dng=True)
    return jobs


def _truth_of(target: Path) -> Path:
    return target.with_name(f"{target.stem}.truth.dng")


class _Task(NamedTuple):
    """One picture, what it becomes, and a digest of the two."""

    job: Job
    targets: list[Path]
    asked: _Asked
    digest: str

    def doubt(self, path: Path) -> str:
        """Why a file that is there may be another than this task would write, or ""."""
        found = None
        if path.is_file():  # a FIFO would be waited for
            with path.open("rb") as file:
                found = _DIGEST.search(file.read(_SEARCHED))
        if found is None:
            return "does not say how it was made"
        return (
            "" if found[1].decode() == self.digest else "was made with other options, or of another picture"
        )


def _task(job: Job, asked: _Asked, truth: bool) -> _Task:
    """The truth comes first, so that a run that was cut short leaves no raw without it."""
    targets = [_truth_of(job.target), job.target] if truth else [job.target]
    words = repr((asked, places.fingerprint(job.source)))
    return _Task(job, targets, asked, hashlib.sha256(words.encode()).hexdigest()[:12])


def _written(task: _Task, on_exists: str) -> list[Path]:
    """The files that were written for one picture: with "skip" those that were missing, which may be none."""
    job, targets = task.job, task.targets
    if job.problem is not None:
        raise job.problem
    existing = [path for path in targets if os.path.lexists(path)]
    if existing and on_exists == "error":
        raise FileExistsError(errno.EEXIST, f"{existing[0]} exists already")
    if on_exists == "skip":
        targets = [path for path in targets if path not in existing]
    if not targets:
        return []
    for path in existing if on_exists == "skip" else ():
        if doubt := task.doubt(path):
            raise FileExistsError(errno.EEXIST, f"{path} {doubt}, and is no pair with {targets[0].name}")
    made = _made(task)
    from deepisp.picture.dng import write_dng

    for path in targets:
        image = made.raw if path == job.target else made.truth_image()
        try:
            write_dng(image, path, replace=on_exists == "overwrite")
        except OSError as error:
            raise ready.blame(error, path.parent) from error
    return targets


def _made(task: _Task) -> "Simulated":
    from deepisp.data import pictures, simulate

    return simulate.raw(pictures.load(task.job.source), **task.asked._asdict(), digest=task.digest)
