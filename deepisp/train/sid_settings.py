"""Which settings a run on real pairs in the dark has: those of any run, but for how clean pictures are made noisy.

Without torch, as settings.py is: the command line asks here for its options.
"""

from typing import Any

from pydantic import Field, create_model

from deepisp.checked import Checked
from deepisp.train.settings import NetworkName, TrainSettings

UNUSED = ("physical", "sigma", "clean", "noisy", "dark", "mining_every", "mining_power")
_FIELDS: dict[str, Any] = {
    name: (field.annotation, field)
    for name, field in TrainSettings.model_fields.items()
    if name not in ("cfa", *UNUSED)  # the file knows its CFA
}
_NETWORK = (NetworkName, Field("dark", description=TrainSettings.model_fields["network"].description))

SidSettings = create_model("SidSettings", __base__=Checked, **_FIELDS | {"network": _NETWORK})


def check(settings: TrainSettings) -> None:
    """Nothing, if a run says nothing that pairs have no use for.

    Raises:
        ValueError: it does; says what.
    """
    asked = [name for name in UNUSED if getattr(settings, name) != TrainSettings.model_fields[name].default]
    if asked:
        raise ValueError(f"{', '.join(asked)}: of clean pictures, and pairs are taken as they are; leave out")
    if settings.truth == "pictures" and settings.network != "chen":
        raise ValueError(
            f"LibRaw's pictures are what chen learns, and {settings.network} learns light; leave truth out"
        )
