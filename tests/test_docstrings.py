"""Docstrings tell no tales: the names in them are real, and functions of arrays say their shapes.

ruff's D1 asks that each public function and class has one; here is asked what it says. Read from the source.
"""

import ast
import builtins
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "deepisp"
SHAPE = re.compile(r"\((\.\.\.|[A-Za-z0-9]+)[^()]*,[^()]*\)")  # (H, W), (..., 1, H, W), (C,), (3, C)
NAME = re.compile(r"[A-Za-z][\w.]*")
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Thing(NamedTuple):
    """A public function or class: where it stands, and its docstring."""

    path: Path
    name: str
    node: Function | ast.ClassDef
    text: str

    @property
    def where(self) -> str:
        return f"{self.path.relative_to(REPOSITORY)}:{self.node.lineno} {self.name}"


def things(path: Path) -> Iterator[Thing]:
    """Public functions, classes and methods of a file; what stands inside a function is not public."""
    todo: list[tuple[str, ast.AST]] = [("", ast.parse(path.read_text()))]
    while todo:
        prefix, owner = todo.pop()
        for node in ast.iter_child_nodes(owner):
            if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
                yield Thing(path, prefix + node.name, node, ast.get_docstring(node) or "")
                if isinstance(node, ast.ClassDef):
                    todo.append((f"{prefix}{node.name}.", node))
            elif isinstance(node, ast.If | ast.Try):
                todo.append((prefix, node))


def section(text: str, title: str) -> list[str]:
    """The names before the colons of a section: `Args:` and the lines set in under it."""
    lines = text.splitlines()
    if f"{title}:" not in lines:
        return []
    found = []
    for line in lines[lines.index(f"{title}:") + 1 :]:
        if line and not line.startswith(" "):
            break
        if re.match(r" {4}\S", line):
            found.append(line.strip().partition(": ")[0].removesuffix(":"))
    return found


def parameters(function: Function) -> list[ast.arg]:
    given = function.args
    more = [one for one in (given.vararg, given.kwarg) if one is not None]
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *more]


ALL = [one for path in sorted(PACKAGE.rglob("*.py")) for one in things(path)]
FUNCTIONS = [one for one in ALL if isinstance(one.node, Function)]
CLASSES = [one for one in ALL if isinstance(one.node, ast.ClassDef)]


def test_each_public_thing_has_a_docstring() -> None:
    assert len(FUNCTIONS) > 150
    assert len(CLASSES) > 30
    assert [one.where for one in ALL if not one.text] == []


def test_args_are_parameters() -> None:
    wrong, count = [], 0
    for one in FUNCTIONS:
        names = {argument.arg for argument in parameters(one.node)}
        stated = [name.lstrip("*") for name in section(one.text, "Args")]
        count += len(stated)
        wrong += [f"{one.where}: {name}" for name in stated if name not in names]
    assert wrong == []
    assert count > 100


def test_attributes_are_fields() -> None:
    wrong, count = [], 0
    for one in CLASSES:
        fields = {node.target.id for node in one.node.body if isinstance(node, ast.AnnAssign)}
        # self.path = ...
        fields |= {node.attr for node in ast.walk(one.node) if isinstance(node, ast.Attribute)}
        fields |= {node.name for node in one.node.body if isinstance(node, Function)}
        stated = section(one.text, "Attributes")
        count += len(stated)
        wrong += [f"{one.where}: {name}" for name in stated if name not in fields]
    assert wrong == []
    assert count > 80


def test_records_with_attributes_leave_none_out() -> None:
    """A field needs no entry that is named in the words above the list or at the head of the file, or by its type."""
    wrong = []
    for one in CLASSES:
        head = re.split(r"^(?:class|def|@)", one.path.read_text(), maxsplit=1, flags=re.MULTILINE)[0]
        fields = [node for node in one.node.body if isinstance(node, ast.AnnAssign)]
        for field in fields if section(one.text, "Attributes") else []:
            name, kind = ast.unparse(field.target), ast.unparse(field.annotation)
            if not re.search(rf"\b{name}\b", f"{one.text}\n{head}") and name != kind.lower():
                wrong.append(f"{one.where}: {name}")
    assert wrong == []


@pytest.mark.parametrize("one", FUNCTIONS + CLASSES, ids=lambda one: one.where)
def test_raised_errors_exist(one: Thing) -> None:
    for words in section(one.text, "Raises"):
        if words.startswith("the same as `"):
            continue
        for name in words.split(", "):
            assert NAME.fullmatch(name), words
            assert is_error(name, one.path), name


def is_error(name: str, path: Path) -> bool:
    """Whether an exception of that name is built in, is known in the file, or is one of ours."""
    module = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")
    homes = [builtins, *map(import_module, (module, "deepisp", "deepisp.picture.errors", "deepisp.batch"))]
    for home in homes:
        found: object = home
        for part in name.split("."):
            found = getattr(found, part, None)
        if isinstance(found, type) and issubclass(found, BaseException):
            return True
    return False


def test_functions_of_several_arrays_say_a_shape() -> None:
    wrong, count = [], 0
    for one in FUNCTIONS:
        kinds = [ast.unparse(arg.annotation) for arg in parameters(one.node) if arg.annotation]
        arrays = [kind for kind in kinds if re.search(r"NDArray|Tensor|Planes|Values|Matrix", kind)]
        if len(arrays) > 2:
            count += 1
            wrong += [one.where] * (SHAPE.search(one.text) is None)
    assert wrong == []
    assert count > 5
