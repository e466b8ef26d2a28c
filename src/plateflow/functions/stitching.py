"""Functions that lay the fields of a well side by side.

The kinds in the signatures are read when a pipeline is compiled, so this module keeps its annotations evaluated.
"""

import numpy as np

from plateflow.functions.kinds import Image, Info, Stack

MOST_PIXELS = 2**28
"""Of a stitched image: positions that are a mistake would ask for all memory there is."""


def stitch(stack: Stack, info: Info) -> Image:
    """Lay the sites of a well side by side where the microscope says that they are.

    ``FunctionStep(stitch, inputs="DNA", outputs="Whole", variable_components="site")``

    Parameters
    ----------
    stack : array, (N, Y, X)
        The sites in ascending order.

    Returns
    -------
    array, (Y, X)
        Of the dtype of `stack`. Where sites overlap it is their mean, where there is none 0. Positions are rounded to
        whole pixels and not mended by what the images show.

    Raises
    ------
    ValueError
        If the plate does not tell its pixel size or the sites' positions, or these lie too far apart.

    References
    ----------
    Placement by stage positions, as the first step of Preibisch, Saalfeld and Tomancak 2009, Bioinformatics 25:1463.
    """
    places = [place for place in info.positions_um if place is not None]
    if info.pixel_size_um is None or len(places) < len(stack):
        what = "its pixel size" if info.pixel_size_um is None else f"where {len(stack) - len(places)} of the sites lie"
        raise ValueError(f"this plate does not tell {what}, so the sites cannot be laid side by side")
    corners = np.rint(np.array(places) / info.pixel_size_um).astype(np.int64)
    corners -= corners.min(axis=0)
    height, width = corners.max(axis=0) + stack.shape[1:]
    if height * width > MOST_PIXELS:
        raise ValueError(f"the sites would make an image of {height} x {width} pixels; their positions cannot be right")
    total = np.zeros((height, width), np.float64)
    count = np.zeros((height, width), np.uint16)
    for plane, (y, x) in zip(stack, corners, strict=True):
        here = (slice(y, y + plane.shape[0]), slice(x, x + plane.shape[1]))
        total[here] += plane
        count[here] += 1
    mean = total / np.maximum(count, 1)
    whole: Image = (np.rint(mean) if stack.dtype.kind in "iu" else mean).astype(stack.dtype)
    return whole
