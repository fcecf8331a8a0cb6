"""`deepisp train sid`: a network for the dark, from See-in-the-Dark's pairs of short and long exposures."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepisp.cli import options, outcome
from deepisp.cli.train import running
from deepisp.train.settings import TrainSettings
from deepisp.train.sid_settings import SidSettings

if TYPE_CHECKING:
    from deepisp.train.run import Run


@click.command(epilog=outcome.CODES, context_settings={"max_content_width": 110})
@click.option("--packed", required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="a file of pairs (.h5), as deepisp datasets pack makes it")  # fmt: skip
@click.option("--resident", is_flag=True, help="hold all of it in the memory of the device")
@running.options_of(SidSettings)
def sid(
    *,
    packed: Path,
    resident: bool,
    output: Path,
    config: Path | None,
    device: str,
    threads: int | None,
    debug: bool,
    **given: Any,
) -> int:
    """A network that takes a mosaic from the dark, as bright as it should have been, to clean color.

    The CFA is that of the file; X-Trans takes --network jdd or chen. chen learns linear light as all do, to be
    compared; for deepisp evaluate sid, which knows it as its authors do, pack --pictures and give --truth pictures.

    \b
    deepisp datasets pack sid-sony --root DIR --split train -o sony.h5
    deepisp train sid --packed sony.h5 -o runs/sid --crop 128 --batch 8
    deepisp develop night.arw --model runs/sid/weights.safetensors --dark 250 -o night.jpg
    """
    known = SidSettings.of_file(config).model_dump(exclude_unset=True) if config else {}
    asked = {name: value for name, value in given.items() if value is not None}
    settings = options.build(TrainSettings, {"network": "dark"} | known | asked)

    def begun() -> "tuple[Run, str]":
        from deepisp.train import begin

        return begin.from_packed(settings, packed, device=device, is_resident=resident)

    return running.run(begun, output, device=device, threads=threads)
