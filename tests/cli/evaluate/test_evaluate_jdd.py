"""`deepisp evaluate jdd`: its table, its JSON, and one line for what is wrong."""

import json
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from deepisp.cli.evaluate import given
from deepisp.train import contenders, evaluate, evaluate_linear
from tests.cli.test_start import loaded

Call = Callable[..., Result]


def truths(folder: Path) -> list[np.ndarray]:
    return [np.array(Image.open(path)) for path in sorted(folder.iterdir())]


def test_json_is_what_the_library_says(deepisp: Call, pictures: Path) -> None:
    words = ("--model", "menon", "--sigma", 10, "--physical", "canon-70d:800", "--json")
    result = deepisp("evaluate", "jdd", "--data", pictures, *words)
    assert result.exit_code == 0, result.stderr
    coded, linear = map(json.loads, result.stdout.splitlines())
    menon = contenders.named("menon")
    wanted = evaluate.score(menon, truths(pictures), sigma=10, with_ssim=True)._asdict()
    assert {name: coded[name] for name in ("method", "set", "sigma")} == {
        "method": "menon", "set": "little", "sigma": 10,
    }  # fmt: skip
    assert coded.keys() == {"method", "set", "sigma", *wanted}
    assert all(coded[name] == pytest.approx(wanted[name]) for name in wanted if name != "cpu_s_per_mp")
    shooting = evaluate_linear.Shooting.of("canon-70d:800")
    wanted = evaluate_linear.score(menon, truths(pictures), shooting)._asdict()
    assert linear["camera"] == "canon-70d:800"
    assert linear.keys() == {"method", "set", "camera", *wanted}
    assert all(linear[name] == pytest.approx(wanted[name]) for name in wanted if name != "cpu_s_per_mp")


def test_a_table_has_a_line_for_each_method_set_and_noise(deepisp: Call, pictures: Path) -> None:
    result = deepisp(
        "evaluate", "jdd", "--data", pictures, "--model", "menon", "--model", "malvar", "--every", 2
    )
    assert result.exit_code == 0, result.stderr
    head, *lines = result.stdout.splitlines()
    assert head.split() == ["method", "set", "sigma", "CPSNR", "worst", "SSIM", "CPU", "s/MP"]
    assert [line.split()[:3] for line in lines] == [
        [method, "little", sigma] for method in ("menon", "malvar") for sigma in ("0", "5", "10", "15", "20")
    ]
    assert all(line.split()[3] == line.split()[4] for line in lines)  # the mean and the worst of one picture


def test_cameras_alone_leave_the_other_table_out(deepisp: Call, pictures: Path) -> None:
    result = deepisp(
        "evaluate", "jdd", "--data", pictures, "--model", "menon", "--physical", "sony-a7s-ii:100"
    )
    head, line = result.stdout.splitlines()
    assert head.split()[2:] == ["camera", "linear", "worst", "sRGB", "dE00", "shift", "%", "CPU", "s/MP"]
    assert line.split()[:3] == ["menon", "little", "sony-a7s-ii:100"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--model", "best"), "no network and no file 'best'; known networks: fast"),
        (("--model", "best"), "classical methods: menon,"),
        (("--model", "menon+magic"), "menon+wavelet, menon+nlm"),
        (("--physical", "leica:100"), "no camera 'leica'; known: canon"),
        (("--physical", "nikon-d850"), "a camera is written CAMERA:ISO"),
        (("--physical", "nikon-d850:high"), "a camera is written CAMERA:ISO"),
        (("--physical", "nikon-d850:0"), "ISO must be a positive number"),
        (("--physical", "generic:100"), "no noise by ISO"),
        (("--cfa", "RGBX"), "RGBX"),
    ],
)
def test_one_line_for_what_is_wrong(deepisp: Call, pictures: Path, words: tuple[str, ...], said: str) -> None:
    result = deepisp("evaluate", "jdd", "--data", pictures, *words)
    assert result.exit_code == 2, result.stdout
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_folder_without_pictures(deepisp: Call, tmp_path: Path) -> None:
    result = deepisp("evaluate", "jdd", "--data", tmp_path, "--model", "menon")
    assert result.exit_code == 2
    assert "no pictures in" in result.stderr


def test_sets_of_one_name_and_sixteen_bits(deepisp: Call, pictures: Path, tmp_path: Path) -> None:
    """A PNG of 16 bits, whose upper 8 are another set's, gives that set's figures."""
    deep = tmp_path / "other" / "little"
    deep.mkdir(parents=True)
    for path, truth in zip(sorted(pictures.iterdir()), truths(pictures), strict=True):
        wide = truth.astype(np.uint16) << 8 | 77
        (deep / path.name).write_bytes(imagecodecs.png_encode(wide))
    words = ("--data", pictures, "--data", deep, "--model", "malvar", "--sigma", 5, "--json")
    first, second = map(json.loads, deepisp("evaluate", "jdd", *words).stdout.splitlines())
    assert (first["set"], second["set"]) == ("little", str(deep))
    assert first["psnr"] == second["psnr"]


def test_seconds_are_of_a_compiled_method() -> None:
    calls = []
    method = given.warm(lambda mosaic, noise: calls.append(mosaic.shape))
    assert len(calls) == 1
    method(np.zeros((4, 4), np.float32), 0.0)
    assert calls[1] == (4, 4)


def test_help_loads_nothing_heavy() -> None:
    assert loaded("evaluate", "jdd", "--help") == (0, set())
    assert loaded("evaluate", "--help") == (0, set())
