"""Networks for other programs: ONNX files, and torch's own PT2 files, that need no deepisp to run.

    mosaic (1, 1, H, W) ─► network ─► rgb (1, 3, H, W)      H and W: any multiples of `multiple`, two of them at least
    sigma  (1, 1, H, W) ─┘

All in float32. Where the colors of larger cells stand is part of the graph. What comes out within `halo` of an edge has
seen zeros beyond it: pad by so much, with photosites of the same color, and cut that off again. `about` says all this
in the file, as ONNX metadata or as deepisp.json in the PT2 archive.
"""

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from deepisp.networks.zoo import Weights

if TYPE_CHECKING:
    from torch.export import ExportedProgram

EXTRA = "deepisp.json"  # in a PT2 archive
_OPSET = 18  # ONNX's of 2022-12: the one that torch writes without conversion, and old programs still read


def about(weights: Weights) -> dict[str, str]:
    """What a program must know to run an exported network, as the texts that its file holds.

    The names: `cfa`, the cell at mosaic[0, 0]; `halo`, photosites on each side that a pixel depends on; `multiple`, of
    the sides; `noise_most`, the largest sigma at mid-gray that it was trained on; `mosaic`, `sigma` and `rgb`, what
    they are; `deepisp`, the version.
    """
    import deepisp

    return {
        "deepisp": deepisp.__version__,
        "cfa": weights.cfa,
        "halo": str(weights.size.halo),
        "multiple": str(weights.size.unit),
        "noise_most": f"{weights.noise_most:g}",
        "mosaic": "signal, (DN - black) / (white - black), not clipped, times the white balance of its color",
        "sigma": "standard deviation of the noise at each photosite, in the units of mosaic; 0 for none",
        "rgb": "camera RGB, white balanced, in the units of mosaic, not clipped",
    }


def onnx(weights: Weights) -> bytes:
    """An ONNX file of opset 18.

    Raises:
        ImportError: onnx or onnxscript is missing.
    """
    try:
        import onnx as library
        import onnxscript  # noqa: F401  # torch's exporter needs it
    except ImportError as error:
        raise ImportError("ONNX files need onnx and onnxscript (pip install 'deepisp[export]')") from error
    import torch

    with _quiet():
        made = torch.onnx.export(
            _program(weights), output_names=["rgb"], dynamo=True, opset_version=_OPSET, verbose=False
        )
    assert made is not None
    model = made.model_proto
    _plain(model)
    library.helper.set_model_props(model, about(weights))
    library.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def pt2(weights: Weights) -> bytes:
    """A file for `torch.export.load`, of the version of torch that is installed here or a later one."""
    import torch

    file = io.BytesIO()
    with _quiet():
        torch.export.save(_program(weights), file, extra_files={EXTRA: json.dumps(about(weights))})
    return file.getvalue()


FORMATS: dict[str, Callable[[Weights], bytes]] = {".onnx": onnx, ".pt2": pt2}


def _program(weights: Weights) -> "ExportedProgram":
    """The network as a graph, for sides that are not known yet."""
    import torch
    from torch.export import Dim

    from deepisp.networks import family

    n = weights.size.unit
    sides = {2: n * Dim("rows", min=2), 3: n * Dim("columns", min=2)}
    # Unlike each other, so that neither side is taken for the other.
    example = torch.zeros(1, 1, 4 * n, 6 * n)
    given = example, example.clone()
    program = torch.export.export(family.of(weights), given, dynamic_shapes=(sides, sides), strict=False)
    for part in program.graph_module.modules():
        for node in part.graph.nodes if isinstance(part, torch.fx.GraphModule) else ():
            node.meta.pop("stack_trace", None)  # where its line stands on this machine
    return program


def _plain(model: Any) -> None:
    """Free an ONNX model of its exporter's notes and of names such as 2*s30, and name its sides."""
    del model.graph.value_info[:], model.graph.metadata_props[:]
    for node in model.graph.node:
        del node.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output):
        del value.metadata_props[:]
        rows, columns = value.type.tensor_type.shape.dim[2:]
        rows.dim_param, columns.dim_param = "height", "width"


@contextmanager
def _quiet() -> "Iterator[None]":
    """Without the exporter's remarks: that torchvision is not there, and that torch's own code is out of date."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)`", FutureWarning)
            yield
    finally:
        logger.setLevel(before)
