"""What all verbs of `train` share: their options, a run with a bar, and the weights at its end."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepisp.batch import ready
from deepisp.cli import options, outcome, say

if TYPE_CHECKING:
    from pydantic import BaseModel

    from deepisp.train.run import Run

_WEIGHTS = "weights.safetensors"


def options_of(model: "type[BaseModel]") -> options.Decorator:
    """Decorator: -o, --config, --device, --threads, the settings of a model, and --debug."""
    folder, file = (
        click.Path(path_type=Path, file_okay=False),
        click.Path(path_type=Path, exists=True, dir_okay=False),
    )
    each = (
        click.option(
            "-o", "--output", required=True, type=folder, help="folder of the run: checkpoints, log, weights"
        ),
        click.option("--config", type=file, help="settings (.toml); the options below come on top"),
        click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N"),
        click.option("--threads", type=click.IntRange(min=1), help="of the CPU  [default: all]"),
        options.of(model),
        click.option("--debug", is_flag=True, help="show where a failure came from"),
    )
    return lambda command: reduce(lambda made, option: option(made), reversed(each), command)


def run(begun: "Callable[[], tuple[Run, str]]", output: Path, *, device: str, threads: int | None) -> int:
    """Train to the end, and write the weights; the exit code.

    Args:
        begun: makes the run, and a line on what it learns from.
        output: its folder.
        device: as the option says it.
        threads: of torch; None for its own number.
    """
    ready.check_device(device)
    import torch

    from deepisp.networks import zoo
    from deepisp.train import loop

    torch.set_num_threads(threads or torch.get_num_threads())
    run, about = begun()
    is_first = run.spread.rank == 0
    if is_first:
        say.note(about)
    try:
        with _progress(run.settings.steps) if is_first else nullcontext(lambda _: None) as tell:
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
def _progress(steps: int) -> Iterator[Callable[[dict[str, Any]], None]]:
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
