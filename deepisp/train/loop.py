"""Training from the first step, or from the latest checkpoint, to the end: what is learned is in run.py."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from deepisp.train import checkpoint
from deepisp.train.journal import Journal
from deepisp.train.run import Run, rate


class Diverged(RuntimeError):
    """The loss is no number any more."""


def train(
    run: Run,
    folder: Path,
    *,
    say: Callable[[dict[str, Any]], None] = lambda _: None,
    stop_at: int | None = None,
) -> None:
    """Train to the end, from the latest checkpoint in `folder` if there is one.

    Args:
        run: as at step 0. Of several processes, the first alone writes.
        folder: for checkpoints, log and samples; made if it is not there.
        say: gets each line of the log: step, loss, rate, crops a second.
        stop_at: a step at which to stop early, with a checkpoint.

    Raises:
        Diverged: the loss is not a number; the checkpoints before are kept.
        ValueError: the folder holds a run with other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = checkpoint.latest(folder)
    if state is not None:
        run.restore(state)
    run.spread.wait()  # none writes before all have read
    journal = None
    if run.spread.rank == 0:
        checkpoint.drop_after(folder, run.step)
        journal = Journal(folder, run.step)
    asked = run.settings
    end = min(asked.steps, stop_at or asked.steps)
    since, first, total = time.monotonic(), run.step, torch.zeros((), device=run.task.device)
    try:
        while run.step < end:
            total += run.advance()
            is_logged = run.step % asked.log_every == 0 or run.step == end
            is_saved = run.step % asked.save_every == 0 or run.step == end
            if not (is_logged or is_saved):
                continue
            line = _figures(run, float(total), run.step - first, time.monotonic() - since)
            if is_logged:
                if journal is not None:
                    journal.figures(line)
                    say(line)
                since, first = time.monotonic(), run.step
                total.zero_()
            if is_saved:
                _save(run, folder, journal)
    finally:
        if journal is not None:
            journal.close()


def _figures(run: Run, total: float, steps: int, took: float) -> dict[str, Any]:
    """A line of the log, of so many steps."""
    asked = run.settings
    loss = total / steps
    if not math.isfinite(loss):
        raise Diverged(f"the loss is {loss} at step {run.step}; a smaller rate than {asked.rate} may help")
    speed = asked.batch * steps / took
    return {"step": run.step, "loss": loss, "rate": rate(asked, run.step - 1), "crops_per_s": speed}


def _save(run: Run, folder: Path, journal: Journal | None) -> None:
    """A checkpoint, and what the network makes of the same few samples as ever."""
    state = run.state()  # of all processes
    if journal is not None:
        checkpoint.save(folder, run.step, state)
        journal.picture(run.step, run.task.samples(run.average))
