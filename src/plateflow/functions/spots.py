"""Functions that find spots: small, bright, round things, such as foci, vesicles or bound probes.

The kinds in the signatures are read when a pipeline is compiled, so this module keeps its annotations evaluated.
"""

import numpy as np
from scipy import ndimage as ndi
from skimage import segmentation
from skimage.feature import peak_local_max

from plateflow.functions.kinds import Image, Labels, PositiveLength
from plateflow.functions.thresholds import NonNegative


def find_spots(
    image: Image,
    diameter: PositiveLength = 4.0,
    threshold: NonNegative = 8.0,
    lowest_contrast: NonNegative = 0.0,
) -> Labels:
    """Find spots of one size: where the Laplacian of a Gaussian answers above the noise.

    Parameters
    ----------
    image : array, (Y, X)
        Bright spots on a ground of any shape that is smooth; any numeric dtype, finite.
    diameter : float, in pixels
        Of a spot, about; half and double of it are still found.
    threshold : float
        How many times the noise of the answer a spot must stand out. The noise is the spread of the pixels that are
        most (1.48 times their median absolute deviation), so it is not raised by the spots.
    lowest_contrast : float, in grey values
        A spot's answer is at least that of one that stands out so much from its ground. Set it where images are free of
        noise, or wells may be empty.

    Returns
    -------
    array, (Y, X) int32
        Spots numbered 1..n without gaps, by the row of their middle; each the pixels around it where the answer is
        above half of its height.

    References
    ----------
    Lindeberg 1998, Int J Comput Vis 30:79; `scipy.ndimage.gaussian_laplace`, `skimage.feature.peak_local_max`. As
    `skimage.feature.blob_log`, at one scale.
    """
    if image.min() == image.max():
        return np.zeros(image.shape, np.int32)
    sigma = diameter / (2 * np.sqrt(2))
    answer = -(sigma**2) * ndi.gaussian_laplace(image.astype(np.float64), sigma)
    noise = 1.4826 * float(np.median(np.abs(answer - np.median(answer))))
    # A Gaussian spot of this size that stands out by c answers c / 2 in its middle.
    rounding = float(np.finfo(np.float32).eps) * float(np.abs(image).max())
    lowest = max(threshold * noise, lowest_contrast / 2, rounding)
    peaks = peak_local_max(answer, min_distance=max(1, round(diameter / 2)), threshold_abs=lowest, exclude_border=False)
    peaks = peaks[np.lexsort((peaks[:, 1], peaks[:, 0]))]
    seeds = np.zeros(image.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    areas = segmentation.watershed(-answer, seeds, mask=answer > lowest / 2)
    heights = np.concatenate(([np.inf], answer[tuple(peaks.T)]))
    spots: Labels = np.where(answer >= heights[areas] / 2, areas, 0).astype(np.int32)
    return spots
