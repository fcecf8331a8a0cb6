"""See-in-the-Dark's protocol on a tree of our own: figures by hand, by ratio, and of a gamma that was put on twice."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from deepisp.data import sid, sid_protocol
from deepisp.data.sid_protocol import Levels
from deepisp.networks import family, zoo
from deepisp.raw.read import read
from deepisp.train import evaluate_sid
from tests.data import dark_trees

LEVELS = Levels(512, 16383)


@pytest.fixture
def pairs(tmp_path: Path) -> list[sid.Pair]:
    """Two scenes, of ratio 100 and 250, both of gray columns."""
    scenes = {10003: {"0.04": 1, "0.1": 1}, 10006: {"0.1": 1}}
    content = dark_trees.content(dark_trees.gray(np.array([0.05, 0.2, 0.4])), tmp_path)
    dark_trees.plant(tmp_path, scenes, content)
    shorts = sorted((tmp_path / "Sony" / "short").iterdir())
    longs = {sid.parse(path.name).scene: path for path in (tmp_path / "Sony" / "long").iterdir()}
    return [sid.pair(path, longs[sid.parse(path.name).scene]) for path in shorts]


def test_the_truth_is_perfect_and_figures_are_by_ratio(pairs: list[sid.Pair]) -> None:
    truth = sid_protocol.ground_truth(pairs[0].long)
    found = evaluate_sid.score(lambda raw, ratio: truth, pairs)
    assert list(found) == [100, 250, None]
    assert [one.pairs for one in found.values()] == [2, 1, 3]
    assert found[None][:4] == (math.inf, 1.0, 1.0, 1.0)


def test_the_method_is_told_the_ratio_and_the_mean_is_over_pairs(pairs: list[sid.Pair]) -> None:
    truth = sid_protocol.ground_truth(pairs[0].long)
    brightest = 255 - round(float(truth.max()) * 255)
    assert brightest > 40  # so that nothing is clipped
    seen = []

    def off(raw: object, ratio: float) -> np.ndarray:
        seen.append(ratio)
        return truth + np.float32((10 if ratio == 250 else 20) / 255)

    found = evaluate_sid.score(off, pairs)
    assert sorted(seen) == [100, 100, 250]
    by_hand = {step: 20 * math.log10(255 / step) for step in (10, 20)}
    assert found[250].psnr == pytest.approx(by_hand[10])
    assert found[100].psnr == pytest.approx(by_hand[20])
    assert found[None].psnr == pytest.approx((by_hand[10] + 2 * by_hand[20]) / 3)
    assert found[None].ssim < 1


def test_a_gamma_put_on_twice_is_seen(pairs: list[sid.Pair]) -> None:
    truth = sid_protocol.ground_truth(pairs[0].long)
    twice = evaluate_sid.score(lambda raw, ratio: truth ** np.float32(1 / 2.2), pairs)
    assert twice[None].psnr < 20


def test_the_ssims_differ_where_color_does() -> None:
    rng = np.random.default_rng(1)
    one = rng.random((32, 32, 3))
    other = one.copy()
    other[..., 2] = rng.random((32, 32))  # blue alone, a tenth of the luma
    psnr, ssim, uniform, gray = evaluate_sid.compared(one, other)
    assert 10 < psnr < 20
    assert ssim < 0.75 < gray
    assert uniform != pytest.approx(ssim, abs=1e-4)


def weights(path: Path, name: str = "chen", cfa: str = "RGGB", truth: str = "pictures") -> Path:
    torch.manual_seed(1)
    net = family.build(name, cfa)
    tensors = {key: one.numpy() for key, one in net.state_dict().items()}
    zoo.save(path, zoo.Weights(cfa, 0, 0, False, 0.0, tensors, name, truth))
    return path


def test_the_authors_network_runs(pairs: list[sid.Pair], tmp_path: Path) -> None:
    found = evaluate_sid.score(evaluate_sid.chen(weights(tmp_path / "chen.safetensors"), LEVELS), pairs)
    assert 0 < found[None].psnr < 30


def test_what_cannot_be_measured_is_said(pairs: list[sid.Pair], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no pairs"):
        evaluate_sid.score(lambda raw, ratio: raw, [])
    with pytest.raises(ValueError, match="larger than the truth's"):
        evaluate_sid.score(lambda raw, ratio: np.zeros((9999, 8, 3), np.float32), pairs)
    with pytest.raises(ValueError, match="a gharbi network"):
        evaluate_sid.chen(weights(tmp_path / "other.safetensors", "gharbi"), LEVELS)
    with pytest.raises(ValueError, match=r"light\.safetensors: learned light.* --truth pictures"):
        evaluate_sid.chen(weights(tmp_path / "light.safetensors", truth="light"), LEVELS)
    xtrans = evaluate_sid.chen(weights(tmp_path / "x.safetensors", cfa=dark_trees.X_T2), LEVELS)
    with pytest.raises(ValueError, match="for xtrans sensors, the file is of a bayer one"):
        evaluate_sid.score(xtrans, pairs)


def test_ours_is_coded_and_cut_as_the_truth_is(pairs: list[sid.Pair]) -> None:
    """Gray at the ratio that makes it the truth's own light: the same numbers, to a step of 8 bits."""
    raw = read(pairs[0].long)
    truth = sid_protocol.ground_truth(pairs[0].long)
    made = evaluate_sid.named("fast", LEVELS)(raw, 1.0)
    assert made.shape == truth.shape
    flat = slice(8, -8), np.r_[8:40, 56:88, 104:136]  # between the edges of the columns
    assert np.abs(made - truth)[flat].max() < 0.5 / 255
    twice = evaluate_sid.named("fast", LEVELS)(raw, 2.0)
    assert twice[48, 24].mean() == pytest.approx(1.099 * 0.1**0.45 - 0.099, abs=2 / 255)


def test_another_sensor_is_refused_and_a_size_is_of_its_kind(tmp_path: Path) -> None:
    """`develop` would quietly take another network, and its figures would bear this one's name."""
    xtrans = replace(dark_trees.gray(np.array([0.05, 0.2, 0.4])), cfa=dark_trees.X_T2)
    settings = {"width": 4, "blocks": 1}
    net = family.build("jdd", "RGGB", **settings)
    path = tmp_path / "bayer.safetensors"
    tensors = {key: one.detach().numpy() for key, one in net.state_dict().items()}
    zoo.save(path, zoo.Weights("RGGB", 4, 1, False, 0.1, tensors))
    with pytest.raises(ValueError, match="for bayer sensors, the file is of a xtrans one"):
        evaluate_sid.named(str(path), LEVELS)(xtrans, 1.0)
    assert evaluate_sid.named("fast", LEVELS, threads=1)(xtrans, 1.0).shape[2] == 3


def test_a_network_that_does_not_develop_is_refused(tmp_path: Path) -> None:
    path = weights(tmp_path / "gharbi.safetensors", "gharbi")
    with pytest.raises(ValueError, match="a gharbi network, which is there for comparison"):
        evaluate_sid.named(str(path), LEVELS)
