"""Which camera something is from, and whether two spellings mean the same one.

Files spell one camera in many ways: "NIKON CORPORATION" and "NIKON D850", "Nikon" and "D850". Case, spaces, hyphens and
a maker repeated in the model do not count.
"""

from collections.abc import Iterable
from typing import NamedTuple

UNKNOWN = "unknown"  # what a sensor file says of a camera whose frames did not say it


class Camera(NamedTuple):
    """A camera, as far as a file says it.

    Attributes:
        maker: as the file spells it, or "".
        models: the names that the file gives it, EXIF Model before DNG UniqueCameraModel.
    """

    maker: str = ""
    models: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Maker and model, no word twice.

        >>> str(Camera("Canon", ("Canon EOS 70D",)))
        'Canon EOS 70D'
        """
        return " ".join(dict.fromkeys(f"{self.maker} {(*self.models, '')[0]}".split())) or "unknown camera"

    def may_be(self, other: "Camera") -> bool:
        """Whether both are one camera as far as both say it: what either leaves out does not count against it.

        >>> sony = Camera("Sony", ("ILCE-7SM2", "Sony A7S II"))
        >>> sony.may_be(Camera("SONY", ("ilce 7sm2",))), sony.may_be(Camera("SONY")), sony.may_be(Camera("Canon"))
        (True, True, False)
        """
        mine, others = self._names(other)
        return self._has_makers_of(other) and (not mine or not others or bool(mine & others))

    def is_sure(self, other: "Camera") -> bool:
        """Whether both are one camera by a name that both say.

        >>> sony = Camera("Sony", ("ILCE-7SM2", "Sony A7S II"))
        >>> sony.is_sure(Camera("", ("a7s-ii",))), sony.is_sure(Camera("SONY"))
        (True, False)
        >>> sony.is_sure(Camera("Sony", ("unknown",)))
        False
        """
        mine, others = self._names(other)
        return self._has_makers_of(other) and bool(mine & others)

    def _has_makers_of(self, other: "Camera") -> bool:
        one, two = sorted((_plain(self.maker), _plain(other.maker)), key=len)
        return UNKNOWN in (one, two) or two.startswith(one)

    def _names(self, other: "Camera") -> tuple[set[str], set[str]]:
        """The models of both that say something, without the makers of either."""
        makers = {_plain(one.maker).removesuffix("corporation") for one in (self, other)}
        return _bare(self.models, makers), _bare(other.models, makers)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _bare(models: Iterable[str], makers: set[str]) -> set[str]:
    """The names that say something, without their makers."""
    found = set()
    for plain in map(_plain, models):
        bare = plain
        for maker in sorted(makers, key=len, reverse=True):
            bare = bare.removeprefix(maker) or bare
        found.add(bare)
    return found - {"", UNKNOWN}
