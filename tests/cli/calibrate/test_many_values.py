"""Words after an option are its own, up to the next option, or as far as they look like its values."""

from deepisp.cli.calibrate.many_values import Points, repeated


def test_words_after_an_option_are_its_own() -> None:
    many = {"--flats": None, "--darks": None}
    assert repeated(["--flats", "a", "--json", "--darks", "b", "c", "-o", "d"], many) == [
        "--flats", "a", "--json", "--darks", "b", "--darks", "c", "-o", "d",
    ]  # fmt: skip
    assert repeated(["--flats", "a", "-o", "x", "stray"], many) == ["--flats", "a", "-o", "x", "stray"]
    assert repeated(["--flats=a", "--", "-b"], many) == ["--flats=a", "--", "-b"]


def test_points_end_where_a_file_begins() -> None:
    many = {"--corners": Points.pattern}
    assert repeated(["--corners", "1,2", "-3,4", "a.dng", "5,6"], many) == [
        "--corners", "1,2", "--corners", "-3,4", "a.dng", "5,6",
    ]  # fmt: skip
    assert repeated(["--corners", "1,2 3,4", "a.dng"], many) == ["--corners", "1,2 3,4", "a.dng"]


def test_a_word_may_hold_several_points() -> None:
    assert Points().convert("1,2 -3.5,4", None, None) == ((1.0, 2.0), (-3.5, 4.0))
