"""One plane of pixels from one TIFF file, or an error that names the file.

A microscope's TIFF may be missing, half copied, a FIFO, a stack or a lie about its size. tifffile answers some of these
with a log line and an empty array; here all of them are an :class:`~plateflow.errors.ImageError`. Palette files give
their index: microscopes store the intensity in it, and the colour map is for show.

The first directory is read here (:mod:`.tiff_directory`), and so are plain pixels (:mod:`.tiff_plain`); all else is
tifffile's, once nothing in the header claims more than an image has.
"""

from __future__ import annotations

import math
import os
import struct
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import tifffile

from plateflow.errors import ImageError
from plateflow.storage.limits import MAX_PIXELS, check_growth
from plateflow.storage.regular import open_regular, reason_of
from plateflow.storage.tiff_directory import COPY_AGAIN, DESCRIPTION, read_directory
from plateflow.storage.tiff_plain import find_plain_pixels, read_plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO

    from numpy.typing import DTypeLike, NDArray

    from plateflow.storage.tiff_plain import PlainPixels

_UNREADABLE: Final = (
    OSError, ValueError, TypeError, LookupError, ArithmeticError, RuntimeError, AttributeError, AssertionError,
    MemoryError, struct.error, zlib.error,
)  # fmt: skip
"""What tifffile 2026.3 and imagecodecs raise on damaged files (found by flipping bytes); ImageError passes."""


_FIRST_OFFSET: Final = 8
"""Before it lies the file's own header. Writers tell 0 for strips that they have not written."""
_FAX: Final = frozenset({2, 3, 4})
_JPEG: Final = frozenset({6, 7, 33007, 34892})
_JPEG_END: Final = b"\xff\xd9"
_JPEG_TAIL: Final = 16
"""Bytes at the end of which may be padding."""


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What a TIFF says of its one plane."""

    shape: tuple[int, int]
    """(Y, X) in pixels."""
    dtype: np.dtype[Any]
    """In native byte order, whatever the file's."""

    def require(self, path: str, shape: tuple[int, int] | None, dtype: DTypeLike | None) -> None:
        """Refuse an image that is not of the shape or the pixel type demanded; None demands nothing.

        Raises
        ------
        ImageError
            Names the file, what it is and what was expected.
        """
        if shape is not None and self.shape != tuple(shape):
            found, expected = f"{self.shape[0]} x {self.shape[1]}", f"{shape[0]} x {shape[1]}"
            raise ImageError(f"{path}: is {found} pixels (rows x columns), not the {expected} expected")
        if dtype is not None and self.dtype != np.dtype(dtype):
            raise ImageError(f"{path}: its pixels are {self.dtype}, not the {np.dtype(dtype)} expected")


def read_header(path: str) -> ImageHeader:
    """Read shape and dtype of a file's one plane; no pixels.

    Raises
    ------
    ImageError
        If the file is missing, no regular file, damaged, or holds anything but one grey plane.
    """
    with _open(path) as file:
        pixels = find_plain_pixels(file, read_directory(path, file), MAX_PIXELS)
        if pixels is not None:
            return _plain_header(pixels)
        with _open_page(path, file) as page:
            return _header_of(path, page)


def read_description(path: str) -> str:
    """Read the ImageDescription of the first page ("" where there is none), where vendors keep their metadata.

    Raises
    ------
    ImageError
        If the file is missing, no regular file, or no TIFF whose directory can be read.
    """
    with _open(path) as file:
        return read_directory(path, file).text(file, DESCRIPTION)


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
    with _open(path) as file:
        pixels = find_plain_pixels(file, read_directory(path, file), MAX_PIXELS)
        if pixels is not None:
            _plain_header(pixels).require(path, shape, dtype)
            return read_plain(path, file, pixels)
        with _open_page(path, file) as page:
            header = _header_of(path, page)
            header.require(path, shape, dtype)
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
def _open(path: str) -> Iterator[FileIO]:
    try:
        with open_regular(path) as file:
            if not os.fstat(file.fileno()).st_size:
                raise ImageError(f"{path}: is empty (0 bytes); {COPY_AGAIN}")
            yield file
    except OSError as e:
        reason = reason_of(e, path)
        raise ImageError(f"{path}: {reason}" if ";" in reason else f"{path}: {reason}; {COPY_AGAIN}") from e


def _plain_header(pixels: PlainPixels) -> ImageHeader:
    return ImageHeader(pixels.shape, pixels.dtype.newbyteorder("="))


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
        raise ImageError(f"{path}: cannot be read as a TIFF ({type(e).__name__}: {e}); {COPY_AGAIN}") from e


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
    check_growth(path, rows * columns * page.dtype.itemsize, page.parent.filehandle.size)
    _check_complete(path, page)
    return ImageHeader((rows, columns), page.dtype.newbyteorder("="))


def _check_complete(path: str, page: tifffile.TiffPage) -> None:
    """Refuse strips and tiles that tifffile would fill with zeros.

    Raises
    ------
    ImageError
        If one is absent or reaches past the end of the file.
    """
    offsets, counts = page.dataoffsets, page.databytecounts
    too_few = len(offsets) < math.prod(page.chunked) or len(offsets) != len(counts)
    if too_few or 0 in counts or min(offsets) < _FIRST_OFFSET:
        raise ImageError(f"{path}: some of its pixels were never written; {COPY_AGAIN}")
    needed = max(offset + count for offset, count in zip(offsets, counts, strict=True))
    size = page.parent.filehandle.size
    if needed > size:
        raise ImageError(f"{path}: is cut off: {size} bytes of {needed}; {COPY_AGAIN}")


def _decode(path: str, page: tifffile.TiffPage, header: ImageHeader) -> NDArray[Any]:
    _check_codec(path, page)
    plane = page.asarray()
    if plane.shape != header.shape:
        raise ImageError(f"{path}: only {plane.size} of {header.shape[0]} x {header.shape[1]} pixels could be read")
    return np.ascontiguousarray(plane, dtype=header.dtype)


def _check_codec(path: str, page: tifffile.TiffPage) -> None:
    """Refuse what decoders make pixels of that were not in the file.

    Raises
    ------
    ImageError
        If a JPEG ends early (what lacks would be grey), or a fax compression is told for more than black and white.
    """
    if page.compression in _FAX and page.bitspersample != 1:
        raise ImageError(f"{path}: its header tells a fax compression of {page.bitspersample} bits; {COPY_AGAIN}")
    if page.compression not in _JPEG:
        return
    file = page.parent.filehandle
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        file.seek(offset + max(0, count - _JPEG_TAIL))
        if not file.read(min(count, _JPEG_TAIL)).rstrip(b"\0").endswith(_JPEG_END):
            raise ImageError(f"{path}: the end of a JPEG in it is missing; {COPY_AGAIN}")
