"""What rounding to whole DN does to Gaussian noise: 1/12 DN squared more, unless the noise is less than half a DN."""

import math

_REACH = 8  # deviations: 1e-15 of a Gaussian lies beyond


def rounded_variance(std_dn: float, mean_dn: float) -> float:
    """Variance of Gaussian noise after rounding to whole DN, by the probability of each code.

    Args:
        std_dn: deviation before rounding, DN, above 0.
        mean_dn: mean before rounding, DN. Only where it lies between two codes counts.

    >>> round(rounded_variance(4.0, 0.3), 9) == round(16 + 1 / 12, 9)
    True
    >>> rounded_variance(0.01, 60.0) < 1e-9 < 0.249 < rounded_variance(0.01, 60.5)
    True
    """
    place = mean_dn - math.floor(mean_dn)
    last = math.ceil(_REACH * std_dn) + 1
    mean = square = 0.0
    for code in range(-last, last + 2):
        low, high = ((code + side - place) / (std_dn * math.sqrt(2)) for side in (-0.5, 0.5))
        chance = (math.erf(high) - math.erf(low)) / 2
        mean += chance * code
        square += chance * code**2
    return square - mean**2
