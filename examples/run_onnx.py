"""A mosaic to color by an exported network, with neither deepisp nor torch: NumPy, Pillow and onnxruntime are enough.

    deepisp export fast -o fast.onnx
    python examples/run_onnx.py fast.onnx mosaic.png picture.png 0.02

The mosaic is a gray PNG of 8 or 16 bits, RGGB from its corner, white balanced and without black level; the last
number is its noise, as a standard deviation of values from 0 to 1 (0 if left out).
"""

import sys

import numpy as np
import onnxruntime
from PIL import Image


def develop(model: str, mosaic: np.ndarray, deviation: float) -> np.ndarray:
    """RGB (H, W, 3) float32 of a mosaic (H, W) from 0 to 1."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    about = session.get_modelmeta().custom_metadata_map
    if about["cfa"] != "RGGB":
        raise SystemExit(f"error: {model}: its mosaics begin with {about['cfa']}, not RGGB")
    halo, unit = int(about["halo"]), int(about["multiple"])  # even, so reflected photosites keep their color
    height, width = mosaic.shape
    sides = [(halo, halo + -(side + 2 * halo) % unit) for side in mosaic.shape]
    padded = np.pad(mosaic, sides, mode="reflect")[None, None].astype(np.float32)
    [rgb] = session.run(["rgb"], {"mosaic": padded, "sigma": np.full_like(padded, deviation)})
    return rgb[0, :, halo : halo + height, halo : halo + width].transpose(1, 2, 0)


if __name__ == "__main__":
    model, source, target, *rest = sys.argv[1:]
    with Image.open(source) as picture:
        stored = np.asarray(picture)
    if stored.ndim != 2 or stored.dtype not in (np.uint8, np.uint16):
        raise SystemExit(f"error: {source}: a mosaic is a gray PNG of 8 or 16 bits, got {picture.mode}")
    mosaic = stored / np.float32(np.iinfo(stored.dtype).max)
    rgb = develop(model, mosaic, float(rest[0]) if rest else 0.0)
    Image.fromarray(np.round(rgb.clip(0, 1) * 255).astype(np.uint8)).save(target)
