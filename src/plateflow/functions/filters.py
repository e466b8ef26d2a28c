"""Functions from image to image that take away ground and noise, or let structures of one size stand out.

The kinds in the signatures are read when a pipeline is compiled, so this module keeps its annotations evaluated.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage import filters, restoration, transform
from skimage.morphology import disk

from plateflow.functions.kinds import Image, Length, PositiveLength

GROUND_SIZE = 512
"""Pixels along the longer side at which a rolling ball is rolled: the ground is smooth, and the cost grows with the
fourth power of the size."""


def median(image: Image, radius: PositiveLength = 1.0) -> Image:
    """Replace each pixel by the median of those around it: takes away single bright or dark pixels, keeps edges.

    Parameters
    ----------
    image : array, (Y, X)
        Any numeric dtype.
    radius : float, in pixels
        Of the disc over which the median is taken.

    Returns
    -------
    array, (Y, X)
        Of the dtype of `image`.

    References
    ----------
    `scipy.ndimage.median_filter` over `skimage.morphology.disk`.
    """
    filtered: Image = ndi.median_filter(image, footprint=disk(round(radius)))
    return filtered


def white_tophat(image: Image, radius: PositiveLength = 10.0) -> Image:
    """Keep what is bright and smaller than a disc, and take away all else: spots out of an uneven ground.

    Parameters
    ----------
    image : array, (Y, X)
        Any numeric dtype.
    radius : float, in pixels
        Of the disc; a little more than that of the largest thing to keep.

    Returns
    -------
    array, (Y, X) float32
        The image minus its opening; in its grey values, never below 0.

    References
    ----------
    As `skimage.morphology.white_tophat`, over an octagon in place of the disc for radii above 3: Adams 1993, CVGIP:
    Graphical Models 55:325.
    """
    values = image.astype(np.float32)
    opened = _over_octagon(_over_octagon(values, radius, ndi.minimum_filter), radius, ndi.maximum_filter)
    kept: Image = values - np.minimum(opened, values)
    return kept


def subtract_background(
    image: Image, radius: PositiveLength = 50.0, method: Literal["rolling_ball", "percentile"] = "rolling_ball"
) -> Image:
    """Take the ground away from below the objects.

    Parameters
    ----------
    image : array, (Y, X)
        Bright objects on a dark ground; any numeric dtype.
    radius : float, in pixels
        Of the ball; several times that of the largest object. ``percentile`` does not look at it.
    method : str
        ``rolling_ball``: what a ball that rolls below the grey values cannot reach; follows an uneven ground, and takes
        seconds on large images. ``percentile``: one number, the grey value below which a tenth of the pixels lies.

    Returns
    -------
    array, (Y, X) float32
        In grey values, never below 0.

    References
    ----------
    Sternberg 1983, Computer 16:22; `skimage.restoration.rolling_ball` on the image made smaller, to 512 pixels.
    """
    values = image.astype(np.float32)
    ground = np.float32(np.percentile(values, 10)) if method == "percentile" else _rolled(values, radius)
    clipped: Image = np.maximum(values - ground, 0)
    return clipped


def difference_of_gaussians(image: Image, low: Length = 1.0, high: PositiveLength = 8.0) -> Image:
    """Keep structures between two sizes: a blur takes away the noise, a wider one the ground.

    Parameters
    ----------
    image : array, (Y, X)
        Any numeric dtype.
    low, high : float, in pixels
        Sigma of the narrow and of the wide blur.

    Returns
    -------
    array, (Y, X) float32
        In grey values, also below 0.

    Raises
    ------
    ValueError
        If `low` is not below `high`.

    References
    ----------
    `skimage.filters.difference_of_gaussians`.
    """
    if low >= high:
        raise ValueError(f"low {low:g} must be below high {high:g}")
    difference: Image = filters.difference_of_gaussians(image.astype(np.float32), low, high)
    return difference


def unsharp_mask(
    image: Image, radius: PositiveLength = 2.0, amount: Annotated[float, msgspec.Meta(ge=0)] = 1.0
) -> Image:
    """Sharpen an image: add to it what a blur would take away.

    Parameters
    ----------
    image : array, (Y, X)
        Any numeric dtype.
    radius : float, in pixels
        Sigma of the blur.
    amount : float
        How much of the difference is added.

    Returns
    -------
    array, (Y, X) float32
        In grey values, which may leave the range of the dtype.

    References
    ----------
    `skimage.filters.unsharp_mask`.
    """
    sharp: Image = filters.unsharp_mask(image.astype(np.float32), radius, amount, preserve_range=True)
    return sharp


def _over_octagon(values: NDArray[Any], radius: float, extreme: Callable[..., NDArray[Any]]) -> NDArray[Any]:
    # Over a disc it costs the square of the radius; over a square of any size as much as over one of 3 x 3.
    if radius <= 3:
        return extreme(values, footprint=disk(round(radius)))
    diamonds = round(radius * (2 - 2**0.5) / 2)
    for _ in range(diamonds):
        values = extreme(values, footprint=disk(1))
    return extreme(values, size=2 * (round(radius) - diamonds) + 1)


def _rolled(values: NDArray[Any], radius: float) -> NDArray[Any]:
    shrink = max(1.0, max(values.shape) / GROUND_SIZE)
    small = tuple(max(1, round(length / shrink)) for length in values.shape)
    lowered = transform.resize(values, small, order=1, preserve_range=True, anti_aliasing=shrink > 1)
    ground = restoration.rolling_ball(lowered, radius=max(1.0, radius / shrink))
    raised: NDArray[Any] = transform.resize(ground, values.shape, order=1, preserve_range=True).astype(np.float32)
    return raised
