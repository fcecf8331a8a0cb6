"""Sensor values without a header, as a layout describes them."""

import imagecodecs
import numpy as np
import pytest

import deepisp
from deepisp import DamagedFile, Layout, LimitReached, Limits, UnsupportedFile
from deepisp.raw.layout import UNUSED, load_layout
from tests.raw import make
from tests.raw.make import noise

MOSAIC = noise(20, 30)
LAYOUT = Layout(cfa="GBRG", black_level=600, white_level=4095, width=30, height=20)
TOML = 'cfa = "GBRG"\nblack_level = 600\nwhite_level = 4095\nwidth = 30\nheight = 20\n'


def written(folder, kind):
    """A file of MOSAIC and what to change in LAYOUT for it."""
    file = folder / f"scan.{kind.split('-')[0]}"
    if kind.startswith("npy"):
        np.save(file, MOSAIC.astype(kind.split("-")[1]))
    else:
        pgm = b"P5 # a comment\n30 20\n"
        file.write_bytes({
            "raw": MOSAIC.tobytes(),
            "raw-big": MOSAIC.astype(">u2").tobytes(),
            "raw-offset": b"head" + MOSAIC.tobytes() + b"tail",
            "raw-float": MOSAIC.astype("<f4").tobytes(),
            "pgm": pgm + b"65535\n" + MOSAIC.astype(">u2").tobytes(),
            "pgm-12": pgm + b"4095 " + MOSAIC.astype(">u2").tobytes(),
            "png": imagecodecs.png_encode(MOSAIC),
            "tif": make.tiff(make.picture(MOSAIC), order="<"),
            "tif-big": make.tiff(make.picture(MOSAIC, order=">", compression=8), order=">"),
        }[kind])  # fmt: skip
    change = {"raw-big": {"byte_order": "big"}, "raw-offset": {"offset": 4}, "raw-float": {"type": "float32"}}
    return file, LAYOUT.model_copy(update=change.get(kind, {}))


@pytest.mark.parametrize(
    "kind",
    ["raw", "raw-big", "raw-offset", "raw-float", "npy-<u2", "npy->u2", "npy-<i2", "npy-<f4", "npy->f8", "pgm",
     "pgm-12", "png", "tif", "tif-big"],
)  # fmt: skip
def test_each_container_gives_its_values(tmp_path, kind):
    file, layout = written(tmp_path, kind)
    raw = deepisp.read(file, layout=layout)
    np.testing.assert_array_equal(raw.mosaic, MOSAIC)
    is_integer = kind.split("-")[-1] not in ("float", "<i2", "<f4", ">f8")
    assert raw.mosaic.dtype == (np.uint16 if is_integer else np.float32)
    assert (raw.kind, raw.cfa) == ("bayer", "GBRG")
    assert np.unique(raw.black_level) == 600
    assert np.unique(raw.white_level) == 4095
    assert raw.saturation_level.shape == (2, 2)


@pytest.mark.parametrize("name", ["scan.raw.toml", "scan.toml"])
def test_a_layout_beside_the_file_is_found(tmp_path, name):
    file, _ = written(tmp_path, "raw")
    (tmp_path / name).write_text(TOML)
    np.testing.assert_array_equal(deepisp.read(file).mosaic, MOSAIC)


def test_a_layout_file_may_be_given(tmp_path):
    file, _ = written(tmp_path, "raw")
    (tmp_path / "elsewhere.toml").write_text(TOML)
    np.testing.assert_array_equal(deepisp.read(file, layout=tmp_path / "elsewhere.toml").mosaic, MOSAIC)


def test_eight_bits_and_one_channel(tmp_path):
    values = (MOSAIC >> 4).astype(np.uint8)
    np.save(tmp_path / "a.npy", values[..., None])
    raw = deepisp.read(tmp_path / "a.npy", layout=Layout(cfa="W", white_level=255))
    assert (raw.kind, raw.mosaic.dtype) == ("mono", np.uint16)
    np.testing.assert_array_equal(raw.mosaic, values)


def test_three_colors_per_pixel(tmp_path):
    values = np.stack([MOSAIC, MOSAIC + 1, MOSAIC + 2], -1)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(values))
    (tmp_path / "b.raw").write_bytes(values.tobytes())
    for name, size in (("a.png", {}), ("b.raw", {"width": 30, "height": 20})):
        raw = deepisp.read(
            tmp_path / name, layout=Layout(cfa="", white_level=4095, black_level=(1, 2, 3), **size)
        )
        assert raw.kind == "linear"
        np.testing.assert_array_equal(raw.linear, values)
        assert raw.black_level.tolist() == [1, 2, 3]


def test_what_a_layout_knows_of_colors(tmp_path):
    file, _ = written(tmp_path, "raw")
    layout = Layout(
        cfa="GMCY", white_level=4095, width=30, height=20, black_level=(1, 2, 3, 4), as_shot_neutral=(2, 1, 1, 4),
        xyz_to_camera=tuple(range(12)), illuminant=17, noise=(1e-4, 1e-6), iso=800, maker="M", model="N",
    )  # fmt: skip
    raw = deepisp.read(file, layout=layout)
    assert raw.black_level.tolist() == [[1, 2], [3, 4]]
    assert raw.as_shot_neutral.tolist() == [1, 0.5, 0.5, 2]  # green, the first of GCMY, is 1
    np.testing.assert_array_equal(raw.calibrations[0].xyz_to_camera, np.arange(12).reshape(4, 3))
    assert raw.calibrations[0].illuminant == 17
    assert raw.noise == ((1e-4, 1e-6),) * 4
    assert (raw.maker, raw.model, raw.exif.iso) == ("M", "N", 800)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("white_level = 1", "l.toml: cfa: missing"),
        (
            TOML + "whitelevel = 3",
            "whitelevel: no such name; known names: cfa, black_level, white_level, width",
        ),
        (TOML.replace("GBRG", "GBXG"), "a CFA is a square cell of the letters"),
        (TOML.replace("4095", "600"), "white_level: must lie above black_level 600, got 600"),
        (TOML.replace("4095", "nan"), "white_level: must be a finite number, got nan"),
        (
            TOML.replace("= 600", "= [1, 2]"),
            "black_level: must have 1 or 4 finite numbers for cfa 'GBRG', got [1.0, 2.0]",
        ),
        (TOML + "as_shot_neutral = [1, 1]", "as_shot_neutral: must have 3 finite numbers"),
        (TOML + "as_shot_neutral = [1, 0, 1]", "as_shot_neutral: must lie above 0, got [1.0, 0.0, 1.0]"),
        (TOML + "xyz_to_camera = [1, 1]", "xyz_to_camera: must have 9 finite numbers"),
        (TOML + "xyz_to_camera = [[1, 1], [1]]", "xyz_to_camera: must have 9 finite numbers"),
        (TOML + "noise = [1, -1]", "noise: must be two finite numbers not below 0"),
        (TOML + "width = 3", "not a TOML file"),
        (TOML + "name = [[", "not a TOML file"),
    ],
)
def test_a_wrong_layout_says_what_is_known(tmp_path, words, message):
    (tmp_path / "l.toml").write_text(words)
    with pytest.raises(ValueError, match=r"^l.toml: [^\n]*$") as caught:
        load_layout(tmp_path / "l.toml")
    assert message in str(caught.value)
    (tmp_path / "scan.raw").write_bytes(MOSAIC.tobytes())
    with pytest.raises(ValueError, match=r"l.toml"):
        deepisp.read(tmp_path / "scan.raw", layout=tmp_path / "l.toml")
    (tmp_path / "l.toml").rename(tmp_path / "scan.toml")
    with pytest.raises(UnsupportedFile, match="correct the TOML beside it"):
        deepisp.read(tmp_path / "scan.raw")


def test_no_layout_at_all_says_how_to_give_one(tmp_path):
    with pytest.raises(UnsupportedFile, match=r"no raw header .*--layout FILE.toml"):
        deepisp.read(make.save(tmp_path, MOSAIC.tobytes(), "scan.raw"))


def test_files_that_do_not_fit_their_layout(tmp_path):
    short = make.save(tmp_path, MOSAIC.tobytes()[:-1], "short.raw")
    with pytest.raises(DamagedFile, match="pixel data end at byte 1199 of 1200"):
        deepisp.read(short, layout=LAYOUT)
    with pytest.raises(UnsupportedFile, match="need a width and a height"):
        deepisp.read(short, layout=Layout(cfa="W", white_level=1))
    with pytest.raises(LimitReached, match=r"30 x 20 are 0 megapixels, more than 0.0005.*--max-megapixels"):
        deepisp.read(short, layout=LAYOUT, limits=Limits(max_megapixels=5e-4))
    np.save(tmp_path / "a.npy", MOSAIC)
    with pytest.raises(
        UnsupportedFile, match=r"three values per pixel expected, got an array of shape \(20, 30\)"
    ):
        deepisp.read(tmp_path / "a.npy", layout=Layout(cfa="", white_level=1))


def test_damaged_containers(tmp_path):
    np.save(tmp_path / "objects.npy", np.array([[{}]]), allow_pickle=True)
    np.save(tmp_path / "cut.npy", MOSAIC)
    (tmp_path / "cut.npy").write_bytes((tmp_path / "cut.npy").read_bytes()[:-1])
    make.save(tmp_path, b"P5 999999999 999999999 65535 ", "huge.pgm")
    make.save(tmp_path, b"P5 junk", "junk.pgm")
    make.save(tmp_path, imagecodecs.png_encode(MOSAIC)[:-40], "cut.png")
    for name in ("objects.npy", "cut.npy", "junk.pgm", "cut.png"):
        with pytest.raises(DamagedFile):
            deepisp.read(tmp_path / name, layout=LAYOUT)
    with pytest.raises(LimitReached):
        deepisp.read(tmp_path / "huge.pgm", layout=LAYOUT)


def test_floats_that_are_none(tmp_path):
    values = MOSAIC.astype(np.float32)
    values[3, 4] = np.nan
    np.save(tmp_path / "a.npy", values)
    raw = deepisp.read(tmp_path / "a.npy", layout=LAYOUT)
    assert raw.mosaic[3, 4] == 0
    assert raw.warnings == ("1 pixels that are no numbers were set to 0",)


def test_all_faults_of_a_layout_are_told_at_once_and_unknown_names_first(tmp_path):
    (tmp_path / "l.toml").write_text(
        'cfa = "RGGB"\nwhite_level = 0\nblack = 1\nblack_level = [1, 2]\nwhite = 2\n'
    )
    told = (
        r"^l.toml: black: no such name; white: no such name; known names: cfa, .*, model; "
        r"black_level: must have 1 or 4 .*; white_level: must be greater than 0, got 0$"
    )
    with pytest.raises(ValueError, match=told):
        load_layout(tmp_path / "l.toml")


def test_a_matrix_may_be_given_in_rows():
    flat = Layout(cfa="RGGB", white_level=9, xyz_to_camera=tuple(range(9)))
    for rows in ([[0, 1, 2], [3, 4, 5], [6, 7, 8]], np.arange(9.0).reshape(3, 3)):
        assert Layout(cfa="RGGB", white_level=9, xyz_to_camera=rows) == flat


def test_bytes_left_over_are_a_warning(tmp_path):
    file = make.save(tmp_path, MOSAIC.tobytes() + bytes(60), "scan.raw")
    (warning,) = deepisp.read(file, layout=LAYOUT).warnings
    assert warning == "60 bytes are left over behind 30 x 20 uint16: check width, height, type and offset"
    assert deepisp.read(make.save(tmp_path, MOSAIC.tobytes(), "scan.raw"), layout=LAYOUT).warnings == ()


def test_a_white_level_that_no_value_reaches_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", (MOSAIC >> 4).astype(np.uint8))
    with pytest.raises(
        UnsupportedFile, match=r"white_level 4095 is above 255, the largest uint8 \(correct white"
    ):
        deepisp.read(tmp_path / "a.npy", layout=LAYOUT)
    np.save(tmp_path / "b.npy", MOSAIC)
    with pytest.raises(UnsupportedFile, match="white_level 65536 is above 65535"):
        deepisp.read(tmp_path / "b.npy", layout=Layout(cfa="W", white_level=65536))
    deepisp.read(tmp_path / "b.npy", layout=Layout(cfa="W", white_level=65535))


@pytest.mark.parametrize(("scale", "white", "doubts"), [(1, 1023, 1), (1, 1, 0), (1023, 1023, 0)])
def test_fractions_under_the_white_level_of_integers_are_a_warning(tmp_path, scale, white, doubts):
    np.save(tmp_path / "a.npy", np.linspace(0, scale, 600, dtype=np.float32).reshape(20, 30))
    warnings = deepisp.read(tmp_path / "a.npy", layout=Layout(cfa="RGGB", white_level=white)).warnings
    assert len(warnings) == doubts
    assert all("white_level 1023: if 1 is white, set white_level = 1" in one for one in warnings)


DNG = make.dng(MOSAIC, tags={50714: make.short(600), 50717: make.short(4095)})
KODAK = make.tiff(make.Directory({**make.picture(MOSAIC).tags, **make.pattern("RGGB"), 271: make.text("Kodak")},
                                 make.picture(MOSAIC).segments))  # fmt: skip
FOREIGN = Layout(cfa="BGGR", white_level=1000, black_level=1, width=30, height=20)


@pytest.mark.parametrize("given", [True, False])
def test_a_raw_header_comes_before_a_layout(tmp_path, given):
    file = make.save(tmp_path, DNG)
    (tmp_path / "made.toml").write_text('cfa = "BGGR"\nwhite_level = 1000\n')
    raw = deepisp.read(file, layout=FOREIGN if given else None)
    assert (raw.cfa, raw.white_level.max(), raw.black_level.max()) == ("RGGB", 4095, 600)
    assert raw.warnings == ((UNUSED,) if given else ())


def test_a_makers_tiff_keeps_its_header(tmp_path):
    with pytest.raises(deepisp.RawError, match="LibRaw"):  # which is asked, and cannot read this one
        deepisp.read(make.save(tmp_path, KODAK, "a.kdc"), layout=FOREIGN)


def test_a_mosaic_without_its_pattern_is_what_a_layout_is_for(tmp_path):
    file = make.save(tmp_path, make.dng(MOSAIC, tags={33422: None}))
    raw = deepisp.read(file, layout=LAYOUT)
    assert (raw.cfa, raw.warnings) == ("GBRG", ())


@pytest.mark.parametrize("start", [b"MMMM", b"IIII", b"CI", b"BM"])
def test_bare_bytes_may_begin_like_anything(tmp_path, start):
    values = np.frombuffer(start + bytes(range(50, 50 + 100 - len(start))), np.uint8)
    raw = deepisp.read(make.save(tmp_path, values.tobytes(), "a.raw"), layout=Layout(
        cfa="W", white_level=255, width=10, height=10, type="uint8"))  # fmt: skip
    np.testing.assert_array_equal(raw.mosaic.ravel(), values)


@pytest.mark.parametrize("words", ['author = "me"', ""])
def test_a_toml_about_other_things_is_no_layout(tmp_path, words):
    (tmp_path / "made.toml").write_text(words)
    assert deepisp.read(make.save(tmp_path, DNG)).cfa == "RGGB"
    plain = make.picture(MOSAIC)
    plain.tags[262] = make.short(make.BLACK_IS_ZERO)
    (tmp_path / "gray.toml").write_text(words)
    assert deepisp.read(make.save(tmp_path, make.tiff(plain), "gray.tif")).cfa == "W"
    (tmp_path / "scan.toml").write_text(words)
    with pytest.raises(UnsupportedFile, match="no raw header that deepisp knows"):
        deepisp.read(make.save(tmp_path, MOSAIC.tobytes(), "scan.raw"))


@pytest.mark.parametrize("layout", [None, LAYOUT])
@pytest.mark.parametrize(("start", "name"), [(b"\xff\xd8\xff", "a JPEG"), (b"%PDF-1.7", "a PDF document")])
def test_what_is_no_raw_file_is_called_by_its_name(tmp_path, start, name, layout):
    file = make.save(tmp_path, start + MOSAIC.tobytes(), "a.jpg")
    with pytest.raises(UnsupportedFile, match=rf"a.jpg: this is {name}, no raw file \(give the raw file\)$"):
        deepisp.read(file, layout=layout)


def test_a_png_without_a_layout_says_how_to_give_one(tmp_path):
    with pytest.raises(UnsupportedFile, match=r"a picture without a raw header .*--layout FILE.toml"):
        deepisp.read(make.save(tmp_path, imagecodecs.png_encode(MOSAIC), "a.png"))
