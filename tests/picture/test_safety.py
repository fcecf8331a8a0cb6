import os

import pytest

from deepisp.picture.safety import Inputs, refuse_inputs


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.tif"
    path.write_bytes(b"raw")
    return path


@pytest.mark.parametrize("prepare", [list, Inputs.of], ids=["paths", "prepared"])
def test_an_input_is_refused_by_whatever_name(photo, tmp_path, monkeypatch, prepare):
    link, hard, folder = tmp_path / "link.tif", tmp_path / "hard.tif", tmp_path / "folder"
    link.symlink_to(photo)
    os.link(photo, hard)
    folder.symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    names = (
        photo,
        link,
        hard,
        folder / "photo.tif",
        tmp_path / "PHOTO.TIF",
        tmp_path / "x" / ".." / "photo.tif",
        photo.relative_to(tmp_path),
    )
    for target in names:
        with pytest.raises(ValueError, match=r"is the input .*photo\.tif itself; choose another folder"):
            refuse_inputs(target, prepare([tmp_path / "other.tif", photo]))


def test_an_input_given_as_a_link_is_refused_too(photo, tmp_path):
    (tmp_path / "link.tif").symlink_to(photo)
    with pytest.raises(ValueError, match="choose another folder or name"):
        refuse_inputs(photo, [tmp_path / "link.tif"])


def test_both_spellings_of_an_accent_are_one_name(tmp_path):
    with pytest.raises(ValueError, match="choose another folder or name"):
        refuse_inputs(tmp_path / "e\u0301t\u00e9.tif", [tmp_path / "\u00e9t\u00e9.tif"])


def test_another_file_is_welcome(photo, tmp_path):
    (tmp_path / "old.jpg").write_bytes(b"raw")  # equal bytes are not the same file
    for target in (tmp_path / "photo.jpg", tmp_path / "old.jpg", tmp_path / "sub" / "photo.tif"):
        refuse_inputs(target, [photo])


@pytest.mark.parametrize(
    "name", ["a.nef", "a.CR2", "a.cr3", "a.arw", "a.raf", "a.orf", "a.rw2", "a.raw", "a.gpr"]
)
def test_no_picture_goes_under_a_raw_suffix(tmp_path, name):
    with pytest.raises(ValueError, match="name a picture format such as"):
        refuse_inputs(tmp_path / name, [], allow_dng=True)


def test_a_dng_is_written_anew_but_replaced_only_if_asked(tmp_path):
    target = tmp_path / "a.DNG"
    refuse_inputs(target, [])
    target.write_bytes(b"raw")
    with pytest.raises(ValueError, match="not written over a raw file"):
        refuse_inputs(target, [])
    refuse_inputs(target, [], allow_dng=True)
    with pytest.raises(ValueError, match="is the input"):
        refuse_inputs(target, [target], allow_dng=True)
