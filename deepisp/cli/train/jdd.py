"""`deepisp train jdd`: a network for demosaicing and denoising, from clean pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepisp.cli import options, outcome
from deepisp.cli.train import running
from deepisp.train.settings import TrainSettings

if TYPE_CHECKING:
    from deepisp.train.run import Run


@click.command(epilog=outcome.CODES, context_settings={"max_content_width": 110})
@click.option("--data", multiple=True, required=True, type=click.Path(path_type=Path, exists=True),
              help="a picture or a folder of them; more than once for many")  # fmt: skip
@click.option("--bursts", multiple=True, type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="a folder of raw files of one still scene, or of such folders; with --noisy")  # fmt: skip
@running.options_of(TrainSettings)
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

    def begun() -> "tuple[Run, str]":
        from deepisp.train import begin

        return begin.from_disk(settings, data, burst_folders=bursts, device=device)

    return running.run(begun, output, device=device, threads=threads)
