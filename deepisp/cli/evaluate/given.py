"""What is compared, and on what: the options that say it, methods that are warm, and the pictures of each set."""

from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deepisp.cli.options import Decorator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from deepisp.train.contenders import Contender

    Sets = Mapping[str, Sequence[NDArray[Any]]]


def options_of(model: str, *own: Decorator) -> Decorator:
    """Decorator: --data, --model, a verb's own options, --every, --threads, --json and --debug.

    Args:
        model: what is measured if none is named.
        own: of the verb.
    """
    sets = click.Path(path_type=Path, exists=True)
    least = click.IntRange(min=1)
    each = (
        click.option("--data", multiple=True, required=True, type=sets,
                     help="a set of pictures: a folder or one file; more than once for many"),
        click.option("--model", "names", multiple=True, default=(model,), show_default=True,
                     help="a network, a weights file, or a classical method: menon, menon+wavelet, menon+nlm, …"),
        *own,
        click.option("--every", type=least, default=1, show_default=True, help="take each n-th picture of a set"),
        click.option("--threads", type=least, default=1, show_default=True, help="of networks"),
        click.option("--json", "as_json", is_flag=True, help="print one JSON object per line of the table"),
        click.option("--debug", is_flag=True, help="show where a failure came from"),
    )  # fmt: skip
    return lambda command: reduce(lambda made, option: option(made), reversed(each), command)


def warm(method: "Contender") -> "Contender":
    """A method whose kernels and graphs are compiled, so that its seconds are those of its work."""
    import numpy as np

    method(np.full((64, 64), 0.5, np.float32), 0.01)
    return method


def loaded(places: Sequence[Path], every: int = 1) -> "Sets":
    """The pictures of each place, each n-th, uint8, by the place's name."""
    import numpy as np
    import torch

    from deepisp.data import crops, pictures

    torch.set_num_threads(1)  # what simulates goes through in small parts, see data/pairs.py
    sets: dict[str, list[NDArray[Any]]] = {}
    for place in places:
        found = [pictures.load(path) for path in crops.files([place])[::every]]
        eight = [(one >> 8).astype(np.uint8) if one.dtype == np.uint16 else one for one in found]
        sets[place.name if place.name not in sets else str(place)] = eight
    return sets
