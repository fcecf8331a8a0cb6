"""The house has floors: a file of deepisp imports from the floors below its own and from its own folder, nothing else.

Read from the source, so that imports inside functions and for type checkers count too.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

FLOORS = {
    "sensor": 0, "networks": 0, "shipped": -1, "checked": -1, "spaces": 0,
    "raw": 1,
    "develop": 2, "burst": 2, "reconstruct": 2, "picture": 2,
    "data": 3, "calibrate": 3,
    "train": 4, "batch": 4,
    "cli": 5,
    "__main__": 6,
}  # fmt: skip
PACKAGE = REPOSITORY / "deepisp"
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def room(path: Path) -> str:
    """The folder of a file, or the file itself if it lies beside the folders."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of everything of ours that a file takes: `deepisp.raw.image`, `deepisp.__version__`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, one.name) for one in node.names if one.name.startswith("deepisp."))
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            if node.module == "deepisp" or (node.module or "").startswith("deepisp."):
                yield from ((node.lineno, f"{node.module}.{one.name}") for one in node.names)
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "deepisp"
        ):
            yield node.lineno, f"deepisp.{node.attr}"


def upward(path: str, source: str) -> list[str]:
    """What a file takes from its own floor or a higher one; its own folder and the version are free."""
    own = room(PACKAGE / path)
    found = []
    for line, name in imported(source):
        other = name.split(".")[1]
        if other in (own, "__version__"):
            continue
        if FLOORS.get(other, 9) >= FLOORS[own]:
            found.append(
                f"{path}:{line} takes {name}, of floor {FLOORS.get(other, 'unknown')}, from {FLOORS[own]}"
            )
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_imports_only_from_below(path: Path) -> None:
    assert upward(str(path.relative_to(PACKAGE)), path.read_text()) == []


def test_each_room_has_a_floor() -> None:
    assert {room(path) for path in FILES} <= set(FLOORS)
    assert len(FILES) > 50  # the files are found at all


@pytest.mark.parametrize(
    "source",
    [
        "import deepisp.develop.tone",
        "from deepisp.develop import tone",
        "from deepisp import develop",
        "from deepisp import read, develop",
        "import deepisp\ndeepisp.develop('a.dng')",
        "def f():\n    from deepisp.picture.write import write",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from deepisp.batch import Job",
        "from deepisp import Settings",
    ],
)
def test_an_import_from_above_is_found(source: str) -> None:
    assert upward("raw/new.py", source) != []


@pytest.mark.parametrize(
    "source",
    [
        "from deepisp.sensor import cfa",
        "from deepisp.raw import image",
        "import deepisp\nprint(deepisp.__version__)",
        "from deepisp import spaces",
        "import numpy",
    ],
)
def test_an_import_from_below_is_free(source: str) -> None:
    assert upward("raw/new.py", source) == []
