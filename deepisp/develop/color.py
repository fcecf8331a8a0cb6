"""From camera RGB to linear Rec. 2020: solves the matrix, touches no pixel but in `apply`.

    XYZ ──ColorMatrix──► reference camera ──CameraCalibration──► this camera ──AnalogBalance──► camera RGB

is what the file tells, once per calibration illuminant. The scene's neutral and its chromaticity are found together,
because the matrices are interpolated for the very white that they are used to find. Matrices act on columns.

Two ways lead on to Rec. 2020: the file's ForwardMatrix, or the inverse of the above and a Bradford adaptation from the
scene's own white to D65, as the specification has it.

LibRaw's table keeps one matrix of the two that Adobe's converter interpolates, that for D65: under other lights such
a camera's answer is a guess. The specification's guess is that the matrix stays the same, dcraw's that the channels
adapt as eyes do, each by a factor; they err in different directions. So a third of dcraw's is mixed in for these.
CIEDE2000 on the PowerShot G2's chart (reference by Bradford; share 0, 1/3, 1):

    white balance of the camera, 4170 K          6.14   6.01   6.05
    white from the chart's grays, 3540 K         3.75   3.63   3.94

Source: Adobe, DNG specification 1.7.1, chapter 6, "Mapping camera color space to CIE XYZ space".
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepisp import spaces
from deepisp.develop import temperature
from deepisp.raw.image import ColorCalibration

if TYPE_CHECKING:
    from torch import Tensor

Matrix = NDArray[np.float64]
Chromaticity = tuple[float, float]

DAYLIGHT = temperature.LIGHT_SOURCES[1]  # D55
_ILL_CONDITIONED = 1e4  # cameras have 2 to 20; a condition number beyond this is noise, not color
_STEEPEST = 100.0  # entries of real cameras' matrices stay below 5
_SCALED = 1 / 3  # see above
_BRADFORD_GAINS = (0.1, 10.0)  # the range in which DNG converters trust an adaptation

# The part of each linear sRGB primary in what a filter lets pass, for cameras of which no matrix is known.
_FILTERS = {
    "R": (1, 0, 0),
    "G": (0, 1, 0),
    "B": (0, 0, 1),
    "C": (0, 1 / 2, 1 / 2),
    "M": (1 / 2, 0, 1 / 2),
    "Y": (1 / 2, 1 / 2, 0),
    "W": (1 / 3, 1 / 3, 1 / 3),
}


class ColorTransform(NamedTuple):
    """The way from balanced camera RGB to linear Rec. 2020.

    Attributes:
        matrix: (3, C), finite; acts on white-balanced camera RGB, equal channels become equal RGB of the same value.
        white_xy: CIE 1931 chromaticity of the scene's light.
        warnings: one line each; what was doubtful and what was done about it.
    """

    matrix: Matrix
    white_xy: Chromaticity
    warnings: tuple[str, ...] = ()


def camera_to_rec2020(
    calibrations: tuple[ColorCalibration, ...],
    analog_balance: Matrix | None,
    neutral: Matrix | None,
    *,
    colors: str = "RGB",
) -> ColorTransform:
    """The transform of one picture. Always finite; each doubt is one warning.

    Args:
        calibrations: zero to three. Without a usable one camera RGB is taken for linear sRGB: muted, but no color
            is pushed out of gamut by a matrix of some other camera.
        analog_balance: (C,) or None.
        neutral: (C,) camera RGB of a gray, any scale; what the white-balance gains were made from. None, or a
            neutral that no light could give, stands for daylight (D55).
        colors: letters of the channels, `RawImage.colors`. One channel gives gray.
    """
    if len(colors) == 1:
        return ColorTransform(np.ones((3, 1)), spaces.D65)
    warnings: list[str] = []
    usable = usable_calibrations(calibrations, colors)
    if len(usable) < len(calibrations):
        warnings.append(f"{len(calibrations) - len(usable)} of {len(calibrations)} color matrices are singular, not "
                        f"finite or not for {len(colors)} channels; left out")  # fmt: skip
    if not usable:
        warnings.append("no color matrix; camera RGB is taken for linear sRGB, colors are muted")
        return ColorTransform(_without_matrix(colors), spaces.D65, tuple(warnings))
    gains = _gains_or_none(analog_balance, colors)
    if analog_balance is not None and gains is None:
        warnings.append(f"AnalogBalance {np.ravel(analog_balance).tolist()} is no set of gains; taken for 1")
    camera = _Camera(usable, gains)
    if neutral is None or not is_neutral(neutral, len(colors)):
        warnings.append("no camera color of a neutral; daylight (D55) is assumed for the color matrix")
        neutral, white = None, DAYLIGHT
    else:
        found = camera.white(np.asarray(neutral, np.float64))
        if found is None:
            warnings.append(
                "the neutral is the color of no real light; daylight (D55) is assumed for the color matrix"
            )
        white = found or DAYLIGHT
    matrix = _solve(camera, white, neutral)
    if not np.isfinite(matrix).all():
        warnings.append(
            "the color matrices have no usable inverse for this light; camera RGB is taken for linear sRGB"
        )
        matrix = _without_matrix(colors)
    return ColorTransform(matrix, white, tuple(warnings))


def neutral_for(
    calibrations: tuple[ColorCalibration, ...],
    analog_balance: Matrix | None,
    xy: Chromaticity,
    *,
    colors: str = "RGB",
) -> Matrix:
    """Camera RGB of a gray under a light of chromaticity `xy`, (C,), the channel "G" (or else the largest) = 1.

    A channel that does not see the light at all (blue under candle light, by some matrices) gets 1/1024.

    Raises:
        ValueError: there is no usable color matrix.
    """
    usable = usable_calibrations(calibrations, colors)
    if not usable:
        raise ValueError("no usable color matrix, so no gray of a given light; use auto or the gains R,G,B")
    neutral = _Camera(usable, _gains_or_none(analog_balance, colors)).matrix(xy) @ spaces.xyz(xy)
    neutral = np.maximum(neutral, neutral.max() / 1024)
    return np.asarray(neutral / (neutral[colors.index("G")] if "G" in colors else neutral.max()), np.float64)


def white_xy(
    calibrations: tuple[ColorCalibration, ...],
    analog_balance: Matrix | None,
    neutral: Matrix,
    *,
    colors: str = "RGB",
) -> Chromaticity | None:
    """Chromaticity of the light under which a gray has the camera RGB `neutral`, (C,); None if no light has it.

    The twin of `neutral_for`, with the same conditions.
    """
    usable = usable_calibrations(calibrations, colors)
    return _Camera(usable, _gains_or_none(analog_balance, colors)).white(neutral) if usable else None


def apply(matrix: Matrix, planes: "Tensor") -> "Tensor":
    """(..., C, H, W) times a (rows, C) matrix: (..., rows, H, W), same dtype and device."""
    mixed: Tensor = planes.new_tensor(matrix.tolist()) @ planes.flatten(-2)
    return mixed.reshape(*planes.shape[:-3], -1, *planes.shape[-2:])


def is_neutral(values: Matrix, channels: int) -> bool:
    """Whether these could be the camera's response to light: (channels,), finite, above 0, not 1 to a million."""
    values = np.asarray(values, np.float64)
    # The one comparison is false for NaN, an infinity, and anything at or below 0, too.
    return values.shape == (channels,) and bool(values.max() < 1e6 * values.min())


def usable_calibrations(
    calibrations: tuple[ColorCalibration, ...], colors: str
) -> tuple[ColorCalibration, ...]:
    """Those whose color matrix fits the channels and can be inverted."""
    return tuple(one for one in calibrations if _is_invertible(one.xyz_to_camera, (len(colors), 3)))


class _Camera:
    """The usable calibrations, interpolated for any light by inverse color temperature.

    The specification interpolates between two illuminants, the weights being linear in 1 / CCT and those beyond both
    clamped; of three, the two whose temperatures lie around the light are used in the same way.
    """

    def __init__(self, calibrations: tuple[ColorCalibration, ...], analog_balance: Matrix | None) -> None:
        known = {
            round(mired): (mired, one) for one in reversed(calibrations) if (mired := _mired(one)) is not None
        }
        lights = sorted(known.values(), key=lambda light: light[0])
        self._mired = np.array([mired for mired, _ in lights] or [0.0])
        self._calibrations = [one for _, one in lights] or [calibrations[0]]
        channels = len(calibrations[0].xyz_to_camera)
        self._balance = (
            np.ones(channels) if analog_balance is None else np.asarray(analog_balance, np.float64)
        )

    @property
    def only_light(self) -> Chromaticity | None:
        """Chromaticity of the one light for which a camera is known whose maker knows it for two; else None."""
        one = self._calibrations[0]
        if not one.lacks_twin:
            return None
        return one.illuminant_xy or temperature.LIGHT_SOURCES.get(one.illuminant, spaces.D65)

    def individual(self, xy: Chromaticity) -> Matrix:
        """Reference camera to this camera, AnalogBalance * CameraCalibration, (C, C)."""
        channels = len(self._balance)
        own = [one.camera_calibration for one in self._calibrations]
        each = [
            m if m is not None and _is_invertible(m, (channels, channels)) else np.eye(channels) for m in own
        ]
        return self._balance[:, None] * self._interpolate(xy, each)

    def matrix(self, xy: Chromaticity) -> Matrix:
        """XYZ to this camera, (C, 3)."""
        return self.individual(xy) @ self._interpolate(xy, [one.xyz_to_camera for one in self._calibrations])

    def forward(self, xy: Chromaticity) -> Matrix | None:
        """Balanced reference camera to XYZ of D50, (3, C), scaled so that equal channels give that white; or None."""
        each = [one.forward for one in self._calibrations]
        if any(m is None or not _is_invertible(m, (3, len(self._balance))) for m in each):
            return None
        matrix = self._interpolate(xy, [m for m in each if m is not None])
        scaled: Matrix = matrix * (spaces.xyz(spaces.D50) / matrix.sum(axis=1))[:, None]
        return scaled

    def white(self, neutral: Matrix) -> Chromaticity | None:
        """Chromaticity of the light under which a gray has the camera RGB `neutral`; None if no light has it."""
        last: Chromaticity = spaces.D50
        for _ in range(30):  # converges in 3 to 6 passes, or swings between two lights
            x, y, z = (np.linalg.pinv(self.matrix(last)) @ neutral).tolist()
            total = x + y + z
            if not (x > 0 and y > 0 and z > 0 and np.isfinite(total)):
                return None
            found = (x / total, y / total)
            if abs(found[0] - last[0]) + abs(found[1] - last[1]) < 1e-9:
                break
            previous, last = last, found
        else:
            found = ((previous[0] + last[0]) / 2, (previous[1] + last[1]) / 2)
        return found if _is_adaptable(found) else None

    def _interpolate(self, xy: Chromaticity, matrices: list[Matrix]) -> Matrix:
        mired = 1e6 / temperature.from_xy(xy).kelvin
        weights = np.array([np.interp(mired, self._mired, unit) for unit in np.eye(len(matrices))])
        mixed: Matrix = np.tensordot(weights, np.array(matrices, np.float64), axes=1)
        return mixed


def _solve(camera: _Camera, white: Chromaticity, neutral: Matrix | None) -> Matrix:
    """Balanced camera RGB to linear Rec. 2020, scaled so that 1, 1, 1 stays 1, 1, 1; NaN if there is no such matrix."""
    xyz_to_rec2020 = np.linalg.inv(spaces.rgb_to_xyz("rec2020"))
    d65 = spaces.xyz(spaces.D65)
    xyz_to_camera = camera.matrix(white)
    predicted = xyz_to_camera @ spaces.xyz(white)
    forward = camera.forward(white)
    with np.errstate(all="ignore"):
        if forward is not None:
            # FM * D * Inverse(AB * CC): D undoes the neutral of the reference camera, `balanced` our own gains.
            balanced = predicted if neutral is None else np.asarray(neutral, np.float64)
            to_reference = np.linalg.pinv(camera.individual(white)) * balanced
            to_xyz = forward @ (to_reference / to_reference.sum(axis=1, keepdims=True))
            source = spaces.xyz(spaces.D50)
        else:
            # The predicted neutral, not the given one: they differ for four channels, and for the color of no light.
            to_xyz = np.linalg.pinv(xyz_to_camera) * predicted
            source = spaces.xyz(white)
        matrix = _gray_kept(xyz_to_rec2020 @ spaces.adapt(source, d65) @ to_xyz)
        if forward is None and camera.only_light is not None:
            source = spaces.xyz(camera.only_light)
            scaled = np.linalg.pinv(xyz_to_camera) * (xyz_to_camera @ source)
            scaled = _gray_kept(xyz_to_rec2020 @ spaces.adapt(source, d65) @ scaled)
            matrix = (1 - _SCALED) * matrix + _SCALED * scaled
        if not (predicted > 0).all() or not (np.abs(matrix) < _STEEPEST).all():
            return np.full((3, len(predicted)), np.nan)
        return matrix


def _gains_or_none(analog_balance: Matrix | None, colors: str) -> Matrix | None:
    return analog_balance if analog_balance is not None and is_neutral(analog_balance, len(colors)) else None


def _without_matrix(colors: str) -> Matrix:
    filters = np.array([_FILTERS[letter] for letter in colors], np.float64)
    srgb_to_rec2020 = np.linalg.solve(spaces.rgb_to_xyz("rec2020"), spaces.rgb_to_xyz("srgb"))
    return _gray_kept(srgb_to_rec2020 @ np.linalg.pinv(filters))


def _gray_kept(matrix: Matrix) -> Matrix:
    """`matrix`, scaled so that equal channels become equal RGB of the same value."""
    return np.asarray(matrix / matrix.sum(axis=1, keepdims=True), np.float64)


def _mired(calibration: ColorCalibration) -> float | None:
    """Reciprocal color temperature of the calibration's light, or None if the file names none that is known."""
    xy = calibration.illuminant_xy or temperature.LIGHT_SOURCES.get(calibration.illuminant)
    return 1e6 / temperature.from_xy(xy).kelvin if xy is not None and np.isfinite(xy).all() else None


def _is_adaptable(white: Chromaticity) -> bool:
    """Whether Bradford's cones see this white: its gains are the eigenvalues of the adaptation."""
    gains = np.linalg.eigvals(spaces.adapt(spaces.xyz(white), spaces.xyz(spaces.D65))).real
    return bool((gains > _BRADFORD_GAINS[0]).all() and (gains < _BRADFORD_GAINS[1]).all())


def _is_invertible(matrix: Matrix, shape: tuple[int, int]) -> bool:
    matrix = np.asarray(matrix, np.float64)
    return (
        matrix.shape == shape
        and bool(np.isfinite(matrix).all())
        and np.linalg.cond(matrix) < _ILL_CONDITIONED
    )
