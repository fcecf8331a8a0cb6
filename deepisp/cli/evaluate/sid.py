"""`deepisp evaluate sid`: a network on a split of See-in-the-Dark, one line of figures for each exposure ratio."""

import json
from pathlib import Path

import click

from deepisp.cli import outcome, say

_HEADS = ("PSNR", "SSIM", "SSIM 7x7", "SSIM gray")


@click.command(epilog=outcome.CODES, context_settings={"max_content_width": 110})
@click.option("--root", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="the folder that holds Sony or Fuji, and the authors' lists")  # fmt: skip
@click.option("--data", "name", default="sid-sony", show_default=True, help="sid-sony or sid-fuji")
@click.option("--split", required=True, help="which pairs; deepisp datasets list names them")
@click.option("--model", default="dark", show_default=True,
              help="a network that develops, or weights of the authors', made by deepisp convert-weights")  # fmt: skip
@click.option("--threads", type=click.IntRange(min=1), help="of the CPU  [default: all]")
@click.option("--json", "as_json", is_flag=True, help="a JSON object a line")
@click.option("--debug", is_flag=True, help="show where a failure came from")
def sid(
    *, root: Path, name: str, split: str, model: str, threads: int | None, as_json: bool, debug: bool
) -> int:
    """PSNR and SSIM by the protocol of See-in-the-Dark: 8 bits, no border, LibRaw's picture as the truth.

    \b
    deepisp evaluate sid --root SID --split all-598
    deepisp evaluate sid --root SID --split all-598 --model chen.safetensors
    """
    from deepisp.data import datasets, sid
    from deepisp.data.sid_protocol import Levels

    data = datasets.load(name)
    if not isinstance(data, datasets.Sid):
        raise ValueError(f"{name} is no half of See-in-the-Dark; give sid-sony or sid-fuji")
    pairs = sid.pairs(data, root, split)
    import torch

    from deepisp.train import evaluate_sid

    torch.set_num_threads(threads or torch.get_num_threads())
    levels = Levels(data.camera.black_level, data.camera.white_level)
    found = evaluate_sid.score(evaluate_sid.named(model, levels), pairs)
    if not as_json:
        say.data(f"{split:14} {'pairs':>6} " + " ".join(f"{head:>9}" for head in _HEADS))
    for ratio, figures in found.items():
        title = "all" if ratio is None else f"x{ratio}"
        if as_json:
            say.data(json.dumps({"split": split, "ratio": ratio} | figures._asdict()))
        else:
            psnr, *similar, count = figures
            say.data(f"{title:14} {count:6} {psnr:9.2f} " + " ".join(f"{one:9.4f}" for one in similar))
    return outcome.DONE
