"""Pictures for people: RGB PNG files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import imagecodecs

from plateflow.errors import ImageError
from plateflow.storage.atomic import write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


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
