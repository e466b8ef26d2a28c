"""Functions that correct what the microscope does to grey values: uneven light, and a camera's offset.

The kinds in the signatures are read when a pipeline is compiled, so this module keeps its annotations evaluated.
"""

from typing import Literal

import numpy as np

from plateflow.functions.kinds import Image
from plateflow.functions.thresholds import NonNegative


def correct_illumination(
    image: Image,
    illumination: Image,
    method: Literal["divide", "subtract"] = "divide",
    offset: NonNegative = 0.0,
) -> Image:
    """Take uneven light out of an image.

    Parameters
    ----------
    image : array, (Y, X)
        Any numeric dtype.
    illumination : array, (Y, X)
        How bright an even sample would look; it need not be scaled to anything.
    method : str
        ``divide`` where the light is uneven; ``subtract`` where the ground is.
    offset : float, in grey values
        What the camera reads without light; taken from both images before.

    Returns
    -------
    array, (Y, X) float32
        In the grey values of `image`: where the light is as on average over the image, they do not change.

    Raises
    ------
    ValueError
        If the two are not of one shape, or the light is nowhere above the offset.

    References
    ----------
    CellProfiler's CorrectIlluminationApply; Singh et al. 2014, J Microsc 256:231.
    """
    if image.shape != illumination.shape:
        raise ValueError(
            f"the image is {image.shape} pixels, its illumination {illumination.shape}; they must be alike"
        )
    light = illumination.astype(np.float64) - offset
    if light.max() <= 0:
        raise ValueError(f"the illumination is nowhere brighter than the offset {offset:g}; lower the offset")
    if method == "subtract":
        even = image - (light - light.mean())
    else:
        flat = np.maximum(light / light.mean(), 0.01)  # where there is hardly any light there is no image
        even = offset + (image.astype(np.float64) - offset) / flat
    corrected: Image = even.astype(np.float32)
    return corrected
