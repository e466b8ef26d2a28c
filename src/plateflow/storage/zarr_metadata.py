"""What the JSON files of Zarr nodes say: version 2 (``.zarray``, ``.zattrs``) and 3 (``zarr.json``).

The formats are https://zarr-specs.readthedocs.io/en/latest/v2/v2.0.html and .../v3/core/index.html. Only what is here
can be read; anything else a writer may have done (a filter, a codec, a data type) is an error that names it, never a
guess.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec
import numpy as np

from plateflow.errors import ImageError
from plateflow.storage.limits import MAX_PLANES
from plateflow.storage.regular import MEGABYTE, read_limited, reason_of

STRINGS: Final = "strings"
"""Instead of a dtype: text of any length."""
COMPRESSORS: Final = frozenset({"blosc", "zstd", "gzip", "zlib", "lz4", "bz2", "lzma"})
_MOST_METADATA: Final = 256 * MEGABYTE
"""Of a node; those of a whole plate may stand in its first one."""
LARGEST_CHUNK: Final = 2**31
"""Bytes in one chunk; metadata that claim more are refused before anything is allocated."""


@dataclass(frozen=True, slots=True)
class Shards:
    """Version 3: how the chunks of a shard lie in its file."""

    chunks: tuple[int, ...]
    """Chunks of a shard along each dimension."""
    index_at_end: bool


@dataclass(frozen=True, slots=True)
class ArrayDescription:
    """An array's shape, and how its chunks are named and encoded."""

    path: str
    """Absolute, of the array's folder."""
    shape: tuple[int, ...]
    chunk: tuple[int, ...]
    """Shape of what is encoded as one piece: of a chunk, in a sharded array of an inner chunk."""
    dtype: np.dtype[Any] | None
    """As stored; None for text of any length."""
    order: tuple[int, ...]
    """The dimensions in the order in which a chunk stores them."""
    codecs: tuple[str, ...]
    """Of bytes, in the order of encoding: names of :data:`COMPRESSORS`, or "crc32c"."""
    prefix: str
    """Before a chunk's numbers in its file's name: "", "c/" or "c."."""
    separator: str
    shards: Shards | None = None

    @property
    def chunk_bytes(self) -> int:
        """Of a decoded chunk of numbers."""
        return math.prod(self.chunk) * (self.dtype.itemsize if self.dtype is not None else 1)


def read_attributes(folder: str) -> dict[str, Any]:
    """Return the attributes of a group or array; empty where the folder is none or has none.

    Raises
    ------
    ImageError
        If a metadata file cannot be read or is no JSON object; names it.
    """
    node = _read_json(os.path.join(folder, "zarr.json"))
    if node is not None:
        found = node.get("attributes", {})
        return found if isinstance(found, dict) else {}
    return _read_json(os.path.join(folder, ".zattrs")) or {}


def describe_array(folder: str) -> ArrayDescription:
    """Read what an array's metadata say.

    Raises
    ------
    ImageError
        If there is no array, its metadata are wrong, or it is stored in a way that cannot be read here.
    """
    for name, describe in (("zarr.json", _describe_v3), (".zarray", _describe_v2)):
        path = os.path.join(folder, name)
        node = _read_json(path)
        if node is not None:
            try:
                return _checked(path, describe(folder, node))
            except (KeyError, TypeError, ValueError, AttributeError, IndexError) as e:
                raise ImageError(f"{path}: is no description of an array ({type(e).__name__}: {e})") from e
    raise ImageError(f"{folder}: holds no Zarr array (neither zarr.json nor .zarray); copy it again")


def _read_json(path: str) -> dict[str, Any] | None:
    try:
        node = msgspec.json.decode(read_limited(path, _MOST_METADATA))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as e:
        raise ImageError(f"{path}: cannot be read: {reason_of(e, path)}") from e
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise ImageError(f"{path}: is no JSON ({e}); copy it again") from e
    if not isinstance(node, dict):
        raise ImageError(f"{path}: is no JSON object; copy it again")
    return node


def _checked(path: str, array: ArrayDescription) -> ArrayDescription:
    sizes = (*array.shape, *array.chunk)
    if not all(isinstance(size, int) and size > 0 for size in sizes) or len(array.shape) != len(array.chunk):
        raise ImageError(f"{path}: shape {array.shape} and chunks {array.chunk} do not describe an array with pixels")
    if (planes := math.prod(array.shape[:-2])) > MAX_PLANES:
        raise ImageError(f"{path}: its shape {array.shape} claims {planes} planes, more than the {MAX_PLANES} allowed")
    if array.chunk_bytes > LARGEST_CHUNK:
        raise ImageError(f"{path}: its chunks {array.chunk} are larger than the {LARGEST_CHUNK} bytes allowed")
    return array


def _describe_v2(folder: str, node: dict[str, Any]) -> ArrayDescription:
    filters = [_known_filter(each) for each in node.get("filters") or ()]
    compressor = node.get("compressor")
    shape = tuple(node["shape"])
    dimensions = range(len(shape))
    return ArrayDescription(
        path=folder,
        shape=shape,
        chunk=tuple(node["chunks"]),
        dtype=None if STRINGS in filters else _dtype(node["dtype"]),
        order=tuple(dimensions) if node.get("order", "C") == "C" else tuple(reversed(dimensions)),
        codecs=() if compressor is None else (_known_compressor(compressor["id"]),),
        prefix="",
        separator=node.get("dimension_separator", "."),
    )


def _describe_v3(folder: str, node: dict[str, Any]) -> ArrayDescription:
    grid, keys = node["chunk_grid"], node["chunk_key_encoding"]
    if node.get("node_type") != "array" or grid["name"] != "regular" or keys["name"] not in ("default", "v2"):
        raise ValueError("a regular grid of chunks with the usual names is needed")
    shape = tuple(node["shape"])
    own_names = keys["name"] == "default"
    chain = _Chain(tuple(grid["configuration"]["chunk_shape"]), tuple(range(len(shape))))
    for codec in node["codecs"]:
        chain.add(codec)
    separator = keys.get("configuration", {}).get("separator", "/" if own_names else ".")
    return ArrayDescription(
        path=folder,
        shape=shape,
        chunk=chain.chunk,
        dtype=None if chain.strings else _dtype(node["data_type"]).newbyteorder(chain.endian),
        order=chain.order,
        codecs=tuple(chain.codecs),
        prefix=f"c{separator}" if own_names else "",
        separator=separator,
        shards=chain.shards,
    )


class _Chain:
    """The codecs of version 3, taken in one after the other."""

    def __init__(self, chunk: tuple[int, ...], order: tuple[int, ...]) -> None:
        self.chunk = chunk
        self.order = order
        self.endian: Literal["<", ">"] = "<"
        self.strings = False
        self.codecs: list[str] = []
        self.shards: Shards | None = None

    def add(self, codec: dict[str, Any]) -> None:
        name, options = codec["name"], codec.get("configuration") or {}
        if name == "transpose":
            self.order = tuple(self.order[dimension] for dimension in options["order"])
        elif name == "bytes":
            self.endian = ">" if options.get("endian") == "big" else "<"
        elif name == "vlen-utf8":
            self.strings = True
        elif name == "sharding_indexed" and self.shards is None:
            self._add_shards(options)
        elif name == "crc32c":
            self.codecs.append(name)
        else:
            self.codecs.append(_known_compressor(name))

    def _add_shards(self, options: dict[str, Any]) -> None:
        index = [codec["name"] for codec in options["index_codecs"]]
        if index != ["bytes", "crc32c"]:
            raise ValueError(f"an index of shards encoded by {index} cannot be read")
        inner = tuple(options["chunk_shape"])
        counts = tuple(whole // part for whole, part in zip(self.chunk, inner, strict=True))
        self.shards = Shards(counts, options.get("index_location", "end") == "end")
        self.chunk = inner
        for codec in options["codecs"]:
            self.add(codec)


def _known_compressor(name: str) -> str:
    if name not in COMPRESSORS:
        raise ValueError(f"codec {name!r} cannot be read; those that can are {', '.join(sorted(COMPRESSORS))}")
    return name


def _known_filter(node: dict[str, Any]) -> str:
    if node["id"] != "vlen-utf8":
        raise ValueError(f"filter {node['id']!r} cannot be read")
    return STRINGS


def _dtype(name: Any) -> np.dtype[Any]:
    dtype: np.dtype[Any] = np.dtype(name)
    if dtype.kind not in "buifU":
        raise ValueError(f"data type {name!r} cannot be read")
    return dtype
