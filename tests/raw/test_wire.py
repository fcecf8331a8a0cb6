"""What goes into the pipe comes out of it, and nothing else is let through."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepisp.raw import wire
from deepisp.raw.image import Area, ColorCalibration, Exif, Noise, RawImage

finite = st.floats(allow_nan=False, allow_infinity=False, width=32)
arrays = st.builds(
    lambda shape, dtype: (np.arange(np.prod(shape)) * 7).reshape(shape).astype(dtype),
    st.tuples(st.integers(0, 5), st.integers(0, 5)),
    st.sampled_from(["uint16", "float32", "float64"]),
)
areas = st.builds(Area, *[st.integers(0, 2**40)] * 4)
plain = st.one_of(st.text(), st.binary(), st.lists(st.integers(-(2**63), 2**63)).map(tuple),
                  st.lists(st.tuples(st.integers(), st.integers())).map(tuple))  # fmt: skip
exifs = st.builds(
    Exif,
    tags=st.dictionaries(
        st.sampled_from(["Image", "EXIF", "GPS"]), st.dictionaries(st.integers(0, 65535), plain)
    ),
    iso=st.none() | finite,
    lens=st.text(),
)
calibrations = st.builds(
    ColorCalibration,
    arrays,
    st.integers(0, 255),
    st.none() | st.tuples(finite, finite),
    st.none() | arrays,
    st.none() | arrays,
)
raws = st.builds(
    RawImage,
    mosaic=arrays.filter(lambda values: values.dtype != np.float64),
    cfa=st.sampled_from(["RGGB", "W"]),
    black_rows=st.none() | arrays,
    as_shot_white_xy=st.none() | st.tuples(finite, finite),
    calibrations=st.lists(calibrations, max_size=3).map(tuple),
    baseline_exposure_ev=finite,
    noise=st.none() | st.lists(st.builds(Noise, finite, finite), min_size=1).map(tuple),
    opcode_list_1=st.binary(),
    active_area=st.none() | areas,
    masked_areas=st.lists(areas).map(tuple),
    maker=st.text(),
    exif=exifs,
    thumbnail=st.none() | st.binary(),
    warnings=st.lists(st.text()).map(tuple),
    path=st.none() | st.just(Path("/a/b\udcff")),
)


def there_and_back(raw):
    header, sent = wire.pack(raw)
    stream = io.BytesIO()
    wire.send(stream, {"raw": header, "arrays": wire.descriptions(sent)}, sent)
    stream.seek(0)
    message = json.loads(stream.read(wire.header_length(stream.read(8))))
    received = [wire.allocate(description, 1 << 20) for description in message["arrays"]]
    for array in received:
        array[...] = np.frombuffer(stream.read(array.nbytes), array.dtype).reshape(array.shape)
    assert stream.read() == b""
    return wire.unpack(message["raw"], received)


def same(one, other):
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and (one == other).all()
    if hasattr(one, "__dataclass_fields__"):
        return type(one) is type(other) and all(
            same(getattr(one, f), getattr(other, f)) for f in one.__dataclass_fields__
        )
    if isinstance(one, tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return one == other


@given(raws)
@settings(max_examples=150, deadline=None)
def test_unpack_undoes_pack(raw):
    assert same(raw, there_and_back(raw))


@pytest.mark.parametrize(
    "description",
    [
        {"dtype": "object", "shape": [2]},
        {"dtype": "int64", "shape": [2]},
        {"dtype": "uint16", "shape": [-1, 2]},
        {"dtype": "uint16", "shape": [2**40, 2**40]},
        {"dtype": "uint16", "shape": [513]},
    ],
)
def test_arrays_that_were_never_sent_are_refused(description):
    with pytest.raises(ValueError, match=r"an array (of|has at most 1024 bytes)"):
        wire.allocate(description, 1024)


def test_a_header_has_a_limit():
    with pytest.raises(ValueError, match="at most 67108864 bytes, got 18446744073709551615"):
        wire.header_length(b"\xff" * 8)
