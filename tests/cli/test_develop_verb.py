"""`deepisp develop`: exit codes, one line per failure, every name of a file, what goes to which stream."""

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from deepisp import shipped
from deepisp.batch import Options, Settings
from deepisp.calibrate import shading_file
from deepisp.cli import main
from deepisp.develop import pipeline
from deepisp.develop.shading_map import Optics, Plane, Shading
from deepisp.picture import write as writing
from deepisp.picture.errors import NoSpace
from deepisp.raw.limits import Limits

Call = Callable[..., Result]
Shoot = Callable[..., Path]


def test_done_is_0_with_one_line_per_picture(deepisp: Call, shoot: Shoot) -> None:
    shoot("a.dng", "b.dng")
    result = deepisp("develop", "a.dng", "b.dng", "-o", "out", "--jobs", 1)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["a.dng -> out/a.jpg", "b.dng -> out/b.jpg"]
    assert result.stderr.splitlines() == ["2 done"]


def test_quiet_says_nothing(deepisp: Call, shoot: Shoot) -> None:
    shoot("a.dng")
    result = deepisp("develop", "a.dng", "-o", "a.jpg", "--quiet")
    assert (result.exit_code, result.output) == (0, "")
    assert Path("a.jpg").exists()


def test_skipped_is_0_and_is_said(deepisp: Call, shoot: Shoot) -> None:
    shoot("a.dng")
    deepisp("develop", "a.dng", "-o", "a.jpg")
    result = deepisp("develop", "a.dng", "-o", "a.jpg")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "1 skipped\n")


def test_some_failed_is_1_all_failed_is_4(deepisp: Call, shoot: Shoot) -> None:
    shoot("a.dng")
    Path("bad.dng").write_bytes(b"II*\0")
    some = deepisp("develop", "a.dng", "bad.dng", "-o", "out", "--jobs", 1)
    assert (some.exit_code, some.stdout) == (1, "a.dng -> out/a.jpg\n")
    assert some.stderr.splitlines()[0].startswith("error: bad.dng: ")
    assert some.stderr.splitlines()[0].endswith(")")
    everything = deepisp("develop", "bad.dng", "-o", "out")
    assert everything.exit_code == 4
    assert len(everything.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["a.dng"], "Missing option '-o'"),
        (["-o", "out"], "Missing argument"),
        (["a.dng", "-o", "out", "--ev", "99"], "--ev"),
        (["a.dng", "-o", "out", "--ev", "nan"], "--ev"),
        (["a.dng", "-o", "out", "--ev", "much"], "'--ev'"),
        (["a.dng", "-o", "out", "--quality", "0"], "--quality"),
        (["a.dng", "-o", "out", "--timeout", "0"], "--timeout"),
        (["a.dng", "-o", "out", "--wb", "bright"], "KELVIN"),
        (["a.dng", "-o", "out", "--cfa", "RGBX"], "CFA"),
        (["a.dng", "-o", "out", "--shard", "3/2"], "--shard: "),
        (["a.dng", "-o", "out", "--shard", "half"], "I/N"),
        (["a.dng", "-o", "out", "--demosaic", "magic"], "menon"),
        (["a.dng", "-o", "out", "--bits", "12"], "'8', '16', '32'"),
        (["a.dng", "-o", "out", "--bits", "16"], "--bits 8"),
        (["a.dng", "-o", "out", "--layout", "none.toml"], "none.toml"),
        (["a.dng", "-o", "a.gif"], "avif"),
        (["a.dng", "-o", ""], "output's name is empty"),
        (["a.dng", "-o", ".jpg"], "suffix without a name"),
        (["a.dng", "b.dng", "-o", "out.jpg"], "a picture's name for 2 inputs; end it with / for a folder"),
        ([".", "-o", "out.jpg"], "a picture's name for a folder"),
        (["", "-o", "out"], "name of an input is empty"),
        (["a.dng", "-o", "a.jpg", "--report", "a.jpg"], "name it .jsonl"),
        (["a.dng", "-o", "a.jpg", "--report", "a.dng"], "raw file"),
        (["a.dng", "-o", "a.jpg", "--format", "png"], "--format"),
        (["a.dng", "-o", "out", "--sharpen"], "--sharpen"),
    ],
)
def test_wrong_usage_is_2_and_one_line(words: list[str], says: str, deepisp: Call, shoot: Shoot) -> None:
    shoot("a.dng")
    result = deepisp("develop", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert says in line
    assert os.listdir() == ["a.dng"]


def test_an_unknown_verb_is_2(deepisp: Call) -> None:
    result = deepisp("devolop")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("link", ["path", "symlink", "hard link"])
def test_an_output_that_is_an_input_is_2(link: str, deepisp: Call, shoot: Shoot) -> None:
    folder = shoot("a.jpg")
    before, target = (folder / "a.jpg").read_bytes(), folder / "b.jpg"
    if link == "symlink":
        target.symlink_to("a.jpg")
    elif link == "hard link":
        os.link("a.jpg", target)
    else:
        target = folder / "x" / ".." / "a.jpg"
        (folder / "x").mkdir()
    result = deepisp("develop", "a.jpg", "-o", target, "--on-exists", "overwrite")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert (folder / "a.jpg").read_bytes() == before


def test_nothing_matched_is_3(deepisp: Call, shoot: Shoot) -> None:
    shoot("a.jpg", "b.txt")
    for words in (["."], ["*.dng"], ["none/", "no.dng"]):
        result = deepisp("develop", *words, "-o", "out")
        assert result.exit_code == 3, words
        assert result.stderr.startswith("error: ")
    assert sorted(os.listdir()) == ["a.jpg", "b.txt"]


def test_a_missing_file_beside_a_good_one_is_1(deepisp: Call, shoot: Shoot) -> None:
    shoot("a.dng")
    result = deepisp("develop", "none.dng", "a.dng", "-o", "out", "--jobs", 1)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[0] == "error: none.dng: No such file or directory (check the path)"


def test_a_place_that_cannot_be_written_is_5(deepisp: Call, shoot: Shoot) -> None:
    shoot("a.dng")
    Path("file").write_bytes(b"")
    for place in ("file/out", "file/", "/proc/self/out"):
        result = deepisp("develop", "a.dng", "-o", place)
        assert result.exit_code == 5, place
        (line,) = result.stderr.splitlines()
        assert line.startswith("error: ")
        assert "cannot be written" in line
    assert deepisp("develop", "a.dng", "-o", "out", "--report", "file/r.jsonl").exit_code == 5


def test_no_device_is_5(deepisp: Call, shoot: Shoot, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    shoot("a.dng")
    result = deepisp("develop", "a.dng", "-o", "a.jpg", "--device", "cuda")
    assert (result.exit_code, result.stderr) == (5, "error: no device 'cuda' here (use --device cpu)\n")


def test_a_full_disk_is_5_and_ends_the_run(
    deepisp: Call, shoot: Shoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any, **options: Any) -> list[str]:
        raise NoSpace(errno.ENOSPC, 12_000_000, "out")

    monkeypatch.setattr(writing, "write", full)
    shoot("a.dng", "b.dng")
    result = deepisp("develop", ".", "-o", "out", "--jobs", 1)
    assert result.exit_code == 5
    assert result.stderr.splitlines() == [
        "error: a.dng: no space left: needs 12 MB in out (free some, or choose another folder)",
        "1 failed, 1 not begun",
    ]


NAMES = [
    "with space.dng",
    "Фото Ünïcode 写真.dng",
    'it\'s "quoted".dng',
    "new\nline.dng",
    "tab\tand\x1b[31mred.dng",
    "-o.dng",
    "--help.dng",
    "%s $HOME `id`.dng",
    "[bold]rich[red].dng",
    "é" * 123 + ".dng",  # 250 bytes
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_works_and_stays_one_line(name: str, deepisp: Call, shoot: Shoot) -> None:
    shoot(name)
    result = deepisp("develop", "-o", "out", "--report", "r.jsonl", "--", name)
    assert result.exit_code == 0, result.stderr
    assert len(result.stdout.splitlines()) == 1
    assert "\x1b" not in result.stdout
    assert os.listdir("out") == [name.removesuffix(".dng") + ".jpg"]
    assert json.loads(Path("r.jsonl").read_text())["input"] == name
    Path(name).write_bytes(b"broken")
    shutil.rmtree("out")
    failed = deepisp("develop", "-o", "out", "--", name)
    assert failed.exit_code == 4
    assert len(failed.stderr.splitlines()) == 1
    assert "\x1b" not in failed.stderr


def test_a_name_that_is_no_text_works(deepisp: Call, shoot: Shoot, twelve: Path) -> None:
    folder = shoot()
    name = os.fsdecode(b"caf\xe9.dng")  # Latin 1, as old archives have it
    shutil.copy(twelve / "00.dng", folder / name)
    result = deepisp("develop", ".", "-o", "out", "--report", "r.jsonl")
    assert (result.exit_code, result.stdout) == (0, "caf\\udce9.dng -> out/caf\\udce9.jpg\n")
    assert os.listdir(b"out") == [b"caf\xe9.jpg"]
    assert json.loads(Path("r.jsonl").read_text())["output"] == "out/" + name.replace(".dng", ".jpg")


def test_links_are_read_fifos_are_not(deepisp: Call, shoot: Shoot) -> None:
    shoot("a.dng")
    Path("link.dng").symlink_to("a.dng")
    Path("circle.dng").symlink_to("circle.dng")
    os.mkfifo("fifo.dng")
    assert deepisp("develop", "link.dng", "-o", "out").exit_code == 0
    result = deepisp("develop", "fifo.dng", "-o", "out")  # would wait for ever
    assert (result.exit_code, result.stderr.count("\n")) == (4, 1)
    assert "not a regular file" in result.stderr
    assert deepisp("develop", "circle.dng", "-o", "out").exit_code == 4


def test_debug_shows_where(deepisp: Call, shoot: Shoot) -> None:
    shoot()
    Path("bad.dng").write_bytes(b"broken")
    assert "Traceback" not in deepisp("develop", "bad.dng", "-o", "out").stderr
    assert "Traceback" in deepisp("develop", "bad.dng", "-o", "out", "--debug").stderr
    assert "Traceback" in deepisp("develop", "bad.dng", "-o", "out", "--debug", "--ev", 99).stderr


def test_warnings_name_the_file(deepisp: Call, shoot: Shoot) -> None:
    shoot("a.dng")
    deepisp("develop", "a.dng", "-o", "a.jpg")
    result = deepisp("develop", "a.dng", "-o", "a.jpg", "--ev", 1)
    assert result.exit_code == 0
    assert result.stderr.splitlines()[0].startswith(
        "warning: a.dng: a.jpg is kept, but it was made with other"
    )


def test_every_setting_reaches_develop(deepisp: Call, shoot: Shoot, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def keep(raw: Any, settings: Settings, **options: Any) -> Any:
        seen.append((settings, options))
        return pipeline.Developed(np.zeros((8, 8, 3), np.uint16), "", 1.0)

    monkeypatch.setattr(pipeline, "developed", keep)
    shoot("a.dng")
    even = tuple(
        Plane(color, (at,), np.ones((2, 2))) for color, at in zip("RGGB", np.ndindex(2, 2), strict=True)
    )
    Path("own.toml").write_text((shipped.folder("sensors") / "generic.toml").read_text())
    shading_file.write(Shading("", "", Optics(), "RGGB", (64, 96), even, 1), Path("even.toml"))
    words = (
        "--shading even.toml --model quality --strength 0.5 --noise own.toml --dark 50 "
        "--wb 5000,10 --tone none --ev -1.5 --highlights blend --demosaic malvar --color p3 --bits 16 --size 300 "
        "--half --hot-pixels --no-lens --black 500 --white 16000 --cfa BGGR --device cpu --jobs 1"
    )
    assert deepisp("develop", "a.dng", "-o", "a.png", *words.split()).exit_code == 0
    ((settings, options),) = seen
    assert settings == Settings(
        wb="5000,10", tone="none", ev=-1.5, highlights="blend", demosaic="malvar", color="p3", bits=16, size=300,
        half=True, hot_pixels=True, lens=False, shading="even.toml",
        model="quality", strength=0.5, noise="own.toml", dark=50, black=500, white=16000, cfa="BGGR",
    )  # fmt: skip
    assert not set(Settings().model_dump().items()) & set(
        settings.model_dump().items()
    )  # none left out above
    assert callable(options.pop("warn"))
    assert options == {"device": "cpu", "threads": len(os.sched_getaffinity(0))}


def test_limits_reach_the_reader(deepisp: Call, shoot: Shoot, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Limits] = []

    def keep(path: Path, *, limits: Limits, **options: Any) -> Any:
        seen.append(limits)
        raise OSError(errno.EIO, "no")

    monkeypatch.setattr("deepisp.raw.read.read", keep)
    shoot("a.dng")
    deepisp("develop", "a.dng", "-o", "a.png", "--limits", "server", "--timeout", 3, "--max-memory", 512)
    deepisp("develop", "a.dng", "-o", "a.png", "--max-megapixels", 1.5)
    assert seen == [
        Limits(max_megapixels=100, timeout_s=3, max_memory_mib=512),
        Limits(max_megapixels=1.5),
    ]


def test_quality_and_format_reach_the_picture(deepisp: Call, shoot: Shoot) -> None:
    shoot("a.dng")
    sizes = []
    for quality in (30, 95):
        deepisp("develop", "a.dng", "-o", f"{quality}/", "--quality", quality, "--format", "webp")
        sizes.append(os.path.getsize(f"{quality}/a.webp"))
        with Image.open(f"{quality}/a.webp") as picture:
            assert (picture.format, picture.size) == ("WEBP", (256, 32))
    assert sizes[0] < sizes[1]


def test_help_has_an_option_for_each_setting_with_its_choices(deepisp: Call) -> None:
    command = main.get_command(None, "develop")  # type: ignore[arg-type]  # no context is needed
    options = {option.name: option for option in command.params}
    for model in (Settings, Options, Limits):
        for name, field in model.model_fields.items():
            assert name in options
            assert field.description
            choices = [
                one for one in (*get_args(field.annotation), field.annotation) if one is str or one is None
            ]
            if not choices and hasattr(options[name].type, "choices") and name != "format":
                assert tuple(options[name].type.choices) == get_args(field.annotation)
    text = deepisp("develop", "--help").stdout
    for option in command.params:
        assert all(name in text for name in option.opts if name.startswith("--"))
    assert "linear-prophoto" in text
    assert "130 interrupted" in " ".join(text.split())


def test_help_says_what_numbers_may_be(deepisp: Call) -> None:
    text = " ".join(deepisp("develop", "--help").stdout.split())
    assert "exposure compensation in stops [default: 0.0; -10 to 10]" in text
    assert "longest side of the picture, in pixels [16 to 65535]" in text
    assert "in MiB [default: 4096; 256 to 999999]" in text
    assert "in seconds [default: 60.0; above 0, at most 86400]" in text


def test_the_case_of_a_choice_does_not_matter(deepisp: Call, shoot: Shoot) -> None:
    shoot("a.dng")
    words = ("-o", "out", "--color", "sRGB", "--format", "PNG", "--tone", "None")
    assert deepisp("develop", "a.dng", *words).exit_code == 0
    assert (
        deepisp("develop", "a.dng", "-o", "out", "--format", "png", "--tone", "none").stderr == "1 skipped\n"
    )


def test_a_shard_without_a_file_says_so(deepisp: Call, shoot: Shoot) -> None:
    shoot("a.dng")
    result = deepisp("develop", "a.dng", "-o", "out", "--shard", "2/2")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no file for this shard\n")
    assert os.listdir() == ["a.dng"]


def test_another_raw_file_of_the_same_name(deepisp: Call, shoot: Shoot, twelve: Path) -> None:
    shoot("1.dng")
    Path("cb").mkdir()
    shutil.copy(twelve / "01.dng", "cb/1.dng")
    deepisp("develop", "1.dng", "-o", "out")
    result = deepisp("develop", "cb", "-o", "out")
    assert (result.exit_code, result.stdout) == (0, "cb/1.dng -> out/1.dng.jpg\n")
    assert "out/1.jpg is the picture of another raw file" in result.stderr
    assert deepisp("develop", ".", "cb", "-o", "out").stderr == "2 skipped\n"
    assert deepisp("develop", "cb/1.dng", "-o", "out/1.jpg").exit_code == 4


def test_dry_run_tells_and_does_nothing(deepisp: Call, shoot: Shoot) -> None:
    shoot("a.dng", "b.dng")
    result = deepisp("develop", ".", "-o", "out", "--dry-run")
    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        ["a.dng -> out/a.jpg (planned)", "b.dng -> out/b.jpg (planned)"],
    )
    assert not Path("out").exists()


def test_stop_on_error(deepisp: Call, shoot: Shoot) -> None:
    shoot("b.dng")
    Path("a.dng").write_bytes(b"")
    result = deepisp("develop", ".", "-o", "out", "--on-error", "stop", "--jobs", 1)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1] == "1 failed, 1 not begun"
