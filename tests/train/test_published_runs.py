"""Published networks are trained by the same loop, kept in the same files, and measured beside deepisp's own."""

from pathlib import Path

import numpy as np
import pytest
import torch

import deepisp
from deepisp.data.crops import Crops
from deepisp.networks import family, zoo
from deepisp.train import contenders
from deepisp.train.jdd import Task
from deepisp.train.run import Run
from deepisp.train.settings import NetworkName, TrainSettings


def trained(network: NetworkName, **changes: object) -> Run:
    asked = TrainSettings(network=network, steps=2, batch=2, crop=32, precision="fp32", **changes)
    picture = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    run = Run.begun(asked, Task(asked, Crops.of([picture], 32)))
    run.advance()
    return run


@pytest.mark.parametrize("network", ["gharbi", "kpn"])
def test_what_was_trained_is_what_is_measured(network: NetworkName, tmp_path: Path) -> None:
    weights = trained(network).weights()
    zoo.save(tmp_path / "w", weights)
    back = zoo.load(tmp_path / "w")
    assert (back.network, back.cfa) == (network, "RGGB")
    mosaic = np.random.default_rng(2).random((64, 64), np.float32)
    method = contenders.named(str(tmp_path / "w"))
    with torch.inference_mode():
        whole = family.of(weights)(torch.from_numpy(mosaic)[None, None], torch.full((1, 1, 1, 1), 0.02))[0]
    assert np.allclose(method(mosaic, 0.02), whole.movedim(0, -1).numpy(), atol=1e-5)
    assert method(mosaic[:51, :45], 0.02).shape == (51, 45, 3)  # sides of any length


def test_one_that_learned_pictures_is_not_measured_by_light(tmp_path: Path) -> None:
    zoo.save(tmp_path / "w", trained("gharbi").weights()._replace(truth="pictures"))
    assert zoo.load(tmp_path / "w").truth == "pictures"
    with pytest.raises(ValueError, match=r"makes LibRaw's pictures, not light; .* sid, without --raw"):
        contenders.named(str(tmp_path / "w"))


def test_develop_takes_none(tmp_path: Path) -> None:
    zoo.save(tmp_path / "w", trained("gharbi").weights())
    with pytest.raises(ValueError, match=r"^model: .*a gharbi network, which is there for comparison"):
        deepisp.Settings(model=str(tmp_path / "w"))


def test_weights_of_another_kind_do_not_fit(tmp_path: Path) -> None:
    weights = trained("gharbi").weights()
    with pytest.raises(ValueError, match="weights of no srresnet network"):
        family.of(weights._replace(network="srresnet"))
    zoo.save(tmp_path / "w", weights)
    with pytest.raises(ValueError, match="are a gharbi network's; take the same here"):
        trained("jdd", start=str(tmp_path / "w"))
    begun = trained("gharbi", start=str(tmp_path / "w"))  # one step further
    far = np.abs(begun.weights().tensors["layers.3.weight"] - weights.tensors["layers.3.weight"]).max()
    assert 0 < far < 1e-3
