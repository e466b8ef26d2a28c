"""Functions that correct what the microscope does to grey values: uneven light, and a camera's offset.

The kinds in the signatures are read when a pipeline is compiled, so this module keeps its annotations evaluated.
"""

from typing import Literal

import numpy as np
from scipy import ndimage as ndi

from plateflow.functions.kinds import Image, Length, Planes
from plateflow.functions.thresholds import NonNegative


def estimate_illumination(planes: Planes, smoothing: Length | None = None) -> Image:
    """Estimate how the light falls on a site, from many images of the plate: their mean, smoothed.

    A step over the whole plate, before its wells::

        FunctionStep(estimate_illumination, outputs="Illumination", variable_components=("well", "site")),
        FunctionStep(correct_illumination, inputs=("*", "Illumination")),

    Parameters
    ----------
    planes : iterable of array, (Y, X)
        Images of one channel whose cells lie anywhere, so that on average no place is favoured but by the light.
    smoothing : float, in pixels
        Sigma of the blur over their mean, which takes away what is left of single cells. Default: an eighth of the
        shorter side.

    Returns
    -------
    array, (Y, X) float32
        In grey values; every plane counts the same, whatever its brightness.

    Raises
    ------
    ValueError
        If there is no plane, or none that is not black.

    References
    ----------
    CellProfiler's CorrectIlluminationCalculate over all images; Singh et al. 2014, J Microsc 256:231.
    """
    total: np.ndarray | None = None
    means: list[float] = []
    for plane in planes:
        mean = float(plane.mean())
        if mean > 0:
            even = plane.astype(np.float64) / mean
            total = even if total is None else total + even
            means.append(mean)
    if total is None:
        raise ValueError("there is no image that is not black: the light cannot be estimated")
    sigma = min(total.shape) / 8 if smoothing is None else smoothing
    smooth = ndi.gaussian_filter(total / len(means), sigma, mode="nearest")
    illumination: Image = (smooth * np.mean(means)).astype(np.float32)
    return illumination


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
