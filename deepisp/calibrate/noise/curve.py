"""Points of a photon transfer curve, cleared of quantization and fixed pattern, and the line through them."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepisp.calibrate.noise import line
from deepisp.calibrate.noise.floor import ColorFloor
from deepisp.calibrate.noise.levels import Ceiling
from deepisp.calibrate.noise.points import Point, Shared
from deepisp.calibrate.noise.quantization import unrounded

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """The photon transfer curve of one color, DN above black and DN squared.

    Attributes:
        color: its letter.
        mean: (n,) of each level, the darks (mean 0) among them.
        variance: (n,) of noise over time, quantization and fixed pattern taken off.
        error: (n,) standard errors.
        is_used: (n,) whether the line rests on it.
        line: through those.
        plateau: DN above black, or None.
        plateau_error: DN that it may lie off.
    """

    color: str
    mean: Array
    variance: Array
    error: Array
    is_used: NDArray[np.bool_]
    line: line.Line
    plateau: float | None
    plateau_error: float = 0.0


def of_points(
    color: str,
    found: list[Point],
    prnu: tuple[float, float] | None,
    floor: ColorFloor | None,
    ceiling: Ceiling,
    *,
    is_paired: bool,
    step: float,
    black: float,
) -> Curve:
    """The points cleared of quantization and fixed pattern, and the line through them."""
    pattern = (floor.pattern[0] if floor else 0.0, (prnu or (0.0, 0.0))[0])
    if is_paired:
        pattern = 0.0, 0.0
    spreads, means, unlike = [p.spread for p in found], [p.mean for p in found], [p.unlike for p in found]
    used = [p.is_used for p in found]
    if floor is not None:
        spreads = [floor.spread if is_paired else floor.texture, *spreads]
        means, unlike, used = [0.0, *means], [floor.unlike, *unlike], [True, *used]
    mean, seen = np.array(means), np.array([one.variance for one in spreads])
    fixed = pattern[0] + pattern[1] * mean**2
    offset = floor.mean if floor else black
    whole = [
        unrounded(max(v - f, 0.0), offset + m, step=step, spread=u)
        for v, f, m, u in zip(seen, fixed, mean, unlike, strict=True)
    ]
    bare, doubt = np.array(whole).T
    relative = np.hypot([one.relative_error for one in spreads], doubt / np.maximum(seen, 1e-12))
    is_used = np.array(used) & np.isfinite(bare) & (bare > 0)
    fitted = line.fit(
        mean[is_used], bare[is_used], relative=relative[is_used], extra=(seen - bare)[is_used],
        count=np.array([one.number for one in spreads])[is_used],
    )  # fmt: skip
    if not is_paired and prnu is not None:
        # All points move together with the PRNU that was taken off.
        pull = float(fitted.answer @ mean[is_used] ** 2) * prnu[1]
        fitted = fitted.widened(pull)
    return Curve(color, mean, bare, relative * seen, is_used, fitted, ceiling.plateau, ceiling.plateau_error)


def prnu_squared(shared: Shared | None, floor: ColorFloor | None) -> tuple[float, float] | None:
    """PRNU squared and its standard error; None where no two flats say it."""
    if shared is None:
        return None
    dsnu, dsnu_error = floor.pattern if floor else (0.0, 0.0)
    variance = shared.variance - shared.frames * dsnu
    return variance / shared.light, math.hypot(shared.error, shared.frames * dsnu_error) / shared.light
