"""What is left alone, passed by or replaced where something is in a picture's place already."""

import itertools
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from deepisp import batch
from deepisp.batch import Options, Record, Settings
from deepisp.batch.places import fingerprint
from deepisp.develop import pipeline
from deepisp.picture import origin
from tests.batch.conftest import names, other, statuses

Shoot = Callable[..., Path]


def test_a_second_run_skips_all(shoot: Shoot, tmp_path: Path) -> None:
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
        (lambda path: Image.new("RGB", (9, 9)).save(path), "does not say from which raw file"),
    ],
)
def test_a_kept_picture_that_may_be_the_wrong_one_is_told(
    change: Callable[[Path], Any], words: str, shoot: Shoot, tmp_path: Path
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


def test_overwrite_rename_and_error(shoot: Shoot, tmp_path: Path) -> None:
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


def test_a_renamed_picture_takes_no_name_of_this_run(shoot: Shoot, tmp_path: Path) -> None:
    source, out = shoot("a.dng", "a_1.dng"), tmp_path / "out"
    out.mkdir()
    (out / "a.jpg").write_bytes(b"old")
    summary = batch.run([source], out, options=Options(on_exists="rename"))
    assert {record.input.name: record.output.name for record in summary.records} == {
        "a.dng": "a_2.jpg",
        "a_1.dng": "a_1.jpg",
    }


def test_a_folder_in_the_pictures_place_is_not_overwritten(shoot: Shoot, tmp_path: Path) -> None:
    source, out = shoot("a.dng"), tmp_path / "out"
    (out / "a.jpg").mkdir(parents=True)
    (record,) = batch.run([source], out, options=Options(on_exists="overwrite")).records
    assert (record.status, record.error) == ("failed", "FileExistsError")
    assert "a.jpg is a folder (move it away" in record.what


def test_the_picture_of_a_faster_run_is_kept(
    shoot: Shoot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    develop, out = pipeline.developed, tmp_path / "out"
    batch.run([shoot("a.dng")], tmp_path / "other run", Settings(ev=1))
    before = (tmp_path / "other run" / "a.jpg").read_bytes()

    def slow(*args: Any, **options: Any) -> Any:
        (tmp_path / "other run").rename(out)
        return develop(*args, **options)

    monkeypatch.setattr(pipeline, "developed", slow)
    (record,) = batch.run([tmp_path / "in"], out).records
    assert record.status == "skipped"
    assert (out / "a.jpg").read_bytes() == before


def test_a_number_that_a_faster_run_took_is_passed_over(
    shoot: Shoot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    develop, out = pipeline.developed, tmp_path / "out"
    out.mkdir()
    (out / "a.jpg").write_bytes(b"old")

    def slow(*args: Any, **options: Any) -> Any:
        (out / "a_1.jpg").write_bytes(b"the other run's")
        return develop(*args, **options)

    monkeypatch.setattr(pipeline, "developed", slow)
    (record,) = batch.run([shoot("a.dng")], out, options=Options(on_exists="rename")).records
    assert (record.status, record.output) == ("done", out / "a_2.jpg")
    assert (out / "a_1.jpg").read_bytes() == b"the other run's"


def outcome(summary: batch.Summary) -> dict[str, tuple[str, str]]:
    """Of each raw file, by its folder and name: status and picture."""
    return {
        f"{record.input.parent.name}/{record.input.name}": (record.status, record.output.name)
        for record in summary.records
    }


def test_a_picture_says_of_which_raw_file_it_is(shoot: Shoot, tmp_path: Path) -> None:
    first, second = shoot("a.dng", "b.dng") / "a.dng", other(tmp_path / "in" / "b.dng")
    batch.run([first, second], tmp_path / "out")
    marks = [origin.of(tmp_path / "out" / name).source for name in ("a.jpg", "b.jpg")]
    assert marks == [fingerprint(first), fingerprint(second)]
    assert marks[0] != marks[1]


@pytest.mark.parametrize("at", [0, 70_000, 200_000, 399_999])
def test_fingerprints_differ_where_files_do(at: int, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(400_000))
    (tmp_path / "b").write_bytes(bytes(at) + b"x" + bytes(399_999 - at))
    is_sampled = at != 70_000
    assert (fingerprint(tmp_path / "a") != fingerprint(tmp_path / "b")) is is_sampled
    (tmp_path / "b").write_bytes(bytes(400_001))
    assert fingerprint(tmp_path / "a") != fingerprint(tmp_path / "b")
    assert fingerprint(tmp_path / "none") == ""


def test_another_raw_file_of_the_same_name_gets_a_picture_of_its_own(shoot: Shoot, tmp_path: Path) -> None:
    shoot("ca/1.kdc", "cb/1.qtk")
    cards, out = (tmp_path / "in" / "ca", other(tmp_path / "in" / "cb" / "1.qtk").parent), tmp_path / "out"
    batch.run([cards[0]], out)
    before = (out / "1.jpg").read_bytes()
    (record,) = batch.run([cards[1]], out).records
    assert (record.status, record.output) == ("done", out / "1.qtk.jpg")
    assert record.warnings == (
        f"{out / '1.jpg'} is the picture of another raw file; this one's is {record.output}",
    )
    (record,) = batch.run([cards[1]], out).records
    assert (record.status, record.output, record.warnings) == ("skipped", out / "1.qtk.jpg", ())
    assert (out / "1.jpg").read_bytes() == before
    assert names(out) == ["1.jpg", "1.qtk.jpg"]


def test_the_order_and_the_set_of_folders_do_not_matter(shoot: Shoot, tmp_path: Path) -> None:
    source, out = shoot("a/1.dng", "b/1.dng", "c/1.dng"), tmp_path / "out"
    folders = [other(source / name / "1.dng", number).parent for number, name in enumerate("abc")]
    first = outcome(batch.run(folders, out, options=Options(jobs=1)))
    assert first == {
        "a/1.dng": ("done", "1.jpg"),
        "b/1.dng": ("done", "1.dng.jpg"),
        "c/1.dng": ("done", "1.dng_1.jpg"),
    }
    for count in (1, 2, 3):
        for some in itertools.permutations(folders, count):
            again = outcome(batch.run(some, out))
            assert again == {f"{one.name}/1.dng": ("skipped", first[f"{one.name}/1.dng"][1]) for one in some}
    assert len(names(out)) == 3


def test_a_raw_file_that_was_replaced_is_developed(shoot: Shoot, tmp_path: Path) -> None:
    source, out = shoot("a.dng"), tmp_path / "out"
    for number in range(4):  # the counter of a camera comes round
        batch.run([source], out)
        assert statuses(batch.run([source], out)) == {"a.dng": "skipped"}
        assert len(names(out)) == number + 1
        other(source / "a.dng")
    assert names(out) == ["a.dng.jpg", "a.dng_1.jpg", "a.dng_2.jpg", "a.jpg"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_twins_get_a_picture_each_and_keep_it(jobs: int, shoot: Shoot, tmp_path: Path) -> None:
    source = shoot("a/1.dng", "b/1.dng")
    folders, out = [source / "a", source / "b"], tmp_path / "out"
    assert set(statuses(batch.run(folders, out, options=Options(jobs=jobs))).values()) == {"done"}
    assert names(out) == ["1.dng.jpg", "1.jpg"]
    assert outcome(batch.run(folders, out)) == {
        "a/1.dng": ("skipped", "1.jpg"),
        "b/1.dng": ("skipped", "1.dng.jpg"),
    }


def test_shards_take_no_name_from_each_other(shoot: Shoot, tmp_path: Path) -> None:
    source, out = shoot("a/1.dng", "b/1.dng", "c/1.dng"), tmp_path / "out"
    a, b, c = (other(source / name / "1.dng", number).parent for number, name in enumerate("abc"))
    batch.run([c], out)
    for status in ("done", "skipped"):
        first, second = (batch.run([a, b], out, options=Options(shard=(i, 2))) for i in (1, 2))
        assert outcome(first) == {"a/1.dng": (status, "1.dng_1.jpg")}
        assert outcome(second) == {"b/1.dng": (status, "1.dng.jpg")}
    assert {name: origin.of(out / name).source for name in names(out)} == {
        "1.jpg": fingerprint(c / "1.dng"),
        "1.dng.jpg": fingerprint(b / "1.dng"),
        "1.dng_1.jpg": fingerprint(a / "1.dng"),
    }


def test_runs_side_by_side_pass_each_other_by(
    shoot: Shoot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = shoot("a/1.dng", "b/1.dng", "c/1.dng"), tmp_path / "out"
    folders = [other(source / name / "1.dng", number).parent for number, name in enumerate("abc")]
    develop, together = pipeline.developed, threading.Barrier(3, timeout=20)

    def meet(*args: Any, **options: Any) -> Any:
        together.wait()  # each has seen that nothing is there
        return develop(*args, **options)

    monkeypatch.setattr(pipeline, "developed", meet)
    records = list[Record]()
    runs = [
        threading.Thread(target=lambda one=one: records.extend(batch.run([one], out).records))
        for one in folders
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join(30)
    assert [record.status for record in records] == ["done"] * 3
    assert {origin.of(record.output).source for record in records} == {
        fingerprint(folder / "1.dng") for folder in folders
    }
    assert names(out) == ["1.dng.jpg", "1.dng_1.jpg", "1.jpg"]


def test_a_picture_that_was_named_is_never_put_elsewhere(shoot: Shoot, tmp_path: Path) -> None:
    source, picture = shoot("a.dng", "b.dng"), tmp_path / "out.jpg"
    second = other(source / "b.dng")
    batch.run([source / "a.dng"], picture)
    before = picture.read_bytes()
    (record,) = batch.run([second], picture).records
    assert (record.status, record.error) == ("failed", "FileExistsError")
    assert "is the picture of another raw file (move it away, or choose another --on-exists)" in record.what
    assert picture.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["in", "out.jpg"]
    (record,) = batch.run([second], picture, options=Options(on_exists="overwrite")).records
    assert (record.status, origin.of(picture).source) == ("done", fingerprint(second))
    assert "another raw file, and is overwritten" in record.warnings[0]


def test_overwrite_meets_the_raw_files_own_picture_first(shoot: Shoot, tmp_path: Path) -> None:
    source, out = shoot("a/1.dng", "b/1.dng"), tmp_path / "out"
    a, b = source / "a", other(source / "b" / "1.dng").parent
    batch.run([a, b], out)
    before = (out / "1.jpg").read_bytes()
    (record,) = batch.run([b], out, Settings(ev=1), Options(on_exists="overwrite")).records
    assert (record.output, record.warnings) == (out / "1.dng.jpg", ())
    assert origin.of(record.output).settings == Settings(ev=1).digest()
    assert (out / "1.jpg").read_bytes() == before
    other(
        source / "b" / "1.dng"
    )  # no picture of it is there any more: the target's is overwritten, as was asked
    (record,) = batch.run([b], out, options=Options(on_exists="overwrite")).records
    assert record.output == out / "1.jpg"
    assert names(out) == ["1.dng.jpg", "1.jpg"]


def test_overwriting_in_another_order_loses_no_picture(
    shoot: Shoot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = shoot("a/1.dng", "b/1.dng"), tmp_path / "out"
    a, b = source / "a", other(source / "b" / "1.dng").parent
    batch.run([a], out)
    develop, is_done = pipeline.developed, threading.Event()

    def slow(raw: Any, *args: Any, **options: Any) -> Any:
        if raw.path.parent == b:  # to which 1.jpg belongs now
            assert is_done.wait(20)
        return develop(raw, *args, **options)

    monkeypatch.setattr(pipeline, "developed", slow)
    batch.run(
        [b, a], out, options=Options(on_exists="overwrite", jobs=2), watch=lambda record, total: is_done.set()
    )
    found = {name: origin.of(out / name).source for name in names(out)}
    assert found == {"1.jpg": fingerprint(b / "1.dng"), "1.dng.jpg": fingerprint(a / "1.dng")}


def test_a_picture_is_found_behind_a_gap(shoot: Shoot, tmp_path: Path) -> None:
    source, out = shoot("a/1.dng", "b/1.dng"), tmp_path / "out"
    batch.run([source / "a", other(source / "b" / "1.dng").parent], out)
    (out / "1.jpg").unlink()
    assert outcome(batch.run([source / "b"], out)) == {"b/1.dng": ("skipped", "1.dng.jpg")}
    assert names(out) == ["1.dng.jpg"]
