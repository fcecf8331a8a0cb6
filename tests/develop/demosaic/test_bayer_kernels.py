"""The Bayer kernels and their twins on tensors, against colour-demosaicing, LibRaw and published figures."""

import subprocess
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import rawpy
import tifffile
import torch
from numpy.typing import NDArray
from PIL import Image

from deepisp.develop.demosaic import bayer, bayer_kernels
from deepisp.sensor import cfa as cfa_cell

Array = NDArray[np.float32]

every_cfa = pytest.mark.parametrize("cfa", cfa_cell.BAYER)
every_method = pytest.mark.parametrize("name", bayer_kernels.HALO)
both = pytest.mark.parametrize("twin", ["kernel", "tensor"])


def by_kernel(name: str, mosaic: Array, cfa: str, band: int | None = None) -> Array:
    """(3, H, W) of a whole picture, in bands of rows and in threads as the pipeline works."""
    halo, (height, width) = bayer_kernels.HALO[name], mosaic.shape
    padded = bayer_kernels.reflect(mosaic, halo)
    out = np.full((3, height, width), np.nan, np.float32)
    red_row, red_column = divmod(cfa.index("R"), 2)

    def run(top: int) -> None:
        rows = padded[top : min(top + (band or height), height) + 2 * halo]
        method: Callable[..., None] = getattr(bayer_kernels, name)
        method(rows, (red_row + top) % 2, red_column, out[:, top : top + (band or height)])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, range(0, height, band or height)))
    return out


def by_tensor(name: str, mosaic: Array, cfa: str) -> Array:
    return np.asarray(getattr(bayer, name)(torch.from_numpy(mosaic)[None], cfa))


TWINS: dict[str, Callable[[str, Array, str], Array]] = {"kernel": by_kernel, "tensor": by_tensor}


def by_colour(name: str, mosaic: Array, cfa: str, frame: int = 16) -> NDArray[np.float64]:
    """colour-demosaicing (0.2.7) in float64 on the mosaic within a wide frame of its own reflection.

    Without a frame bilinear and malvar repeat the edge, which puts two rows of the same colors side by side, and
    menon reflects as we do, but takes no differences from outside when it chooses a direction.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports scipy.ndimage.filters, which SciPy has renamed
        import colour_demosaicing
    method = {
        "bilinear": colour_demosaicing.demosaicing_CFA_Bayer_bilinear,
        "malvar": colour_demosaicing.demosaicing_CFA_Bayer_Malvar2004,
        "menon": colour_demosaicing.demosaicing_CFA_Bayer_Menon2007,
    }[name]
    rgb = np.asarray(method(np.pad(mosaic.astype(np.float64), frame, mode="reflect"), cfa))
    return rgb[frame : frame + mosaic.shape[0], frame : frame + mosaic.shape[1]].transpose(2, 0, 1)


def steps(height: int, width: int) -> Array:
    """Random multiples of 1/256: their sums are exact in any order, so that menon's ties are ties everywhere."""
    drawn = np.random.default_rng(height * 1000 + width).integers(-64, 256, (height, width))
    return (drawn / 256).astype(np.float32)


def picture(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def sampled(rgb: NDArray[np.uint8], cfa: str) -> NDArray[np.uint8]:
    height, width = rgb.shape[:2]
    channel = np.tile(cfa_cell.indices(cfa), (height, width))[:height, :width, None]
    return np.take_along_axis(rgb, channel, axis=2)[..., 0]


@both
@every_method
@pytest.mark.parametrize("height", range(2, 21))
def test_every_size_agrees_with_colour_demosaicing(name: str, height: int, twin: str) -> None:
    for width in {2, height, 22 - height, 23 - height} & set(range(2, 21)):
        mosaic, cfa = steps(height, width), cfa_cell.BAYER[(height + width // 2) % 4]
        seen, expected = TWINS[twin](name, mosaic, cfa), by_colour(name, mosaic, cfa)
        np.testing.assert_allclose(seen, expected, rtol=0, atol=1e-6, err_msg=f"{height} x {width} {cfa}")


@pytest.mark.data
@both
@every_cfa
@pytest.mark.parametrize("name", ["malvar", "menon"])
def test_kodak_agrees_with_colour_demosaicing(name: str, cfa: str, twin: str, data: Path) -> None:
    # /256 and not /255: 8-bit pictures are full of ties between menon's directions. In multiples of 1/256 every
    # implementation sees them; in those of 1/255 float64's own rounding errors would break them in the reference.
    for number in ("05", "19"):
        mosaic = sampled(picture(data / f"pictures/bench/kodak/kodim{number}.webp"), cfa) / np.float32(256)
        seen = TWINS[twin](name, mosaic, cfa)
        np.testing.assert_allclose(seen, by_colour(name, mosaic, cfa), rtol=0, atol=1e-4)
        if twin == "kernel" and number == "05":
            border = {"malvar": 2, "menon": 6}[name]  # as far as colour-demosaicing's own borders reach
            inner = (slice(None), slice(border, -border), slice(border, -border))
            np.testing.assert_allclose(
                seen[inner], by_colour(name, mosaic, cfa, frame=0)[inner], rtol=0, atol=1e-4
            )


def cpsnr(seen: Array, truth: NDArray[np.uint8]) -> float:
    error = np.clip(seen, 0, 1).astype(np.float64) - truth.transpose(2, 0, 1) / 255
    return float(-10 * np.log10(np.mean(error[:, 10:-10, 10:-10] ** 2)))


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "benchmark", "pictures", "expected"),
    [
        # colour-demosaicing 0.2.7 and OpenCV (bilinear) on RGGB mosaics of 8-bit sRGB / 255, clipped to [0, 1], 10 px
        # of border cut, mean of the pictures' dB; measured 2026-11-20.
        ("bilinear", "kodak", 24, 30.25),
        ("bilinear", "mcmaster", 18, 32.31),
        ("malvar", "kodak", 24, 35.79),
        ("malvar", "mcmaster", 18, 34.45),
        ("menon", "kodak", 24, 39.31),
        ("menon", "mcmaster", 18, 34.21),
    ],
)
def test_quality_is_that_of_the_reference(
    name: str, benchmark: str, pictures: int, expected: float, data: Path
) -> None:
    paths = sorted((data / "pictures/bench" / benchmark).glob("*.webp"))
    assert len(paths) == pictures
    truths = [picture(path) for path in paths]
    seen = [cpsnr(by_kernel(name, sampled(t, "RGGB") / np.float32(255), "RGGB"), t) for t in truths]
    assert np.mean(seen) == pytest.approx(expected, abs=0.05)


def dng(path: Path, mosaic: NDArray[np.uint16], cfa: str) -> Path:
    """A DNG whose camera colors are as neutral as LibRaw lets them be: black 0, white 65535, unit white balance."""
    letters = bytes("RGB".index(letter) for letter in cfa)
    identity = [value for row in np.eye(3, dtype=int).tolist() for cell in row for value in (cell, 1)]
    tags = [
        (33421, "H", 2, (2, 2)),  # CFARepeatPatternDim
        (33422, "B", 4, letters),  # CFAPattern
        (50706, "B", 4, bytes((1, 4, 0, 0))),  # DNGVersion
        (50708, "s", 0, "deepisp test"),  # UniqueCameraModel
        (50714, "H", 1, 0),  # BlackLevel
        (50717, "H", 1, 65535),  # WhiteLevel
        (50721, "2i", 9, identity),  # ColorMatrix1
        (50728, "2I", 3, (1,) * 6),  # AsShotNeutral
        (50778, "H", 1, 21),  # CalibrationIlluminant1: D65
    ]
    tifffile.imwrite(path, mosaic, photometric=32803, extratags=[(*tag, True) for tag in tags], metadata=None)
    return path


@both
@every_cfa
def test_bilinear_is_that_of_libraw(cfa: str, twin: str, tmp_path: Path) -> None:
    mosaic = np.random.default_rng(4).integers(0, 65536, (60, 82), dtype=np.uint16)
    with rawpy.imread(str(dng(tmp_path / "noise.dng", mosaic, cfa))) as raw:
        np.testing.assert_array_equal(raw.raw_image_visible, mosaic)
        libraw = raw.postprocess(
            demosaic_algorithm=rawpy.DemosaicAlgorithm.LINEAR,
            output_color=rawpy.ColorSpace.raw,
            output_bps=16,
            gamma=(1, 1),
            user_wb=[1, 1, 1, 1],
            no_auto_bright=True,
            no_auto_scale=True,
            user_flip=0,
        )
    seen = TWINS[twin]("bilinear", mosaic.astype(np.float32), cfa)[:, 2:-2, 2:-2]
    np.testing.assert_allclose(seen, libraw.transpose(2, 0, 1)[:, 2:-2, 2:-2], rtol=0, atol=1)


@every_method
@every_cfa
@pytest.mark.parametrize("width", [300, 301])
def test_the_cut_into_bands_does_not_show(name: str, cfa: str, width: int) -> None:
    mosaic = np.random.default_rng(5).normal(0.3, 0.4, (333, width)).astype(np.float32)
    whole = by_kernel(name, mosaic, cfa)
    assert np.isfinite(whole).all()
    for band in (64, 100, 37, 1):
        assert np.array_equal(by_kernel(name, mosaic, cfa, band), whole), band


@every_method
def test_a_broken_photosite_stays_in_its_neighborhood(name: str) -> None:
    mosaic, halo = steps(40, 40), bayer_kernels.HALO[name]
    clean = by_kernel(name, mosaic, "RGGB")
    mosaic[20, 20] = np.nan
    broken = by_kernel(name, mosaic, "RGGB")
    away = np.ones((40, 40), bool)
    away[20 - halo : 21 + halo, 20 - halo : 21 + halo] = False
    assert np.array_equal(broken[:, away], clean[:, away])
    assert np.isnan(broken[:, 20, 20]).any()


@every_method
def test_a_wrong_band_is_refused(name: str) -> None:
    method, halo = getattr(bayer_kernels, name), bayer_kernels.HALO[name]
    padded, out = np.zeros((6 + 2 * halo, 8 + 2 * halo), np.float32), np.zeros((3, 6, 8), np.float32)
    for wrong in (padded[1:], padded.astype(np.float64)):
        with pytest.raises(ValueError, match="pad the band by HALO"):
            method(wrong, 0, 0, out)
    with pytest.raises(ValueError, match="pad the band by HALO"):
        method(padded, 0, 0, out.astype(np.float64))
    with pytest.raises(ValueError, match="cut bands by rows only"):
        method(padded, 0, 0, np.zeros((3, 6, 9), np.float32)[:, :, :8])
    with pytest.raises(ValueError, match="cut bands by rows only"):
        method(np.asfortranarray(padded), 0, 0, out)


def test_neither_twin_loads_torch() -> None:
    code = "import sys; from deepisp.develop.demosaic import bayer, bayer_kernels; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
