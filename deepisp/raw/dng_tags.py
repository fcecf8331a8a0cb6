"""The tags of a DNG by name: TIFF 6.0's, and those of the DNG specification 1.7.1 (Adobe 2023), chapter 4."""

from typing import NamedTuple

# TIFF 6.0, section 8, and TIFF technical note 1.
PHOTOMETRIC_INTERPRETATION = 262
MAKE, MODEL, ORIENTATION, SOFTWARE = 271, 272, 274, 305
SUB_IFDS = 330

# TIFF/EP (ISO 12234-2), and what DNG adds of the mosaic.
CFA_REPEAT_PATTERN_DIM, CFA_PATTERN, CFA_PLANE_COLOR, CFA_LAYOUT = 33421, 33422, 50710, 50711

# The file and its camera.
DNG_VERSION, DNG_BACKWARD_VERSION, UNIQUE_CAMERA_MODEL = 50706, 50707, 50708
PREVIEW_COLOR_SPACE = 50970

# Levels and noise.
LINEARIZATION_TABLE = 50712
BLACK_LEVEL_REPEAT_DIM, BLACK_LEVEL, BLACK_LEVEL_DELTA_H, BLACK_LEVEL_DELTA_V = 50713, 50714, 50715, 50716
WHITE_LEVEL, NOISE_PROFILE = 50717, 51041

# Geometry.
DEFAULT_SCALE, DEFAULT_CROP_ORIGIN, DEFAULT_CROP_SIZE = 50718, 50719, 50720
ACTIVE_AREA, MASKED_AREAS = 50829, 50830
OPCODE_LIST_1, OPCODE_LIST_2, OPCODE_LIST_3 = 51008, 51009, 51022

# Color and exposure.
ANALOG_BALANCE, AS_SHOT_NEUTRAL, AS_SHOT_WHITE_XY, BASELINE_EXPOSURE = 50727, 50728, 50729, 50730
CAMERA_CALIBRATION_SIGNATURE, PROFILE_CALIBRATION_SIGNATURE = 50931, 50932


class Calibration(NamedTuple):
    """The tags of one of the three color calibrations; each is named with its number, as ColorMatrix1."""

    color_matrix: int
    calibration_illuminant: int
    camera_calibration: int
    forward_matrix: int
    illuminant_data: int


CALIBRATIONS = (
    Calibration(50721, 50778, 50723, 50964, 52533),
    Calibration(50722, 50779, 50724, 50965, 52534),
    Calibration(52531, 52529, 52530, 52532, 52535),
)

# Values of PhotometricInterpretation.
CFA, LINEAR_RAW = 32803, 34892
