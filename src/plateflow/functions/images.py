"""Functions from images to images: smoothing, scaling and merging of channels.

The kinds in the signatures are read when a pipeline is compiled, so this module keeps its annotations evaluated.
"""

from typing import Annotated

import msgspec
import numpy as np
from scipy import ndimage as ndi

from plateflow.errors import PipelineError
from plateflow.functions.kinds import Image, Length, Stack

Percentile = Annotated[float, msgspec.Meta(ge=0, le=100)]


def gaussian(image: Image, sigma: Length = 1.0) -> Image:
    """Blur an image.

    Parameters
    ----------
    image : array, (Y, X)
        Any numeric dtype.
    sigma : float, in pixels
        Standard deviation of the Gaussian; 0 leaves the grey values as they are.

    Returns
    -------
    array, (Y, X) float32
        In the grey values of `image`, which are not rescaled.

    References
    ----------
    `scipy.ndimage.gaussian_filter`.
    """
    return ndi.gaussian_filter(image.astype(np.float32), sigma)


def normalise(image: Image, low: Percentile = 1.0, high: Percentile = 99.8) -> Image:
    """Stretch the grey values between two percentiles to 0..1 and clip the rest.

    Parameters
    ----------
    image : array, (Y, X)
        Any numeric dtype, or bool.
    low, high : float, in percent
        The percentiles that become 0 and 1.

    Returns
    -------
    array, (Y, X) float32
        Within 0..1; all zero where the two percentiles are equal, as in a constant image.

    Raises
    ------
    PipelineError
        If `low` is not below `high`.

    References
    ----------
    `numpy.percentile`; as `skimage.exposure.rescale_intensity`.
    """
    if low >= high:
        raise PipelineError(f"normalise: low={low:g} must be below high={high:g}")
    values = image.astype(np.float64)
    black, white = np.percentile(values, (low, high))
    if black == white:
        return np.zeros(image.shape, np.float32)
    stretched: Image = np.clip((values - black) / (white - black), 0, 1)
    return stretched.astype(np.float32)


def composite(stack: Stack, weights: tuple[float, ...] | None = None) -> Image:
    """Merge planes, usually the channels of a site, into one image: their weighted mean.

    Parameters
    ----------
    stack : array, (N, Y, X)
        The planes in acquisition order, any numeric dtype.
    weights : tuple of N floats
        The share of each plane; they need not add up to 1. Default: every plane counts the same.

    Returns
    -------
    array, (Y, X) float32
        In the grey values of `stack`.

    Raises
    ------
    PipelineError
        If there is not one weight for each plane, or the weights add up to nothing.

    References
    ----------
    The weighted mean, as CellProfiler's ColorToGray.
    """
    shares = np.ones(len(stack)) if weights is None else np.array(weights, np.float64)
    if len(shares) != len(stack):
        raise PipelineError(f"composite: {len(shares)} weights for {len(stack)} planes; give one weight for each plane")
    if shares.sum() <= 0:
        raise PipelineError(f"composite: the weights {weights} add up to {shares.sum():g}; make their sum positive")
    mean: Image = np.tensordot(shares / shares.sum(), stack, axes=1)
    return mean.astype(np.float32)
