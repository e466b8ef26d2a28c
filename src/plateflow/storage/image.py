"""One plane of pixels, whatever holds it: a TIFF or PNG file, or a part of a Zarr array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plateflow.errors import ImageError
from plateflow.storage import png, tiff
from plateflow.storage.limits import MAX_PIXELS
from plateflow.storage.tiff import ImageHeader
from plateflow.storage.zarr_chunks import ArrayPlane, check_plane, chunk_files, read_array_plane
from plateflow.storage.zarr_metadata import describe_array

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import DTypeLike, NDArray

    from plateflow.storage.zarr_metadata import ArrayDescription


def read_image_header(path: str, part: ArrayPlane | None = None) -> ImageHeader:
    """Read shape and dtype of an image; no pixels.

    Parameters
    ----------
    path
        Of a TIFF or PNG file; with `part`, of the folder of a Zarr array.
    part
        Which part of the array it is.

    Raises
    ------
    ImageError
        If it is missing, damaged, or not one grey plane.
    """
    if part is not None:
        return _header(describe_array(path), part)
    if _is_png(path):
        return _checked(path, *png.read_grey_header(path))
    return tiff.read_header(path)


def read_image(
    path: str,
    part: ArrayPlane | None = None,
    shape: tuple[int, int] | None = None,
    dtype: DTypeLike | None = None,
) -> NDArray[Any]:
    """Read an image.

    Parameters
    ----------
    path, part
        As in :func:`read_image_header`.
    shape
        (Y, X) that it must have; None takes any.
    dtype
        The pixel type that it must have; None takes any.

    Returns
    -------
    numpy.ndarray
        (Y, X), in native byte order, C-contiguous, writable, the caller's own.

    Raises
    ------
    ImageError
        As :func:`read_image_header`, if pixels are missing (naming the file that should hold them), or not as demanded.
    """
    if part is not None:
        array = describe_array(path)
        _header(array, part).require(path, shape, dtype)
        return read_array_plane(array, part)
    if _is_png(path):
        read_image_header(path).require(path, shape, dtype)
        return png.read_grey(path)
    return tiff.read_plane(path, shape, dtype)


def image_files(path: str, part: ArrayPlane | None = None) -> list[str]:
    """Return the files that hold an image's pixels.

    Raises
    ------
    ImageError
        If there is no such array.
    """
    return [path] if part is None else chunk_files(describe_array(path), part)


def _is_png(path: str) -> bool:
    return path.lower().endswith(".png")


def _header(array: ArrayDescription, part: ArrayPlane) -> ImageHeader:
    check_plane(array, part)
    if array.dtype is None or array.dtype.kind not in "buif":
        raise ImageError(f"{array.path}: holds {array.dtype or 'text'}, no pixels")
    return _checked(array.path, (part.rows, part.columns), array.dtype.newbyteorder("="))


def _checked(path: str, shape: tuple[int, int], dtype: np.dtype[Any]) -> ImageHeader:
    if shape[0] * shape[1] > MAX_PIXELS:
        raise ImageError(f"{path}: claims {shape[0]} x {shape[1]} pixels, more than the {MAX_PIXELS} allowed")
    return ImageHeader(shape, dtype)
