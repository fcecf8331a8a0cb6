"""The learned method on the CPU: a network of networks/zoo.py as an OpenVINO graph, without torch.

OpenVINO takes 0.1 CPU s to import where torch takes 1.5, and joins additions and ReLUs to the convolutions before
them. The trunk runs in bfloat16 where the processor has it in hardware; the linear filter of the mosaic, which carries
what was measured, always in float32.
"""

import sys
import threading
from functools import lru_cache
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from deepisp.develop.demosaic import graphs
from deepisp.develop.demosaic.edges import padding_indices
from deepisp.networks import sizes, zoo
from deepisp.networks.zoo import Weights
from deepisp.sensor import cfa as cfa_cell

Plane = NDArray[np.float32]
Precision = Literal["auto", "bf16", "fp32"]

TILE = 640  # photosites of a side: with bands of 384 rows 7 MB a layer, and halos are a sixth of the work
_LARGE_TILE = 1024  # of whole arrays, whose colors need more memory anyway: an eighth less work for 512 x 768

_ALONE = threading.RLock()  # files of a batch ask for their engine at the same moment


class Engine:
    """A network that is ready to run, by so many threads at a time. Each call runs on one.

    Attributes:
        weights: of the network.
    """

    def __init__(self, weights: Weights, *, threads: int = 1, precision: Precision = "auto") -> None:
        """Compile.

        Args:
            weights: of a network.
            threads: callers at a time.
            precision: of the trunk; auto is bf16 where the processor has it.
        """
        self.weights = weights
        with _ALONE:
            core = _core()
        if precision == "auto":
            precision = "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "fp32"
        streams = {"NUM_STREAMS": threads, "INFERENCE_NUM_THREADS": threads}
        kind = {"bf16": "bf16", "fp32": "f32"}[precision]
        if weights.network == "dark":
            made = [(graphs.dark(weights), kind)]
        else:
            made = [(graphs.trunk(weights), kind), (graphs.base(weights), "f32")]
        self._models = [
            core.compile_model(graph, "CPU", streams | {"INFERENCE_PRECISION_HINT": kind})
            for graph, kind in made
        ]
        self._own = threading.local()

    def __call__(self, mosaic: Plane, sigma: Plane) -> Plane:
        """RGB (3, H, W) of a balanced mosaic (H, W) whose cell begins at its corner, not clipped.

        Args:
            mosaic: sides are multiples of the network's unit.
            sigma: (H, W) deviation of the noise at each photosite.
        """
        if not hasattr(self._own, "requests"):
            self._own.requests = [model.create_infer_request() for model in self._models]
        requests = self._own.requests
        seen = np.ascontiguousarray(mosaic, np.float32)[None, None]
        told = np.ascontiguousarray(sigma, np.float32)[None, None]
        if len(requests) == 1:
            return cast(Plane, requests[0].infer([seen, told])[0][0])
        trunk, base = requests
        guess, rgb = base.infer([seen]).values()
        cfa = self.weights.cfa
        of_cells = () if sizes.places(cfa) == 1 else (_masks(cfa, *mosaic.shape), guess)
        detail = trunk.infer([seen, told, *of_cells])[0]
        return cast(Plane, (rgb + detail)[0])


@lru_cache(maxsize=1)
def _core() -> Any:
    """OpenVINO without its telemetry.

    Importing openvino 2026.4 reports to Google Analytics and leaves an identifier in the user's home folder, unless the
    package openvino_telemetry is missing, for which it has a stub.
    """
    kept = sys.modules.get("openvino_telemetry")
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # as import's reference has it: not there
    try:
        import openvino
    finally:
        sys.modules.pop("openvino_telemetry", None)
        if kept is not None:
            sys.modules["openvino_telemetry"] = kept
    return openvino.Core()


@lru_cache(maxsize=4)
def _masks(cfa: str, height: int, width: int) -> Plane:
    """Where each color stands, (1, 3, H, W) of 0 and 1."""
    colors = cfa_cell.tiled(cfa_cell.indices(cfa), height, width)
    return np.stack([colors == color for color in range(3)])[None].astype(np.float32)


def shipped(name: str, threads: int = 1) -> Engine:
    """The engine of a network that comes with deepisp, or of a file; made once, whichever threads ask."""
    with _ALONE:
        return _shipped(name, threads, zoo.stamp(name))


@lru_cache(maxsize=4)
def _shipped(name: str, threads: int, _: tuple[int, int]) -> Engine:
    return Engine(zoo.own(zoo.named(name), name), threads=threads)


def whole(engine: Engine, mosaic: Plane, sigma: Plane, cfa: str, *, tile: int = _LARGE_TILE) -> Plane:
    """RGB (3, H, W) of a mosaic of any size.

    Args:
        engine: of a network for this kind of sensor.
        mosaic: (H, W) balanced signal.
        sigma: (H, W) deviation of its noise.
        cfa: the cell at mosaic[0, 0]: any phase of the network's.
        tile: photosites of a side.

    Raises:
        ValueError: the network is for other sensors.
    """
    n, room = cfa_cell.side(cfa), margin(engine.weights)
    at = np.ix_(*(padding_indices(-room, side + room, side, n) for side in mosaic.shape))
    out = np.empty((3, *mosaic.shape), np.float32)
    fill(engine, cfa, mosaic[at], sigma[at], out, tile=tile)
    return out


def fill(engine: Engine, cfa: str, padded: Plane, sigma: Plane, out: Plane, *, tile: int = TILE) -> None:
    """RGB tile by tile; every tile sees all that its pixels depend on.

    Args:
        engine: of a network for this kind of sensor.
        cfa: the cell at out[0, 0].
        padded: (H + 2 margin, W + 2 margin) balanced signal.
        sigma: deviation of its noise, the same shape.
        out: (3, H, W), to be filled.
        tile: photosites of a side.

    Raises:
        ValueError: the network is for other sensors.
    """
    down, right = phase(cfa, engine.weights.cfa)
    size, room = engine.weights.size, margin(engine.weights)
    for top, left in np.ndindex(*(-(-side // tile) for side in out.shape[1:])):
        part = out[:, top * tile : (top + 1) * tile, left * tile : (left + 1) * tile]
        row, rows = reach(top * tile, part.shape[1], down, size.halo, size.unit)
        column, columns = reach(left * tile, part.shape[2], right, size.halo, size.unit)
        at = slice(row + room, row + room + rows), slice(column + room, column + room + columns)
        made = engine(padded[at], sigma[at])
        first, begin = top * tile - row, left * tile - column
        part[:] = made[:, first : first + part.shape[1], begin : begin + part.shape[2]]


def plain(name: str) -> str:
    """What shows a mosaic with all its noise, when told of none: the same network, unless it knows dark ones alone."""
    weights = zoo.named(name)
    return name if weights.network == "jdd" else zoo.for_sensor(cfa_cell.kind(weights.cfa), "fast") or name


def blend(clean: Any, noisy: Any, strength: float) -> Any:
    """A picture with a share of its noise taken out, of what the network makes when told all the noise and none.

    To tell it half the noise would not do: that takes out a quarter, a quarter of the noise a twentieth.
    """
    return noisy + (clean - noisy) * strength


def margin(weights: Weights) -> int:
    """Photosites that `fill` may need on each side: the halo, and what makes units whole on both ends."""
    return weights.size.halo + 2 * weights.size.unit


def phase(cfa: str, own: str) -> tuple[int, int]:
    """Rows and columns from the corner of a mosaic of cell `cfa` to where a cell `own` begins.

    >>> phase("GRBG", "RGGB"), phase("BGGR", "RGGB")
    ((0, 1), (1, 1))

    Raises:
        ValueError: it is no phase of it.
    """
    if len(cfa) == len(own):
        for rows, columns in np.ndindex(cfa_cell.side(cfa), cfa_cell.side(cfa)):
            if cfa_cell.shift(cfa, rows, columns) == own:
                return rows, columns
    kinds = cfa_cell.kind(own), cfa_cell.kind(cfa)
    raise ValueError(f"the network is for {kinds[0]} sensors, the mosaic {cfa!r} is of a {kinds[1]} one")


def reach(start: int, length: int, shift: int, halo: int, unit: int) -> tuple[int, int]:
    """Where a tile begins to read, and how much: whole units, counted from `shift`, halos included."""
    begin = (start - halo - shift) // unit * unit + shift
    return begin, -(-(start + length + halo - begin) // unit) * unit
