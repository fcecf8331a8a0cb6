"""Make the weights that deepisp ships: one command, from clean pictures to files, checksums and model cards.

    python tools/train_shipped.py --data PICTURES/train --bench PICTURES/kodak --bench PICTURES/mcmaster [NAME …]

deepisp/networks/weights/NAME.toml says how each is trained; its table [refine], if there is one, is what a second run
does otherwise, which begins with the weights of the first. Runs live in runs/shipped/NAME and NAME-refined, and go on
where they were.
A GPU is used where there is one. Pictures to train on may be capped (--most-mib) by a draw that depends on the seed
alone; the hash of what was drawn stands in the card. The bench is measured after training and decides nothing.
"""

import json
import random
import tomllib
from pathlib import Path
from typing import NamedTuple

import click
import model_card
import tomlkit
import torch

from deepisp.data import crops, pictures
from deepisp.develop import tensors
from deepisp.networks import zoo
from deepisp.sensor import cfa as cfa_cell
from deepisp.train import begin, loop, settings
from deepisp.train.run import Run

INDEX = zoo.FOLDER / "index.toml"


@click.command()
@click.argument("names", nargs=-1)
@click.option("--data", multiple=True, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--bench", multiple=True, type=click.Path(path_type=Path, exists=True))
@click.option("--runs", default=Path("runs/shipped"), show_default=True, type=click.Path(path_type=Path))
@click.option("--device", default="auto", show_default=True)
@click.option("--threads", default=1, show_default=True, help="of the CPU; results differ in the last digits")
@click.option("--most-mib", type=float, help="take a seeded draw of so many MiB of the pictures")
@click.option("--stop-at", type=int, help="stop each run at this step, with a checkpoint, and ship nothing")
def main(names: tuple[str, ...], data: tuple[Path, ...], bench: tuple[Path, ...], runs: Path, device: str,
         threads: int, most_mib: float | None, stop_at: int | None) -> None:  # fmt: skip
    """Train the named networks, or all."""
    torch.set_num_threads(threads)
    for name in names or sorted(path.stem for path in zoo.FOLDER.glob("*.toml") if path != INDEX):
        files = drawn(crops.files(data), most_mib, stages(name, runs)[0].settings.seed)
        for one in stages(name, runs):
            train(name, one.settings, files, one.folder, device=device, stop_at=stop_at)
            if stop_at is not None:
                break
        else:
            ship(name, one.settings, files, one.folder, bench)


class Stage(NamedTuple):
    """A run of a network's training, and where it lives."""

    settings: settings.TrainSettings
    folder: Path


def stages(name: str, runs: Path) -> list[Stage]:
    """The run of a network, and the one that refines it."""
    table = tomllib.loads((zoo.FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    refining = table.pop("refine", None)
    found = [Stage(settings.TrainSettings(**table), runs / name)]
    if refining:
        begun = str(runs / name / "weights.safetensors")
        refined = settings.TrainSettings(**table | refining | {"start": begun})
        found.append(Stage(refined, runs / f"{name}-refined"))
    return found


def drawn(files: list[Path], most_mib: float | None, seed: int) -> list[Path]:
    """Files at random until so many MiB are full; all if there is no limit."""
    if most_mib is None:
        return files
    shuffled = random.Random(seed).sample(files, len(files))
    room, kept = most_mib * 2**20, []
    for path in shuffled:
        room -= path.stat().st_size
        if room < 0:
            break
        kept.append(path)
    return sorted(kept)


def train(name: str, asked: settings.TrainSettings, files: list[Path], folder: Path, *, device: str,
          stop_at: int | None) -> None:  # fmt: skip
    """Run to the end, and leave weights in the run's folder."""
    place = tensors.device_of(device)
    squares = crops.Crops.of((pictures.load(path) for path in files), asked.crop, device=place)
    run = Run.begun(asked, begin.task(asked, squares))

    def say(line: dict[str, float]) -> None:
        if line["step"] % 1000 == 0:
            click.echo(f"{name} {json.dumps(line)}", err=True)

    loop.train(run, folder, say=say, stop_at=stop_at)
    zoo.save(folder / "weights.safetensors", run.weights())


def ship(
    name: str, asked: settings.TrainSettings, files: list[Path], folder: Path, bench: tuple[Path, ...]
) -> None:
    """Put the weights in their place, with their checksum and their card."""
    weights = zoo.load(folder / "weights.safetensors")
    target = zoo.FOLDER / f"{name}.safetensors"
    digest = zoo.save(target, weights)
    index = tomlkit.parse(INDEX.read_text(encoding="utf-8"))
    index[name] = {"file": target.name, "sha256": digest, "kind": cfa_cell.kind(asked.cfa)}
    INDEX.write_text(tomlkit.dumps(index), encoding="utf-8")
    zoo.entries.cache_clear()
    (zoo.FOLDER / f"{name}.md").write_text(model_card.card(name, asked, files, weights, bench))
    click.echo(f"{name}: {target.stat().st_size} bytes, SHA-256 {digest}")


if __name__ == "__main__":
    main()
