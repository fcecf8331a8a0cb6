"""`deepisp evaluate dark`: methods x pictures x cameras in simulated low light, one line of figures each."""

from pathlib import Path

import click

from deepisp.cli import outcome
from deepisp.cli.evaluate import given
from deepisp.cli.evaluate.table import Column, teller

COLUMNS = (
    Column("raw_psnr", "raw", 2),
    Column("corrected_psnr", "raw corr", 2),
    Column("psnr", "balanced", 2),
    Column("srgb_psnr", "sRGB", 2),
    Column("cpu_s_per_mp", "CPU s/MP", 3),
)


@click.command(epilog=outcome.CODES, context_settings={"max_content_width": 110})
@given.options_of(
    "dark",
    click.option("--protocol", default="dark-simulated", show_default=True,
                 help="cameras and exposure ratios: a name of datasets/ or a file (.toml)"),
)  # fmt: skip
def dark(
    *,
    data: tuple[Path, ...],
    names: tuple[str, ...],
    protocol: str,
    every: int,
    threads: int,
    as_json: bool,
    debug: bool,
) -> int:
    """How well methods see in the dark: raw values against those of a full exposure, PSNR in dB.

    All methods get the mosaic at the brightness of the truth; "raw corr" scales what they give to it once more.

    \b
    deepisp evaluate dark --data kodak/ --model dark --model fast
    """
    from deepisp.data.dark import DarkSimulator
    from deepisp.data.dark import protocol as named
    from deepisp.train import contenders, evaluate_dark

    known = named(protocol)
    methods = {name: given.warm(contenders.named(name, threads=threads)) for name in names}
    tell = teller("taken by", COLUMNS, as_json)
    for title, pictures in given.loaded(data, every).items():
        for camera, iso in known.test.cameras.items():
            for ratio in known.test.ratios:
                simulator = DarkSimulator((camera,), (iso, iso), (ratio, ratio))
                for name, method in methods.items():
                    score = evaluate_dark.score(method, pictures, simulator)
                    tell(name, title, f"{camera}:{iso:g} x{ratio:g}", score._asdict())
    return outcome.DONE
