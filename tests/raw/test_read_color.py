"""Colors, noise and opcodes as the tags say, in the order of our channels."""

import struct

import numpy as np
import pytest

from deepisp.raw.errors import DamagedFile, UnsupportedFile
from tests.raw.make import blob, byte, double, noise, rational, short, signed, text

MOSAIC = noise(32, 48)
MATRIX = np.array([[0.75, -0.25, -0.125], [-0.5, 1.25, 0.25], [-0.125, 0.25, 0.625]])
OTHER = MATRIX + np.eye(3) / 8


def test_two_illuminants_and_all_that_belongs_to_them(read_dng):
    shared = {
        50721: signed(*MATRIX.ravel()), 50722: signed(*OTHER.ravel()), 50778: short(17), 50779: short(21),
        50964: signed(*(MATRIX.T.ravel())), 50965: signed(*(OTHER.T.ravel())),
        50723: signed(*(np.eye(3) * 1.5).ravel()), 50724: signed(*np.diag([1, 2, 3]).ravel()),
    }  # fmt: skip
    one, two = read_dng(MOSAIC, shared=shared, preview=True).calibrations
    np.testing.assert_array_equal(one.xyz_to_camera, MATRIX)
    np.testing.assert_array_equal(two.xyz_to_camera, OTHER)
    np.testing.assert_array_equal(one.forward, MATRIX.T)
    np.testing.assert_array_equal(two.forward, OTHER.T)
    np.testing.assert_array_equal(one.camera_calibration, np.eye(3) * 1.5)
    np.testing.assert_array_equal(two.camera_calibration, np.diag([1, 2, 3]))
    assert (one.illuminant, two.illuminant) == (17, 21)


@pytest.mark.parametrize(
    ("camera", "profile", "applies"),
    [("com.a", "com.a", True), ("com.a", "com.b", False), (None, "com.b", False), (None, None, True)],
)
def test_camera_calibration_counts_only_where_signatures_match(read_dng, camera, profile, applies):
    shared = {
        50721: signed(*MATRIX.ravel()),
        50723: signed(*(np.eye(3) * 2).ravel()),
        50931: camera and text(camera),
        50932: profile and text(profile),
    }
    (calibration,) = read_dng(MOSAIC, shared=shared).calibrations
    assert (calibration.camera_calibration is not None) == applies


def test_third_illuminant_with_its_chromaticity(read_dng):
    data = struct.pack("<H4I", 0, 3, 10, 1, 4)  # IlluminantData type 0: x = 3/10, y = 1/4
    shared = {
        50721: signed(*MATRIX.ravel()), 50778: short(17),
        52531: signed(*OTHER.ravel()), 52529: short(255), 52532: signed(*MATRIX.ravel()), 52535: blob(data),
    }  # fmt: skip
    _, third = read_dng(MOSAIC, shared=shared).calibrations
    np.testing.assert_array_equal(third.xyz_to_camera, OTHER)
    np.testing.assert_array_equal(third.forward, MATRIX)
    assert (third.illuminant, third.illuminant_xy) == (255, (0.3, 0.25))


@pytest.mark.parametrize(
    "matrix",
    [
        signed(*[0] * 9),
        signed(*[1] * 9),
        signed(*[1] * 8),
        signed((0, 0), *[1] * 8),
        signed((1, 0), *[1] * 8),
    ],
)
def test_unusable_matrices_are_left_out_with_a_warning(read_dng, matrix):
    raw = read_dng(MOSAIC, shared={50721: matrix})
    assert raw.calibrations == ()
    assert raw.warnings == ("color matrix 50721 is unusable and was left out",)


def test_as_shot_neutral_is_scaled_to_green(read_dng):
    raw = read_dng(MOSAIC, shared={50728: rational(1, 2, 1.5), 50727: rational(1, 1.25, 2)})
    assert raw.as_shot_neutral.tolist() == [0.5, 1, 0.75]
    assert raw.analog_balance.tolist() == [1, 1.25, 2]
    assert raw.as_shot_white_xy is None


@pytest.mark.parametrize(
    "neutral", [rational(0, 1, 1), rational((0, 0), 1, 1), rational(1, 1), rational((1, 0), 1, 1)]
)
def test_a_neutral_that_is_none_is_unknown(read_dng, neutral):
    assert read_dng(MOSAIC, shared={50728: neutral}).as_shot_neutral is None


def test_as_shot_white_xy(read_dng):
    raw = read_dng(MOSAIC, shared={50729: rational(0.3125, 0.325)})
    assert raw.as_shot_white_xy == (0.3125, 0.325)
    assert raw.as_shot_neutral is None


def test_planes_of_another_order_than_ours(read_dng):
    # The file's planes are M, C, Y, G; ours are G, C, M, Y.
    matrix = np.arange(12).reshape(4, 3) ** 2 / 128
    forward = np.arange(12).reshape(3, 4) ** 2 / 128
    calibration = np.diag([1, 2, 3, 4])
    shared = {
        50721: signed(*matrix.ravel()), 50964: signed(*forward.ravel()), 50723: signed(*calibration.ravel()),
        50728: rational(0.25, 0.5, 0.75, 2), 50727: rational(1, 2, 3, 4), 51041: double(1, 2, 3, 4, 5, 6, 7, 8),
    }  # fmt: skip
    raw = read_dng(MOSAIC, cfa="GMCY", tags={50710: byte(4, 3, 5, 1)}, shared=shared)
    assert raw.colors == "GCMY"
    np.testing.assert_array_equal(raw.calibrations[0].xyz_to_camera, matrix[[3, 1, 0, 2]])
    np.testing.assert_array_equal(raw.calibrations[0].forward, forward[:, [3, 1, 0, 2]])
    np.testing.assert_array_equal(raw.calibrations[0].camera_calibration, np.diag([4, 2, 1, 3]))
    assert raw.as_shot_neutral.tolist() == [1, 0.25, 0.125, 0.375]  # green = 1
    assert raw.analog_balance.tolist() == [4, 2, 1, 3]
    assert [tuple(pair) for pair in raw.noise] == [(7, 8), (3, 4), (1, 2), (5, 6)]


def test_monochrome_has_one_of_each(read_dng):
    shared = {50721: signed(0.25, 0.5, 0.25), 50728: rational(0.5), 51041: double(1e-4, 1e-6)}
    raw = read_dng(MOSAIC, cfa="W", shared=shared)
    np.testing.assert_array_equal(raw.calibrations[0].xyz_to_camera, [[0.25, 0.5, 0.25]])
    assert raw.as_shot_neutral.tolist() == [1]
    assert raw.noise == ((1e-4, 1e-6),)


@pytest.mark.parametrize("linear", [False, True])
def test_noise_of_all_colors_or_of_each(read_dng, linear):
    values = np.stack([MOSAIC] * 3, -1) if linear else MOSAIC
    assert read_dng(values, tags={51041: double(1e-4, 1e-6)}).noise == ((1e-4, 1e-6),) * 3
    three = read_dng(values, shared={51041: double(1, 2, 3, 4, 5, 6)}, preview=True).noise
    assert three == ((1, 2), (3, 4), (5, 6))


@pytest.mark.parametrize("values", [(1, 2, 3), (-1, 2), (float("nan"), 1)])
def test_noise_that_is_none_is_unknown(read_dng, values):
    assert read_dng(MOSAIC, tags={51041: double(*values)}).noise is None


def test_baseline_exposure(read_dng):
    assert read_dng(MOSAIC, shared={50730: signed(-0.5)}).baseline_exposure_ev == -0.5
    assert read_dng(MOSAIC, shared={50730: signed((2_000_000_000, 1))}).baseline_exposure_ev == 10
    assert read_dng(MOSAIC, shared={50730: signed((1, 0))}).baseline_exposure_ev == 0


def opcode(number: int, payload: bytes, flags: int = 0) -> bytes:
    return struct.pack(">IIIII", 1, number, 0x01030000, flags, len(payload)) + payload


BAD_PIXELS = opcode(4, struct.pack(">II", 17, 0))  # FixBadPixelsConstant, DNG 1.7.1 chapter 7


def test_opcode_lists_are_kept_as_they_are_and_not_applied(read_dng):
    values = np.where(np.arange(48) % 7 == 3, 17, MOSAIC).astype(np.uint16)
    raw = read_dng(values, tags={51008: blob(BAD_PIXELS), 51009: blob(BAD_PIXELS), 51022: blob(BAD_PIXELS)})
    assert raw.opcode_list_1 == raw.opcode_list_2 == raw.opcode_list_3 == BAD_PIXELS
    np.testing.assert_array_equal(raw.mosaic, values)


def test_an_unknown_opcode_is_refused_unless_the_file_says_that_it_may_be_skipped(read_dng):
    with pytest.raises(UnsupportedFile, match="opcode 999 is mandatory and unknown"):
        read_dng(MOSAIC, tags={51008: blob(opcode(999, b""))})
    assert read_dng(MOSAIC, tags={51008: blob(opcode(999, b"", flags=1))}).opcode_list_1


@pytest.mark.parametrize(
    "data",
    [
        b"\0",
        struct.pack(">I", 0xFFFFFFFF),
        BAD_PIXELS[:-1],
        opcode(9, b"\0" * 10),
        opcode(
            9, struct.pack(">8IIIddddI", 0, 0, 9, 9, 0, 1, 1, 1, 2**31, 2**31, 1, 1, 0, 0, 1)
        ),  # GainMap 2^62
        opcode(8, struct.pack(">8II", 0, 0, 9, 9, 0, 1, 1, 1, 2**31)),  # MapPolynomial of degree 2^31
        opcode(1, struct.pack(">I8d", 1, *[float("nan")] * 8)),
        opcode(5, struct.pack(">III", 0, 2**31, 0)),
        opcode(7, struct.pack(">8II", 0, 0, 9, 9, 0, 1, 1, 1, 2**30)),
    ],
)
def test_malicious_opcodes_are_refused(read_dng, data):
    with pytest.raises(DamagedFile, match="opcode list 51009"):
        read_dng(MOSAIC, tags={51009: blob(data)})
