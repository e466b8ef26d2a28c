"""Pictures for people: outlines of objects on the image that they were found in."""

from collections.abc import Mapping
from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import find_boundaries

from plateflow.functions.images import normalise

COLOURS: tuple[tuple[int, int, int], ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (213, 94, 0),
    (204, 121, 167),
    (0, 114, 178),
)
"""RGB of each object set in turn: the colour-blind-safe palette of Okabe and Ito (2008) without black, which would not
show on a dark ground."""


def outlines(image: NDArray[Any], labels: Mapping[str, NDArray[np.int32]]) -> NDArray[np.uint8]:
    """Draw the outline of every object on a grey picture.

    Parameters
    ----------
    image : array, (Y, X)
        Any numeric dtype, or bool; its grey values are stretched as by `normalise`.
    labels : mapping of name to array, (Y, X) int32
        The k-th set is drawn in ``COLOURS[k]``, from the first again after the last, over those before it.

    Returns
    -------
    array, (Y, X, 3) uint8
        RGB. An outline is the outermost pixels of an object, one pixel wide, inside it.
    """
    grey = np.rint(normalise(image) * 255).astype(np.uint8)
    picture = np.repeat(grey[..., np.newaxis], 3, axis=2)
    for objects, colour in zip(labels.values(), cycle(COLOURS), strict=False):
        picture[find_boundaries(objects, mode="inner")] = colour
    return picture
