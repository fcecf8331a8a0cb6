"""Build the wheel and see that it holds what it should and nothing else: run it before a release; a test runs it too.

    python tools/check_wheel.py

The wheel is built by the setuptools that is installed here, without the network. It should hold every file of
deepisp/, and what lies in sensors/, calibration/ and datasets/ below deepisp/_shipped/. Then deepisp is imported out of
the wheel, and has to find the shipped folders there. Prints one line; ends with 1 and one line per fault otherwise.
"""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
SHIPPED = ("sensors", "calibration", "datasets")
_NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "demo", "runs", "*.egg-info")
_USE = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
import deepisp
from deepisp import shipped
home = pathlib.Path(sys.argv[1])
assert pathlib.Path(deepisp.__file__).is_relative_to(home), deepisp.__file__
for name in sys.argv[2:]:
    assert (shipped.folder(name) / "README.md").is_relative_to(home), shipped.folder(name)
    assert (shipped.folder(name) / "README.md").is_file(), name
"""


def expected(repository: Path) -> set[str]:
    """Names in the wheel, beside those of its .dist-info."""
    folders = {"deepisp": "deepisp"} | {name: f"deepisp/_shipped/{name}" for name in SHIPPED}
    return {
        f"{place}/{path.relative_to(repository / folder).as_posix()}"
        for folder, place in folders.items()
        for path in (repository / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def build(repository: Path, into: Path) -> Path:
    """The wheel, built from a copy: setuptools leaves folders behind, and takes in what older builds left."""
    source = into / "source"
    shutil.copytree(repository, source, ignore=_NOT_COPIED)
    options = ["--no-build-isolation", "--no-deps", "--no-index", "--quiet", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", str(into), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the wheel cannot be built:\n{done.stdout}{done.stderr}")
    [wheel] = into.glob("*.whl")
    return wheel


def faults(wheel: Path, repository: Path) -> list[str]:
    """What a wheel lacks, or holds too much; one line each."""
    with zipfile.ZipFile(wheel) as file:
        names = {name for name in file.namelist() if not name.endswith("/")}
        about = {name for name in names if name.partition("/")[0].endswith(".dist-info")}
        metadata = {name.partition("/")[2]: file.read(name).decode() for name in about}
    wanted = expected(repository)
    found = [f"not in the wheel: {name}" for name in sorted(wanted - names)]
    found += [f"too much in the wheel: {name}" for name in sorted(names - about - wanted)]
    found += [
        f"Python among the data: {name}" for name in names if name.endswith(".py") and "/_shipped/" in name
    ]
    if "deepisp/py.typed" not in names:
        found.append("not in the wheel: deepisp/py.typed, so that types are not seen")
    if "licenses/LICENSE" not in metadata:
        found.append("not in the wheel: LICENSE")
    if "deepisp = deepisp.cli:main" not in metadata.get("entry_points.txt", ""):
        found.append("the wheel brings no command deepisp")
    return found


def use(wheel: Path, folder: Path) -> list[str]:
    """Faults that show when deepisp is imported from the unpacked wheel."""
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder)
    command = [sys.executable, "-I", "-c", _USE, str(folder), *SHIPPED]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return [f"the wheel does not work: {done.stderr.strip()}"] if done.returncode else []


def main(repository: Path = REPOSITORY) -> None:
    with tempfile.TemporaryDirectory() as name:
        wheel = build(repository, Path(name))
        found = faults(wheel, repository) + use(wheel, Path(name) / "unpacked")
        size = wheel.stat().st_size
    if found:
        raise SystemExit("\n".join(found))
    print(f"{wheel.name}: {len(expected(repository))} files, {size / 1000:.0f} kB, nothing else")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
