"""`deepisp export`: a network as a file that other programs run."""

from pathlib import Path

import click

from deepisp.batch import ready
from deepisp.batch.ready import Unready
from deepisp.cli import outcome, say
from deepisp.picture import atomic
from deepisp.picture.safety import refuse_inputs


@click.command(epilog=outcome.CODES, context_settings={"max_content_width": 110})
@click.argument("model")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False),
              help="the file; .onnx for ONNX, .pt2 for torch.export")  # fmt: skip
@click.option("--debug", is_flag=True, help="show where a failure came from")
def export(*, model: str, output: Path, debug: bool) -> int:
    """A network, by its name or its weights file, for other programs.

    \b
    deepisp export fast -o fast.onnx
    deepisp export runs/first/weights.safetensors -o first.pt2
    """
    from deepisp.networks import export as exporting
    from deepisp.networks import zoo

    write = exporting.FORMATS.get(output.suffix.lower())
    if write is None:
        known = " or ".join(exporting.FORMATS)
        raise ValueError(f"a network is exported to {known}, got {output}; name the output so")
    weights = zoo.own(zoo.named(model), model)
    refuse_inputs(output, [_source(model)])
    ready.prepare_folders([output.parent])
    try:
        data = write(weights)
    except ImportError as error:
        raise Unready(str(error)) from error
    atomic.commit(output, data)
    what = f"{output}: {model} for {weights.cfa}, halo {weights.size.halo}, {len(data) / 1000:.0f} kB"
    say.data(say.one_line(what))
    return outcome.DONE


def _source(model: str) -> Path:
    """The file that the weights are read from."""
    from deepisp.networks import zoo

    entry = zoo.entries().get(model)
    return Path(model) if entry is None else zoo.FOLDER / entry.file
