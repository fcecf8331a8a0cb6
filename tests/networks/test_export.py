"""Exported networks: other programs get the same numbers, at any size, and are told what they must know."""

import io
import json
import sys
from functools import cache

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import deepisp
from deepisp.networks import export, zoo
from deepisp.networks.jdd import JDD
from deepisp.sensor.cfa import XTRANS

QUAD = "RRGGRRGGGGBBGGBB"
CELLS = {"RGGB": 2, XTRANS: 6, QUAD: 4}  # and what sides are a multiple of
SIZES = [(2, 2), (5, 9), (16, 3)]  # in such multiples: the least, and two of unlike sides


def network(cfa: str, *, has_bias: bool = False) -> JDD:
    """A small one of random weights, those of the last layer large enough to be seen."""
    torch.manual_seed(1)
    net = JDD(cfa, width=8, blocks=1, has_bias=has_bias).eval().requires_grad_(False)
    net.tail.weight.mul_(10)
    return net


def weights(net: JDD, *, has_bias: bool = False) -> zoo.Weights:
    tensors = {name: one.numpy() for name, one in net.state_dict().items()}
    return zoo.Weights(net.cfa, 8, 1, has_bias, 0.1, tensors)


@cache
def exported(cfa: str, *, has_bias: bool = False) -> bytes:
    return export.onnx(weights(network(cfa, has_bias=has_bias), has_bias=has_bias))


def seen(rows: int, columns: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    mosaic, sigma = torch.rand(2, 1, 1, rows, columns, generator=generator)
    return mosaic, sigma / 10


@pytest.mark.parametrize(
    ("cfa", "has_bias"), [("RGGB", False), ("RGGB", True), (XTRANS, True), (QUAD, False)]
)
def test_onnxruntime_agrees_at_every_size(cfa: str, has_bias: bool) -> None:
    net = network(cfa, has_bias=has_bias)
    data = exported(cfa, has_bias=has_bias)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    assert [one.name for one in session.get_inputs()] == ["mosaic", "sigma"]
    assert [one.shape for one in session.get_inputs()] == [[1, 1, "height", "width"]] * 2
    assert [(one.name, one.shape) for one in session.get_outputs()] == [("rgb", [1, 3, "height", "width"])]
    for rows, columns in SIZES:
        mosaic, sigma = seen(rows * CELLS[cfa], columns * CELLS[cfa])
        [rgb] = session.run(None, {"mosaic": mosaic.numpy(), "sigma": sigma.numpy()})
        assert rgb.dtype == np.float32
        np.testing.assert_allclose(rgb, net(mosaic, sigma).numpy(), atol=1e-4, rtol=0)


@pytest.mark.parametrize("cfa", CELLS)
def test_torch_loads_what_agrees(cfa: str) -> None:
    net = network(cfa)
    told = {export.EXTRA: ""}
    program = torch.export.load(io.BytesIO(export.pt2(weights(net))), extra_files=told)
    assert json.loads(told[export.EXTRA]) == export.about(weights(net))
    for rows, columns in SIZES:
        given = seen(rows * CELLS[cfa], columns * CELLS[cfa])
        torch.testing.assert_close(program.module()(*given), net(*given), atol=1e-5, rtol=0)


def test_a_file_says_what_a_program_must_know() -> None:
    model = onnx.load_from_string(exported(XTRANS, has_bias=True))
    about = {one.key: one.value for one in model.metadata_props}
    assert about["cfa"] == XTRANS
    assert about["halo"] == "14"  # 4 layers of 2 photosites, and the guess sees a cell of 6 further
    assert about["multiple"] == "6"
    assert about["noise_most"] == "0.1"
    assert about["deepisp"] == deepisp.__version__
    assert about["sigma"].startswith("standard deviation of the noise")
    assert [one.version for one in model.opset_import] == [18]


@pytest.mark.parametrize("suffix", export.FORMATS)
def test_a_file_names_no_folder_of_this_machine(suffix: str) -> None:
    data = export.FORMATS[suffix](weights(network("RGGB")))
    assert b"jdd.py" not in data
    assert b"site-packages" not in data
    assert suffix == ".pt2" or b"pkg.torch" not in data  # the exporter's notes


def test_without_its_libraries_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ImportError, match=r"pip install 'deepisp\[export\]'"):
        export.onnx(weights(network("RGGB")))
