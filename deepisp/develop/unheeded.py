"""Settings that a file has no use for, and what is done in their place: lines that `develop` warns with."""

from deepisp.develop.demosaic import methods
from deepisp.develop.settings import Settings
from deepisp.networks import zoo
from deepisp.sensor import cfa as cfa_cell


def lines(cfa: str, settings: Settings, network: str, *, is_dark: bool = False) -> tuple[str, ...]:
    """What a user should know, one line each.

    Args:
        cfa: of the mosaic; "" if linear.
        settings: what was asked for.
        network: that was chosen; "" for none.
        is_dark: whether the frame is lifted far, so that all its noise is seen.
    """
    found = []
    kind = cfa_cell.kind(cfa) if cfa else "linear"
    chosen = methods.choose(settings.demosaic, kind)
    if settings.demosaic not in ("auto", chosen) and chosen != "none" and not settings.half:
        found.append(f"{kind} sensors have no {settings.demosaic} demosaicing; {chosen} in its place")
    is_left_noisy = kind == "linear" and settings.strength == 0  # as it was asked for
    if settings.model not in ("auto", "none") and not network and not is_left_noisy:
        found.append(_no_network(kind, settings, chosen))
    is_left_out = settings.half and settings.model == "auto" and settings.strength
    if is_dark and is_left_out and zoo.for_sensor(kind, "fast"):
        found.append("half size has no use for a network; this dark frame is not denoised")
    if settings.highlights == "reconstruct" and kind == "linear":
        found.append(
            "highlights are reconstructed from a mosaic, and this file has none; blended in its place"
        )
    return tuple(found)


def _no_network(kind: str, settings: Settings, chosen: str) -> str:
    if settings.half:
        return "half size has no use for a network; not denoised"
    if settings.demosaic != "auto":
        return f"{settings.demosaic} demosaicing has no use for a network; not denoised"
    if kind == "linear":
        return "not denoised: the noise of this demosaiced file is unknown, or cannot be seen"
    if chosen == "none":
        return f"{kind} sensors have no {settings.model} network; not denoised"
    return f"{kind} sensors have no {settings.model} network; {chosen} without denoising in its place"
