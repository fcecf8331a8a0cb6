"""Many files: what is written, what is left alone, what a record says. How a run is killed is in cli/test_ending.py."""

import errno
import hashlib
import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deepisp import batch
from deepisp.batch import Options, Record, Settings, Unready, ready
from deepisp.cli.demo import simulate
from deepisp.develop import pipeline
from deepisp.picture import write as writing
from deepisp.picture.dng import write_dng
from deepisp.picture.errors import MissingExtra, NoSpace
from deepisp.picture.exif import settings_digest
from deepisp.raw.image import Exif


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small raw file."""
    path = tmp_path_factory.mktemp("raw") / "a.dng"
    photograph = np.random.default_rng(1).integers(0, 256, (32, 256, 3), np.uint8)
    write_dng(path, simulate(photograph, seed=1))
    return path


@pytest.fixture
def shoot(template: Path, tmp_path: Path) -> Callable[..., Path]:
    """A folder with raw files of these names."""

    def make(*names: str) -> Path:
        for name in names:
            (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(template, tmp_path / "in" / name)
        return tmp_path / "in"

    return make


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def statuses(summary: batch.Summary) -> dict[str, str]:
    return {record.input.name: record.status for record in summary.records}


def test_a_folder_becomes_a_folder(shoot: Callable[..., Path], tmp_path: Path) -> None:
    source = shoot("a.dng", "day/b.dng")
    summary = batch.run([source], tmp_path / "out", options=Options(recursive=True))
    assert statuses(summary) == {"a.dng": "done", "b.dng": "done"}
    assert names(tmp_path / "out") == ["a.jpg", "day/b.jpg"]
    assert (summary.total, summary.matched, summary.unready) == (2, 2, "")


def test_the_picture_is_what_develop_gives(shoot: Callable[..., Path], tmp_path: Path) -> None:
    source, settings = shoot("a.dng") / "a.dng", Settings(ev=0.5)
    batch.run(source, tmp_path / "a.png", settings)  # one path does, without a list
    with Image.open(tmp_path / "a.png") as picture:
        seen = np.asarray(picture)
    assert np.array_equal(seen, pipeline.develop(source, settings))
    assert settings_digest(tmp_path / "a.png") == settings.digest()


def test_a_record_says_everything(shoot: Callable[..., Path], tmp_path: Path) -> None:
    source, report = shoot("a.dng"), tmp_path / "report.jsonl"
    report.write_text('{"earlier": "run"}\n')
    (source / "b.dng").write_bytes(b"")
    batch.run([source], tmp_path / "out", Settings(ev=1), report=report)
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert lines[0] == {"earlier": "run"}
    done, failed = sorted(lines[1:], key=lambda line: str(line["input"]))
    assert set(done) == {
        "input", "output", "status", "error", "what", "seconds", "sha256", "version", "settings", "digest", "warnings",
    }  # fmt: skip
    assert (done["input"], done["output"]) == (str(source / "a.dng"), str(tmp_path / "out" / "a.jpg"))
    assert (done["status"], done["error"], done["what"]) == ("done", "", "")
    assert done["sha256"] == hashlib.sha256((tmp_path / "out/a.jpg").read_bytes()).hexdigest()
    assert (done["settings"]["ev"], done["digest"]) == (1.0, Settings(ev=1).digest())
    assert done["seconds"] > 0
    assert (failed["status"], failed["error"], failed["sha256"]) == ("failed", "DamagedFile", None)
    assert failed["what"] == "the file is empty (copy it from the camera again)"


@pytest.mark.parametrize("strip_gps", [False, True])
def test_exif_goes_along_and_the_place_only_if_wanted(strip_gps: bool, tmp_path: Path) -> None:
    raw = simulate(np.full((32, 256, 3), 128, np.uint8), seed=1)
    place = {"GPS": {1: "N", 2: ((47, 1), (30, 1), (0, 1))}}
    write_dng(tmp_path / "a.dng", replace(raw, exif=Exif(tags=place, iso=800)))
    (record,) = batch.run(
        tmp_path / "a.dng", tmp_path / "a.jpg", options=Options(strip_gps=strip_gps)
    ).records
    assert record.status == "done", record.trace
    with Image.open(tmp_path / "a.jpg") as picture:
        exif = picture.getexif()
    assert exif.get_ifd(0x8769)[34855] == 800  # ISO
    assert bool(exif.get_ifd(0x8825)) is not strip_gps


def test_what_was_doubtful_in_the_file_is_in_its_record(
    shoot: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = replace(simulate(np.zeros((32, 256, 3), np.uint8), seed=1), warnings=("no\nmatrix",))
    monkeypatch.setattr("deepisp.raw.read.read", lambda path, **options: raw)
    (record,) = batch.run(shoot("a.dng"), tmp_path / "out").records
    assert record.warnings == ("no matrix",)


def test_records_come_one_by_one(shoot: Callable[..., Path], tmp_path: Path) -> None:
    source, report, seen = shoot("a.dng", "b.dng", "c.dng"), tmp_path / "r.jsonl", list[tuple[int, int]]()

    def watch(record: Record, total: int) -> None:
        seen.append((len(report.read_bytes().splitlines()), total))

    batch.run([source], tmp_path / "out", report=report, watch=watch)
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_second_run_skips_all(shoot: Callable[..., Path], tmp_path: Path) -> None:
    source = shoot("a.dng", "b.dng")
    batch.run([source], tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    summary = batch.run([source], tmp_path / "out")
    assert set(statuses(summary).values()) == {"skipped"}
    assert all(record.warnings == () for record in summary.records)
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda path: None, "made with other settings"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "is damaged"),
        (lambda path: Image.new("RGB", (9, 9)).save(path), "does not say with which settings"),
    ],
)
def test_a_kept_picture_that_may_be_the_wrong_one_is_told(
    change: Callable[[Path], Any], words: str, shoot: Callable[..., Path], tmp_path: Path
) -> None:
    source, picture = shoot("a.dng"), tmp_path / "out" / "a.jpg"
    batch.run([source], tmp_path / "out")
    change(picture)
    before = picture.read_bytes()
    (record,) = batch.run([source], tmp_path / "out", Settings(ev=1)).records
    assert record.status == "skipped"
    assert words in record.warnings[0]
    assert "--on-exists overwrite" in record.warnings[0]
    assert picture.read_bytes() == before


def test_overwrite_rename_and_error(shoot: Callable[..., Path], tmp_path: Path) -> None:
    source, out = shoot("a.dng"), tmp_path / "out"
    out.mkdir()
    (out / "a.jpg").write_bytes(b"old")
    (out / "a_1.jpg").write_bytes(b"older")
    (record,) = batch.run([source], out, options=Options(on_exists="error")).records
    assert (record.status, record.error) == ("failed", "FileExistsError")
    assert "--on-exists" in record.what
    (record,) = batch.run([source], out, options=Options(on_exists="rename")).records
    assert record.output == out / "a_2.jpg"
    assert ((out / "a.jpg").read_bytes(), (out / "a_1.jpg").read_bytes()) == (b"old", b"older")
    batch.run([source], out, options=Options(on_exists="overwrite"))
    assert (out / "a.jpg").read_bytes() == (out / "a_2.jpg").read_bytes()
    assert names(out) == ["a.jpg", "a_1.jpg", "a_2.jpg"]


def test_a_renamed_picture_takes_no_name_of_this_run(shoot: Callable[..., Path], tmp_path: Path) -> None:
    source, out = shoot("a.dng", "a_1.dng"), tmp_path / "out"
    out.mkdir()
    (out / "a.jpg").write_bytes(b"old")
    summary = batch.run([source], out, options=Options(on_exists="rename"))
    assert {record.input.name: record.output.name for record in summary.records} == {
        "a.dng": "a_2.jpg",
        "a_1.dng": "a_1.jpg",
    }


def test_a_folder_in_the_pictures_place_is_not_overwritten(
    shoot: Callable[..., Path], tmp_path: Path
) -> None:
    source, out = shoot("a.dng"), tmp_path / "out"
    (out / "a.jpg").mkdir(parents=True)
    (record,) = batch.run([source], out, options=Options(on_exists="overwrite")).records
    assert record.status == "failed"


@pytest.mark.parametrize("count", [1, 2, 3, 7, 20])
def test_shards_are_a_partition(count: int, shoot: Callable[..., Path], tmp_path: Path) -> None:
    source = shoot(*(f"{letter}.{suffix}" for letter in "abcde" for suffix in ("dng", "nef")))
    every = batch.plan([source], tmp_path / "out")
    shards = [
        batch.plan([source], tmp_path / "out", options=Options(shard=(i, count))) for i in range(1, count + 1)
    ]
    together = [job for shard in shards for job in shard]
    assert sorted(together) == sorted(every)
    assert len({job.target for job in together}) == len(every) == 10
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


@pytest.mark.parametrize("shard", [(0, 2), (3, 2), (1, 0), (-1, 3)])
def test_a_shard_outside_its_range_is_refused(shard: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="1 <= I <= N"):
        Options(shard=shard)


def test_an_empty_shard_is_no_failure(shoot: Callable[..., Path], tmp_path: Path) -> None:
    summary = batch.run([shoot("a.dng")], tmp_path / "out", options=Options(shard=(2, 2)))
    assert (summary.records, summary.total, summary.matched) == ((), 0, 1)


def test_a_dry_run_reads_and_writes_nothing(
    shoot: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = shoot("a.dng", "b.dng")
    monkeypatch.setattr(pipeline, "develop", None)
    monkeypatch.setattr("deepisp.raw.read.read", None)
    summary = batch.run([source], tmp_path / "out", options=Options(dry_run=True))
    assert [(record.output.name, record.status) for record in summary.records] == [
        ("a.jpg", "planned"),
        ("b.jpg", "planned"),
    ]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("link", ["path", "symlink", "hard link"])
def test_an_input_is_never_the_output(link: str, shoot: Callable[..., Path], tmp_path: Path) -> None:
    source = shoot("a.dng").rename(tmp_path / "raw") / "a.dng"
    named = source.rename(source.with_name("a.jpg"))  # a raw file by any name
    before, target = named.read_bytes(), tmp_path / "b.jpg"
    if link == "symlink":
        target.symlink_to(named)
    elif link == "hard link":
        os.link(named, target)
    else:
        target = named
    with pytest.raises(ValueError, match="input"):
        batch.run([named], target, options=Options(on_exists="overwrite"))
    with pytest.raises(ValueError, match="input"):
        batch.run([named], tmp_path / "out", report=target)
    assert named.read_bytes() == before


def test_two_raw_files_of_one_name_give_two_pictures(shoot: Callable[..., Path], tmp_path: Path) -> None:
    source = shoot("a.dng", "a.nef")
    assert set(statuses(batch.run([source], tmp_path / "out")).values()) == {"done"}
    assert names(tmp_path / "out") == ["a.jpg", "a.nef.jpg"]


@pytest.mark.parametrize("error", [RuntimeError("surprise"), MemoryError(), ValueError("wrong; do this")])
def test_one_bad_file_does_not_stop_the_rest(
    error: Exception, shoot: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    develop = pipeline.develop

    def fail(raw: Any, *args: Any, **options: Any) -> Any:
        if raw.path.name == "b.dng":
            raise error
        return develop(raw, *args, **options)

    monkeypatch.setattr(pipeline, "develop", fail)
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


@pytest.mark.parametrize(
    ("settings", "options", "output"),
    [
        (Settings(wb="bright"), Options(), "out"),
        (Settings(cfa="RGB"), Options(), "out"),
        (Settings(bits=16), Options(), "out"),
        (Settings(bits=32), Options(format="png"), "out"),
        (Settings(), Options(format="png"), "a.jpg"),
        (Settings(), Options(), "a.gif"),
    ],
)
def test_what_would_fail_for_every_file_is_refused_at_once(
    settings: Settings, options: Options, output: str, shoot: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"; (use|or)|or the gains|RGGB|leave --format out"):
        batch.run([shoot("a.dng") / "a.dng"], tmp_path / output, settings, options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_the_picture_of_a_faster_run_is_kept(
    shoot: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    develop, out = pipeline.develop, tmp_path / "out"

    def slow(*args: Any, **options: Any) -> Any:
        (out / "a.jpg").write_bytes(b"the other run's")
        return develop(*args, **options)

    monkeypatch.setattr(pipeline, "develop", slow)
    (record,) = batch.run([shoot("a.dng")], out).records
    assert record.status == "skipped"
    assert (out / "a.jpg").read_bytes() == b"the other run's"


def test_a_number_that_a_faster_run_took_is_passed_over(
    shoot: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    develop, out = pipeline.develop, tmp_path / "out"
    out.mkdir()
    (out / "a.jpg").write_bytes(b"old")

    def slow(*args: Any, **options: Any) -> Any:
        (out / "a_1.jpg").write_bytes(b"the other run's")
        return develop(*args, **options)

    monkeypatch.setattr(pipeline, "develop", slow)
    (record,) = batch.run([shoot("a.dng")], out, options=Options(on_exists="rename")).records
    assert (record.status, record.output) == ("done", out / "a_2.jpg")
    assert (out / "a_1.jpg").read_bytes() == b"the other run's"


def test_jobs_bound_what_is_in_work(
    shoot: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, now, most, threads = threading.Lock(), 0, 0, set[int]()
    three = threading.Barrier(3, timeout=20)

    def count(*args: Any, **options: Any) -> Any:
        nonlocal now, most
        with lock:
            now, most = now + 1, max(most, now + 1)
            threads.add(options["threads"])
        three.wait()
        time.sleep(0.02)  # time for a fourth, if there were one
        with lock:
            now -= 1
        return np.zeros((4, 4, 3), np.uint8)

    monkeypatch.setattr(pipeline, "develop", count)
    batch.run([shoot(*(f"{i}.dng" for i in range(9)))], tmp_path / "out", options=Options(jobs=3))
    cores = len(os.sched_getaffinity(0))
    assert most == 3
    assert threads == {max(1, cores // 3)}


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


def test_what_is_in_work_at_an_interruption_is_dropped(
    shoot: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    develop, begun = pipeline.develop, threading.Event()

    def slow(raw: Any, *args: Any, **options: Any) -> Any:
        if raw.path.name == "b.dng":
            begun.set()
            time.sleep(0.3)
        return develop(raw, *args, **options)

    def interrupt(record: Record, total: int) -> None:
        assert begun.wait(20)
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "develop", slow)
    with pytest.raises(KeyboardInterrupt):
        batch.run([shoot("a.dng", "b.dng")], tmp_path / "out", options=Options(jobs=2), watch=interrupt)
    assert names(tmp_path / "out") == ["a.jpg"]


def test_what_killed_runs_left_is_cleared_away_and_nothing_else(tmp_path: Path) -> None:
    old = (".a.jpg.0123456789ab.part", ".notes.part", "a.part", ".b.jpg.part")
    for name in (*old, ".new.jpg.0123456789ab.part"):
        (tmp_path / name).write_bytes(b"x")
    for name in old:
        os.utime(tmp_path / name, (0, 0))
    ready.prepare_folders([tmp_path])
    assert names(tmp_path) == [".b.jpg.part", ".new.jpg.0123456789ab.part", ".notes.part", "a.part"]


def test_a_layout_is_read_once_and_its_absence_is_told(shoot: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="check its path"):
        batch.run([shoot("a.dng")], tmp_path / "out", layout=tmp_path / "none.toml")
    (tmp_path / "in" / "x.raw").write_bytes(np.full((32, 48), 400, "<u2").tobytes())
    layout = tmp_path / "layout.toml"
    layout.write_text('cfa = "RGGB"\nwhite_level = 1023\nwidth = 48\nheight = 32\n')
    summary = batch.run([tmp_path / "in" / "x.raw"], tmp_path / "x.png", layout=layout)
    assert statuses(summary) == {"x.raw": "done"}
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.size == (48, 32)
