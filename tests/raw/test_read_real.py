"""Real files: what is known of each stands in the data's MANIFEST.json, from LibRaw 0.22 and the cameras' makers."""

import hashlib
import io
import json

import numpy as np
import pytest

import deepisp
from deepisp import DamagedFile, Layout, UnsupportedFile
from deepisp.raw import plausible

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def manifest(data):
    return {entry["file"]: entry for entry in json.loads((data / "MANIFEST.json").read_text())}


MOSAICS = [
    ("apple-quicktake100-320x240-desk-computers.qtk", "Apple", "QuickTake 100"),
    ("apple-quicktake100-living-room-window.qtk", "Apple", "QuickTake 100"),
    ("apple-quicktake150-church-interior-dark.qtk", "Apple", "QuickTake 150"),
    ("apple-quicktake150-night-neon-street.qtk", "Apple", "QuickTake 150"),
    ("apple-quicktake150-teddy-bear-lightbox.qtk", "Apple", "QuickTake 150"),
    ("canon-eos-kiss-x4-magiclantern-14bit-colorchecker-passport.dng", "Canon", "Canon EOS Kiss X4"),
    ("canon-powershot-g2-iso50-colorchecker-full.crw", "Canon", "Canon PowerShot G2"),
    ("canon-powershot-s40-pantone-strip-metal.crw", "Canon", "Canon PowerShot S40"),
    ("canon-powershot-s40-product-box-printed.crw", "Canon", "Canon PowerShot S40"),
    ("gopro-hero6-iso100-mural-walkway.derived-from-gpr.dng", "GoPro", "HERO6 Black"),
    ("kodak-dc120-compressed-colorchecker-full.kdc", "Eastman Kodak Company", "Kodak DC120 ZOOM Digital Camera"),
    ("kodak-dc120-uncompressed-colorchecker-full.kdc", "Eastman Kodak Company", "Kodak DC120 ZOOM Digital Camera"),
    ("kodak-dc50-colorchecker-sg.kdc", "Eastman Kodak Company", "Kodak Digital Science DC50 Zoom Camera"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "maker", "model"), MOSAICS)
def test_mosaics_are_as_the_manifest_says(data, manifest, name, maker, model):
    entry, raw = manifest[f"raw/{name}"], deepisp.read(data / "raw" / name)
    assert (raw.kind, raw.cfa, list(raw.mosaic.shape)) == ("bayer", entry["cfa"], entry["shape"])
    assert raw.black_level.ravel().tolist() == entry["black"]
    assert np.unique(raw.white_level) == entry["white"]
    assert (raw.maker, raw.model) == (maker, model)
    assert raw.exif.iso == entry["iso"]
    assert (raw.saturation_level <= raw.white_level).all()
    assert (raw.saturation_level > 0.85 * raw.white_level).all()
    gains = np.array(entry["camera_wb"][:3])
    if gains.all():
        np.testing.assert_allclose(raw.as_shot_neutral, gains[1] / gains, rtol=1e-3)
    else:
        assert raw.as_shot_neutral is None


def test_magic_lantern(data):
    raw = deepisp.read(data / "raw" / "canon-eos-kiss-x4-magiclantern-14bit-colorchecker-passport.dng")
    assert raw.active_area == (26, 152, 1182, 1886)
    assert np.unique(raw.black_level) == 2056
    assert np.unique(raw.white_level) == 15000
    assert raw.warnings == ()  # its masked borders agree with its black level


def test_gopro_saturates_below_its_white_level(data):
    raw = deepisp.read(data / "raw" / "gopro-hero6-iso100-mural-walkway.derived-from-gpr.dng")
    # By eye on the histogram: green piles up at 15528 to 15619, blue at 14977 to 15153, and red at 16212 to 16383.
    (red, green), (green_2, blue) = raw.saturation_level
    assert green == green_2 == pytest.approx(15580, abs=40)
    assert blue == pytest.approx(15080, abs=70)
    assert red == pytest.approx(16360, abs=24)
    assert len(raw.opcode_list_2) == 8836  # its gain maps
    assert len(raw.calibrations) == 2


def test_gpr_is_refused_by_name(data):
    with pytest.raises(UnsupportedFile, match=r"VC-5 compression .* gpr_tools"):
        deepisp.read(data / "raw" / "gopro-hero7-iso267-colorchecker-fisheye.gpr")


def test_a_nef_that_lost_its_raw_data_is_damaged(data):
    with pytest.raises(DamagedFile, match="the raw data are gone"):
        deepisp.read(data / "raw" / "no-licence" / "nikon-d70s-capturenx-truncated.nef")


@pytest.mark.parametrize("band", ["nir", "red"])
def test_micasense_is_monochrome_though_libraw_says_rggb(data, band):
    raw = deepisp.read(data / "raw" / f"micasense-rededge-mono-panel-{band}.tif")
    assert (raw.kind, raw.mosaic.shape) == ("mono", (960, 1280))
    assert np.unique(raw.black_level) == 4800
    assert raw.warnings == (
        "opcode list 51022 was left out: opcode 48739 is mandatory and unknown; known: 1 to 14",
    )


def test_flea_darks_are_monochrome(data):
    for file in (data / "raw" / "flea3-dark-frames").glob("*.tif"):
        assert deepisp.read(file).kind == "mono"


def test_lossy_linear_dng_is_not_mapped_yet(data):
    import rawpy
    import tifffile
    from PIL import Image

    file = data / "raw" / "canon-eos-6d-iso1000-night-desk-adobe-lossy-linear.dng"
    raw = deepisp.read(file)
    assert (raw.kind, raw.linear.shape, raw.linear.max()) == ("linear", (816, 1224, 3), 255)
    assert raw.white_level.tolist() == [255, 255, 255]
    assert len(raw.opcode_list_2) == 256  # three MapPolynomial, to be applied when developing
    with tifffile.TiffFile(file) as container:  # only for the place of the first tile
        page = container.pages[0].pages[0]
        offset, count = page.dataoffsets[0], page.databytecounts[0]
    with Image.open(io.BytesIO(file.read_bytes()[offset : offset + count])) as tile:
        np.testing.assert_array_equal(raw.linear[:416, :416], np.asarray(tile))
    with rawpy.imread(str(file)) as libraw:
        assert libraw.raw_image.max() > 255  # LibRaw has applied them


def test_bursts_of_a_telescope(data):
    for file in sorted((data / "raw").glob("seestar*.fit")):
        raw = deepisp.read(file)
        assert (raw.kind, raw.cfa, raw.mosaic.shape) == ("bayer", "GRBG", (1920, 1080))
        assert (raw.maker, raw.model, raw.exif.exposure_s) == ("ZWO", "Seestar S50", 10)


def test_bare_values_need_their_layout(data, manifest):
    file = data / "raw" / "nikon-dslr-crop-768x512-14bit-rggb-red-rose.raw"
    with pytest.raises(UnsupportedFile, match=r"--layout FILE.toml"):
        deepisp.read(file)
    raw = deepisp.read(
        file, layout=Layout(cfa="RGGB", width=768, height=512, black_level=600, white_level=16383)
    )
    assert hashlib.sha256(raw.mosaic.tobytes()).hexdigest() == manifest[f"raw/{file.name}"]["sha256"]


@pytest.mark.parametrize(
    "name",
    ["gopro-hero6*.dng", "seestar*01.fit", "micasense*nir.tif", "kodak-dc50*.kdc", "canon-eos-kiss*.dng"],
)
def test_real_values_that_end_early_are_refused(data, name):
    (file,) = (data / "raw").glob(name)
    values = deepisp.read(file).data
    assert plausible.zero_rows(values, file) == []
    for share in (0.1, 0.37, 0.5, 0.83):
        at = round(share * values.size)
        at += (values.shape[1] // 2 - at) % values.shape[1]  # amid a row
        short = values.copy()
        short.reshape(-1)[at:] = 0
        with pytest.raises(DamagedFile, match="of its pixels are missing"):
            plausible.zero_rows(short, file)


def test_every_file_is_read_or_refused(data):
    for file in (data / "raw").rglob("*"):
        said = ""
        try:
            raw = deepisp.read(file)
        except deepisp.RawError as error:
            said = str(error)
        else:
            assert "data may be missing" not in " ".join(raw.warnings)
            assert raw.data.ndim == (3 if raw.kind == "linear" else 2)
        assert "Error" not in said, f"{file.name}: {said}"  # a reason, not an exception's name
