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
    path = folder / f"checkpoint-{step:08d}.pt"
    atomic.commit(path, buffer.getbuffer())
    for old in found(folder)[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def found(folder: Path) -> list[Path]:
    """Checkpoints of a run, the latest last."""
    return sorted(folder.glob("checkpoint-*.pt"))


def latest(folder: Path, *, device: torch.device | str = "cpu") -> State | None:
    """The state to go on from; None if there is none."""
    for path in reversed(found(folder)):
        try:
            state: State = torch.load(path, map_location=device, weights_only=True)
        except (RuntimeError, EOFError, OSError, pickle.UnpicklingError):
            continue
        return state
    return None
