"""What the command line says: data on stdout, everything else on stderr, one line each."""

import os
import sys
import unicodedata
from pathlib import Path

import click

# Categories of Unicode: control, surrogate (stray bytes of a name), line, paragraph.
_UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")
_BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # they reorder what stands beside a name


def one_line(text: str | Path) -> str:
    r"""A text as it can be printed: control characters, line ends and stray bytes are escaped.

    >>> print(one_line("two\nlines é"))
    two\nlines é
    """
    return "".join(
        letter.encode("unicode_escape").decode()
        if unicodedata.category(letter) in _UNPRINTABLE or letter in _BIDI
        else letter
        for letter in str(text)
    )


def data(text: str) -> None:
    """A line on stdout. If nobody reads it any more (`deepisp info *.dng | head`), silence and no failure."""
    try:
        click.echo(text.encode("utf-8", "backslashreplace").decode())
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except UnicodeEncodeError:  # a terminal that is not UTF-8
        click.echo(text.encode("ascii", "backslashreplace"))


def error(name: str | Path, what: str) -> None:
    """`error: FILE: what (what to do)`."""
    _aside("error", name, what)


def warning(name: str | Path, what: str) -> None:
    """`warning: FILE: what`."""
    _aside("warning", name, what)


def note(text: str) -> None:
    """A line on stderr that is no complaint."""
    click.echo(one_line(text), err=True)


def _aside(kind: str, name: str | Path, what: str) -> None:
    words = f"{name}: {what}" if str(name) else what
    click.echo(f"{kind}: {one_line(words)}", err=True)
