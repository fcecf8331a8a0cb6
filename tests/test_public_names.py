"""What users build on does not vanish unnoticed: the public names and parameters are on a list that is checked in."""

import ast
import subprocess
import sys

import deepisp
from tests.conftest import REPOSITORY

MAKER = REPOSITORY / "tools" / "list_public_names.py"
LIST = REPOSITORY / "tests" / "public_names.txt"


def test_the_names_are_those_on_the_list() -> None:
    made = subprocess.run([sys.executable, MAKER], capture_output=True, text=True, check=True).stdout
    seen, kept = set(made.splitlines()), set(LIST.read_text().splitlines())
    assert (sorted(kept - seen), sorted(seen - kept)) == ([], []), (
        "gone, new; if that is meant: python tools/list_public_names.py > tests/public_names.txt"
    )


def test_the_list_holds_functions_classes_and_methods() -> None:
    kept = LIST.read_text().splitlines()
    for name in (
        "deepisp.read(path, *, limits=, layout=, thumbnail=)",
        "deepisp.RawImage.with_levels(self, *, black=, white=, cfa=)",
        "deepisp.batch.Job(source, target, problem=)",
        "deepisp.develop.color.apply(matrix, planes)",
    ):
        assert name in kept


def test_every_name_is_there_and_shown() -> None:
    for name in deepisp.__all__:
        assert callable(getattr(deepisp, name)) or name == "batch"
    assert set(deepisp.__all__) <= set(dir(deepisp))


def test_type_checkers_see_the_same_names() -> None:
    """They read the imports under TYPE_CHECKING, programs read `__all__`."""
    tree = ast.parse((REPOSITORY / "deepisp" / "__init__.py").read_text())
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    told = {one.asname for node in block.body if isinstance(node, ast.ImportFrom) for one in node.names}
    assert told == set(deepisp.__all__)
