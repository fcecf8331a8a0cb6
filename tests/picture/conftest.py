"""What the tests of pictures share: pixels, and the EXIF of a camera."""

import numpy as np
import pytest
from numpy.typing import NDArray

from deepisp.raw.image import Exif

DIGEST = "abcdef123456"


@pytest.fixture
def digest() -> str:
    return DIGEST


@pytest.fixture
def exif() -> Exif:
    """Tags as raw files have them, with some that hold for the raw file alone."""
    return Exif(
        tags={
            "Image": {
                254: (1,), 256: (4000,), 257: (3000,), 259: (7,), 262: (32803,), 273: (8,), 330: (1234,), 513: (99,),
                270: "Château, Œuvre", 271: "GoPro", 272: "HERO6 Black", 274: (6,), 305: "HD6.01.02.00",
                282: ((72, 1),), 283: ((72, 1),), 296: (2,), 306: "2019:01:02 03:04:05", 33432: "(c) Ann",
                50706: (1, 4, 0, 0), 50708: "GoPro HERO6",
            },
            "EXIF": {
                33434: ((1, 480),), 33437: ((28, 10),), 34855: (100,), 36864: b"0230", 36867: "2019:01:02 03:04:05",
                37380: ((-1, 3),), 37386: ((3, 1),), 37500: b"maker note" * 9, 37510: b"ASCII\0\0\0hello",
                40961: (1,), 40962: (4000,), 40963: (3000,), 40965: (77,), 42034: ((3, 1), (3, 1), (0, 0), (0, 0)),
                42036: "Lens Ü",
            },
            "GPS": {
                0: (2, 3, 0, 0), 1: "N", 2: ((48, 1), (8, 1), (1234, 100)), 3: "E", 4: ((11, 1), (34, 1), (0, 1)),
                5: (0,), 6: ((500, 1),),
            },
        }
    )  # fmt: skip


@pytest.fixture
def scene() -> NDArray[np.float32]:
    """(67, 93, 3), 0 to 1: smooth, as pictures are, with a little noise; sides that no block size divides."""
    y, x = np.mgrid[:67, :93]
    waves = [0.5 + 0.4 * np.sin(x / 9 + y / 13 + phase) for phase in (0, 1, 2)]
    noise = np.random.default_rng(1).normal(0, 0.004, (67, 93, 3))
    return np.clip(np.stack(waves, -1) + noise, 0, 1).astype(np.float32)
