"""Options of the command line, made from the models that hold their names, types, defaults and help."""

import types
from collections.abc import Callable, Collection
from functools import reduce
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import click
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from deepisp import checked
from deepisp.raw.limits import LIMITS, Limits

Model = TypeVar("Model", bound=BaseModel)
Decorator = Callable[[Any], Any]

# Option names that differ from the model's, and short ones.
_NAMES = {
    "recursive": ("-r", "--recursive"),
    "jobs": ("-j", "--jobs"),
    "timeout_s": ("--timeout",),
    "max_memory_mib": ("--max-memory",),
}

# What pydantic calls a bound, in words.
_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


class Shard(click.ParamType[tuple[int, int]]):
    """I/N: two whole numbers; the model checks their range."""

    name = "I/N"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """The two numbers."""
        first, _, step = str(value).partition("/")
        if not (first.isdecimal() and step.isdecimal()):
            self.fail(f"{value!r} is not of the form I/N, such as 1/4", param, ctx)
        return int(first), int(step)


def of(model: type[BaseModel], *, choices: dict[str, Collection[str]] | None = None) -> Decorator:
    """Decorator that adds an option for each field of a model. One that is not given is None.

    Args:
        model: where the options' names, types, defaults and help stand.
        choices: fields of text that allow only these words.
    """

    def decorate(command: Any) -> Any:
        for name, field in reversed(model.model_fields.items()):
            command = _option(name, field, (choices or {}).get(name))(command)
        return command

    return decorate


def build(model: type[Model], given: dict[str, Any], start: Model | None = None) -> Model:
    """The model that the given options make, on top of `start`.

    Raises:
        click.UsageError: a value is out of its range; says which option.
    """
    values = start.model_dump() if start else {}
    values |= {name: given[name] for name in model.model_fields if given.get(name) is not None}
    try:
        return model(**values)
    except (ValidationError, checked.Wrong) as error:
        faults = error.faults if isinstance(error, checked.Wrong) else checked.faults(error, model)
        raise click.UsageError("; ".join(one.line(_flags(one.name)[-1]) for one in faults)) from error


def limits(command: Any) -> Any:
    """Decorator: `--limits NAME` and an option for each single limit; `limits_of` makes `Limits` of them."""
    command = of(Limits)(command)
    text = "what one file may cost to read: server is for files of strangers  [default: desktop]"
    return click.option("--limits", type=click.Choice(list(LIMITS)), default="desktop", help=text)(command)


def limits_of(given: dict[str, Any]) -> Limits:
    """The limits that the options say."""
    return build(Limits, given, LIMITS[given["limits"]])


def measurement(output: str = "sensor file to write or to add to (.toml)") -> Decorator:
    """Decorator: what every verb of `calibrate` takes: -o, --json, --layout, the limits and --debug.

    Args:
        output: what -o is.
    """
    each = (
        click.option("-o", "--output", type=click.Path(path_type=Path), help=output),
        click.option("--json", "as_json", is_flag=True, help="print what was measured, one JSON object"),
        click.option("--layout", type=click.Path(), help="TOML file that says what bare sensor values mean"),
        limits,
        click.option("--debug", is_flag=True, help="show where a failure came from"),
    )
    return lambda command: reduce(lambda made, option: option(made), reversed(each), command)


def camera(command: Any) -> Any:
    """Decorator: --maker, --model and --iso, for frames whose files do not say them."""
    positive = click.FloatRange(min=0, min_open=True)
    for name, kind, default, text in (
        ("--iso", positive, None, "ISO of the frames, the same"),
        ("--model", str, "", "camera's model, the same"),
        ("--maker", str, "", "camera's maker, where files do not say it"),
    ):
        command = click.option(name, type=kind, default=default, help=text)(command)
    return command


def _option(name: str, field: FieldInfo, choices: Collection[str] | None) -> Decorator:
    kind = _type(field.annotation, choices)
    help_text = _sentence(field)
    if kind is bool:
        flags = [f"{_flags(name)[-1]}/--no-{name.replace('_', '-')}"] if field.default else [*_flags(name)]
        return click.option(*flags, name, is_flag=True, default=None, help=help_text)
    return click.option(*_flags(name), name, type=kind, default=None, help=help_text)


def _flags(name: str) -> tuple[str, ...]:
    return _NAMES.get(name, ("--" + name.replace("_", "-"),))


def _type(annotation: Any, choices: Collection[str] | None) -> Any:
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(one for one in get_args(annotation) if one is not type(None))
    if choices is not None:
        return click.Choice(list(choices), case_sensitive=False)
    if get_origin(annotation) is Literal:
        return click.Choice(get_args(annotation), case_sensitive=False)
    if get_origin(annotation) is tuple:
        return Shard()
    return annotation


def _sentence(field: FieldInfo) -> str:
    has_default = field.default is not None and not isinstance(field.default, bool)
    facts = [f"default: {field.default}"] if has_default else []
    facts += [_range(field)] if _range(field) else []
    return f"{field.description or ''}  [{'; '.join(facts)}]" if facts else field.description or ""


def _range(field: FieldInfo) -> str:
    """What the model allows of a number, in words; "" if all."""
    bounds = {name: getattr(one, name) for one in field.metadata for name in _BOUNDS if hasattr(one, name)}
    if "ge" in bounds and "le" in bounds:
        return f"{bounds['ge']:g} to {bounds['le']:g}"
    return ", ".join(f"{_BOUNDS[name]} {bound:g}" for name, bound in bounds.items())
