"""Files that fail, runs that cannot go on, runs that are interrupted. How one is killed is in cli/test_ending.py."""

import errno
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deepisp import batch
from deepisp.batch import Options, Record, Unready, ready
from deepisp.develop import pipeline
from deepisp.picture import write as writing
from deepisp.picture.errors import MissingExtra, NoSpace
from deepisp.raw.decoder import POOL
from tests.batch.conftest import names, statuses


@pytest.mark.parametrize("error", [RuntimeError("surprise"), MemoryError(), ValueError("wrong; do this")])
def test_one_bad_file_does_not_stop_the_rest(
    error: Exception, shoot: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    develop = pipeline.developed

    def fail(raw: Any, *args: Any, **options: Any) -> Any:
        if raw.path.name == "b.dng":
            raise error
        return develop(raw, *args, **options)

    monkeypatch.setattr(pipeline, "developed", fail)
    summary = batch.run([shoot("a.dng", "b.dng", "c.dng")], tmp_path / "out")
    assert statuses(summary) == {"a.dng": "done", "b.dng": "failed", "c.dng": "done"}
    (failed,) = (record for record in summary.records if record.status == "failed")
    assert failed.error == type(error).__name__
    assert failed.what
    assert "Traceback" in failed.trace


def test_stop_at_the_first_failure(shoot: Callable[..., Path], tmp_path: Path) -> None:
    source = shoot("a.dng", "c.dng", "d.dng")
    (source / "b.dng").write_bytes(b"")
    summary = batch.run([source], tmp_path / "out", options=Options(on_error="stop", jobs=1))
    assert statuses(summary) == {"a.dng": "done", "b.dng": "failed"}
    assert summary.total == 4


@pytest.mark.parametrize(
    "error",
    [
        NoSpace(errno.ENOSPC, 1, "out"),
        MissingExtra("no codec", "install it"),
        OSError(errno.EROFS, "Read-only"),
    ],
)
def test_what_no_file_can_escape_ends_the_run(
    error: OSError, shoot: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **options: Any) -> list[str]:
        raise error

    monkeypatch.setattr(writing, "write", fail)
    summary = batch.run([shoot("a.dng", "b.dng", "c.dng")], tmp_path / "out", options=Options(jobs=1))
    assert statuses(summary) == {"a.dng": "failed"}
    assert summary.unready == summary.records[0].what != ""


def test_a_folder_that_cannot_be_written_is_found_before_any_file_is_read(
    shoot: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = shoot("a.dng")
    monkeypatch.setattr("deepisp.raw.read.read", None)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unready, match="choose another place"):
        batch.run([source], tmp_path / "file" / "out")
    with pytest.raises(Unready, match="choose another place"):
        batch.run([source], "/proc/self/out")
    with pytest.raises(Unready, match="choose another place"):
        batch.run([source], tmp_path / "out", report=tmp_path / "nowhere" / "report.jsonl")


def test_a_device_that_is_not_there(
    shoot: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(Unready, match="--device cpu"):
        batch.run([shoot("a.dng")], tmp_path / "out", options=Options(device="cuda"))


def test_an_exception_of_the_caller_ends_the_threads(shoot: Callable[..., Path], tmp_path: Path) -> None:
    def interrupt(record: Record, total: int) -> None:
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        batch.run(
            [shoot(*(f"{i}.dng" for i in range(9)))],
            tmp_path / "out",
            options=Options(jobs=2),
            watch=interrupt,
        )
    written = names(tmp_path / "out")
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before
    assert names(tmp_path / "out") == written
    assert len(written) < 9


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set as soon as a run takes no more files."""
    close, event = POOL.close, threading.Event()
    monkeypatch.setattr(POOL, "close", lambda: (event.set(), close()))
    return event


def test_what_is_in_work_at_an_interruption_is_dropped(
    shoot: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    interrupted: threading.Event,
) -> None:
    develop, begun = pipeline.developed, threading.Event()

    def slow(raw: Any, *args: Any, **options: Any) -> Any:
        if raw.path.name == "b.dng":
            begun.set()
            assert interrupted.wait(20)
        return develop(raw, *args, **options)

    def interrupt(record: Record, total: int) -> None:
        assert begun.wait(20)
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "developed", slow)
    with pytest.raises(KeyboardInterrupt):
        batch.run([shoot("a.dng", "b.dng")], tmp_path / "out", options=Options(jobs=2), watch=interrupt)
    assert names(tmp_path / "out") == ["a.jpg"]


def test_what_is_finished_at_an_interruption_is_reported_and_told(
    shoot: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    interrupted: threading.Event,
) -> None:
    source, out, report = shoot("a.dng", "b.dng", "c.dng"), tmp_path / "out", tmp_path / "r.jsonl"
    told, write, begun = list[str](), writing.write, threading.Event()

    def slow(pixels: Any, path: Path, **options: Any) -> list[str]:
        if path.name == "b.jpg":
            begun.set()
            assert interrupted.wait(20)  # it comes when this picture cannot be stopped any more
        return write(pixels, path, **options)

    def interrupt(record: Record, total: int) -> None:
        told.append(record.output.name)
        if len(told) == 1:
            assert begun.wait(20)
            raise KeyboardInterrupt

    monkeypatch.setattr(writing, "write", slow)
    with pytest.raises(KeyboardInterrupt):
        batch.run([source], out, options=Options(jobs=1), report=report, watch=interrupt)
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert names(out) == told == ["a.jpg", "b.jpg"]
    assert {line["output"]: line["sha256"] for line in lines} == {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in out.iterdir()
    }


def test_what_killed_runs_left_is_cleared_away_and_nothing_else(tmp_path: Path) -> None:
    old = (".a.jpg.0123456789ab.part", ".notes.part", "a.part", ".b.jpg.part")
    for name in (*old, ".new.jpg.0123456789ab.part"):
        (tmp_path / name).write_bytes(b"x")
    for name in old:
        os.utime(tmp_path / name, (0, 0))
    ready.prepare_folders([tmp_path])
    assert names(tmp_path) == [".b.jpg.part", ".new.jpg.0123456789ab.part", ".notes.part", "a.part"]
