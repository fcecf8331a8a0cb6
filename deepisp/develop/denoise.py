"""Files that come demosaiced, denoised by the network of mosaics: it sees each of the four Bayer mosaics in them.

    balanced RGB ─► RGGB, GRBG, GBRG, BGGR of it ─► network ─► their mean ─► stored values

Each value of red and blue is seen once and each of green twice, so nothing that was there is lost; what the network
must fill in for one mosaic it sees in the next. It costs four times a mosaic of the size, so it is for files whose
noise is known and can be seen, see network_choice.py; and it is done on the CPU, whatever device develops the file.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepisp.develop.demosaic import methods
from deepisp.develop.demosaic.edges import padding_indices
from deepisp.develop.plan import Plan
from deepisp.sensor import cfa as cfa_cell


def denoised(plan: Plan, *, threads: int = 1) -> NDArray[np.float32]:
    """The stored values of a plan's demosaiced file, (H, W, 3), with the share `strength` of their noise taken out.

    Args:
        plan: of such a file, with a network.
        threads: that share the bands; the result does not depend on it.
    """
    height, width = plan.values.shape[:2]
    networks = [(cfa, methods.network(plan.network, cfa, threads=threads)) for cfa in cfa_cell.BAYER]
    halo, rows = networks[0][1].halo, networks[0][1].rows
    black, scale = (np.asarray(cell[0], np.float32) for cell in plan.levels)
    scale = scale * plan.gains.astype(np.float32)
    columns = padding_indices(-halo, width + halo, width, 2)
    result = np.empty(plan.values.shape, np.float32)

    def band(start: int) -> None:
        stop = min(start + rows, height)
        around = padding_indices(start - halo, stop + halo, height, 2)
        light = ((plan.values[around] - black) * scale)[:, columns].astype(np.float32)
        made = np.zeros((3, stop - start, width), np.float32)
        out = np.empty_like(made)
        for cfa, network in networks:
            assert network.denoise is not None  # networks do
            mosaic, sigma = _mosaic(light, plan, cfa)
            network.denoise(mosaic, sigma, out)
            made += out / len(networks)
        before = light[halo : halo + stop - start, halo : halo + width]
        after = before + plan.settings.strength * (made.transpose(1, 2, 0) - before)
        result[start:stop] = after / scale + black

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(band, range(0, height, rows)))
    return result


def _mosaic(light: NDArray[np.float32], plan: Plan, cfa: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """What a sensor of this CFA would have seen of balanced colors (H, W, 3), and the deviation of its noise."""
    colors = cfa_cell.tiled(cfa_cell.indices(cfa), *light.shape[:2])
    mosaic = np.take_along_axis(light, colors[..., None], 2)[..., 0]
    shot, read = np.array(plan.noise, np.float32).T
    return mosaic, np.sqrt(np.maximum(mosaic, 0) * shot[colors] + read[colors])
