"""`deepisp.demosaic`: arrays in, arrays out, and one clear line for what is neither."""

import numpy as np
import pytest

from deepisp.develop.demosaic import arrays, bayer_kernels, learned
from deepisp.networks import zoo
from deepisp.networks.jdd import JDD
from deepisp.sensor.cfa import BAYER, XTRANS
from deepisp.sensor.noise import Noise


@pytest.fixture
def file(tmp_path):
    net = JDD(width=8, blocks=1)
    tensors = {name: one.numpy() for name, one in net.state_dict().items()}
    zoo.save(tmp_path / "w.safetensors", zoo.Weights("RGGB", 8, 1, False, 0.1, tensors))
    return str(tmp_path / "w.safetensors")


def mosaic(height=31, width=40):
    return np.random.default_rng(1).random((height, width), np.float32)


@pytest.mark.parametrize("cfa", BAYER)
def test_what_is_measured_stays_with_a_classical_method(cfa):
    given = mosaic()
    made = arrays.demosaic(given, cfa=cfa, method="menon")
    assert made.shape == (31, 40, 3)
    red = cfa.index("R")
    assert (made[red // 2 :: 2, red % 2 :: 2, 0] == given[red // 2 :: 2, red % 2 :: 2]).all()


def test_classical_methods_are_the_kernels():
    given = mosaic(32, 40)
    padded = np.pad(given, bayer_kernels.HALO["malvar"], mode="reflect")
    out = np.empty((3, 32, 40), np.float32)
    bayer_kernels.malvar(padded, 0, 0, out)
    assert (arrays.demosaic(given, method="malvar") == out.transpose(1, 2, 0)).all()


def test_a_network_is_told_the_noise(file):
    given = mosaic()
    none, some, line = (
        arrays.demosaic(given, method=file, noise=one) for one in (None, 0.1, Noise(0.01, 0.0))
    )
    assert np.abs(none - some).max() > 1e-3
    assert np.abs(some - line).max() > 1e-4
    as_line = arrays.demosaic(given, method=file, noise=Noise(0.0, 0.01))
    assert np.allclose(some, as_line, atol=1e-6)


@pytest.mark.parametrize("cfa", BAYER)
def test_a_network_is_told_each_colors_noise(file, cfa, monkeypatch):
    """Deviations on paper: signal 4, variances 4 * 0.03 + 0.04, 0.04 and 4 * 0.0025 of R, G and B."""
    told = []
    whole = learned.whole
    monkeypatch.setattr(
        learned,
        "whole",
        lambda engine, mosaic, sigma, at: (told.append(sigma), whole(engine, mosaic, sigma, at))[1],
    )
    lines = (Noise(0.03, 0.04), Noise(0.0, 0.04), Noise(0.0025, 0.0))
    arrays.demosaic(np.full((7, 9), 4.0), cfa=cfa, method=file, noise=lines)
    wanted = {"R": 0.4, "G": 0.2, "B": 0.1}
    for number, color in enumerate(cfa):
        assert told[0][number // 2 :: 2, number % 2 :: 2] == pytest.approx(wanted[color])


@pytest.mark.parametrize("lines", [(Noise(0.1, 0.1),) * 2, (0.1, 0.2, 0.3), (0.01, 0.0)])
def test_lines_are_one_for_each_color(file, lines):
    with pytest.raises(ValueError, match="one for each of R, G, B"):
        arrays.demosaic(mosaic(), method=file, noise=lines)


@pytest.mark.parametrize(
    ("given", "settings", "said"),
    [
        (np.zeros((4, 4, 3)), {}, "a mosaic is"),
        (np.full((4, 4), np.nan), {}, "no numbers"),
        (np.zeros((8, 8)), {"cfa": "RGB"}, "square cell"),
        (np.zeros((8, 8)), {"method": "best"}, "no network and no file 'best'"),
        (np.zeros((12, 12)), {"cfa": XTRANS, "method": "file"}, "for bayer sensors"),
    ],
)
def test_one_line_for_what_is_wrong(file, given, settings, said):
    if settings.get("method") == "file":
        settings = settings | {"method": file}
    with pytest.raises(ValueError, match=said):
        arrays.demosaic(given, **{"method": file} | settings)


def test_auto_is_the_network_of_the_sensor_or_the_best_classical_method():
    given = mosaic(24, 24)
    assert (arrays.demosaic(given) == arrays.demosaic(given, method="fast")).all()
    assert not (arrays.demosaic(given) == arrays.demosaic(given, method="menon")).all()
    four = arrays.demosaic(given, cfa="GMCY")
    assert (four == arrays.demosaic(given, cfa="GMCY", method="bilinear")).all()


def test_a_network_of_the_dark_must_be_told_the_noise():
    with pytest.raises(
        ValueError, match="dark takes out the noise that it is told, and was told none; say noise"
    ):
        arrays.demosaic(np.zeros((8, 8)), method="dark")
    assert arrays.demosaic(np.zeros((8, 8)), method="dark", noise=0.01).shape == (8, 8, 3)


@pytest.mark.parametrize("method", ["dark", "quality", "menon"])
def test_a_method_of_other_sensors_is_answered_with_those_of_this_one(method):
    with pytest.raises(ValueError, match=f"{method} is not for xtrans sensors; take fast, .*bilinear"):
        arrays.demosaic(np.zeros((12, 12)), cfa=XTRANS, method=method)
    assert arrays.demosaic(np.zeros((12, 12)), cfa=XTRANS, method="fast-xtrans").shape == (12, 12, 3)


@pytest.mark.parametrize("noise", [-1, float("nan"), float("inf"), Noise(-1.0, 0.0), (Noise(0.1, -0.1),) * 3])
@pytest.mark.parametrize("method", ["fast", "dark"])
def test_noise_that_none_has_is_refused(noise, method):
    with pytest.raises(ValueError, match="noise is 0 or more, got"):
        arrays.demosaic(np.zeros((12, 12)), method=method, noise=noise)


@pytest.mark.parametrize("noise", ["x", [1, 2], {}])
def test_what_is_no_noise_is_refused(noise):
    with pytest.raises(ValueError, match="noise is a Noise, one for each of R, G, B, or a deviation, got"):
        arrays.demosaic(np.zeros((12, 12)), noise=noise)


@pytest.mark.parametrize("noise", [1, np.float32(0.1), np.array(0.1)])
def test_a_deviation_may_be_any_number(noise):
    assert arrays.demosaic(np.zeros((12, 12)), noise=noise).shape == (12, 12, 3)
