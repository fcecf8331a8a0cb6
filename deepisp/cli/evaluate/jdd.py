"""`deepisp evaluate jdd`: methods x pictures x noise, one line of figures each."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deepisp.cli import outcome
from deepisp.cli.evaluate import given
from deepisp.cli.evaluate.table import Column, teller

if TYPE_CHECKING:
    from deepisp.cli.evaluate.given import Sets
    from deepisp.train.contenders import Contender
    from deepisp.train.evaluate_linear import Shooting

SIGMAS = (0.0, 5.0, 10.0, 15.0, 20.0)  # of 255: shared tables of the literature


_SPEED = Column("cpu_s_per_mp", "CPU s/MP", 3)
CODED = (Column("psnr", "CPSNR", 2), Column("worst", "worst", 2), Column("ssim", "SSIM", 4), _SPEED)
LINEAR = (
    Column("psnr", "linear", 2),
    Column("worst", "worst", 2),
    Column("srgb_psnr", "sRGB", 2),
    Column("delta_e", "dE00", 2),
    Column("color_shift", "shift %", 3),
    _SPEED,
)


@click.command(epilog=outcome.CODES, context_settings={"max_content_width": 110})
@given.options_of(
    "fast",
    click.option("--sigma", multiple=True, type=click.FloatRange(min=0, max=255),
                 help="white noise of display-coded pictures, of 255  [default: 0 5 10 15 20]"),
    click.option("--physical", multiple=True, metavar="CAMERA:ISO",
                 help="a camera's linear light, shot and read noise, such as nikon-d850:3200"),
    click.option("--cfa", default="RGGB", show_default=True, help="cell of the mosaics, row by row"),
)  # fmt: skip
def jdd(
    *,
    data: tuple[Path, ...],
    names: tuple[str, ...],
    sigma: tuple[float, ...],
    physical: tuple[str, ...],
    cfa: str,
    every: int,
    threads: int,
    as_json: bool,
    debug: bool,
) -> int:
    """How well methods demosaic and denoise pictures that they have not seen.

    \b
    deepisp evaluate jdd --data kodak/ --model fast --model menon --sigma 10
    deepisp evaluate jdd --data kodak/ --physical sony-a7s-ii:3200 --model fast --model menon+wavelet
    """
    from deepisp.train import contenders
    from deepisp.train.evaluate_linear import Shooting

    shootings = [Shooting.of(one, cfa) for one in physical]
    methods = {name: given.warm(contenders.named(name, cfa, threads=threads)) for name in names}
    sets = given.loaded(data, every)
    if sigma or not physical:
        coded(methods, sets, sigma or SIGMAS, cfa=cfa, as_json=as_json)
    if physical:
        linear(methods, sets, shootings, as_json=as_json)
    return outcome.DONE


def coded(
    methods: "Mapping[str, Contender]", sets: "Sets", sigmas: Sequence[float], *, cfa: str, as_json: bool
) -> None:
    """The table of display-coded pictures, printed."""
    from deepisp.train import evaluate

    tell = teller("sigma", CODED, as_json)
    for name, method in methods.items():
        for title, truths in sets.items():
            for sigma in sigmas:
                score = evaluate.score(method, truths, sigma=sigma, cfa=cfa, with_ssim=True)
                tell(name, title, sigma, score._asdict())


def linear(
    methods: "Mapping[str, Contender]", sets: "Sets", shootings: "Sequence[Shooting]", *, as_json: bool
) -> None:
    """The table of cameras and ISOs, printed."""
    from deepisp.train import evaluate_linear

    tell = teller("camera", LINEAR, as_json)
    for shooting in shootings:
        for title, truths in sets.items():
            for name, method in methods.items():
                score = evaluate_linear.score(method, truths, shooting)
                tell(name, title, shooting.name, score._asdict())
