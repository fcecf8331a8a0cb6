"""The names that users build on, with their parameters, one a line: run it when one was added or changed on purpose.

    python tools/list_public_names.py > tests/public_names.txt

A test compares the two, so that no name and no parameter vanishes unnoticed. What vanishes on purpose warns for one
release first, and is named in CHANGELOG.md under Removed.
"""

import dataclasses
import inspect
import types
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from pydantic import BaseModel

# What the README and the docstrings lead to: all that these define, or what their `__all__` lists.
MODULES = (
    "deepisp", "deepisp.batch", "deepisp.calibrate.color", "deepisp.calibrate.dark", "deepisp.calibrate.flat",
    "deepisp.calibrate.photon_transfer", "deepisp.data.noises", "deepisp.data.pairs", "deepisp.data.simulate",
    "deepisp.data.unprocess", "deepisp.develop.noise_source", "deepisp.develop.pipeline", "deepisp.picture.dng",
    "deepisp.picture.write", "deepisp.raw.image", "deepisp.sensor.cfa", "deepisp.sensor.estimate",
    "deepisp.sensor.exposure", "deepisp.sensor.noise", "deepisp.sensor.profile", "deepisp.sensor.stabilize",
    "deepisp.spaces",
)  # fmt: skip
# Stages of develop: the functions that take tensors.
STAGES = tuple(
    f"deepisp.develop.{stage}"
    for stage in ("levels", "highlights", "demosaic.bayer", "demosaic.directional", "color", "tone", "output")
)


def lines(module: str) -> Iterator[str]:
    """Each public name of a module, and the public methods of its classes."""
    found = import_module(module)
    names = getattr(found, "__all__", None) or [
        name
        for name, value in vars(found).items()
        if callable(value) and getattr(value, "__module__", None) == module
    ]
    for name in sorted(names):
        value = getattr(found, name)
        if name.startswith("_") or (module in STAGES and not takes_tensors(value)):
            continue
        yield f"{module}.{name}{parameters(value)}"
        if inspect.isclass(value) and value.__module__.startswith("deepisp"):
            yield from (f"{module}.{name}.{method}" for method in methods(value))


def takes_tensors(value: Any) -> bool:
    """Whether a function has a parameter that is a tensor."""
    annotations = inspect.get_annotations(value) if inspect.isfunction(value) else {}
    return any(str(kind).strip("'") == "Tensor" for name, kind in annotations.items() if name != "return")


def methods(owner: type) -> Iterator[str]:
    """Methods and properties that a class defines itself."""
    for name, value in sorted(vars(owner).items()):
        if not name.startswith("_") and isinstance(value, property):
            yield name
        elif not name.startswith(("_", "model_")) and inspect.isfunction(value):  # model_: pydantic's own
            yield name + parameters(value)


def parameters(value: Any) -> str:
    """What a name takes, without types: `(mosaic, *, cfa=)`, with "=" where there is a default."""
    if isinstance(value, types.ModuleType):
        return ""
    if inspect.isclass(value) and issubclass(value, BaseModel):
        fields = (name + "=" * (not one.is_required()) for name, one in value.model_fields.items())
        return f"(*, {', '.join(fields)})"
    if not (inspect.isfunction(value) or dataclasses.is_dataclass(value) or hasattr(value, "_fields")):
        return ""  # an exception, or a name of a type
    given = inspect.signature(value).parameters.values()
    kept = [one.replace(annotation=one.empty, default=_default(one)) for one in given]
    return str(inspect.Signature(kept)).replace("=...", "=")


def _default(one: inspect.Parameter) -> Any:
    return one.empty if one.default is one.empty else _Given()


class _Given:
    def __repr__(self) -> str:
        return "..."


if __name__ == "__main__":
    print("\n".join(line for module in (*MODULES, *STAGES) for line in lines(module)))
