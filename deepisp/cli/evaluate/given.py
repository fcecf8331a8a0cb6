"""What is compared, and on what: methods that are warm, and the pictures of each set."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from deepisp.train.contenders import Contender

    Sets = Mapping[str, Sequence[NDArray[Any]]]


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
