"""FITS files of astronomical cameras, with their Bayer pattern in the header (needs the extra `fits`)."""

from pathlib import Path
from typing import Any

import numpy as np

from deepisp.raw.errors import DamagedFile, UnsupportedFile
from deepisp.raw.headerless import check_size
from deepisp.raw.image import Exif, RawImage
from deepisp.raw.limits import Limits
from deepisp.sensor import cfa as cfa_cell


def read(file: Path, limits: Limits) -> RawImage:
    """The first image of a FITS file: Bayer with BAYERPAT, else monochrome; rows in file order.

    Raises:
        UnsupportedFile: astropy is missing, or the image is no plain plane.
        DamagedFile: the data end early.
    """
    try:
        from astropy.io import fits
    except ImportError as error:
        raise UnsupportedFile(file, "FITS files need astropy", "pip install 'deepisp[fits]'") from error
    with fits.open(file, memmap=False, lazy_load_hdus=True) as container:
        hdu = container[0]
        header = hdu.header
        if header.get("NAXIS") != 2:
            raise UnsupportedFile(
                file, f"an image of {header.get('NAXIS')} axes", "give a plane of raw values"
            )
        check_size(file, (header["NAXIS2"], header["NAXIS1"]), limits)
        needed = header["NAXIS1"] * header["NAXIS2"] * abs(header["BITPIX"]) // 8
        if file.stat().st_size < needed:
            raise DamagedFile(file, "pixel data end early", "copy it again")
        values = np.asarray(hdu.data)
    black = np.zeros((1, 1))
    integral = values.dtype == np.uint16
    return RawImage(
        mosaic=values if integral else values.astype(np.float32),
        cfa=_cfa(header),
        black_level=np.full((1, 1), float(header.get("PEDESTAL", 0))) if "PEDESTAL" in header else black,
        white_level=np.full(
            (1, 1), float(header.get("DATAMAX", 65535.0 if integral else float(values.max() or 1)))
        ),
        maker=str(header.get("PRODUCER", "")).strip(),
        model=str(header.get("INSTRUME", "")).strip(),
        exif=Exif(exposure_s=_number(header, "EXPTIME"), taken=_taken(header)),
        path=file,
    )


def _cfa(header: Any) -> str:
    pattern = str(header.get("BAYERPAT", "")).strip().upper()
    if not pattern:
        return "W"
    # The offsets of a subframe move the pattern (MaxIm DL and ASCOM convention).
    return cfa_cell.shift(pattern, int(header.get("YBAYROFF", 0)), int(header.get("XBAYROFF", 0)))


def _number(header: Any, name: str) -> float | None:
    value = header.get(name)
    return float(value) if isinstance(value, int | float) else None


def _taken(header: Any) -> str:
    return str(header.get("DATE-OBS", ""))[:19].replace("-", ":").replace("T", " ")
