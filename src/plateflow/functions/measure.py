"""Functions that measure objects: one table row per object, in ascending order of object number.

Feature names and definitions are CellProfiler's; grey values are raw, not scaled to 0..1. The kinds in the signatures
are read when a pipeline is compiled, so this module keeps its annotations evaluated.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plateflow.functions.kinds import Image, Images, Labels, Table

Values = NDArray[np.float64]


def measure_intensity(objects: Labels, images: Images) -> Table:
    """Measure how bright each object is in each channel.

    Parameters
    ----------
    objects : array, (Y, X) int32
        The objects; gaps in their numbers are fine.
    images : dict of array, (Y, X)
        The channels to measure, any numeric dtype.

    Returns
    -------
    dict of array, (N,) float64
        ``Intensity_<Feature>_<channel>`` for each channel: ``IntegratedIntensity``, ``MeanIntensity``, ``StdIntensity``
        (divided by the number of pixels, not by one less), ``MinIntensity``, ``MaxIntensity``; in grey values.
    """
    regions = _Regions.of(objects)
    return {
        f"Intensity_{feature}_{channel}": values
        for channel, image in images.items()
        for feature, values in _intensity(regions, image).items()
    }


def ratio(objects: Labels, reference: Labels, image: Image) -> Table:
    """Divide the mean grey value of each object by that of the reference with the same number.

    With nuclei as objects and the rings around them as reference, this says how far a labelled protein has moved
    into the nucleus.

    Parameters
    ----------
    objects, reference : array, (Y, X) int32
        Objects, and what each is compared with.
    image : array, (Y, X)
        Any numeric dtype.

    Returns
    -------
    dict of array, (N,) float64
        ``Math_Ratio_{image}``, where a pipeline puts the image's name; one row per object of `objects`. NaN where the
        object has no reference, or the mean of the reference is 0.
    """
    top, bottom = _Regions.of(objects), _Regions.of(reference)
    below = np.full(len(top.numbers), np.nan)
    _, here, there = np.intersect1d(top.numbers, bottom.numbers, assume_unique=True, return_indices=True)
    below[here] = bottom.mean(bottom.values(image))[there]
    below[below == 0] = np.nan
    return {"Math_Ratio_{image}": top.mean(top.values(image)) / below}


@dataclass(frozen=True, slots=True)
class _Regions:
    """The pixels of objects, one object after the other, so that every measurement is one numpy reduction."""

    numbers: NDArray[np.int32]
    """The N object numbers, ascending."""
    pixels: NDArray[np.intp]
    """Flat indices of all pixels that belong to an object, sorted by object number."""
    starts: NDArray[np.intp]
    """Where each object begins in `pixels`, (N,)."""
    areas: NDArray[np.intp]
    """Number of pixels of each object, (N,); never 0."""

    @classmethod
    def of(cls, objects: Labels) -> "_Regions":
        labels = objects.ravel()
        pixels = np.flatnonzero(labels)
        pixels = pixels[np.argsort(labels[pixels], kind="stable")]
        numbers, starts, areas = np.unique(labels[pixels], return_index=True, return_counts=True)
        return cls(numbers, pixels, starts, areas)

    def values(self, image: NDArray[Any]) -> Values:
        """Return the grey values of `pixels`."""
        return image.ravel()[self.pixels].astype(np.float64)

    def mean(self, values: Values) -> Values:
        return np.add.reduceat(values, self.starts) / self.areas


def _intensity(regions: _Regions, image: NDArray[Any]) -> dict[str, Values]:
    values = regions.values(image)
    mean = regions.mean(values)
    variance = regions.mean((values - np.repeat(mean, regions.areas)) ** 2)
    return {
        "IntegratedIntensity": np.add.reduceat(values, regions.starts),
        "MeanIntensity": mean,
        "StdIntensity": np.sqrt(variance),
        "MinIntensity": np.minimum.reduceat(values, regions.starts),
        "MaxIntensity": np.maximum.reduceat(values, regions.starts),
    }
