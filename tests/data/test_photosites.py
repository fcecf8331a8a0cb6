"""A mosaic whose colors have figures of their own: where all colors have the same, it is the one sensor's exposure."""

import math

import pytest
import torch

from deepisp.data import photosites
from deepisp.data.photosites import Frame
from deepisp.sensor.exposure import Sensor

SIDE = 200


def seeded():
    return torch.Generator().manual_seed(4)


@pytest.mark.parametrize(
    "figures",
    [
        {"read_std_e": 4.0, "row_std_e": 3.0, "bias": ((0.3,),)},
        {"read_std_e": 4.0, "tukey_lambda": -0.1, "full_well_e": 3000.0},
        {"prnu": 0.05, "dsnu_e": 6.0},
    ],
)
def test_colors_that_do_not_differ_are_exposed_as_one_sensor(figures):
    sensor = Sensor(2.0, 512.0, 16383.0, **figures)
    twin = Sensor(2.0, 512.0, 16383.0, **figures)
    signal = torch.linspace(0, 1, SIDE).repeat(1, SIDE, 1)
    pattern = sensor.pattern(SIDE, SIDE, seed=1) if sensor.has_pattern else None
    frame = Frame()
    if pattern is not None:
        frame = Frame(None, (pattern.response - 1) / sensor.prnu, pattern.offset_e / sensor.dsnu_e)
    checks = torch.arange(SIDE)[:, None].add(torch.arange(SIDE)) % 2
    found = photosites.expose(signal, [sensor, twin], checks, frame, seeded())
    electrons = signal * (sensor.levels / sensor.gain)
    wanted = sensor.expose(electrons, pattern=pattern, generator=seeded())
    # Float32 rounds sums in another order: here and there a value ends on the other side of a half.
    assert (found - wanted).abs().max() <= 1
    assert (found != wanted).float().mean() < 1e-3


def test_each_photosite_has_the_tails_of_its_color():
    heavy, normal = (
        Sensor(1.0, 512.0, 16383.0, read_std_e=20.0, tukey_lambda=shape) for shape in (-0.2, None)
    )
    columns = (torch.arange(SIDE) % 2).expand(SIDE, SIDE)
    dn = photosites.expose(torch.zeros(1, SIDE, SIDE), [heavy, normal], columns, Frame(), seeded()).double()
    for first, least, most in ((0, 5.0, math.inf), (1, 2.7, 3.3)):  # of 20 000: 3 +- 5 * sqrt(24 / n) = 0.17
        seen = dn[0, :, first::2] - 512
        assert least < float(seen.pow(4).mean() / seen.pow(2).mean() ** 2) < most
