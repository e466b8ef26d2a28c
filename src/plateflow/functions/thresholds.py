"""Global thresholds: the grey value above which a pixel belongs to an object."""

from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from skimage import filters

from plateflow.functions.kinds import Image, Record

Threshold = Literal["otsu", "otsu3", "li", "triangle", "yen", "isodata"]
NonNegative = Annotated[float, msgspec.Meta(ge=0)]


def find_threshold(image: NDArray[Any], method: Threshold) -> float:
    """Return the threshold of an image, (Y, X), of two grey values at least; foreground lies above it."""
    return float(_METHODS[method](image))


def measure_threshold(image: Image, method: Threshold = "otsu", smoothing: NonNegative = 0.0) -> Record:
    """Measure at which grey value a threshold would lie; tells wells that have no objects from those that have.

    Parameters
    ----------
    image : array, (Y, X)
        Any numeric dtype.
    method : str
        As in `find_nuclei`.
    smoothing : float, in pixels
        Sigma of the blur before; 0 for none.

    Returns
    -------
    dict of float
        ``ImageQuality_Threshold<Method>_{image}``, in grey values; the image's own where it has one alone.

    References
    ----------
    CellProfiler's MeasureImageQuality; methods as in `skimage.filters`.
    """
    smooth = filters.gaussian(image.astype(np.float64), smoothing, preserve_range=True)
    found = float(smooth.min()) if smooth.min() == smooth.max() else find_threshold(smooth, method)
    return {f"ImageQuality_Threshold{method.capitalize()}_{{image}}": found}


def _otsu3(image: NDArray[Any]) -> float:
    """Return the lower of the two thresholds, or Otsu's own where there are not three grey values to part."""
    if len(np.unique(image)) < 3:
        return float(filters.threshold_otsu(image))
    return float(filters.threshold_multiotsu(image, classes=3)[0])


_METHODS = {
    "otsu": filters.threshold_otsu,
    "otsu3": _otsu3,
    "li": filters.threshold_li,
    "triangle": filters.threshold_triangle,
    "yen": filters.threshold_yen,
    "isodata": filters.threshold_isodata,
}
