"""PNG files: pictures for people, in colour, and planes of pixels, in grey, that some microscopes write."""

from __future__ import annotations

import os
import struct
from io import BufferedReader
from typing import TYPE_CHECKING, Any, Final

import imagecodecs
import numpy as np

from plateflow.errors import ImageError
from plateflow.storage.atomic import write_atomic
from plateflow.storage.limits import check_growth
from plateflow.storage.regular import open_regular, reason_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_GREY: Final = {8: "u1", 16: "u2"}
"""Data type by bits of a pixel."""


def read_grey_header(path: str) -> tuple[tuple[int, int], np.dtype[Any]]:
    """Read (Y, X) and data type of a grey PNG (https://www.w3.org/TR/png-3/#11IHDR); no pixels.

    Raises
    ------
    ImageError
        If it is missing, damaged, or not grey of 8 or 16 bits.
    """
    with _open(path) as file:
        start, size = file.read(33), os.fstat(file.fileno()).st_size
    if len(start) < 33 or not start.startswith(_SIGNATURE) or start[12:16] != b"IHDR":
        raise ImageError(f"{path}: is no PNG; copy it again from the microscope")
    columns, rows, bits, colour = struct.unpack_from(">IIBB", start, 16)
    if colour != 0 or bits not in _GREY or not rows * columns:
        raise ImageError(f"{path}: is {rows} x {columns} pixels of {bits} bits, colour type {colour}; grey is needed")
    check_growth(path, rows * columns * bits // 8, size)
    return (rows, columns), np.dtype(_GREY[bits])


def read_grey(path: str) -> NDArray[Any]:
    """Read a grey PNG, ``(Y, X)``.

    Raises
    ------
    ImageError
        As :func:`read_grey_header`, or if its pixels are incomplete.
    """
    shape, dtype = read_grey_header(path)
    try:
        with _open(path) as file:
            pixels: NDArray[Any] = imagecodecs.png_decode(file.read())
    except (OSError, RuntimeError, ValueError, MemoryError) as e:
        raise ImageError(f"{path}: cannot be read as a PNG ({e}); copy it again from the microscope") from e
    if pixels.shape != shape or pixels.dtype != dtype:
        raise ImageError(f"{path}: its pixels are {pixels.shape} {pixels.dtype}, its header tells {shape} {dtype}")
    return pixels


def _open(path: str) -> BufferedReader:
    try:
        return BufferedReader(open_regular(path))
    except OSError as e:
        raise ImageError(f"{path}: {reason_of(e, path)}; copy it again from the microscope") from e


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write a picture.

    Parameters
    ----------
    path : Path
    pixels : ndarray
        ``(Y, X, 3)`` uint8, RGB.

    Raises
    ------
    ImageError
        For another shape or dtype.
    """
    if pixels.dtype != "uint8" or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ImageError(f"{path}: a picture of shape (Y, X, 3) uint8 is needed, got {pixels.shape} {pixels.dtype}")
    write_atomic(path, imagecodecs.png_encode(pixels, level=1))
