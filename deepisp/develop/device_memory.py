"""How many rows a band has on a device: as many as fit its free memory, and fewer when it turns out to hold less."""

from collections.abc import Callable
from typing import TypeVar

import torch

from deepisp.develop.demosaic.methods import STEP

Result = TypeVar("Result")

MOST = 32 * STEP  # 24 megapixels in three
LEAST = STEP  # halos of networks are half as large or larger: fewer rows would hardly need less

# Of a photosite: live tensors come to 210 with the fast network, 160 with directional, 110 in color and tone (summed
# over the storages of a band, float32, torch 2.13 on a CPU). Doubled, for the workspace of convolutions.
_BYTES = 512
_SHARE = 0.5  # of what is free: other files of a batch, and other programs, want some

# Lack of memory that does not come as torch.OutOfMemoryError: CUDA's own when it begins, and its libraries'.
_LACKS = ("CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")


def in_bands(
    work: Callable[[int, int], Result], first: int, last: int, *, device: torch.device, width: int
) -> list[Result]:
    """What `work(start, stop)` gives for each of the bands that cover rows `first` to `last`, in order.

    A band for which the device lacks memory is done again with half its rows, and those after it have no more.

    Args:
        work: called once more from the same `start` if it fails for lack of memory.
        first: row; every band begins a multiple of `methods.STEP` rows below it.
        last: row after the last.
        device: on which it works.
        width: photosites of a row.

    Raises:
        RuntimeError: as `work` raised it: no lack of memory, or one of a band of LEAST rows.
    """
    rows, start, results = rows_that_fit(device, width), first, []
    while start < last:
        stop = min(start + rows, last)
        try:
            results.append(work(start, stop))
            start = stop
            continue
        except RuntimeError as error:
            if not is_lack(error) or stop - start <= LEAST:
                raise
        # After the except clause: the error's traceback keeps the tensors of the band.
        torch.cuda.empty_cache()
        rows = _whole((stop - start) // 2)
    return results


def rows_that_fit(device: torch.device, width: int) -> int:
    """Rows of a band: LEAST to MOST by the memory that is free; MOST where torch does not tell how much is.

    Args:
        device: on which to work.
        width: photosites of a row.
    """
    if device.type != "cuda":
        return MOST
    free, _ = torch.cuda.mem_get_info(device)
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # kept by torch, for us
    return min(MOST, _whole(int(free * _SHARE) // (width * _BYTES)))


def is_lack(error: Exception) -> bool:
    """Whether an error means that the device has too little memory, after which it can be used as before.

    >>> is_lack(torch.OutOfMemoryError("CUDA out of memory")), is_lack(RuntimeError("CUDA error: misaligned address"))
    (True, False)
    """
    return isinstance(error, torch.OutOfMemoryError) or any(lack in str(error) for lack in _LACKS)


def _whole(rows: int) -> int:
    """The most rows of whole STEPs, LEAST or more."""
    return max(LEAST, rows - rows % STEP)
