"""A run from what lies on disk: pictures, bursts, packed pairs, features of the caller's own; on its processes."""

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import torch

from deepisp.data import bursts, crops, dark, pictures
from deepisp.develop import tensors
from deepisp.train import dark as dark_task
from deepisp.train import jdd, noise2noise, optimizers, run, sid, spread
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
    optimizers.check(settings)
    if settings.truth != "light":
        raise ValueError("truth is of real pairs, see deepisp train sid; leave it out")
    if bool(burst_folders) != bool(settings.noisy):
        raise ValueError("bursts and noisy go together: give both or none")
    workers = _workers(device)
    files = crops.files(data)
    drawn = crops.Crops.of((pictures.load(path) for path in files), settings.crop, device=workers.place)
    clean = task(settings, drawn, _features(settings, workers))
    learned: run.Task = clean
    about = f"{len(files)} pictures, {len(drawn.pixels) / 1e6:.1f} MP"
    if burst_folders:
        found = (bursts.load(folder) for folder in bursts.folders(burst_folders))
        frames = bursts.Bursts.of(found, settings.crop, settings.cfa, device=workers.place)
        learned = noise2noise.Task(clean, frames)
        about += f", {len(frames)} bursts"
    return workers.begun(settings, learned, about)


def from_packed(
    settings: TrainSettings, path: Path, *, device: str = "auto", is_resident: bool = False
) -> tuple[run.Run, str]:
    """A run at step 0 on pairs of a packed file, and a line on what it learns from.

    Args:
        settings: of the run; the CFA is the file's, see sid_settings.py for what is left out.
        path: as `deepisp datasets pack` makes it.
        device: as for `from_disk`.
        is_resident: hold all crops in the memory of the device; otherwise those of a batch are read as they are drawn.

    Raises:
        ValueError: no packed file, or one that the settings or the network do not fit; see train/sid.py.
        tensors.NoDevice: torch does not find it.
        OSError: the file cannot be read.
    """
    optimizers.check(settings)
    fitted = sid.fitted(settings, path)
    packed = sid.opened(fitted, path)
    workers = _workers(device)
    drawn = packed.resident(workers.place) if is_resident else packed
    learned = sid.Task(fitted, drawn, perceptual=_features(fitted, workers), place=workers.place)
    where = "in memory" if is_resident else "read as they are drawn"
    about = f"{len(packed.pairs.frames)} pairs, {len(packed)} crops of {fitted.cfa}, {where}"
    about += ", truths are LibRaw's pictures" if packed.is_published else ""
    return workers.begun(fitted, learned, about)


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


class _Workers(NamedTuple):
    """The processes, and the device of this one."""

    processes: spread.Spread
    place: torch.device

    def begun(self, settings: TrainSettings, learned: run.Task, about: str) -> tuple[run.Run, str]:
        begun = run.Run.begun(settings, learned, self.processes)
        return begun, f"{about}, on {self.processes.count} x {self.place}"


def _workers(device: str) -> _Workers:
    processes = spread.started(cpu=device == "cpu")
    place = processes.device if isinstance(processes, spread.Processes) else tensors.device_of(device)
    return _Workers(processes, place)


def _features(settings: TrainSettings, workers: _Workers) -> Perceptual | None:
    return Perceptual.named(settings.features, device=workers.place) if settings.features else None
