"""One raw file by every method, side by side at 1:1, to look at: `python tools/contact_sheet.py photo.dng sheet.png`.

Run it when a stage has changed. The first row is the whole picture by the default rendering and by rawpy; below, a
crop by every demosaicing method and by every way to end highlights.
"""

import argparse
from pathlib import Path

import numpy as np
import rawpy
from PIL import Image, ImageDraw

import deepisp
from deepisp.develop.demosaic.methods import METHODS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("raw", type=Path)
    parser.add_argument("sheet", type=Path)
    parser.add_argument(
        "--at", type=float, nargs=2, default=(0.5, 0.5), metavar=("X", "Y"), help="center of the crop"
    )
    parser.add_argument("--side", type=int, default=320, help="pixels of the crop")
    asked = parser.parse_args()
    raw = deepisp.read(asked.raw)
    tiles = [
        ("default", _fitted(deepisp.develop(raw), asked.side)),
        ("rawpy", _fitted(_peer(asked.raw), asked.side)),
    ]
    known = {"bilinear", "malvar", "menon"} & set(METHODS[raw.kind]) or {"auto"}
    for method in sorted(known):
        tiles.append((f"demosaic {method}", _crop(deepisp.develop(raw, demosaic=method), asked)))
    for mode in ("clip", "blend", "reconstruct"):
        tiles.append((f"highlights {mode}", _crop(deepisp.develop(raw, highlights=mode), asked)))
    tiles.append(("tone none", _crop(deepisp.develop(raw, tone="none"), asked)))
    _sheet(tiles, asked.side).save(asked.sheet)


def _peer(path: Path) -> np.ndarray:
    try:
        with rawpy.imread(str(path)) as raw:
            return raw.postprocess(use_camera_wb=True)
    except rawpy.LibRawError:
        return np.zeros((8, 8, 3), np.uint8)


def _fitted(pixels: np.ndarray, side: int) -> Image.Image:
    picture = Image.fromarray(pixels)
    picture.thumbnail((side, side))
    return picture


def _crop(pixels: np.ndarray, asked: argparse.Namespace) -> Image.Image:
    height, width = pixels.shape[:2]
    left = round(asked.at[0] * max(0, width - asked.side))
    top = round(asked.at[1] * max(0, height - asked.side))
    return Image.fromarray(np.ascontiguousarray(pixels[top : top + asked.side, left : left + asked.side]))


def _sheet(tiles: list[tuple[str, Image.Image]], side: int) -> Image.Image:
    across, label = 4, 16
    rows = -(-len(tiles) // across)
    sheet = Image.new("RGB", (across * side, rows * (side + label)), "white")
    draw = ImageDraw.Draw(sheet)
    for i, (name, tile) in enumerate(tiles):
        x, y = i % across * side, i // across * (side + label)
        draw.text((x + 4, y + 2), name, fill="black")
        sheet.paste(tile, (x, y + label))
    return sheet


if __name__ == "__main__":
    main()
