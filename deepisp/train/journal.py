"""What a run tells while it runs: log.jsonl, sample pictures, and TensorBoard's files where that is installed."""

import json
import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepisp.picture import atomic

_LOG, _SAMPLES, _BOARD = "log.jsonl", "samples", "tensorboard"


class Journal:
    """The log of a run in its folder; goes on from a step, lines after which are taken back."""

    def __init__(self, folder: Path, step: int) -> None:
        """Open it.

        Args:
            folder: of the run.
            step: that the run goes on from: what was told of later ones will be told again.
        """
        self.folder = folder
        self._cut(step)
        self._board = None
        if find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(folder / _BOARD, purge_step=step + 1)

    def figures(self, line: dict[str, Any]) -> None:
        """A line of figures, of which "step" is one."""
        with (self.folder / _LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        if self._board is not None:
            for name in line.keys() - {"step"}:
                self._board.add_scalar(name, line[name], line["step"])

    def picture(self, step: int, sheet: NDArray[np.uint8]) -> None:
        """A sheet (H, W, 3) of samples."""
        place = self.folder / _SAMPLES
        place.mkdir(exist_ok=True)
        Image.fromarray(sheet).save(place / f"{step:08d}.png")
        if self._board is not None:
            self._board.add_image(_SAMPLES, sheet, step, dataformats="HWC")

    def close(self) -> None:
        """Everything is written."""
        if self._board is not None:
            self._board.close()

    def _cut(self, step: int) -> None:
        path = self.folder / _LOG
        if path.exists():
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
            atomic.commit(path, "".join(kept).encode())


def sheet(*columns: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Pictures (N, H, W, 3) of 0 to 1, each kind a column, as one (N H, K W, 3).

    >>> sheet(np.zeros((2, 3, 4, 3), np.float32), np.ones((2, 3, 4, 3), np.float32)).shape
    (6, 8, 3)
    """
    beside = np.concatenate(columns, axis=2)
    joined = beside.reshape(math.prod(beside.shape[:2]), *beside.shape[2:])
    return np.asarray(np.rint(np.clip(joined, 0, 1) * 255), np.uint8)
