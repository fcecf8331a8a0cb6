"""Many files: what is written, what a record says, and what is refused at once."""

import hashlib
import json
import os
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
from deepisp.batch import Options, Record, Settings
from deepisp.cli.demo import simulate
from deepisp.data import simulate as simulated
from deepisp.develop import pipeline
from deepisp.picture import origin
from deepisp.picture.dng import write_dng
from deepisp.raw.image import Exif
from tests.batch.conftest import names, statuses


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
    assert origin.of(tmp_path / "a.png").settings == settings.digest()


def test_a_record_says_everything(shoot: Callable[..., Path], tmp_path: Path) -> None:
    source, report = shoot("a.dng"), tmp_path / "report.jsonl"
    report.write_text('{"earlier": "run"}\n')
    (source / "b.dng").write_bytes(b"")
    batch.run([source], tmp_path / "out", Settings(ev=1), report=report)
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert lines[0] == {"earlier": "run"}
    done, failed = sorted(lines[1:], key=lambda line: str(line["input"]))
    assert set(done) == {
        "input", "output", "status", "error", "what", "seconds", "sha256", "version", "settings", "digest", "network",
        "lift", "warnings",
    }  # fmt: skip
    assert (done["input"], done["output"]) == (str(source / "a.dng"), str(tmp_path / "out" / "a.jpg"))
    assert (done["status"], done["error"], done["what"]) == ("done", "", "")
    assert done["sha256"] == hashlib.sha256((tmp_path / "out/a.jpg").read_bytes()).hexdigest()
    assert (done["settings"]["ev"], done["digest"]) == (1.0, Settings(ev=1).digest())
    assert done["seconds"] > 0
    assert (done["network"], done["lift"]) == ("fast", 1.0)
    assert (failed["status"], failed["error"], failed["sha256"]) == ("failed", "DamagedFile", None)
    assert (failed["network"], failed["lift"]) == (None, None)
    assert failed["what"] == "the file is empty (copy it from the camera again)"


def test_a_record_says_what_was_chosen_for_a_file_that_left_it_open(tmp_path: Path) -> None:
    picture = np.full((256, 256, 3), 200, np.uint8)
    dark = simulated.raw(picture, camera="canon-70d", iso=1600, exposure_ratio=250, seed=1).raw
    write_dng(dark, tmp_path / "a.dng")

    def chosen(**settings: Any) -> tuple[str, float]:
        options = Options(on_exists="overwrite")
        report = tmp_path / "report.jsonl"
        batch.run(tmp_path / "a.dng", tmp_path / "a.png", Settings(**settings), options, report=report)
        told = json.loads(report.read_text().splitlines()[-1])
        return told["network"], told["lift"]

    network, lift = chosen()
    assert network == "dark"
    assert lift > 50
    assert chosen(dark="100", model="fast") == ("fast", 100)
    assert chosen(dark="off", model="none") == ("", 1)


@pytest.mark.parametrize("strip_gps", [False, True])
def test_exif_goes_along_and_the_place_only_if_wanted(strip_gps: bool, tmp_path: Path) -> None:
    raw = simulate(np.full((32, 256, 3), 128, np.uint8), seed=1)
    place = {"GPS": {1: "N", 2: ((47, 1), (30, 1), (0, 1))}}
    write_dng(replace(raw, exif=Exif(tags=place, iso=800)), tmp_path / "a.dng")
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
    assert record.warnings[0] == "no matrix"


def test_records_come_one_by_one(shoot: Callable[..., Path], tmp_path: Path) -> None:
    source, report, seen = shoot("a.dng", "b.dng", "c.dng"), tmp_path / "r.jsonl", list[tuple[int, int]]()

    def watch(record: Record, total: int) -> None:
        assert record.line() in report.read_bytes().splitlines(keepends=True)
        seen.append((len(report.read_bytes().splitlines()), total))

    batch.run([source], tmp_path / "out", report=report, options=Options(jobs=1), watch=watch)
    assert [total for _, total in seen] == [3, 3, 3]
    assert all(count >= number for number, (count, _) in enumerate(seen, 1))


def test_the_record_of_a_kept_picture_has_its_checksum(shoot: Callable[..., Path], tmp_path: Path) -> None:
    source, report = shoot("a.dng"), tmp_path / "r.jsonl"
    first, second = (batch.run([source], tmp_path / "out", report=report).records[0] for _ in range(2))
    assert (second.status, second.output, second.sha256) == ("skipped", first.output, first.sha256)
    assert [json.loads(line)["sha256"] for line in report.read_text().splitlines()] == [first.sha256] * 2
    (unreported,) = batch.run([source], tmp_path / "out").records
    assert unreported.sha256 is None  # nobody asked: 10 000 pictures would be read in full


def test_a_folder_is_made_for_a_picture_or_the_report_only(
    shoot: Callable[..., Path], tmp_path: Path
) -> None:
    source, out = shoot("good/a.dng", "bad/b.dng"), tmp_path / "new" / "out"
    (source / "bad" / "b.dng").write_bytes(b"broken")
    batch.run([source / "bad"], out)
    assert not (tmp_path / "new").exists()
    batch.run([source], out, options=Options(recursive=True))
    assert sorted(path.name for path in out.rglob("*")) == ["a.jpg", "good"]
    batch.run([source / "bad"], tmp_path / "told", report=tmp_path / "told" / "r.jsonl")
    assert names(tmp_path / "told") == ["r.jsonl"]


@pytest.mark.parametrize(
    "name", ["out.jpg", "out/a.jpg", "out/a.dng.JPG", "link.jsonl", "layout.toml", "in/a.dng"]
)
def test_a_report_is_never_a_picture_nor_what_is_read(
    name: str, shoot: Callable[..., Path], tmp_path: Path
) -> None:
    source, layout = shoot("a.dng"), tmp_path / "layout.toml"
    layout.write_text('cfa = "RGGB"\nwhite_level = 1023\n')
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "out" / "a.jpg")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    output = tmp_path / ("out.jpg" if name == "out.jpg" else "out")
    with pytest.raises(ValueError, match=r"name it \.jsonl|choose another folder or name|raw file"):
        batch.run([source / "a.dng"], output, report=tmp_path / name, layout=layout)
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert not (tmp_path / "out").exists()


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
    monkeypatch.setattr(pipeline, "developed", None)
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
        return pipeline.Developed(np.zeros((4, 4, 3), np.uint8), "", 1.0)

    monkeypatch.setattr(pipeline, "developed", count)
    batch.run([shoot(*(f"{i}.dng" for i in range(9)))], tmp_path / "out", options=Options(jobs=3))
    cores = len(os.sched_getaffinity(0))
    assert most == 3
    assert threads == {max(1, cores // 3)}


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
