"""The plots of a measurement are there, and differ by what is in them."""

from dataclasses import replace
from pathlib import Path

from deepisp.calibrate import noise_report
from deepisp.calibrate.photon_transfer import PhotonTransferResult


def test_the_plot_is_a_png(result: PhotonTransferResult, tmp_path: Path) -> None:
    noise_report.photon_transfer(tmp_path / "a.png", result, title="Acme One")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    noise_report.photon_transfer(tmp_path / "b.png", replace(result, floor=None))
    assert (tmp_path / "b.png").stat().st_size < (tmp_path / "a.png").stat().st_size
