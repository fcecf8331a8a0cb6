"""What the command line loads, and how soon it answers. Each in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "numpy", "rawpy", "scipy", "numba", "matplotlib", "PIL", "tifffile", "imagecodecs", "rich")
OWN = (
    'maker = "Acme"\nmodels = ["One"]\n[[conversion_gains]]\nsource = "measured"\n'
    "entries = [{ shot = 0.002, read = 9e-6 }]\n"
)


def loaded(*words: str) -> tuple[int, set[str]]:
    """Exit code, and which of `HEAVY` a call has loaded."""
    code = (
        "import atexit, json, sys\n"
        f"atexit.register(lambda: print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]), file=sys.stderr))\n"
        f"sys.argv = {['deepisp', *words]!r}\n"
        "from deepisp.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.returncode, set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    "words",
    [["--help"], ["develop", "--help"], ["info", "--help"], ["demo", "--help"], ["calibrate", "--help"]],
)
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    assert loaded(*words) == (0, set())


def test_info_loads_no_torch_and_no_decoder(twelve: Path, tmp_path: Path) -> None:
    code, found = loaded("info", "--no-estimate", str(twelve / "00.dng"))
    assert code == 0
    assert found == {"numpy"}  # what decodes is in the child process
    assert loaded("info", str(twelve / "00.dng")) == (0, {"numpy", "scipy"})
    (tmp_path / "own.toml").write_text(OWN)
    words = ("info", "--no-estimate", "--noise", str(tmp_path / "own.toml"), str(twelve / "00.dng"))
    assert loaded(*words) == (0, {"numpy"})


def test_the_decoding_process_loads_what_decodes_and_nothing_else(twelve: Path) -> None:
    request = {"path": str(twelve / "00.dng"), "limits": {}, "layout": None, "thumbnail": False}
    code = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print(*[m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr))\n"
        "from deepisp.raw import child\n"
        "child.main()\n"
    )
    line = json.dumps(request).encode() + b"\n"
    done = subprocess.run([sys.executable, "-c", code], input=line, capture_output=True, check=True)
    assert b'"error"' not in done.stdout[:200]
    assert set(done.stderr.decode().split()) == {"numpy", "rawpy", "tifffile", "imagecodecs"}


def test_develop_on_the_cpu_loads_no_torch(twelve: Path, tmp_path: Path) -> None:
    code, found = loaded("develop", str(twelve / "00.dng"), "-o", str(tmp_path / "a.jpg"))
    assert code == 0
    assert "torch" not in found
    assert "numba" in found  # the test sees what is loaded


def test_help_answers_at_once() -> None:
    """0.2 s on a quiet machine; a ratio, because this one may be slow or busy: 4.5, NumPy alone is 4, torch 42."""
    assert cpu_seconds("-m", "deepisp", "--help") < 7 * cpu_seconds("-c", "import click")


def cpu_seconds(*words: str) -> float:
    """Of a Python that does so: the least of three, of the process itself."""
    found = []
    for _ in range(3):
        process = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        found.append(used.ru_utime + used.ru_stime)
    return min(found)


def test_version_names_the_decoder() -> None:
    command = [sys.executable, "-m", "deepisp", "--version"]
    words = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert words.startswith("deepisp ")
    assert "LibRaw 0." in words
