"""`deepisp train jdd`: a network for demosaicing and denoising, from clean pictures."""

import json
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepisp.batch import ready
from deepisp.cli import options, outcome, say
from deepisp.train.settings import TrainSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WEIGHTS = "weights.safetensors"


@click.command(epilog=outcome.CODES, context_settings={"max_content_width": 110})
@click.option("--data", multiple=True, required=True, type=click.Path(path_type=Path, exists=True),
              help="a picture or a folder of them; more than once for many")  # fmt: skip
@click.option("--bursts", multiple=True, type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="a folder of raw files of one still scene, or of such folders; with --noisy")  # fmt: skip
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, file_okay=False),
              help="folder of the run: checkpoints, log, weights")  # fmt: skip
@click.option("--config", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="settings (.toml); the options below come on top")  # fmt: skip
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N")
@click.option("--threads", type=click.IntRange(min=1), help="of the CPU  [default: all]")
@options.of(TrainSettings)
@click.option("--debug", is_flag=True, help="show where a failure came from")
def jdd(
    *,
    data: tuple[Path, ...],
    bursts: tuple[Path, ...],
    output: Path,
    config: Path | None,
    device: str,
    threads: int | None,
    debug: bool,
    **given: Any,
) -> int:
    """A network that takes a noisy mosaic to clean color.

    \b
    deepisp train jdd --data pictures/ -o runs/first --steps 20000
    deepisp train jdd --data pictures/ -o runs/first --steps 20000   # after an interruption: goes on
    """
    settings = options.build(TrainSettings, given, TrainSettings.of_file(config) if config else None)
    ready.check_device(device)
    import torch

    from deepisp.networks import zoo
    from deepisp.train import begin, loop

    torch.set_num_threads(threads or torch.get_num_threads())
    run, about = begin.from_disk(settings, data, burst_folders=bursts, device=device)
    is_first = run.spread.rank == 0
    if is_first:
        say.note(about)
    try:
        with _progress(settings.steps) if is_first else nullcontext(lambda _: None) as tell:
            loop.train(run, output, say=tell)
    except loop.Diverged as error:
        say.error(output, str(error))
        return outcome.SOME_FAILED
    finally:
        run.spread.close()
    if not is_first:
        return outcome.DONE
    digest = zoo.save(output / _WEIGHTS, run.weights())
    say.data(json.dumps({"weights": str(output / _WEIGHTS), "sha256": digest, "steps": run.step}))
    return outcome.DONE


@contextmanager
def _progress(steps: int) -> "Iterator[Callable[[dict[str, Any]], None]]":
    """A bar on stderr with loss, speed and the time that is left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.5f}  {task.fields[speed]:.0f} crops/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("train", total=steps, loss=float("nan"), speed=0.0)

        def tell(line: dict[str, Any]) -> None:
            bar.update(task, completed=line["step"], loss=line["loss"], speed=line["crops_per_s"])

        yield tell
