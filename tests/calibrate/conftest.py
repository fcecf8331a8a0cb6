"""A measurement that several tests write down."""

import pytest

from deepisp.calibrate import photon_transfer
from deepisp.calibrate.photon_transfer import PhotonTransferResult
from tests.calibrate.simulated import SENSOR, shoot


@pytest.fixture(scope="session")
def result() -> PhotonTransferResult:
    return photon_transfer.measure(*shoot(SENSOR, lights=[0.1, 0.2, 0.3, 0.4], size=64, darks=4))
