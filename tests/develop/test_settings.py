"""What `Settings` takes, and what it says of what it does not."""

import pickle

import numpy as np
import pytest

import deepisp
from deepisp import Layout, Limits, RawImage, Settings
from deepisp.calibrate import shading_file
from deepisp.checked import Wrong
from deepisp.develop.shading_map import Optics, Plane, Shading


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (5200, "5200"), (5200.0, "5200"), (np.float32(6500), "6500"), ((5200, 10), "5200,10"), ([2, 1, 1.6], "2,1,1.6"),
        (np.array([2.5, 1, 1.5]), "2.5,1,1.5"), ("auto", "auto"), ("5200", "5200"),
    ],
)  # fmt: skip
def test_a_white_balance_may_be_numbers(given: object, text: str) -> None:
    assert Settings(wb=given).wb == text
    assert Settings(wb=given).digest() == Settings(wb=text).digest()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Settings(ev=99), "ev: must be less than or equal to 10, got 99"),
        (lambda: Settings(bits=9), "bits: must be 8, 16 or 32, got 9"),
        (lambda: Settings(wb=True), "wb: must be a valid string, got True"),
        (lambda: Settings(wb=()), "wb: must be a valid string, got ()"),
        (lambda: Settings(tone="x", ev="y"), "tone: must be 'default' or 'none', got 'x'; ev: must be a valid number, "
         "unable to parse string as a number, got 'y'"),
        (lambda: Settings(ev=99, evv=1), "evv: no such name; known names: wb, highlights, demosaic, model, strength, "
         "noise, dark, tone, ev, color, bits, size, half, hot_pixels, lens, shading, black, white, cfa; ev: must be "
         "less than or equal to 10, got 99"),
        (lambda: Limits(timeout_s=0), "timeout_s: must be greater than 0, got 0"),
        (lambda: Layout(white_level=1), "cfa: missing"),
        (lambda: Layout(cfa="W", white_level=1, black_level="x"),  # pydantic says it for each type of a union
         "black_level: must be a valid number, unable to parse string as a number, got 'x'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_on_one_line(make, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the whole text is compared
        make()
    assert str(caught.value) == message
    assert str(pickle.loads(pickle.dumps(caught.value))) == message  # from one process to another
    assert isinstance(caught.value, Wrong)


def test_a_long_value_is_cut() -> None:
    with pytest.raises(ValueError, match=r"^tone: .*, got 'a{56}\.\.\.$"):
        Settings(tone="a" * 1000)


def test_a_run_keeps_to_the_map_that_it_began_with(tmp_path) -> None:
    path, steep = tmp_path / "map.toml", np.array([[1.0, 4.0], [1.0, 4.0]])
    planes = tuple(Plane(color, (at,), steep) for color, at in zip("RGGB", np.ndindex(2, 2), strict=True))
    shading_file.write(Shading("", "", Optics(), "RGGB", (8, 8), planes, 1), path)
    settings = Settings(shading=path, tone="none", color="camera", bits=32, wb=(1, 1, 1), half=True)
    known = settings.digest()
    path.unlink()
    assert settings.digest() == pickle.loads(pickle.dumps(settings)).digest() == known
    light = deepisp.develop(RawImage(mosaic=np.full((8, 8), 6553, np.uint16), cfa="RGGB"), settings)
    # By hand: each pixel's greens lie around the corner that its four photosites share.
    gains = 1 + 3 * np.array([1, 3, 5, 7]) / 8
    assert light[0, :, 1] == pytest.approx(6553 / 65535 * gains, rel=1e-5)
