"""`deepisp evaluate sid`: a network on a split of See-in-the-Dark, one line of figures for each exposure ratio."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deepisp.cli import outcome, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deepisp.train import evaluate_raw, evaluate_sid

_HEADS = ("PSNR", "SSIM", "SSIM 7x7", "SSIM gray")
_RAW_HEADS = ("PSNR", "SSIM", "PSNR corr", "SSIM corr")


@click.command(epilog=outcome.CODES, context_settings={"max_content_width": 110})
@click.option("--root", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="the folder that holds Sony or Fuji, and the authors' lists")  # fmt: skip
@click.option("--data", "name", default="sid-sony", show_default=True, help="sid-sony or sid-fuji")
@click.option("--split", required=True, help="which pairs; deepisp datasets list names them")
@click.option("--model", default="dark", show_default=True,
              help="a network that develops, or weights of the authors', made by deepisp convert-weights")  # fmt: skip
@click.option("--raw", "is_raw", is_flag=True,
              help="by ELD's and PMN's protocol, of what makes light: raw values, and with the brightness "
                   "corrected")  # fmt: skip
@click.option("--center", type=click.IntRange(min=64), metavar="SIDE",
              help="with --raw: only the square in the middle; ELD takes 512  [default: all]")  # fmt: skip
@click.option("--threads", type=click.IntRange(min=1), help="of the CPU  [default: all]")
@click.option("--json", "as_json", is_flag=True, help="a JSON object a line")
@click.option("--debug", is_flag=True, help="show where a failure came from")
def sid(
    *, root: Path, name: str, split: str, model: str, is_raw: bool, center: int | None, threads: int | None,
    as_json: bool, debug: bool,
) -> int:  # fmt: skip
    """PSNR and SSIM by the protocol of See-in-the-Dark: 8 bits, no border, LibRaw's picture as the truth.

    \b
    deepisp evaluate sid --root SID --split all-598
    deepisp evaluate sid --root SID --split all-598 --model chen.safetensors
    deepisp evaluate sid --root SID --split all-598 --raw
    """
    from deepisp.data import datasets, sid
    from deepisp.data.sid_protocol import Levels

    if center is not None and not is_raw:
        raise ValueError("--center is of --raw; give both, or leave it out")
    data = datasets.load(name)
    if not isinstance(data, datasets.Sid):
        raise ValueError(f"{name} is no half of See-in-the-Dark; give sid-sony or sid-fuji")
    pairs = sid.pairs(data, root, split)
    import torch

    torch.set_num_threads(threads or torch.get_num_threads())
    levels = Levels(data.camera.black_level, data.camera.white_level)
    if is_raw:
        from deepisp.train import evaluate_raw

        count = torch.get_num_threads()
        scores = evaluate_raw.score(model, pairs, levels, center=center, threads=count)
        _tell(split, scores, _RAW_HEADS, as_json=as_json)
        return outcome.DONE
    from deepisp.train import evaluate_sid

    method = evaluate_sid.named(model, levels, threads=threads)
    _tell(split, evaluate_sid.score(method, pairs), _HEADS, as_json=as_json)
    return outcome.DONE


def _tell(
    split: str, found: "Mapping[int | None, evaluate_sid.Figures | evaluate_raw.Figures]",
    heads: tuple[str, ...], *, as_json: bool,
) -> None:  # fmt: skip
    """A line of figures for each exposure ratio, and one for all."""
    if not as_json:
        say.data(f"{split:14} {'pairs':>6} " + " ".join(f"{head:>9}" for head in heads))
    for ratio, figures in found.items():
        title = "all" if ratio is None else f"x{ratio}"
        if as_json:
            say.data(json.dumps({"split": split, "ratio": ratio} | figures._asdict()))
            continue
        *shown, count = figures
        digits = [2 if "PSNR" in head else 4 for head in heads]
        cells = (f"{one:9.{places}f}" for one, places in zip(shown, digits, strict=True))
        say.data(f"{title:14} {count:6} " + " ".join(cells))
