"""Model cards: what a shipped network is, what it was trained on, what it can do, measured on its weights."""

import json
import tomllib
from pathlib import Path
from typing import NamedTuple

from deepisp.data import crops, dark, pictures
from deepisp.data.dark import DarkSimulator
from deepisp.develop.demosaic import arrays
from deepisp.networks import zoo
from deepisp.sensor import cfa as cfa_cell
from deepisp.train import contenders, evaluate, evaluate_dark
from deepisp.train.settings import TrainSettings

SIGMAS = (0.0, 5.0, 10.0, 15.0, 20.0)


def card(
    name: str, asked: TrainSettings, files: list[Path], weights: zoo.Weights, bench: tuple[Path, ...]
) -> str:
    """The card of a network, Markdown; its figures are measured here."""
    config = tomllib.loads((zoo.FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    said = _dark(asked, bench, name) if asked.dark else _plain(asked, bench, name)
    return f"""# {name}

{said.title} of {cfa_cell.kind(asked.cfa)} mosaics: deepisp/networks/{asked.network}.py, {asked.width} channels,
{asked.blocks} blocks, {weights.parameters:,} parameters, {weights.size.kmac:.1f} kMAC a photosite.

* **Takes** a balanced mosaic (gray is equal in all colors) at any exposure, and the deviation of its noise at each
  photosite. **Gives** RGB in the same units.
* **Trained on** {len(files)} clean pictures, SHA-256 `{crops.digest(files)}`, by `tools/train_shipped.py {name}`:
  `{json.dumps(config)}`. {said.simulated}
* **Pictures' licences**, for the pictures that ours were trained on: CC BY-SA 4.0 (Cloudinary CID22), Unsplash License
  (some by way of CLIC 2025), Pexels License, CC0 1.0. No picture is contained.
* **Noise range**: up to a deviation of {weights.noise_most:.3f} of a signal of 0 to 1; beyond it deepisp warns.
* **Limits**: {said.limits}

{said.figures}
"""


class Said(NamedTuple):
    """What a card says of one kind of training, Markdown.

    Attributes:
        title: what the network does.
        simulated: how its mosaics came about.
        limits: what it cannot do.
        figures: a line on them, and their table.
    """

    title: str
    simulated: str
    limits: str
    figures: str


def _plain(asked: TrainSettings, bench: tuple[Path, ...], name: str) -> Said:
    figures = (
        f"CPSNR in dB / SSIM, by the protocol of deepisp/train/evaluate.py ({asked.cfa}, border 10), measured on these "
        f"weights:\n\n{_by_sigma(name, asked.cfa, bench)}"
    )
    if asked.clean == 1 and not asked.physical:
        return Said(
            "Demosaicing",
            "No noise.",
            "for arrays without noise alone (`deepisp.demosaic`, `deepisp evaluate jdd`); it leaves noise as it is,\n"
            "  and raw files always have some.",
            figures,
        )
    return Said(
        "Joint demosaicing and denoising",
        f"Simulated noise: white Gaussian of 0 to {asked.sigma:g}/255 on display-coded crops, shot and\n"
        "  read noise of UPI's range at 1 to 4 times less light on linear ones (deepisp/train/jdd.py).",
        "a sharp picture without noise is demosaiced best if no noise is told. Noise that is not white (rows, lossy\n"
        "  compression, a file that was denoised before) is not what it was trained on.",
        figures,
    )


def _by_sigma(name: str, cfa: str, bench: tuple[Path, ...]) -> str:
    """CPSNR and SSIM by set and noise."""
    lines = ["| set | pictures | " + " | ".join(f"sigma {one:g}" for one in SIGMAS) + " |"]
    lines.append("|---" * (len(SIGMAS) + 2) + "|")
    for place in bench:
        truths = [pictures.load(path) for path in crops.files([place])]
        found = [
            evaluate.score(lambda mosaic, sigma: arrays.demosaic(mosaic, cfa=cfa, noise=sigma, method=name),
                           truths, sigma=sigma, cfa=cfa, with_ssim=True)
            for sigma in SIGMAS
        ]  # fmt: skip
        cells = [f"{one.psnr:.2f} / {one.ssim:.4f}" for one in found]
        lines.append(f"| {place.name} | {len(truths)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _dark(asked: TrainSettings, bench: tuple[Path, ...], name: str) -> Said:
    known = dark.protocol(str(asked.dark))
    return Said(
        "Seeing in the dark: joint demosaicing and denoising",
        f"Simulated low light ({known.name}): {known.exposure_ratio[0]:g} to\n"
        f"  {known.exposure_ratio[1]:g} times less light on {', '.join(known.train.cameras)}, with photons, tails of\n"
        "  the read noise, rows and whole DN; shares that are made night scenes, and that lack less light:\n"
        f"  {known.train.nights:g}, {known.train.brighter:g} (deepisp/data/dark.py).",
        "where less than about three electrons tell light from dark it paints smooth color, not texture; where there\n"
        "  is more light, `fast` and `quality` keep more detail. Fixed patterns (dark shading, hot photosites) were\n"
        "  not in its training: a profile of the camera takes them off.",
        "PSNR in dB of raw values against the full exposure's, as they are / with the brightness corrected, by\n"
        f"`deepisp evaluate dark`, each fourth picture, measured on these weights:\n\n{_by_camera(name, known, bench)}",
    )


def _by_camera(name: str, known: dark.Protocol, bench: tuple[Path, ...]) -> str:
    """PSNR of raw values by set, camera and ratio."""
    ratios = known.test.ratios
    lines = ["| set | camera, ISO | " + " | ".join(f"x{ratio:g}" for ratio in ratios) + " |"]
    lines.append("|---" * (len(ratios) + 2) + "|")
    method = contenders.named(name)
    for place in bench:
        truths = [pictures.load(path) for path in crops.files([place])[::4]]
        for camera, iso in known.test.cameras.items():
            found = [
                evaluate_dark.score(method, truths, DarkSimulator((camera,), (iso, iso), (ratio, ratio)))
                for ratio in ratios
            ]
            cells = [f"{one.raw_psnr:.2f} / {one.corrected_psnr:.2f}" for one in found]
            lines.append(f"| {place.name} | {camera}, {iso:g} | {' | '.join(cells)} |")
    return "\n".join(lines)
