"""The command line: `deepisp VERB`. A verb's module is loaded when it is called; `--help` loads none."""

import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from deepisp.cli.lazy import LazyGroup

VERBS = {
    "info": "What raw files say: levels, CFA, color, noise.",
    "develop": "Raw files to pictures.",
    "calibrate": "A camera's own frames: its noise, its shading, its colors.",
    "simulate": "Pictures to the numbers that a sensor might have given.",
    "train": "Networks from pictures.",
    "evaluate": "How good networks are, by the literature's protocols.",
    "datasets": "What data sets need: where they are, and whether one is whole.",
    "models": "The networks that come with deepisp, and their cards.",
    "export": "A network to ONNX or PT2, for other programs.",
    "convert-weights": "Weights of published networks, from PyTorch files to ours.",
    "demo": "A noisy raw file, made here and developed.",
}
_OLDEST_LIBRAW = (0, 22, 2)  # earlier ones read past their buffers: LibRaw's changelog of 0.22.2


class Program(LazyGroup):
    """All verbs, and how the process ends."""

    def main(
        self, args: Sequence[str] | None = None, prog_name: str | None = None, *_: Any, **extra: Any
    ) -> NoReturn:
        """Run, and end the process with one of the codes of `outcome`."""
        from deepisp.cli import outcome

        extra["standalone_mode"] = False
        words = sys.argv[1:] if args is None else list(args)
        call = lambda: super(Program, self).main(words, prog_name or "deepisp", **extra)  # noqa: E731
        code = outcome.guarded(call, debug="--debug" in words)
        outcome.leave(code)
        raise AssertionError  # `leave` does not come back


def _version(ctx: click.Context, _: click.Parameter, is_asked: bool) -> None:
    if not is_asked:
        return
    from importlib.metadata import version

    import rawpy

    import deepisp
    from deepisp.cli import say

    libraw = ".".join(map(str, rawpy.libraw_version))
    say.data(f"deepisp {deepisp.__version__} (rawpy {version('rawpy')}, LibRaw {libraw})")
    if rawpy.libraw_version < _OLDEST_LIBRAW:
        wanted = ".".join(map(str, _OLDEST_LIBRAW))
        say.warning(
            "", f"LibRaw {libraw} is older than {wanted} and has known defects (pip install --upgrade rawpy)"
        )
    ctx.exit(0)


@click.group(
    cls=Program, package=__name__, verbs=VERBS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="versions, and exit",
)
def main() -> None:
    """Raw sensor data to pictures.

    deepisp VERB --help says more.
    """
