"""What a user sets, checked: what is wrong is said on one line, in Python as at the command line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

from pydantic import BaseModel, ValidationError

_LONGEST = 60  # letters of a wrong value that are shown


class Fault(NamedTuple):
    """One wrong value.

    Attributes:
        name: of the value.
        text: what is wrong with it and what would be right, to be read after the name and a colon.
    """

    name: str
    text: str

    def line(self, name: str | None = None) -> str:
        """Both together; `name` is how the value is called where it was given, as "--ev".

        >>> Fault("ev", "must be a valid number, got 'x'").line("--ev")
        "--ev: must be a valid number, got 'x'"
        """
        return f"{name or self.name}: {self.text}"


class Wrong(ValueError):
    """Values that cannot be taken.

    Attributes:
        faults: each of them; names that do not exist come first.
    """

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(faults)
        self.faults = faults

    def __str__(self) -> str:
        """All faults on one line."""
        return "; ".join(fault.line() for fault in self.faults)


class Checked(BaseModel, frozen=True, extra="forbid"):
    """A model whose values, if wrong, raise `Wrong`, a ValueError of one line, where pydantic's has many."""

    def __init__(self, /, **values: Any) -> None:
        """Take the values by name."""
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise Wrong(faults(error, type(self))) from None

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """What a TOML file says.

        Raises:
            ValueError: no TOML, or a wrong value; the text begins with the file.
            OSError: it cannot be read.
        """
        import tomllib

        try:
            return cls(**tomllib.loads(path.read_text(encoding="utf-8")))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: no TOML: {error}") from error
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error


def faults(error: ValidationError, model: type[BaseModel]) -> tuple[Fault, ...]:
    """What pydantic found wrong with the values of a model, one fault a value."""
    found = dict[str, Fault]()
    for fault in _faults(error, model):
        found.setdefault(fault.name, fault)
    return tuple(found.values())


def _faults(error: ValidationError, model: type[BaseModel]) -> Iterator[Fault]:
    every = error.errors(include_url=False)
    unknown = [str(one["loc"][0]) for one in every if one["type"] == "extra_forbidden"]
    for name in unknown:
        last = f"; known names: {', '.join(model.model_fields)}" if name == unknown[-1] else ""
        yield Fault(name, f"no such name{last}")
    for one in every:
        name = str(one["loc"][0]) if one["loc"] else "together"
        text = one["msg"].removeprefix("Value error, ").replace("Input should", "must", 1)
        if one["type"] == "missing":
            yield Fault(name, "missing")
        elif one["type"] != "extra_forbidden":
            yield Fault(name, text if ", got " in text else f"{text}, got {_short(one['input'])}")


def _short(value: Any) -> str:
    shown = " ".join(repr(value).split())
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 3]}..."
