"""What an image may claim to be, asked before anything is allocated for it."""

from __future__ import annotations

from typing import Final

from plateflow.errors import ImageError
from plateflow.storage.regular import MEGABYTE

MAX_PIXELS: Final = 2**28
"""Pixels in one plane (16,384 x 16,384)."""
MAX_PLANES: Final = 2**18
"""Planes of one array: of all channels, timepoints and z of an image, and of all its fields. A day of 4 channels, 20 z
and a timepoint a minute is 115,200."""
MAX_CHANNELS: Final = 1024
"""Channels of one image. What other images of a plate lack of them is missing there, so that a wrong number of a single
one becomes very many."""
MAX_GROWTH: Final = 1000
"""How many times larger than its file an image may be, where it is larger than :data:`FREE_BYTES`. No camera's noise is
packed to a thousandth."""
FREE_BYTES: Final = 64 * MEGABYTE


def check_growth(path: str, claimed: int, size: int) -> None:
    """Refuse a file that claims to be far more than it is.

    Parameters
    ----------
    path
        Named in the error.
    claimed
        Bytes of pixels.
    size
        Bytes of the file.

    Raises
    ------
    ImageError
        If one is out of all proportion to the other.
    """
    if claimed > FREE_BYTES and claimed > MAX_GROWTH * size:
        raise ImageError(
            f"{path}: claims {claimed // MEGABYTE} MB of pixels in a file of {size} bytes; an image may be "
            f"{MAX_GROWTH} times as large as its file"
        )
