"""FITS files of astronomical cameras, with their Bayer pattern in the header (needs the extra `fits`)."""

from pathlib import Path
from typing import Any

import numpy as np

from deepisp.raw.errors import DamagedFile, UnsupportedFile
from deepisp.raw.headerless import check_size
from deepisp.raw.image import Exif, RawImage
from deepisp.raw.limits import Limits
from deepisp.raw.plausible import finite, zero_rows
from deepisp.sensor import cfa as cfa_cell


def read(file: Path, limits: Limits) -> RawImage:
    """The first image of a FITS file: Bayer with BAYERPAT, else monochrome; the top row first.

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
    if values.dtype == np.uint8:
        values = values.astype(np.uint16)
    integral = values.dtype == np.uint16
    zero = _number(header, "BZERO") or 0.0  # 32768 in files of unsigned 16 bits: FITS 4.0, table 11
    warnings = zero_rows(values, file, zero=zero) if zero else []
    values = values if integral else finite(file, values.astype(np.float32), warnings)
    if _begins_below(header, warnings):
        values = np.ascontiguousarray(values[::-1])
    cfa = _cfa(file, header)
    cell = np.ones((cfa_cell.side(cfa),) * 2)
    top = float(2 ** abs(header["BITPIX"]) - 1) if integral else max(float(values.max()), 1.0)
    return RawImage(
        mosaic=values,
        cfa=cfa,
        # Some programs write what they added, others what is to be added back (SBFITSEXT 1.0): the sign differs.
        black_level=cell * abs(_number(header, "PEDESTAL") or 0.0),
        white_level=cell * (_number(header, "DATAMAX") or top),
        maker=str(header.get("PRODUCER", "")).strip(),
        model=str(header.get("INSTRUME", "")).strip(),
        exif=Exif(exposure_s=_number(header, "EXPTIME"), taken=_taken(header)),
        warnings=tuple(warnings),
        path=file,
    )


def _begins_below(header: Any, warnings: list[str]) -> bool:
    """Whether the file's first row is the picture's last. Cameras begin at the top, though FITS 4.0 advises otherwise.

    Source: the convention of CCDCiel and Siril, https://free-astro.org/index.php?title=Siril:FITS_orientation (2022).
    """
    order = str(header.get("ROWORDER", "")).strip().upper()
    if order not in ("", "TOP-DOWN", "BOTTOM-UP"):
        warnings.append(f"rows in the order {order!r} are not known; the file's first is taken for the top")
    return order == "BOTTOM-UP"


def _cfa(file: Path, header: Any) -> str:
    """The cell at the top left of the picture, whichever row the file begins with (Siril 1.4 reads it so)."""
    pattern = str(header.get("BAYERPAT", "")).strip().upper()
    if not pattern:
        return "W"
    # The offsets of a subframe move the pattern (MaxIm DL and ASCOM convention).
    rows, columns = (int(_number(header, name) or 0) for name in ("YBAYROFF", "XBAYROFF"))
    try:
        return cfa_cell.shift(pattern, rows, columns)
    except ValueError as error:
        raise UnsupportedFile(file, f"BAYERPAT: {error}", "correct BAYERPAT in its header") from error


def _number(header: Any, name: str) -> float | None:
    value = header.get(name)
    return float(value) if isinstance(value, int | float) and np.isfinite(value) else None


def _taken(header: Any) -> str:
    return str(header.get("DATE-OBS", ""))[:19].replace("-", ":").replace("T", " ")
