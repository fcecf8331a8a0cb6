"""What a file has no use for is said, with what is done in its place; what was asked for is not."""

import pytest

from deepisp.develop import unheeded
from deepisp.develop.settings import Settings
from deepisp.sensor.cfa import XTRANS


@pytest.mark.parametrize(
    ("cfa", "changes", "said"),
    [
        ("GMCY", {"model": "quality"}, "sensors have no quality network; bilinear without denoising"),
        ("W", {"model": "dark"}, "mono sensors have no dark network; not denoised"),
        ("RGGB", {"model": "dark", "half": True}, "half size has no use for a network; not denoised"),
        ("RGGB", {"model": "dark", "demosaic": "malvar"}, "malvar demosaicing has no use for a network"),
        ("", {"model": "dark", "demosaic": "malvar"}, "malvar demosaicing has no use for a network"),
        (
            "",
            {"model": "dark"},
            "not denoised: the noise of this demosaiced file is unknown, or cannot be seen",
        ),
        (
            XTRANS,
            {"demosaic": "malvar"},
            "xtrans sensors have no malvar demosaicing; directional in its place",
        ),
        ("", {"highlights": "reconstruct"}, "blended in its place"),
    ],
)
def test_what_is_not_heeded_is_one_line(cfa: str, changes: dict[str, object], said: str) -> None:
    [line] = unheeded.lines(cfa, Settings(**changes), "")
    assert said in line


@pytest.mark.parametrize(
    ("cfa", "changes", "network"),
    [
        ("RGGB", {"model": "dark"}, "dark"),
        ("", {"model": "dark", "strength": 0}, ""),
        ("W", {"demosaic": "malvar"}, ""),
    ],
)
def test_what_was_asked_for_is_not_said(cfa: str, changes: dict[str, object], network: str) -> None:
    assert unheeded.lines(cfa, Settings(**changes), network) == ()


@pytest.mark.parametrize(
    ("cfa", "is_dark", "changes", "count"),
    [
        ("RGGB", True, {}, 1),
        (XTRANS, True, {}, 1),
        ("RGGB", False, {}, 0),
        ("RGGB", True, {"strength": 0}, 0),
        ("RGGB", True, {"model": "none"}, 0),
        ("W", True, {}, 0),
        ("", True, {}, 0),
    ],
)
def test_a_dark_frame_of_half_size_is_said_to_be_noisy(
    cfa: str, is_dark: bool, changes: dict[str, object], count: int
) -> None:
    lines = unheeded.lines(cfa, Settings(half=True, **changes), "", is_dark=is_dark)
    assert len(lines) == count
    assert all("this dark frame is not denoised" in line for line in lines)
