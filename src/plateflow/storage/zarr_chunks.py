"""The pixels of Zarr arrays, read chunk by chunk.

A chunk that is not there reads as zeros in Zarr's own terms. To whoever measures cells it is lost data, so here it is
an :class:`~plateflow.errors.ImageError` that names the chunk. Checksums of the codec crc32c are passed over, not
verified; those that compressors write are.
"""

from __future__ import annotations

import os
import struct
from io import BufferedReader
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from plateflow.errors import ImageError
from plateflow.storage.limits import check_growth
from plateflow.storage.regular import open_regular, reason_of
from plateflow.storage.zarr_codecs import DAMAGE, DECODE
from plateflow.storage.zarr_metadata import ArrayDescription, describe_array

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_ABSENT: Final = 2**64 - 1
"""Offset and size of a chunk that a shard does not hold."""
_CRC_BYTES: Final = 4


class ArrayPlane(msgspec.Struct, frozen=True, gc=False):
    """Which part of an array one image is."""

    index: tuple[int, ...]
    """Along the dimensions before Y and X."""
    top: int
    left: int
    rows: int
    columns: int


def check_plane(array: ArrayDescription, plane: ArrayPlane) -> None:
    """Refuse a plane that is not in its array.

    Raises
    ------
    ImageError
        If it is not.
    """
    begin = (*plane.index, plane.top, plane.left)
    size = (*(1 for _ in plane.index), plane.rows, plane.columns)
    inside = len(begin) == len(array.shape) and all(
        0 <= first and 0 < count and first + count <= whole
        for first, count, whole in zip(begin, size, array.shape, strict=True)
    )
    if not inside:
        raise ImageError(f"{array.path}: an image of {size} pixels at {begin} is not in the array of {array.shape}")


def read_array_plane(array: ArrayDescription, plane: ArrayPlane) -> NDArray[Any]:
    """Read one image, ``(Y, X)``, in native byte order.

    Raises
    ------
    ImageError
        If a chunk is missing or damaged, naming it, or the image is not in the array.
    """
    check_plane(array, plane)
    if array.dtype is None:
        raise ImageError(f"{array.path}: holds text, no pixels")
    pixels = np.empty((plane.rows, plane.columns), array.dtype.newbyteorder("="))
    for place in _chunks_of(array, plane):
        chunk = _numbers(array, place)
        source, target = _overlap(array, plane, place)
        pixels[target] = chunk[source]
    return pixels


def chunk_files(array: ArrayDescription, plane: ArrayPlane) -> list[str]:
    """Return the paths of the files that hold an image's pixels, each once."""
    return list(dict.fromkeys(_file_of(array, place) for place in _chunks_of(array, plane)))


def read_column(folder: str) -> list[str]:
    """Read a one-dimensional array of text.

    Raises
    ------
    ImageError
        If it is none, or a chunk is missing or damaged.
    """
    array = describe_array(folder)
    if len(array.shape) != 1:
        raise ImageError(f"{folder}: has {len(array.shape)} dimensions, a column of text is needed")
    values: list[str] = []
    for number in range(-(-array.shape[0] // array.chunk[0])):
        values += _texts(array, (number,)) if array.dtype is None else map(str, _numbers(array, (number,)))
    return values[: array.shape[0]]


def _chunks_of(array: ArrayDescription, plane: ArrayPlane) -> Iterator[tuple[int, ...]]:
    *leading, height, width = array.chunk
    fixed = tuple(at // size for at, size in zip(plane.index, leading, strict=True))
    rows = range(plane.top // height, (plane.top + plane.rows - 1) // height + 1)
    columns = range(plane.left // width, (plane.left + plane.columns - 1) // width + 1)
    return ((*fixed, row, column) for row, column in product(rows, columns))


def _overlap(
    array: ArrayDescription, plane: ArrayPlane, place: tuple[int, ...]
) -> tuple[tuple[int | slice, ...], tuple[slice, ...]]:
    """Return what of a chunk belongs to an image, and where in the image."""
    # Nothing is compared with the array's own size: what a chunk holds beyond its edge is of no image.
    source: list[int | slice] = [at % size for at, size in zip(plane.index, array.chunk[:-2], strict=True)]
    target = []
    for number, size, first, count in zip(
        place[-2:], array.chunk[-2:], (plane.top, plane.left), (plane.rows, plane.columns), strict=True
    ):
        begin, end = max(first, number * size), min(first + count, (number + 1) * size)
        source.append(slice(begin - number * size, end - number * size))
        target.append(slice(begin - first, end - first))
    return tuple(source), tuple(target)


def _numbers(array: ArrayDescription, place: tuple[int, ...]) -> NDArray[Any]:
    # A chunk, shaped as the array's dimensions are.
    data = _decoded(array, place, array.chunk_bytes)
    if len(data) != array.chunk_bytes:
        raise _damaged(array, place, f"{len(data)} bytes of {array.chunk_bytes}")
    stored = np.frombuffer(data, array.dtype).reshape([array.chunk[dimension] for dimension in array.order])
    return stored.transpose(np.argsort(array.order))


def _texts(array: ArrayDescription, place: tuple[int, ...]) -> list[str]:
    # A chunk of text: a count, then each text's size and bytes.
    data, texts = _decoded(array, place, None), []
    try:
        (count,), at = struct.unpack_from("<I", data), 4
        for _ in range(count):
            (size,) = struct.unpack_from("<I", data, at)
            texts.append(data[at + 4 : at + 4 + size].decode())
            at += 4 + size
    except (struct.error, UnicodeDecodeError) as e:
        raise _damaged(array, place, str(e)) from e
    return texts


def _decoded(array: ArrayDescription, place: tuple[int, ...], size: int | None) -> bytes:
    data = _stored(array, place)
    if size is not None and array.codecs:
        check_growth(_file_of(array, place), size, len(data))
    sizes = _sizes(array.codecs, size)
    for codec, out in zip(reversed(array.codecs), reversed(sizes), strict=True):
        try:
            data = data[:-_CRC_BYTES] if codec == "crc32c" else DECODE[codec](data, out)
        except DAMAGE as e:
            raise _damaged(array, place, f"{type(e).__name__}: {e}") from e
    return data


def _sizes(codecs: tuple[str, ...], size: int | None) -> list[int | None]:
    """Return the bytes that each codec was given, as far as that is known, so that none can decode to more."""
    sizes: list[int | None] = []
    for codec in codecs:
        sizes.append(size)
        size = size + _CRC_BYTES if size is not None and codec == "crc32c" else None
    return sizes


def _file_of(array: ArrayDescription, place: tuple[int, ...]) -> str:
    if array.shards is not None:
        place = tuple(at // count for at, count in zip(place, array.shards.chunks, strict=True))
    return os.path.join(array.path, *f"{array.prefix}{array.separator.join(map(str, place))}".split("/"))


def _stored(array: ArrayDescription, place: tuple[int, ...]) -> bytes:
    path = _file_of(array, place)
    try:
        with BufferedReader(open_regular(path)) as file:
            if array.shards is None:
                return file.read()
            offset, size = _find_in_shard(array, place, file)
            if offset == size == _ABSENT:
                raise _missing(array, place)
            if offset + size > os.fstat(file.fileno()).st_size:
                raise _damaged(array, place, "its shard is cut off")
            file.seek(offset)
            return file.read(size)
    except FileNotFoundError as e:
        if os.path.islink(path):
            raise ImageError(f"{path}: cannot be read: {reason_of(e, path)}") from e
        raise _missing(array, place) from e
    except OSError as e:
        raise ImageError(f"{path}: cannot be read: {reason_of(e, path)}; copy it again") from e


def _find_in_shard(array: ArrayDescription, place: tuple[int, ...], file: Any) -> tuple[int, int]:
    assert array.shards is not None
    counts = array.shards.chunks
    number = int(np.ravel_multi_index([at % count for at, count in zip(place, counts, strict=True)], counts))
    index_bytes = 16 * int(np.prod(counts)) + _CRC_BYTES
    begin = os.fstat(file.fileno()).st_size - index_bytes if array.shards.index_at_end else 0
    file.seek(max(0, begin + 16 * number))
    entry = file.read(16)
    if begin < 0 or len(entry) != 16:
        raise _damaged(array, place, "its shard is cut off")
    offset, size = struct.unpack("<QQ", entry)
    return offset, size


def _missing(array: ArrayDescription, place: tuple[int, ...]) -> ImageError:
    path, inside = _file_of(array, place), _inside(array, place)
    return ImageError(
        f"{path}: {inside or 'the chunk'} is missing, so its pixels are unknown (they would read as zeros); copy the "
        "plate again, or write it with a program that writes empty chunks, too"
    )


def _damaged(array: ArrayDescription, place: tuple[int, ...], why: str) -> ImageError:
    inside = _inside(array, place)
    what = f"{inside} of it" if inside else "the chunk"
    return ImageError(f"{_file_of(array, place)}: {what} is damaged ({why}); copy it again")


def _inside(array: ArrayDescription, place: tuple[int, ...]) -> str:
    return "" if array.shards is None else f"chunk {'/'.join(map(str, place))}"
