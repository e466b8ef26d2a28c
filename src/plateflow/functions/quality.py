"""Functions that measure a whole image: is it in focus, is it saturated, is it empty.

The kinds in the signatures are read when a pipeline is compiled, so this module keeps its annotations evaluated.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from plateflow.functions.kinds import Image, Record


def measure_image_quality(image: Image) -> Record:
    """Measure focus, saturation and grey values of an image, to find wells that are not worth believing.

    Parameters
    ----------
    image : array, (Y, X)
        Any numeric dtype.

    Returns
    -------
    dict of float
        ``ImageQuality_<Feature>_{image}``: ``PowerLogLogSlope`` (of power over frequency; the more negative, the more
        out of focus), ``FocusScore`` (variance over mean: larger in focus), ``PercentMaximal`` and
        ``PercentMinimal`` (percent of pixels that have the largest and the smallest value there is: saturation),
        ``MeanIntensity``, ``MedianIntensity``, ``StdIntensity``, ``MADIntensity``, ``MinIntensity``,
        ``MaxIntensity``, ``TotalIntensity``; in grey values. NaN where an image has one grey value alone.

    References
    ----------
    CellProfiler's MeasureImageQuality: Bray et al. 2012, J Biomol Screen 17:266; the slope after Field 1997, Philos
    Trans R Soc B 352:1141.
    """
    values = image.astype(np.float64)
    mean, median = float(values.mean()), float(np.median(values))
    low, high = float(values.min()), float(values.max())
    features = {
        "PowerLogLogSlope": _power_slope(values),
        "FocusScore": float(values.var()) / mean if mean else float("nan"),
        "PercentMaximal": 100 * float((values == high).mean()),
        "PercentMinimal": 100 * float((values == low).mean()),
        "MeanIntensity": mean,
        "MedianIntensity": median,
        "StdIntensity": float(values.std()),
        "MADIntensity": float(np.median(np.abs(values - median))),
        "MinIntensity": low,
        "MaxIntensity": high,
        "TotalIntensity": float(values.sum()),
    }
    return {f"ImageQuality_{name}_{{image}}": value for name, value in features.items()}


def _power_slope(values: NDArray[Any]) -> float:
    """Fit a line to log power over log frequency, each ring of one frequency counting once."""
    if values.min() == values.max() or min(values.shape) < 16:
        return float("nan")
    power = np.abs(np.fft.fft2(values - values.mean())) ** 2
    rows, columns = (np.fft.fftfreq(length) * min(values.shape) for length in values.shape)
    ring = np.hypot(rows[:, np.newaxis], columns).round().astype(np.intp)
    sums = np.bincount(ring.ravel(), power.ravel())
    counts = np.bincount(ring.ravel())
    frequency = np.arange(1, min(values.shape) // 2)
    means = sums[frequency] / counts[frequency]
    known = means > 0
    return float(np.polyfit(np.log(frequency[known]), np.log(means[known]), 1)[0]) if known.sum() > 1 else float("nan")
