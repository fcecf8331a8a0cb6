"""The networks that come with deepisp: name, file, checksum. Weights are NumPy arrays here; torch is not needed.

A weights file is safetensors, which holds numbers and no code; its metadata say which network they belong to. It is
hashed before it is parsed. weights/index.toml lists the files, weights/NAME.toml says how each was trained, and
weights/NAME.md what it can do.
"""

import hashlib
import json
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from deepisp.networks import sizes
from deepisp.networks.sizes import Size

FOLDER = Path(__file__).parent / "weights"
_MOST = 1 << 28  # bytes; ours have a hundredth


Truth = Literal["light", "pictures"]


class Entry(NamedTuple):
    """A shipped network.

    Attributes:
        file: in weights/.
        sha256: of that file.
        kind: of the sensors that it is for, see sensor/cfa.py.
    """

    file: str
    sha256: str
    kind: str


class Weights(NamedTuple):
    """A network's numbers, and what they are for.

    Attributes:
        cfa: cell of the mosaics that it takes.
        width: channels of each layer; of dark, of the first.
        blocks: residual blocks; of dark, steps at its last scale.
        has_bias: whether layers have biases.
        noise_most: the largest deviation of noise that it was trained on, of a balanced signal at mid-gray.
        tensors: float32, by the names in its file.
        network: which one, by the names of networks/family.py; those of sizes.OWN develop, others serve comparison.
        truth: what it learned to make: linear or coded light, or LibRaw's pictures as chen's authors taught it.
    """

    cfa: str
    width: int
    blocks: int
    has_bias: bool
    noise_most: float
    tensors: dict[str, NDArray[np.float32]]
    network: str = "jdd"
    truth: Truth = "light"

    @property
    def size(self) -> Size:
        """What it is made of, and how far it sees.

        Raises:
            ValueError: it is a published network's.
        """
        return sizes.size(self.network, self.cfa, self.width, self.blocks)

    @property
    def parameters(self) -> int:
        """Numbers that were learned."""
        return sum(one.size for one in self.tensors.values())


@lru_cache(maxsize=1)
def entries() -> dict[str, Entry]:
    """The shipped networks by name."""
    index = FOLDER / "index.toml"
    return {name: Entry(**one) for name, one in tomllib.loads(index.read_text(encoding="utf-8")).items()}


def for_sensor(kind: str, size: str) -> str | None:
    """The name of the network of a size, such as fast, for a kind of sensor of sensor/cfa.py; None if there is none."""
    name = size if kind == "bayer" else f"{size}-{kind}"
    return name if name in entries() else None


def named(name: str) -> Weights:
    """Weights by the name of a shipped network, or by a path.

    Raises:
        ValueError: neither, or no weights of ours.
    """
    if name in entries():
        return shipped(name)
    try:
        return _of_file(name, stamp(name))
    except OSError as error:
        raise ValueError(
            f"no network and no file {name!r}; known networks: {', '.join(entries())}"
        ) from error


def stamp(name: str) -> tuple[int, int]:
    """What changes when a file of weights is written anew: time and size; zeros for what is no file."""
    if name in entries() or not Path(name).is_file():
        return 0, 0
    about = Path(name).stat()
    return about.st_mtime_ns, about.st_size


@lru_cache(maxsize=4)
def _of_file(name: str, _: tuple[int, int]) -> Weights:
    return load(Path(name))


@lru_cache(maxsize=8)
def shipped(name: str) -> Weights:
    """A network that comes with deepisp.

    Raises:
        ValueError: no such name, or its file is not the one that was shipped.
    """
    if name not in entries():
        raise ValueError(f"no network {name!r}; known: {', '.join(entries())}")
    entry = entries()[name]
    return load(FOLDER / entry.file, sha256=entry.sha256)


def load(path: Path, *, sha256: str | None = None) -> Weights:
    """The weights of a file.

    Args:
        path: safetensors.
        sha256: what the file must hash to; None for any.

    Raises:
        ValueError: another file than that, or no weights of a network of ours.
        OSError: it cannot be read.
    """
    from safetensors.numpy import load as parse

    if path.stat().st_size > _MOST:
        raise ValueError(f"{path}: {path.stat().st_size} bytes are no network of ours")
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if sha256 is not None and found != sha256:
        raise ValueError(f"{path}: its SHA-256 is {found}, not {sha256}; install deepisp again")
    try:
        size = int.from_bytes(data[:8], "little")
        about = json.loads(data[8 : 8 + size])["__metadata__"]
        tensors = {name: array.astype(np.float32) for name, array in parse(data).items()}
        weights = Weights(**json.loads(about["deepisp"]), tensors=tensors)
        _check_numbers(weights)
    except Exception as error:  # the parser raises its own kinds
        raise ValueError(f"{path}: no weights of deepisp: {error}") from error
    _check(weights, path)
    return weights


def card(name: str) -> str:
    """What a shipped network was trained on, what it can do and what it can not: its model card, Markdown.

    Raises:
        ValueError: no such name.
    """
    if name not in entries():
        raise ValueError(f"no network {name!r}; known: {', '.join(entries())}")
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def save(path: Path, weights: Weights) -> str:
    """Write weights as float32, whole or not at all; the SHA-256 of the file."""
    from safetensors.numpy import save as serialize

    about: dict[str, Any] = weights._asdict()
    tensors = {name: np.ascontiguousarray(one, np.float32) for name, one in about.pop("tensors").items()}
    data = serialize(tensors, metadata={"deepisp": json.dumps(about)})
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    part.replace(path)
    return hashlib.sha256(data).hexdigest()


def own(weights: Weights, name: object) -> Weights:
    """The same weights, if they are of one of deepisp's own networks, which alone `develop` runs.

    Raises:
        ValueError: they are of a published one.
    """
    if weights.network not in sizes.OWN:
        raise ValueError(
            f"{name}: a {weights.network} network, which is there for comparison: deepisp evaluate jdd runs it"
        )
    return weights


def _check_numbers(weights: Weights) -> None:
    """Nothing, if the numbers beside the tensors are such as a network of ours may have."""
    side = round(len(weights.cfa) ** 0.5)
    if not isinstance(weights.cfa, str) or side * side != len(weights.cfa) or set(weights.cfa) != set("RGB"):
        raise ValueError(f"its cell {weights.cfa!r} is no square of R, G and B")
    if not 0 <= weights.noise_most < float("inf"):
        raise ValueError(f"its noise {weights.noise_most!r} is no deviation")
    if weights.truth not in get_args(Truth):
        raise ValueError(f"its truth {weights.truth!r} is none of {', '.join(get_args(Truth))}")
    if weights.network == "dark" and side != 2:
        raise ValueError(f"a dark network takes a Bayer CFA, not {weights.cfa}")
    if weights.network in sizes.OWN and not (
        0 < int(weights.width) <= 1024 and 0 < int(weights.blocks) <= 256
    ):
        raise ValueError(f"{weights.blocks!r} blocks of {weights.width!r} channels are no network of ours")


def _check(weights: Weights, path: Path) -> None:
    if not all(np.isfinite(array).all() for array in weights.tensors.values()):
        raise ValueError(f"{path}: weights that are no numbers")
    if weights.network not in sizes.OWN:
        return  # torch compares names and shapes when it takes them
    expected = weights.size.shapes(has_bias=weights.has_bias)
    found = {name: array.shape for name, array in weights.tensors.items()}
    if found != expected:
        wrong = sorted(name for name in found | expected if found.get(name) != expected.get(name))
        raise ValueError(f"{path}: wrong tensors: {', '.join(wrong[:3])}")
