"""The CPU's graph and torch's network are one network."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from deepisp.develop.demosaic import learned
from deepisp.networks import zoo
from deepisp.networks.dark import Dark
from deepisp.networks.jdd import JDD
from deepisp.sensor.cfa import BAYER, XTRANS, shift

QUAD = "RRGGRRGGGGBBGGBB"


def network(cfa, has_bias=False):
    torch.manual_seed(1)
    net = JDD(cfa, width=16, blocks=2, has_bias=has_bias).eval()
    net.tail.weight.data.mul_(10)  # what is learned must show
    tensors = {name: one.detach().numpy() for name, one in net.state_dict().items()}
    return net, zoo.Weights(cfa, 16, 2, has_bias, 0.1, tensors)


def dark_network():
    torch.manual_seed(1)
    net = Dark(width=4, blocks=2).eval()
    tensors = {name: one.detach().numpy() for name, one in net.state_dict().items()}
    return net, zoo.Weights("RGGB", 4, 2, False, 0.1, tensors, "dark")


def noisy(height=60, width=72, seed=1):
    rng = np.random.default_rng(seed)
    return rng.random((height, width), np.float32), 0.1 * rng.random((height, width), np.float32)


@pytest.mark.parametrize("has_bias", [False, True])
@pytest.mark.parametrize("cfa", ["RGGB", XTRANS, QUAD])
def test_openvino_is_torch(cfa, has_bias):
    net, weights = network(cfa, has_bias)
    mosaic, sigma = noisy()
    with torch.inference_mode():
        expected = net(*(torch.from_numpy(one)[None, None] for one in (mosaic, sigma)))[0].numpy()
    exact = learned.Engine(weights, precision="fp32")(mosaic, sigma)
    rounded = learned.Engine(weights, precision="auto")(mosaic, sigma)
    assert np.abs(exact - expected).max() < 1e-5
    assert np.abs(rounded - expected).max() < 0.02  # bf16 has 8 bits
    assert (
        np.abs(expected - JDD(cfa, width=16, blocks=2)(*_tensors(mosaic, sigma))[0].detach().numpy()).max()
        > 0.02
    )


def test_openvino_is_torch_for_dark_pictures_too():
    net, weights = dark_network()
    mosaic, sigma = noisy(64, 80)
    with torch.inference_mode():
        expected = net(*_tensors(mosaic, sigma))[0].numpy()
    exact = learned.Engine(weights, precision="fp32")(mosaic, sigma)
    rounded = learned.Engine(weights)(mosaic, sigma)
    assert np.abs(exact - expected).max() < 1e-5
    assert np.abs(rounded - expected).max() < 0.02
    assert np.abs(expected).max() > 0.1


@pytest.mark.parametrize("cfa", BAYER)
def test_tiles_of_dark_pictures_equal_the_whole(cfa):
    engine = learned.Engine(dark_network()[1], precision="fp32")
    mosaic, sigma = noisy(90, 75)
    one = learned.whole(engine, mosaic, sigma, cfa, tile=1600)
    many = learned.whole(engine, mosaic, sigma, cfa, tile=32)
    assert one.shape == (3, 90, 75)
    assert np.abs(one - many).max() < 1e-5


def test_what_was_measured_keeps_its_bits_in_bf16():
    _, weights = network("RGGB")
    tensors = weights.tensors | {
        name: np.zeros_like(weights.tensors[name]) for name in ("tail.weight", "base.weight")
    }
    tensors["base.weight"][:4, 0, 1, 1] = 1  # red is the red of the cell
    mosaic, sigma = noisy()
    made = learned.Engine(weights._replace(tensors=tensors))(mosaic, sigma)
    assert (made[0, ::2, ::2] == mosaic[::2, ::2]).all()


def test_threads_share_an_engine():
    _, weights = network("RGGB")
    engine = learned.Engine(weights, threads=2)
    inputs = [noisy(seed=seed) for seed in range(12)]
    expected = [engine(*one) for one in inputs]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda one: engine(*one), inputs))
    assert all((a == b).all() for a, b in zip(found, expected, strict=True))


def test_sizes_may_change_from_call_to_call():
    _, weights = network("RGGB")
    engine = learned.Engine(weights)
    for size in ((16, 16), (64, 34), (16, 16)):
        assert engine(*noisy(*size)).shape == (3, *size)


def _tensors(*arrays):
    return (torch.from_numpy(one)[None, None] for one in arrays)


@pytest.mark.parametrize("cfa", [*BAYER, XTRANS, QUAD, shift(XTRANS, 2, 5), shift(QUAD, 1, 2)])
def test_tiles_equal_the_whole(cfa):
    own = {4: "RGGB", 36: XTRANS, 16: QUAD}[len(cfa)]
    engine = learned.Engine(network(own)[1], precision="fp32")
    mosaic, sigma = noisy(61, 75)
    one = learned.whole(engine, mosaic, sigma, cfa, tile=1000)
    many = learned.whole(engine, mosaic, sigma, cfa, tile=18)
    assert one.shape == (3, 61, 75)
    assert np.abs(one - many).max() < 1e-5


@pytest.mark.parametrize("cfa", BAYER)
def test_a_phase_is_a_shift(cfa):
    """Inside, a mosaic that begins one row or column later gives the same colors there."""
    engine = learned.Engine(network("RGGB")[1], precision="fp32")
    mosaic, sigma = noisy(62, 72)
    down, right = learned.phase("RGGB", cfa)
    expected = learned.whole(engine, mosaic, sigma, "RGGB")[:, down:, right:]
    found = learned.whole(engine, mosaic[down:, right:], sigma[down:, right:], cfa)
    inside = (slice(None), slice(16, -16), slice(16, -16))
    assert np.abs(found[inside] - expected[inside]).max() < 1e-5


def test_other_sensors_are_refused():
    engine = learned.Engine(network("RGGB")[1])
    with pytest.raises(ValueError, match=r"for bayer sensors, the mosaic .* is of a xtrans one"):
        learned.whole(engine, *noisy(), XTRANS)


def test_twice_the_light_is_twice_the_picture():
    engine = learned.Engine(network("RGGB")[1], precision="fp32")
    mosaic, sigma = noisy()
    assert np.allclose(engine(4 * mosaic, 4 * sigma), 4 * engine(mosaic, sigma), atol=1e-5)


def test_nothing_is_reported_to_anyone(tmp_path):
    """OpenVINO's telemetry is not loaded, and nothing is left in the user's home folder."""
    code = (
        "import sys, numpy as np, deepisp; deepisp.demosaic(np.zeros((8, 8)), method='fast'); "
        "sys.exit(any('telemetry' in name and name.startswith('openvino_') for name in sys.modules))"
    )
    home = tmp_path / "home"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | {"HOME": str(home)}
    ended = subprocess.run([sys.executable, "-c", code], check=False, env=environment)
    assert ended.returncode == 0
    assert not (home / "intel").exists()


def test_files_of_a_batch_may_ask_at_the_same_moment():
    """In a fresh process, where nothing is loaded yet: one engine comes of it."""
    code = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from deepisp.develop.demosaic import learned\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    found = list(pool.map(lambda _: learned.shipped('fast'), range(8)))\n"
        "assert all(one is found[0] for one in found)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
