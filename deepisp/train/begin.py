"""A run from what lies on disk: pictures, bursts, features of the caller's own, on the processes that there are."""

from collections.abc import Collection
from pathlib import Path

from deepisp.data import bursts, crops, dark, pictures
from deepisp.develop import tensors
from deepisp.train import dark as dark_task
from deepisp.train import jdd, noise2noise, run, spread
from deepisp.train.perceptual import Perceptual
from deepisp.train.settings import TrainSettings


def from_disk(
    settings: TrainSettings,
    data: Collection[Path],
    *,
    burst_folders: Collection[Path] = (),
    device: str = "auto",
) -> tuple[run.Run, str]:
    """A run at step 0, and a line on what it learns from.

    Args:
        settings: of the run.
        data: clean pictures, and folders of them.
        burst_folders: folders of raw files of one still scene each, or of such folders; for `settings.noisy`.
        device: auto, cpu, cuda or cuda:N; where torchrun started several processes, each has its own GPU.

    Raises:
        ValueError: nothing to learn from, or something that does not go together; see data/crops.py, data/bursts.py.
        tensors.NoDevice: torch does not find it.
    """
    if bool(burst_folders) != bool(settings.noisy):
        raise ValueError("bursts and noisy go together: give both or none")
    processes = spread.started(cpu=device == "cpu")
    place = processes.device if isinstance(processes, spread.Processes) else tensors.device_of(device)
    files = crops.files(data)
    drawn = crops.Crops.of((pictures.load(path) for path in files), settings.crop, device=place)
    features = Perceptual.named(settings.features, device=place) if settings.features else None
    clean = task(settings, drawn, features)
    learned: run.Task = clean
    about = f"{len(files)} pictures, {len(drawn.pixels) / 1e6:.1f} MP"
    if burst_folders:
        found = (bursts.load(folder) for folder in bursts.folders(burst_folders))
        frames = bursts.Bursts.of(found, settings.crop, settings.cfa, device=place)
        learned = noise2noise.Task(clean, frames)
        about += f", {len(frames)} bursts"
    return run.Run.begun(settings, learned, processes), f"{about}, on {processes.count} x {place}"


def task(settings: TrainSettings, drawn: crops.Crops, features: Perceptual | None = None) -> jdd.Task:
    """What a network of these settings learns of clean pictures.

    Raises:
        ValueError: no such protocol of dark pictures.
    """
    if settings.dark is None:
        return jdd.Task(settings, drawn, perceptual=features)
    known = dark.protocol(settings.dark)
    simulator = dark.DarkSimulator.of(known, settings.cfa)
    return dark_task.Task(settings, drawn, perceptual=features, simulator=simulator)
