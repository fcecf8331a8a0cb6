"""How much one file may cost to read."""

from pydantic import Field

from deepisp.checked import Checked


class Limits(Checked, frozen=True, extra="forbid"):
    """What reading one file may take; past it, `LimitReached`."""

    max_megapixels: float = Field(
        250.0, gt=0, le=1e6, description="largest picture, in millions of photosites"
    )
    timeout_s: float = Field(60.0, gt=0, le=86_400, description="longest time to decode one file, in seconds")
    max_memory_mib: int = Field(
        4096, ge=256, le=999_999, description="address space of the decoding process, in MiB"
    )


LIMITS: dict[str, Limits] = {
    "desktop": Limits(),
    "server": Limits(max_megapixels=100.0, timeout_s=20.0, max_memory_mib=2048),
}
