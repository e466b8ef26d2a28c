"""Functions that measure how bright objects are: one table row per object, in ascending order of object number.

Feature names and definitions are CellProfiler's; grey values are raw, not scaled to 0..1. The kinds in the signatures
are read when a pipeline is compiled, so this module keeps its annotations evaluated.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import find_boundaries

from plateflow.functions.kinds import Image, Images, Labels, Table
from plateflow.functions.regions import Regions, Values


def measure_intensity(objects: Labels, images: Images, detailed: bool = False) -> Table:
    """Measure how bright each object is in each channel.

    Parameters
    ----------
    objects : array, (Y, X) int32
        The objects; gaps in their numbers are fine.
    images : dict of array, (Y, X)
        The channels to measure, any numeric dtype.
    detailed : bool
        Measure quartiles, edges and the shift of the centre of mass too; takes about four times as long.

    Returns
    -------
    dict of array, (N,) float64
        ``Intensity_<Feature>_<channel>`` for each channel: ``IntegratedIntensity``, ``MeanIntensity``, ``StdIntensity``
        (divided by the number of pixels, not by one less), ``MinIntensity``, ``MaxIntensity``; in grey values. With
        `detailed` also ``LowerQuartileIntensity``, ``MedianIntensity``, ``UpperQuartileIntensity``, ``MADIntensity``
        (median of the distances from the median), ``MassDisplacement`` (pixels from the middle of the object to that
        of its brightness), and of the pixels at its edge ``IntegratedIntensityEdge``, ``MeanIntensityEdge``,
        ``StdIntensityEdge``, ``MinIntensityEdge``, ``MaxIntensityEdge``.

    References
    ----------
    CellProfiler's MeasureObjectIntensity: Carpenter et al. 2006, Genome Biology 7:R100.
    """
    regions = Regions.of(objects)
    edges = Regions.of(np.where(find_boundaries(objects, mode="inner"), objects, 0)) if detailed else None
    table: Table = {}
    for channel, image in images.items():
        features = _intensity(regions, image)
        if edges is not None:
            features |= _details(regions, image)
            features |= {f"{name}Edge": values for name, values in _intensity(edges, image).items()}
        table |= {f"Intensity_{feature}_{channel}": values for feature, values in features.items()}
    return table


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

    References
    ----------
    As in translocation assays, BBBC013 for one: Ljosa et al. 2012, Nature Methods 9:637.
    """
    top, bottom = Regions.of(objects), Regions.of(reference)
    below = np.full(len(top.numbers), np.nan)
    _, here, there = np.intersect1d(top.numbers, bottom.numbers, assume_unique=True, return_indices=True)
    below[here] = bottom.mean(bottom.values(image))[there]
    below[below == 0] = np.nan
    return {"Math_Ratio_{image}": top.mean(top.values(image)) / below}


def _intensity(regions: Regions, image: NDArray[Any]) -> dict[str, Values]:
    values = regions.values(image)
    mean = regions.mean(values)
    variance = regions.mean((values - regions.spread(mean)) ** 2)
    return {
        "IntegratedIntensity": regions.sum(values),
        "MeanIntensity": mean,
        "StdIntensity": np.sqrt(variance),
        "MinIntensity": regions.least(values),
        "MaxIntensity": regions.largest(values),
    }


def _details(regions: Regions, image: NDArray[Any]) -> dict[str, Values]:
    values = regions.values(image)
    lower, median, upper = _quantiles(regions, values, (0.25, 0.5, 0.75))
    (deviation,) = _quantiles(regions, np.abs(values - regions.spread(median)), (0.5,))
    return {
        "LowerQuartileIntensity": lower,
        "MedianIntensity": median,
        "UpperQuartileIntensity": upper,
        "MADIntensity": deviation,
        "MassDisplacement": _mass_displacement(regions, values, image.shape),
    }


def _quantiles(regions: Regions, values: Values, shares: tuple[float, ...]) -> list[Values]:
    """Return quantiles of each object, between two pixels in proportion: CellProfiler's, not numpy's.

    The q-quantile of n sorted values lies at q * n, counted from 0 (numpy's: at q * (n - 1)).
    """
    owners = np.repeat(np.arange(len(regions.areas)), regions.areas)
    ordered = values[np.lexsort((values, owners))]
    found = []
    for share in shares:
        place = regions.areas * share
        below = np.minimum(place.astype(np.intp), regions.areas - 1)
        above = np.minimum(below + 1, regions.areas - 1)
        part = place - np.floor(place)
        found.append(ordered[regions.starts + below] * (1 - part) + ordered[regions.starts + above] * part)
    return found


def _mass_displacement(regions: Regions, values: Values, shape: tuple[int, ...]) -> Values:
    mass = regions.sum(values)
    mass[mass == 0] = np.nan
    squares = np.zeros(len(mass))
    for place in np.unravel_index(regions.pixels, shape):
        at = place.astype(np.float64)
        squares += (regions.mean(at) - regions.sum(at * values) / mass) ** 2
    return np.sqrt(squares)
