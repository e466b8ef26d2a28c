"""TIFF files of plain pixels, read straight into the array.

Classic TIFF or BigTIFF, uncompressed and contiguous is what most microscopes write; tifffile needs 0.17 ms to parse a
header, which is as long as reading 1 MB. Whatever is not exactly that, damaged files included, is tifffile's to judge.
Source: TIFF 6.0, section 8.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from plateflow.errors import ImageError
from plateflow.storage.tiff_directory import COPY_AGAIN, STRIP_COUNTS, STRIP_OFFSETS

if TYPE_CHECKING:
    from io import FileIO

    from numpy.typing import NDArray

    from plateflow.storage.tiff_directory import Directory

_WIDTH, _LENGTH, _BITS, _FORMAT = 256, 257, 258, 339
_MUST_BE_ONE = (259, 266, 277, 317, 32997)
"""Compression, fill order, samples per pixel, predictor, image depth: 1, which is also what absence means."""
_NOT_PLAIN = frozenset({322, 324, 330})
"""Tiles and sub-images."""
_KINDS = {1: "u", 2: "i", 3: "f"}
_DTYPES = frozenset({"u1", "u2", "u4", "i1", "i2", "i4", "f4", "f8"})


@dataclass(frozen=True, slots=True)
class PlainPixels:
    """Where the pixels of a plain file lie."""

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    """In the file's byte order."""
    offset: int


def find_plain_pixels(file: FileIO, directory: Directory, most_pixels: int) -> PlainPixels | None:
    """Return where the pixels lie if they are plain, all there and not too many; None leaves the file to tifffile."""
    if directory.next_page or not _NOT_PLAIN.isdisjoint(directory.fields):
        return None
    if any(tag in directory.fields and directory.integers(file, tag) != [1] for tag in _MUST_BE_ONE):
        return None
    single = [directory.integers(file, tag) for tag in (_WIDTH, _LENGTH, _BITS)]
    single.append(directory.integers(file, _FORMAT) if _FORMAT in directory.fields else [1])
    if any(len(values) != 1 for values in single):
        return None
    (width,), (length,), (bits,), (sample_format,) = single
    kind = f"{_KINDS.get(sample_format, '?')}{bits // 8}"
    if kind not in _DTYPES or bits % 8 or not 0 < width * length <= most_pixels:
        return None
    offset = _find_run(file, directory, width * length * (bits // 8))
    return None if offset is None else PlainPixels((length, width), np.dtype(directory.order + kind), offset)


def _find_run(file: FileIO, directory: Directory, size: int) -> int | None:
    """Return where the strips begin, if they are one run of bytes that is long enough and behind the file's start."""
    offsets, counts = directory.integers(file, STRIP_OFFSETS), directory.integers(file, STRIP_COUNTS)
    if not offsets or len(offsets) != len(counts):
        return None
    contiguous = all(offsets[i] + counts[i] == offsets[i + 1] for i in range(len(offsets) - 1))
    whole = sum(counts) >= size and offsets[0] + size <= directory.file_size
    return offsets[0] if contiguous and whole and offsets[0] >= 8 else None


def read_plain(path: str, file: FileIO, pixels: PlainPixels) -> NDArray[Any]:
    """Read the plane, (Y, X), in native byte order.

    Raises
    ------
    ImageError
        If the file has become shorter meanwhile.
    """
    plane = np.empty(pixels.shape, dtype=pixels.dtype)
    file.seek(pixels.offset)
    read = file.readinto(plane.data.cast("B"))
    if read != plane.nbytes:
        raise ImageError(f"{path}: is cut off: {read} bytes of {plane.nbytes}; {COPY_AGAIN}")
    return plane.astype(pixels.dtype.newbyteorder("="), copy=False)
