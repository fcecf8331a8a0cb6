"""See-in-the-Dark by its authors' protocol: pictures of 8 bits against LibRaw's of the long exposure, by ratio.

    short exposure ─► method ─► clip, 8 bits ─┐
    long exposure ─► sid_protocol.ground_truth ─► 8 bits ─► PSNR, SSIM, no border

Published figures differ by the split, and by which SSIM is meant: both are named. `ssim` is Wang's (a Gaussian window,
the mean of three channels), `ssim_uniform` scikit-image's default (7 x 7), `ssim_gray` Wang's of the luma alone.
Source: C. Chen et al., "Learning to see in the dark", CVPR 2018, its test_Sony.py, and issue 52 of its repository.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from deepisp import spaces
from deepisp.data import sid_protocol
from deepisp.data.sid import Pair
from deepisp.data.sid_protocol import Levels
from deepisp.develop.pipeline import develop
from deepisp.develop.settings import Settings
from deepisp.networks import zoo
from deepisp.raw.image import RawImage
from deepisp.raw.read import read
from deepisp.sensor import cfa as cfa_cell
from deepisp.train import metrics

Method = Callable[[RawImage, float], NDArray[np.float32]]
Made = TypeVar("Made")

_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


class Figures(NamedTuple):
    """Means over pairs.

    Attributes:
        psnr: dB.
        ssim: see above.
        ssim_uniform: likewise.
        ssim_gray: likewise.
        pairs: how many.
    """

    psnr: float
    ssim: float
    ssim_uniform: float
    ssim_gray: float
    pairs: int


def score(method: Method, pairs: Iterable[Pair]) -> dict[int | None, Figures]:
    """Run a method over pairs.

    Args:
        method: a short exposure and its exposure ratio to a display-coded picture (H, W, 3), 0 to 1, from the top left
            of the active area; it may leave out parts of cells at the bottom and on the right.
        pairs: of `sid.pairs`.

    Returns:
        By exposure ratio, rounded; of all pairs at None.

    Raises:
        ValueError: there is no pair, or a picture that is larger than its truth.
        RawError: a file gives no picture.
    """
    rows: list[tuple[int, list[float]]] = []
    for pair in pairs:
        output = method(read(pair.short), pair.exposure_ratio)
        truth = sid_protocol.ground_truth(pair.long)
        if any(one < other for one, other in zip(truth.shape, output.shape, strict=True)):
            raise ValueError(
                f"{pair.short}: {output.shape}, larger than the truth's {truth.shape}; not turned?"
            )
        same = truth[: output.shape[0], : output.shape[1]]
        rows.append((round(pair.exposure_ratio), compared(output, same)))
    return by_ratio(rows, Figures)


def by_ratio(rows: list[tuple[int, list[float]]], figures: Callable[..., Made]) -> dict[int | None, Made]:
    """Figures of means, and of how many they are, by exposure ratio; of all at None.

    Raises:
        ValueError: there are none.

    >>> by_ratio([(100, [1.0]), (100, [2.0]), (250, [6.0])], lambda *means_and_count: means_and_count)
    {100: (1.5, 2), 250: (6.0, 1), None: (3.0, 3)}
    """
    if not rows:
        raise ValueError("no pairs to evaluate on; name a split that has some")
    found: dict[int | None, Made] = {}
    for ratio in (*sorted({ratio for ratio, _ in rows}), None):
        of = [means for one, means in rows if ratio in (None, one)]
        found[ratio] = figures(*np.mean(of, 0).tolist(), len(of))
    return found


def named(model: str, levels: Levels, *, threads: int | None = None) -> Method:
    """A network by the name of a shipped one, or by the path of weights.

    Args:
        model: of the authors' network, or of one that `develop` runs.
        levels: of the data set.
        threads: of what `develop` does; all cores if None. The authors' network has those that torch is set to.

    Raises:
        ValueError: no such weights, of another network, or of chen's that learned another truth; when the method is
            called, for another sensor.
    """
    network = zoo.named(model).network
    return chen(Path(model), levels) if network == "chen" else ours(model, levels, threads=threads)


def ours(model: str, levels: Levels, *, threads: int | None = None) -> Method:
    """deepisp's own development with a network, up to linear sRGB, coded as LibRaw codes the truth.

    Args:
        model: the name of a shipped network, or the path of weights; a size, such as fast, has one for each kind of
            sensor.
        levels: of the data set.
        threads: all cores if None.

    Raises:
        ValueError: weights of a network that `develop` does not run, or, when the method is called, for another sensor.
    """
    zoo.own(zoo.named(model), model)
    plain = Settings(
        model=model, tone="none", color="linear-srgb", bits=32, lens=False, highlights="clip",
        black=_same(levels.black), white=_same(levels.white),
    )  # fmt: skip

    def developed(raw: RawImage, exposure_ratio: float) -> NDArray[np.float32]:
        # `develop` would take another network for another sensor, and the figures would not be those of this one.
        _check_sensor(zoo.for_sensor(cfa_cell.kind(raw.active_cfa), model) or model, raw)
        upright = replace(raw, orientation=1)  # the truth is cut to planes, which are not turned
        light = develop(
            upright, plain, dark=max(exposure_ratio, 1.0), device="cpu", threads=threads, warn=lambda _: None
        )
        coded: NDArray[Any] = spaces.encode(np.clip(light, 0, 1), "bt2020")  # the curve of Rec. 709, too
        return coded.astype(np.float32)

    return developed


def _check_sensor(model: str, raw: RawImage) -> None:
    own, found = (cfa_cell.kind(cfa) for cfa in (zoo.named(model).cfa, raw.active_cfa))
    if own != found:
        raise ValueError(f"{model}: for {own} sensors, the file is of a {found} one")


def _same(level: float | NDArray[np.float64]) -> float:
    return float(np.mean(level))


def chen(path: Path, levels: Levels) -> Method:
    """The authors' network with these weights.

    Args:
        path: weights, as deepisp convert-weights makes them.
        levels: of the data set.

    Raises:
        ValueError: weights of another network, or that learned another truth; when the method is called, for another
            sensor.
    """
    import torch

    from deepisp.networks import family
    from deepisp.networks.chen import Chen

    weights = zoo.named(str(path))
    net = family.of(weights)
    if not isinstance(net, Chen):
        raise ValueError(
            f"{path}: a {weights.network} network; make weights of See-in-the-Dark's by convert-weights"
        )
    if weights.truth != "pictures":
        raise ValueError(
            f"{path}: learned light, this protocol is of pictures; convert it again, train it with --truth pictures, "
            "or measure it with --raw"
        )

    def developed(raw: RawImage, exposure_ratio: float) -> NDArray[np.float32]:
        _check_sensor(str(path), raw)
        planes = sid_protocol.network_input(raw, exposure_ratio, levels)
        with torch.inference_mode():
            made = net.developed(torch.from_numpy(planes)[None])[0]
        return np.ascontiguousarray(made.clamp(0, 1).movedim(0, -1).numpy())

    return developed


def compared(output: NDArray[Any], truth: NDArray[Any]) -> list[float]:
    """PSNR and the three SSIMs of two pictures (H, W, 3) of 0 to 1, brought to 8 bits first.

    >>> compared(np.full((16, 16, 3), 0.5), np.full((16, 16, 3), 0.5001))
    [inf, 1.0, 1.0, 1.0]
    """
    try:
        from skimage.metrics import structural_similarity
    except ImportError as error:
        raise ValueError(f"one SSIM is scikit-image's: {error}; pip install scikit-image") from error
    one, other = (eight_bits(picture) / 255.0 for picture in (output, truth))
    gray = [picture @ _LUMA[:, None] for picture in (one, other)]
    uniform = structural_similarity(one, other, data_range=1.0, channel_axis=-1)  # type: ignore[no-untyped-call]
    return [
        metrics.psnr(one, other, border=0),
        metrics.ssim(one, other, border=0),
        float(uniform),
        metrics.ssim(*gray, border=0),
    ]


def eight_bits(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """As the authors save it, by SciPy's toimage: clipped, rounded half up.

    >>> eight_bits(np.array([-1, 0.49 / 255, 0.5 / 255, 2])).tolist()
    [0, 0, 1, 255]
    """
    rounded: NDArray[np.uint8] = (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
    return rounded
