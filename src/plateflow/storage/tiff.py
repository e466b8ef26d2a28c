"""One plane of pixels from one TIFF file, or an error that names the file.

A microscope's TIFF may be missing, half copied, a FIFO, a stack or a lie about its size. tifffile answers some of these
with a log line and an empty array; here all of them are an :class:`~plateflow.errors.ImageError`. Palette files give
their index: microscopes store the intensity in it, and the colour map is for show.

Files of plain pixels (classic TIFF, uncompressed, contiguous, what most microscopes write) are read straight into the
array: tifffile needs 0.17 ms to parse a header, which is as long as reading 1 MB. Whatever is not exactly that, damaged
files included, is tifffile's to judge.
"""

from __future__ import annotations

import os
import stat
import struct
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import tifffile

from plateflow.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO

    from numpy.typing import DTypeLike, NDArray

MAX_PIXELS: Final = 2**28
"""Pixels in one plane (16,384 x 16,384); a header that claims more is refused before anything is allocated."""

_UNREADABLE: Final = (
    OSError, ValueError, TypeError, LookupError, ArithmeticError, RuntimeError, AttributeError, AssertionError,
    MemoryError, struct.error, zlib.error,
)  # fmt: skip
"""What tifffile 2026.3 and imagecodecs raise on damaged files (found by flipping bytes); ImageError passes."""


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What a TIFF says of its one plane."""

    shape: tuple[int, int]
    """(Y, X) in pixels."""
    dtype: np.dtype[Any]
    """In native byte order, whatever the file's."""


def read_header(path: str) -> ImageHeader:
    """Read shape and dtype of a file's one plane; no pixels.

    Raises
    ------
    ImageError
        If the file is missing, no regular file, damaged, or holds anything but one grey plane.
    """
    with _open_regular(path) as file:
        pixels = _find_plain_pixels(file)
        if pixels is not None:
            return pixels.header
        with _open_page(path, file) as page:
            return _header_of(path, page)


def read_description(path: str) -> str:
    """Read the ImageDescription of the first page ("" where there is none), where vendors keep their metadata.

    Raises
    ------
    ImageError
        As :func:`read_header`.
    """
    with _open_regular(path) as file, _open_page(path, file) as page:
        return page.description


def read_plane(path: str, shape: tuple[int, int] | None = None, dtype: DTypeLike | None = None) -> NDArray[Any]:
    """Read a file's one plane.

    Parameters
    ----------
    path
        A TIFF file.
    shape
        (Y, X) that the plane must have; None takes any.
    dtype
        The pixel type that the plane must have; None takes any.

    Returns
    -------
    numpy.ndarray
        (Y, X), in native byte order, C-contiguous, writable, the caller's own.

    Raises
    ------
    ImageError
        As :func:`read_header`, if the pixels are incomplete, or not of the shape and dtype demanded.
    """
    with _open_regular(path) as file:
        pixels = _find_plain_pixels(file)
        if pixels is not None:
            _check_demanded(path, pixels.header, shape, dtype)
            return _read_plain(path, file, pixels)
        with _open_page(path, file) as page:
            header = _header_of(path, page)
            _check_demanded(path, header, shape, dtype)
            return _decode(path, page, header)


def write_plane(path: str, plane: NDArray[Any]) -> None:
    """Write a plane, (Y, X), as an uncompressed TIFF in one strip, the form that is read fastest."""
    tifffile.imwrite(path, plane, photometric="minisblack", metadata=None)


def encode_plane(plane: NDArray[Any]) -> bytes:
    """Return the bytes that :func:`write_plane` writes; of float64 and int64, which few can read, as float32."""
    narrow = plane.astype(np.float32) if plane.dtype.itemsize > 4 else plane
    with BytesIO() as file:
        tifffile.imwrite(file, narrow, photometric="minisblack", metadata=None)
        return bytes(file.getbuffer())


@contextmanager
def _open_regular(path: str) -> Iterator[FileIO]:
    # Opening a FIFO blocks until someone writes to it, so what the path is comes first.
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise ImageError(f"{path}: is not a regular file, so it holds no image")
        if status.st_size == 0:
            raise ImageError(f"{path}: is empty (0 bytes); copy it again from the microscope")
        with open(path, "rb", buffering=0) as file:
            yield file
    except OSError as e:
        raise ImageError(f"{path}: {e.strerror}; copy it again from the microscope") from e


def _check_demanded(path: str, header: ImageHeader, shape: tuple[int, int] | None, dtype: DTypeLike | None) -> None:
    if shape is not None and header.shape != tuple(shape):
        found, expected = f"{header.shape[0]} x {header.shape[1]}", f"{shape[0]} x {shape[1]}"
        raise ImageError(f"{path}: is {found} pixels (rows x columns), not the {expected} expected")
    if dtype is not None and header.dtype != np.dtype(dtype):
        raise ImageError(f"{path}: its pixels are {header.dtype}, not the {np.dtype(dtype)} expected")


# Plain files: TIFF 6.0, sections 2 and 8.

_ENTRY = {"<": struct.Struct("<HHI4s"), ">": struct.Struct(">HHI4s")}
_WIDTH, _LENGTH, _BITS, _COMPRESSION, _OFFSETS, _COUNTS, _FORMAT = 256, 257, 258, 259, 273, 279, 339
_MUST_BE_ONE = (_COMPRESSION, 266, 277, 317, 32997)
"""Compression, fill order, samples per pixel, predictor, image depth: 1, which is also what absence means."""
_NOT_PLAIN = frozenset({322, 324, 330})
"""Tiles and sub-images."""
_KINDS = {1: "u", 2: "i", 3: "f"}
_PLAIN_DTYPES = frozenset({"u1", "u2", "u4", "i1", "i2", "i4", "f4", "f8"})


@dataclass(frozen=True, slots=True)
class _PlainPixels:
    """Where the pixels of a plain file lie."""

    header: ImageHeader
    dtype: np.dtype[Any]
    """In the file's byte order."""
    offset: int


def _find_plain_pixels(file: FileIO) -> _PlainPixels | None:
    """Return where the pixels lie if they are plain and all there; None leaves the file to tifffile."""
    start = file.read(8)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(start[:4])
    if order is None or len(start) < 8:
        return None
    tags = _read_tags(file, order, struct.unpack(order + "I", start[4:])[0])
    if tags is None or not _NOT_PLAIN.isdisjoint(tags) or any(tags.get(tag, [1]) != [1] for tag in _MUST_BE_ONE):
        return None
    return _locate(tags, order, os.fstat(file.fileno()).st_size)


def _read_tags(file: FileIO, order: str, offset: int) -> dict[int, list[int]] | None:
    """Read the integer tags of the only IFD; None where it is damaged or not the only one."""
    file.seek(offset)
    count = int.from_bytes(file.read(2), "little" if order == "<" else "big")
    entries = file.read(12 * count + 4)
    if len(entries) < 12 * count + 4 or any(entries[12 * count :]):
        return None
    tags = {}
    for tag, kind, length, value in _ENTRY[order].iter_unpack(entries[: 12 * count]):
        if kind in (3, 4) and length > 0:
            tags[tag] = _read_integers(file, order, kind, length, value)
    return tags


def _read_integers(file: FileIO, order: str, kind: int, length: int, value: bytes) -> list[int]:
    size = 2 if kind == 3 else 4
    if length * size > 4:
        file.seek(int.from_bytes(value, "little" if order == "<" else "big"))
        value = file.read(min(length, 2**17) * size)
    return list(struct.unpack_from(f"{order}{min(length, len(value) // size)}{'H' if size == 2 else 'I'}", value))


def _locate(tags: dict[int, list[int]], order: str, file_size: int) -> _PlainPixels | None:
    offsets, counts = tags.get(_OFFSETS, []), tags.get(_COUNTS, [])
    single = [tags.get(tag, []) for tag in (_WIDTH, _LENGTH, _BITS)] + [tags.get(_FORMAT, [1])]
    if not offsets or len(offsets) != len(counts) or any(len(values) != 1 for values in single):
        return None
    (width,), (length,), (bits,), (sample_format,) = single
    kind = f"{_KINDS.get(sample_format, '?')}{bits // 8}"
    if kind not in _PLAIN_DTYPES or bits % 8 or not 0 < width * length <= MAX_PIXELS:
        return None
    contiguous = all(offsets[i] + counts[i] == offsets[i + 1] for i in range(len(offsets) - 1))
    size = width * length * (bits // 8)
    if not contiguous or sum(counts) < size or offsets[0] + size > file_size:
        return None
    return _PlainPixels(ImageHeader((length, width), np.dtype(kind)), np.dtype(order + kind), offsets[0])


def _read_plain(path: str, file: FileIO, pixels: _PlainPixels) -> NDArray[Any]:
    plane = np.empty(pixels.header.shape, dtype=pixels.dtype)
    file.seek(pixels.offset)
    read = file.readinto(plane.data.cast("B"))
    if read != plane.nbytes:
        raise ImageError(f"{path}: is cut off: {read} bytes of {plane.nbytes}; copy it again from the microscope")
    return plane.astype(pixels.header.dtype, copy=False)


# All other files: tifffile.


@contextmanager
def _open_page(path: str, file: FileIO) -> Iterator[tifffile.TiffPage]:
    """Hand out the file's only page.

    Raises
    ------
    ImageError
        Whichever way a damaged file fails in here or in what the caller does with the page.
    """
    try:
        file.seek(0)
        with tifffile.TiffFile(file, name=os.path.basename(path)) as tiff:
            if tiff.pages.is_multipage:
                pages = f"{len(tiff.pages)} pages" if len(tiff.pages) > 1 else "a damaged second page"
                raise ImageError(f"{path}: holds {pages}, a file of one plane is needed")
            yield tiff.pages.first
    except _UNREADABLE as e:
        raise ImageError(
            f"{path}: cannot be read as a TIFF ({type(e).__name__}: {e}); copy it again from the microscope"
        ) from e


def _header_of(path: str, page: tifffile.TiffPage) -> ImageHeader:
    if page.samplesperpixel != 1:
        raise ImageError(f"{path}: has {page.samplesperpixel} samples per pixel (colour), one grey channel is needed")
    if page.imagedepth != 1:
        raise ImageError(f"{path}: holds {page.imagedepth} planes in one page, a file of one plane is needed")
    rows, columns = page.imagelength, page.imagewidth
    if rows * columns == 0 or page.dtype is None or page.dtype.kind not in "buif":
        raise ImageError(f"{path}: its header tells no image: {rows} x {columns} pixels of type {page.dtype}")
    if rows * columns > MAX_PIXELS:
        raise ImageError(f"{path}: its header claims {rows} x {columns} pixels, more than the {MAX_PIXELS} allowed")
    return ImageHeader((rows, columns), page.dtype.newbyteorder("="))


def _decode(path: str, page: tifffile.TiffPage, header: ImageHeader) -> NDArray[Any]:
    _check_complete(path, page)
    plane = page.asarray()
    if plane.shape != header.shape:
        raise ImageError(f"{path}: only {plane.size} of {header.shape[0]} x {header.shape[1]} pixels could be read")
    return np.ascontiguousarray(plane, dtype=header.dtype)


def _check_complete(path: str, page: tifffile.TiffPage) -> None:
    """Refuse strips that tifffile would fill with zeros.

    Raises
    ------
    ImageError
        If a strip is absent or reaches past the end of the file.
    """
    offsets, counts = page.dataoffsets, page.databytecounts
    if not offsets or len(offsets) != len(counts) or 0 in counts:
        raise ImageError(f"{path}: some of its pixels were never written; copy it again from the microscope")
    needed = max(offset + count for offset, count in zip(offsets, counts, strict=True))
    size = page.parent.filehandle.size
    if needed > size:
        raise ImageError(f"{path}: is cut off: {size} bytes of {needed}; copy it again from the microscope")
