"""A `RawImage` on its way through a pipe: a JSON header, then the arrays' bytes. No pickle: a decoder that a
hostile file has taken over must not be able to run code in the process that trusts it.
"""

import json
from dataclasses import fields
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from deepisp.raw.image import Area, ColorCalibration, Exif, Noise, RawImage

_LENGTH = np.dtype("<u8")
_HEADER_LIMIT = 64 << 20  # bytes; the largest sound header seen is under 1 MiB
_DTYPES = ("uint16", "float32", "float64")


def send(stream: IO[bytes], message: dict[str, Any], arrays: list[NDArray[Any]]) -> None:
    """Write one message: eight bytes of length, JSON, then each array as `message` describes it."""
    header = json.dumps(message).encode()
    stream.write(np.array(len(header), _LENGTH).tobytes())
    stream.write(header)
    for array in arrays:
        if array.size:
            stream.write(np.ascontiguousarray(array).data.cast("B"))
    stream.flush()


def header_length(prefix: bytes) -> int:
    """Bytes of JSON that follow an eight-byte prefix.

    Raises:
        ValueError: more than any sound message has.
    """
    length = int(np.frombuffer(prefix, _LENGTH)[0])
    if length > _HEADER_LIMIT:
        raise ValueError(f"a message header has at most {_HEADER_LIMIT} bytes, got {length}")
    return length


def allocate(description: dict[str, Any], max_bytes: int) -> NDArray[Any]:
    """An array to receive what `description` names.

    Raises:
        ValueError: a type that is never sent, or more bytes than allowed.
    """
    shape = tuple(int(n) for n in description["shape"])
    if description["dtype"] not in _DTYPES or any(n < 0 for n in shape):
        raise ValueError(f"an array of {_DTYPES} was expected, got {description}")
    dtype = np.dtype(description["dtype"])
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if size > max_bytes:
        raise ValueError(f"an array has at most {max_bytes} bytes, got {size}")
    return np.empty(shape, dtype)


def pack(raw: RawImage) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """The header of a raw image and its arrays: the twin of `unpack`."""
    arrays: list[NDArray[Any]] = []
    return {f.name: _plain(getattr(raw, f.name), arrays) for f in fields(raw)}, arrays


def descriptions(arrays: list[NDArray[Any]]) -> list[dict[str, Any]]:
    """What `allocate` needs to know of each array."""
    return [{"dtype": array.dtype.name, "shape": list(array.shape)} for array in arrays]


def unpack(header: dict[str, Any], arrays: list[NDArray[Any]]) -> RawImage:
    """The raw image that `pack` took apart."""
    values = {name: _rich(value, arrays) for name, value in header.items()}
    for name in ("active_area", "default_crop"):
        values[name] = values[name] and Area(*values[name])
    values["masked_areas"] = tuple(Area(*one) for one in values["masked_areas"])
    values["noise"] = values["noise"] and tuple(Noise(*pair) for pair in values["noise"])
    values["calibrations"] = tuple(ColorCalibration(**one) for one in values["calibrations"])
    exif = values["exif"]
    exif["tags"] = {name: {int(k): v for k, v in tags.items()} for name, tags in exif["tags"].items()}
    values["exif"] = Exif(**exif)
    values["path"] = values["path"] and Path(values["path"])
    return RawImage(**values)


def _plain(value: Any, arrays: list[NDArray[Any]]) -> Any:
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, ColorCalibration | Exif):
        return {f.name: _plain(getattr(value, f.name), arrays) for f in fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(one, arrays) for one in value]
    if isinstance(value, dict):
        return {str(k): _plain(v, arrays) for k, v in value.items()}
    return str(value) if isinstance(value, Path) else value


def _rich(value: Any, arrays: list[NDArray[Any]]) -> Any:
    if isinstance(value, list):
        return tuple(_rich(one, arrays) for one in value)
    if not isinstance(value, dict):
        return value
    if value.keys() == {"array"}:
        return arrays[value["array"]]
    if value.keys() == {"bytes"}:
        return bytes.fromhex(value["bytes"])
    return {k: _rich(v, arrays) for k, v in value.items()}
