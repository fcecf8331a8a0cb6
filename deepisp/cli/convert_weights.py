"""`deepisp convert-weights`: weights of published networks, from PyTorch files to ours."""

from pathlib import Path
from typing import Literal

import click

from deepisp.batch import ready
from deepisp.cli import outcome, say
from deepisp.picture.safety import refuse_inputs


@click.command(epilog=outcome.CODES, context_settings={"max_content_width": 110})
@click.argument("weights", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False),
              help="the file; .safetensors")  # fmt: skip
@click.option("--cfa", type=click.Choice(["RGGB", "xtrans"]), default="RGGB",
              help="what it was trained on: Bayer (SID's Sony) or X-Trans (SID's Fuji)  [RGGB]")  # fmt: skip
@click.option("--order", type=click.Choice(["tensorflow", "torch"]),
              help="of the last layer's channels, where the port's name of that layer misleads: "
                   "conv10 is taken for tensorflow, conv10_1 for torch")  # fmt: skip
@click.option("--debug", is_flag=True, help="show where a failure came from")
def convert_weights(
    *, weights: Path, output: Path, cfa: str, order: Literal["tensorflow", "torch"] | None, debug: bool
) -> int:
    """Weights of Chen's U-Net (Learning to See in the Dark), as its PyTorch ports save them, to ours.

    \b
    deepisp convert-weights checkpoint_sony_e4000.pth -o sid-sony.safetensors
    deepisp convert-weights fuji.pth -o sid-fuji.safetensors --cfa xtrans

    A file is read as numbers alone: one that holds Python objects is refused, for they may run code.
    """
    from deepisp.networks import chen, convert, zoo

    if output.suffix.lower() != ".safetensors":
        raise ValueError(f"weights are written to .safetensors, got {output}; name the output so")
    refuse_inputs(output, [weights])
    state = convert.read(weights)
    try:
        made = convert.chen(state, chen.XTRANS if cfa == "xtrans" else "RGGB", order)
    except ValueError as error:
        raise ValueError(f"{weights}: {error}") from error
    ready.prepare_folders([output.parent])
    zoo.save(output, made)
    count = sum(one.size for one in made.tensors.values())
    say.data(say.one_line(f"{output}: chen for {made.cfa}, {count} parameters"))
    return outcome.DONE
