"""Which files are taken and what their pictures are called."""

import errno
import os
from pathlib import Path

import pytest

from deepisp.batch import files


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def targets(names: list[str], output: str = "out", suffix: str = "jpg") -> list[str]:
    sources = [files.Source(Path(name)) for name in names]
    return [str(job.target) for job in files.assign(sources, output, in_folder=True, suffix=suffix)]


def test_a_folder_gives_its_raw_files_by_name_and_no_junk(tmp_path: Path) -> None:
    touch(tmp_path, "b.NEF", "a.dng", "star.fits", "a.jpg", "a.dng.xmp", "a.dng.toml", "notes.txt")
    touch(tmp_path, "._a.dng", ".DS_Store", "Thumbs.db", "desktop.ini", "@eaDir/a.dng", "sub/c.dng")
    found = files.gather([tmp_path])
    assert [source.path.name for source in found] == ["a.dng", "b.NEF", "star.fits"]


def test_a_folder_gives_other_files_where_their_suffixes_are_named(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.dng", "a.png", "._a.png", "c.txt"):
        (tmp_path / name).touch()
    (tmp_path / "d.png").mkdir()
    found = files.gather([tmp_path, tmp_path / "a.png", "no.jpg"], suffixes={".png", ".jpg"})
    assert [source.path.name for source in found] == ["a.png", "b.JPG", "no.jpg"]
    assert [source.problem is None for source in found] == [True, True, False]


def test_recursion_keeps_subfolders_and_leaves_synology_alone(tmp_path: Path) -> None:
    touch(tmp_path, "b.dng", "day 1/a.dng", "day 1/@eaDir/a.dng", "day 2/noon/a.dng")
    found = files.gather([tmp_path], recursive=True)
    assert [str(source.folder) for source in found] == [".", "day 1", "day 2/noon"]
    jobs = files.assign(found, "out", in_folder=True)
    assert [str(job.target) for job in jobs] == ["out/b.jpg", "out/day 1/a.jpg", "out/day 2/noon/a.jpg"]


def test_links_to_folders_are_not_followed_into_a_circle(tmp_path: Path) -> None:
    touch(tmp_path, "a.dng")
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    assert len(files.gather([tmp_path], recursive=True)) == 1


def test_a_fifo_in_a_folder_is_no_file(tmp_path: Path) -> None:
    touch(tmp_path, "a.dng")
    os.mkfifo(tmp_path / "b.dng")
    assert [source.path.name for source in files.gather([tmp_path])] == ["a.dng"]


def test_a_file_that_is_named_is_taken_whatever_it_is_called(tmp_path: Path) -> None:
    touch(tmp_path, "._x", "frame.bin")
    found = files.gather([tmp_path / "frame.bin", tmp_path / "._x"])
    assert [source.path.name for source in found] == ["frame.bin", "._x"]


def test_the_same_file_given_twice_is_one(tmp_path: Path) -> None:
    touch(tmp_path, "a.dng")
    assert (
        len(files.gather([tmp_path / "a.dng", tmp_path, str(tmp_path / ".." / tmp_path.name / "a.dng")])) == 1
    )


@pytest.mark.parametrize("name", ["missing.dng", ""])
def test_what_does_not_exist_is_a_problem_not_a_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    touch(tmp_path, "a.dng")
    monkeypatch.chdir(tmp_path)
    (source,) = files.gather([name])
    assert source.problem is not None
    assert source.problem.errno == errno.ENOENT


def test_an_unreadable_folder_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)  # root may read everything, so it is told otherwise
    (source,) = files.gather([tmp_path])
    assert isinstance(source.problem, PermissionError)


def test_equal_names_are_told_apart() -> None:
    assert targets(["a.dng", "a.nef", "x/a.nef"]) == ["out/a.jpg", "out/a.nef.jpg", "out/a.nef_1.jpg"]


def test_names_that_differ_in_case_or_accents_are_told_apart() -> None:
    assert targets(["A.dng", "a.nef"]) == ["out/A.jpg", "out/a.nef.jpg"]
    composed, decomposed = "\u00e9.dng", "e\u0301.nef"
    assert targets([composed, decomposed]) == ["out/\u00e9.jpg", "out/e\u0301.nef.jpg"]


def test_a_name_made_to_differ_meets_no_other() -> None:
    found = targets(["a.dng", "a.nef", "a.nef.dng"])
    assert found == ["out/a.jpg", "out/a.nef.jpg", "out/a.nef.dng.jpg"]


def test_a_missing_file_takes_no_name_away() -> None:
    sources = [files.Source(Path("a.nef"), problem=FileNotFoundError()), files.Source(Path("a.dng"))]
    assert files.assign(sources, "out", in_folder=True)[1].target == Path("out/a.jpg")


def test_a_name_of_250_bytes_stays_one_that_a_disk_takes() -> None:
    long = "é" * 123 + ".dng"  # 250 bytes
    (name, other) = targets([long, "x/" + long], suffix="webp")
    assert len(os.fsencode(Path(name).name)) <= 255
    assert len(os.fsencode(Path(other).name)) <= 255
    assert name != other
    assert len(os.fsencode(next(files.numbered(Path(name))).name)) <= 255


@pytest.mark.parametrize(
    ("output", "given", "answer"),
    [
        ("a.jpg", ["a.dng"], False),
        ("out/", ["a.dng"], True),
        ("out", ["a.dng"], True),  # no suffix: no picture
        ("out.d", ["a.dng", "b.dng"], True),
        (".", ["a.dng"], True),
    ],
)
def test_what_is_a_folder(output: str, given: list[str], answer: bool) -> None:
    assert files.is_folder(output, given) is answer


def test_a_folder_of_inputs_goes_into_a_folder(tmp_path: Path) -> None:
    assert files.is_folder("a.jpg", [tmp_path])


@pytest.mark.parametrize(
    ("output", "given", "words"),
    [
        ("", ["a.dng"], "name is empty"),
        (".jpg", ["a.dng"], "without a name"),
        ("out/.PNG", ["a.dng"], "without a name"),
        ("out.jpg", ["a.dng", "b.dng"], "a picture's name for 2 inputs; end it with / for a folder"),
        ("out.TIFF", ["shoot"], "a picture's name for a folder of raw files; end it with /"),
    ],
)
def test_an_output_that_cannot_be_one_is_refused(
    output: str, given: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "a.dng", "b.dng", "shoot/a.dng")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=words):
        files.check_output(output, given)
    if output:  # a folder may be called anything
        files.check_output(output + "/", given)
        Path(output).mkdir(parents=True)
        files.check_output(output, given)
    files.check_output("out.d", given)


def test_a_picture_must_end_like_one() -> None:
    with pytest.raises(ValueError, match="end it with / for a folder"):
        files.check_suffix("a.dng", None)
    with pytest.raises(ValueError, match=r"name it \.png"):
        files.check_suffix("a.jpg", "png")
    files.check_suffix("a.JPEG", "jpg")
