"""Runs that are killed, interrupted, or not alone: no broken picture, nothing left behind, the rest is done later."""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

import pytest

TRIALS = 20


def pictures(folder: Path) -> dict[str, bytes]:
    """The visible files of a folder; a killed run may leave a hidden one."""
    return {path.name: path.read_bytes() for path in folder.glob("[!.]*")} if folder.exists() else {}


def start(*words: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "deepisp", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | (environment or {}),
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def whole(twelve: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The pictures of a run that nobody disturbs."""
    out = tmp_path_factory.mktemp("whole")
    run = start("develop", str(twelve), "-o", str(out))
    assert run.communicate()[1] == "12 done\n"
    found = pictures(out)
    assert len(found) == 12
    return found


# One process loads everything once and forks a run for each trial, which saves a second of imports each time.
FORKS = """
    import json, os, signal, sys, time
    from pathlib import Path
    import numpy as np
    from deepisp import batch
    from deepisp.cli.demo import simulate
    from deepisp.develop import pipeline
    from deepisp.picture import encode, exif, write

    pixels = pipeline.develop(simulate(np.zeros((32, 256, 3), np.uint8), seed=1))
    write.write(pixels, Path(sys.argv[2]) / "x.jpg", space="srgb")
    for trial, (count, seconds) in enumerate(json.loads(sys.argv[3])):
        out = Path(sys.argv[2]) / str(trial)
        out.mkdir()
        child = os.fork()
        if child == 0:
            batch.run([sys.argv[1]], out, options=batch.Options(jobs=2))
            os._exit(0)
        while len(list(out.glob("*.jpg"))) < count:
            time.sleep(0.0003)
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
"""


def test_a_run_killed_at_any_time_leaves_whole_pictures_and_is_completed_by_the_next(
    twelve: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    chance = random.Random(1)
    times = [
        (trial % 10, chance.uniform(0, 0.008)) for trial in range(TRIALS)
    ]  # so long after so many pictures
    words = [textwrap.dedent(FORKS), str(twelve), str(tmp_path), json.dumps(times)]
    subprocess.run([sys.executable, "-c", *words], check=True, timeout=120)
    counts = []
    for trial in range(TRIALS):
        found = pictures(tmp_path / str(trial))
        assert all(whole[name] == data for name, data in found.items()), trial
        counts.append(len(found))
    assert len(set(counts)) > 3, counts  # or the times were not in the midst of the work
    for trial in sorted(range(TRIALS), key=lambda trial: counts[trial])[:: TRIALS // 2]:
        again = start("develop", str(twelve), "-o", str(tmp_path / str(trial)))
        again.communicate()
        assert again.returncode == 0
        assert pictures(tmp_path / str(trial)) == whole


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_ends_soon_and_cleanly(
    number: signal.Signals, code: int, twelve: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    source, out, mark = tmp_path / "in", tmp_path / "out", uuid.uuid4().hex
    source.mkdir()
    for copy in range(10):
        for path in twelve.iterdir():
            shutil.copy(path, source / f"{copy}-{path.name}")
    words = (
        "develop",
        str(source),
        "-o",
        str(out),
        "--report",
        str(tmp_path / "report.jsonl"),
        "--jobs",
        "2",
    )
    run = start(*words, environment={"DEEPISP_TEST": mark})
    assert run.stdout is not None
    assert "->" in run.stdout.readline()
    assert len(_marked(mark)) > 1  # the decoding processes; the test sees them
    asked = time.monotonic()
    os.kill(run.pid, number)
    _, complaints = run.communicate(timeout=20)
    assert time.monotonic() - asked < 10
    assert run.returncode == code
    count, left = len(list(out.iterdir())), 120 - len(list(out.iterdir()))
    name = "interrupted" if number == signal.SIGINT else "terminated"
    assert complaints.splitlines()[0] == f"{count} done, {left} left"
    assert complaints.splitlines()[1:] == [f"error: {name} (the same command again does what is left)"]
    deadline = time.monotonic() + 5
    while _marked(mark) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert _marked(mark) == []
    assert 0 < len(list(out.iterdir())) < 120
    assert all(
        data == whole[path.name.partition("-")[2]] for path in out.iterdir() for data in [path.read_bytes()]
    )
    lines = [json.loads(line) for line in (tmp_path / "report.jsonl").read_text().splitlines()]
    assert {line["status"] for line in lines} == {"done"}
    assert {Path(line["output"]): line["sha256"] for line in lines} == {
        path: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.iterdir()
    }


def _marked(mark: str) -> list[str]:
    """Processes that were started with this mark in their environment."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in environment.read_bytes():
                found.append(environment.parent.name)
        except OSError:
            continue  # it has just ended
    return found


def test_a_file_that_takes_for_ever_does_not_hold_the_end_up(twelve: Path, tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, time\n"
        "from deepisp.batch import work\n"
        "from deepisp.cli import main\n"
        "from deepisp.develop import pipeline\n"
        "work._GRACE_S = 0.2\n"
        "pipeline.developed = lambda *a, **k: (os.kill(os.getpid(), signal.SIGTERM), time.sleep(60))\n"
        f"sys.argv = ['deepisp', 'develop', {str(twelve)!r}, '-o', {str(tmp_path / 'out')!r}]\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 143
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


# Children that never answer and do not end with their parent.
HANGS = """
    import subprocess, sys, threading, time
    from deepisp.cli import main
    from deepisp.raw import decoder

    class Hanging(decoder.subprocess.Popen):
        def __init__(self, command, **options):
            code = "import time; time.sleep(300)"
            super().__init__([sys.executable, "-c", code], **options)

    decoder.subprocess.Popen = Hanging
    main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_decoders_that_hang_are_ended_with_the_run(
    number: signal.Signals, twelve: Path, tmp_path: Path
) -> None:
    mark = uuid.uuid4().hex
    words = ["develop", str(twelve), "-o", str(tmp_path / "out"), "--jobs", "2"]
    run = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HANGS), *words],
        stderr=subprocess.PIPE,
        env=os.environ | {"DEEPISP_TEST": mark},
    )
    deadline = time.monotonic() + 20
    while len(_marked(mark)) < 3 and time.monotonic() < deadline:  # itself, and one for each job
        time.sleep(0.02)
    time.sleep(0.3)
    asked = time.monotonic()
    os.kill(run.pid, number)
    run.communicate(timeout=30)
    assert run.returncode == 128 + number
    assert time.monotonic() - asked < 5
    assert _marked(mark) == []
    assert not (tmp_path / "out").exists()


def test_an_ignored_signal_stays_ignored(twelve: Path, tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"  # as nohup and shells' background jobs do
        f"sys.argv = ['deepisp', 'develop', {str(twelve)!r}, '-o', {str(tmp_path / 'out')!r}]\n"
        "from deepisp import batch\n"
        "from deepisp.cli import main\n"
        "run = batch.run\n"
        "batch.run = lambda *a, **k: (os.kill(os.getpid(), signal.SIGINT), run(*a, **k))[1]\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "12 done\n")


@pytest.mark.parametrize("policy", ["skip", "overwrite"])
def test_two_runs_into_one_folder_give_one_whole_result(
    policy: str, twelve: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    words = (
        "develop",
        str(twelve),
        "-o",
        str(tmp_path / "out"),
        "--on-exists",
        policy,
        "--report",
        str(tmp_path / "r"),
    )
    runs = [start(*words), start(*words)]
    assert [run.communicate()[1].splitlines()[-1] != "" and run.returncode for run in runs] == [0, 0]
    assert pictures(tmp_path / "out") == whole
    assert len([json.loads(line) for line in (tmp_path / "r").read_text().splitlines()]) == 24
    assert not list((tmp_path / "out").glob(".*"))


# A run that holds each picture back, after encoding it, until another run holds the same one.
MEET = """
    import os, re, sys, time
    from pathlib import Path
    from deepisp.cli import main
    from deepisp.picture import atomic

    commit, marks = atomic.os.fsync, Path(sys.argv.pop(1))
    def meet(descriptor):
        commit(descriptor)
        place = Path(f"/proc/self/fd/{descriptor}").resolve()
        if name := re.fullmatch(r"\\.(\\d+\\.jpg)\\.[0-9a-f]+\\.part", place.name):
            met = marks / name[1]
            with met.open("ab") as mark:
                mark.write(b"x")
            while met.stat().st_size < 2:
                time.sleep(0.001)
    atomic.os.fsync = meet
    main()
"""


@pytest.mark.parametrize("policy", ["skip", "error", "rename", "overwrite"])
def test_two_runs_that_write_at_the_same_moment(
    policy: str, twelve: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "met").mkdir()
    words = ["develop", str(twelve), "-o", str(tmp_path / "out"), "--on-exists", policy, "--jobs", "1"]
    code = [sys.executable, "-c", textwrap.dedent(MEET), str(tmp_path / "met"), *words]
    runs = [
        subprocess.Popen(
            [*code, "--report", str(tmp_path / f"{i}.jsonl")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for i in (0, 1)
    ]
    for run in runs:
        run.communicate(timeout=60)
    records = [
        json.loads(line) for i in (0, 1) for line in (tmp_path / f"{i}.jsonl").read_text().splitlines()
    ]
    found = pictures(tmp_path / "out")
    outcomes = {  # of the two records of one raw file
        "skip": ["done", "skipped"],
        "error": ["done", "failed"],
        "rename": ["done", "done"],
        "overwrite": ["done", "done"],
    }
    for number in range(12):
        both = [record for record in records if record["input"].endswith(f"{number:02}.dng")]
        assert sorted(record["status"] for record in both) == outcomes[policy]
        assert {record["error"] for record in both if record["status"] == "failed"} <= {"FileExistsError"}
        assert all("--on-exists" in record["what"] for record in both if record["status"] == "failed")
        written = {Path(record["output"]).name for record in both if record["status"] == "done"}
        assert written == {f"{number:02}.jpg"} | ({f"{number:02}_1.jpg"} if policy == "rename" else set())
        assert all(found[name] == whole[f"{number:02}.jpg"] for name in written)
    assert len(found) == (24 if policy == "rename" else 12)
    assert not list((tmp_path / "out").glob(".*"))


def test_shards_side_by_side_do_all(twelve: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    runs = [start("develop", str(twelve), "-o", str(tmp_path / "out"), "--shard", f"{i}/2") for i in (1, 2)]
    assert [run.communicate()[0].count("->") for run in runs] == [6, 6]
    assert pictures(tmp_path / "out") == whole


def test_nobody_reads_the_lines(twelve: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    run = start("develop", str(twelve), "-o", str(tmp_path / "out"))
    assert run.stdout is not None
    run.stdout.close()
    assert run.wait(timeout=60) == 0
    assert run.stderr is not None
    assert run.stderr.read() == "12 done\n"
    run.stderr.close()
    assert pictures(tmp_path / "out") == whole
