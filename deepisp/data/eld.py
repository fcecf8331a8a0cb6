"""ELD: which dark image belongs to which reference.

    ROOT/SonyA7S2/scene-1/IMG_0004.ARW       image 4 of 16: 100 times less light than the references 1, 6, 11 and 16

Each dark image is compared with the reference that was taken nearest to it. Input and truth are planes, both by
`sid_protocol.network_input`, with the file's own black level per color and ELD's white level, the truth at ratio 1.

Source: K. Wei et al., "A Physics-based Noise Formation Model for Extreme Low-light Raw Denoising", CVPR 2020;
ELDEvalDataset of dataset/sid_dataset.py, github.com/Vandermode/ELD (MIT).
"""

from dataclasses import dataclass
from pathlib import Path

from deepisp.data import datasets
from deepisp.data.datasets import Eld
from deepisp.raw.image import Exif


@dataclass(frozen=True)
class Pair:
    """A dark image and its reference.

    Attributes:
        short: file of the dark one.
        long: file of the reference.
        camera: folder.
        scene: number.
        image: number of the dark one.
    """

    short: Path
    long: Path
    camera: str
    scene: int
    image: int

    @property
    def files(self) -> tuple[Path, Path]:
        """Both."""
        return self.short, self.long


def reference(image: int, references: tuple[int, ...]) -> int:
    """The number of the reference that was taken nearest to an image; of two as near, the earlier.

    >>> [reference(image, (1, 6, 11, 16)) for image in (4, 5, 9, 10, 14, 15)]
    [6, 6, 11, 11, 16, 16]
    """
    return min(references, key=lambda one: abs(image - one))


def exposure_ratio(short: Exif, long: Exif) -> float:
    """How much brighter the reference was taken: its ISO times its exposure time over the dark image's.

    Raises:
        ValueError: a file does not say its ISO or exposure time.

    >>> exposure_ratio(Exif(iso=800, exposure_s=0.002), Exif(iso=100, exposure_s=1.6))
    100.0
    """
    if not (short.iso and short.exposure_s and long.iso and long.exposure_s):
        raise ValueError(
            "ELD's exposure ratio is of ISO and exposure time, which a file lacks; copy it from ELD.7z again"
        )
    return long.iso * long.exposure_s / (short.iso * short.exposure_s)


def expected(data: Eld, root: Path, name: str) -> tuple[Pair, ...]:
    """The pairs of a named split, by camera, scene and image, whether their files are there or not.

    Raises:
        ValueError: there is no such split.
    """
    split = data.splits[datasets.split_name(data, name)]
    found = []
    for camera in split.cameras or data.cameras:
        for scene in range(1, data.scenes + 1):
            for image in split.images:
                numbers = image, reference(image, data.references)
                short, long = (
                    root / camera / f"scene-{scene}" / f"IMG_{number:04}.{data.cameras[camera]}"
                    for number in numbers
                )
                found.append(Pair(short, long, camera, scene, image))
    return tuple(found)


def pairs(data: Eld, root: Path, name: str) -> tuple[Pair, ...]:
    """The pairs of a named split, all of them: what a published figure is of.

    Args:
        data: as `datasets.load("eld")` gives it.
        root: the folder that holds the cameras' folders.
        name: of `data.splits`.

    Raises:
        ValueError: a file is missing, or there is no such split.
    """
    found = expected(data, root, name)
    absent = [path for one in found for path in one.files if not path.is_file()]
    if absent:
        raise ValueError(
            f"{root}: {len(set(absent))} files of {name} are missing, the first is {absent[0].relative_to(root)}; "
            "deepisp datasets check says which"
        )
    return found
