"""Figures written into a sensor file, as the verbs write them."""

from dataclasses import replace
from pathlib import Path

from deepisp.calibrate import profile_file, profile_groups
from deepisp.calibrate.photon_transfer import PhotonTransferResult
from deepisp.sensor import profile
from deepisp.sensor.identity import Camera

ACME = Camera("Acme", ("One",))


def check(path: Path, iso: float | None, *, is_picture: bool = False) -> None:
    """As the verbs do before they measure."""
    profile_file.check(
        path,
        Camera(),
        lambda tables: profile_groups.check_noise(tables, iso, "RGB", is_picture=is_picture),
    )


def at(result: PhotonTransferResult, iso: float | None) -> PhotonTransferResult:
    return replace(result, first=replace(result.first, iso=iso))


def put(path: Path, result: PhotonTransferResult) -> profile.Profile:
    return profile_file.update(
        path, lambda known: profile_groups.with_photon_transfer(known, result), camera=ACME
    )
