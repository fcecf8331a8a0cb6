"""What is installed: the wheel's files, the versions that were tested, the one version number."""

import itertools
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest

import deepisp
from tests.conftest import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
CHECK = REPOSITORY / "tools" / "check_wheel.py"


def check(repository: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, CHECK, repository], capture_output=True, text=True, check=False)


def test_the_wheel_holds_the_package_and_its_data_and_nothing_else() -> None:
    done = check(REPOSITORY)
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing else" in done.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The repository without what git ignores."""
    ignored = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "demo", "runs")
    return shutil.copytree(REPOSITORY, tmp_path / "copy", ignore=ignored)


def test_a_folder_that_is_not_installed_and_python_among_the_data_are_seen(copy: Path) -> None:
    (copy / "deepisp" / "develop" / "new").mkdir()
    (copy / "deepisp" / "develop" / "new" / "stage.py").touch()
    (copy / "sensors" / "code.py").touch()
    (copy / "deepisp" / "py.typed").unlink()
    done = check(copy)
    assert done.returncode == 1
    assert "not in the wheel: deepisp/develop/new/stage.py" in done.stderr
    assert "Python among the data: deepisp/_shipped/sensors/code.py" in done.stderr
    assert "py.typed" in done.stderr


def test_what_does_not_belong_into_the_wheel_is_seen(copy: Path) -> None:
    project = (copy / "pyproject.toml").read_text()
    (copy / "tests" / "__init__.py").touch()
    (copy / "pyproject.toml").write_text(
        project.replace('    "deepisp.cli",\n', '    "deepisp.cli", "tests",\n')
    )
    done = check(copy)
    assert done.returncode == 1
    assert "too much in the wheel: tests/conftest.py" in done.stderr


def test_there_is_one_version_number() -> None:
    assert deepisp.__version__ == PROJECT["project"]["version"]


def test_each_dependency_has_a_version_that_was_tested() -> None:
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    pinned = {normal(line.split("==")[0]): line.split("==")[1] for line in lines if "==" in line}
    extras = PROJECT["project"]["optional-dependencies"]
    for text in itertools.chain(PROJECT["project"]["dependencies"], *extras.values()):
        name, _, least = text.partition(">=")
        assert normal(name) in pinned, f"{name} is not in constraints.txt"
        assert numbers(pinned[normal(name)]) >= numbers(least), f"{name} is pinned below {least}"


def test_torchvision_comes_by_no_way() -> None:
    """A user's torch and a torchvision that fits it are a pair that we must not force apart."""
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    for name in {normal(line.split("==")[0]) for line in lines if "==" in line}:
        assert name != "torchvision"
        try:
            needed = requires(name) or []
        except ModuleNotFoundError:
            continue
        assert not [one for one in needed if one.startswith("torchvision") and "extra ==" not in one], name


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def test_an_editable_install_works_in_the_folder_above_the_clone(tmp_path: Path) -> None:
    """There the clone's folder looks like a package without __init__.py, which comes before setuptools' own hook."""
    clone, site = tmp_path / "deepisp", tmp_path / "site"
    clone.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "deepisp", "sensors", "calibration", "datasets"):
        (clone / name).symlink_to(REPOSITORY / name)
    build = "import sys; from setuptools import build_meta; print(build_meta.build_editable(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", build, site], cwd=clone, check=True, capture_output=True)
    [wheel] = site.glob("*.whl")
    shutil.unpack_archive(wheel, site, "zip")
    code = f"import site; site.addsitedir({str(site)!r}); import deepisp; print(deepisp.__version__)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == deepisp.__version__, done.stderr
