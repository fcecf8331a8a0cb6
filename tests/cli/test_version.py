"""`deepisp --version` warns of a LibRaw with known defects."""

from collections.abc import Callable

import pytest
import rawpy
from click.testing import Result


@pytest.mark.parametrize(
    ("version", "is_old"), [((0, 22, 1), True), ((0, 22, 2), False), ((0, 23, 0), False)]
)
def test_an_old_libraw_is_warned_of(
    version: tuple[int, int, int],
    is_old: bool,
    deepisp: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rawpy, "libraw_version", version)
    result = deepisp("--version")
    assert result.exit_code == 0
    assert ".".join(map(str, version)) in result.stdout
    assert ("warning: " in result.stderr) is is_old
