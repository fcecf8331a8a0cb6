"""A run that can be stopped at any moment and goes on as if it had not been: all of its state in a file.

`latest` falls back to the checkpoint before, should the last one be damaged. Weights are read without pickle's code.
"""

import io
import pickle
from pathlib import Path
from typing import Any

import torch

from deepisp.picture import atomic

KEPT = 2
State = dict[str, Any]


def save(folder: Path, step: int, state: State) -> Path:
    """Write the state of a run after so many steps, whole or not at all; older ones but the last go."""
    buffer = io.BytesIO()
    torch.save(state | {"step": step}, buffer)
    path = _path(folder, step)
    atomic.commit(path, buffer.getbuffer())
    for old in found(folder)[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def found(folder: Path) -> list[Path]:
    """Checkpoints of a run, the latest last."""
    return sorted(folder.glob("checkpoint-*.pt"))


def latest(folder: Path) -> State | None:
    """The state to go on from, on the CPU; None if there is none. A damaged one is passed over.

    Raises:
        ValueError: all that are there are damaged.
        OSError: one cannot be read.
    """
    every = found(folder)
    for path in reversed(every):
        try:
            state: State = torch.load(io.BytesIO(path.read_bytes()), map_location="cpu", weights_only=True)
        except (RuntimeError, EOFError, pickle.UnpicklingError):
            continue
        return state
    if every:
        raise ValueError(f"{folder}: all checkpoints are damaged; delete them to begin anew")
    return None


def drop_after(folder: Path, step: int) -> None:
    """Take away damaged checkpoints of later steps than the one that a run goes on from."""
    for path in found(folder):
        if path > _path(folder, step):
            path.unlink(missing_ok=True)


def _path(folder: Path, step: int) -> Path:
    return folder / f"checkpoint-{step:08d}.pt"
