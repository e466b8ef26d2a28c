"""Zarr version 3 nodes, written directly: a ``zarr.json`` and one file for each chunk.

The format is https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html. zarr-python reads what is written here
(the tests hold it to that) but takes 15 to 20 times as long to write it. Every chunk is written, also one of zeros
alone: a chunk that is not there reads as zeros without an error, so only a full set of files can be checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import ceil
from typing import TYPE_CHECKING, Any

import imagecodecs
import msgspec
import numpy as np

from plateflow.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from plateflow.storage.atomic import FolderWriter

LARGEST_CHUNK = 2560
"""Pixels along Y and X; a plane of any usual camera (2048, 2160, 2560) is one chunk."""

_DATA_TYPES = frozenset(
    {"bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64"}
)


@dataclass(frozen=True, slots=True)
class Codec:
    """How the bytes of a chunk are compressed."""

    metadata: Callable[[int], dict[str, Any]]
    """From bytes per pixel to the codec's entry in ``zarr.json``."""
    encode: Callable[[Any], bytes]
    """Compress a contiguous array (``Any``, because imagecodecs declares bytes alone)."""


def _blosc_metadata(itemsize: int) -> dict[str, Any]:
    options = {"typesize": itemsize, "cname": "lz4", "clevel": 1, "shuffle": "bitshuffle", "blocksize": 0}
    return {"name": "blosc", "configuration": options}


def _blosc_encode(chunk: Any) -> bytes:
    options: dict[str, Any] = {"compressor": "lz4", "shuffle": "bitshuffle", "typesize": chunk.itemsize}
    return bytes(imagecodecs.blosc_encode(chunk, level=1, numthreads=1, **options))


def _zstd_metadata(itemsize: int) -> dict[str, Any]:
    return {"name": "zstd", "configuration": {"level": 1, "checksum": False}}


def _zstd_encode(chunk: Any) -> bytes:
    return bytes(imagecodecs.zstd_encode(chunk, level=1))


PIXELS = Codec(_blosc_metadata, _blosc_encode)
"""For grey values: 3 to 6 times as fast as zstd level 1, and 0.52 against 0.60 of the size (2048 x 2048 uint16)."""
OBJECTS = Codec(_zstd_metadata, _zstd_encode)
"""For label images: 0.02 of the size and twice as fast as blosc on them."""


def write_array(folder: FolderWriter, path: str, array: NDArray[Any], dims: str, codec: Codec) -> None:
    """Write an array, one chunk for each plane; larger planes are split into equal chunks.

    Parameters
    ----------
    folder : FolderWriter
    path : str
        Of the array, relative to the folder.
    array : ndarray
        ``(..., Y, X)``, of any real or bool dtype; it is stored little-endian.
    dims : str
        The name of each dimension, "cyx".
    codec : Codec

    Raises
    ------
    ImageError
        If there is no pixel in it, or zarr has no such dtype.
    """
    if array.dtype.name not in _DATA_TYPES:
        raise ImageError(
            f"{path}: zarr cannot hold dtype {array.dtype}; make it one of {', '.join(sorted(_DATA_TYPES))}"
        )
    if array.size == 0 or array.ndim != len(dims):
        raise ImageError(f"{path}: an image of dims {dims} with at least one pixel is needed, got shape {array.shape}")
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    chunk_shape = (1,) * (array.ndim - 2) + tuple(_chunk_length(length) for length in array.shape[-2:])
    folder.write(f"{path}/zarr.json", _encode(_array_metadata(array, chunk_shape, dims, codec)))
    for key, chunk in _chunks(array, chunk_shape):
        folder.write(f"{path}/c/{key}", codec.encode(chunk))


def write_group(folder: FolderWriter, path: str, attributes: Mapping[str, Any]) -> None:
    """Write the metadata of a group.

    Parameters
    ----------
    folder : FolderWriter
    path : str
        Of the group, relative to the folder; "" for the folder itself.
    attributes : mapping
        JSON values.
    """
    folder.write(f"{path}/zarr.json" if path else "zarr.json", group_metadata(attributes))


def group_metadata(attributes: Mapping[str, Any]) -> bytes:
    """Make the ``zarr.json`` of a group with these attributes."""
    return _encode({"zarr_format": 3, "node_type": "group", "attributes": attributes})


def _encode(metadata: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(metadata)


def _chunk_length(length: int) -> int:
    """Split evenly, so that less than one pixel a chunk is padding: 2561 is 2 x 1281, not 2560 and 2559 of nothing."""
    return ceil(length / ceil(length / LARGEST_CHUNK))


def _array_metadata(array: NDArray[Any], chunk_shape: tuple[int, ...], dims: str, codec: Codec) -> dict[str, Any]:
    endian = {"configuration": {"endian": "little"}} if array.itemsize > 1 else {}
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": array.shape,
        "data_type": array.dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk_shape}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": False if array.dtype == np.bool_ else 0,
        "codecs": [{"name": "bytes", **endian}, codec.metadata(array.itemsize)],
        "attributes": {},
        "dimension_names": tuple(dims),
    }


def _chunks(array: NDArray[Any], chunk_shape: tuple[int, ...]) -> Iterator[tuple[str, NDArray[Any]]]:
    """Give each chunk's key below ``c/`` and its pixels, contiguous and padded to the full shape, in C order."""
    counts = [ceil(length / chunk) for length, chunk in zip(array.shape, chunk_shape, strict=True)]
    for index in product(*map(range, counts)):
        part = array[tuple(slice(i * chunk, (i + 1) * chunk) for i, chunk in zip(index, chunk_shape, strict=True))]
        yield "/".join(map(str, index)), _padded(part, chunk_shape)


def _padded(part: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    if part.shape == shape:
        return np.ascontiguousarray(part)
    chunk = np.zeros(shape, part.dtype)
    chunk[tuple(slice(length) for length in part.shape)] = part
    return chunk
