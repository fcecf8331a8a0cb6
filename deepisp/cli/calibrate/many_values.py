"""Options that take all the words that follow them: `--flats a.dng b.dng`, as shells expand `*.dng`."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import click

_POINT = r"-?[\d.]+,-?[\d.]+"


class Points(click.ParamType[tuple[tuple[float, float], ...]]):
    """x,y, or several of them in one word."""

    name = "X,Y"
    pattern = re.compile(rf"\s*{_POINT}(\s+{_POINT})*\s*")

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[tuple[float, float], ...]:
        """The points."""
        try:
            return tuple((float(x), float(y)) for x, y in (point.split(",") for point in value.split()))
        except ValueError:
            self.fail(f"points are x,y with x,y, such as 300,300 900,310; got {value!r}", param, ctx)


class ManyValues(click.Command):
    """A command whose options of `multiple=True` take all words up to the next option.

    If an option's type has a `pattern`, only words that it matches: a file may follow.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """`--flats a b` is read as `--flats a --flats b`."""
        many = {
            flag: getattr(parameter.type, "pattern", None)
            for parameter in self.params
            if isinstance(parameter, click.Option) and parameter.multiple
            for flag in parameter.opts
        }
        return super().parse_args(ctx, repeated(args, many))


def repeated(words: Sequence[str], many: Mapping[str, re.Pattern[str] | None]) -> list[str]:
    """The words with these options' names before each of their values.

    >>> repeated(["--flats", "a", "b", "-o", "c"], {"--flats": None})
    ['--flats', 'a', '--flats', 'b', '-o', 'c']
    >>> repeated(["--corners", "1,2", "3,4", "a.dng"], {"--corners": Points.pattern})
    ['--corners', '1,2', '--corners', '3,4', 'a.dng']
    """
    out: list[str] = []
    current, is_first = "", False
    for index, word in enumerate(words):
        if word == "--":
            return [*out, *words[index:]]
        if current and _is_value(word, many[current]):
            out += [word] if is_first else [current, word]
            is_first = False
        else:
            current = word if word in many else ""
            is_first = bool(current)
            out.append(word)
    return out


def _is_value(word: str, pattern: re.Pattern[str] | None) -> bool:
    if pattern is not None:
        return pattern.fullmatch(word) is not None
    return not word.startswith("-") or word == "-"
